"""The planner ``auto``: each picture is diagnosed, and treated as it needs."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.calibration import calibration_of
from dreamclean.builtin.planners.diagnosis.diagnose import diagnose_image
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.review import revised
from dreamclean.builtin.planners.diagnosis.rule import CANNOT_TELL, UNKNOWN
from dreamclean.builtin.planners.diagnosis.tones.toned import Tone, toned, with_darkest
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.contracts.model import Model
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior

_REFUSAL = f"{CANNOT_TELL}; give --strength or an operator, or make a calibration: dreamclean calibrate PRIOR PHOTOS"


class Auto(Planner):
    """Find out what damage a picture has by the prior's own answers, and treat it at the level that matches it."""

    name = "auto"
    detail: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 most faithful (highest PSNR), 1 crispest; by default 1 for noise, else as the prior recommends",
    )
    tone: Tone | None = Field(
        default=None,
        description="Also undo what pictures do not show by themselves: fading (faded), or haze (haze)",
    )

    def refuses(self, known_operator: bool, prior: Prior) -> str:
        if known_operator:
            return "is for blind restoration; leave it out beside an operator, and use --detail, or sampler soft-ddrm with an eta below 1"
        return "" if prior.space == "pixel" else "is for blind restoration in pixel space; give a strength"

    def strongest(self, prior: Prior) -> float | None:
        calibration = calibration_of(prior)
        return max(calibration.ratios) if calibration else None

    def __call__(self, image: Tensor, info: Mapping[str, Any], prior: Prior, model: Model) -> Plan:
        found = diagnose_image(image, info, prior, model)
        found = toned(image, found, self.tone) if self.tone else with_darkest(image, found)
        refusal = _REFUSAL if found.family == UNKNOWN else ""
        return Plan(treatment(found, model.schedule, self.detail), found, refusal)

    def review(self, image: Tensor, plan: Plan, result: Tensor, model: Model) -> Plan | None:
        found = revised(image, plan.report, result) if isinstance(plan.report, Diagnosis) else None
        if found is None:
            return None
        return Plan(treatment(found, model.schedule, self.detail), found)

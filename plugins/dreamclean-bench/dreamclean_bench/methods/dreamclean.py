"""DreamClean itself, run by the kernel (Xiao et al., ICLR 2024)."""

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from dreamclean import VPS, Corrector, GradientAscent, Langevin, NoCorrector, Operator, Restorer
from dreamclean.builtin.planners.diagnosis.tones.toned import Tone
from dreamclean.cli.planners import with_shortcuts
from dreamclean.recipe.recipe import field_of
from dreamclean_bench.method import Method, Problem
from dreamclean_bench.methods.ladder import Strength

_CORRECTORS: dict[str, type[Corrector]] = {cls.name: cls for cls in (NoCorrector, Langevin, VPS, GradientAscent)}


class _DreamClean(Method):
    """The settings of both modes. A setting that is None comes from the preset."""

    paper: ClassVar[str] = "DreamClean: Restore Clean Image Using Deep Diffusion Prior (ICLR 2024)"
    preset: Literal["recommended", "paper"] = Field(
        default="recommended", description="The prior's own recipe or each image's by diagnosis, or the paper's"
    )
    corrector: Literal["recommended", "none", "langevin", "vps", "gradient-ascent"] = Field(
        default="recommended", description="Move within each noise level; recommended: the preset's"
    )
    gamma: float | None = Field(default=None, gt=0, le=1, description="Step size of the corrector; none: the preset's")
    repeats: int | None = Field(default=None, ge=1, description="Repetitions M of the corrector; none: the preset's")
    fused: bool | None = Field(
        default=None, description="VPS: pass the corrected noise to the sampler; none: the preset's"
    )
    initializer: str | None = field_of("initializer")
    sampler: str | None = field_of("sampler")
    strength: Strength | Literal["auto"] = Field(
        default=None, description="Top noise level: a timestep, nsr:R for sigma / alpha = R; auto: by diagnosis"
    )
    detail: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 the most faithful (highest PSNR), 1 the crispest; none: 1 for noise, else the preset's",
    )
    tone: Tone | None = Field(default=None, description="Blind: what is said to have changed the tones besides")
    samples: int = field_of("samples")
    steps: int | None = field_of("steps")

    def restorer(self, problem: Problem, operator: Operator | None) -> Restorer:
        """The kernel's restorer with these settings, on the problem's prior and device."""
        given: dict[str, Any] = {
            "prior": problem.prior,
            "model": problem.model,
            "operator": operator,
            "initializer": self.initializer,
            "sampler": self.sampler,
            "planner": "auto" if self.strength == "auto" else None,
            "detail": self.detail,
            "tone": self.tone,
            "samples": self.samples,
            "strength": None if self.strength == "auto" else self.strength,
            "steps": self.steps,
            "preset": "paper" if self.preset == "paper" else None,
            "device": str(problem.shown.device),
        }
        given = with_shortcuts(given)
        recommended = Restorer(**given)
        silent = self.corrector == "recommended" and self.gamma is self.repeats is self.fused is None
        if silent and recommended.corrector is None:  # each image's own, by its diagnosis
            return recommended
        return Restorer(**{**given, "corrector": self._corrector(recommended.corrector or VPS(fused=True))})

    def _corrector(self, recommended: Corrector) -> Corrector:
        """The chosen corrector; gamma and M that are not set come from the recommended one."""
        cls = type(recommended) if self.corrector == "recommended" else _CORRECTORS[self.corrector]
        inherited = {k: v for k, v in recommended.model_dump().items() if k in cls.model_fields}
        said = {"gamma": self.gamma, "repeats": self.repeats, "fused": self.fused}
        said = {key: value for key, value in said.items() if value is not None}
        return cls(**{**inherited, **said})

    def _run(self, problem: Problem, operator: Operator | None, y: Tensor) -> Tensor:
        result = self.restorer(problem, operator)(y, seed=problem.seeds)
        problem.estimate.nfe += result.nfe
        problem.estimate.seconds += result.prior_seconds
        image: Tensor = result.image
        return image


class DreamCleanBlind(_DreamClean):
    """DreamClean without knowledge of the degradation: inversion, VPS and DDIM (Algorithms A1 to A3)."""

    name = "dreamclean"
    blind: ClassVar[bool] = True

    def restore(self, problem: Problem) -> Tensor:
        return self._run(problem, None, problem.shown)


class DreamCleanKnown(_DreamClean):
    """DreamClean with the operator: every estimate is brought into agreement with y (section 3.5)."""

    name = "dreamclean-known"

    def restore(self, problem: Problem) -> Tensor:
        return self._run(problem, problem.operator, problem.y)

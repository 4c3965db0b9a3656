"""A plugin for the tests: a prior that costs nothing, and a planner that says so. Laid out as pip would install it."""

from pathlib import Path

CODE = '''
import time
from pydantic import Field
from dreamclean import DDPMSchedule, Model, Plan, Planner, Prior, hookimpl


class Tiny(Prior):
    """Every pixel is drawn from N(1/2, 1/16): the exact posterior mean, for any size of picture."""

    name = "tiny"
    delay: float = Field(default=0.0, ge=0, description="Seconds that an evaluation takes")

    def load(self, device, dtype) -> Model:
        def predict(x, level):
            time.sleep(self.delay)
            return level.sigma * x / (level.alpha**2 * 0.25 + level.sigma**2)

        return Model(DDPMSchedule.linear(), predict)


class Report:
    """What it found."""

    def words(self):
        return "grey noise, for the tests"

    summary = words

    def spec(self):
        return {"family": "grey noise"}


class Told(Planner):
    """Says the same of every picture."""

    name = "told"

    def __call__(self, image, info, prior, model) -> Plan:
        return Plan({"strength": "nsr:0.3", "steps": 4}, Report())


@hookimpl
def register_priors(register):
    register(Tiny)


@hookimpl
def register_planners(register):
    register(Told)


@hookimpl
def defaults():
    return {"prior": "tiny", "planner": "told"}
'''

LATER = '''
from pydantic import Field
from dreamclean import VPS, hookimpl


class Later(VPS):
    """A corrector that came while the page was served."""

    name = "later"
    push: float = Field(default=0.5, ge=0, le=1, description="How much it pushes")


@hookimpl
def register_correctors(register):
    register(Later)
'''


def install(folder: Path, package: str, module: str, code: str) -> None:
    """Put a plugin's module and its metadata into ``folder``, from which Python imports."""
    (folder / f"{module}.py").write_text(code)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[dreamclean]\n{module} = {module}\n")

"""An outside package's planner: every picture was a JPEG of quality 30."""

import torch

from dreamclean import JPEG, Mixture, Plan, Planner, Restorer
from dreamclean.host.host import Host


class Old:
    """What it found."""

    def words(self):
        return "an old JPEG, quality 30"

    summary = words

    def spec(self):
        return {"operator": {"name": "jpeg", "quality": [30]}}


class AlwaysJPEG(Planner):
    """Every picture is a JPEG of quality 30."""

    name = "always-jpeg"

    def __call__(self, image, info, prior, model):
        return Plan({"operator": {"name": "jpeg", "quality": [30]}, "strength": 100, "steps": 4}, Old())


def test_planner_names_the_operator_that_is_used():
    clean = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    prior = Mixture.around(clean, std=0.05)
    y = JPEG(quality=30).degrade(clean)
    settings = {"plugins": Host([]), "device": "cpu", "dtype": "float32"}
    result = Restorer(prior, planner=AlwaysJPEG(), **settings)(y, seed=3)
    told = Restorer(prior, operator="jpeg:quality=30", strength=100, steps=4, **settings)
    known = told(y, seed=3)
    assert (result.recipe.operator or {})["name"] == "jpeg"
    assert result.nfe == known.nfe
    assert [report.summary() for report in result.reports] == ["an old JPEG, quality 30"]
    assert (result.image - known.image).abs().max() < 0.01  # but for the rounding to 8 bits, which it is told of


def test_planner_does_not_overrule_the_user():
    clean = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    prior = Mixture.around(clean, std=0.05)
    restorer = Restorer(prior, planner=AlwaysJPEG(), steps=2, corrector="none", plugins=Host([]))
    assert restorer(clean).nfe == 2
    assert restorer.plan(clean).report.words() == "an old JPEG, quality 30"

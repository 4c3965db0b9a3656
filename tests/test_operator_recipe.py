"""What an operator recommends: noise alone is a start, not a measurement to agree with again and again."""

from typing import Any

import pytest
import torch
from torch import Tensor

from dreamclean import DDPMSchedule, Grain, Identity, Level, LinearOperator, LocalLevel, Mixture, Operator, Restorer

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
NAMES = ("guidance", "initializer", "corrector", "sampler", "strength", "steps")


class Recommending(Mixture):
    """A mixture with a recipe of its own."""

    name = "recommending"

    def recipe_for(self, operator: Operator | None) -> dict[str, Any]:
        return {"corrector": "none", "steps": 7, "strength": 200}


def image(side: int = 16) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def prior() -> Mixture:
    return Recommending.around(image(), std=0.1)


def sources(restorer: Restorer) -> dict[str, str]:
    return {name: source for name, (_, source) in restorer.explain(image()).settings.items()}


class Halved(LinearOperator):
    """Half as bright, with a recipe of its own."""

    def degrade(self, x: Tensor) -> Tensor:
        return x / 2

    def recipe_for(self, schedule: Any, pixel_scale: float) -> dict[str, Any]:
        return {"steps": 3, "sampler": "dpm-solver"}


@pytest.mark.parametrize("operator", [Identity(noise=0.1), Grain(std=0.1, blur=1.0), Identity(poisson=0.5)])
def test_operator_recipe_goes_over_the_priors(operator: Identity) -> None:
    restorer = Restorer(prior(), operator=operator, **CPU)
    said = sources(restorer)
    assert {said[name] for name in NAMES} == {f"operator {operator.name}"}
    assert restorer.guidance is not None and restorer.guidance.name == "none"


def test_operator_recipe_may_name_a_few_fields() -> None:
    said = sources(Restorer(prior(), operator=Halved(), **CPU))
    assert (said["steps"], said["sampler"]) == ("operator Halved", "operator Halved")
    assert (said["corrector"], said["guidance"]) == ("prior recommending", "paper")


@pytest.mark.parametrize(
    "said",
    [{"guidance": "projection"}, {"initializer": "forward-noising"}, {"strength": 200}, {"preset": "paper"}],
    ids=lambda said: next(iter(said)),
)
def test_operator_recipe_does_not_count_beside_another_start_or_guidance(said: dict[str, Any]) -> None:
    restorer = Restorer(Mixture.around(image(), std=0.1), operator=Identity(noise=0.1), **said, **CPU)
    assert not any(source.startswith("operator") for source in sources(restorer).values())
    assert restorer.guidance is not None and restorer.guidance.name == "projection"


def test_operator_recipe_leaves_steps_to_the_user() -> None:
    said = sources(Restorer(prior(), operator=Identity(noise=0.1), steps=4, **CPU))
    assert (said["steps"], said["initializer"]) == ("you", "operator identity")


def test_operator_recipe_is_for_pixel_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recommending, "space", "latent", raising=False)
    assert sources(Restorer(prior(), operator=Identity(noise=0.1), **CPU))["initializer"] == "paper"


def test_identity_without_noise_recommends_nothing() -> None:
    assert Identity().recipe_for(DDPMSchedule.linear(), 0.5) == {}


@pytest.mark.parametrize("operator", [Identity(noise=0.1), Identity(poisson=0.3), Grain(std=0.1, blur=0.7)])
def test_noise_alone_is_restored_better_by_its_start_than_by_projection(operator: Identity) -> None:
    clean = 0.3 + 0.4 * torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    noisy = operator.measure(clean, torch.Generator().manual_seed(2))
    known = Mixture.around(0.5 + 0 * clean, std=0.4 / 12**0.5)
    error = {
        name: float((Restorer(known, operator=operator, guidance=name, **CPU)(noisy).image - clean).square().mean())
        for name in (None, "projection")
    }
    assert error[None] < error["projection"]


def test_local_level_of_photon_noise_follows_the_brightness() -> None:
    start = torch.full((1, 3, 8, 8), -0.6)
    start[..., 4:] = 0.9  # 0.2 and 0.95 of white
    latent = LocalLevel(poisson=0.5, noise=0.02)(start, [Level(0, 1, 0), Level(5, 0.9, 0.45)], None, torch.zeros_like)  # type: ignore[arg-type]
    damage: Any = latent.entry.damage  # type: ignore[union-attr]
    assert float(damage[..., 0].mean()) == pytest.approx(2 * (0.02**2 + 0.2 / 127.5) ** 0.5, rel=1e-4)
    assert float(damage[..., -1].mean()) == pytest.approx(2 * (0.02**2 + 0.95 / 127.5) ** 0.5, rel=1e-4)

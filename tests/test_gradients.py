"""Nothing depends on whether the caller has switched gradients off, in whatever way."""

import pytest
import torch

from dreamclean import Colorize, FourierMagnitude, Inpaint, Mixture, Operator, Restorer

OPERATORS: list[Operator] = [Colorize(noise=0.02), Inpaint(share=0.5, noise=0.02), FourierMagnitude(noise=0.02)]


def restored(operator: Operator, guidance: str) -> torch.Tensor:
    """With everything made anew, the operator's own tensors too."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 16, 16, generator=generator)
    y = operator.measure(x, generator)
    prior = Mixture.around(x.clone(), std=0.1)
    return Restorer(prior, operator=operator, guidance=guidance, steps=3, strength="nsr:1", device="cpu")(y).image


@pytest.mark.parametrize("guidance", ["dps", "pigdm", "projection"])
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_restorer_is_the_same_in_inference_mode(operator: Operator, guidance: str) -> None:
    operator = operator.model_copy(update={"noise": 0.03})  # of which nothing is kept yet
    with torch.inference_mode():
        inside = restored(operator, guidance)
    with torch.enable_grad():
        assert torch.equal(restored(operator, guidance), inside)
    assert not inside.is_inference()


def test_network_that_was_loaded_in_inference_mode_has_gradients(unet: str) -> None:
    with torch.inference_mode():
        y = torch.rand(1, 1, 16, 16)
        made = Restorer(unet, operator=Colorize(noise=0.1), guidance="dps", steps=2, strength=300, device="cpu")(y)
    assert made.image.isfinite().all()

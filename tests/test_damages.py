"""The wide family of damage: as said, the same by seed, from hardly visible to severe, with the true operator."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import Host
from dreamclean.builtin.planners.diagnosis.damages.draw import KEPT_OUT, draw
from dreamclean.builtin.planners.diagnosis.damages.kind import Kind
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS

HARMED = [kind for kind in KINDS.values() if kind.group != "clean"]


def scene(height: int = 72, width: int = 96, seed: int = 0) -> Tensor:
    """Smooth colours with texture in one half, (1, 3, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.rand(1, 3, 4, 5, generator=generator), (height, width), mode="bicubic")
    fine = F.interpolate(
        torch.randn(1, 3, height // 2, width // 2, generator=generator), (height, width), mode="bicubic"
    )
    fine[..., : width // 2] = 0
    return (0.1 + 0.8 * smooth + 0.05 * fine).clamp(0.02, 0.98).mul(255).round() / 255


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_damage_is_the_same_by_seed_in_eight_bits_and_of_one_size(kind: Kind) -> None:
    x = scene()
    one, again = kind(x, 3), kind(x, 3)
    assert torch.equal(one.shown, again.shown)
    assert one.shown.shape == one.clean.shape == (1, 3, *one.clean.shape[-2:])
    assert 0 <= one.shown.min() <= one.shown.max() <= 1
    torch.testing.assert_close((one.shown * 255).round() / 255, one.shown)
    assert (kind.group == "clean") == torch.equal(one.shown, one.clean)
    assert torch.equal(x, scene()), "the picture that was given is as it was"


@pytest.mark.parametrize("kind", HARMED, ids=lambda kind: kind.name)
def test_damage_strength_goes_from_little_to_much(kind: Kind) -> None:
    x = scene(144, 144)
    if not kind.weakest:
        return
    weak, strong = (kind(x, 5, strength) for strength in (0.0, 1.0))
    assert psnr(strong.shown, strong.clean) < psnr(weak.shown, weak.clean) - 2


@pytest.mark.parametrize("kind", HARMED, ids=lambda kind: kind.name)
def test_damage_has_an_operator_that_explains_the_measurement(kind: Kind) -> None:
    """What the operator does not explain is the noise that it says; of a chain, the noise that it makes."""
    made = kind(scene(144, 144), 4)
    if not made.operator:
        return
    operator = Host().make("operator", made.operator)
    y = made.shown if made.measurement is None else made.measurement
    off = operator.from_picture(y) - operator.degrade(made.clean)
    if "|" in made.operator:
        alike = operator.measure(made.clean, torch.Generator().manual_seed(1)) - operator.degrade(made.clean)
        assert float(off.std()) == pytest.approx(float(alike.std()), rel=0.1, abs=0.0012)
        return
    said = torch.as_tensor(operator.noise_variance(y)).mean().sqrt()
    inside = off[(y > 0.02) & (y < 0.98)] if made.lost is None else off[(~made.lost).expand(off.shape)]
    assert float(inside.std()) == pytest.approx(float(said), rel=0.15, abs=0.0012)


def test_damage_of_lost_pixels_marks_all_that_is_gone() -> None:
    x = scene()
    made = KINDS["salt-and-pepper"].make(x, 1, share=0.1)
    assert made.lost is not None
    assert float(made.lost.float().mean()) == pytest.approx(0.1, abs=0.02)
    assert torch.equal(made.shown[(~made.lost).expand(x.shape)], x[(~made.lost).expand(x.shape)])


def test_grain_is_grey_and_correlated() -> None:
    made = KINDS["grain"].make(scene(128, 128), 2, std=20.0, blur=1.0)
    middle = (made.shown - made.clean)[..., 8:-8, 8:-8]
    assert float(middle.std()) * 255 == pytest.approx(20, rel=0.15)
    assert float((middle[:, 0] - middle[:, 1]).std()) < 0.3 * float(middle.std())
    assert float((middle[..., 1:] * middle[..., :-1]).mean() / middle.square().mean()) > 0.6


def test_draw_has_every_kind_and_mixtures_and_leaves_out_what_it_is_told() -> None:
    x, seen, mixed = scene(48, 48), Counter[str](), 0
    for seed in range(300):
        kinds = draw(x, seed, KEPT_OUT).kinds
        seen.update(kinds)
        mixed += len(kinds) == 2
    assert set(seen) == set(KINDS) - set(KEPT_OUT)
    assert 20 < mixed < 70
    assert 45 < sum(seen[kind.name] for kind in KINDS.values() if kind.group == "clean") < 110
    assert torch.equal(draw(x, 7).damaged.shown, draw(x, 7).damaged.shown)


def test_mixture_is_of_the_clean_picture() -> None:
    x = scene(48, 48)
    two = next(
        made for seed in range(200) if len((made := draw(x, seed)).kinds) == 2 and made.damaged.clean.shape == x.shape
    )
    assert two.damaged.operator == ""
    assert psnr(two.damaged.clean, x) > 10
    assert not torch.equal(two.damaged.clean, two.damaged.shown)

"""Numbers as people write them: fractions, and noise that is not on the [0, 1] scale."""

import pytest

from dreamclean import Downsample, DreamCleanError, FourierMagnitude, Restorer
from dreamclean.host.host import host
from dreamclean.recipe.noise import with_noise

WRONG = r"noise is on the \[0, 1\] scale; did you mean 25/255\?"


@pytest.mark.parametrize("noise", ["25/255", "gaussian:25/255", 25 / 255])
def test_noise_may_be_a_fraction(noise: float | str) -> None:
    assert with_noise(Downsample(), noise).noise == 25 / 255


def test_poisson_rate_may_be_a_fraction_and_above_one() -> None:
    assert with_noise(Downsample(), "poisson:1/4").poisson == 0.25
    assert with_noise(Downsample(), "poisson:25").poisson == 25


def test_float_setting_may_be_a_fraction() -> None:
    assert host().make("operator", "downsample:noise=25/255").noise == 25 / 255
    assert host().make("corrector", {"name": "vps", "gamma": "1/8"}).gamma == 0.125
    assert host().make("operator", "blur:shape=gaussian,std=1/2").std == (1, 2)  # several numbers, as before
    for wrong in ("1/0", "a/b", "1/"):
        with pytest.raises(DreamCleanError, match="corrector vps: gamma: "):
            host().make("corrector", f"vps:gamma={wrong}")


@pytest.mark.parametrize("noise", [25, "25", "gaussian:25"])
def test_noise_of_255_levels_is_refused(noise: float | str, unet: str) -> None:
    with pytest.raises(DreamCleanError, match=f"^{WRONG}$"):
        with_noise(Downsample(), noise)
    with pytest.raises(DreamCleanError, match=WRONG):
        Restorer(unet, operator="identity", noise=noise)
    with pytest.raises(DreamCleanError, match=WRONG):
        host().make("operator", "identity:noise=25")


def test_noise_of_spectra_has_their_own_scale() -> None:
    assert with_noise(FourierMagnitude(), 25).noise == 25
    assert FourierMagnitude(noise=25).noise == 25


def test_noise_may_be_a_fraction_on_the_command_line(cli, pictures) -> None:
    status, out, err = cli("degrade", "a.png", "--noise", "25")
    assert (status, out, err) == (2, "", "error: noise is on the [0, 1] scale; did you mean 25/255?\n")
    assert cli("degrade", "a.png", "-o", "x.png", "--noise", "25/255").status == 0
    assert cli("degrade", "a.png", "-o", "y.png", "--noise", str(25 / 255)).status == 0
    assert (pictures / "x.png").read_bytes() == (pictures / "y.png").read_bytes()

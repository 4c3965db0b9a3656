"""``dreamclean calibrate``: from pictures to a calibration that the prior finds, and that says what is so."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import JPEG, Mixture, Picture, Restorer
from dreamclean.builtin.planners.diagnosis import sample_file
from dreamclean.builtin.planners.diagnosis.calibrate import FEWEST, _weights_of
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration
from dreamclean.builtin.planners.diagnosis.damage import damaged
from dreamclean.builtin.planners.diagnosis.fit import Sample, best_level, fit
from dreamclean.builtin.planners.diagnosis.samples import CYCLE, Sampler
from dreamclean.cli.calibrate import treat_with

Cli = Callable[..., tuple[int, str, str]]
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
PRIOR = "mixture:path=known"


def image(number: int, side: int = 44) -> Tensor:
    """Coloured squares (1, 3, side, side) in [0.2, 0.8]: room for noise, and edges for a JPEG to spoil."""
    coarse = torch.rand(1, 3, side // 4, side // 4, generator=torch.Generator().manual_seed(number))
    return 0.2 + 0.6 * F.interpolate(coarse, side)


def saved(pixels: Tensor, path: str) -> None:
    Picture(pixels).with_pixels(pixels).save(path)


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder ``known`` of three pictures, which are the photographs and all that the prior knows."""
    monkeypatch.chdir(tmp_path)
    Path("known").mkdir()
    for number in range(3):
        saved(image(number), f"known/{number}.png")


CALIBRATE = ("calibrate", PRIOR, "known", "--side", 44)


def test_calibrate_tells_what_could_not_be_told_before(cli: Cli) -> None:
    noisy = image(0) + 20 / 255 * torch.randn(1, 3, 44, 44, generator=torch.Generator().manual_seed(9))
    cases = {"clean": image(0), "white noise": noisy, "JPEG": JPEG(quality=(12,)).degrade(image(0))}
    for name, pixels in cases.items():
        saved(pixels, f"{name}.png")
    assert "no calibration" in cli("diagnose", "clean.png", "--prior", PRIOR)[1]
    status, out, err = cli(*CALIBRATE, "--samples", 92)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("known/calibration.json: from 92 samples, levels by ")
    assert "of the last 23, not fitted, " in out and "named right" in out
    for name in cases:
        assert cli("diagnose", f"{name}.png", "--prior", PRIOR)[1].startswith(f"{name}.png: {name}")
    assert Restorer(PRIOR, **CPU).plan("white noise.png").report.noise == pytest.approx(20 / 255, rel=0.15)
    assert sorted(path.name for path in Path("known").iterdir()) == ["0.png", "1.png", "2.png", "calibration.json"]
    for word in ("clean", "JPEG"):  # a clean picture comes back as it was, a compressed one is treated
        assert cli("restore", f"{word}.png", "--prior", PRIOR)[0] == 0
    assert Picture.open("clean-restored.png").pixels.equal(Picture.open("clean.png").pixels)
    assert not Picture.open("JPEG-restored.png").pixels.equal(Picture.open("JPEG.png").pixels)


def test_calibration_of_a_network_in_a_folder_is_found(cli: Cli, unet: str, tmp_path: Path) -> None:
    """The same network is asked first without, then with; it looks in its own folder."""
    import shutil

    folder = Path(shutil.copytree(unet.removeprefix("diffusers:path="), tmp_path / "model"))
    prior = f"diffusers:path={folder}"
    assert Restorer(prior, **CPU).plan("known/0.png").report.sure is None
    status, out, err = cli("calibrate", prior, "known", "--samples", FEWEST, "--device", "cpu")
    assert (status, err) == (0, "")
    assert out.startswith(f"{folder}/calibration.json: from {FEWEST} samples") and "too few to check" in out
    found = Restorer(prior, **CPU).plan("known/0.png").report
    assert found.sure is not None and set(found.probabilities) == set(FAMILIES)


def test_calibrate_goes_on_where_it_was_stopped(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli(*CALIBRATE, "--samples", 50, "-o", "whole.json")[0] == 0
    made, sample = [], Sampler.sample

    def until_stopped(self: Sampler, number: int) -> Sample:
        if number == 15 and not made.count(15):
            made.append(15)
            raise KeyboardInterrupt
        made.append(number)
        return sample(self, number)

    monkeypatch.setattr(Sampler, "sample", until_stopped)
    status, out, err = cli(*CALIBRATE, "--samples", 50, "-o", "parts.json")
    assert (status, out, err) == (130, "", "stopped; run the same command again to continue\n")
    assert Path("parts.json.samples").exists() and not Path("parts.json").exists()
    assert cli(*CALIBRATE, "--samples", 50, "-o", "parts.json")[0] == 0
    assert made == [*range(15), 15, *range(15, 50)]
    assert Path("parts.json").read_text() == Path("whole.json").read_text()
    assert not Path("parts.json.samples").exists()


def test_calibrate_does_not_mix_in_samples_of_other_photographs(cli: Cli) -> None:
    made_of = {"prior": "another"}
    sample_file.write(Path("c.json.samples"), made_of, [Sample("clean", 0.0, torch.zeros(6, 16), [])])
    assert sample_file.read(Path("c.json.samples"), made_of)[0].family == "clean"
    status, _, err = cli(*CALIBRATE, "-o", "c.json")
    assert status == 2 and "c.json.samples holds samples of another prior" in err
    Path("c.json.samples").write_bytes(b"no samples")
    status, _, err = cli(*CALIBRATE, "-o", "c.json")
    assert status == 2 and "c.json.samples holds no samples" in err and err.count("\n") == 1


def test_calibrate_ends_after_minutes(cli: Cli) -> None:
    status, out, err = cli(*CALIBRATE, "--minutes", 0)
    assert (status, out) == (2, "")
    assert f"only 0 samples in 0 minutes, and {FEWEST} are needed" in err
    assert not Path("known/calibration.json").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("calibrate mixture:path=known nowhere", "there is no folder nowhere"),
        ("calibrate mixture:path=known empty", "there is no picture in empty"),
        ("calibrate mixture:path=known known --side 64", "none of the 3 pictures can be read and is 64 x 64 or larger"),
        ("calibrate mixture:path=known known -o nowhere/c.json", "nowhere/c.json cannot be written"),
        ("calibrate mixture:path=known known -o there.json", "there.json is there already"),
        ("calibrate mixture known", "no folder to keep a calibration in"),
        ("calibrate nothing known", "there is no prior 'nothing'"),
        ("calibrate mixture:path=known known --samples 3", "Invalid value for '--samples'"),
    ],
)
def test_calibrate_refuses_bad_input_in_one_line(command: str, message: str, cli: Cli) -> None:
    Path("empty").mkdir()
    Path("there.json").write_text("{}")
    status, out, err = cli(*command.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and message in err
    assert not list(Path().rglob("*.samples")) and not Path("known/calibration.json").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not JSON", '{"ratios": []}'])
def test_calibration_that_is_broken_is_one_line(text: str, cli: Cli) -> None:
    Path("known/calibration.json").write_text(text)
    status, out, err = cli("restore", "known/0.png", "--prior", PRIOR)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "known/calibration.json holds no calibration; delete it, or make it again" in err


def test_calibration_refuses_rules_of_other_sizes(exact: Calibration) -> None:
    for name in ("mean", "spread", "family", "noise", "level"):
        fields = exact.model_dump()
        fields[name] = fields[name][:-1]
        with pytest.raises(ValueError, match="of another size than 6 levels need"):
            Calibration(**fields)
    with pytest.raises(ValueError, match="must be positive"):
        Calibration(**{**exact.model_dump(), "spread": [0.0] * 96})


# ------------------------------------------------------------------------------------------------ the parts


def test_fit_finds_rules_that_are_there() -> None:
    """Features that say the family, the noise and the best level aloud."""
    generator, samples = torch.Generator().manual_seed(0), []
    for number in range(240):
        family = FAMILIES[number % 7]
        features = torch.randn(6, 16, generator=generator)
        features[0] += 3 * torch.eye(16)[FAMILIES.index(family)]
        std = float((0.3 * features[2, 3] - 3).exp()) if family == "white noise" else 0.0
        peak = float(2.5 + 0.5 * features[3, 4])
        worth = [-((k - peak) ** 2) for k in range(6)] if family == "blocking" else []
        samples.append(Sample(family, std, features, worth or [0.0, 0.0, 1.0, 0.0, 0.0, 0.0] * (family == "mixed")))
    samples = [s._replace(worth=[0.0, 1.0, 0.0]) if s.family == "correlated noise" else s for s in samples]
    rules = fit(samples, [0.02 * 2**k for k in range(6)])
    named = [max(p, key=p.__getitem__) for p in (rules.probabilities(s.features) for s in samples)]
    assert sum(name == s.family for name, s in zip(named, samples, strict=True)) > 0.95 * len(samples)
    white = [s for s in samples if s.std]
    assert all(rules.noise_std(s.features) == pytest.approx(s.std, rel=0.25) for s in white)
    low, high = (torch.zeros(6, 16) for _ in range(2))
    low[3, 4], high[3, 4] = -2, 2
    assert rules.best_ratio(high, "blocking") > 1.5 * rules.best_ratio(low, "blocking")


def test_best_level_lies_between_those_that_were_tried() -> None:
    ratios = [0.02 * 2**k for k in range(6)]
    for peak in (1.0, 2.3, 3.7):
        worth = [-((k - peak) ** 2) for k in range(6)]
        assert best_level(worth, ratios) == pytest.approx(float(torch.tensor(0.02 * 2**peak).log()), abs=1e-5)
    assert best_level([0, 1], ratios[:2]) == pytest.approx(float(torch.tensor(0.04).log()))


def test_damaged_is_told_by_its_seed() -> None:
    for number, family in enumerate(FAMILIES):
        first, again, other = (
            damaged(image(0), family, Random(seed), torch.Generator().manual_seed(seed))
            for seed in (number, number, number + 50)
        )
        assert torch.equal(first[0], again[0]) and first[1] == again[1]
        assert first[0].shape == (1, 3, 44, 44) and first[0].min() >= 0 and first[0].max() <= 1
        if family != "clean":
            assert not torch.equal(first[0], other[0])


def test_cycle_has_every_family() -> None:
    assert {family for family, _ in CYCLE} == set(FAMILIES)
    prior = Mixture.around(torch.cat([image(k) for k in range(3)]))
    restorer = Restorer(prior, planner="auto", **CPU)
    sampler = Sampler(prior, restorer.model, treat_with(restorer), sorted(Path("known").glob("*.png")), 44)
    samples = [sampler.sample(number) for number in range(len(CYCLE))]
    assert [sample.family for sample in samples] == [family for family, _ in CYCLE]
    assert [len(sample.worth) for sample in samples] == [6 * learnt for _, learnt in CYCLE]
    assert all(sample.features.isfinite().all() for sample in samples)


def test_samples_are_of_the_weights_that_made_them(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(5_000_000))

    class Kept(Mixture):
        @property
        def source(self) -> Path:
            return tmp_path

    before = _weights_of(Kept())
    (tmp_path / "calibration.json.samples").write_text("{}")
    assert before == _weights_of(Kept()) != ""
    (tmp_path / "model.safetensors").write_bytes(bytes(4_999_999) + b"1")
    assert before != _weights_of(Kept()) and _weights_of(Mixture()) == ""

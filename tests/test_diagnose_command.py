"""``dreamclean diagnose`` and what ``restore`` says of a diagnosis: on the command line, and as values."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from dreamclean import DreamCleanError, Picture, Restorer
from dreamclean.builtin.planners.diagnosis.calibration import Calibration
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis, left_alone
from dreamclean.cli.planners import with_shortcuts
from dreamclean.cli.restored import said
from dreamclean.host.host import host
from dreamclean.pictures.picture import embedded_recipe

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prior that knows two pictures; a folder ``in`` with one of them, and with the other under noise of 25."""
    monkeypatch.chdir(tmp_path)
    for name in ("in", "known"):
        Path(name).mkdir()
    generator = torch.Generator().manual_seed(0)
    for name in ("clean", "noisy"):
        small = (255 * torch.rand(4, 4, 3, generator=generator)).byte().numpy()
        photo = Image.fromarray(small).resize((40, 40), Image.Resampling.BICUBIC)
        photo.save(f"known/{name}.png")
        pixels = Picture.from_pil(photo).pixels.mul(0.84).add(0.08)  # room for the noise, and black
        Picture(pixels).with_pixels(pixels).save(f"known/{name}.png")
        noise = 25 / 255 * torch.randn(pixels.shape, generator=generator) * (name == "noisy")
        Picture(pixels).with_pixels(pixels + noise).save(f"in/{name}.png")
    return "mixture:path=known,std=0.01"


CANNOT_TELL = "this prior has no calibration: cannot tell compressed or blurred from clean"
CLEAN_SAID = f"in/clean.png: unknown; {CANNOT_TELL}\n"


def test_diagnose_a_picture(cli: Cli, prior: str) -> None:
    assert cli("diagnose", "in/clean.png", "--prior", prior) == (0, CLEAN_SAID, "")
    status, out, err = cli("diagnose", "in/noisy.png", "--prior", prior)
    assert (status, err, out.count("\n")) == (0, "", 1)
    before, _, after = out.partition(" of 255; start at nsr:")
    assert before.startswith("in/noisy.png: white noise, standard deviation ")
    assert float(before.rpartition(" ")[2]) == pytest.approx(25, rel=0.15)
    assert float(after) == pytest.approx(2 * 25 / 255, rel=0.15)


def test_diagnose_a_folder(cli: Cli, prior: str) -> None:
    Path("in/notes.txt").write_text("no picture")
    status, out, _ = cli("diagnose", "in", "--prior", prior)
    assert (status, out.count("\n")) == (0, 2)
    assert out.startswith(CLEAN_SAID + "in/noisy.png: white noise")
    status, out, err = cli("diagnose", "in", "--prior", prior, "--json")
    assert (status, err) == (0, "")
    clean, noisy = map(json.loads, out.splitlines())
    assert set(clean) == {"input", "status", *Diagnosis.__dataclass_fields__}
    assert (clean["input"], clean["family"], clean["ratio"], clean["nfe"]) == ("in/clean.png", "unknown", None, 6)
    assert (noisy["family"], len(noisy["ratios"]), len(noisy["rms"])) == ("white noise", 6, 6)


def test_diagnose_goes_on_after_a_bad_file_of_a_folder(cli: Cli, prior: str) -> None:
    Path("in/broken.png").write_bytes(b"no picture")
    status, out, err = cli("diagnose", "in", "--prior", prior)
    assert status == 2
    assert [line.split(":")[0] for line in out.splitlines()] == ["in/clean.png", "in/noisy.png"]
    assert len(err.splitlines()) == 1 and "in/broken.png" in err
    lines = [json.loads(line) for line in cli("diagnose", "in", "--prior", prior, "--json")[1].splitlines()]
    assert [line["status"] for line in lines] == ["failed", "done", "done"]
    assert lines[0]["input"] == "in/broken.png" and "cannot be read as a picture" in lines[0]["error"]


def test_diagnosis_words() -> None:
    sure = Diagnosis("white noise", 0.987, noise=0.1, ratio=0.2, nfe=6)
    assert sure.words() == "white noise (99% sure), standard deviation 25.5 of 255; start at nsr:0.2"
    assert replace(sure, loudest=0.3).words().endswith("255, uneven; start at nsr:0.2, its loudest parts at nsr:0.3")
    assert (
        Diagnosis("low resolution", nfe=6).words() == "low resolution or blur, better left as it is: "
        "to restore it, describe the degradation, e.g. --operator blur:shape=gaussian,std=1.5 --noise 0.01"
    )


@pytest.mark.parametrize("name", ["curves.png", "curves.svg", "CURVES.PNG"])
def test_diagnose_figure_of_the_curves(name: str, cli: Cli, prior: str) -> None:
    pytest.importorskip("matplotlib")
    assert cli("diagnose", "in", "--prior", prior, "--figure", name)[::2] == (0, "")
    if name.endswith("svg"):
        assert "<svg" in Path(name).read_text()
    else:
        with Image.open(name) as drawn:
            assert drawn.format == "PNG" and drawn.width > 500 and len(drawn.getcolors(1 << 20) or []) > 10
    before = Path(name).read_bytes()
    status, _, err = cli("diagnose", "in", "--prior", prior, "--figure", name)
    assert status == 2 and f"{name} is there already; choose another name or say --overwrite" in err
    assert Path(name).read_bytes() == before
    assert cli("diagnose", "in", "--prior", prior, "--figure", name, "--overwrite")[0] == 0  # drawn again in its place


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("diagnose nothing.png", "there is no file nothing.png"),
        ("diagnose empty", "there is no picture in empty"),
        ("diagnose text.png", "text.png cannot be read as a picture"),
        ("diagnose in --figure curves.jpg", "curves.jpg cannot be drawn; choose a name that ends in .png or .svg"),
        (
            "diagnose in --figure in/noisy.png --overwrite",
            "the drawing would replace in/noisy.png; give it another name",
        ),
        ("diagnose in --figure nowhere/curves.png", "there is no folder nowhere; make it first"),
        ("diagnose in --device abacus", "device 'abacus' cannot be used"),
        ("diagnose large.png", "give images of one size"),
        ("diagnose", "Missing argument 'IN'"),
        ("restore in/noisy.png --planner auto --operator identity", "planner auto is for blind restoration"),
        (
            "restore in/noisy.png --strength 100 --detail 0.5",
            "--detail is for pictures that are diagnosed, and a strength is given",
        ),
        ("restore in/noisy.png --strength 100 --tone haze", "--tone is for pictures that are diagnosed"),
        ("restore in/noisy.png --detail 1.5", "less than or equal to 1"),
    ],
)
def test_diagnose_refuses_bad_input_in_one_line(command: str, message: str, cli: Cli, prior: str) -> None:
    pytest.importorskip("matplotlib")
    Path("empty").mkdir()
    Path("text.png").write_text("Dear diary,")
    Image.effect_noise((50, 50), 90).convert("RGB").save("large.png")
    status, out, err = cli(*command.split(), "--prior", prior)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and message in err
    assert not Path("in/noisy-restored.png").exists()


def test_diagnose_figure_needs_matplotlib(cli: Cli, prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is missed before anything is diagnosed."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    missing = 'error: matplotlib is not there; install it with pip install "dreamclean[figures]"\n'
    assert cli("diagnose", "in", "--prior", prior, "--figure", "curves.png") == (2, "", missing)
    assert cli("diagnose", "in/clean.png", "--prior", prior) == (0, CLEAN_SAID, "")


def test_restore_without_a_calibration_refuses_what_cannot_be_told(cli: Cli, prior: str) -> None:
    """In a folder the others are done; of a single picture nothing is written."""
    status, out, err = cli("restore", "in", "-o", "out", "--prior", prior)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"error: in/clean.png: {CANNOT_TELL}; give --strength or an operator, or make")
    assert out.startswith("in/noisy.png -> out/noisy.png (white noise; 14 evaluations, ")
    assert [path.name for path in Path("out").iterdir()] == ["noisy.png"]
    assert cli("restore", "in/clean.png", "--prior", prior)[0] == 2
    assert not Path("in/clean-restored.png").exists()


def test_restore_says_what_was_found(cli: Cli, prior: str, exact: Calibration) -> None:
    Path("known/calibration.json").write_text(exact.model_dump_json())
    status, out, err = cli("restore", "in", "-o", "out", "--prior", prior)
    assert (status, err) == (0, "")
    clean, noisy = out.splitlines()
    assert clean.startswith("in/clean.png -> out/clean.png (clean, left as it is; 6 evaluations, ")
    assert noisy.startswith("in/noisy.png -> out/noisy.png (white noise; 14 evaluations, ")
    assert Picture.open("out/clean.png").pixels.equal(Picture.open("in/clean.png").pixels)
    known = Picture.open("known/noisy.png").pixels
    gaps = [(Picture.open(f"{folder}/noisy.png").pixels - known).square().mean() for folder in ("out", "in")]
    assert gaps[0] < 0.1 * gaps[1]
    out = cli("restore", "in", "-o", "out", "--prior", prior, "--overwrite", "--json")[1]
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["report"]["family"] for line in lines] == ["clean", "white noise"]
    assert [line["nfe"] for line in lines] == [6, 14]
    assert [line["recipe"]["planner"]["name"] == "auto" for line in lines] == [True, False]


def test_explain_names_the_picture_that_is_refused(cli: Cli, prior: str) -> None:
    status, _, err = cli("explain", "in/clean.png", "in/clean.png", "--prior", prior)
    assert (status, err.count(f"error: in/clean.png: {CANNOT_TELL}")) == (2, 2)


def test_diagnosis_of_unknown_blur_names_the_way_out() -> None:
    found = left_alone("low resolution")
    line = said({"summary": found.summary(), "nfe": 6, "seconds": 1.0})
    assert line.startswith(
        "low resolution or blur, left as it is: to restore it, describe the degradation, e.g. --operator "
    )
    assert line.endswith(" --noise 0.01; 6 evaluations, 1.0 s")
    example = line.partition("--operator ")[2].partition(" ")[0]
    blur = host().make("operator", example)  # it can be typed as it stands
    assert (blur.shape, blur.std) == ("gaussian", (1.5,))
    assert said({"summary": left_alone("clean").summary(), "nfe": 6, "seconds": 1.0}).startswith(
        "clean, left as it is; "
    )


def test_restore_takes_detail(cli: Cli, prior: str) -> None:
    for detail, steps in (("0", 1), ("0.5", 3), ("1", 8)):
        options = ["--prior", prior, "--strength", "auto", "--detail", detail, "--overwrite"]
        assert cli("restore", "in/noisy.png", "-o", "out.png", *options)[0] == 0
        recipe = json.loads(embedded_recipe(Path("out.png")))
        assert (recipe["steps"], recipe["corrector"], recipe["sampler"]["eta"]) == (steps, {"name": "none"}, 0)


def test_detail_and_tone_go_over_a_recipes_planner(tmp_path: Path) -> None:
    recipe = {"planner": {"name": "auto", "tone": "faded"}}
    assert with_shortcuts({"recipe": recipe, "detail": 0.5})["planner"] == {
        "name": "auto",
        "tone": "faded",
        "detail": 0.5,
    }
    assert with_shortcuts({"recipe": {"planner": "fixed"}, "detail": 0.5})["planner"] == {"name": "auto", "detail": 0.5}


def test_restore_takes_detail_beside_an_operator(cli: Cli, prior: str) -> None:
    options = [
        "in/noisy.png",
        "-o",
        "out.png",
        "--prior",
        prior,
        "--operator",
        "blur:std=1,noise=0.02",
        "--detail",
        "1",
    ]
    assert cli("restore", *options)[0] == 0
    recipe = json.loads(embedded_recipe(Path("out.png")))
    assert (recipe["sampler"]["name"], recipe["sampler"]["eta"]) == ("soft-ddrm", 0.86)
    status, _, err = cli("restore", *options, "--sampler", "ddim", "--overwrite")
    assert status == 2 and "give either --detail or --sampler" in err
    status, _, err = cli("restore", "in/noisy.png", "-o", "again.png", "--recipe", "out.png", "--detail", "0")
    recipe = json.loads(embedded_recipe(Path("again.png")))
    assert (status, recipe["sampler"]["eta"], recipe["operator"]["name"]) == (0, 1, "blur"), err


def test_restore_takes_detail_beside_a_mask(cli: Cli, prior: str) -> None:
    with Image.open("in/noisy.png") as image:
        mask = Image.new("L", image.size)
    mask.paste(255, (2, 2, 5, 5))
    mask.save("mask.png")
    options = ["in/noisy.png", "-o", "out.png", "--prior", prior, "--mask", "mask.png"]
    assert cli("restore", *options, "--detail", "0")[0] == 0
    recipe = json.loads(embedded_recipe(Path("out.png")))
    assert (recipe["operator"]["name"], recipe["sampler"]["eta"]) == ("inpaint", 1)
    said = cli("restore", *options, "--tone", "haze", "--overwrite")[2]
    assert "--tone is for blind restoration" in said and "fill in first" in said


@pytest.mark.parametrize(
    ("operator", "detail", "steps"),
    [
        ("identity:noise=0.1", "0", 1),
        ("identity --noise 0.1", "0", 1),
        ("grain:std=0.1", "0.5", 3),
        ("identity:poisson=1", "0", 8),
        ("identity --noise poisson:1", "0", 8),
    ],
)
def test_detail_beside_noise_alone_is_steps_from_its_own_level(
    cli: Cli, prior: str, operator: str, detail: str, steps: int
) -> None:
    options = ["in/noisy.png", "-o", "out.png", "--prior", prior, "--operator", *operator.split(), "--detail", detail]
    assert cli("restore", *options)[0] == 0
    recipe = json.loads(embedded_recipe(Path("out.png")))
    assert recipe["steps"] == steps
    assert recipe["initializer"]["name"] in ("matched-spectrum", "local-level")


def test_plan_is_the_same_for_a_path_a_picture_and_a_tensor(unet: str, photo: Image.Image, tmp_path: Path) -> None:
    restorer = Restorer(unet, device="cpu", dtype="float32")
    photo.save(tmp_path / "in.png")
    pixels = Picture.from_pil(photo).pixels
    found = restorer.plan(photo).report
    assert found == restorer.plan(tmp_path / "in.png").report == restorer.plan(str(tmp_path / "in.png")).report
    assert found == restorer.plan(pixels).report
    assert json.loads(json.dumps(found.spec()))["family"] == found.family
    with pytest.raises(DreamCleanError, match="a plan is for one image"):
        restorer.plan(pixels.repeat(2, 1, 1, 1))
    with pytest.raises(DreamCleanError, match="divide by 255"):
        restorer.plan(255 * pixels)


def test_diagnosis_spec_gives_four_digits() -> None:
    found = Diagnosis(
        "mixed", 0.123456, probabilities={"mixed": 0.123456}, ratio=1e-7 / 3, ratios=[0.123456], nfe=6
    ).spec()
    assert (found["sure"], found["probabilities"], found["ratios"]) == (0.1235, {"mixed": 0.1235}, [0.1235])
    assert (found["ratio"], found["noise"], found["nfe"]) == (3.333e-08, None, 6)

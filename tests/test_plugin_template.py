"""The plugin template refuses what cannot be a component; what it makes is tested in ``test_installed_plugin.py``."""

from pathlib import Path

import pytest

cookiecutter = pytest.importorskip("cookiecutter.main")

TEMPLATE = Path(__file__).parents[1] / "contrib/plugin-template"


def make(folder: Path, **answers: str) -> Path:
    config = folder / "cookiecutter.yaml"
    config.write_text(f"cookiecutters_dir: {folder}/got\nreplay_dir: {folder}/replay\n")
    options = {"no_input": True, "output_dir": str(folder / "made"), "config_file": str(config)}
    return Path(cookiecutter.cookiecutter(str(TEMPLATE), extra_context=answers, **options))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("name", "Lens Flare"),
        ("name", "lens_flare"),
        ("name", "3d"),
        ("name", "a-"),
        ("name", "none"),
        ("name", "noise"),
        ("name", 'a"b'),
        ("summary", 'A "fog"'),
        ("summary", "A \\fog"),
        ("summary", "."),
    ],
)
def test_template_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str], question: str, answer: str) -> None:
    with pytest.raises(Exception, match="Hook script failed"):
        make(tmp_path, **{question: answer})
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("error: ") and not any("Traceback" in line for line in lines)
    assert not list((tmp_path / "made").glob("*/*"))


def test_template_takes_hyphens_and_a_summary_with_or_without_a_full_stop(tmp_path: Path) -> None:
    package = make(tmp_path, name="lens-flare", summary="Light that isn't the picture's, <scattered>.")
    assert package.name == "dreamclean-lens-flare"
    component = (package / "dreamclean_lens_flare/component.py").read_text()
    assert (
        'class LensFlare(dreamclean.LinearOperator):\n    """Light that isn\'t the picture\'s, <scattered>."""'
        in component
    )

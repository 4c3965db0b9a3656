"""The README's first hour: its commands are there, and the bench commands run what the text says."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.partition("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
OURS = sorted({line for line in COMMANDS if line.startswith("dreamclean ")})


def test_readme_s_first_block_ends_with_a_picture_of_ones_own() -> None:
    lines = [line.partition("  #")[0].strip() for line in BLOCKS[0].splitlines()]
    assert lines == ["make demo", "source .venv/bin/activate", "dreamclean restore PICTURE.jpg"]


@pytest.mark.parametrize("line", OURS)
def test_readme_s_commands_and_options_are_there(line: str, cli) -> None:
    words = line.split()[1:]
    depth = 2 if words[0] == "bench" else 1
    if depth == 2:
        pytest.importorskip("dreamclean_bench")
    status, help_text, _ = cli(*words[:depth], "-h")
    assert status == 0
    for option in (word for word in words[depth:] if word.startswith("-") and word != "-"):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text), option


def test_readme_names_the_rivals_that_the_bench_commands_run() -> None:
    suites = pytest.importorskip("dreamclean_bench.suites").SUITES
    names = ("ddrm", "ddnm", "dps", "diffpir", "pigdm", "gdp", "red", "snips", "bm3d", "dreamclean")
    assert "dreamclean bench run quick --images photos/" in OURS
    assert set(names) <= {spec.partition(":")[0] for spec in suites["quick"].methods}
    assert any(line.startswith("dreamclean bench run tableA2 ") for line in OURS)
    assert {"dps", "ddrm", "ddnm-plus"} <= set(suites["tableA2"].methods)
    assert suites["quick"].size == 128 and "128 x 128 in `quick`" in README


def test_readme_names_what_blind_leaves_alone_and_the_way_out() -> None:
    first = README.partition("![")[0]
    assert not re.search(r"\b(haze|fad)", first)
    assert re.search(r"has faded or the air was hazy: say `--tone faded` or `--tone haze`", README)
    assert re.search(r"Blur that differs .* come back as they were.*`--operator`", README)


def test_readme_names_the_starters_photographs_under_the_licence() -> None:
    licence = README.partition("## Licence")[2]
    assert all(word in licence for word in ("ImageNet", "BSDS500", "not openly licensed", "commercial"))


def test_demo_says_what_to_type_next() -> None:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "contrib/demo/demo.py")
    assert spec and spec.loader
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    typed = [line.strip() for line in demo.what_next().splitlines() if line.startswith("    ")]
    assert typed[0].endswith("dreamclean restore PICTURE.jpg")
    done = subprocess.run([typed[0].split()[0], "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("dreamclean ")
    assert Path(typed[0].split()[0]).absolute().parent == Path(sys.executable).parent

"""What the wheels carry for those who see nothing else: licence, links, authors, a README that leads somewhere."""

import contextlib
import re
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
HOME = "https://github.com/dreamclean/dreamclean"
PICTURES = "https://raw.githubusercontent.com/dreamclean/dreamclean/main/"
PACKAGES = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


class Wheel(NamedTuple):
    """A built wheel."""

    names: list[str]
    metadata: Message
    licence: bytes


@pytest.fixture(scope="module", params=PACKAGES, ids=lambda path: path.name if path != ROOT else "dreamclean")
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wheel]:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(request.param))
    with contextlib.chdir(request.param):  # as pip does: the README is looked for here
        (path,) = builder.build(directory=str(tmp_path_factory.mktemp("wheels")), versions=["standard"])
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        inside = next(name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
        assert f"{inside}/licenses/LICENSE" in names, "the wheel has no licence"
        metadata = message_from_bytes(file.read(f"{inside}/METADATA"))
        yield Wheel(names, metadata, file.read(f"{inside}/licenses/LICENSE"))


def test_wheel_has_the_licence(wheel: Wheel) -> None:
    assert wheel.licence == (ROOT / "LICENSE").read_bytes()
    assert wheel.metadata["License-Expression"] == "Apache-2.0"


def test_wheel_is_typed(wheel: Wheel) -> None:
    packages = {name.partition("/")[0] for name in wheel.names if name.endswith("/__init__.py")}
    assert packages and {f"{package}/py.typed" for package in packages} <= set(wheel.names)


def test_wheel_has_links_authors_and_classifiers(wheel: Wheel) -> None:
    links = dict(value.split(", ", 1) for value in wheel.metadata.get_all("Project-URL", []))
    assert set(links) == {"Homepage", "Documentation", "Issues"} and all(v.startswith(HOME) for v in links.values())
    assert wheel.metadata["Author"] or wheel.metadata["Author-email"]
    assert {value.partition(" ::")[0] for value in wheel.metadata.get_all("Classifier", [])} > {"Topic"}
    for link in links.values():
        _, _, place = link.partition("/main/")
        assert (ROOT / place).exists()


def test_readme_of_a_package_leads_somewhere_from_anywhere(wheel: Wheel) -> None:
    text = str(wheel.metadata.get_payload())
    assert wheel.metadata["Description-Content-Type"] == "text/markdown" and text.lstrip().startswith("# ")
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for target in targets:
        assert target.startswith(("https://", "http://", "#")), f"{target} leads nowhere outside the repository"
        for place in re.findall(rf"^(?:{HOME}/(?:blob|tree)/main/|{PICTURES})([^#]*)", target):
            assert (ROOT / place).exists(), f"{target} is not in the repository"


def test_readme_of_a_package_shows_pictures_and_not_their_pages(wheel: Wheel) -> None:
    for target in re.findall(r"!\[[^]]*\]\(([^)\s]+)\)", str(wheel.metadata.get_payload())):
        assert target.startswith(PICTURES)


def test_extras_are_the_packages_of_this_repository() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    ours = [re.split("[<>=]", name)[0] for names in extras.values() for name in names if name.startswith("dreamclean-")]
    assert {"dreamclean-starter", "dreamclean-bench"} <= set(ours)
    assert {ROOT / "plugins" / name for name in ours} <= set(PACKAGES)

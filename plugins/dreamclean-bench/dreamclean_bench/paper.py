"""The paper's tables and figures, one experiment each: which suite, on which of its data sets."""

from dataclasses import dataclass
from pathlib import Path

from dreamclean import DreamCleanError

DATA = {
    "celeba": "faces (CelebA, 1,000 pictures)",
    "imagenet": "any objects (ImageNet, 1,000 pictures)",
    "bedroom": "rooms (LSUN bedroom)",
    "sidd": "real noise (SIDD), a folder with input/ and target/",
    "photos": "large photographs, for a latent prior (1024 x 1024)",
}
"""The paper's data sets by the names that the command line takes."""


@dataclass(frozen=True)
class Experiment:
    """A table or a figure of the paper."""

    name: str
    data: str
    """One of ``DATA``."""
    suite: str | None
    """None: the log-probability of latents, which is no table."""


EXPERIMENTS = (
    Experiment("table1", "celeba", "table1"),
    Experiment("table2", "imagenet", "table2"),
    Experiment("table3", "celeba", "table3"),
    Experiment("table4", "bedroom", "table4"),
    Experiment("table5", "celeba", "table5"),
    Experiment("tableA1", "sidd", "tableA1"),
    Experiment("tableA2", "imagenet", "tableA2"),
    Experiment("tableA3", "celeba", "tableA3"),
    Experiment("figures5-6-A2", "celeba", None),
    Experiment("figure7", "celeba", "figure7"),
    Experiment("figures1-A6-A8", "photos", "figures1-A6-A8"),
)


def by_data(given: list[str] | None, what: str) -> dict[str, str]:
    """``DATA=VALUE`` texts as a dictionary; DreamCleanError for a name that is not one of ``DATA``."""
    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or name not in DATA:
            raise DreamCleanError(
                f"'{text}' does not say which data set; write --{what} NAME=..., NAME one of {', '.join(DATA)}"
            )
        found[name] = value
    return found


def index(output: Path, done: dict[str, Path]) -> Path:
    """The page ``index.md`` of ``output``: what was run, with a link, and what was not, with the pictures that it needs."""
    lines = ["# The paper's tables and figures", ""]
    for experiment in EXPERIMENTS:
        place = done.get(experiment.name)
        said = (
            f"[{experiment.name}]({place.relative_to(output).as_posix()})" if place else f"{experiment.name}: not run"
        )
        needs = "" if place else f" (`--images {experiment.data}=FOLDER`)"
        lines.append(f"- {said}, {DATA[experiment.data]}{needs}")
    page = output / "index.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page

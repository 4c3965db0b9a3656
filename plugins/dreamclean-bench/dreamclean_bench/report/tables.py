"""From rows to tables: a table for each task, prior and size; a line of it sums up a method over images and seeds."""

from collections import Counter
from dataclasses import dataclass, field, replace

from dreamclean import DreamCleanError
from dreamclean_bench.report.means import Stat, stat
from dreamclean_bench.store import Cell, Row
from dreamclean_bench.tasks import TASKS

MEASURES = ("psnr", "ssim", "lpips", "nfe", "seconds", "prior_seconds", "memory")
Image = tuple[str, str]
"""File name and digest."""
Sample = tuple[str, str, int]
"""File name, digest and seed."""


@dataclass(frozen=True)
class Line:
    """What a method did on a task."""

    method: str
    rows: list[Row] = field(repr=False)

    @property
    def done(self) -> list[Row]:
        return [row for row in self.rows if row.status == "done"]

    @property
    def samples(self) -> set[Sample]:
        """The images and seeds that the means are over."""
        return {sample_of(row.cell) for row in self.done}

    def count(self, status: str) -> int:
        """How many cells are ``done``, ``failed`` or ``refused``."""
        return sum(row.status == status for row in self.rows)

    def reasons(self, status: str) -> Counter[str]:
        """Why cells ``failed`` or were ``refused``, and how many of each."""
        return Counter(row.note or "no reason was recorded" for row in self.rows if row.status == status)

    def lacking(self, measure: str) -> int:
        """How many cells that are done lack one of ``MEASURES``."""
        return len(self.done) - stat(getattr(row, measure) for row in self.done).n

    def by_image(self, measure: str) -> dict[Image, float | None]:
        """One of ``MEASURES`` of each image: the mean over its seeds."""
        found: dict[Image, list[float | None]] = {}
        for row in self.done:
            found.setdefault(image_of(row.cell), []).append(getattr(row, measure))
        return {image: stat(figures).mean for image, figures in found.items()}

    def stat(self, measure: str) -> Stat:
        """Mean and standard error over images of one of ``MEASURES``."""
        return stat(self.by_image(measure).values())


@dataclass(frozen=True)
class Table:
    """All methods on one task, with one prior and size."""

    task: str
    operator: str
    """The degradation, JSON; empty for pairs of pictures."""
    prior: str
    size: int
    lines: list[Line]
    alone: bool = True
    """Whether it is the task's only table."""

    @property
    def title(self) -> str:
        """The task in words, or its name where it is unknown here."""
        return TASKS[self.task].title if self.task in TASKS else self.task

    @property
    def heading(self) -> str:
        """Name and words."""
        return self.task if self.title == self.task else f"{self.task}: {self.title}"

    @property
    def label(self) -> str:
        """The task; where there are several tables of it, with prior, size and seeds."""
        return self.task if self.alone else f"{self.task} ({self.setting})"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of its measurements, in order."""
        return tuple(sorted({row.cell.seed for line in self.lines for row in line.rows}))

    @property
    def samples(self) -> set[Sample]:
        """The images and seeds that at least one method has restored."""
        return set().union(*(line.samples for line in self.lines))

    @property
    def cells(self) -> list[Cell]:
        """A cell for each image and seed, in the order in which they came."""
        return list({sample_of(row.cell): row.cell for line in self.lines for row in line.rows}.values())

    @property
    def unit(self) -> str:
        """What its cells are: images, each measured once, or measurements, where there are several seeds."""
        return "images" if len(self.seeds) == 1 else "measurements"

    def full(self, line: Line) -> bool:
        """Whether the means of ``line`` are over all of the table's images and seeds, so that they can be compared."""
        return bool(line.samples) and line.samples == self.samples

    @property
    def setting(self) -> str:
        """Prior, size and seeds in words."""
        prior = f"prior {self.prior}" if self.prior else "no prior"
        seeds = f"seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))}"
        return f"{prior}, {self.size} x {self.size} pixels, {seeds}"


def sample_of(cell: Cell) -> Sample:
    """What tells a measurement of a task from others: the image and the seed."""
    return (*image_of(cell), cell.seed)


def image_of(cell: Cell) -> Image:
    """What tells an image from others."""
    return cell.image, cell.digest


def tabulate(rows: list[Row]) -> list[Table]:
    """The tables of ``rows``, tasks in the order in which they came.

    A method without a prior is a line of every prior's table; several seeds are one table. Raises DreamCleanError if there are no rows.
    """
    if not rows:
        raise DreamCleanError("there are no results to report; make some with 'dreamclean bench run'")
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.cell.task, _operator(row.cell), row.cell.size), []).append(row)
    order = list(dict.fromkeys(task for task, *_ in groups))
    tables = [
        Table(task, operator, prior, size, _lines(of_prior))
        for (task, operator, size), members in sorted(groups.items(), key=lambda item: order.index(item[0][0]))
        for prior, of_prior in _by_prior(members).items()
    ]
    number = Counter(table.task for table in tables)
    return [replace(table, alone=number[table.task] == 1) for table in tables]


def _operator(cell: Cell) -> str:
    """The operator's settings; of pairs, where it is a digest that differs from image to image, nothing."""
    return cell.operator if cell.operator.startswith("{") else ""


def _by_prior(rows: list[Row]) -> dict[str, list[Row]]:
    priors = list(dict.fromkeys(row.cell.prior for row in rows if row.cell.prior)) or [""]
    return {prior: [row for row in rows if row.cell.prior in ("", prior)] for prior in priors}


def _lines(rows: list[Row]) -> list[Line]:
    methods: dict[str, list[Row]] = {}
    for row in rows:
        methods.setdefault(row.cell.method, []).append(row)
    return [Line(method, members) for method, members in methods.items()]

"""Where results are kept: one SQLite file, a row for each image, task and method."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from dreamclean import DreamCleanError


@dataclass(frozen=True)
class Cell:
    """What is computed once: one method on one image's measurement."""

    image: str
    """File name."""
    digest: str
    """Of the file's bytes, so that another picture of that name is another cell."""
    task: str
    operator: str
    """The degradation and its settings, JSON; of a pair of pictures, the digest of the degraded one."""
    method: str
    """Name and settings, in the string form."""
    prior: str
    """Name and settings, in the string form; empty for a method that needs none."""
    size: int
    """Side of the centre crop in pixels."""
    seed: int


@dataclass(frozen=True)
class Row:
    """A cell and what came out."""

    cell: Cell
    status: str
    """``done``, ``failed`` (with the error as ``note``) or ``refused`` (with the reason)."""
    note: str = ""
    psnr: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    nfe: int | None = None
    seconds: float | None = None
    prior_seconds: float | None = None
    memory: float | None = None
    """Peak memory in MiB, of the process on a CPU, of the device on a GPU."""
    versions: dict[str, str] = field(default_factory=dict)
    picture: bytes | None = None
    """The result as a picture file, where it was asked for."""


WEIGHTS, PRECISION = "weights", "precision"
"""In a row's ``versions``: the digest of the prior's or the method's files, and in what the prior's network computed."""
SAME = {WEIGHTS: "other weights", PRECISION: "another precision"}
"""Of these a table holds one kind for each prior, and for each method without one; how others are called."""
KEY = [f.name for f in fields(Cell)]
VALUES = [f.name for f in fields(Row) if f.name != "cell"]
PICTURE = [name for name in KEY if name not in ("method", "prior")]
"""What a reference and a measurement belong to: all methods have the same."""
_SCHEMA = f"""
create table if not exists cells ({", ".join(KEY)}, {", ".join(VALUES)}, primary key ({", ".join(KEY)}));
create table if not exists pictures ({", ".join(PICTURE)}, kind, picture, primary key ({", ".join(PICTURE)}, kind));
"""


Said = tuple[str, dict[str, str]]
"""The ``network_of`` a cell, and the ``versions`` of its row."""


def network_of(cell: Cell) -> str:
    """Whose weights it is computed with: the prior's, or the method's where it asks none."""
    return cell.prior or cell.method


def _kinds(said: Iterable[Said]) -> dict[tuple[str, str], set[str]]:
    """The values of each key of ``SAME``, network by network."""
    found: dict[tuple[str, str], set[str]] = {}
    for name, versions in said:
        for key in SAME.keys() & versions.keys():
            found.setdefault((name, key), set()).add(versions[key])
    return found


class Store:
    """A results file. Every write is one transaction, so a run that is killed leaves it valid."""

    def __init__(self, path: Path, create: bool = False) -> None:
        if not create and not path.exists():
            raise DreamCleanError(f"there is no results file {path}; make it with 'dreamclean bench run'")
        self.path = path
        with self._errors():
            self._connection = sqlite3.connect(path)
            self._connection.executescript(_SCHEMA)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite says, in one line: a full disk, a file that is something else, a folder that is not there."""
        try:
            yield
        except sqlite3.Error as error:
            raise DreamCleanError(
                f"{self.path}: {error}; what was stored before is safe, make room or choose another file with --store"
            ) from error

    def status(self, cell: Cell) -> str | None:
        """The status of ``cell``, or None if it is not there."""
        where = " and ".join(f"{name} = ?" for name in KEY)
        with self._errors(), closing(self._connection.cursor()) as cursor:
            found = cursor.execute(f"select status from cells where {where}", list(asdict(cell).values())).fetchone()
        return found[0] if found else None

    def check_same(self, said: Iterable[Said]) -> None:
        """DreamCleanError where what is here was computed with other weights than is ``said``, or in another precision."""
        with self._errors(), closing(self._connection.cursor()) as cursor:
            there = cursor.execute("select distinct ifnull(nullif(prior, ''), method), versions from cells").fetchall()
        before = _kinds((name, json.loads(versions)) for name, versions in there)
        for (name, key), found in _kinds(said).items():
            if before.get((name, key), found) != found:
                has, given = (" and ".join(sorted(values)) for values in (before[name, key], found))
                raise DreamCleanError(
                    f"{self.path} holds results of {SAME[key]} of {name} ({has}; now {given}); "
                    "give another file with --store"
                )

    def add(self, row: Row) -> None:
        """Write ``row``, in place of an earlier one of the same cell."""
        values = {**asdict(row.cell), **{name: getattr(row, name) for name in VALUES}}
        values["versions"] = json.dumps(row.versions)
        self._insert("cells", values)

    def add_picture(self, cell: Cell, kind: str, picture: bytes) -> None:
        """Write the ``reference`` or the ``measurement`` that belongs to ``cell``."""
        key = {name: getattr(cell, name) for name in PICTURE}
        self._insert("pictures", {**key, "kind": kind, "picture": picture})

    def _insert(self, table: str, values: dict[str, object]) -> None:
        marks = ", ".join("?" * len(values))
        with self._errors(), self._connection as transaction:
            transaction.execute(
                f"insert or replace into {table} ({', '.join(values)}) values ({marks})", list(values.values())
            )

    def take(self, part: "Store | list[Row]") -> int:
        """Add the results of ``part``, and its pictures, that are not here or failed here; how many were added.

        DreamCleanError where they are of other weights or of another precision.
        """
        rows = part.rows() if isinstance(part, Store) else part
        self.check_same((network_of(row.cell), row.versions) for row in rows)
        new = [row for row in rows if self.status(row.cell) in (None, "failed")]
        for row in new:
            self.add(row)
        if isinstance(part, Store):
            columns = ", ".join([*PICTURE, "kind", "picture"])
            with part._errors(), closing(part._connection.cursor()) as cursor:
                pictures = cursor.execute(f"select {columns} from pictures").fetchall()
            with self._errors(), self._connection as transaction:
                marks = ", ".join("?" * (len(PICTURE) + 2))
                transaction.executemany(f"insert or ignore into pictures ({columns}) values ({marks})", pictures)
        return len(new)

    def rows(self) -> list[Row]:
        """Everything that is there, in the order in which it was written."""
        with self._errors(), closing(self._connection.cursor()) as cursor:
            found = cursor.execute(f"select {', '.join(KEY + VALUES)} from cells order by rowid").fetchall()
        rows = []
        for line in found:
            values = dict(zip(VALUES, line[len(KEY) :], strict=True))
            values["versions"] = json.loads(values["versions"])
            rows.append(Row(Cell(*line[: len(KEY)]), **values))
        return rows

    def picture(self, cell: Cell, kind: str) -> bytes | None:
        """The ``reference`` or ``measurement`` of ``cell``, if it was kept."""
        where = " and ".join(f"{name} = ?" for name in (*PICTURE, "kind"))
        values = [*(getattr(cell, name) for name in PICTURE), kind]
        with self._errors(), closing(self._connection.cursor()) as cursor:
            found = cursor.execute(f"select picture from pictures where {where}", values).fetchone()
        return found[0] if found else None

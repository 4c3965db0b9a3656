"""The report of a run over many pictures: a line for each, as CSV or as JSON Lines."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from dreamclean.cli.outcome import Outcome
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.saving import check_free, write_atomically

COLUMNS = ("input", "output", "status", "found", "nfe", "seconds", "error")
"""Of the CSV form; ``found`` is what the planner found."""
_STATUSES = ("done", "failed", "skipped")
_ENDINGS = (".csv", ".json", ".jsonl")


class Report:
    """A file with a line for each picture, which grows as the run goes on and is tidied at its end.

    A run that was stopped and is started again adds to it: of a picture with several lines the last one counts, and
    one that was done before keeps the line that it has. Several runs may add to it at the same time, the shares of a
    folder; it is not tidied then.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in _ENDINGS:
            raise DreamCleanError(f"a report is a .csv or .json file, not {path.name}")
        check_free(path, overwrite=True)
        self.path, self._csv = path, path.suffix.lower() == ".csv"
        self._head = ",".join(COLUMNS) + "\n" if self._csv else ""
        self._lines = self._read(mend=True)
        self._own: set[str] = set()

    def add(self, outcome: Outcome) -> None:
        """One more line."""
        line = self._line(outcome)
        if outcome.status == "skipped" and line["input"] in self._lines:
            return
        self._lines.pop(line["input"], None)
        self._lines[line["input"]] = line
        self._own.add(line["input"])
        self._append([line])

    def close(self) -> None:
        """One line for each picture, unless another run adds to the file; that one may have tidied it before it saw this one's."""
        there = self._read()
        if there.keys() <= self._lines.keys():
            write_atomically(self.path, (self._head + self._text(list(self._lines.values()))).encode())
        else:
            self._append([self._lines[name] for name in sorted(self._own - there.keys())])

    def _append(self, lines: list[dict[str, Any]]) -> None:
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write((self._head if file.tell() == 0 else "") + self._text(lines))
        except OSError as error:
            raise DreamCleanError(f"{self.path} could not be written ({error.strerror})") from error

    def _line(self, outcome: Outcome) -> dict[str, Any]:
        fields = outcome.fields()
        if not self._csv:
            return fields
        known = {**fields, "found": fields.get("summary")}
        return {name: "" if known.get(name) is None else _printable(str(known[name])) for name in COLUMNS}

    def _text(self, lines: list[dict[str, Any]]) -> str:
        return _csv(lines) if self._csv else "".join(json.dumps(line) + "\n" for line in lines)

    def _read(self, mend: bool = False) -> dict[str, dict[str, Any]]:
        """What runs have written, by picture, but for a last line that was cut off, which ``mend`` takes out of the file.

        DreamCleanError for any other file.
        """
        if not self.path.exists():
            return {}
        try:
            text = self.path.read_text("utf-8")
            whole = text[: text.rfind("\n") + 1]
            lines = list(csv.DictReader(io.StringIO(whole))) if self._csv else list(map(json.loads, whole.splitlines()))
            found = {line["input"]: line for line in lines}
            assert all(line["status"] in _STATUSES and "output" in line for line in lines)
            assert not self._csv or not lines or set(lines[0]) == set(COLUMNS)
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise DreamCleanError(
                f"{self.path} is there already and is not a report of dreamclean; choose another file"
            ) from error
        if mend and whole != text:
            write_atomically(self.path, whole.encode())
        return found


def _printable(text: str) -> str:
    """``text`` with escapes in place of bytes of a file name that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _csv(lines: list[dict[str, Any]]) -> str:
    file = io.StringIO()
    csv.DictWriter(file, COLUMNS, lineterminator="\n").writerows(lines)
    return file.getvalue()

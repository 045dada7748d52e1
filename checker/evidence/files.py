"""Files of a workspace: sizes, digests and, for small texts, their content."""

from __future__ import annotations

import csv
import io
from typing import Any

from checker.errors import Failed
from checker.evidence.base import Record
from checker.evidence.foreign import ForeignText, parse_json, parse_yaml
from checker.text import clean, plural


class FileRecord(Record):
    """One regular file. `text` is its content when it is UTF-8 and at most 1 MiB; `problem` says why not."""

    path: str
    size: int = 0
    sha256: str = ""
    text: str | None = None
    problem: str | None = None


class Files(Record):
    """The declared files that exist, sorted by path."""

    records: tuple[FileRecord, ...] = ()
    problem: str | None = None

    def find(self, path: str) -> FileRecord | None:
        """Return the record of `path`, or None."""
        return next((record for record in self.records if record.path == path), None)

    def get(self, path: str, next_step: str = "") -> FileRecord:
        """Return the record of `path`; the check fails when there is no such readable file."""
        record = self.find(path)
        if record is None:
            raise Failed(
                f"no file `{path}`",
                expected=f"the file `{path}` in your workspace",
                next_step=next_step or f"make `{path}`",
            )
        if record.problem:
            raise Failed(
                f"`{path}` {record.problem}",
                expected="a plain readable file",
                next_step=next_step or f"make `{path}` again",
            )
        return record

    def read_text(self, path: str, next_step: str = "") -> str:
        """Return the text of `path`; the check fails when it is missing, too large or not UTF-8."""
        record = self.get(path, next_step)
        if record.text is None:
            raise Failed(
                f"`{path}` has {plural(record.size, 'byte')} that are not a short UTF-8 text",
                expected="a UTF-8 text of at most 1 MiB",
                next_step=next_step or f"write `{path}` again",
            )
        return record.text

    def read_json(self, path: str, next_step: str = "") -> Any:
        """Return the parsed JSON of `path`; the check fails when it is no JSON."""
        return self._parsed(path, parse_json, next_step)

    def read_yaml(self, path: str, next_step: str = "") -> Any:
        """Return the parsed YAML of `path`; the check fails when it is no plain YAML."""
        return self._parsed(path, parse_yaml, next_step)

    def read_csv(self, path: str, columns: tuple[str, ...], next_step: str = "") -> list[dict[str, str]]:
        """Return the rows of `path` as dicts of stripped strings; the check fails unless all `columns` are there."""
        reader = csv.DictReader(io.StringIO(self.read_text(path, next_step).removeprefix("\ufeff")))
        try:
            rows = [{str(k).strip(): str(v or "").strip() for k, v in row.items()} for row in reader]
        except csv.Error as error:
            raise Failed(
                f"`{path}` is no CSV: {error}",
                expected=f"the columns {', '.join(columns)}",
                next_step=next_step,
            ) from error
        header = [str(name).strip() for name in reader.fieldnames or ()]
        if missing := [name for name in columns if name not in header]:
            raise Failed(
                f"`{path}` has the columns {clean(', '.join(header) or 'none')}",
                expected=f"the columns {', '.join(columns)}",
                next_step=next_step or f"add the column {missing[0]} to the first line of `{path}`",
            )
        return rows

    def _parsed(self, path: str, parse: Any, next_step: str) -> Any:
        text = self.read_text(path, next_step)
        try:
            return parse(text)
        except ForeignText as error:
            raise Failed(
                f"`{path}`: {error}", expected=error.expected, next_step=next_step or f"mend `{path}`"
            ) from error

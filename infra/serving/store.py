"""What is known of the deployments, in files: the record and the releases of each, and the journal of its changes.

`serving/NAME/deployment.json` is what should be; `serving/NAME/journal.jsonl` what was done, one JSON object a line;
`serving/NAME/releases/N/` holds the code and the model of a release. The checker reads the first two.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.deployments import Deployment, Registered, Release, Traffic
from infra.files import write_private
from infra.trouble import Trouble

EARLIER = 20
MOST_FILES = 500
MOST_BYTES = 20 * 2**20
LEFT_OUT = {"__pycache__", "node_modules", "mlruns", "data"}


class Store:
    """The deployments of one home; `folder` is its `serving/`, on this machine whatever the profile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """All deployments that there are."""
        return sorted(path.parent.name for path in self._folder.glob("*/deployment.json"))

    def folder(self, name: str, number: int | None = None) -> Path:
        """The folder of a deployment, or of one of its releases."""
        folder = self._folder / name
        return folder if number is None else folder / "releases" / str(number)

    def read(self, name: str) -> Deployment | None:
        """The record of a deployment; None if there is none that can be read."""
        try:
            stored = json.loads((self.folder(name) / "deployment.json").read_text(encoding="utf-8"))
            return Deployment(
                name=name,
                releases=tuple(
                    Release(
                        number=int(each["release"]),
                        app=each["app"],
                        model=Registered(**each["model"]) if each["model"] else None,
                        code=str(each["code"]),
                        created=str(each["created"]),
                    )
                    for each in stored["releases"]
                ),
                traffic=_traffic(stored),
                earlier=tuple(_traffic(each) for each in stored["earlier"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def all(self) -> Iterator[Deployment]:
        """Every record that can be read."""
        for name in self.names():
            if deployment := self.read(name):
                yield deployment

    def write(self, deployment: Deployment) -> None:
        """Replace the record at once."""
        stored = {
            "name": deployment.name,
            "releases": [
                {
                    "release": each.number,
                    "app": each.app,
                    "model": asdict(each.model) if each.model else None,
                    "code": each.code,
                    "created": each.created,
                }
                for each in deployment.releases
            ],
            **_told(deployment.traffic),
            "earlier": [_told(each) for each in deployment.earlier[:EARLIER]],
        }
        folder = self.folder(deployment.name)
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / "deployment.json", json.dumps(stored, indent=2) + "\n")

    def note(self, name: str, event: str, release: int | None, before: Traffic, after: Traffic) -> None:
        """Add a line to the journal: what was changed, when, and what it was before."""
        line = {"at": now(), "event": event, "release": release, **_told(after), "before": _told(before)}
        with (self.folder(name) / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")

    def next_number(self, name: str) -> int:
        """A number that no release of this name has had, not even before an `undeploy`."""
        path = self.folder(name) / "counter"
        last = int(path.read_text(encoding="utf-8")) if path.exists() else 0
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, f"{last + 1}\n")
        return last + 1

    def forget(self, name: str) -> None:
        """Remove the record and the releases; the journal and the count stay."""
        (self.folder(name) / "deployment.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder(name) / "releases", ignore_errors=True)

    def drop(self, name: str, number: int) -> None:
        """Remove a release that came to nothing."""
        shutil.rmtree(self.folder(name, number), ignore_errors=True)

    def keep_code(self, name: str, number: int, source: Path | None) -> str:
        """Copy what lies in `source`, and return the SHA-256 of its list of names and contents."""
        target = self.folder(name, number) / "code"
        target.mkdir(parents=True)
        whole = hashlib.sha256()
        for path in _code(source) if source else ():
            relative = path.relative_to(source or path)
            content = path.read_bytes()
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            (target / relative).write_bytes(content)
            whole.update(f"{hashlib.sha256(content).hexdigest()}  {relative.as_posix()}\n".encode())
        return whole.hexdigest()


def _code(source: Path) -> list[Path]:
    """The files of an application: no data, notebooks, environments, hidden files or links."""
    found: list[Path] = []
    total = 0
    folders = [source]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.name.startswith(".") or path.is_symlink() or path.suffix == ".ipynb":
                continue
            if path.is_dir():
                if path.name not in LEFT_OUT and not (path / "pyvenv.cfg").exists():
                    folders.append(path)
            elif path.is_file():
                found.append(path)
                total += path.stat().st_size
            if len(found) > MOST_FILES or total > MOST_BYTES:
                raise Trouble(
                    found=f"more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB below {source}",
                    expected="the folder of an application: its code, and no data beside `data/`",
                    next_step="cd into the folder of the application, or: infra deploy NAME --app ... --from FOLDER",
                )
    return sorted(found)


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _told(traffic: Traffic) -> dict[str, Any]:
    return {"weights": {str(number): share for number, share in traffic.weights.items()}, "shadow": traffic.shadow}


def _traffic(stored: dict[str, Any]) -> Traffic:
    return Traffic({int(number): int(share) for number, share in stored["weights"].items()}, stored["shadow"])

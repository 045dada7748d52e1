"""Collect DVC's state from its YAML and the bytes on disk, without importing DVC: no plugin or stage command runs."""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from checker.collect.reading import Unreadable, digest, read_plain, walk
from checker.evidence.dvc import Dvc, Entry, Output, Remote, Stored, Version
from checker.evidence.foreign import LARGEST, ForeignText, mapping, parse_yaml, sequence
from checker.evidence.git import Git
from checker.text import clean

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
LARGEST_DIR_OBJECT = 16 << 20
MOST_VERSIONS = 200


def collect_dvc(root: Path, git: Git | None = None) -> Dvc:
    """Read the DVC repository in `root`; with `git`, also what older commits tracked."""
    if not (root / ".dvc").is_dir():
        return Dvc()
    problems: list[str] = []
    remotes = _remotes(root, problems)
    cache = root / ".dvc" / "cache"
    default = next((Path(each.directory) for each in remotes if each.default and each.directory), None)
    outputs = []
    for path in walk(root):
        if path.endswith(".dvc"):
            outputs += _dvc_file(root, path, problems)
        elif PurePosixPath(path).name == "dvc.lock":
            outputs += _lock_file(root, path, problems)
    read = tuple(_verified(root, output, cache, default) for output in outputs)
    versions = _versions(git, cache, default) if git else ()
    return Dvc(present=True, remotes=remotes, outputs=read, versions=versions, problems=tuple(problems))


def _remotes(root: Path, problems: list[str]) -> tuple[Remote, ...]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for name in ("config", "config.local"):
        try:
            parser.read_string(read_plain(root / ".dvc" / name, root, LARGEST).decode("utf-8"))
        except FileNotFoundError:
            continue
        except (Unreadable, OSError, UnicodeDecodeError, configparser.Error) as error:
            problems.append(f"`.dvc/{name}` cannot be read: {clean(error, 120)}")
    default = parser.get("core", "remote", fallback="")
    found = []
    for section in parser.sections():
        if match := re.fullmatch(r"'?remote \"(.+)\"'?", section):
            url = parser.get(section, "url", fallback="")
            folder = None
            if url and "://" not in url:
                folder = (root / ".dvc" / url).resolve()
            found.append(
                Remote(
                    name=match[1],
                    url=url,
                    default=match[1] == default,
                    directory=str(folder) if folder and folder.is_dir() else None,
                )
            )
    return tuple(found)


def _yaml(root: Path, path: str, problems: list[str]) -> dict[str, Any]:
    try:
        return mapping(parse_yaml(read_plain(root / path, root, LARGEST).decode("utf-8")))
    except (Unreadable, OSError, UnicodeDecodeError, ForeignText) as error:
        problems.append(f"`{path}` {'is ' if isinstance(error, ForeignText) else ''}{clean(error, 160)}")
        return {}


def _dvc_file(root: Path, path: str, problems: list[str]) -> list[Output]:
    data = _yaml(root, path, problems)
    return _outs(path, str(PurePosixPath(path).parent), data.get("outs"), problems)


def _lock_file(root: Path, path: str, problems: list[str]) -> list[Output]:
    stages = mapping(_yaml(root, path, problems).get("stages"))
    folder = str(PurePosixPath(path).parent)
    return [output for stage in stages.values() for output in _outs(path, folder, mapping(stage).get("outs"), problems)]


def _outs(source: str, folder: str, outs: Any, problems: list[str]) -> list[Output]:
    found = []
    for out in map(mapping, sequence(outs)):
        relative, md5 = out.get("path"), out.get("md5")
        if not isinstance(relative, str) or not isinstance(md5, str) or not MD5.fullmatch(md5):
            problems.append(f"`{source}` names an output without a path and an MD5 sum")
            continue
        path = PurePosixPath(folder, out.get("wdir") or ".", relative)
        if path.is_absolute() or ".." in path.parts:
            problems.append(f"`{source}` names an output outside the workspace")
            continue
        found.append(Output(source=source, path=str(path), md5=md5, cached=out.get("cache") is not False))
    return found


def _verified(root: Path, output: Output, cache: Path, remote: Path | None) -> Output:
    where = root / output.path
    stores = [cache] if remote is None else [cache, remote]
    entries = next((found for store in stores if (found := _entries(store, output.md5)) is not None), ())
    return output.model_copy(
        update={
            "workspace_md5": _current(where, root),
            "entries": entries,
            "cache": _stored(cache, output.md5),
            "remote": None if remote is None else _stored(remote, output.md5),
        }
    )


def _current(path: Path, root: Path) -> str | None:
    """Return the MD5 sum that DVC gives the bytes at `path` now, or None where nothing readable is."""
    try:
        if not path.is_dir():
            return digest(path, root, "md5")
        entries = [{"md5": digest(path / each, root, "md5"), "relpath": each} for each in walk(path, set())]
    except (OSError, Unreadable):
        return None
    entries.sort(key=lambda entry: tuple(entry["relpath"].split("/")))
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"  # noqa: S324 - DVC's own sum


def _object(store: Path, md5: str) -> Path:
    return store / "files" / "md5" / md5[:2] / md5[2:]


def _entries(store: Path, md5: str) -> tuple[Entry, ...] | None:
    """Return what a `.dir` object lists, () for a plain file, None when the object is not there or lies."""
    if not md5.endswith(".dir"):
        return ()
    path = _object(store, md5)
    try:
        content = read_plain(path, path.parent, LARGEST_DIR_OBJECT)
        listed = json.loads(content)
    except (OSError, Unreadable, ValueError, RecursionError):
        return None
    if hashlib.md5(content).hexdigest() != md5.removesuffix(".dir"):  # noqa: S324
        return None
    entries = [mapping(each) for each in sequence(listed)]
    if not all(isinstance(each.get("relpath"), str) and MD5.fullmatch(str(each.get("md5"))) for each in entries):
        return None
    return tuple(Entry(path=each["relpath"], md5=each["md5"]) for each in entries)


def _stored(store: Path, md5: str) -> Stored:
    """Hash the object and everything that it lists."""
    path = _object(store, md5)
    entries = _entries(store, md5)
    if entries is None:
        return Stored(present=path.is_file(), damaged=(md5,) if path.is_file() else ())
    wanted = {md5: md5} if not md5.endswith(".dir") else {entry.path: entry.md5 for entry in entries}
    missing, damaged = [], []
    for name, each in wanted.items():
        target = _object(store, each)
        try:
            if digest(target, target.parent, "md5") != each:
                damaged.append(name)
        except (OSError, Unreadable):
            missing.append(name)
    present = path.is_file() if md5.endswith(".dir") else not missing
    return Stored(present=present, missing=tuple(missing), damaged=tuple(damaged))


def _versions(git: Git, cache: Path, remote: Path | None) -> tuple[Version, ...]:
    """Return each output as the commits tracked it, newest first."""
    found: list[Version] = []
    for commit in git.commits:
        for blob in commit.changed:
            if blob.text is None or not blob.path.endswith(".dvc") or len(found) >= MOST_VERSIONS:
                continue
            try:
                data = mapping(parse_yaml(blob.text))
            except ForeignText:
                continue
            for out in _outs(blob.path, str(PurePosixPath(blob.path).parent), data.get("outs"), []):
                stores = [cache] if remote is None else [cache, remote]
                entries = next((each for store in stores if (each := _entries(store, out.md5)) is not None), ())
                found.append(
                    Version(
                        commit=commit.sha,
                        path=out.path,
                        md5=out.md5,
                        entries=entries,
                        remote=None if remote is None else _stored(remote, out.md5),
                    )
                )
    return tuple(found)

"""Collect DVC's state from its YAML and the bytes on disk, without importing DVC: no plugin or stage command runs."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from checker.collect.git import Ignored
from checker.collect.reading import CHUNK, HIDDEN, Unreadable, open_file, open_plain, read_plain
from checker.evidence.dvc import Broken, Dvc, Entry, Object, Output, Remote, Stored, Version
from checker.evidence.foreign import LARGEST, ForeignText, mapping, parse_yaml, sequence
from checker.evidence.git import Blob, Git
from checker.text import clean
from checker.workspace import Carried

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
LARGEST_DIR_OBJECT = 16 << 20
MOST_SOURCES = 500
MOST_WALKED = 500_000
MOST_VERSIONS = 200
MOST_ENTRIES = 200_000
LONGEST_HISTORY = 1 << 20
"""So many characters of `.dvc` files are read from the commits."""
MOST_OBJECTS = 20_000
LONGEST_PATH = 1_000
SUMS_OF_OTHERS = {"etag", "checksum"}
"""What DVC notes instead of an MD5 sum where a server or a store names the bytes; nothing here can recompute it."""
NEVER_TRACKED = {".git", ".dvc", ".hg"}
"""What DVC leaves out of a tracked directory."""


def collect_dvc(root: Path, git: Git | None = None, carried: Carried | None = None) -> Dvc:
    """Read the DVC repository in `root`; with `git`, also what the commits tracked and left out.

    Of a submission, cache and remote are what it `carried`: no path that its configuration names is looked at.
    A file of DVC's that cannot be understood is noted and passed over: perhaps nothing needs it.
    """
    folder = root / ".dvc"
    if not folder.is_dir() or folder.is_symlink():
        linked = folder.is_symlink()
        return Dvc(present=linked, problem="`.dvc` is a link to somewhere else" if linked else None)
    try:
        return _read(root, git, carried)
    except Exception as error:
        # Whatever foreign bytes led to: it is the workspace that cannot be read, and that is the learner's turn.
        return Dvc(present=True, problem=clean(f"`.dvc` cannot be read: {type(error).__name__}: {error}"))


def _read(root: Path, git: Git | None, carried: Carried | None) -> Dvc:
    broken: list[Broken] = []
    cache, remotes = configured(root, broken, carried)
    default = next((each for each in remotes if each.default), None)
    stores = _Stores(cache, Path(default.directory) if default and default.directory else None)
    outputs = [output for path in _sources(root) for output in _outputs(root, path, broken)]
    ignored = Ignored(git) if git else None
    read = tuple(_verified(root, output, stores, ignored) for output in outputs)
    versions = tuple(_versions(git, stores)) if git else ()
    return Dvc(
        present=True,
        remotes=remotes,
        outputs=read,
        versions=versions,
        objects=tuple(stores.objects.values()),
        broken=tuple(dict.fromkeys(broken)),
    )


def configured(root: Path, broken: list[Broken], carried: Carried | None = None) -> tuple[Path, tuple[Remote, ...]]:
    """Return the cache and the remotes that `.dvc/config` and `.dvc/config.local` name, or a submission carried."""
    shared, whole = _config(root, ("config",), []), _config(root, ("config", "config.local"), broken)
    cache = (None if carried else _folder(root, _option(whole, "cache", "dir"))) or root / ".dvc" / "cache"
    default = _option(whole, "core", "remote")
    found = []
    for section in whole.sections():
        if match := re.fullmatch(r"'?remote \"(.+)\"'?", section):
            url = _option(whole, section, "url")
            folder = _folder(root, url, carried) if not carried or match[1] == default else None
            found.append(
                Remote(
                    name=match[1],
                    url=url,
                    default=match[1] == default,
                    committable=shared.has_section(section) and _option(shared, "core", "remote") == default,
                    directory=str(folder) if folder else None,
                    exists=folder is not None and folder.is_dir(),
                    shares_cache=folder is not None and _overlap(folder, cache.resolve()),
                )
            )
    return cache.resolve(), tuple(found)


def _config(root: Path, names: tuple[str, ...], broken: list[Broken]) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    for name in names:
        try:
            parser.read_string(read_plain(root / ".dvc" / name, root, LARGEST).decode("utf-8"))
        except FileNotFoundError:
            continue
        except (Unreadable, OSError, UnicodeDecodeError, configparser.Error) as error:
            broken.append(_broken(f".dvc/{name}", f"cannot be read: {clean(error, 120)}"))
    return parser


def _option(parser: configparser.ConfigParser, section: str, name: str) -> str:
    value = (parser.get(section, name, fallback="") or "").strip()
    if quoted := re.match(r"""(["'])(.*?)\1""", value):
        return quoted[2]
    return re.split(r"\s*#", value, maxsplit=1)[0]


def _folder(root: Path, url: str, carried: Carried | None = None) -> Path | None:
    """Return the local folder that `url` names, as DVC reads it: from `.dvc`, and `~` is home."""
    if not url or "://" in url or "\0" in url or len(url) > LONGEST_PATH:
        return None
    if carried:
        return carried.remote
    try:
        return (root / ".dvc" / Path(url).expanduser()).resolve()
    except (OSError, RuntimeError):  # a loop of links, an unknown `~user`
        return None


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _sources(root: Path) -> Iterator[str]:
    """Yield the `.dvc` files and `dvc.lock` files below `root`, sorted folder by folder."""
    walked = found = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in HIDDEN)
        for name in sorted(files):
            walked += 1
            if walked > MOST_WALKED or found >= MOST_SOURCES:
                return
            if name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc"):
                found += 1
                yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")  # noqa: PTH118


def _broken(source: str, problem: str) -> Broken:
    return Broken(source=clean(source, LONGEST_PATH), problem=f"`{clean(source, 120)}` {problem}")


def _outputs(root: Path, path: str, broken: list[Broken]) -> list[Output]:
    """Return what a `.dvc` file or a `dvc.lock` tracks."""
    if not _is_name(path):
        broken.append(_broken(path, "has a name that is no text, or is too long"))
        return []
    try:
        data = parse_yaml(read_plain(root / path, root, LARGEST).decode("utf-8"))
        if not isinstance(data, dict):
            raise ForeignText("no mapping of names to values", "what DVC writes")
    except (Unreadable, OSError, UnicodeDecodeError, ForeignText) as error:
        broken.append(_broken(path, f"{'is ' if isinstance(error, ForeignText) else ''}{clean(error, 160)}"))
        return []
    return list(_parsed(path, mapping(data), broken))


def _parsed(source: str, data: dict[str, Any], broken: list[Broken]) -> Iterator[Output]:
    folder = posixpath.dirname(source)
    if PurePosixPath(source).name == "dvc.lock":
        for stage in mapping(data.get("stages")).values():
            yield from _outs(source, folder, mapping(stage).get("outs"), broken)
        return
    wdir = data.get("wdir", ".")
    yield from _outs(source, posixpath.join(folder, wdir if isinstance(wdir, str) else "."), data.get("outs"), broken)


def _outs(source: str, folder: str, outs: Any, broken: list[Broken]) -> Iterator[Output]:
    for out in map(mapping, sequence(outs)):
        relative, md5 = out.get("path"), out.get("md5")
        if md5 is None and not SUMS_OF_OTHERS.isdisjoint(out):
            continue
        if not isinstance(relative, str) or not isinstance(md5, str) or not MD5.fullmatch(md5):
            broken.append(_broken(source, "names an output without a path and an MD5 sum"))
            continue
        path = posixpath.normpath(posixpath.join(folder, relative))
        if path.startswith("/") or path.split("/")[0] == "..":
            broken.append(_broken(source, "names an output outside the workspace"))
        elif not _is_name(path):
            broken.append(_broken(source, "names an output that can be no file"))
        else:
            yield Output(source=source, path=path, md5=md5, cached=out.get("cache") is not False)


def _is_name(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in path and 0 < len(path) <= LONGEST_PATH


def _verified(root: Path, output: Output, stores: _Stores, ignored: Ignored | None) -> Output:
    read = output.model_copy(
        update={
            "workspace_md5": md5_now(root / output.path, root),
            "entries": stores.entries(output.md5),
            "cache": stores.in_cache(output.md5),
            "remote": stores.in_remote(output.md5),
        }
    )
    if ignored is None:
        return read
    return read.model_copy(update={"exposed": tuple(path for path in read.files if not ignored(path))})


def ignored_by_dvc(root: Path) -> Ignored | None:
    """Return what `.dvcignore` in the root leaves out of directories, or None where there is no such file."""
    try:
        text = read_plain(root / ".dvcignore", root, LARGEST).decode("utf-8")
    except (FileNotFoundError, Unreadable, OSError, UnicodeDecodeError):
        return None
    # The same patterns as git's.
    return Ignored(Git(head=(Blob(path=".gitignore", sha="", size=len(text), text=text),)))


def md5_now(path: Path, root: Path, ignored: Ignored | None = None) -> str | None:
    """Return the MD5 sum that DVC gives the bytes at `path` now, or None where nothing readable is.

    What is `ignored` is left out of a directory; without it, all of the directory counts.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            return _sum(open_plain(path, root))
        if path.resolve() != root.resolve() / path.relative_to(root):
            return None
        entries = []
        for folder, folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
            folders[:] = [name for name in folders if name not in NEVER_TRACKED]
            prefix = "" if folder == str(path) else os.path.relpath(folder, path).replace(os.sep, "/") + "/"
            inside = "" if ignored is None else os.path.relpath(folder, root).replace(os.sep, "/")
            for name in files:
                if ignored is not None and ignored(f"{inside}/{name}".removeprefix("./")):
                    continue
                entries.append({"md5": _sum(open_file(name, descriptor)), "relpath": prefix + name})
                if len(entries) > MOST_ENTRIES:
                    return None
        # By the whole path as text, as DVC does: `a-b` comes before `a/b`.
        entries.sort(key=lambda entry: entry["relpath"])
        listing = json.dumps(entries, sort_keys=True).encode()
    except (OSError, Unreadable, ValueError):
        return None
    return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"


def _sum(file: BinaryIO) -> str:
    with file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()  # type: ignore[arg-type]


class _Store:
    """A cache or a remote in a resolved folder. Every object is hashed once, however often it is named."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, Object | str] = {}
        self._straight: dict[Path, bool] = {}
        self._listings: dict[str, tuple[Entry, ...] | None] = {}
        self._entries = 0

    def _path(self, md5: str) -> Path:
        return self.folder / "files" / "md5" / md5[:2] / md5[2:]

    def _open(self, md5: str) -> BinaryIO:
        """Open an object; what lies behind a link is another store's."""
        path = self._path(md5)
        if path.parent not in self._straight:
            self._straight[path.parent] = path.parent.resolve() == path.parent
        if not self._straight[path.parent]:
            raise Unreadable("lies behind a link")
        return open_file(path)

    def object(self, md5: str) -> Object | str:
        """Return the whole object of that name, or `missing` or `damaged`."""
        if md5 not in self._found:
            self._found[md5] = self._hashed(md5)
        return self._found[md5]

    def _hashed(self, md5: str) -> Object | str:
        sum_, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        try:
            with self._open(md5) as file:
                while chunk := file.read(CHUNK):
                    sum_.update(chunk)
                    sha256.update(chunk)
                    size += len(chunk)
        except (OSError, Unreadable):
            return "missing"
        if sum_.hexdigest() != md5.removesuffix(".dir"):
            return "damaged"
        return Object(md5=md5, sha256=sha256.hexdigest(), size=size)

    def listing(self, md5: str) -> tuple[Entry, ...] | None:
        """Return what a `.dir` object lists; None when it is missing, damaged or no such list."""
        if md5 not in self._listings:
            self._listings[md5] = self._listed(md5)
        return self._listings[md5]

    def _listed(self, md5: str) -> tuple[Entry, ...] | None:
        if isinstance(self.object(md5), str) or self._entries > MOST_ENTRIES:
            return None
        try:
            with self._open(md5) as file:
                listed = json.loads(file.read(LARGEST_DIR_OBJECT))
        except (OSError, Unreadable, ValueError, RecursionError):
            return None
        self._entries += len(sequence(listed))
        if not isinstance(listed, list) or self._entries > MOST_ENTRIES:
            return None
        entries = []
        for each in map(mapping, listed):
            path, sum_ = each.get("relpath"), each.get("md5")
            if not isinstance(path, str) or not isinstance(sum_, str) or not _is_name(path):
                return None
            if not re.fullmatch(r"[0-9a-f]{32}", sum_):
                return None
            entries.append(Entry(path=path, md5=sum_))
        return tuple(entries)

    def stored(self, md5: str) -> Stored:
        """Hash the object and everything that it lists."""
        own = self.object(md5)
        if not md5.endswith(".dir"):
            return Stored(
                present=own != "missing",
                missing=(md5,) if own == "missing" else (),
                damaged=(md5,) if own == "damaged" else (),
            )
        entries = self.listing(md5)
        if entries is None:
            return Stored(
                present=own != "missing",
                missing=(md5,) if own == "missing" else (),
                damaged=() if own == "missing" else (md5,),
            )
        return Stored(
            present=True,
            missing=tuple(entry.path for entry in entries if self.object(entry.md5) == "missing"),
            damaged=tuple(entry.path for entry in entries if self.object(entry.md5) == "damaged"),
        )

    def whole(self) -> Iterator[Object]:
        """Yield the whole objects that were asked for and are no listings."""
        return (each for md5, each in self._found.items() if isinstance(each, Object) and not md5.endswith(".dir"))


class _Stores:
    """The cache and the default remote of a repository."""

    def __init__(self, cache: Path, remote: Path | None) -> None:
        self._cache, self._remote = _Store(cache), _Store(remote) if remote else None
        self._kept = 0
        self._memory: dict[tuple[bool, str], Stored] = {}

    def in_cache(self, md5: str) -> Stored:
        """Whether the cache holds it."""
        return self._remembered(self._cache, md5)

    def in_remote(self, md5: str) -> Stored | None:
        """Whether the default remote holds it; None where there is no local one."""
        return self._remembered(self._remote, md5) if self._remote else None

    def _remembered(self, store: _Store, md5: str) -> Stored:
        key = (store is self._cache, md5)
        if key not in self._memory:
            self._memory[key] = store.stored(md5)
        return self._memory[key]

    def entries(self, md5: str) -> tuple[Entry, ...]:
        """Return what a directory holds, as the cache or else the remote lists it."""
        if not md5.endswith(".dir"):
            return ()
        listed = self._cache.listing(md5)
        if listed is None and self._remote:
            listed = self._remote.listing(md5)
        self._kept += len(listed or ())
        return listed or () if self._kept <= MOST_ENTRIES else ()

    @property
    def objects(self) -> dict[str, Object]:
        """The whole objects by their MD5 sum, from either store."""
        stores = (self._cache, self._remote) if self._remote else (self._cache,)
        found = {each.md5: each for store in stores for each in store.whole()}
        return dict(list(found.items())[:MOST_OBJECTS])


def _versions(git: Git, stores: _Stores) -> Iterator[Version]:
    """Yield each output as the commits made it, newest first."""
    count, left = 0, LONGEST_HISTORY
    for commit in git.commits:
        for blob in commit.changed:
            if blob.text is None or not (blob.path.endswith(".dvc") or PurePosixPath(blob.path).name == "dvc.lock"):
                continue
            left -= len(blob.text)
            if left < 0:
                return
            try:
                outputs = list(_parsed(blob.path, mapping(parse_yaml(blob.text)), []))
            except ForeignText:
                continue
            for out in outputs:
                count += 1
                if count > MOST_VERSIONS:
                    return
                yield Version(
                    commit=commit.sha,
                    source=out.source,
                    path=out.path,
                    md5=out.md5,
                    entries=stores.entries(out.md5),
                    cache=stores.in_cache(out.md5),
                    remote=stores.in_remote(out.md5),
                )

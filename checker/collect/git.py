"""Collect a git repository with parts of dulwich that only read objects and references.

Neither git nor dulwich's `Repo` is used: no configuration is read, so no include, hook, filter, monitor
or other command that a `.git/config` names can run or be read, and every object is hashed before it counts.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.reading import Unreadable, matcher, read_plain
from checker.evidence.git import Blob, Commit, Git
from checker.text import clean

if TYPE_CHECKING:
    from dulwich.ignore import Pattern
    from dulwich.objects import Commit as GitCommit
    from dulwich.refs import DiskRefsContainer

MOST_COMMITS = 2_000
MOST_CHANGES = 50_000
MOST_PATHS = 20_000
MOST_FILES = 200_000
LARGEST_TEXT = 64 << 10
LARGEST_REFERENCES = 16 << 20
LARGEST_HASHED = 256 << 20
MOST_HASHED = 2 << 30
"""So many bytes of all objects together; a tree that is met again counts again, for trees can nest endlessly."""
LOOK = 32 << 10
"""What looking at an object costs beside its bytes."""
MOST_PATTERNS = 1_000
LONGEST_PATTERN = 1_000
MOST_STEPS = 1_000_000_000
MOST_STEPS_AT_ONCE = 5_000_000
TEXT_SUFFIXES = (".dvc", "dvc.lock", "dvc.yaml", ".gitignore", "params.yaml", ".dvc/config")
BORROWED = {
    "objects/info/alternates": "it borrows objects from another repository (objects/info/alternates)",
    "commondir": "it is a part of another repository (commondir)",
    "shallow": "it is a shallow clone; its history is cut off",
}
SHARED = (b"refs/heads/", b"refs/tags/", b"refs/remotes/")


class Broken(Exception):
    """The repository cannot be read; the message says why."""


def collect_git(root: Path) -> Git:
    """Read the repository whose `.git` lies directly in `root`."""
    folder = root / ".git"
    if not os.path.lexists(folder):
        return Git()
    try:
        _refuse_unsafe(folder)
        return _read(root)
    except Broken as error:
        return Git(present=True, problem=str(error))
    except Exception as error:
        # dulwich raises whatever a broken object leads it to; none of it is the checker's fault.
        return Git(present=True, problem=clean(f"{type(error).__name__}: {error}"))


def committed(root: Path, patterns: tuple[str, ...], largest: int) -> dict[str, bytes]:
    """Return the plain files of the last commit that one of the globs matches, as that commit has them.

    Raises:
        Unreadable: the repository cannot be read, or they have more than `largest` bytes together.
    """
    from dulwich.refs import DiskRefsContainer

    folder, pattern = root / ".git", matcher(patterns)
    if not os.path.lexists(folder):
        return {}
    found: dict[str, bytes] = {}
    left = largest
    try:
        _refuse_unsafe(folder)
        objects = _Objects(folder)
        with closing(objects.store):
            objects.refuse_large()
            head_name: Any = b"HEAD"
            refs = DiskRefsContainer(str(folder))
            try:
                head = refs[head_name]
            except KeyError:
                return {}
            for path, sha in sorted(_tree(objects, objects[head].tree).items()):
                if pattern.fullmatch(path):
                    left -= objects.blob(path, sha).size
                    if left < 0:
                        raise Unreadable(f"have more than {largest >> 20} MiB together")
                    found[path] = objects.store.get_raw(sha)[1]  # type: ignore[arg-type]
    except Unreadable:
        raise
    except Exception as error:
        # As above: dulwich raises whatever a broken object leads it to.
        raise Unreadable(f"cannot be read from the last commit: {clean(error, 200)}") from error
    return found


def _refuse_unsafe(folder: Path) -> None:
    """Refuse what would lead the reader out of the folder, or make it wait: links, pipes, borrowed objects."""
    if folder.is_symlink() or not folder.is_dir():
        raise Broken("`.git` is no folder but points elsewhere (a link, a worktree or a separate git directory)")
    for name, reason in BORROWED.items():
        if os.path.lexists(folder / name):
            raise Broken(reason)
    if os.path.lexists(folder / "reftable"):
        raise Broken("its references are in the format `reftable`; begin anew with `git init --ref-format=files`")
    waiting, count = [str(folder)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                mode = entry.stat(follow_symlinks=False).st_mode
                inside = os.path.relpath(entry.path, folder)
                if count > MOST_FILES:
                    raise Broken(f"`.git` holds more than {MOST_FILES} files")
                if stat.S_ISDIR(mode):
                    # Hooks are often links, and nothing here reads them.
                    if inside != "hooks":
                        waiting.append(entry.path)
                elif not stat.S_ISREG(mode) and not stat.S_ISSOCK(mode):
                    raise Broken(f"`.git/{clean(inside, 100)}` is a link or no plain file")
                elif _is_reference(inside) and entry.stat(follow_symlinks=False).st_size > LARGEST_REFERENCES:
                    raise Broken(f"`.git/{clean(inside, 100)}` is far too large")


def _is_reference(inside: str) -> bool:
    return inside in ("HEAD", "packed-refs") or inside.startswith("refs" + os.sep)


class _Objects:
    """The objects of a repository, each hashed when it is read; `blob` remembers what it made."""

    def __init__(self, folder: Path) -> None:
        from dulwich.object_store import DiskObjectStore

        self.store = DiskObjectStore(str(folder / "objects"), loose_object_size_limit=LARGEST_HASHED)
        self._left = MOST_HASHED
        self._seen: set[bytes] = set()
        self._blobs: dict[bytes, tuple[int, str | None]] = {}

    def refuse_large(self) -> None:
        """Raise where a pack holds an object that nobody wants in memory; dulwich unpacks whatever it is asked for."""
        for pack in self.store.packs:
            if any(size > LARGEST_HASHED for size in _sizes(pack)):
                raise Broken(f"a pack holds an object of more than {LARGEST_HASHED >> 20} MiB")

    def __getitem__(self, sha: Any) -> Any:
        """Return a commit, tree or blob: what the walks of dulwich ask for."""
        found = self.store[sha]
        self._spend(found.raw_length())
        if found.id not in self._seen:
            _verify(sha, found.type_name, found.as_raw_string())
            self._seen.add(found.id)
        return found

    def blob(self, path: str, sha: Any) -> Blob:
        """Return the record of a file; its text is kept where it is DVC's and small."""
        if sha not in self._blobs:
            kind, content = self.store.get_raw(sha)
            if kind != 3:
                raise Broken(f"object {clean(sha.decode('ascii', 'replace'))} is no file")
            self._spend(len(content))
            _verify(sha, b"blob", content)
            text = content.decode("utf-8", "replace") if len(content) <= LARGEST_TEXT else None
            self._blobs[sha] = len(content), text
        size, text = self._blobs[sha]
        keep = path.endswith(TEXT_SUFFIXES)
        return Blob(path=path, sha=sha.decode(), size=size, text=text if keep else None)

    def _spend(self, size: int) -> None:
        self._left -= size + LOOK
        if self._left < 0:
            raise Broken("its history leads to far too many objects")


def _sizes(pack: Any) -> Iterator[int]:
    """Yield how large the objects of a pack say that they are, without unpacking them; see gitformat-pack(5)."""
    file = pack.data._file
    for _, offset, _ in pack.index.iterentries():
        file.seek(offset)
        head = file.read(512)
        size, place = _number(head, 0, first=4)
        kind = head[0] >> 4 & 7
        if kind in (6, 7):  # a delta, whose own beginning tells the sizes before and after
            place = place + 20 if kind == 7 else next(at for at in range(place, 512) if head[at] < 128) + 1
            told = zlib.decompressobj().decompress(head[place:], 20)
            before, place = _number(told, 0)
            size = max(size, before, _number(told, place)[0])
        yield size


def _number(content: bytes, place: int, first: int = 7) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends; of its first byte fewer count."""
    value, shift = content[place] & (1 << first) - 1, first
    while content[place] & 128:
        place += 1
        value |= (content[place] & 127) << shift
        shift += 7
    return value, place + 1


def _verify(sha: bytes, kind: bytes, content: bytes) -> None:
    digest = hashlib.sha1(kind + b" %d\0" % len(content) + content, usedforsecurity=False)
    if digest.hexdigest().encode() != sha:
        raise Broken(f"object {clean(sha.decode('ascii', 'replace'))} holds other bytes than its name says")


def _read(root: Path) -> Git:
    from dulwich.refs import DiskRefsContainer

    folder = root / ".git"
    refs = DiskRefsContainer(str(folder))
    head_name: Any = b"HEAD"
    branch = dict(refs.get_symrefs()).get(head_name, b"").removeprefix(b"refs/heads/").decode("utf-8", "replace")
    try:
        head = refs[head_name]
    except KeyError:
        return Git(present=True, branch=branch or None)
    objects = _Objects(folder)
    try:
        objects.refuse_large()
        walked = list(_walk(objects, [head]))
        own = {commit.id for commit in walked}
        others = [commit for commit in _walk(objects, _tips(objects, refs)) if commit.id not in own]
        budget = [MOST_CHANGES]
        tree = _tree(objects, walked[0].tree)
        blobs = tuple(objects.blob(path, sha) for path, sha in sorted(tree.items()))
        return Git(
            present=True,
            branch=branch or None,
            commits=tuple(_commit(objects, commit, budget) for commit in walked),
            elsewhere=tuple(_commit(objects, commit, budget) for commit in others),
            head=blobs,
            modified=tuple(_modified(root, blobs)),
        )
    finally:
        objects.store.close()


def _tips(objects: _Objects, refs: DiskRefsContainer) -> list[bytes]:
    """Return the commits that branches and tags name."""
    tips = []
    for name in sorted(refs.allkeys()):
        if not name.startswith(SHARED):
            continue
        found = objects[refs[name]]
        for _ in range(10):
            if found.type_name != b"tag":
                break
            found = objects[found.object[1]]
        if found.type_name == b"commit":
            tips.append(found.id)
    return tips


def _walk(objects: _Objects, tips: Iterable[Any]) -> Iterator[GitCommit]:
    """Yield every commit that `tips` lead to, each before its parents, and the newer ones first."""
    import heapq

    commits: dict[bytes, GitCommit] = {}
    waiting = list(tips)
    while waiting:
        sha = waiting.pop()
        if sha in commits:
            continue
        commit = objects[sha]
        if commit.type_name != b"commit":
            raise Broken(f"object {clean(sha.decode('ascii', 'replace'))} is no commit")
        commits[sha] = commit
        waiting += commit.parents
        if len(commits) > MOST_COMMITS:
            raise Broken(f"its history holds more than {MOST_COMMITS} commits")
    children = dict.fromkeys(commits, 0)
    for commit in commits.values():
        for parent in commit.parents:
            children[parent] += 1
    ready = [(-commits[sha].commit_time, sha) for sha, count in children.items() if not count]
    heapq.heapify(ready)
    while ready:
        _, sha = heapq.heappop(ready)
        yield commits[sha]
        for parent in commits[sha].parents:
            children[parent] -= 1
            if not children[parent]:
                heapq.heappush(ready, (-commits[parent].commit_time, parent))


def _tree(objects: _Objects, tree: Any) -> dict[str, bytes]:
    """Return path -> object of every plain file in a tree."""
    from dulwich.object_store import iter_tree_contents

    found: dict[str, bytes] = {}
    for entry in iter_tree_contents(objects, tree):  # type: ignore[arg-type]
        if entry.mode is not None and entry.path is not None and stat.S_ISREG(entry.mode) and entry.sha is not None:
            found[entry.path.decode("utf-8", "replace")] = entry.sha
        if len(found) > MOST_PATHS:
            raise Broken(f"its last commit holds more than {MOST_PATHS} files")
    return found


def _commit(objects: _Objects, commit: GitCommit, budget: list[int]) -> Commit:
    """Return the record of a commit with what it changed against its first parent."""
    from dulwich.diff_tree import tree_changes

    before = objects[commit.parents[0]].tree if commit.parents else None
    changed, removed = {}, set()
    for change in tree_changes(objects, before, commit.tree):  # type: ignore[arg-type]
        budget[0] -= 1
        if budget[0] < 0:
            raise Broken(f"its history changes more than {MOST_CHANGES} files")
        old, new = change.old, change.new
        if new is not None and new.path is not None and new.mode is not None and stat.S_ISREG(new.mode):
            changed[new.path.decode("utf-8", "replace")] = new.sha
        elif old is not None and old.path is not None:
            removed.add(old.path.decode("utf-8", "replace"))
    return Commit(
        sha=commit.id.decode(),
        parents=tuple(parent.decode() for parent in commit.parents),
        subject=commit.message.decode("utf-8", "replace").split("\n", 1)[0][:200],
        author=commit.author.decode("utf-8", "replace")[:200],
        time=datetime.fromtimestamp(min(max(commit.commit_time, 0), 1 << 34), UTC),
        changed=tuple(objects.blob(path, changed[path]) for path in sorted(changed)),
        removed=tuple(sorted(removed)),
    )


def _modified(root: Path, blobs: tuple[Blob, ...]) -> Iterator[str]:
    """Yield the tracked files whose bytes in the workspace differ from the last commit, or are gone."""
    for blob in blobs:
        try:
            content = read_plain(root / blob.path, root, LARGEST_HASHED)
            _same(blob.sha, content)
        except (OSError, Unreadable, ValueError, Broken):
            yield blob.path


def _same(sha: str, content: bytes) -> None:
    """Raise unless `content` is the object `sha`, with line ends as git may have changed them."""
    try:
        _verify(sha.encode(), b"blob", content)
    except Broken:
        _verify(sha.encode(), b"blob", content.replace(b"\r\n", b"\n"))


class Ignored:
    """What the `.gitignore` files of the last commit leave out, with the patterns as dulwich reads them.

    Called with the path of a file. Neither the workspace nor its settings are asked. What lies beyond the limits
    above, on patterns and on the steps that regular expressions may need for them, leaves nothing out.
    """

    def __init__(self, git: Git) -> None:
        self._patterns: dict[str, list[tuple[Pattern, int]]] = {}
        self._folders: dict[str, bool] = {}
        self._steps = MOST_STEPS
        left = MOST_PATTERNS
        for blob in git.head:
            folder, name = posixpath.split(blob.path)
            if name == ".gitignore" and blob.text:
                self._patterns[folder] = list(islice(_patterns(blob.text), left))
                left -= len(self._patterns[folder])

    def __call__(self, path: str) -> bool:
        """Whether they leave out the file `path`, or a folder above it: nothing in such a folder comes back."""
        for slash in re.finditer("/", path):
            folder = path[: slash.start()]
            if folder not in self._folders:
                self._folders[folder] = self._excluded(folder, is_folder=True)
            if self._folders[folder]:
                return True
        return self._excluded(path, is_folder=False)

    def _excluded(self, path: str, *, is_folder: bool) -> bool:
        """Whether the last pattern that matches, in the file nearest to `path` that has one, leaves it out."""
        parts = path.split("/")
        for depth in reversed(range(len(parts))):
            name = "/".join(parts[depth:]).encode("utf-8", "replace")
            for pattern, stars in reversed(self._patterns.get("/".join(parts[:depth]), ())):
                steps = comb(len(name) + stars, stars)
                if steps > MOST_STEPS_AT_ONCE:
                    continue
                self._steps -= steps
                if self._steps < 0:
                    return False
                if pattern.matches(name, is_folder):
                    return pattern.is_exclude
        return False


def _patterns(text: str) -> Iterator[tuple[Pattern, int]]:
    """Yield the patterns of a `.gitignore`, each with the number of stars between which a path can be shared out."""
    from dulwich.ignore import Pattern, read_ignore_patterns
    from dulwich.wildmatch import MalformedPattern

    for line in read_ignore_patterns(BytesIO(text.removeprefix("\ufeff").encode("utf-8", "replace"))):
        if len(line) <= LONGEST_PATTERN:
            # To git, more stars than two by themselves are two.
            line = re.sub(rb"(^!?|/)\*{3,}(?=/|$)", rb"\1**", line)  # noqa: PLW2901 - the same pattern
            with suppress(MalformedPattern, re.error):
                yield Pattern(line), len(re.findall(rb"\*+", line)) - line.split(b"/").count(b"*")

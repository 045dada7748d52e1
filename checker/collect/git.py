"""Collect a git repository with dulwich, which only reads: no hook, filter or config command runs."""

from __future__ import annotations

import itertools
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.collect.reading import Unreadable, read_plain
from checker.evidence.git import Blob, Commit, Git

if TYPE_CHECKING:
    from dulwich.objects import Commit as GitCommit
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo

MOST_COMMITS = 500
MOST_PATHS = 20_000
LARGEST_TEXT = 64 << 10
HEAD: Any = b"HEAD"
LARGEST_HASHED = 256 << 20
TEXT_SUFFIXES = (".dvc", "dvc.lock", "dvc.yaml", ".gitignore", "params.yaml")


def collect_git(root: Path) -> Git:
    """Read the repository whose `.git` lies directly in `root`."""
    folder = root / ".git"
    if folder.is_symlink() or not folder.is_dir():
        return Git()
    if (folder / "objects" / "info" / "alternates").exists():
        return Git(present=True, problem="it borrows objects from another repository (objects/info/alternates)")
    from dulwich.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return _read(repo, root)
    except Exception as error:
        # dulwich raises whatever a broken object leads it to; none of it is the checker's fault.
        return Git(present=True, problem=f"{type(error).__name__}: {error}")


def _read(repo: Repo, root: Path) -> Git:
    branch = dict(repo.refs.get_symrefs()).get(HEAD, b"").removeprefix(b"refs/heads/").decode("utf-8", "replace")
    try:
        head = repo.head()
    except KeyError:
        return Git(present=True, branch=branch or None)
    walker = (entry.commit for entry in repo.get_walker(include=[head], max_entries=MOST_COMMITS))
    commits = tuple(_commit(repo, commit) for commit in walker)
    tree = _tree(repo, repo[head].tree)  # type: ignore[attr-defined]
    blobs = tuple(_blob(repo, path, sha) for path, sha in sorted(tree.items()))
    return Git(present=True, branch=branch or None, commits=commits, head=blobs, modified=_modified(root, blobs))


def _tree(repo: Repo, tree: ObjectID) -> dict[str, ObjectID]:
    """Return path -> object of every file in a tree."""
    from dulwich.object_store import iter_tree_contents

    entries = itertools.islice(iter_tree_contents(repo.object_store, tree), MOST_PATHS)
    return {
        entry.path.decode("utf-8", "replace"): entry.sha
        for entry in entries
        if entry.mode is not None and stat.S_ISREG(entry.mode)
    }


def _commit(repo: Repo, commit: GitCommit) -> Commit:
    now = _tree(repo, commit.tree)
    parents = commit.parents
    before = _tree(repo, repo[parents[0]].tree) if parents else {}  # type: ignore[attr-defined]
    changed = sorted(path for path, sha in now.items() if before.get(path) != sha)
    return Commit(
        sha=commit.id.decode(),
        subject=commit.message.decode("utf-8", "replace").split("\n", 1)[0][:200],
        author=commit.author.decode("utf-8", "replace")[:200],
        time=datetime.fromtimestamp(min(max(commit.commit_time, 0), 1 << 34), UTC),
        changed=tuple(_blob(repo, path, now[path]) for path in changed),
        removed=tuple(sorted(set(before) - set(now))),
    )


def _blob(repo: Repo, path: str, sha: ObjectID) -> Blob:
    content = repo.object_store.get_raw(sha)[1]
    keep = path.endswith(TEXT_SUFFIXES) and len(content) <= LARGEST_TEXT
    text = content.decode("utf-8", "replace") if keep else None
    return Blob(path=path, sha=sha.decode(), size=len(content), text=text)


def _modified(root: Path, blobs: tuple[Blob, ...]) -> tuple[str, ...]:
    """Return the tracked files whose bytes in the workspace differ from the last commit, or are gone."""
    from dulwich.objects import Blob as GitBlob

    different = []
    for blob in blobs:
        path = root / blob.path
        try:
            content = read_plain(path, root, LARGEST_HASHED)
        except (OSError, Unreadable):
            if not (path.is_symlink() and os.path.lexists(path)):
                different.append(blob.path)
            continue
        if GitBlob.from_string(content).id.decode() != blob.sha:
            different.append(blob.path)
    return tuple(different)

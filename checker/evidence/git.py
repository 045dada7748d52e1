"""A git repository: its commits, what they hold, and what differs from the last one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from checker.errors import Failed
from checker.evidence.base import Record


class Blob(Record):
    """One file in a commit: `sha` is git's own object name, `size` in bytes; `text` is kept for DVC's."""

    path: str
    sha: str
    size: int
    text: str | None = None


class Commit(Record):
    """One commit, with the files that it added or changed against its first parent."""

    sha: str
    parents: tuple[str, ...] = ()
    subject: str
    author: str
    time: datetime
    changed: tuple[Blob, ...] = ()
    removed: tuple[str, ...] = ()


class Git(Record):
    """The repository of a workspace.

    `commits` are all that lead to HEAD, each before its parents; `elsewhere` are those that only other
    branches and tags hold. `head` is what the last commit holds, `modified` what differs from it on disk.
    """

    present: bool = False
    problem: str | None = None
    branch: str | None = None
    commits: tuple[Commit, ...] = ()
    elsewhere: tuple[Commit, ...] = ()
    head: tuple[Blob, ...] = ()
    modified: tuple[str, ...] = ()

    def require(self) -> Git:
        """Return itself; the check fails when there is no readable repository with a commit."""
        if not self.present:
            raise Failed(
                "no git repository in the workspace",
                expected="a repository of its own",
                next_step="run `git init` in the workspace",
            )
        if self.problem:
            raise Failed(
                f"the git repository cannot be read: {self.problem}",
                expected="a repository that `git fsck` passes",
                next_step="run `git fsck` in the workspace; `checker start DAY --reset` begins anew and keeps a copy",
            )
        if not self.commits:
            raise Failed(
                "the repository has no commit",
                expected="at least one commit",
                next_step="run `git add` and `git commit`",
            )
        return self

    def tracked(self, path: str) -> Blob | None:
        """Return the file as the last commit holds it, or None."""
        return next((blob for blob in self.head if blob.path == path), None)

    def versions(self, path: str) -> tuple[Blob, ...]:
        """Return what the commits made of `path`, newest first."""
        return tuple(blob for commit in self.commits for blob in commit.changed if blob.path == path)

    def everything(self) -> Iterator[tuple[Commit, Blob]]:
        """Yield each file that any commit on any branch or tag added or changed."""
        for commit in (*self.commits, *self.elsewhere):
            for blob in commit.changed:
                yield commit, blob

    def ancestors(self, sha: str) -> set[str]:
        """Return the names of all commits that come before `sha`."""
        parents = {commit.sha: commit.parents for commit in self.commits}
        found: set[str] = set()
        waiting = [*parents.get(sha, ())]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += parents.get(each, ())
        return found

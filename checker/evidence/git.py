"""A git repository: its commits, what they hold, and what differs from the last one."""

from __future__ import annotations

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
    subject: str
    author: str
    time: datetime
    changed: tuple[Blob, ...] = ()
    removed: tuple[str, ...] = ()


class Git(Record):
    """The repository of a workspace. `commits` run from the newest to the oldest along all parents of HEAD."""

    present: bool = False
    problem: str | None = None
    branch: str | None = None
    commits: tuple[Commit, ...] = ()
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
                next_step="run `git fsck` in the workspace",
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

    def largest(self) -> Blob | None:
        """Return the largest file in the whole history, or None."""
        blobs = [blob for commit in self.commits for blob in commit.changed]
        return max(blobs, key=lambda blob: blob.size, default=None)

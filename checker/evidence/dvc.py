"""DVC's state, read from its text files and recomputed from the bytes that they speak of."""

from __future__ import annotations

from checker.errors import Failed
from checker.evidence.base import Record


class Entry(Record):
    """One file of a tracked directory, as its `.dir` object lists it."""

    path: str
    md5: str


class Stored(Record):
    """Whether a store holds an object: `missing` and `damaged` name paths whose object is absent or has other bytes."""

    present: bool = False
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the object and everything it lists is there, with the right bytes."""
        return self.present and not self.missing and not self.damaged


class Output(Record):
    """A tracked file or directory. `md5` is what the text file claims; `workspace_md5` what the bytes say now."""

    source: str
    path: str
    md5: str
    cached: bool = True
    workspace_md5: str | None = None
    entries: tuple[Entry, ...] = ()
    cache: Stored = Stored()
    remote: Stored | None = None

    @property
    def current(self) -> bool:
        """Whether the workspace holds exactly the bytes that are tracked."""
        return self.workspace_md5 == self.md5


class Remote(Record):
    """A configured remote; `directory` is its absolute path when it is a local folder that exists."""

    name: str
    url: str
    default: bool = False
    directory: str | None = None


class Version(Record):
    """An output as an older commit tracked it; `remote` says whether the default remote still holds it."""

    commit: str
    path: str
    md5: str
    entries: tuple[Entry, ...] = ()
    remote: Stored | None = None


class Dvc(Record):
    """The DVC repository of a workspace. `problems` are files that could not be understood, in words."""

    present: bool = False
    remotes: tuple[Remote, ...] = ()
    outputs: tuple[Output, ...] = ()
    versions: tuple[Version, ...] = ()
    problems: tuple[str, ...] = ()

    def require(self) -> Dvc:
        """Return itself; the check fails when DVC was not set up or its files cannot be understood."""
        if not self.present:
            raise Failed(
                "no DVC repository in the workspace",
                expected="a folder `.dvc` with a config",
                next_step="run `dvc init` in the workspace, after `git init`",
            )
        if self.problems:
            raise Failed(
                self.problems[0],
                expected="files as DVC writes them",
                next_step="run `dvc status`; it names the same file",
            )
        return self

    def output(self, path: str) -> Output | None:
        """Return the tracked output at `path`, or None."""
        return next((output for output in self.outputs if output.path == path), None)

    @property
    def default_remote(self) -> Remote | None:
        """The remote that `dvc push` uses, or None."""
        return next((remote for remote in self.remotes if remote.default), None)

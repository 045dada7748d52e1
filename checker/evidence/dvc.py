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
    """A tracked file or directory. `md5` is what the text file claims; `workspace_md5` what the bytes say now.

    `exposed` are those of its `files` that the `.gitignore` files of the last commit do not leave out; it is
    read only together with git.
    """

    source: str
    path: str
    md5: str
    cached: bool = True
    workspace_md5: str | None = None
    entries: tuple[Entry, ...] = ()
    cache: Stored = Stored()
    remote: Stored | None = None
    exposed: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Return whether `path` is the output, or lies inside it."""
        return self.path in (path, ".") or path.startswith(f"{self.path}/")

    def md5_of(self, path: str) -> str | None:
        """Return the sum under which the file `path` is tracked, or None."""
        return md5_of(path, self.entries, self.path, self.md5)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it tracks: itself, or what the listing of its directory names."""
        if not self.md5.endswith(".dir"):
            return (self.path,)
        return tuple(_inside(self.path, entry.path) for entry in self.entries)

    @property
    def current(self) -> bool:
        """Whether the workspace holds exactly the bytes that are tracked."""
        return self.workspace_md5 == self.md5


class Remote(Record):
    """A configured remote. `directory` is the absolute path of a local folder, whether it `exists` or not.

    `committable` says that it, and that it is the default, stands in `.dvc/config` and not only in
    `config.local`; `shares_cache` that its folder is DVC's own cache, or lies in it or around it.
    """

    name: str
    url: str
    default: bool = False
    committable: bool = True
    directory: str | None = None
    exists: bool = False
    shares_cache: bool = False


class Object(Record):
    """A whole object of the cache or the default remote, hashed both ways: `md5` is the name DVC gives its bytes."""

    md5: str
    sha256: str
    size: int


class Version(Record):
    """An output as a commit made it; `remote` says whether the default remote still holds it."""

    commit: str
    source: str
    path: str
    md5: str
    entries: tuple[Entry, ...] = ()
    cache: Stored = Stored()
    remote: Stored | None = None

    def md5_of(self, path: str) -> str | None:
        """Return the sum under which the file `path` was tracked, or None."""
        return md5_of(path, self.entries, self.path, self.md5)


def md5_of(path: str, entries: tuple[Entry, ...], output_path: str, output_md5: str) -> str | None:
    """Return the sum under which an output tracks the file `path`: as itself, or inside its directory."""
    if output_path == path:
        return output_md5
    return next((entry.md5 for entry in entries if _inside(output_path, entry.path) == path), None)


def _inside(folder: str, path: str) -> str:
    return path if folder == "." else f"{folder}/{path}"


class Broken(Record):
    """A file of DVC's that could not be understood, or not all of it; `problem` is a sentence that names it."""

    source: str
    problem: str


class Dvc(Record):
    """The DVC repository of a workspace.

    `problem` says why nothing of it could be read; `broken` are single files, for the checks that need them.
    `objects` are what the outputs and versions name and a store holds whole.
    """

    present: bool = False
    problem: str | None = None
    remotes: tuple[Remote, ...] = ()
    outputs: tuple[Output, ...] = ()
    versions: tuple[Version, ...] = ()
    objects: tuple[Object, ...] = ()
    broken: tuple[Broken, ...] = ()

    def require(self) -> Dvc:
        """Return itself; the check fails when DVC was not set up or cannot be read at all."""
        if not self.present:
            raise Failed(
                "no DVC repository in the workspace",
                expected="a folder `.dvc` with a config",
                next_step="run `dvc init` in the workspace, after `git init`",
            )
        if self.problem:
            raise Failed(
                self.problem,
                expected="a folder `.dvc` as `dvc init` makes it",
                next_step="run `dvc doctor` in the workspace; `checker start DAY --reset` begins anew and keeps a copy",
            )
        return self

    def output(self, path: str) -> Output | None:
        """Return the tracked output at `path`, or None."""
        return next((output for output in self.outputs if output.path == path), None)

    def covering(self, path: str) -> Output | None:
        """Return the output that is `path` or the directory around it, or None."""
        return next((output for output in self.outputs if output.holds(path)), None)

    def broken_for(self, path: str) -> Broken | None:
        """Return the broken file that may have tracked `path`: by its name if there is one, else the first."""
        pointers = [each for each in self.broken if not each.source.startswith(".dvc/")]
        named = (each for each in pointers if f"{path}/".startswith(each.source.removesuffix(".dvc") + "/"))
        return next(named, pointers[0] if pointers else None)

    def sums(self) -> dict[str, str]:
        """Return SHA-256 -> MD5 of every object: by which name DVC knows some bytes."""
        return {each.sha256: each.md5 for each in self.objects}

    @property
    def default_remote(self) -> Remote | None:
        """The remote that `dvc push` uses, or None."""
        return next((remote for remote in self.remotes if remote.default), None)

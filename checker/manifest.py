"""What a submission says it holds, and the rules for what it may hold: only names that are safe on any system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidationError
from pydantic_core import from_json

from checker.archive import LARGEST_TOTAL, MOST_FILES, Refused
from checker.course import Lab
from checker.errors import CheckerError
from checker.evidence import Identity
from checker.evidence.base import Record
from checker.profiles import Overlay, Profile
from checker.text import clean, plural

FORMAT = 1
MOST_CONTAINERS = 100_000
"""So many objects and lists a JSON text may hold: each costs far more memory than its two characters."""
LARGEST_UNPACKED = 1 << 30
LONGEST_PATH = 500
LONGEST_PART = 200
DEEPEST = 32
LARGEST_SEED = 1 << 48
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
OBJECT = r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?"
REMOTE = re.compile(OBJECT)
HIDDEN = {".git", ".dvc", ".checker"}
OWN = re.compile(
    r"\.git/(HEAD|packed-refs|shallow|refs/.+|objects/([0-9a-f]{2}/[0-9a-f]{38}|pack/pack-[0-9a-f]{40}\.(pack|idx)))"
    rf"|\.dvc/(config|config\.local|\.gitignore|cache/{OBJECT})"
    r"|\.checker/attempts\.jsonl",
    re.DOTALL,
)
"""All that a submission may bring of the tools' own folders: nothing there is obeyed or run by anything."""


class Piece(Record):
    """The content of one file: which blob, and its size in bytes."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=LARGEST_TOTAL)]


Tree = dict[str, Piece]


class Manifest(Record):
    """What is in a submission. Each tree tells path -> content; `profile` and `overlay` are where the platform ran.

    `mlflow`, `endpoints` and `kubernetes` are about records beside it.
    `remote` is None where the default DVC remote is no existing local folder; `remote_in_cache` says that
    the remote's folder is DVC's own cache, or lies in it or around it.
    """

    format: int
    lab: str
    identity: Identity
    made: AwareDatetime
    checker: str
    profile: Profile = "local"
    overlay: Overlay = ""
    workspace: Tree
    remote: Tree | None = None
    remote_in_cache: bool = False
    models: dict[str, Tree] = {}
    mlflow: Piece | None = None
    endpoints: Piece | None = None
    kubernetes: Piece | None = None

    def trees(self) -> Iterator[tuple[str, Tree]]:
        """Yield each tree with the folder that it is unpacked to."""
        yield "workspace", self.workspace
        yield "remote", self.remote or {}
        for name, tree in self.models.items():
            yield f"models/{name}", tree

    def pieces(self) -> Iterator[tuple[str, str, Piece]]:
        """Yield tree, path and content of each file."""
        return ((tree, path, piece) for tree, files in self.trees() for path, piece in files.items())

    @property
    def blobs(self) -> dict[str, int]:
        """SHA-256 -> size of all contents."""
        return {piece.sha256: piece.size for _, _, piece in self.pieces()}


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest in `content`; what it names is still to be checked.

    Raises:
        Refused: it is none, of another version, or of nobody.
    """
    data = parse_foreign(content, "manifest.json")
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT or isinstance(version, bool):
        raise Refused(
            f"the submission has the format {clean(version, 40)}",
            expected=f"format {FORMAT}",
            next_step="bring the course to its newest version (`git pull`, `make setup`), then submit again",
        )
    try:
        manifest = Manifest.model_validate(data)
    except (ValidationError, OverflowError) as error:
        raise Refused(f"the manifest is not what `checker submit` writes: {_first(error)}") from error
    _check_identity(manifest.identity)
    return manifest


def parse_foreign(content: bytes, name: str) -> Any:
    """Return the JSON that somebody else wrote, bounded in size, depth and number of its parts."""
    if content.count(b"{") + content.count(b"[") > MOST_CONTAINERS:
        raise Refused(f"`{name}` has more than {MOST_CONTAINERS} parts")
    try:
        # Unlike the standard library's, this parser takes no text that no file can hold, and stops at some depth.
        return from_json(content)
    except ValueError as error:
        raise Refused(f"`{name}` is no JSON: {clean(error, 120)}") from error


def _first(error: ValidationError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "a number is too large"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return clean(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", 200)


def check_manifest(manifest: Manifest, lab_of: Callable[[str], Lab]) -> Lab:
    """Return the lab of a manifest that names nothing which no honest submission holds; else raise `Refused`."""
    _check_identity(manifest.identity)
    if clean(manifest.checker, 40) != manifest.checker:
        raise Refused("the manifest's version of the checker is no version")
    lab = _lab(manifest, lab_of)
    if len({*map(fold, manifest.models)}) != len(manifest.models) or not all(map(MODEL_ID.fullmatch, manifest.models)):
        raise Refused("the manifest names a model in a way that MLflow does not")
    sizes = [piece.size for _, _, piece in manifest.pieces()]
    if len(sizes) > MOST_FILES:
        raise Refused(f"the submission holds {plural(len(sizes), 'file')}", expected=f"at most {MOST_FILES}")
    if sum(sizes) > LARGEST_UNPACKED:
        raise Refused(f"the submission unpacks to {sum(sizes)} bytes", expected=f"at most {LARGEST_UNPACKED >> 20} MiB")
    for name, tree in manifest.trees():
        _check_tree(name, tree)
    blobs = manifest.blobs
    if any(blobs[piece.sha256] != piece.size for _, _, piece in manifest.pieces()):
        raise Refused("the manifest gives one content two sizes")
    if sum(blobs.values()) > LARGEST_TOTAL:
        raise Refused(f"the submission holds {sum(blobs.values())} bytes", expected=f"{LARGEST_TOTAL >> 20} MiB")
    return lab


def _lab(manifest: Manifest, lab_of: Callable[[str], Lab]) -> Lab:
    wanted = manifest.lab
    try:
        lab = lab_of(wanted) if len(wanted) <= LONGEST_PART else None
    except CheckerError as error:
        raise Refused(
            f"the submission is for the lab `{clean(wanted, 80)}`", expected="a lab of this course"
        ) from error
    if lab is None or lab.name != wanted or manifest.identity.lab != wanted:
        raise Refused(
            f"the submission is for the lab `{clean(wanted, 80)}`, its workspace for "
            f"`{clean(manifest.identity.lab, 80)}`",
            expected="one lab of this course, by its full name",
        )
    return lab


def _check_identity(identity: Identity) -> None:
    learner = identity.learner
    if not learner.strip() or clean(learner, LONGEST_PART) != learner:
        raise Refused(
            f"the learner is called `{clean(learner, 80)}`",
            expected=f"a name of at most {LONGEST_PART} characters that can be shown",
            next_step="run `checker start DAY --reset --learner NAME`; your work is kept beside the new workspace",
        )
    if not re.fullmatch(r"[0-9a-f]{32}", identity.workspace_id):
        raise Refused("the workspace has an id that `checker start` does not give")
    if identity.seed > LARGEST_SEED:
        raise Refused(f"the world's seed has {identity.seed.bit_length()} bits", expected="at most 48")


def _check_tree(name: str, tree: Tree) -> None:
    seen: dict[str, str] = {}
    folders: set[str] = set()
    for path in tree:
        problem = unfit(path) or ("is no object of DVC's" if name == "remote" and not REMOTE.fullmatch(path) else "")
        if not problem and name.startswith("models/") and OWN.fullmatch(path):
            problem = "belongs to a tool and not to a model"
        if problem:
            raise Refused(f"the path `{clean(path, 120)}` {problem}")
        folded = fold(path)
        if folded in seen:
            raise Refused(f"two files are called `{clean(path, 120)}`, up to upper case and accents")
        seen[folded] = path
        folders.update(_above(folded))
    if both := folders & seen.keys():
        raise Refused(f"`{clean(seen[min(both)], 120)}` is a file and a folder at once")


def _above(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def fold(path: str) -> str:
    """Return what two names share that some file system takes for one."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def unfit(path: str) -> str:
    """Return why `path` may not be in a submission, as the end of a sentence; empty when it may."""
    parts = path.split("/")
    if not path or path.startswith("/") or re.match(r"[A-Za-z]:", path) or "\\" in path:
        return "is absolute, or written as on Windows"
    longest = max(len(each.encode("utf-8", "replace")) for each in parts)
    if len(path) > LONGEST_PATH or len(parts) > DEEPEST or longest > LONGEST_PART:
        return "is too long or too deep"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "leaves its folder, or has an empty part"
    if not (path.isascii() and path.isprintable()) and clean(path, LONGEST_PATH) != path:
        return "has characters that cannot be shown"
    names = [fold(each) for each in parts]
    if not HIDDEN.isdisjoint(names) and not (HIDDEN.isdisjoint(names[1:]) and OWN.fullmatch(path)):
        return "belongs to a tool and never travels"
    return ""

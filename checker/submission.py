"""A workspace <-> one archive: frozen by the learner's machine, thawed by a grader who believes none of it.

What is carried are bytes, from which the grader's own collectors read the evidence again. Only MLflow's records
travel as such, and they are claims. What the world gave the learner is not stored: it is made again from the seed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from checker.archive import (
    ENDPOINTS,
    KUBERNETES,
    LARGEST_TOTAL,
    MANIFEST,
    MLFLOW,
    MOST_FILES,
    Archive,
    Refused,
    Source,
    open_archive,
    write_archive,
)
from checker.collect import collect
from checker.course import Lab
from checker.errors import Unavailable
from checker.evidence import Evidence
from checker.evidence.kubernetes import Kubernetes
from checker.evidence.mlflow import Mlflow
from checker.evidence.services import Endpoints
from checker.manifest import FORMAT, MODEL_ID, Manifest, Piece, check_manifest, parse_foreign, parse_manifest
from checker.parcel import Parcel, gather
from checker.profiles import covers
from checker.recipes import make_fixtures, sha256
from checker.text import clean, plural
from checker.workspace import Carried, Workspace

SUFFIX = ".zip"
CARRIED = "the learner's MLflow"
REMOTE_IN_CACHE = "workspace/.dvc/cache/remote"
MOST_TOLD = 10
SHARED_FILE = 60_000
"""Linking more paths than this to one file is more than some file systems allow."""


@dataclass(frozen=True)
class Frozen:
    """A submission that is ready to be written: `groups` tells what for -> (files, bytes), before packing."""

    manifest: Manifest
    texts: dict[str, bytes]
    blobs: dict[str, Source]
    groups: dict[str, tuple[int, int]]
    left_out: dict[str, str]

    @property
    def file_name(self) -> str:
        """`ada.day03-data-versioning.zip`; a learner whose name suits no file name gets one that is still their own."""
        learner = self.manifest.identity.learner
        safe = re.sub(r"[^\w-]+", "-", learner).strip("-")[:40]
        if safe != learner:
            safe = f"{safe or 'learner'}-{sha256(learner.encode())[:8]}"
        return f"{safe}.{self.manifest.lab}{SUFFIX}"

    def told(self) -> Iterator[str]:
        """Yield lines that say what is in it, and what was left out, for whoever hands it in."""
        identity = self.manifest.identity
        yield f"The submission of {clean(identity.learner, 80)} for {self.manifest.lab} holds:"
        for name, (count, size) in self.groups.items():
            yield f"  {name:<24}{count:>6} {'file ' if count == 1 else 'files'} {(size + 1023) >> 10:>8} KiB"
        if self.manifest.mlflow:
            yield f"  {'records of MLflow':<24}{1:>6} file  {(self.manifest.mlflow.size + 1023) >> 10:>8} KiB"
        yield "What is in it twice, or was given to you at the start, takes no room."
        for path, reason in list(self.left_out.items())[:MOST_TOLD]:
            yield f"  left out: `{clean(path, 120)}` {clean(reason, 120)}"
        if (more := len(self.left_out) - MOST_TOLD) > 0:
            yield f"  and {plural(more, 'file')} more"

    def write(self, folder: Path) -> tuple[Path, int]:
        """Write the archive into `folder`, whole or not at all; return its path and its size in bytes."""
        target = folder / self.file_name
        return target, write_archive(target, self.texts, self.blobs)


@contextmanager
def frozen(lab: Lab, workspace: Workspace) -> Iterator[Frozen]:
    """Collect the evidence of `workspace` and freeze it; what was fetched for it is gone when the context ends.

    Raises:
        Unavailable: a system that the lab needs could not be read.
        Refused: it is larger than a submission may be, or holds what no grader would take.
    """
    evidence = collect(lab, workspace)
    for gap in evidence.gaps.values():
        raise Unavailable(gap.found, expected=gap.expected, next_step=gap.next_step)
    with tempfile.TemporaryDirectory(prefix="checker-submit-") as scratch:
        yield _freeze(lab, workspace, evidence, gather(lab, workspace, evidence, Path(scratch)))


def _freeze(lab: Lab, workspace: Workspace, evidence: Evidence, parcel: Parcel) -> Frozen:
    _refuse_too_much(parcel, evidence)
    texts = {}
    if evidence.mlflow is not None:
        # The address may hold a password, and means nothing elsewhere.
        texts[MLFLOW] = evidence.mlflow.model_copy(update={"address": ""}).model_dump_json().encode()
    if evidence.endpoints is not None:
        texts[ENDPOINTS] = evidence.endpoints.model_dump_json().encode()
    if evidence.kubernetes is not None:
        texts[KUBERNETES] = evidence.kubernetes.model_dump_json().encode()
    remote = evidence.dvc.default_remote if evidence.dvc else None
    manifest = Manifest(
        format=FORMAT,
        lab=lab.name,
        identity=workspace.identity,
        made=datetime.now(UTC),
        checker=version("mlops-labs"),
        profile=evidence.profile,
        overlay=evidence.overlay,
        workspace=parcel.workspace,
        remote=parcel.remote if remote and remote.exists else None,
        remote_in_cache=remote is not None and remote.shares_cache,
        models={name: tree for name, tree in parcel.models.items() if tree},
        mlflow=_piece(texts.get(MLFLOW)),
        endpoints=_piece(texts.get(ENDPOINTS)),
        kubernetes=_piece(texts.get(KUBERNETES)),
    )
    check_manifest(manifest, lambda name: lab)
    texts[MANIFEST] = manifest.model_dump_json().encode()
    again = set(evidence.fixtures.values())
    return Frozen(
        manifest=manifest,
        texts=texts,
        blobs={name: source for name, source in parcel.sources.items() if name not in again},
        groups={name: (count, size) for name, (count, size) in parcel.groups.items()},
        left_out=parcel.left_out,
    )


def _piece(text: bytes | None) -> Piece | None:
    return None if text is None else Piece(sha256=sha256(text), size=len(text))


def _refuse_too_much(parcel: Parcel, evidence: Evidence) -> None:
    """Say which file makes a submission too large, and what to do about it."""
    trees = [("", parcel.workspace), ("the remote's ", parcel.remote)]
    trees += [(f"the model {name}: ", tree) for name, tree in parcel.models.items()]
    pieces = [(piece.size, name + path, piece.sha256) for name, tree in trees for path, piece in tree.items()]
    total = sum({sum_: size for size, _, sum_ in pieces}.values())
    if total <= LARGEST_TOTAL and len(pieces) <= MOST_FILES:
        return
    size, path, _ = max(pieces)
    next_step = "take it out of what the lab declares, or make it smaller, then submit again"
    if path.startswith(".git/"):
        blobs = [blob for _, blob in evidence.git.everything()] if evidence.git else []
        largest = max(blobs, key=lambda blob: blob.size, default=None)
        path = f"{largest.path}` in git's history, in `{path}" if largest else path
        next_step = (
            "a data file was committed to git: track it with DVC and take it out of the history, or begin anew "
            "with `checker start DAY --reset`, which keeps a copy"
        )
    raise Refused(
        f"the submission would hold {plural(len(pieces), 'file')} with {total >> 20} MiB; the largest is "
        f"`{clean(path, 200)}` with {size >> 20} MiB",
        expected=f"at most {MOST_FILES} files and {LARGEST_TOTAL >> 20} MiB",
        next_step=next_step,
    )


def thaw(archive: Path, into: Path, lab_of: Callable[[str], Lab]) -> Workspace:
    """Check everything in `archive`, then unpack it into the new or empty folder `into`.

    What is unpacked is for reading: files with one content are one file under several names.

    Raises:
        Refused: it is not what `checker submit` writes; nothing was written.
        Unavailable: it could not be read or unpacked, through no fault of whoever handed it in.
    """
    with open_archive(archive) as opened:
        manifest = _manifest(opened)
        lab = check_manifest(manifest, lab_of)
        records = _records(opened, manifest, lab), _answers(opened, manifest, lab), _cluster(opened, manifest, lab)
        missing = _compared(opened, manifest)
        for name in opened.blobs:
            for _ in opened.read(name):
                pass
        made = _made_again(manifest, lab, missing)
        try:
            _unpack(opened, manifest, made, into)
        except OSError as error:
            raise Unavailable(
                f"the submission cannot be unpacked: {error.strerror}",
                expected="a folder for temporary files with enough free space",
                next_step="free some space, or set TMPDIR to another folder, then grade again",
            ) from error
    remote = into / (REMOTE_IN_CACHE if manifest.remote_in_cache else "remote")
    carried = Carried(into / "models", remote, *records, manifest.profile, manifest.overlay)
    return Workspace(into / "workspace", manifest.identity, carried)


def whose(archive: Path) -> tuple[str, str]:
    """Return the learner and the lab that an archive names; raises as `thaw`, which looks at all the rest."""
    with open_archive(archive) as opened:
        manifest = _manifest(opened)
    return manifest.identity.learner, clean(manifest.lab, 80)


def _manifest(opened: Archive) -> Manifest:
    content = opened.text(MANIFEST)
    if content is None:
        raise Refused("the archive has no manifest")
    return parse_manifest(content)


def _compared(opened: Archive, manifest: Manifest) -> set[str]:
    """Return the contents that are not in the archive; refuse those that are there and not in the manifest."""
    wanted = manifest.blobs
    for name, size in opened.blobs.items():
        if wanted.get(name) != size:
            raise Refused(f"the blob {name[:12]} is not in the manifest, or has another size there")
    return wanted.keys() - opened.blobs.keys()


def _made_again(manifest: Manifest, lab: Lab, missing: set[str]) -> dict[str, bytes]:
    """Return the contents that the world gives, since they are not in the archive."""
    made = {sha256(each): each for each in make_fixtures(lab, manifest.identity.seed).values()} if missing else {}
    nowhere = missing - made.keys()
    lacking = [path for _, path, piece in manifest.pieces() if piece.sha256 in nowhere]
    if lacking and manifest.checker != version("mlops-labs"):
        raise Unavailable(
            f"the submission was made with version {manifest.checker} of the course, this is {version('mlops-labs')}",
            expected="the version with which it was made",
            next_step="grade it with that version, or let it be handed in again with this one",
        )
    if lacking:
        raise Refused(f"the archive lacks the content of `{clean(lacking[0], 120)}`")
    if any(len(made[piece.sha256]) != piece.size for _, _, piece in manifest.pieces() if piece.sha256 in made):
        raise Refused("the manifest gives one content two sizes")
    return made


def _records(opened: Archive, manifest: Manifest, lab: Lab) -> Mlflow | None:
    """Return what the learner's MLflow told, as far as it can have told it; None where there is none."""
    content = opened.text(MLFLOW)
    if content is None and manifest.mlflow is None and not manifest.models:
        return None
    source = lab.evidence.mlflow
    if content is None or manifest.mlflow is None or source is None:
        raise Refused("MLflow's records are in the archive and not in the manifest, or the other way round")
    if (len(content), sha256(content)) != (manifest.mlflow.size, manifest.mlflow.sha256):
        raise Refused("MLflow's records are others than the manifest says")
    try:
        records = Mlflow.model_validate(parse_foreign(content, MLFLOW))
    except (ValidationError, OverflowError) as error:
        raise Refused("MLflow's records are not what `checker submit` writes") from error
    models = [model.model_id for experiment in records.experiments for model in experiment.models]
    models += [each.model.model_id for known in records.registered for each in known.versions if each.model]
    told = tuple(each.name for each in records.experiments), tuple(each.name for each in records.registered)
    if told != (source.experiments, source.registered):
        raise Refused("MLflow's records are about other experiments or registered models than the lab's")
    if not all(map(MODEL_ID.fullmatch, models)) or not manifest.models.keys() <= set(models):
        raise Refused("MLflow's records and the manifest name different models")
    # Nobody shall ask an address that came with a submission.
    return records.model_copy(update={"address": CARRIED})


def _answers(opened: Archive, manifest: Manifest, lab: Lab) -> Endpoints | None:
    """Return what the learner's deployments answered, as their machine tells it; None where the lab has none."""
    content = opened.text(ENDPOINTS)
    if content is None and manifest.endpoints is None:
        return None
    if content is None or manifest.endpoints is None or not lab.evidence.endpoints:
        raise Refused("the answers of endpoints are in the archive and not in the manifest, or the other way round")
    if (len(content), sha256(content)) != (manifest.endpoints.size, manifest.endpoints.sha256):
        raise Refused("the answers of endpoints are others than the manifest says")
    try:
        answers = Endpoints.model_validate(parse_foreign(content, ENDPOINTS))
    except (ValidationError, OverflowError) as error:
        raise Refused("the answers of endpoints are not what `checker submit` writes") from error
    if tuple(each.name for each in answers.endpoints) != lab.evidence.endpoints:
        raise Refused("the answers are those of other endpoints than the lab's")
    return answers


def _cluster(opened: Archive, manifest: Manifest, lab: Lab) -> Kubernetes | None:
    """Return what the learner's cluster told, as far as it can have told it; None where they had none."""
    content, source = opened.text(KUBERNETES), lab.evidence.kubernetes
    if content is None and manifest.kubernetes is None:
        return None
    if content is None or manifest.kubernetes is None or source is None or not covers(manifest.profile, "kind"):
        raise Refused("the records of the cluster are in the archive and not in the manifest, or the other way round")
    if (len(content), sha256(content)) != (manifest.kubernetes.size, manifest.kubernetes.sha256):
        raise Refused("the records of the cluster are others than the manifest says")
    try:
        records = Kubernetes.model_validate(parse_foreign(content, KUBERNETES))
    except (ValidationError, OverflowError, RecursionError) as error:
        raise Refused("the records of the cluster are not what `checker submit` writes") from error
    if not records.fits(source):
        raise Refused("the records of the cluster are about other things than those that the lab declares")
    return records


def _unpack(opened: Archive, manifest: Manifest, made: dict[str, bytes], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise FileExistsError(0, f"{into} is not empty")
    try:
        _write_all(opened, manifest, made, into)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def _write_all(opened: Archive, manifest: Manifest, made: dict[str, bytes], into: Path) -> None:
    folders = {into}
    first: dict[str, tuple[Path, int]] = {}

    def folder(path: Path) -> None:
        if path not in folders:
            folder(path.parent)
            path.mkdir(mode=0o700)
            folders.add(path)

    folder(into / "workspace")
    folder(into / "models")
    places = {"remote": REMOTE_IN_CACHE if manifest.remote_in_cache else "remote"}
    if manifest.remote is not None:
        folder(into / places["remote"])
    for tree, path, piece in manifest.pieces():
        target = into / places.get(tree, tree) / path
        folder(target.parent)
        twin, count = first.get(piece.sha256, (None, 0))
        if twin is None or count % SHARED_FILE == 0:
            known = made.get(piece.sha256)
            _write(target, opened.read(piece.sha256) if known is None else [known])
            twin = target
        else:
            target.hardlink_to(twin)
        first[piece.sha256] = twin, count + 1


def _write(target: Path, content: Iterable[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        for chunk in content:
            file.write(chunk)

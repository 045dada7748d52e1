"""What of a workspace goes into a submission: the declared files, and the bytes from which evidence is read again."""

from __future__ import annotations

import configparser
import hashlib
import io
import os
import posixpath
import stat
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from checker.archive import MOST_FILES, Refused, Source
from checker.attempts import ATTEMPTS
from checker.collect.reading import CHUNK, Unreadable, matching, open_plain, read_plain, walk
from checker.course import Lab
from checker.evidence import Evidence
from checker.evidence.dvc import Dvc, Output, Version
from checker.evidence.foreign import LARGEST
from checker.evidence.git import Git
from checker.evidence.pipelines import Pipeline
from checker.manifest import MODEL_ID, Piece, Tree, fold, unfit
from checker.text import clean
from checker.workspace import Workspace

GIT_FILES = ("HEAD", "packed-refs", "shallow")
DVC_FILES = ("**/*.dvc", "**/dvc.lock", "**/dvc.yaml")
UNREADABLE_CONFIG = b"this file could not be read\n"


@dataclass
class Parcel:
    """Files on their way into an archive: path -> content in each tree, and where the bytes of a content are.

    `groups` tells what for -> [files, bytes]; `left_out` path -> why a file that was declared stays behind.
    """

    workspace: Tree = field(default_factory=dict)
    remote: Tree = field(default_factory=dict)
    models: dict[str, Tree] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    groups: dict[str, list[int]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    _names: set[tuple[int, str]] = field(default_factory=set)

    def add(self, group: str, tree: Tree, path: str, file: Path, root: Path) -> None:
        """Take the plain file `file` below `root` along as `path`; what is no plain file is left out."""
        if self._fits(tree, path):
            try:
                with open_plain(file, root) as opened:
                    sha256, size = hashlib.sha256(), 0
                    while chunk := opened.read(CHUNK):
                        sha256.update(chunk)
                        size += len(chunk)
            except FileNotFoundError:
                return
            except (Unreadable, OSError) as error:
                self.left_out[path] = str(error) if isinstance(error, Unreadable) else "cannot be read"
                return
            self._take(group, tree, path, Piece(sha256=sha256.hexdigest(), size=size), lambda: _again(file, root))

    def add_bytes(self, group: str, tree: Tree, path: str, content: bytes) -> None:
        """Take `content` along as `path`."""
        if self._fits(tree, path):
            piece = Piece(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            self._take(group, tree, path, piece, lambda: io.BytesIO(content))

    def _fits(self, tree: Tree, path: str) -> bool:
        if path in tree:
            return False
        problem = unfit(path) or ("is called like another file" if (id(tree), fold(path)) in self._names else "")
        if problem:
            self.left_out[path] = problem
        return not problem

    def _take(self, group: str, tree: Tree, path: str, piece: Piece, source: Source) -> None:
        tree[path] = piece
        self._names.add((id(tree), fold(path)))
        self.sources.setdefault(piece.sha256, source)
        count = self.groups.setdefault(group, [0, 0])
        count[0] += 1
        count[1] += piece.size


def _again(file: Path, root: Path) -> io.BufferedReader:
    try:
        return open_plain(file, root)  # type: ignore[return-value]
    except (Unreadable, OSError) as error:
        raise Refused(
            f"`{clean(file.name, 120)}` is gone, or changed while the submission was made",
            expected="a workspace in which nothing is running",
            next_step="wait until your notebooks and commands have ended, then submit again",
        ) from error


def gather(lab: Lab, workspace: Workspace, evidence: Evidence, scratch: Path) -> Parcel:
    """Return what goes into a submission; files that are fetched from MLflow lie in `scratch` until it is written.

    Raises:
        Unavailable: MLflow stopped answering.
    """
    parcel, root = Parcel(), workspace.path
    notebooks = (*lab.evidence.notebooks, *(proof.notebook for proof in lab.proofs.notebooks))
    # What git tracks is taken along below, and what the grader prepared lies there already.
    commands = [proof for proof in lab.proofs.commands if not (proof.committed or proof.prepared)]
    served = (path for proof in lab.proofs.services for path in proof.files)
    called = [path for proof in lab.proofs.loops for path in proof.files]
    called += lab.proofs.rollout.files if lab.proofs.rollout else ()
    declared = (*lab.evidence.files, *(path for proof in commands for path in proof.files), *served, *called)
    for group, patterns in (("notebooks", notebooks), ("declared files", declared)):
        _plain(parcel, group, root, matching(root, patterns))
    if lab.evidence.dvc and evidence.dvc is not None and evidence.dvc.present:
        _dvc(parcel, root, evidence, evidence.dvc)
    if evidence.pipeline is not None and evidence.pipeline.present:
        _pipeline(parcel, root, evidence.pipeline)
    if evidence.kfp is not None and evidence.kfp.pipeline.present:
        run = evidence.kfp.run
        paths = (evidence.kfp.pipeline.path, *(run.files if run else ()))
        _plain(parcel, "the pipeline and its run", root, paths)
    if lab.evidence.git and evidence.git is not None and evidence.git.present:
        _git(parcel, root, evidence.git)
        _plain(parcel, "files that git tracks", root, (blob.path for blob in evidence.git.head))
    if evidence.mlflow is not None:
        _models(parcel, lab, evidence, scratch)
    _plain(parcel, "record of attempts", root, [ATTEMPTS.as_posix()])
    return parcel


def _plain(parcel: Parcel, group: str, root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        parcel.add(group, parcel.workspace, path, root / path, root)


def _git(parcel: Parcel, root: Path, git: Git) -> None:
    """Take HEAD, references and objects along: no configuration, no hooks, no index, no log, no stash."""
    folder = root / ".git"
    if folder.is_symlink() or not folder.is_dir():
        parcel.left_out[".git"] = "is no folder"
        return
    named = None if git.problem else _named(folder, git)
    _plain(parcel, "git", root, (f".git/{name}" for name in GIT_FILES))
    _plain(parcel, "git", root, (f".git/refs/{path}" for path in walk(folder / "refs") if path != "stash"))
    objects = list(walk(folder / "objects"))
    if len(objects) >= MOST_FILES:
        raise Refused(
            f"`.git/objects` holds {MOST_FILES} files or more",
            expected="fewer files there",
            next_step="run `git gc` in the workspace, then submit again",
        )
    for path in objects:
        packed = path.startswith("pack/")
        if not unfit(f".git/objects/{path}") and (packed or named is None or path.replace("/", "") in named):
            _plain(parcel, "git", root, [f".git/objects/{path}"])


def _named(folder: Path, git: Git) -> set[str] | None:
    """Return the objects that the read commits and the tags lead to; None where that cannot be told.

    What was added once and never committed is nobody's business, and may be large.
    """
    from dulwich.object_store import DiskObjectStore
    from dulwich.refs import DiskRefsContainer

    named = {commit.sha for commit in (*git.commits, *git.elsewhere)}
    with closing(DiskObjectStore(str(folder / "objects"))) as store:
        try:
            waiting = [store[commit.encode()].tree for commit in named]  # type: ignore[index, attr-defined]
            for sha in DiskRefsContainer(str(folder)).as_dict().values():
                while sha in store and store[sha].type_name == b"tag":
                    named.add(sha.decode())
                    sha = store[sha].object[1]  # type: ignore[attr-defined]  # noqa: PLW2901
            while waiting:
                tree = waiting.pop()
                if tree.decode() not in named:
                    named.add(tree.decode())
                    entries = store[tree].items()  # type: ignore[attr-defined]
                    waiting += [entry.sha for entry in entries if stat.S_ISDIR(entry.mode)]
                    named |= {entry.sha.decode() for entry in entries if not stat.S_ISDIR(entry.mode)}
        except Exception:
            # dulwich raises whatever a broken object leads it to; the grader shall see that it is broken.
            return None
    return named


def _dvc(parcel: Parcel, root: Path, evidence: Evidence, dvc: Dvc) -> None:
    """Take DVC's text files along, what they track, and the objects that they and the commits name."""
    from checker.collect.dvc import NEVER_TRACKED, configured

    if (root / ".dvc").is_symlink():
        parcel.left_out[".dvc"] = "is a link"
        return
    for name in ("config", "config.local"):
        _config(parcel, root, f".dvc/{name}", evidence)
    _plain(parcel, "DVC", root, matching(root, DVC_FILES))
    for output in dvc.outputs:
        # What cannot be read as a whole here shall not be readable there.
        if output.workspace_md5 is None:
            continue
        if (root / output.path).is_dir():
            for folder, folders, files in os.walk(root / output.path):
                folders[:] = sorted(name for name in folders if name not in NEVER_TRACKED)
                inside = os.path.relpath(folder, root).replace(os.sep, "/")
                _plain(parcel, "what DVC tracks", root, (posixpath.join(inside, name) for name in sorted(files)))
        else:
            _plain(parcel, "what DVC tracks", root, [output.path])
    tracked: list[Output | Version] = [*dvc.outputs, *dvc.versions]
    named = {each.md5 for each in tracked} | {entry.md5 for each in tracked for entry in each.entries}
    remote = dvc.default_remote
    stores = [("DVC's cache", parcel.workspace, ".dvc/cache/", configured(root, [])[0])]
    if remote is not None and remote.directory and remote.exists:
        stores.append(("DVC's remote", parcel.remote, "", Path(remote.directory)))
    for group, tree, prefix, store in stores:
        for md5 in sorted(named):
            path = f"files/md5/{md5[:2]}/{md5[2:]}"
            parcel.add(group, tree, prefix + path, store / path, store)


def _pipeline(parcel: Parcel, root: Path, pipeline: Pipeline) -> None:
    """Take a pipeline along with all that its sums were computed from; what cannot be read here is not sent."""
    from checker.collect.dvc import NEVER_TRACKED

    links = [link for stage in pipeline.stages for link in (*stage.deps, *stage.outs) if link.md5 is not None]
    params = [param.file for stage in pipeline.stages for param in stage.params]
    _plain(parcel, "the pipeline", root, ("dvc.yaml", "dvc.lock", ".dvcignore", "params.yaml", *params))
    for path in dict.fromkeys(link.path for link in links):
        if not (root / path).is_dir():
            _plain(parcel, "the pipeline", root, [path])
            continue
        for folder, folders, files in os.walk(root / path):
            folders[:] = sorted(name for name in folders if name not in NEVER_TRACKED)
            inside = os.path.relpath(folder, root).replace(os.sep, "/")
            _plain(parcel, "the pipeline", root, (posixpath.join(inside, name) for name in sorted(files)))


def _config(parcel: Parcel, root: Path, path: str, evidence: Evidence) -> None:
    """Take a DVC config along: as it is if it holds no secret or the last commit holds it, else what is needed of it.

    There is always one in the end, since it is what makes a folder a DVC repository.
    """
    try:
        content = read_plain(root / path, root, LARGEST)
        text = content.decode("utf-8")
    except FileNotFoundError:
        content, text = b"", ""
        if path != ".dvc/config":
            return
    except (Unreadable, OSError, UnicodeDecodeError):
        content, text = UNREADABLE_CONFIG, ""
    git = evidence.git
    committed = git is not None and git.tracked(path) is not None and path not in git.modified
    parcel.add_bytes("DVC", parcel.workspace, path, content if committed else _without_secrets(content, text))


def _without_secrets(content: bytes, text: str) -> bytes:
    """Return a config that names the default remote and the addresses; as it is where it holds nothing else."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:
        return UNREADABLE_CONFIG
    lines, whole = [], True
    for section in parser.sections():
        wanted = "remote" if section == "core" else "url"
        lines.append(f"[{section}]")
        for name, value in parser.items(section):
            shown = _without_password(value or "")
            if name == wanted and "\n" not in shown:
                lines.append(f"    {name} = {shown}")
            whole = whole and name == wanted and shown == value
    return content if whole else ("\n".join(lines) + "\n").encode()


def _without_password(url: str) -> str:
    """Return the address of a remote without the name, password or token that it may hold; a folder as it is."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return "unreadable://"


def _models(parcel: Parcel, lab: Lab, evidence: Evidence, scratch: Path) -> None:
    """Take the files of the models along that the grader will score."""
    from checker.collect.mlflow import MlflowServer, fetch_model
    from checker.prove.models import candidates
    from checker.prove.services import champion

    if evidence.mlflow is None or not (lab.proofs.models or lab.proofs.services):
        return
    models = [model for proof in lab.proofs.models for model in candidates(proof, evidence.mlflow)]
    served = [champion(proof, evidence.mlflow) for proof in lab.proofs.services]
    models += [version.model for version in served if version is not None and version.model is not None]
    with MlflowServer(evidence.mlflow.address) as server:
        for model in models:
            name = model.model_id
            if not MODEL_ID.fullmatch(name) or name in parcel.models:
                continue
            folder, tree = scratch / f"model-{len(parcel.models)}", parcel.models.setdefault(name, {})
            try:
                folder.mkdir()
                fetch_model(server, model, folder)
            except ValueError as error:
                parcel.left_out[f"models/{name}"] = str(error)
                continue
            for path in walk(folder, frozenset()):
                parcel.add("models", tree, path, folder / path, folder)

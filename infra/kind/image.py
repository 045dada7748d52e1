"""The course's own image: its tag is the hash of what it is built from, so that it is built only when that changed."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.kind import cluster
from infra.kind.commands import follow, run
from infra.kind.engine import Engine
from infra.kind.layout import INFRA, version
from infra.profile import Progress
from infra.trouble import Trouble

NAME = "mlops-labs/course"
# In full, so that Podman does not take it for an image of `localhost`.
FULL_NAME = f"docker.io/{NAME}"
ROOT = INFRA.parent
DOCKERFILE = INFRA / "images" / "course" / "Dockerfile"
ARGUMENTS = ("PYTHON_IMAGE",)
BUILD_SECONDS = 5400.0
SAVE_SECONDS = 900.0
TAG_DIGITS = 16


def tag(root: Path = ROOT, dockerfile: Path = DOCKERFILE, arguments: tuple[str, ...] = ARGUMENTS) -> str:
    """The tag for what the image would be built from now."""
    digest = hashlib.sha256()
    for name in arguments:
        digest.update(f"{name}={version(name)}\n".encode())
    for path in inputs(root, dockerfile):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha-{digest.hexdigest()[:TAG_DIGITS]}"


def inputs(root: Path, dockerfile: Path) -> list[Path]:
    """The Dockerfile and every file that it copies from the clone."""
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except OSError as error:
        raise Trouble(
            found=f"{dockerfile} cannot be read: {error.strerror or error}",
            expected="the clone of the course, from which its image is built",
            next_step="git clone the course and run infra from its environment",
        ) from error
    found = {dockerfile}
    for source in copied(text):
        matches = list(root.glob(source)) if source != "." else [root]
        if not matches:
            raise Trouble(
                found=f"no {source} in {root}, which the Dockerfile copies",
                expected="a whole clone of the course",
                next_step="git status, then: git checkout what is missing",
            )
        for match in matches:
            found.update(_files(match))
    return sorted(found)


def copied(text: str) -> Iterator[str]:
    """The paths of the build's context that a Dockerfile names in COPY."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True) if line.upper().startswith("COPY ") else []
        flags = [word for word in words[1:] if word.startswith("--")]
        if words and not any(flag.startswith("--from=") for flag in flags):
            yield from (word.removeprefix("./").rstrip("/") or "." for word in words[1 + len(flags) : -1])


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for each in path.rglob("*"):
        hidden = any(part == "__pycache__" or part.startswith(".") for part in each.relative_to(path).parts)
        if each.is_file() and not hidden and each.suffix != ".pyc":
            yield each


def ensure(engine: Engine, progress: Progress) -> tuple[str, bool]:
    """Have the image in the cluster's node; return its name with tag, and whether anything had to be done."""
    wanted = tag()
    reference = f"{FULL_NAME}:{wanted}"
    if engine.node_has_image(reference):
        return f"{NAME}:{wanted}", False
    if not engine.has_image(reference):
        build(engine, reference, progress)
    load(engine, reference, progress)
    return f"{NAME}:{wanted}", True


def build(engine: Engine, reference: str, progress: Progress) -> None:
    """Build the image from the clone."""
    words = [engine.name, "build", "--file", str(DOCKERFILE), "--tag", reference]
    for name in ARGUMENTS:
        words += ["--build-arg", f"{name}={version(name)}"]
    # Attestations make an index of the image, which the node's containerd does not take from an archive.
    environment = engine.environment() | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "DOCKER_BUILDKIT": "1"}
    if engine.name == "docker":
        words += ["--progress", "plain"]
    progress.waiting("Building the course's image, once: some minutes and about 2 GB")

    def said(line: str) -> None:
        if line:
            progress.waiting(f"Building the course's image: {line[:100]}")

    done = follow([*words, str(ROOT)], said, seconds=BUILD_SECONDS, environment=environment)
    if not done.well:
        raise Trouble(
            details=done.said,
            found=f"`{engine.name} build` failed",
            expected="the course's image",
            next_step="mend what the last lines name (often the network or the disk), then: infra up --profile kind",
        )


def load(engine: Engine, reference: str, progress: Progress) -> None:
    """Bring the image from the engine into the cluster's node."""
    progress.waiting("Loading the course's image into the cluster")
    with tempfile.TemporaryDirectory(prefix="mlops-labs-image-") as folder:
        archive = Path(folder) / "course.tar"
        done = run([engine.name, "save", "--output", str(archive), reference], seconds=SAVE_SECONDS)
        if not done.well:
            raise engine.refused("save", done)
        cluster.load_archive(engine, archive)

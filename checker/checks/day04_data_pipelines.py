"""Day 4: a DVC pipeline that can be reproduced from what it declares, and reruns only what a change reaches."""

from __future__ import annotations

import csv
import io
import math
from itertools import pairwise
from typing import Any

from checker.check import check, expect, fail
from checker.checks.ranking import auc
from checker.evidence import View
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.pipelines import Param, Pipeline, Stage, overlap
from checker.evidence.proofs import PipelineRun
from checker.text import clean, plural

STAGES = ("prepare", "features", "train", "evaluate")
PARAMETERS = (
    "prepare.test_from",
    "features.usual",
    "train.n_estimators",
    "train.max_depth",
    "train.seed",
    "evaluate.threshold",
)
DATA, METRICS, SCORES = "data/payments.csv", "metrics.json", "scores.csv"
PARAMS_FILE = "params.yaml"
FIRST, AGAIN, UNSEEN, SHUFFLED = "as-it-is", "again", "unseen-data", "labels-dealt-anew"
CASES = {
    "test-from": ("prepare.test_from", "prepare"),
    "usual": ("features.usual", "features"),
    "depth": ("train.max_depth", "train"),
    "trees": ("train.n_estimators", "train"),
    "seed": ("train.seed", "train"),
    "threshold": ("evaluate.threshold", "evaluate"),
}
LEAST_AUC = 0.7
MOST_AUC = 0.85
"""Of scores that cannot know the labels: chance alone does not lead further with so few frauds."""
CLOSE = 1e-6
BOOLEANS = {"yes": True, "no": False, "on": True, "off": False, "true": True, "false": False}


@check(points=1)
def pipeline_is_described(lab: View) -> Pipeline:
    """`dvc.yaml` in the root of your workspace has the stages `prepare`, `features`, `train` and `evaluate` (more are
    welcome): `prepare` depends on `data/payments.csv`, and each of the other three on an output of the one before it,
    straight or by way of further stages. `params.yaml` has the six parameters of the End state's table.
    """
    pipeline = lab.pipeline.require()
    names = [stage.name for stage in pipeline.stages]
    missing = [name for name in STAGES if name not in names]
    expect(
        not missing,
        found=f"`dvc.yaml` has {plural(len(names), 'stage')} ({clean(', '.join(names), 160) or 'none'}), and no "
        f"`{missing[0] if missing else ''}`",
        expected=f"the stages {', '.join(STAGES)}",
        next_step="write one stage for each of the four scripts; `dvc dag` draws what you have",
    )
    stages = {name: _stage(pipeline, name) for name in STAGES}
    expect(
        any(overlap(link.path, DATA) for link in stages["prepare"].deps),
        found=f"`prepare` depends on {_paths(stages['prepare'])}",
        expected=f"`{DATA}` among its `deps`",
        next_step=f"add `- {DATA}` to the `deps` of `prepare`",
    )
    for before, after in pairwise(STAGES):
        expect(
            before in pipeline.before(stages[after]),
            found=f"`{after}` depends on {_paths(stages[after])}, and nothing of it comes from `{before}`",
            expected=f"an output of `{before}` among the `deps` of `{after}`: that is what puts them in order",
            next_step=f"name what the script of `{after}` reads under its `deps`",
        )
    content = lab.files.read_yaml(PARAMS_FILE, f"write `{PARAMS_FILE}`, as task 1 shows it for another pipeline")
    lacking = [name for name in PARAMETERS if _value(content, name) is None]
    expect(
        not lacking,
        found=f"`{PARAMS_FILE}` has no `{', '.join(lacking)}`",
        expected="the six parameters of the table, each under the name of its stage",
        next_step=f"add them to `{PARAMS_FILE}`",
    )
    return pipeline


@check(points=1, needs=pipeline_is_described)
def metrics_and_plots_are_declared(lab: View, pipeline: Pipeline) -> None:
    """`evaluate` writes `metrics.json`, which is declared as a metric and holds a JSON object with the numbers
    `precision` and `recall`, and `scores.csv`. One plot or more is declared, of a file that a stage writes.
    """
    evaluate = _stage(pipeline, "evaluate")
    for path in (METRICS, SCORES):
        expect(
            any(link.path == path for link in evaluate.outs),
            found=f"`{path}` is none of the outputs of `evaluate`",
            expected=f"`{path}` under its {'`metrics`' if path == METRICS else '`outs` or `plots`'}",
            next_step=f"declare `{path}` in `dvc.yaml`, then `dvc repro`",
        )
    metrics = {link.path for link in evaluate.outs if link.kind == "metric"} | {*pipeline.metrics}
    expect(
        METRICS in metrics,
        found=f"`{METRICS}` is an output like any other",
        expected=f"`{METRICS}` under `metrics`, so that `dvc metrics show` finds it",
        next_step=f"move `{METRICS}` from `outs` to `metrics` of `evaluate`",
    )
    plots = [link.path for stage in pipeline.stages for link in stage.outs if link.kind == "plot"]
    plots += [path for path in pipeline.plots if pipeline.maker(path)]
    expect(
        plots,
        found="no plot of a file that a stage writes",
        expected="a plot: a file under `plots` of a stage, or `plots` at the top level that name an output",
        next_step="move `curve.csv` to `plots` of `evaluate`, then look at it with `dvc plots show`",
    )
    content = lab.files.read_json(METRICS, "run `dvc repro`")
    lacking = [name for name in ("precision", "recall") if _number(mapping(content).get(name)) is None]
    expect(
        not lacking,
        found=f"`{METRICS}` has no number `{', '.join(lacking)}`",
        expected='a JSON object such as {"precision": 0.5, "recall": 0.5}, more numbers are welcome',
        next_step="let `src/evaluate.py` write both, then `dvc repro`",
    )


@check(points=1, needs=pipeline_is_described)
def lock_is_current(lab: View, pipeline: Pipeline) -> None:
    """`dvc.lock` tells of every stage the command, the parameters, the dependencies and the outputs that are there now:
    each MD5 sum in it is the one of the bytes in your workspace, so that `dvc status` has nothing to say.
    """
    repro = "run `dvc repro`, and change nothing afterwards"
    if pipeline.lock_problem:
        fail(found=pipeline.lock_problem, expected="the `dvc.lock` that `dvc repro` writes", next_step=repro)
    for stage in pipeline.stages:
        expect(
            stage.locked,
            found=f"`dvc.lock` does not know the stage `{stage.name}`",
            expected="every stage of `dvc.yaml`",
            next_step=repro,
        )
        expect(
            stage.recorded == stage.commands,
            found=f"`dvc.lock` says that `{stage.name}` ran `{clean(' && '.join(stage.recorded), 120)}`",
            expected=f"`{clean(' && '.join(stage.commands), 120)}`, as `dvc.yaml` has it",
            next_step=repro,
        )
        for param in stage.params:
            expect(
                param.present,
                found=f"`{stage.name}` declares `{clean(param.key or param.file, 80)}`, which `{param.file}` has not",
                expected="parameters that are there",
                next_step=f"add it to `{param.file}`, or take it out of `dvc.yaml`; then `dvc repro`",
            )
            expect(
                param.is_recorded and _agree(param.recorded, param.value),
                found=f"`dvc.lock` says that `{stage.name}` ran with {_shown(param)}",
                expected=f"`{clean(param.key or param.file, 80)}: {clean(param.value, 60)}`, as `{param.file}` has it",
                next_step=repro,
            )
        for link in (*stage.deps, *stage.outs):
            path, what = clean(link.path, 120), "depends on" if link.kind == "dependency" else "makes"
            if link.md5 is None:
                said = f"`{path}`, which `{stage.name}` {what}, is not there"
            elif link.locked is None:
                said = f"`dvc.lock` does not know that `{stage.name}` {what} `{path}`"
            else:
                said = f"`{path}` has other bytes than `dvc.lock` says of it for `{stage.name}`"
            folder = (link.md5 or "").endswith(".dir")
            expect(
                link.current,
                found=said,
                expected="the bytes of the last `dvc repro`",
                next_step=f"{repro}; a folder `__pycache__` in `{path}` belongs into `.dvcignore`" if folder else repro,
            )
        expect(
            not stage.unknown,
            found=f"`dvc.lock` names `{', '.join(stage.unknown[:3])}` for `{stage.name}`, and `dvc.yaml` does not",
            expected="what `dvc.yaml` declares, and no more",
            next_step=repro,
        )


@check(points=2, needs=pipeline_is_described)
def stages_need_only_what_they_declare(lab: View, pipeline: Pipeline) -> PipelineRun:
    """Each stage runs through and writes all its outputs in an empty folder that holds its declared dependencies (data
    as you got it, outputs of earlier stages as these have just written them) and a `params.yaml` with the parameters
    that it declares, and nothing else.
    """
    return lab.proofs.pipeline(FIRST)


@check(points=1, needs=(lock_is_current, stages_need_only_what_they_declare))
def runs_give_the_same_again(lab: View, _: None, first: PipelineRun) -> None:
    """Run twice like that, each stage writes the same bytes both times; and they are what `dvc.lock` says. (Another
    machine than yours may find other last digits of numbers in texts, and other bytes in a binary file.)
    """
    again = lab.proofs.pipeline(AGAIN)
    for run in first.stages:
        other = again.stage(run.stage)
        changed = [path for path, md5 in run.outs.items() if other is None or other.outs.get(path) != md5]
        expect(
            not changed,
            found=f"`{run.stage}`, run twice with the same inputs, writes two different "
            f"`{clean(changed[0] if changed else '', 120)}`",
            expected="the same bytes: what differs each time makes DVC run all that comes after it",
            next_step="hand the seed of `params.yaml` on to whatever draws at random, and write no time of day into "
            "an output; then `dvc repro`",
        )
    for run in first.stages:
        invented = [path for path, agrees in run.agrees.items() if agrees is False]
        expect(
            not invented,
            found=f"`{clean(invented[0] if invented else '', 120)}` is another file than the one that `{run.stage}` "
            "writes from what it declares",
            expected="a lock file that tells of a real run of this code with this data",
            next_step=f"bring `{DATA}` back if you changed it, then run `dvc repro --force`",
        )


@check(points=2, needs=runs_give_the_same_again)
def changes_rerun_only_what_they_must(lab: View, _: None) -> None:
    """When one of the six parameters changes in `params.yaml`, DVC runs the stage that it is named after and those of
    the four that come after it again, and none that comes before it. The change has an effect: on what `prepare`
    writes, on what `features` writes, and for each of the three of `train` on `scores.csv`. No stage is `frozen` or
    `always_changed`.
    """
    for stage in lab.pipeline.require().stages:
        expect(
            not stage.frozen and not stage.always_changed,
            found=f"`{stage.name}` is {'`frozen`' if stage.frozen else '`always_changed`'}",
            expected="stages that run when something changed for them, and only then",
            next_step="take that line out of `dvc.yaml`",
        )
    first = lab.proofs.pipeline(FIRST)
    for case, (name, owner) in CASES.items():
        run = lab.proofs.pipeline(case)
        with_it = f"`{name}: {clean(run.params.get(name), 40)}`"
        before, after = STAGES[: STAGES.index(owner)], STAGES[STAGES.index(owner) :]
        expect(
            owner in run.ran,
            found=f"with {with_it}, nothing that `{owner}` declares is another: DVC does not run it again",
            expected=f"`{owner}` out of date",
            next_step=f"declare `{name}` under `params` of `{owner}`",
        )
        needless = [each for each in before if each in run.ran]
        expect(
            not needless,
            found=f"with {with_it}, `{needless[0] if needless else ''}` runs again, which has no use for it",
            expected=f"{' and '.join(before)} left as they are",
            next_step="let each stage declare the parameters that it reads and no others: no `params.yaml` under "
            "`deps`, no whole file under `params`",
        )
        skipped = [each for each in after if each not in run.ran]
        expect(
            not skipped,
            found=f"with {with_it}, `{owner}` runs again, and `{skipped[0] if skipped else ''}` sees no difference",
            expected="outputs that depend on the parameter",
            next_step=f"let the script of `{owner}` read `{name}` from `{PARAMS_FILE}` and obey it; then `dvc repro`",
        )
        # What comes after `prepare` and `features` runs again only where their outputs changed.
        expect(
            owner != "train" or first.outputs.get(SCORES) != run.outputs.get(SCORES),
            found=f"with {with_it}, `train` runs again, and `{SCORES}` is the same as before",
            expected="another model, and so other scores",
            next_step=f"let the script of `train` read `{name}` from `{PARAMS_FILE}` and obey it; then `dvc repro`",
        )


@check(points=1, needs=(metrics_and_plots_are_declared, changes_rerun_only_what_they_must))
def metrics_follow_from_the_scores(lab: View, *_: None) -> None:
    """In each of these runs, and in one with other payments in `data/payments.csv`, `scores.csv` has the columns
    `transaction_id` and `score` (0 to 1) with one row for each payment of the month `prepare.test_from` or later;
    `precision` and `recall` in `metrics.json` are those of the alarms among these payments, which are the scores of at
    least `evaluate.threshold` (0 where there is nothing to divide by); and a fraud has a higher score than an honest
    payment in 70% of all pairs. The pipeline also runs with labels that are dealt out anew among the payments; since
    nothing can tell these, the share is at most 85% then.
    """
    content = lab.files.read_yaml(PARAMS_FILE)
    for case in (FIRST, *CASES, UNSEEN):
        run = lab.proofs.pipeline(case)
        when = "".join(f" with `{name}: {clean(value, 40)}`" for name, value in run.params.items())
        when = when or (" with other payments" if case == UNSEEN else "")
        values = {name: run.params.get(name, _value(content, name)) for name in PARAMETERS}
        truth = _truth(run if DATA in run.tables else lab.proofs.pipeline(FIRST), str(values["prepare.test_from"]))
        scores = _scores(run.outputs.get(SCORES, ""), truth, when)
        threshold = _number(values["evaluate.threshold"])
        if threshold is None:
            fail(
                found=f"`evaluate.threshold` is {clean(values['evaluate.threshold'], 60)}",
                expected="a number",
                next_step=f"write one into `{PARAMS_FILE}`",
            )
        try:
            said = mapping(parse_json(run.outputs.get(METRICS, "")))
        except ForeignText:
            said = {}
        right = [_rates(scores, truth, threshold + shift) for shift in (0, -CLOSE, CLOSE)]
        expect(
            any(all(_near(said.get(name), value) for name, value in rates.items()) for rates in right),
            found=f"the pipeline, run{when}, writes precision {clean(said.get('precision'), 40)} and recall "
            f"{clean(said.get('recall'), 40)} into `{METRICS}`",
            expected=f"precision {right[0]['precision']:.4f} and recall {right[0]['recall']:.4f}, as they follow from "
            f"its `{SCORES}` and the labels with the threshold {threshold:g}; 0 where there is nothing to divide by"
            if case != UNSEEN
            else f"what follows from its `{SCORES}` and the labels of those payments",
            next_step="let `src/evaluate.py` count the alarms among the test payments, with `evaluate.threshold`",
        )
        area = _auc(scores, truth)
        expect(
            area >= LEAST_AUC,
            found=f"the pipeline, run{when}, scores a fraud above an honest payment in {area:.0%} of all pairs",
            expected=f"{LEAST_AUC:.0%} or more; a coin has 50%",
            next_step="train on the features of the training payments, and write the probability of fraud as the score",
        )
    run = lab.proofs.pipeline(SHUFFLED)
    truth = _truth(run, str(_value(content, "prepare.test_from")))
    area = _auc(_scores(run.outputs.get(SCORES, ""), truth, " with labels dealt out anew"), truth)
    expect(
        area <= MOST_AUC,
        found=f"with labels that are dealt out at random, {area:.0%} of the frauds among the test payments still have "
        "the higher score",
        expected=f"at most {MOST_AUC:.0%}: about half, by chance",
        next_step="find where the labels of the test payments reach the scores; only to count may `evaluate` read them",
    )


@check(points=1, needs=pipeline_is_described)
def work_is_committed(lab: View, pipeline: Pipeline) -> None:
    """The last git commit holds `dvc.yaml`, `dvc.lock`, `params.yaml` and all code that a stage depends on, each as it
    is now. It does not hold `data/payments.csv`, nor what stages write, but for metrics and plots, if you like.
    """
    git = lab.git.require()
    step = "run `git status`, `git add` what is missing, and `git commit`"
    code = [
        link.path
        for stage in pipeline.stages
        for link in stage.deps
        if not pipeline.maker(link.path) and not overlap(link.path, DATA)
    ]
    inside = [record.path for record in lab.files.records if any(overlap(path, record.path) for path in code)]
    single = [path for path in code if not any(blob.path.startswith(f"{path}/") for blob in git.head)]
    for path in dict.fromkeys(["dvc.yaml", "dvc.lock", PARAMS_FILE, *single, *inside]):
        if pipeline.maker(path):
            continue
        expect(
            git.tracked(path) is not None,
            found=f"`{clean(path, 120)}` is not in the last commit",
            expected="the pipeline, its lock file, its parameters and its code in one commit",
            next_step=step,
        )
        expect(
            path not in git.modified,
            found=f"`{clean(path, 120)}` differs from what the last commit holds",
            expected="nothing that is not committed",
            next_step=step,
        )
    shown = {*pipeline.metrics, *pipeline.plots}
    written = [link for stage in pipeline.stages for link in stage.outs]
    outputs = [link.path for link in written if link.kind == "output" and link.path not in shown]
    stray = [blob.path for blob in git.head if any(blob.path == p or blob.path.startswith(f"{p}/") for p in outputs)]
    stray += [DATA] if git.tracked(DATA) else []
    expect(
        not stray,
        found=f"the last commit holds `{clean(stray[0] if stray else '', 120)}`",
        expected="data and outputs in DVC's cache, and only their sums in git",
        next_step=f"run `git rm --cached {clean(stray[0] if stray else '', 120)}`, take `cache: false` away from it, "
        "then `dvc repro` and commit: DVC writes the `.gitignore` for its outputs",
    )


def _stage(pipeline: Pipeline, name: str) -> Stage:
    stage = pipeline.stage(name)
    if stage is None:
        raise LookupError(name)
    return stage


def _paths(stage: Stage) -> str:
    return clean(", ".join(f"`{link.path}`" for link in stage.deps), 200) or "nothing"


def _value(content: Any, name: str) -> Any:
    """Return a parameter by its dotted name; a name may also be written with its dot."""
    if name in mapping(content):
        return content[name]
    stage, key = name.split(".")
    return mapping(mapping(content).get(stage)).get(key)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e15 else None


def _near(value: Any, right: float) -> bool:
    number = _number(value) if not isinstance(value, str) else None
    return number is not None and math.isclose(number, right, rel_tol=1e-4, abs_tol=1e-4)


def _agree(one: Any, other: Any) -> bool:
    """Whether two values are the same, in whichever version of YAML they were read."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_agree(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    if isinstance(one, str) != isinstance(other, str):
        pairs = [BOOLEANS.get(each.lower(), _number(each)) if isinstance(each, str) else each for each in (one, other)]
        return bool(pairs[0] is not None and pairs[0] == pairs[1])
    return bool(one == other)


def _shown(param: Param) -> str:
    name = clean(param.key or param.file, 80)
    return f"`{name}: {clean(param.recorded, 60)}`" if param.is_recorded else f"no `{name}`"


def _truth(run: PipelineRun, test_from: str) -> dict[str, bool]:
    """Return id -> is it a fraud, of the payments to test on."""
    rows = csv.DictReader(io.StringIO(run.tables.get(DATA, "")))
    return {row["transaction_id"]: row["is_fraud"] == "1" for row in rows if row["timestamp"][:7] >= test_from[:7]}


def _scores(text: str, truth: dict[str, bool], when: str) -> dict[str, float]:
    """Return id -> score; the check fails where they are not those of the payments to test on."""
    step = "let `src/evaluate.py` write one row for each row of the test features, with `transaction_id` and `score`"
    scores: dict[str, float] = {}
    count = 0
    try:
        for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))):
            count += 1
            said = {str(key).strip(): str(value).strip() for key, value in row.items()}
            number = _number(said.get("score"))
            if number is None or not -CLOSE <= number <= 1 + CLOSE or "transaction_id" not in said:
                fail(
                    found=f"`{SCORES}`, written{when}, has the row {clean(said, 160)}",
                    expected="`transaction_id`, and a `score` from 0 to 1",
                    next_step=step,
                )
            scores[said["transaction_id"]] = number
    except csv.Error:
        scores = {}
    right = len(scores.keys() & truth.keys())
    expect(
        right == len(scores) == len(truth) == count,
        found=f"`{SCORES}`, written{when}, has {plural(count, 'row')}, {right} of them about payments to test on",
        expected=f"one row for each of the {plural(len(truth), 'payment')} of `prepare.test_from` or later",
        next_step=step,
    )
    return scores


def _rates(scores: dict[str, float], truth: dict[str, bool], threshold: float) -> dict[str, float]:
    alarms = [name for name, score in scores.items() if score >= threshold]
    hits = sum(truth[name] for name in alarms)
    return {"precision": hits / max(1, len(alarms)), "recall": hits / max(1, sum(truth.values()))}


def _auc(scores: dict[str, float], truth: dict[str, bool]) -> float:
    area = auc(list(scores.values()), [truth[name] for name in scores])
    return 1.0 if area is None else area

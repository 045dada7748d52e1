"""Day 8: three runs with params, metrics, model and dataset; the best one is what it says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from checker.check import check, expect, fail
from checker.evidence import View
from checker.evidence.mlflow import LoggedModel, Run
from checker.evidence.proofs import Score
from checker.text import clean, plural

EXPERIMENT = "day08-baseline"
METRIC = "valid_f1"
TAG, MARK = "stage", "candidate"
TRAIN, VALID = "data/train.csv", "data/valid.csv"
ENOUGH = 3
CLOSE = 0.001
EQUAL = 1e-9
# In 28 worlds honest models lost at most 0.08 between month 4 and the held-out rows; those that had
# learned month 4 by heart lost 0.15 and more.
MOST_LOST = 0.12
MOST_COMPARED = 50


@dataclass(frozen=True)
class Kept:
    """A run with the logged models that are its own and whole."""

    run: Run
    models: tuple[LoggedModel, ...]


@check(points=1)
def three_runs(lab: View) -> tuple[Run, ...]:
    """Experiment `day08-baseline` holds at least three runs that began after you started this workspace, ended as
    FINISHED, and report a number as the metric `valid_f1`. (Only such runs count below.)"""
    runs, started = lab.mlflow.runs(EXPERIMENT), _started(lab)
    reasons = {run.run_id: _why_not_counted(run, started) for run in runs}
    counted = tuple(run for run in runs if not reasons[run.run_id])
    left_out = [f"{_name(run)} {reasons[run.run_id]}" for run in runs if reasons[run.run_id]]
    expect(
        len(counted) >= ENOUGH,
        found=f"{plural(len(counted), 'such run')}{_listed('; not counted:', left_out)}",
        expected=f"{ENOUGH} or more FINISHED runs of this workspace in `{EXPERIMENT}`, each with the metric `{METRIC}`",
        next_step=f"run Task 3 and Task 4 again: train, then `mlflow.log_metric('{METRIC}', ...)` inside "
        "`with mlflow.start_run():`, and let the block end without an error",
    )
    return counted


@check(points=2, needs=three_runs)
def dataset_named(lab: View, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """At least three of the runs, the one with the highest `valid_f1` among them, name the unchanged `data/train.csv`
    as their dataset with the context `training`: `mlflow.data.from_pandas` over all its rows, with or without the
    label column, given to `mlflow.log_input`."""
    known = {path: set(lab.proofs.digests(table)) for table, path in (("train", TRAIN), ("valid", VALID))}
    reasons = {run.run_id: _why_other_data(run, known) for run in runs}
    named = tuple(run for run in runs if not reasons[run.run_id])
    next_step = (
        f"log the run again with `mlflow.log_input(mlflow.data.from_pandas(train, source='{TRAIN}', "
        "targets='is_fraud'), context='training')`, where `train` is all that `pd.read_csv` gives"
    )
    record = lab.files.find(TRAIN)
    if record is None or record.sha256 != lab.fixtures.get(TRAIN):
        next_step = f"`{TRAIN}` is not the file that you started with: run `checker start 8 --reset`, and log anew"
    _expect_enough(runs, named, reasons, f"runs name `{TRAIN}` as training data", next_step)
    return named


@check(points=2, needs=three_runs)
def models_kept(lab: View, runs: tuple[Run, ...]) -> tuple[Kept, ...]:
    """At least three of the runs, the one with the highest `valid_f1` among them, keep the model that they trained: it
    was logged inside that run with `log_model`, MLflow says that it is ready, it has a signature, and it can be loaded
    as a Python function."""
    models, started = lab.mlflow.experiment(EXPERIMENT).models, _started(lab)
    kept, reasons = [], {}
    for run in runs:
        own = [each for each in models if _belongs(each, run)]
        whole = tuple(each for each in own if not _why_no_model(each, started))
        reasons[run.run_id] = "" if whole else _why_no_model(own[0], started) if own else _why_none(run, models)
        if whole:
            kept.append(Kept(run, whole))
    next_step = (
        "log the run again: inside its `with` block call `mlflow.sklearn.log_model(model, name='model', "
        "signature=mlflow.models.infer_signature(X, model.predict(X)), ...)`, and let an error of it end the cell"
    )
    if any("upload failed" in reason for reason in reasons.values()):
        next_step += "; trees also need `skops_trusted_types=['sklearn.tree._tree.Tree']`"
    _expect_enough(runs, [each.run for each in kept], reasons, "runs keep a model with a signature", next_step)
    return tuple(kept)


@check(points=1, needs=(dataset_named, models_kept))
def runs_differ(lab: View, named: tuple[Run, ...], kept: tuple[Kept, ...]) -> None:
    """At least three of the runs with both dataset and model are different experiments: no two of them log the same
    params, and no two of their models answer alike for every row of the training, validation and held-out data."""
    whole = [each for each in kept if each.run in named]
    expect(
        len(whole) >= ENOUGH,
        found=f"{plural(len(whole), 'run')} with both dataset and model",
        expected=f"{ENOUGH} or more",
        next_step="log dataset and model in the same `with mlflow.start_run():` block",
    )
    bare = [each.run for each in whole if not each.run.params]
    whole = [each for each in whole if each.run.params][:MOST_COMPARED]
    answers = {each.run.run_id: _answers(lab, each) for each in whole}

    def same(one: Kept, other: Kept) -> str:
        if one.run.params == other.run.params:
            return "log the same params"
        return (
            "have models that answer alike everywhere" if answers[one.run.run_id] == answers[other.run.run_id] else ""
        )

    twins = [(one, other, how) for one, other in itertools.combinations(whole, 2) if (how := same(one, other))]
    pairs = {frozenset((one.run.run_id, other.run.run_id)) for one, other, _ in twins}
    different = any(
        not any(frozenset((a.run.run_id, b.run.run_id)) in pairs for a, b in itertools.combinations(three, 2))
        for three in itertools.combinations(whole, ENOUGH)
    )
    told = [f"{_name(run)} logs no params" for run in bare]
    told += [f"{_name(one.run)} and {_name(other.run)} {how}" for one, other, how in twins]
    expect(
        different,
        found=f"fewer than {ENOUGH} different runs{_listed(':', told)}",
        expected=f"{ENOUGH} or more runs that differ in their params and in what their models answer",
        next_step="train again with another setting that changes the model, such as another `max_depth`, and log it "
        "with `mlflow.log_params`",
    )


@check(points=2, needs=models_kept)
def logged_score_is_real(lab: View, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
    """The `valid_f1` of every run that keeps a model is the F1 of class 1 (`sklearn.metrics.f1_score`) that the grader
    measures when it lets this model predict 0 or 1 for the rows of `data/valid.csv`, to within 0.001. (The grader
    measures the 24 newest models, each for at most 30 seconds.)"""
    best = _best([each.run for each in kept])
    for each in kept:
        scores = [score for model in each.models if (score := lab.proofs.score(model.model_id, "valid"))]
        claim = each.run.metrics[METRIC]
        expect(
            scores or each.run not in best,
            found=f"the model of {_name(each.run)}, the best run, is not among the newest that were measured",
            expected="the best run's model among the 24 newest",
            next_step="delete runs and models that you do not need, or log the best setting again",
        )
        measured = [score for score in scores if not score.problem]
        if scores and not measured:
            fail(
                found=f"the model of {_name(each.run)} gives no score: {scores[0].problem}",
                expected="a model that loads and answers 0 or 1 for each row, outside of your notebook",
                next_step=f"load it as a stranger would, `mlflow.pyfunc.load_model('models:/{scores[0].model_id}')`, "
                f"and let it predict; then log it again, and delete this run: "
                f"`mlflow.delete_run('{each.run.run_id}')`",
            )
        if measured and not any(abs(score.f1 - claim) <= CLOSE for score in measured):
            fail(
                found=f"{_name(each.run)} reports {METRIC} {claim:.4f}; its model has {measured[0].f1:.4f}"
                f"{_what_it_may_be(lab, claim, measured[0])}",
                expected=f"the F1 of its own predictions on `{VALID}`, to within {CLOSE}",
                next_step=f"log the run again with `f1_score(valid['is_fraud'], model.predict(X_valid))`, and delete "
                f"this one: `mlflow.delete_run('{each.run.run_id}')`",
            )
    return tuple(each for each in kept if each.run in best)


@check(points=1, needs=logged_score_is_real)
def score_holds_up(lab: View, best: tuple[Kept, ...]) -> None:
    """The best run's score holds for payments that nobody saw: on held-out rows of the two months after
    `data/valid.csv`, its model's F1 is at most 0.12 lower than the `valid_f1` that it reports."""
    for each in best:
        claim = each.run.metrics[METRIC]
        scores = [lab.proofs.score(model.model_id, "holdout") for model in each.models]
        held_out = [score.f1 for score in scores if score and not score.problem]
        problem = next((score.problem for score in scores if score and score.problem), "it was not measured")
        expect(
            held_out and max(held_out) >= claim - MOST_LOST,
            found=f"{_name(each.run)} reports {claim:.2f} and "
            + (f"has {max(held_out):.2f} on held-out rows" if held_out else f"gives no score there: {problem}"),
            expected=f"at most {MOST_LOST} less than it reports: a model that did not learn from `{VALID}`",
            next_step=f"train on `{TRAIN}` alone, log it again, and delete this run: "
            f"`mlflow.delete_run('{each.run.run_id}')`",
        )


@check(points=1, needs=logged_score_is_real)
def best_is_marked(lab: View, best: tuple[Kept, ...]) -> None:
    """The run with the highest `valid_f1`, and no other run of this workspace, carries the tag `stage` with the value
    `candidate`."""
    started = _started(lab)
    runs = [run for run in lab.mlflow.runs(EXPERIMENT) if _is_new(run.started, started)]
    marked = [run for run in runs if run.tags.get(TAG, "").strip().lower() == MARK]
    right = best[0].run
    expected = f"the tag `{TAG}` = `{MARK}` on {_name(right)} alone, the run with the highest {METRIC}"
    set_it = f"`mlflow.MlflowClient().set_tag('{right.run_id}', '{TAG}', '{MARK}')`"
    expect(marked, found=f"no run has the tag `{TAG}` = `{MARK}`", expected=expected, next_step=f"run {set_it}")
    wrong = [run for run in marked if run.run_id not in {each.run.run_id for each in best}]
    if wrong:
        score = wrong[0].metrics.get(METRIC, math.nan)
        fail(
            found=f"{_name(wrong[0])} carries the tag, {wrong[0].status}, {METRIC} {score:.4f}",
            expected=expected,
            next_step=f"run `mlflow.MlflowClient().delete_tag('{wrong[0].run_id}', '{TAG}')`, then {set_it}",
        )
    expect(
        len(marked) == 1,
        found=f"{len(marked)} runs carry the tag: {', '.join(map(_name, marked))}",
        expected="one run: where two are equally good, choose one",
        next_step=f"run `mlflow.MlflowClient().delete_tag('{marked[-1].run_id}', '{TAG}')`",
    )


def _started(lab: View) -> datetime:
    """When the workspace was started, in whole milliseconds as MLflow has them."""
    started = lab.workspace.started
    started = started if started.tzinfo else started.replace(tzinfo=UTC)
    return started.replace(microsecond=started.microsecond // 1000 * 1000)


def _is_new(moment: datetime | None, started: datetime) -> bool:
    return moment is not None and moment >= started


def _name(run: Run) -> str:
    return f"`{clean(run.name, 40) or 'run'}` ({clean(run.run_id[:8])})"


def _listed(before: str, parts: Sequence[str]) -> str:
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return f"{before} {'; '.join(parts[:3])}{more}" if parts else ""


def _best(runs: Iterable[Run]) -> list[Run]:
    """The runs with the highest score; several when they are equal."""
    made = list(runs)
    highest = max(run.metrics[METRIC] for run in made)
    return [run for run in made if run.metrics[METRIC] >= highest - EQUAL]


def _why_not_counted(run: Run, started: datetime) -> str:
    if run.status != "FINISHED":
        return f"is {run.status}"
    if not _is_new(run.started, started):
        when = f"{run.started:%Y-%m-%d %H:%M} UTC" if run.started else "an unknown time"
        return f"says that it began at {when}, before this workspace was started"
    if METRIC not in run.metrics:
        return f"has no metric `{METRIC}`"
    # MLflow stores an infinity as the largest float.
    value = run.metrics[METRIC]
    return "" if abs(value) < 1e300 else f"reports {value:.3g} as `{METRIC}`"


def _expect_enough(
    runs: Sequence[Run], good: Sequence[Run], reasons: dict[str, str], what: str, next_step: str
) -> None:
    """Fail unless three runs are good, and one of the best."""
    lacking = [f"{_name(run)} {reasons[run.run_id]}" for run in runs if run not in good]
    expect(
        len(good) >= ENOUGH,
        found=f"{len(good)} of {len(runs)} {what}{_listed(';', lacking)}",
        expected=f"{ENOUGH} or more",
        next_step=next_step,
    )
    best = _best(runs)
    expect(
        any(run in good for run in best),
        found=f"the run with the highest {METRIC}, {_name(best[0])}, {reasons[best[0].run_id]}",
        expected="that the best run is one that can be made again",
        next_step=f"{next_step}; or delete it: `mlflow.delete_run('{best[0].run_id}')`",
    )


def _why_other_data(run: Run, known: dict[str, set[str]]) -> str:
    """Why none of the run's datasets is the training data; empty when one is."""
    same = [each for each in run.datasets if each.digest in known[TRAIN]]
    if any(each.context.strip().lower() in ("training", "train") for each in same):
        return ""
    if same:
        return f"names it with the context `{clean(same[0].context, 40)}`"
    if not run.datasets:
        return "names no dataset"
    other = run.datasets[0]
    what = f"`{VALID}`" if other.digest in known[VALID] else "other data"
    return f"names {what} (digest {clean(other.digest, 40)})"


def _belongs(model: LoggedModel, run: Run) -> bool:
    """Whether the model was logged in this run; MLflow links it from the model's side, the run's, or both."""
    return model.source_run_id == run.run_id or (not model.source_run_id and model.model_id in run.model_ids)


def _why_no_model(model: LoggedModel, started: datetime) -> str:
    if not model.ready:
        status = model.status.removeprefix("LOGGED_MODEL_").lower().replace("_", " ")
        return f"has a model that is not usable: {model.problem or clean(status, 40)}"
    if not _is_new(model.created, started):
        return "has a model from before this workspace was started"
    if "python_function" not in model.flavors:
        return "has a model without the flavor python_function, which has no `predict`"
    return "" if model.has_signature else "has a model without a signature"


def _why_none(run: Run, models: Sequence[LoggedModel]) -> str:
    borrowed = any(each.model_id in run.model_ids for each in models)
    return "points to the model of another run" if borrowed else "has no model"


def _answers(lab: View, kept: Kept) -> tuple[str, ...]:
    """What tells a run's models apart; its own name where nothing was measured."""
    scores = [
        lab.proofs.score(model.model_id, table) for model in kept.models for table in ("train", "valid", "holdout")
    ]
    said = tuple(score.answers for score in scores if score and score.answers)
    return said or (kept.run.run_id,)


def _what_it_may_be(lab: View, claim: float, score: Score) -> str:
    """A guess at how the reported number came about; empty where nothing fits."""
    train = lab.proofs.score(score.model_id, "train")
    nothing = Score(model_id="", table="", tp=score.tn, fp=score.fn, fn=score.fp, tn=score.tp).f1
    share = (score.tp + score.fn) / score.rows if score.rows else 0.0
    guesses = {
        f"that is its F1 on `{TRAIN}`, the rows that it learned from": train.f1
        if train and not train.problem
        else -1.0,
        "that is its accuracy": (score.tp + score.tn) / score.rows if score.rows else -1.0,
        "that is its precision": score.precision,
        "that is its recall": score.recall,
        "that is the macro average of both classes": (score.f1 + nothing) / 2,
        "that is the average weighted by class": share * score.f1 + (1 - share) * nothing,
        "that is a percentage": score.f1 * 100,
    }
    what = min(guesses, key=lambda each: abs(guesses[each] - claim))
    return f" ({what})" if abs(guesses[what] - claim) <= CLOSE / 2 else ""

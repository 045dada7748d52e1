"""Day 24: a loop that drift sets going, that promotes what is better, refuses what is not, and comes to rest."""

from __future__ import annotations

from typing import Any

from checker.check import check, expect, fail
from checker.checks.lineage import since, started
from checker.evidence import View
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.loops import KEEP, PROMOTE, REFUSE, WAIT, LoopRun
from checker.evidence.mlflow import ModelVersion
from checker.evidence.proofs import SLOW
from checker.text import clean, plural

NAME, LOOP = "day24-card-fraud", "loop"
OWN, TACTICS, DEALT = "own", "tactics", "dealt"
EARLY, ARRIVED, AGAIN, NEXT = range(4)
QUIET, BAD, BAD_AGAIN = range(3)
BETTER = 0.1
FEWEST_WORDS = 4
QUIET_HERE, DRIFTED_HERE, FIRST_HERE = "2025-05", "2025-09", "2025-03"
TRY = "python -m loop"


@check(points=1)
def quiet_months_are_kept(lab: View) -> None:
    """Called for a month in which nothing changed, `python -m loop MONTH` ends with status 0 and writes `keep`. It
    starts no pipeline, logs no model, registers no version, leaves the alias `champion` where it is and deploys
    nothing. The checker tries `data/2025-05.csv` and a month that you have not seen."""
    for chain, what in ((OWN, "for `data/2025-05.csv`"), (DEALT, "for another month in which nothing changed")):
        run = _ended(lab, chain, QUIET, what)
        _expect_unmoved(run, what, "compare the month with the champion's before anything else")
        _expect_decision(run, KEEP, what, f"print what your statistic says of each column, in `{TRY} {QUIET_HERE}`")


@check(points=1, needs=quiet_months_are_kept)
def drift_without_labels_waits(lab: View, _: None) -> None:
    """Called for a month that drifted, while only the first fifth of its payments have a label, the loop ends with
    status 0 and writes `wait`. It trains nothing, leaves the alias and deploys nothing."""
    what = "for a month that drifted, most of whose labels are not known yet"
    run = _ended(lab, TACTICS, EARLY, what)
    said = _decision(run)
    expect(
        said != KEEP,
        found=f"{what}, it decides `keep`: it does not notice the drift",
        expected="drift as soon as one of the eight features clearly changed; then `wait`, for want of labels",
        next_step=f"run `{TRY} {DRIFTED_HERE}`, and compare each column with `data/{FIRST_HERE}.csv`",
    )
    _expect_unmoved(run, what, "count the rows that have a label before you train; an empty label is no 0")
    _expect_decision(run, WAIT, what, "count the rows that have a label: less than 80% of all, and the loop waits")


@check(points=2, needs=drift_without_labels_waits)
def better_model_is_promoted(lab: View, _: None) -> LoopRun:
    """Called again for that month when all labels are there, the loop trains in a run of a kfp pipeline below `runs/`,
    promotes and writes `promote`, with status 0: the alias `champion` names a new version, the old one is still there.
    On payments of that month that the loop was not given, the new champion's average precision is at least 0.1 above
    the old one's."""
    what = "for a month in which retraining helps, with all its labels"
    run = _ended(lab, TACTICS, ARRIVED, what)
    said = _decision(run)
    expect(
        run.champion not in ("", run.before) and run.version(run.champion) is not None,
        found=f"{what}, the alias `champion` "
        + (f"stays on version {clean(run.before, 20)}" if run.champion == run.before else "names no version")
        + (f"; it decides `{said}`" if said else "")
        + _reason(run),
        expected="a new version that is clearly better on this month, and the alias on it",
        next_step=f"run `{TRY} {DRIFTED_HERE}`: what does the gate say, and are both models scored on the same rows, "
        "which training has not seen?",
    )
    _expect_decision(run, PROMOTE, what, "write down what was done, after it was done")
    expect(
        run.version(run.before) is not None,
        found=f"version {clean(run.before, 20)}, the champion before, is gone",
        expected="the old version in the registry, since it is the way back",
        next_step="move the alias, and delete nothing",
    )
    expect(
        run.pipelines,
        found=f"{what}, no run of a kfp pipeline was added to `runs/`",
        expected='`local.init(..., pipeline_root="runs")`, and a pipeline that is called in the loop',
        next_step=f"train by `training.py`, or by a kfp pipeline of yours; `ls runs` after `{TRY} {DRIFTED_HERE}`",
    )
    model = lab.proofs.loop_model(LOOP, TACTICS, ARRIVED)
    problem = "is not there" if model is None else model.problem
    if model is None or problem:
        fail(
            found=f"the new champion gives no scores: its model {clean(problem, 200)}",
            expected="a logged model that loads in another process and gives each payment a score",
            next_step=f"load it as a stranger would: `mlflow.pyfunc.load_model('models:/{NAME}@champion')`",
        )
    expect(
        model.after >= model.before + BETTER,
        found=f"on payments that the loop was not given, the new champion's average precision is {model.after:.2f}, "
        f"the old one's {model.before:.2f}",
        expected=f"at least {BETTER} more",
        next_step="is the version that the alias names the one with the model that the gate has judged?",
    )
    return run


@check(points=2, needs=drift_without_labels_waits)
def worse_model_is_refused(lab: View, _: None) -> LoopRun:
    """Called for a month that drifted and whose labels were mixed up, the loop trains, and refuses: it ends with status
    0 and writes `refuse`, and the alias stays. (A refused candidate may be registered, as a version without that
    alias.)"""
    what = "for a month whose prices rose and whose labels were mixed up"
    run = _ended(lab, DEALT, BAD, what)
    expect(
        run.champion == run.before,
        found=f"{what}, the alias `champion` moved from version {clean(run.before, 20)} to "
        f"{clean(run.champion, 20) or 'none'}" + _reason(run),
        expected="the old champion: on rows that training has not seen, the new model is no better",
        next_step="let both models score the same rows, which training has not seen, and ask `gate.judge`",
    )
    _expect_decision(run, REFUSE, what, "drift is a reason to train; whether to promote is for the gate to say")
    expect(
        run.pipelines,
        found=f"{what}, it decides `refuse`, and no run of a pipeline was added to `runs/`",
        expected="a candidate that was trained and judged",
        next_step="train before you judge: a month is not refused by how it looks",
    )
    return run


@check(points=1, needs=(better_model_is_promoted, worse_model_is_refused))
def deployment_follows(lab: View, promoted: LoopRun, refused: LoopRun) -> None:
    """The loop runs the command in the variable `DEPLOY_COMMAND` exactly once for the month that it promotes, when the
    alias names the new version already, and never for a month that it refuses."""
    expect(
        len(promoted.deployed) == 1,
        found=f"for the month that was promoted, the command ran {plural(len(promoted.deployed), 'time')}",
        expected="once",
        next_step="`subprocess.run(shlex.split(os.environ['DEPLOY_COMMAND']), check=True)`, after the alias has moved",
    )
    expect(
        promoted.deployed[0] == promoted.champion,
        found=f"when the command ran, the alias named version {clean(promoted.deployed[0], 20) or 'none'}, and at the "
        f"end version {clean(promoted.champion, 20)}",
        expected="the alias first: a deployment looks up what it names at that moment",
        next_step="move the line that deploys behind `set_registered_model_alias`",
    )
    expect(
        not refused.deployed,
        found=f"for the month that was refused, the command ran {plural(len(refused.deployed), 'time')}",
        expected="no deployment where nothing was promoted",
        next_step="deploy in the branch that promotes, and nowhere else",
    )


@check(points=1, needs=(better_model_is_promoted, worse_model_is_refused))
def loop_comes_to_rest(lab: View, _: LoopRun, __: LoopRun) -> None:
    """Called once more with nothing new, for the month that it promoted or for the one that it refused, the loop ends
    with status 0, trains nothing, registers nothing, leaves the alias and deploys nothing. The same for the month after
    the one that it promoted, which is like it: drift is measured against the month that the new champion learned
    from. There it writes `keep`."""
    for chain, step, what, advice in (
        (
            DEALT,
            BAD_AGAIN,
            "called a second time for the month that it refused",
            "look up whether this file was decided",
        ),
        (
            TACTICS,
            AGAIN,
            "called a second time for the month that it promoted",
            "look up whether this file was decided",
        ),
        (
            TACTICS,
            NEXT,
            "for the month after the one that it promoted",
            "read the tag `month` of the version that `champion` names now, and compare with that month's file",
        ),
    ):
        run = _ended(lab, chain, step, what)
        _expect_unmoved(run, what, advice)
    _expect_decision(run, KEEP, what, advice)


@check(points=1, needs=better_model_is_promoted)
def promotion_is_on_record(lab: View, run: LoopRun) -> None:
    """The version that was promoted has these tags: `month`, for which the loop was called; `data_sha256`, the SHA-256
    of that month's file in hexadecimal; `replaces`, the number of the version that was champion before; `pipeline_run`,
    the name of the folder of the training run below `runs/`; and `reason`, at least four words."""
    version = run.version(run.champion)
    tags = version.tags if version else {}
    number = clean(run.champion, 20)
    wanted = {
        "month": (run.month,),
        "data_sha256": (run.sha256,),
        "replaces": (run.before,),
        "pipeline_run": run.pipelines,
    }
    for name, values in wanted.items():
        told = tags.get(name, "").strip()
        told = told.lower() if name == "data_sha256" else told.removeprefix("runs/").strip("/")
        expect(
            told in values,
            found=f"the tag `{name}` of version {number} is " + (f"`{clean(told, 80)}`" if told else "missing"),
            expected=f"`{clean(values[0], 80)}`",
            next_step=f"`client.set_model_version_tag('{NAME}', version, '{name}', ...)`, on the version itself",
        )
    reason = tags.get("reason", "")
    expect(
        len(reason.split()) >= FEWEST_WORDS,
        found=f"the tag `reason` of version {number} is " + (f"`{clean(reason, 80)}`" if reason.strip() else "missing"),
        expected=f"at least {FEWEST_WORDS} words, best with the numbers that decided",
        next_step=f"`client.set_model_version_tag('{NAME}', version, 'reason', ...)`",
    )


@check(points=1, needs=(deployment_follows, loop_comes_to_rest, promotion_is_on_record))
def loop_ran_here(lab: View, *_: None) -> None:
    """Here, on the platform's MLflow, the loop was called for `2025-05` and for `2025-09`: `decisions/2025-05.json`
    says `keep`, `decisions/2025-09.json` says `promote`, and the alias `champion` of `day24-card-fraud` names a version
    with a logged model that was registered after you started this workspace. Its tags are as above, for
    `data/2025-09.csv`; the version that it replaces is there, and learned from `2025-03`."""
    for month, wanted in ((QUIET_HERE, KEEP), (DRIFTED_HERE, PROMOTE)):
        path = f"decisions/{month}.json"
        file = lab.files.find(path)
        said = _said(file.text if file else None)
        expect(
            said == wanted,
            found=f"`{path}` says `{said}`" if said else f"there is no decision in `{path}`",
            expected=f"`{wanted}`, as the loop wrote it when it ran here",
            next_step=f"run `python first_champion.py`, then `{TRY} {QUIET_HERE}` and `{TRY} {DRIFTED_HERE}` here",
        )
    registered = lab.mlflow.registered_model(NAME)
    champion = _version(registered.versions, registered.aliases.get("champion", ""))
    again = f"run `python first_champion.py`, delete `decisions/{DRIFTED_HERE}.json`, and run `{TRY} {DRIFTED_HERE}`"
    if (
        champion is None
        or not since(champion.created, started(lab))
        or champion.model is None
        or not champion.model.ready
    ):
        fail(
            found="the alias `champion` names no version with a logged model that was registered since this workspace "
            "was started",
            expected=f"the version that the loop promoted for `{DRIFTED_HERE}`",
            next_step=again,
        )
    replaced = _version(registered.versions, champion.tags.get("replaces", "").strip())
    fits = {"month": DRIFTED_HERE, "data_sha256": lab.fixtures.get(f"data/{DRIFTED_HERE}.csv", "")}
    wrong = [name for name, value in fits.items() if champion.tags.get(name, "").strip().lower() != value]
    wrong += [name for name in ("pipeline_run", "reason") if not champion.tags.get(name, "").strip()]
    expect(
        not wrong,
        found=f"version {clean(champion.version, 20)}, the champion here, has no tag `{wrong[0] if wrong else ''}` "
        f"that fits `data/{DRIFTED_HERE}.csv`",
        expected="the champion that the loop has made here, with its record",
        next_step=again,
    )
    expect(
        replaced is not None
        and replaced.version != champion.version
        and replaced.tags.get("month", "").strip() == FIRST_HERE,
        found=f"its tag `replaces` is `{clean(champion.tags.get('replaces', ''), 20)}`, "
        + ("and there is no such version" if replaced is None else f"which did not learn from `{FIRST_HERE}`"),
        expected="the version that `first_champion.py` has registered",
        next_step=again,
    )


def _ended(lab: View, chain: str, step: int, what: str) -> LoopRun:
    """Return a call that ended with status 0, or fail."""
    run = lab.proofs.loop(LOOP, chain, step)
    if run.problem:
        absent = run.problem.startswith("is not there")
        slow = SLOW.search(f" {run.problem}")
        fail(
            found=f"the loop {run.problem}" if absent else f"{what}: the loop {run.problem}",
            expected="`loop.py`, or a package `loop` with `__main__.py`, that decides within 60 seconds of CPU time",
            next_step="write `loop.py`: tasks 1 to 4 make its parts, and task 5 puts them together"
            if absent
            else "make what it does smaller: fewer trees, fewer steps"
            if slow
            else f"run `{TRY} {DRIFTED_HERE}` in a fresh copy of your files and `data/`",
        )
    last = next((line.strip() for line in reversed(run.printed.splitlines()) if line.strip()), "it printed nothing")
    expect(
        run.status == 0,
        found=f"{what}, it ends with status {run.status}: {clean(last, 200)}",
        expected="status 0 for each of the four decisions; another one is for what could not be decided",
        next_step=f"run `{TRY} {QUIET_HERE if chain == OWN else DRIFTED_HERE}; echo $?` in a copy that has your code "
        "and `data/`, and nothing else",
    )
    return run


def _expect_unmoved(run: LoopRun, what: str, advice: str) -> None:
    """Nothing was trained, promoted or deployed."""
    made = [
        *([f"{plural(len(run.pipelines), 'run')} of a pipeline"] if run.pipelines else []),
        *([plural(run.models, "logged model")] if run.models else []),
        *([plural(len(run.made), "version")] if run.made else []),
        *([plural(len(run.deployed), "deployment")] if run.deployed else []),
        *(["another champion"] if run.champion != run.before else []),
    ]
    expect(
        not made,
        found=f"{what}, it makes {', '.join(made)}",
        expected="nothing trained, registered, promoted or deployed",
        next_step=advice,
    )


def _expect_decision(run: LoopRun, wanted: str, what: str, advice: str) -> None:
    said, path = _decision(run), f"decisions/{run.month}.json"
    expect(
        said == wanted,
        found=f"{what}, it decides `{said}`" + _reason(run)
        if said
        else f"{what}, it writes no `{path}` with a `decision`"
        if run.said is None
        else f"{what}, `{path}` is no JSON object with a text `decision`",
        expected=f"`{wanted}` in `{path}`",
        next_step=advice,
    )


def _decision(run: LoopRun) -> str:
    return _said(run.said)


def _said(text: str | None) -> str:
    decision = _parsed(text).get("decision")
    return clean(decision.strip().lower(), 40) if isinstance(decision, str) else ""


def _reason(run: LoopRun) -> str:
    reason = _parsed(run.said).get("reason")
    # What a call says of a month that nobody is to see is shown in part only: it may be told which numbers it compared.
    return f" (`{clean(reason, 100)}`)" if isinstance(reason, str) and reason.strip() and run.chain == OWN else ""


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        return mapping(parse_json(text or ""))
    except ForeignText:
        return {}


def _version(versions: tuple[ModelVersion, ...], number: str) -> ModelVersion | None:
    return next((each for each in versions if each.version == number), None)

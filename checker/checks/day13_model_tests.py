"""Day 13: one command that lets sound models out, and says why it keeps others back."""

from __future__ import annotations

from collections.abc import Sequence

from checker.check import check, expect, fail
from checker.evidence import View
from checker.evidence.foreign import ForeignText, mapping, parse_json
from checker.evidence.proofs import CommandRun
from checker.text import clean

FAMILIES = ("invariance", "direction", "slices", "calibration", "skew")
SOUND = {"sound-forest": "a random forest", "sound-weak": "a plain model that sees three columns and is handed all"}
BROKEN = {
    "cut-off": ("whose model cannot be loaded", "let an error in a test or a fixture count as a refusal"),
    "no-number": (
        "whose model answers with NaN",
        "every comparison with NaN is false: test that each score lies from 0 to 1 before anything else",
    ),
}
SKEWED = {
    "hours-elsewhere": "whose service counts the hours by another clock",
    "mixed-up-payments": "whose service took two features of some payments from other payments",
}
INVARIANT = {
    "age": "that asks for the age band",
    "customer": "that learned which customers were robbed before",
    "batch": "whose score depends on the other rows that it is asked about",
}
LEAKING = {"leak": "that uses `card_blocked`"}
DIRECTED = {
    "no-amount": "that takes no notice of the amount",
    "amount-only-abroad": "that takes notice of the amount abroad and nowhere else",
}
SLICED = {
    "blind-to-a-channel": "that finds next to no fraud in one channel",
    "blind-to-a-category": "that finds next to no fraud in one category",
}
CALIBRATED = {"overconfident": "whose scores are too near to 0 and 1"}
ONE_FAULT = {
    "invariance": INVARIANT | LEAKING,
    "direction": DIRECTED,
    "slices": SLICED,
    "calibration": CALIBRATED,
    "skew": SKEWED,
}
TRY = "python -m gate practice"


@check(points=2)
def gate_decides(lab: View) -> None:
    """`python -m gate candidate` ends with status 0 for a sound model, and its `report.json` says `"failed": []`; it
    ends with another status for a model that cannot be loaded, for one that answers with something else than numbers
    from 0 to 1, and for one that has three faults at once and ranks frauds better than any sound one.
    """
    step = f"run `{TRY}/honest; echo $?`"
    run = lab.proofs.find_command("gate", "sound")
    if run.problem == "none of the files is there that it needs":
        fail(found="no gate", expected="`gate.py`, or a folder `gate` with `__main__.py`", next_step="do task 1")
    run = lab.proofs.command("gate", "sound")
    failed = _failed(run)
    expect(
        run.status == 0,
        found=f"it ends with status {run.status} for a sound model"
        + (f", and says that it fails in {_named(failed)}" if failed else f"; {_unread(run)}"),
        expected="status 0, for every model that keeps to the numbers of the contract",
        next_step=step,
    )
    expect(
        failed == (),
        found=f"status 0, and {_unread(run)}" if failed is None else f"status 0, and a failure in {_named(failed)}",
        expected='`report.json` in the folder in which the command runs, with `"failed": []`',
        next_step=f"run `{TRY}/honest`, and look at `report.json`",
    )
    for case, (what, advice) in BROKEN.items():
        run = lab.proofs.find_command("gate", case)
        expect(
            run.status != 0 and _failed(run) != (),
            found=f"a candidate {what} may go out"
            if run.status == 0
            else f"for a candidate {what}, the status is {run.status}, and `report.json` names no failure",
            expected="a status that is not 0, and a report, if there is one, whose `failed` is not empty",
            next_step=f"run `{TRY}/not-a-model; echo $?`; {advice}",
        )
    run = lab.proofs.find_command("gate", "many-faults")
    said = _failed(run)
    expect(
        run.status != 0,
        found="status 0 for a model that uses what is known only afterwards, takes no notice of the amount, and is "
        "badly calibrated" + (f", though `report.json` names {_named(said)}" if said else ""),
        expected="a status that is not 0: it is all that a build machine looks at",
        next_step=f"run `{TRY}/leak; echo $?`, without a pipe behind it, and compare with `report.json`",
    )


@check(points=1, needs=gate_decides)
def sound_models_pass(lab: View, _: None) -> None:
    """The gate lets two more sound models out, a forest and a weaker one: both keep to the numbers of the contract."""
    for case, what in SOUND.items():
        run = lab.proofs.find_command("gate", case)
        failed = _failed(run)
        expect(
            run.status == 0 and failed == (),
            found=f"for {what}, {_how(run)}",
            expected='status 0 and `"failed": []`',
            next_step=f"compare the numbers in your tests of {_named(failed)} with those of the contract"
            if failed
            else f"run `{TRY}/honest-forest; echo $?`",
        )


@check(points=2, needs=gate_decides)
def invariance_is_tested(lab: View, _: None) -> None:
    """The gate refuses models whose scores depend on the customer, on the age band or on the other rows that they are
    asked about (1 mark), and one that uses what is known only afterwards (1 mark); each time, `failed` names
    `invariance`.
    """
    step = "shuffle one column at a time among the rows, and compare each row's score with the one before"
    asked = "ask for the first 1000 rows by themselves, and compare with the scores that they had among all"
    for cases in (INVARIANT, LEAKING):
        case = next((each for each in cases if not _names(lab, each, "invariance")), "")
        expect(
            not case,
            found=_miss(lab, case, cases),
            expected="another status than 0, and `invariance` in `failed`",
            next_step=asked if case == "batch" else step,
            points=1,
        )


@check(points=1, needs=gate_decides)
def direction_is_tested(lab: View, _: None) -> None:
    """The gate refuses a model to which the amount says nothing, and one to which it says something about a few
    payments only; `failed` names `direction`.
    """
    _all_named(lab, "direction", DIRECTED, "count over all rows for how many the score rises, and not for one")


@check(points=1, needs=gate_decides)
def slices_are_tested(lab: View, _: None) -> None:
    """The gate refuses a model that finds next to no fraud in one channel, and one that does so in one category;
    `failed` names `slices`.
    """
    _all_named(
        lab, "slices", SLICED, "compute the recall of each group of `age_band`, `channel` and `category_code` apart"
    )


@check(points=1, needs=gate_decides)
def calibration_is_tested(lab: View, _: None) -> None:
    """The gate refuses a model that ranks as it should and whose scores are far too near to 0 and 1; `failed` names
    `calibration`.
    """
    _all_named(lab, "calibration", CALIBRATED, "compare, in each bin, the mean of the scores with the share of frauds")


@check(points=1, needs=gate_decides)
def skew_is_tested(lab: View, _: None) -> None:
    """The gate refuses two candidates whose service computes features otherwise than the training pipeline, in all rows
    or in some; `failed` names `skew`.
    """
    _all_named(lab, "skew", SKEWED, "join both tables by `transaction_id`, and compare value by value")


@check(points=1, needs=sound_models_pass)
def reasons_are_right(lab: View, _: None) -> None:
    """For models with one fault, `failed` names no family that they pass."""
    for family, cases in ONE_FAULT.items():
        for case, what in cases.items():
            extra = set(_failed(lab.proofs.find_command("gate", case)) or ()) - {family}
            expect(
                not extra,
                found=f"for a candidate {what}, `failed` names {_named(sorted(extra))} besides",
                expected="the families of the tests that failed, and no other",
                next_step="let each test that fails give its own family's name, and compare your numbers with those of "
                "the contract",
            )


def _failed(run: CommandRun) -> tuple[str, ...] | None:
    """Return what the report names; None when there is no report that can be read."""
    try:
        said = mapping(parse_json(run.outputs.get("report.json", ""))).get("failed")
    except ForeignText:
        return None
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        return None
    return tuple(each.strip().lower() for each in said)


def _names(lab: View, case: str, family: str) -> bool:
    run = lab.proofs.find_command("gate", case)
    return run.problem is None and run.status != 0 and family in (_failed(run) or ())


def _all_named(lab: View, family: str, cases: dict[str, str], advice: str) -> None:
    case = next((each for each in cases if not _names(lab, each, family)), "")
    expect(
        not case,
        found=_miss(lab, case, cases),
        expected=f"another status than 0, and `{family}` in `failed`",
        next_step=advice,
    )


def _miss(lab: View, case: str, cases: dict[str, str]) -> str:
    return f"for a candidate {cases[case]}, {_how(lab.proofs.find_command('gate', case))}" if case else ""


def _how(run: CommandRun) -> str:
    if run.problem:
        return f"the gate came to no end: {run.problem}"
    failed = _failed(run)
    if failed is None:
        return f"the status is {run.status}, and {_unread(run)}"
    return f"the status is {run.status}, and `failed` " + (f"names {_named(failed)}" if failed else "is empty")


def _unread(run: CommandRun) -> str:
    if "report.json" not in run.outputs:
        return "there is no `report.json`"
    if _failed(run) is None:
        return "`report.json` is no JSON object whose `failed` is a list of names"
    return "`failed` is empty"


def _named(names: Sequence[str] | None) -> str:
    return clean(", ".join(f"`{each}`" for each in names or ()), 120)

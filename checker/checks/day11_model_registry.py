"""Day 11: two versions, champion and challenger, an approval on record; the champion is really the better one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from checker.check import check, expect, fail
from checker.checks.lineage import follow_to_dvc, since, started
from checker.evidence import View
from checker.evidence.mlflow import LoggedModel, ModelVersion
from checker.evidence.proofs import Score
from checker.text import clean, plural
from checker.world.facts import FEATURE_COLUMNS

NAME = "day11-card-fraud"
SPRING, SUMMER, VALID = "data/spring.csv", "data/summer.csv", "data/september.csv"
TRAINING = {SPRING: "spring", SUMMER: "summer"}
SUMS = "dvc_md5"
PEOPLE = ("requested_by", "approved_by")
ENOUGH = 2
MOST_EXAMPLES = 20
FEWEST_WORDS = 5
CLOSE = 0.001
BETTER = 0.05
LEAST = 0.1
# In 30 worlds honest models of four families lost at most 0.08 between September and the held-out rows.
MOST_LOST = 0.12


@dataclass(frozen=True)
class Pair:
    """The two versions that the aliases name."""

    champion: ModelVersion
    challenger: ModelVersion

    @property
    def named(self) -> tuple[tuple[str, ModelVersion], ...]:
        """Each with its alias."""
        return ("champion", self.champion), ("challenger", self.challenger)


@check(points=1)
def two_versions(lab: View) -> tuple[ModelVersion, ...]:
    """The registered model `day11-card-fraud` has at least two versions that you registered after you started this
    workspace. Each of them is READY and has a description. (Only such versions count below.)"""
    registered = lab.mlflow.registered_model(NAME)
    reasons = {each.version: _why_not_counted(each, lab) for each in registered.versions}
    counted = tuple(each for each in registered.versions if not reasons[each.version])
    left_out = [f"version {clean(number, 20)} {reason}" for number, reason in reasons.items() if reason]
    more = f"; not counted: {'; '.join(left_out[:3])}" if left_out else ""
    expect(
        len(counted) >= ENOUGH,
        found=f"{plural(len(counted), 'such version')}{more}",
        expected=f"{ENOUGH} or more versions of `{NAME}`",
        next_step=f"`mlflow.register_model(info.model_uri, '{NAME}')` makes a version, and "
        f"`mlflow.MlflowClient().update_model_version('{NAME}', VERSION, description=...)` describes it",
    )
    return counted


@check(points=1, needs=two_versions)
def aliases_set(lab: View, versions: tuple[ModelVersion, ...]) -> Pair:
    """The aliases `champion` and `challenger` point to two different ones of these versions."""
    registered = lab.mlflow.registered_model(NAME)
    pointed = {}
    for alias in ("champion", "challenger"):
        number = registered.aliases.get(alias)
        set_it = f"`mlflow.MlflowClient().set_registered_model_alias('{NAME}', '{alias}', VERSION)`"
        if number is None:
            others = ", ".join(f"`{clean(each, 40)}`" for each in sorted(registered.aliases)[:5])
            fail(
                found=f"`{NAME}` has no alias `{alias}`" + (f"; it has {others}" if others else ""),
                expected=f"the alias `{alias}` on a version (stages and tags of this name do not count)",
                next_step=f"run {set_it}",
            )
        version = next((each for each in versions if each.version == number), None)
        if version is None:
            fail(
                found=f"`{alias}` points to version {clean(number, 20)}, which is not there or does not count",
                expected=f"one of the versions {', '.join(clean(each.version, 20) for each in versions[:5])}",
                next_step=f"run {set_it}",
            )
        pointed[alias] = version
    expect(
        pointed["champion"].version != pointed["challenger"].version,
        found=f"both aliases point to version {clean(pointed['champion'].version, 20)}",
        expected="two versions: the one in use and the one that it replaced",
        next_step=f"run `mlflow.MlflowClient().set_registered_model_alias('{NAME}', 'challenger', VERSION)` with the "
        "version that was champion before",
    )
    return Pair(**pointed)


@check(points=2, needs=aliases_set)
def models_described(lab: View, pair: Pair) -> Pair:
    """Behind both aliases stands a logged model of MLflow that is ready and can be loaded as a Python function. Its
    signature names its input columns, all of them feature columns of the data, and an output. Its input example has
    1 to 20 rows with just these columns."""
    for alias, version in pair.named:
        problem, mend = _why_not_described(version)
        expect(
            not problem,
            found=f"`{alias}`, version {clean(version.version, 20)}, {problem}",
            expected="a logged model with a signature of named columns and a small input example",
            next_step=f"{mend}; then register that model and move the alias",
        )
    return pair


@check(points=2, needs=models_described)
def lineage_holds(lab: View, pair: Pair) -> None:
    """From both versions a way leads back to the data, link by link. The version names the run in which its model was
    logged; the run is there, FINISHED, and of this workspace. The run names what it learned from with the context
    `training`: all rows of `data/spring.csv`, of `data/summer.csv`, or both as two datasets. The source of the dataset
    is the path of the file. DVC tracks that file and holds its bytes in the cache. A tag or param `dvc_md5` of the run
    has the MD5 sum by which DVC knows the file (both sums, where it learned from both)."""
    for _, version in pair.named:
        follow_to_dvc(lab, version, TRAINING, SUMS)


@check(points=2, needs=models_described)
def champion_is_better(lab: View, pair: Pair) -> None:
    """The champion is really the better one. On `data/september.csv` its F1 (class 1, `sklearn.metrics.f1_score` of the
    answers 0 or 1) is at least 0.05 higher than the challenger's. On held-out payments of September and October, which
    nobody has seen, it is also higher, is at least 0.1, and is at most 0.12 below its own F1 on September. (The grader
    lets both models predict, each for at most 30 seconds.)"""
    champion, challenger = (_measured(lab, alias, version, "september") for alias, version in pair.named)
    gain = champion.f1 - challenger.f1
    swap = (
        "compare both on September; then move the aliases (`set_registered_model_alias`), or train and register a "
        "better one; mend the record of the promotion too"
    )
    expect(
        gain >= BETTER,
        found=f"on `{VALID}` the champion's F1 is {champion.f1:.4f}, the challenger's {challenger.f1:.4f}"
        + (" (they answer alike for every row)" if champion.answers == challenger.answers else ""),
        expected=f"a champion that is at least {BETTER} better",
        next_step=swap,
    )
    champion_later, challenger_later = (_measured(lab, alias, version, "holdout") for alias, version in pair.named)
    lost = champion.f1 - champion_later.f1
    expect(
        lost <= MOST_LOST and champion_later.f1 >= LEAST,
        found=f"the champion's F1 is {champion.f1:.2f} on `{VALID}` and {champion_later.f1:.2f} on held-out payments",
        expected=f"at least {LEAST} there, and at most {MOST_LOST} less than on `{VALID}`: a model that did not learn "
        "these rows",
        next_step=f"train on `{SUMMER}` alone, without `{VALID}`; log it, register it, and move the alias `champion`",
    )
    expect(
        champion_later.f1 > challenger_later.f1,
        found=f"on held-out payments the champion's F1 is {champion_later.f1:.4f}, the challenger's "
        f"{challenger_later.f1:.4f}",
        expected="a champion that is better there as well",
        next_step=swap,
    )


@check(points=1, needs=aliases_set)
def approval_recorded(lab: View, pair: Pair) -> Pair:
    """The version behind `champion` carries the record of its promotion as version tags: `reason`, a sentence of at
    least five words; `requested_by` and `approved_by`, two different people, the second of whom is also not the user
    whose run trained the model (`mlflow.user`); and `replaces`, the number of the version that was champion before,
    which is the one behind `challenger`."""
    champion, tags = pair.champion, pair.champion.tags
    number = clean(champion.version, 20)

    def set_it(name: str, value: str) -> str:
        return f"run `mlflow.MlflowClient().set_model_version_tag('{NAME}', '{number}', '{name}', {value})`"

    for name in ("reason", *PEOPLE, "replaces"):
        expect(
            tags.get(name, "").strip(),
            found=f"version {number}, the champion, has no tag `{name}`",
            expected="`reason`, `requested_by`, `approved_by` and `replaces` on the version itself, not on its run or "
            "on the registered model",
            next_step=set_it(name, "..."),
        )
    expect(
        len(tags["reason"].split()) >= FEWEST_WORDS,
        found=f"the reason is `{clean(tags['reason'], 80)}`",
        expected=f"a sentence of at least {FEWEST_WORDS} words that somebody understands a year later",
        next_step=set_it("reason", "'...'"),
    )
    asked, approved = (" ".join(tags[name].split()).casefold() for name in PEOPLE)
    trained = champion.run.tags.get("mlflow.user", "") if champion.run else ""
    expect(
        approved not in (asked, " ".join(trained.split()).casefold()),
        found=f"`approved_by` is `{clean(tags['approved_by'], 60)}`, who also "
        + ("asked for the promotion" if approved == asked else "trained the model"),
        expected="four eyes: somebody else approves",
        next_step=set_it("approved_by", "'...'") + " with the name of another person, who has looked at it",
    )
    replaced = tags["replaces"].strip().casefold().removeprefix("version").strip().removeprefix("v")
    expect(
        replaced == pair.challenger.version,
        found=f"`replaces` is `{clean(tags['replaces'], 40)}`, and `challenger` is on version "
        f"{clean(pair.challenger.version, 20)}",
        expected="the former champion under the alias `challenger`, and its number in `replaces`",
        next_step=set_it("replaces", f"'{clean(pair.challenger.version, 20)}'") + ", or move the alias `challenger`",
    )
    return pair


@check(points=1, needs=(approval_recorded, models_described))
def recorded_scores_are_real(lab: View, pair: Pair, _: Pair) -> None:
    """The record also holds the numbers of the decision, as tags on the champion's version: `valid_f1`, its F1 on
    `data/september.csv`, and `replaced_f1`, that of the challenger. Both are what the grader measures, to within
    0.001."""
    for tag, (alias, version) in zip(("valid_f1", "replaced_f1"), pair.named, strict=True):
        told = pair.champion.tags.get(tag, "")
        claim = _number(told)
        score = _measured(lab, alias, version, "september")
        expect(
            abs(claim - score.f1) <= CLOSE,
            found=f"the tag `{tag}` of version {clean(pair.champion.version, 20)} is "
            + (f"`{clean(told, 40)}`" if told else "missing")
            + f"; the {alias}'s F1 on `{VALID}` is {score.f1:.4f}",
            expected=f"the F1 of class 1 on `{VALID}`, to within {CLOSE}, as a number such as 0.1234",
            next_step=f"measure it with `f1_score` and run `mlflow.MlflowClient().set_model_version_tag('{NAME}', "
            f"'{clean(pair.champion.version, 20)}', '{tag}', ...)`",
        )


def _why_not_counted(version: ModelVersion, lab: View) -> str:
    if version.status != "READY":
        return f"is {clean(version.status, 40) or 'of unknown status'}"
    if not since(version.created, started(lab)):
        return "was registered before this workspace was started"
    return "" if version.description.strip() else "has no description"


def _why_not_described(version: ModelVersion) -> tuple[str, str]:
    """Return what the version's model lacks and what mends it; the first is empty when it lacks nothing."""
    model = version.model
    if model is None:
        return (
            f"leads to no logged model: its source is `{clean(version.source, 120)}`",
            "register by the address that `log_model` returns: `mlflow.register_model(info.model_uri, ...)`",
        )
    again = "log the model again with `mlflow.sklearn.log_model(model, name='model', "
    if problem := _why_not_usable(model) or _why_not_signed(model):
        return problem, (
            f"{again}signature=mlflow.models.infer_signature(X, model.predict(X)), input_example=X.head(5), ...)`, "
            "where `X` is the table without `is_fraud`"
        )
    return _why_no_example(model), f"{again}input_example=X.head(5), ...)`"


def _why_not_usable(model: LoggedModel) -> str:
    if not model.ready:
        status = model.status.removeprefix("LOGGED_MODEL_").lower().replace("_", " ")
        return f"has a model that is not usable: {model.problem or clean(status, 40)}"
    if "python_function" not in model.flavors:
        return "has a model without the flavor python_function, which has no `predict`"
    return ""


def _why_not_signed(model: LoggedModel) -> str:
    if not model.has_signature or not model.has_outputs:
        return f"has a model without a signature of its {'outputs' if model.has_signature else 'inputs'}"
    if not model.inputs:
        return "has a signature with an array, and no names of columns"
    strange = next((each for each in model.inputs if each not in FEATURE_COLUMNS), "")
    return f"has a signature with the column `{clean(strange, 40)}`, which is no feature" if strange else ""


def _why_no_example(model: LoggedModel) -> str:
    example = model.example
    if example is None:
        return "has a model without an input example"
    if example.problem:
        return f"has an input example that {clean(example.problem, 80)}"
    if not 1 <= example.rows <= MOST_EXAMPLES:
        return f"has an input example of {plural(example.rows, 'row')}"
    others = sorted(set(example.columns) ^ set(model.inputs))
    return f"has an input example that differs from its signature in `{clean(others[0], 40)}`" if others else ""


def _measured(lab: View, alias: str, version: ModelVersion, table: str) -> Score:
    """Return what the grader measured, or fail in words."""
    model_id = version.model.model_id if version.model else ""
    score = lab.proofs.score(model_id, table)
    if score is None or score.problem:
        fail(
            found=f"the {alias}'s model gives no score: {score.problem if score else 'it was not measured'}",
            expected="a model that loads and answers 0 or 1 for each row, outside of your notebook",
            next_step=f"load it as a stranger would, `mlflow.pyfunc.load_model('models:/{NAME}@{alias}')`, and let it "
            "predict; mend it, log it again, register that model and move the alias",
        )
    return score


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", ".")[:40])
    except ValueError:
        return math.nan

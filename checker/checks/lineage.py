"""From a version of a model back to the bytes that it learned from. Each link must hold; the first broken one is named.

    version -> logged model -> run -> dataset -> file -> MD5 sum -> object in DVC's store

What the client typed on the way is a claim: a digest is compared with that of the learner's world, a sum with that of
the bytes that DVC holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from checker.check import expect, fail
from checker.evidence import View
from checker.evidence.dvc import Output
from checker.evidence.mlflow import Dataset, ModelVersion, Run
from checker.text import clean

TRAINING = ("training", "train")
SUM = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


def started(lab: View) -> datetime:
    """Return when the workspace was started, in whole milliseconds as MLflow has them."""
    moment = lab.workspace.started
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def since(moment: datetime | None, start: datetime) -> bool:
    """Return whether `moment` is known and not before `start`."""
    return moment is not None and moment >= start


def follow_to_dvc(lab: View, version: ModelVersion, tables: Mapping[str, str], tag: str) -> None:
    """Follow `version` to the objects of DVC; fail at the first link that is broken.

    `tables` maps each file that a run may have learned from to the name of the same table in the proofs; `tag` is
    the run's tag or param with the files' MD5 sums.
    """
    who = f"version {clean(version.version, 20)}"
    run = _run(lab, version, who)
    who = f"{who} (run `{clean(run.name or run.run_id, 40)}`)"
    files = _files(lab, run, tables, who)
    for path, dataset in files.items():
        _expect_source(dataset, path, who)
    sums = {path: _object(lab, path, who) for path in files}
    _expect_sums(run, sums, tag, who)


def _run(lab: View, version: ModelVersion, who: str) -> Run:
    """Return the run that made the model of `version`."""
    again = "log the model again inside `with mlflow.start_run():`, and register that model"
    model = version.model
    if model is None:
        fail(
            found=f"{who} leads to no logged model: its source is `{clean(version.source, 120)}`",
            expected="a version whose source is a logged model",
            next_step="register the model by the address that `log_model` returns, `info.model_uri`",
        )
    run, made_by = version.run, version.run_id or model.source_run_id
    expect(made_by, found=f"{who} names no run", expected="the run that made its model", next_step=again)
    own = model.source_run_id == made_by or (
        not model.source_run_id and run is not None and model.model_id in run.model_ids
    )
    expect(
        own,
        found=f"{who} names the run {clean(made_by[:8], 8)}, its model was logged in "
        + (f"{clean(model.source_run_id[:8], 8)}" if model.source_run_id else "none"),
        expected="the run in which its own model was logged",
        next_step="register the model again with `mlflow.register_model(info.model_uri, ...)`, which finds the right "
        "run by itself, and move the alias",
    )
    if run is None or run.deleted:
        fail(
            found=f"{who} names the run {clean(made_by[:8], 8)}, which {'was deleted' if run else 'is not there'}",
            expected="a run that can be looked at",
            next_step=f"`mlflow.MlflowClient().restore_run('{clean(made_by, 40)}')` brings a deleted run back; "
            f"or {again}",
        )
    expect(
        run.status == "FINISHED" and since(run.started, started(lab)),
        found=f"{who} names a run that is {run.status}"
        + ("" if since(run.started, started(lab)) else " and began before this workspace was started"),
        expected="a FINISHED run of this workspace",
        next_step=again,
    )
    return run


def _files(lab: View, run: Run, tables: Mapping[str, str], who: str) -> dict[str, Dataset]:
    """Return the files that the run names as its training data, recognised by their digests."""
    known = {digest: path for path, table in tables.items() for digest in lab.proofs.digests(table)}
    named = [each for each in run.datasets if each.context.strip().lower() in TRAINING]
    wanted = " or ".join(f"`{path}`" for path in tables)
    log_it = (
        "train again with `mlflow.log_input(mlflow.data.from_pandas(table, source=path, targets='is_fraud'), "
        "context='training')` in the run, where `table` is all that `pd.read_csv(path)` gives; register that model"
    )
    expect(
        named,
        found=f"{who} names no dataset with the context `training`",
        expected=f"the table that its model learned from: {wanted}",
        next_step=log_it,
    )
    changed = [path for path in tables if not _as_given(lab, path)]
    for each in named:
        expect(
            each.digest in known,
            found=f"{who} names other data: `{clean(each.name, 40)}`, digest {clean(each.digest, 40)}",
            expected=f"all rows of {wanted} as they were given",
            next_step=f"`{changed[0]}` is not the file that you started with: bring it back with `dvc checkout`, or "
            "begin anew with `checker start DAY --reset`; then train and register again"
            if changed
            else log_it,
        )
    return {known[each.digest]: each for each in named}


def _as_given(lab: View, path: str) -> bool:
    record = lab.files.find(path)
    return record is not None and record.sha256 == lab.fixtures.get(path)


def _expect_source(dataset: Dataset, path: str, who: str) -> None:
    """The dataset's source must name the file, as a path from anywhere, or its `.dvc` file."""
    try:
        source = json.loads(dataset.source)
    except (ValueError, RecursionError):
        source = None
    texts = [each for each in source.values() if isinstance(each, str)] if isinstance(source, dict) else []
    ends = tuple(f"/{path}{suffix}" for suffix in ("", ".dvc"))
    expect(
        any(f"/{each.strip()}".endswith(ends) for each in texts),
        found=f"{who} names a dataset with the source `{clean(texts[0] if texts else dataset.source or 'none', 120)}`",
        expected=f"the source `{path}`, so that a reader finds the file and its `.dvc` file",
        next_step=f"train again with `mlflow.data.from_pandas(table, source='{path}', ...)` and register that model",
    )


def _object(lab: View, path: str, who: str) -> set[str]:
    """Return the sums by which DVC knows the file as it was given; it must hold these bytes."""
    dvc = lab.dvc.require()
    output = dvc.covering(path)
    if output is None:
        broken = dvc.broken_for(path)
        fail(
            found=f"{who} learned from `{path}`, and no `.dvc` file tracks that"
            + (f"; {clean(broken.problem, 160)}" if broken else ""),
            expected=f"`{path}` tracked by DVC, alone or with its directory",
            next_step=f"run `dvc add {path}` in the workspace",
        )
    sum_ = dvc.sums().get(lab.fixtures.get(path, ""))
    whole = output.cache.whole or (output.remote is not None and output.remote.whole)
    source = clean(output.source, 120)
    if not whole and output.md5_of(path) != sum_:
        fail(
            found=f"`{source}` names {clean(output.md5, 40)}, and DVC holds no such bytes: its cache lacks them, or "
            "has others under this name",
            expected=f"the bytes of `{path}` in DVC's cache or default remote, so that they can be fetched",
            next_step=f"run `dvc commit {source}`, or take `{source}` away and run `dvc add {clean(output.path, 120)}`",
        )
    expect(
        sum_ is not None and output.md5_of(path) == sum_,
        found=f"{who} learned from `{path}`, and `{source}` tracks other bytes than that file had",
        expected=f"the sum of `{path}` as it was given, and as the run's digest says",
        next_step=f"write the earlier sum into `{source}` again and run `dvc checkout --force "
        f"{source}`; where DVC has lost these bytes, begin anew with `checker start DAY --reset`",
    )
    return {each for each in (sum_, _of_folder(output)) if each}


def _of_folder(output: Output) -> str:
    return output.md5.removesuffix(".dir") if output.md5.endswith(".dir") else ""


def _expect_sums(run: Run, sums: Mapping[str, set[str]], tag: str, who: str) -> None:
    """The run must hold the sums at which DVC tracks its files, and no others."""
    text = f"{run.tags.get(tag, '')} {run.params.get(tag, '')}".lower()
    said = set(SUM.findall(text))
    read_it = "read it from the `.dvc` file (`outs`, `md5`)"
    expect(
        said,
        found=f"{who} has no tag or param `{tag}` with an MD5 sum",
        expected=f"`{tag}` with the sum of {' and '.join(f'`{path}`' for path in sums)} in DVC",
        next_step=f"`mlflow.MlflowClient().set_tag('{clean(run.run_id, 40)}', '{tag}', ...)`; {read_it}",
    )
    for path, right in sums.items():
        expect(
            said & right,
            found=f"{who} says `{tag}` {clean(min(said), 40)}; DVC tracks `{path}` as {min(right)}",
            expected="the sum of the file that the run learned from",
            next_step=f"{read_it} of `{path}`, and set the tag again; if the file changed since, train again",
        )
    strange = said - {each for right in sums.values() for each in right}
    expect(
        not strange,
        found=f"{who} also says `{tag}` {clean(min(strange, default=''), 40)}, which belongs to none of its datasets",
        expected="the sums of its own training data alone",
        next_step="set the tag again with these sums only",
    )

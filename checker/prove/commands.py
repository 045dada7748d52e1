"""Run a learner's own command again: as it is, with other data, and with what the grader plants in their work.

Nothing but what is planted tells the cases apart: folders, names, environment and the way it is run are the same.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checker.collect.reading import Unreadable, matching, read_plain
from checker.course import Lab
from checker.declarations import CommandProof
from checker.errors import Unavailable
from checker.evidence.foreign import mapping
from checker.evidence.proofs import CommandRun
from checker.jail import PATIENCE, Jail, Limits
from checker.manifest import unfit
from checker.planted import Plant, load_plants, nothing, source_of
from checker.prepare import load_preparation
from checker.prove.candidates import PRELOADED as LENT
from checker.prove.candidates import SHARED, make_candidates
from checker.recipes import find_dirt, make_table
from checker.text import clean
from checker.workspace import Workspace

LARGEST_COPIED = 8 << 20
STARTING = 60
"""Seconds for the imports; each case has its own limit."""
PYTEST = (
    "assertion cacheprovider capture debugging doctest faulthandler fixtures helpconfig junitxml legacypath logging "
    "main mark monkeypatch pastebin python recwarn reports runner setuponly setupplan skipping stepwise subtests "
    "terminal threadexception tmpdir unittest unraisableexception warnings"
)
PLUGIN = re.compile(rb"-n[ =]?(?:\d|auto|logical)|anyio|faker|hydra|hypothesis|required_plugins|timeout|xdist")
"""Where the files say nothing of the kind, pytest's plugins are not loaded: they cost more than all the rest."""
LARGEST_STATUS = 255
KEPT_BACK = "what it printed is kept back, since it may quote rows that you are not to see"
PRELOADED = (
    *("pandas", "sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline"),
    *("pandera.pandas", "pandera.io.pandas_io", "pandera.backends.pandas.container"),
    *("pandera.strategies.pandas_strategies", "great_expectations"),
)
"""What a learner's code is likely to import, paid for once and not in each case."""


def run_again(proof: CommandProof, lab: Lab, workspace: Workspace, key: bytes, jail: Jail) -> Iterator[CommandRun]:
    """Run the command case by case.

    Raises:
        Unavailable: this machine does not have the command, which is not the learner's fault.
    """
    if shutil.which(proof.command[0]) is None:
        raise Unavailable(
            f"`{proof.command[0]}` is not installed", expected="it on PATH", next_step="run `sh infra/system.sh`"
        )
    seed = workspace.identity.seed
    prepared = load_preparation(lab) if lab.prepared else None
    try:
        files = prepared.sources(lab, seed) if prepared and proof.prepared else _brought(proof, workspace)
    except Unreadable as error:
        yield from _all(proof, f"the files for it {error}")
        return
    if not files:
        yield from _all(proof, "none of the files is there that it needs")
        return
    given = prepared.data(lab, seed) if prepared and any(case.prepared for case in proof.cases.values()) else {}
    tables = {
        name: (given if case.prepared else {})
        | {path: make_table(recipe, seed, key).to_csv() for path, recipe in case.data.items()}
        for name, case in proof.cases.items()
    }
    first, *others = proof.cases
    random.SystemRandom().shuffle(others)
    lent = _lent(proof, seed, key, jail)
    with tempfile.TemporaryDirectory(prefix="checker-command-") as scratch:
        root = Path(scratch)
        # Sorted by name, what is the case's own comes after this, and over it.
        # What the command is to write is not there before it.
        brought = {path: content for path, content in files.items() if path not in proof.outputs}
        _write(root / "common", brought | lent.pop("", {}))
        requests = {}
        written = [*_own(proof, lab, files).items()]
        random.SystemRandom().shuffle(written)
        for number, (name, own) in enumerate(written):
            _write(root / f"own-{number}", tables[name] | lent.get(name, {}) | own)
            requests[name] = {"folder": f"own-{number}", "command": [*proof.command, *proof.cases[name].arguments]}
        request = {
            "common": "common",
            "environment": _environment(files),
            "cases": {name: requests[name] for name in (first, *others)},
            "outputs": list(proof.outputs),
            "seconds": PATIENCE * proof.seconds,
        }
        limits = Limits(PATIENCE * proof.seconds * len(requests) + STARTING, proof.seconds)
        answer = jail.run("command", request, root, limits, _wanted(proof, files))
    answers = mapping(answer.value)
    for name in proof.cases:
        said = {"problem": answer.problem} if answer.problem else mapping(answers.get(name))
        inputs = {path: content.decode("utf-8") for path, content in tables[name].items()}
        data = proof.cases[name].data
        hidden = any(recipe.holdout for recipe in data.values()) or bool(proof.cases[name].candidates)
        spoilt = {path: dirt for path, recipe in data.items() if (dirt := find_dirt(recipe, seed, key))}
        yield CommandRun(command=proof.name, case=name, inputs=inputs, spoilt=spoilt, **_judged(said, hidden))


def _all(proof: CommandProof, problem: str) -> Iterator[CommandRun]:
    for name in proof.cases:
        yield CommandRun(command=proof.name, case=name, problem=problem)


def _brought(proof: CommandProof, workspace: Workspace) -> dict[str, bytes]:
    """Return the files that the command needs; raises as `brought`."""
    if proof.committed:
        from checker.collect.git import committed

        return {
            path: content
            for path, content in committed(workspace.path, proof.files, LARGEST_COPIED).items()
            if not unfit(path)
        }
    return brought(proof.files, workspace)


def brought(patterns: tuple[str, ...], workspace: Workspace) -> dict[str, bytes]:
    """Return the files that globs match; what could not travel in a submission is not there here either.

    Raises:
        Unreadable: they are too large.
    """
    files: dict[str, bytes] = {}
    total = 0
    for path in matching(workspace.path, patterns):
        try:
            content = b"" if unfit(path) else read_plain(workspace.path / path, workspace.path, LARGEST_COPIED)
        except (Unreadable, OSError) as error:
            if str(error).startswith("has "):
                raise
            continue
        if not unfit(path):
            files[path] = content
            total += len(content)
        if total > LARGEST_COPIED:
            raise Unreadable(f"have more than {LARGEST_COPIED >> 20} MiB together")
    return files


def _own(proof: CommandProof, lab: Lab, files: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return for each case the files that are planted, and the plan of changes: of the same functions in all cases.

    A file that is edited in one case is written anew in all of them.
    """
    known = load_plants(lab.module_name) if any(case.plant for case in proof.cases.values()) else {}
    plants = {name: known[case.plant] if case.plant else Plant() for name, case in proof.cases.items()}
    targets = sorted({target for plant in plants.values() for target in plant.changes})
    edited = sorted({path for plant in plants.values() for path in plant.edits if path in files})
    own: dict[str, dict[str, bytes]] = {}
    for name, plant in plants.items():
        changes = {target: source_of(plant.changes.get(target, nothing)) for target in targets}
        own[name] = {path: _edited(files[path], plant, path) for path in edited}
        own[name] |= {path: text.encode() for path, text in plant.files.items()}
        own[name][".plan/changes.json"] = json.dumps(changes).encode()
    return own


def _lent(proof: CommandProof, seed: int, key: bytes, jail: Jail) -> dict[str, dict[str, bytes]]:
    """Return for each case the files of the models that it is handed, and under the empty name what all cases have."""
    wanted = {name: case.candidates for name, case in proof.cases.items() if case.candidates}
    if not wanted:
        return {}
    made = make_candidates((each for case in wanted.values() for each in case.values()), seed, key, jail)
    folders = {folder for case in wanted.values() for folder in case}
    lent = {"": {f"{folder}/{path}": content for folder in folders for path, content in made[SHARED].items()}}
    for name, case in wanted.items():
        lent[name] = {f"{at}/{path}": content for at, each in case.items() for path, content in made[each].items()}
    return lent


def _edited(content: bytes, plant: Plant, path: str) -> bytes:
    edit = plant.edits.get(path)
    return edit(content.decode("utf-8", "replace")).encode() if edit else content


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _environment(files: Mapping[str, bytes]) -> dict[str, str]:
    return {} if PLUGIN.search(b"\n".join(files.values())) else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _wanted(proof: CommandProof, files: Mapping[str, bytes]) -> list[str]:
    """Return what is worth an import before the first case."""
    if proof.command[:2] != ("python", "-m"):
        return []
    sources = b"\n".join(content for path, content in files.items() if path.endswith(".py"))
    tested = "pytest" in proof.command or b"pytest" in sources
    pytest = ["pytest", *(f"_pytest.{name}" for name in PYTEST.split()), "checker.tasks.plugins"] if tested else []
    if any(case.candidates for case in proof.cases.values()):
        pytest += [*LENT, *(("mlflow.pyfunc.model",) if b"pyfunc" in sources else ())]
    return [*pytest, *(name for name in PRELOADED if name.split(".")[0].encode() in sources)]


def _judged(said: Mapping[str, Any], hidden: bool) -> dict[str, Any]:
    """Return what came of a case; all of it comes from beside learner code, which may quote what is hidden."""
    status, outputs = said.get("status"), mapping(said.get("outputs"))
    problem = said.get("problem")
    if problem is None and (type(status) is not int or abs(status) > LARGEST_STATUS):
        problem = "it gave no answer"
    if problem is not None:
        return {"problem": clean(problem, 500)}
    printed = said.get("printed")
    return {
        "status": status,
        "printed": KEPT_BACK if hidden else printed if isinstance(printed, str) else "",
        "outputs": {path: text for path, text in outputs.items() if isinstance(text, str)},
    }

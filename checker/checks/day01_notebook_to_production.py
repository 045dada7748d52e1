"""Day 1: a colleague's notebook audited, and made into one that gives the same score twice."""

from __future__ import annotations

import re
from typing import Any

from checker.check import check, expect
from checker.checks.score_file import Score, average_precision_of, difference, f1_of, read_score, read_scores
from checker.evidence import View
from checker.evidence.notebook import Cell, Notebook
from checker.evidence.proofs import NotebookRun
from checker.text import clean, plural

TRAIN = "train.ipynb"
SEED, OTHER_SEED = 7, 8
RUNS = {"first": SEED, "second": SEED, "other": OTHER_SEED}
HIDDEN, TWIN = "hidden-data", "hidden-data-twin"
TOLERANCE = 0.001
STATED = 0.0006
"""How far a stated score may be from the recomputed one: what rounding to three decimals may do."""
WORTHLESS = 0.2
BORROWED, TIES = 0.05, 2
"""What a score may owe to the labels of the held-out rows: so much, or so many rows whose ties fall another way."""
LEAST_TEST, MOST_TEST = 0.1, 0.5

FAULTS = {
    "hidden-state": "a cell uses a name that no cell above it sets",
    "late-import": "a cell uses a library that only a later cell imports",
    "leakage": "rows that will be tested are copied to where they will be trained on",
    "needs-network": "a cell downloads something while it runs",
    "outside-path": "a cell reads or writes outside the notebook's folder",
    "rerun-changes": "a cell that is run twice changes again what it has changed already",
    "typed-constant": "a number was read off an earlier output and typed in",
    "unseeded": "a cell draws at random and no seed is given",
}
PRESENT = {
    "hidden-state": {7},
    "late-import": {3},
    "leakage": {5},
    "outside-path": {2, 11},
    "typed-constant": {8},
    "unseeded": {5, 6, 7},
}
# What can be argued for as well: the import itself, a name that only an import below makes, the split that comes
# too late, the threshold that was chosen on the test rows, the share that may be a mounted network drive.
ARGUABLE = {
    (2, "needs-network"),
    (3, "hidden-state"),
    (6, "leakage"),
    (7, "leakage"),
    (8, "hidden-state"),
    (8, "leakage"),
    (10, "late-import"),
    (10, "leakage"),
}
MOST_FALSE_ALARMS = 2
ADVICE = {
    "hidden-state": "restart the kernel of `legacy.ipynb` in your head: for each name in a cell, "
    "find the cell above that sets it",
    "late-import": "find each `import` in `legacy.ipynb` and look whether a cell above it uses the name already",
    "leakage": "follow one fraud row from `df` to `X_train` and `X_test` in `legacy.ipynb`: can it be in both?",
    "outside-path": "look for each path that is read or written in `legacy.ipynb`, "
    "and ask whether it exists on your machine",
    "typed-constant": "look for a number with many digits in `legacy.ipynb` and ask which cell computes it",
    "unseeded": "find every call in `legacy.ipynb` that draws at random (sampling, splitting, forests) "
    "without `random_state`",
}
RERUN = "papermill {notebook} runs/{name}.ipynb -p seed {seed} -p data data/transactions.csv -p out runs/{name}.json"


@check(points=3)
def audit_places_the_faults(lab: View) -> None:
    """`audit.csv` has the columns `cell,fault` and one line for each code cell of `legacy.ipynb` and each fault it
    has, named as in the list of task 1; each of the six faults that are there earns 0.5 when all its cells are
    named, and more than two false alarms earn nothing.
    """
    advice = "write `audit.csv` as task 1 shows it"
    named: set[tuple[int, str]] = set()
    for row in lab.files.read_csv("audit.csv", ("cell", "fault"), advice):
        cells, faults = _cells(row["cell"]), _faults(row["fault"])
        if not cells and not faults:
            continue
        # A line with more commas than the first one: `5,leakage,unseeded`.
        faults |= _faults(row.get("None", "")) & set(FAULTS)
        unknown = sorted(faults - set(FAULTS))
        expect(
            faults and not unknown,
            found=f"the fault {clean(unknown[0] if unknown else '', 40)!r} in `audit.csv`",
            expected=f"one of {', '.join(FAULTS)}",
            next_step="correct that line of `audit.csv`; several faults of one cell go with `;` between them, "
            "several cells of one fault as `5-7` or `5; 7`",
        )
        expect(
            cells and max(cells) < 1000,
            found=f"the cell {clean(row['cell'], 40)!r} in `audit.csv`",
            expected="the number in the first line of a code cell, as in `# cell 4`; several as `5-7` or `5; 7`",
            next_step="correct that line of `audit.csv`",
        )
        named |= {(cell, fault) for cell in cells for fault in faults}
    expect(
        named,
        found="`audit.csv` names no fault",
        expected="a line for each cell and each fault it has",
        next_step=advice,
    )
    right = {(cell, fault) for fault, cells in PRESENT.items() for cell in cells}
    alarms = named - right - ARGUABLE
    expect(
        len(alarms) <= MOST_FALSE_ALARMS,
        found=f"{len(alarms)} lines of `audit.csv` accuse a cell of a fault that it does not have",
        expected=f"at most {MOST_FALSE_ALARMS} false alarms",
        next_step="keep only those lines of `audit.csv` for which you could show a colleague the place in the cell",
    )
    for fault, cells in PRESENT.items():
        hits = len({cell for cell, name in named if name == fault} & cells)
        expect(
            hits == len(cells),
            found=f"`{fault}` ({FAULTS[fault]}) is "
            + ("at none of its cells" if not hits else f"at {plural(hits, 'cell')}, and there are more"),
            expected="every cell that has this fault",
            next_step=ADVICE[fault],
            points=0.5,
        )


@check(points=0.5)
def train_takes_parameters(lab: View) -> Notebook:
    """`train.ipynb` has a code cell tagged `parameters` that sets `seed`, `data` and `out`."""
    notebook = lab.notebooks.get(TRAIN, f"make `{TRAIN}` as task 2 says")
    tagged = [cell for cell in notebook.code if "parameters" in cell.tags]
    expect(
        tagged,
        found=f"no code cell of `{TRAIN}` has the tag `parameters`",
        expected="the tag `parameters` on the cell that sets `seed`, `data` and `out`",
        next_step="select that cell in JupyterLab, open the property inspector (the gears at the top right), "
        "add the cell tag `parameters`, and save",
    )
    missing = [name for name in ("seed", "data", "out") if not _sets(tagged[0].source, name)]
    expect(
        not missing,
        found=f"the cell tagged `parameters` in `{TRAIN}` does not set {' and '.join(f'`{each}`' for each in missing)}",
        expected="`seed`, `data` and `out`, each with a value to start from",
        next_step=f"add `{missing[0] if missing else 'seed'} = ...` to that cell",
    )
    return notebook


@check(points=1, needs=train_takes_parameters)
def train_runs_from_a_clean_kernel(lab: View, train: Notebook) -> Score:
    """The checker runs `train.ipynb` in a folder where only it, the `.py` files beside it and the file that `data`
    names exist. Within 120 seconds, it writes to `out` one JSON object: `seed`; `rows`, the number of data rows;
    `test_rows` and `flagged_rows`, lists of row numbers (the first data row is 0): those held out, and those of
    them that the model calls fraud; `scores`, a list with the model's score for each of `test_rows`, in the same
    order and not rounded; `f1` and `average_precision` on the held-out rows, as fractions with at least three
    decimals.
    """
    output, where = lab.proofs.notebook(TRAIN, "first").output, f"what `{TRAIN}` wrote to `out`"
    score = read_score(output, where)
    read_scores(output, score, where)
    return score


@check(points=1, needs=(train_takes_parameters, train_runs_from_a_clean_kernel))
def runs_are_recorded(lab: View, train: Notebook, _: Score) -> None:
    """`runs/first.ipynb`, `runs/second.ipynb` and `runs/other.ipynb` are executed copies of `train.ipynb` as it is
    now, each from a run of its own: every code cell ran once, from top to bottom in a fresh kernel, without an
    error; only the cells with the parameters may differ, and they set `seed` and `out` as the table of task 4 says.
    """
    seen: dict[str, str] = {}
    for name, seed in RUNS.items():
        path = f"runs/{name}.ipynb"
        again = f"run `{_command(name)}`"
        notebook = lab.notebooks.get(path, again)
        broken = next((cell for cell in notebook.code if cell.error), None)
        expect(
            broken is None,
            found=f"a cell of `{path}` ended with {clean(broken.error if broken else '', 60)}",
            expected="a run without errors",
            next_step=f"mend that cell in `{TRAIN}`, then {again}",
        )
        expect(
            notebook.ran_in_order,
            found=f"the cells of `{path}` ran as {_counts(notebook)}",
            expected="1, 2, 3 and so on: one fresh kernel, from top to bottom, nothing twice",
            next_step=again,
        )
        expect(
            _body(notebook) == _body(train),
            found=f"the code in `{path}` is not the code in `{TRAIN}`",
            expected=f"a run of `{TRAIN}` as it is now",
            next_step=f"save `{TRAIN}`, then {again}",
        )
        stray = _stray(notebook, name)
        expect(
            not stray,
            found=f"`{path}` was run with `{clean(stray, 60)}`",
            expected=f"the parameters of this run: the seed {seed}, and `runs/{name}.json` as `out`",
            next_step=again,
        )
        expect(
            notebook.sha256 not in seen,
            found=f"`{path}` is byte for byte `{seen.get(notebook.sha256)}`",
            expected="a run of its own, which writes to an `out` of its own",
            next_step=again,
        )
        seen[notebook.sha256] = path


@check(points=1.5, needs=train_runs_from_a_clean_kernel)
def same_seed_same_score(lab: View, first: Score) -> dict[str, Score]:
    """Run twice with the seed 7, `train.ipynb` writes the same rows and scores twice, and `runs/first.json` and
    `runs/second.json` hold just these (to three decimals).
    """
    again = read_score(lab.proofs.notebook(TRAIN, "again").output, f"what `{TRAIN}` wrote at its second run")
    different = difference(first, again, 1e-9)
    expect(
        not different,
        found=f"the checker ran `{TRAIN}` twice with the seed {SEED}: {different}",
        expected="the same rows and the same scores",
        next_step=f"give `seed` to everything in `{TRAIN}` that draws at random, "
        "the split and the model (`random_state=seed`), then make the three runs again",
    )
    claimed = {}
    for name in ("first", "second"):
        claimed[name] = _claim(lab, name)
        _same(claimed[name], first, name)
    return claimed


@check(points=1, needs=same_seed_same_score)
def other_seed_other_split(lab: View, claimed: dict[str, Score]) -> None:
    """With the seed 8, `train.ipynb` holds out other rows than with 7, and `runs/other.json` holds what it writes
    then.
    """
    other = read_score(
        lab.proofs.notebook(TRAIN, "other-seed").output, f"what `{TRAIN}` wrote with the seed {OTHER_SEED}"
    )
    expect(
        set(other.test) != set(claimed["first"].test),
        found=f"the same {plural(len(other.test), 'row')} are held out with the seeds {SEED} and {OTHER_SEED}",
        expected="a split that follows `seed`",
        next_step=f"in `{TRAIN}`, use the parameter and no number of your own (`random_state=seed`), "
        "and write the row numbers of the file, not places in the test part",
    )
    _same(_claim(lab, "other"), other, "other")


@check(points=1, needs=train_runs_from_a_clean_kernel)
def score_is_measured(lab: View, first: Score) -> Score:
    """On your rows and on rows that you never saw, `rows` and `seed` are right, between 10% and 50% of the rows are
    held out, `f1` is the F1 of the fraud class that the checker computes from `test_rows`, `flagged_rows` and the
    labels, and `average_precision` what it computes from `test_rows`, `scores` and the labels; on the new rows the
    F1 is at least 0.2.
    """
    for case, seed in (("first", SEED), ("other-seed", OTHER_SEED), (HIDDEN, SEED)):
        hidden = _measured(lab.proofs.notebook(TRAIN, case), _where(case), seed)
    expect(
        hidden.f1 >= WORTHLESS,
        found=f"an F1 of {hidden.f1:.3f} on rows that you never saw",
        expected=f"{WORTHLESS} or more: a model that finds some of the fraud",
        next_step=f"look in `{TRAIN}` at how many rows the model flags; with rare fraud, "
        "try `class_weight='balanced'` or another model",
    )
    return hidden


@check(points=1, needs=(train_runs_from_a_clean_kernel, same_seed_same_score, score_is_measured))
def no_test_row_is_trained_on(lab: View, first: Score, _: Any, hidden: Score) -> None:
    """No held-out row is listed twice, and nothing is learnt from their labels, for the model, for a threshold or
    for the choice of rows: `seed` and `is_fraud` decide which rows are held out, and when the checker lets these
    change places and leave their labels behind, the same rows are held out, and what the model says of each is still
    as good: to 0.05 in average precision, and in F1 to 0.05 or two rows.
    """
    advice = f"in `{TRAIN}`, split first; repeat, oversample, fit and choose a threshold with the training part only"
    for score in (first, hidden):
        expect(
            len(set(score.test)) == len(score.test),
            found=f"`test_rows` repeats rows: {len(score.test)} numbers, {len(set(score.test))} different ones",
            expected="each held-out row once",
            next_step=advice,
        )
    run, where = lab.proofs.notebook(TRAIN, TWIN), _where(TWIN)
    twin = read_score(run.output, where)
    different = len(set(twin.test) ^ set(hidden.test))
    expect(
        not different,
        found=f"{plural(different, 'row')} held out only before or only after the held-out rows changed places",
        expected="the same rows, as the seed and all labels are where they were",
        next_step=f"in `{TRAIN}`, split the table as it was read, with `random_state=seed`, and with `stratify=y` or "
        "nothing; sort nothing before, and take no row out for what the model says of it",
    )
    frauds = set(run.positives.get("data", ()))
    ranked = average_precision_of(twin, read_scores(run.output, twin, where), frauds)
    ties = 2 * TIES / max(1, len(set(hidden.flagged)) + len(frauds & set(twin.test)))
    for name, with_labels, without, borrowed in (
        ("F1", hidden.f1, f1_of(twin, frauds), max(BORROWED, ties)),
        ("average precision", hidden.average_precision, ranked, BORROWED),
    ):
        expect(
            with_labels - without <= borrowed,
            found=f"the {name} on rows that you never saw is {with_labels:.3f}, and what the notebook says of the same "
            f"rows when it is given other labels for them is worth {without:.3f}",
            expected=f"no more than {borrowed:.2f} less: a model that has not met the labels of the held-out rows says "
            "of each row what it said before",
            next_step=advice,
        )


def _cells(text: str) -> set[int]:
    """Return the numbers that `text` names: `5`, `cell 5`, `5, 6`, `5 and 6`, `5-7`."""
    pairs = re.findall(r"([0-9]+)(?:\s*(?:[-\u2010-\u2015\u2212]|to)\s*(?:cell\s*)?([0-9]+))?", text[:100])
    if any(len(number) > 3 for pair in pairs for number in pair):
        return {1000}
    ends = [sorted((int(first), int(last or first))) for first, last in pairs]
    return {number for first, last in ends for number in range(first, last + 1)}


def _faults(text: str) -> set[str]:
    """Return the faults that `text` names, spelt as in the list: `Leakage; hidden state`."""
    parts = re.split(r"[;,|/+&]|\band\b", text.lower())
    return {re.sub(r"[\s_]+", "-", part.strip(" `'\".[]")) for part in parts} - {""}


def _sets(source: str, name: str) -> bool:
    """Whether a statement of `source` gives `name` a value: `name = 1`, `name: int = 1`, `a, name = 1, 2`."""
    statements = [part for line in source.splitlines() for part in line.split("#")[0].split(";")]
    return any(
        name in re.findall(r"\w+", target.split(":")[0])
        for statement in statements
        for target in re.split(r"(?<![=!<>])=(?!=)", statement)[:-1]
    )


def _command(name: str) -> str:
    return RERUN.format(notebook=TRAIN, name=name, seed=RUNS[name])


def _body(notebook: Notebook) -> list[str]:
    """The code that decides what a run does, without the cells of its parameters and white space at line ends."""
    parameters = _parameters(notebook)
    cells = [cell for cell in notebook.code if not any(cell is each for each in parameters)]
    return ["\n".join(line.rstrip() for line in cell.source.strip().splitlines()) for cell in cells]


def _parameters(notebook: Notebook) -> list[Cell]:
    """The cells of the parameters: as for papermill, the first with each tag."""
    tagged = [[cell for cell in notebook.code if tag in cell.tags] for tag in ("parameters", "injected-parameters")]
    return [cells[0] for cells in tagged if cells]


def _stray(notebook: Notebook, name: str) -> str:
    """The parameter that cannot be that of the run `name`, as it is written; only numbers and texts can be told."""
    given = {}
    for cell in _parameters(notebook):
        for line in cell.source.splitlines():
            target, _, value = line.partition("=")
            given[target.split(":")[0].strip()] = value.split("#")[0].strip()
    for key, right in (("seed", str(RUNS[name])), ("out", f"{name}.json")):
        value = given.get(key, "")
        plain = re.fullmatch(r"[0-9]+|(['\"])[^'\"]*\1", value)
        if plain and re.split(r"[/\\]", value.strip("'\""))[-1] != right:
            return f"{key} = {value}"
    return ""


def _counts(notebook: Notebook) -> str:
    counts = [str(cell.execution_count or "not run") for cell in notebook.code]
    return ", ".join(counts[:12]) + (" and more" if len(counts) > 12 else "") if counts else "nothing: it has no code"


def _where(case: str) -> str:
    return {
        "first": "your rows",
        "other-seed": f"your rows with the seed {OTHER_SEED}",
        HIDDEN: "rows that you never saw",
        TWIN: "rows with labels that are not theirs",
    }[case]


def _claim(lab: View, name: str) -> Score:
    path = f"runs/{name}.json"
    return read_score(lab.files.read_json(path, f"run `{_command(name)}`"), f"`{path}`")


def _same(claim: Score, recomputed: Score, name: str) -> None:
    """Fail unless runs/`name`.json says what the checker's own run says."""
    different = difference(claim, recomputed, TOLERANCE)
    expect(
        not different,
        found=f"`runs/{name}.json` is not what `{TRAIN}` writes with the seed {RUNS[name]}: {different}",
        expected="what a run of the notebook wrote, untouched",
        next_step=f"run `{_command(name)}`",
    )


def _measured(run: NotebookRun, where: str, seed: int) -> Score:
    """Return the score, if it follows from the rows that the notebook was given; else fail."""
    score = read_score(run.output, f"what `{TRAIN}` wrote on {where}")
    rows, frauds = run.rows.get("data", 0), set(run.positives.get("data", ()))
    expect(
        score.rows == rows,
        found=f"`rows` is {score.rows} on {where}",
        expected=f"{rows}, the data rows of the file that `data` names",
        next_step=f"in `{TRAIN}`, read the file that the parameter `data` names, and count what you read",
    )
    expect(
        score.seed == seed,
        found=f"`seed` is {score.seed} in a run with the seed {seed}",
        expected="the parameter `seed`",
        next_step=f"write the parameter itself in `{TRAIN}`: `'seed': seed`",
    )
    outside = [number for number in score.test if not 0 <= number < rows]
    expect(
        not outside,
        found=f"`test_rows` has the row {outside[0] if outside else 0} on {where}, of {rows} rows",
        expected=f"row numbers of the file, from 0 to {rows - 1}",
        next_step="keep the index that `pandas.read_csv` made (`X_test.index.tolist()`), and make no new rows "
        "before the split",
    )
    expect(
        LEAST_TEST * rows <= len(set(score.test)) <= MOST_TEST * rows,
        found=f"{plural(len(set(score.test)), 'row')} of {rows} held out on {where}",
        expected=f"between {LEAST_TEST:.0%} and {MOST_TEST:.0%} of the rows",
        next_step=f"hold out a quarter of the rows in `{TRAIN}`: `train_test_split(..., test_size=0.25)`",
    )
    stray = set(score.flagged) - set(score.test)
    expect(
        not stray,
        found=f"{plural(len(stray), 'row')} in `flagged_rows` on {where} that are not in `test_rows`",
        expected="only held-out rows",
        next_step=f"in `{TRAIN}`, predict for the held-out rows only: `X_test.index[predicted == 1].tolist()`",
    )
    true = f1_of(score, frauds)
    expect(
        abs(score.f1 - true) <= STATED,
        found=f"`f1` is {score.f1:.4f} on {where}, and the rows that are listed give {true:.4f}",
        expected="the F1 of the fraud class on `test_rows`, with `flagged_rows` as the alarms",
        next_step=f"in `{TRAIN}`, compute it: `f1_score(y_test, predicted)`; the row numbers "
        "are those of the file, from 0, and not places in the test part",
    )
    ranked = average_precision_of(score, read_scores(run.output, score, where), frauds)
    expect(
        abs(score.average_precision - ranked) <= STATED,
        found=f"`average_precision` is {score.average_precision:.4f} on {where}, and `scores` give {ranked:.4f}",
        expected="the average precision of `scores` on `test_rows`",
        next_step=f"in `{TRAIN}`, compute it: `average_precision_score(y_test, scores)`, and write these scores, one "
        "for each of `test_rows`, in the same order and not rounded",
    )
    return score

"""Day 1: a colleague's notebook audited, and made into one that gives the same score twice."""

from __future__ import annotations

import re

from checker.check import check, expect, suspect
from checker.checks.score_file import Score, difference, f1_of, read_score
from checker.evidence import View
from checker.evidence.notebook import Notebook
from checker.evidence.proofs import NotebookRun
from checker.text import clean, plural

TRAIN = "train.ipynb"
SEED, OTHER_SEED = 7, 8
RUNS = {"first": SEED, "second": SEED, "other": OTHER_SEED}
CONTROL = "hidden-data-shuffled"
TOLERANCE = 0.001
STATED = 0.0006
"""How far a stated score may be from the recomputed one: what rounding to three decimals may do."""
WORTHLESS = 0.2
CHANCE = 0.3
TOO_GOOD = 0.97
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
        numbers = re.findall(r"[0-9]+", row["cell"][:100])
        fault = re.sub(r"[\s_]+", "-", row["fault"].strip(" `'\"").lower())
        if not numbers and not fault:
            continue
        expect(
            fault in FAULTS,
            found=f"the fault {clean(row['fault'], 40)!r} in `audit.csv`",
            expected=f"one of {', '.join(FAULTS)}",
            next_step="correct that line of `audit.csv`",
        )
        expect(
            numbers and all(len(number) <= 3 for number in numbers),
            found=f"the cell {clean(row['cell'], 40)!r} in `audit.csv`",
            expected="the number in the first line of a code cell, as in `# cell 4`",
            next_step="correct that line of `audit.csv`",
        )
        named |= {(int(number), fault) for number in numbers}
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
    them that the model calls fraud; `f1` and `average_precision` on the held-out rows, as fractions with at
    least three decimals.
    """
    return read_score(lab.proofs.notebook(TRAIN, "first").output, f"what `{TRAIN}` wrote to `out`")


@check(points=1, needs=(train_takes_parameters, train_runs_from_a_clean_kernel))
def runs_are_recorded(lab: View, train: Notebook, _: Score) -> None:
    """`runs/first.ipynb`, `runs/second.ipynb` and `runs/other.ipynb` are executed copies of `train.ipynb` as it is
    now, each from a run of its own: every code cell ran once, from top to bottom in a fresh kernel, without an
    error; only the cells with the parameters may differ.
    """
    seen: dict[str, str] = {}
    for name in RUNS:
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
    held out, and `f1` is the F1 of the fraud class that the checker computes from `test_rows`, `flagged_rows` and
    the labels; on the new rows it is at least 0.2.
    """
    runs = {case: lab.proofs.notebook(TRAIN, case) for case in ("first", "other-seed", "hidden-data", CONTROL)}
    scores = {case: read_score(run.output, f"what `{TRAIN}` wrote on {_where(case)}") for case, run in runs.items()}
    for case, run in runs.items():
        _measured(scores[case], run, _where(case), OTHER_SEED if case == "other-seed" else SEED)
    hidden = scores["hidden-data"]
    expect(
        hidden.f1 >= WORTHLESS,
        found=f"an F1 of {hidden.f1:.3f} on rows that you never saw",
        expected=f"{WORTHLESS} or more: a model that finds some of the fraud",
        next_step=f"look in `{TRAIN}` at how many rows the model flags; with rare fraud, "
        "try `class_weight='balanced'` or another model",
    )
    if hidden.f1 > TOO_GOOD:
        suspect(f"an F1 of {hidden.f1:.3f} on rows that nobody saw: honest models do not come near it here")
    return scores[CONTROL]


@check(points=1, needs=score_is_measured)
def no_test_row_is_trained_on(lab: View, control: Score) -> None:
    """No held-out row is listed twice, and when the checker shuffles the labels, so that there is nothing to learn,
    the F1 falls below 0.3: a model that had seen the held-out rows would still know them.
    """
    first = read_score(lab.proofs.notebook(TRAIN, "first").output, f"what `{TRAIN}` wrote to `out`")
    twice = len(first.test) - len(set(first.test))
    advice = f"in `{TRAIN}`, split first; repeat, oversample and fit only what belongs to the training part"
    expect(
        not twice,
        found=f"`test_rows` repeats rows: {len(first.test)} numbers, {len(set(first.test))} different ones",
        expected="each held-out row once",
        next_step=advice,
    )
    expect(
        control.f1 < CHANCE,
        found=f"an F1 of {control.f1:.3f} on rows whose labels were shuffled",
        expected=f"less than {CHANCE}: there is nothing to learn, so the model has met the answers before",
        next_step=advice,
    )


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
    """The code that decides what a run does, without the cells of its parameters and white space at line ends.

    Only the first cell with the tag counts as the cell of the parameters, as for papermill.
    """
    cells = list(notebook.code)
    for tag in ("parameters", "injected-parameters"):
        first = next((cell for cell in cells if tag in cell.tags), None)
        cells = [cell for cell in cells if cell is not first]
    return ["\n".join(line.rstrip() for line in cell.source.strip().splitlines()) for cell in cells]


def _counts(notebook: Notebook) -> str:
    counts = [str(cell.execution_count or "not run") for cell in notebook.code]
    return ", ".join(counts[:12]) + (" and more" if len(counts) > 12 else "") if counts else "nothing: it has no code"


def _where(case: str) -> str:
    return {
        "first": "your rows",
        "other-seed": f"your rows with the seed {OTHER_SEED}",
        "hidden-data": "rows that you never saw",
        CONTROL: "rows with shuffled labels",
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


def _measured(score: Score, run: NotebookRun, where: str, seed: int) -> None:
    """Fail unless the score follows from the rows that the notebook was given."""
    rows = run.rows.get("data", 0)
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
    true = f1_of(score, set(run.positives.get("data", ())))
    expect(
        abs(score.f1 - true) <= STATED,
        found=f"`f1` is {score.f1:.4f} on {where}, and the rows that are listed give {true:.4f}",
        expected="the F1 of the fraud class on `test_rows`, with `flagged_rows` as the alarms",
        next_step=f"in `{TRAIN}`, compute it: `f1_score(y_test, predicted)`; the row numbers "
        "are those of the file, from 0, and not places in the test part",
    )

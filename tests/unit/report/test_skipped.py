"""A cohort of which some had a cluster: what was skipped costs nobody anything, wherever marks are compared."""

import csv
import io

import pytest

from checker.report.figures import Figures
from checker.report.html import write_pages
from checker.report.table import write_table
from tests.unit.report.synthetic import check, filled, ledger, row

THERE = check("there", points=1.0)
SKIPPED = check("there", "skipped", 1.0)
LOCAL = row("ada", 3, check("a", points=10.0), SKIPPED)
HALF = row("bob", 3, check("a", "failed", 10.0, 5.0), SKIPPED)
CLUSTER = row("cyd", 3, check("a", points=10.0), THERE)
FAILED_THERE = row("dan", 3, check("a", points=10.0), check("there", "failed", 1.0))
ROWS = (CLUSTER, FAILED_THERE, LOCAL, HALF)


def table(folder, rows, layout):
    with filled(folder / "results.db", rows) as store:
        file = io.StringIO(newline="")
        write_table(ledger(store), layout, file)
    return list(csv.reader(io.StringIO(file.getvalue())))


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]], ids=["local last", "cluster last"])
def test_the_fixed_scale_of_a_learning_platform_costs_nothing(tmp_path, rows):
    told = {line[3]: line[5] for line in table(tmp_path, rows, "canvas")[2:]}
    assert table(tmp_path, [], "canvas")[1][5] == "11"
    assert told == {"ada": "11", "bob": "5.5", "cyd": "11", "dan": "10"}
    assert dict(table(tmp_path, [], "moodle")[1:]) == told


def test_without_any_cluster_the_scale_is_that_of_the_local_checks(tmp_path):
    told = table(tmp_path, [LOCAL, HALF], "canvas")
    assert (told[1][5], [line[5] for line in told[2:]]) == ("10", ["10", "5"])


def test_the_plain_table_tells_what_was_possible_for_each(tmp_path):
    told = table(tmp_path, ROWS, "plain")
    assert {line[0]: (line[4], line[5]) for line in told[1:]} == {
        "ada": ("10", "10"), "bob": ("5", "10"), "cyd": ("11", "11"), "dan": ("10", "11")
    }  # fmt: skip


def test_the_total_and_the_pages_know_it(tmp_path):
    with filled(tmp_path / "results.db", ROWS) as store:
        book = ledger(store)
        totals = {learner: book.total(learner, entries) for learner, entries in book.learners()}
        write_pages(book, tmp_path / "pages")
    assert totals == {"ada": 1, "bob": 0.5, "cyd": 1, "dan": pytest.approx(10 / 11)}
    page = next((tmp_path / "pages" / "learners").glob("ada-*.html")).read_text(encoding="utf-8")
    assert "10 of 10 marks" in page
    assert 'class="skipped"' in page


def test_figures_leave_out_who_could_not_be_asked(tmp_path):
    figures = Figures()
    with filled(tmp_path / "results.db", ROWS) as store:
        for _, entries in ledger(store).learners():
            for entry in entries:
                figures.add(entry)
    there = next(each for each in figures.checks() if each.name == "there")
    assert (there.n, there.full, there.stuck, there.undecided) == (2, 1, 1, 0)


def test_a_verdict_of_which_everything_was_skipped_has_no_marks(tmp_path):
    with filled(tmp_path / "results.db", [row("eve", 3, SKIPPED)]) as store:
        ((_, (entry,)),) = ledger(store).learners()
        assert (entry.marks, ledger(store).total("eve", [entry])) == (None, None)

"""nbgrader's gradebook with a cohort's marks: a real file, its own API, formgrader's view and `nbgrader export`."""

import csv
import os
import sqlite3
import subprocess
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import pytest

from checker.errors import CheckerError
from checker.report.gradebook import NOTEBOOK, write_gradebook
from checker.result import Message
from tests.unit.report.synthetic import NOON, SETTINGS, check, filled, ledger, row

pytestmark = pytest.mark.filterwarnings("ignore")
LAB = "day03-data-versioning"
TUESDAY = NOON + timedelta(days=1)
MESSAGE = Message(found="2 rows", expected="3 rows", next_step="run `dvc pull`")
ADA = row("ada", 3, check("a", "failed", 4.0, 1.0, messages=(MESSAGE,)), check("b", "passed", 6.0))


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


class Course:
    """A course of nbgrader's, with a cohort's results beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.gradebook = folder / "gradebook.db"
        (folder / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "spring"\n')

    def write(self, *rows, settings=SETTINGS):
        with filled(self.folder / "results.db", rows, version=str(len(rows))) as store:
            return write_gradebook(ledger(store, settings), self.gradebook)

    def open(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from nbgrader.api import Gradebook
        return Gradebook(f"sqlite:///{self.gradebook}", course_id="")

    def run(self, *arguments):
        # nbgrader calls alembic by its name.
        env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def exported(self):
        self.run("export", "--to", "grades.csv")
        with (self.folder / "grades.csv").open() as file:
            return {(line["student_id"], line["assignment"]): line for line in csv.DictReader(file)}


def test_manual_scores_comments_and_extra_credit_stay_when_written_again(course):
    assert course.write(ADA, row("bob", 3, check("a", points=4.0), check("b", points=6.0))) == 2
    line = course.exported()["ada", LAB]
    assert (float(line["raw_score"]), float(line["score"]), float(line["max_score"])) == (7, 7, 10)
    with course.open() as book:
        grade = book.find_grade("a", NOTEBOOK, LAB, "ada")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        book.find_grade("b", NOTEBOOK, LAB, "ada").extra_credit = 0.5
        comment = book.find_comment("a", NOTEBOOK, LAB, "ada")
        assert comment.auto_comment == "found: 2 rows\nexpected: 3 rows\nnext: run `dvc pull`"
        comment.manual_comment = "well tried"
        book.find_student("ada").first_name = "Ada"
        book.db.commit()

    better = row("ada", 3, check("a", "failed", 4.0, 2.0), check("b", "failed", 6.0, 5.0), digest="2", received=TUESDAY)
    course.write(better)
    with course.open() as book:
        a, b = (book.find_grade(name, NOTEBOOK, LAB, "ada") for name in "ab")
        assert (a.auto_score, a.manual_score, a.needs_manual_grade) == (2.0, 3.0, True)
        assert (b.auto_score, b.manual_score, b.extra_credit, b.needs_manual_grade) == (5.0, None, 0.5, False)
        comment = book.find_comment("a", NOTEBOOK, LAB, "ada")
        assert (comment.auto_comment, comment.manual_comment, comment.comment) == (None, "well tried", "well tried")
        assert book.find_student("ada").first_name == "Ada"
        assert book.find_submission(LAB, "ada").score == 8.5
    lines = course.exported()
    assert float(lines["ada", LAB]["score"]) == 8.5
    assert float(lines["bob", LAB]["score"]) == 10
    assert len(lines) == 2


def test_what_was_not_decided_overwrites_nothing(course):
    course.write(ADA)
    course.write(row("ada", 3, status="refused", digest="2", received=TUESDAY), row("new", 3, status="error"))
    open_one = row("ada", 3, check("a", "error", 4.0), check("b", "failed", 6.0), digest="1", received=NOON)
    course.write(open_one)
    with course.open() as book:
        assert book.find_submission(LAB, "ada").score == 7
        assert [each.id for each in book.students] == ["ada"]


def test_a_check_that_could_not_be_decided_is_no_zero(course):
    course.write(row("ada", 3, check("a", "error", 4.0), check("b", "passed", 6.0)))
    with course.open() as book:
        grade = book.find_grade("a", NOTEBOOK, LAB, "ada")
        assert (grade.auto_score, grade.needs_manual_grade) == (None, True)


def test_a_check_under_another_name_is_not_counted_twice(course):
    course.write(ADA, row("bob", 3, check("a", points=4.0), check("b", points=6.0)))
    with course.open() as book:
        book.find_comment("b", NOTEBOOK, LAB, "ada").manual_comment = "seen"
        book.db.commit()
    course.write(*(row(name, 3, check("a", points=4.0), check("c", points=6.0), digest="2") for name in ("ada", "bob")))
    with course.open() as book:
        assert [book.find_submission(LAB, name).score for name in ("ada", "bob")] == [10, 10]
        assert book.find_assignment(LAB).max_score == 10
        assert book.find_comment("b", NOTEBOOK, LAB, "ada").comment == "seen"


def test_what_was_skipped_costs_nothing_of_what_is_fixed_for_all(course):
    there = check("there", points=1.0), check("there", "skipped", 1.0)
    course.write(
        row("cyd", 3, check("a", points=10.0), there[0]),
        row("ada", 3, check("a", points=10.0), there[1]),
        row("bob", 3, check("a", "failed", 10.0, 5.0), there[1]),
        row("eve", 3, check("a", "error", 10.0), there[1]),
    )
    with course.open() as book:
        scores = {name: book.find_submission(LAB, name).score for name in ("ada", "bob", "cyd")}
        assert (scores, book.find_assignment(LAB).max_score) == ({"ada": 11, "bob": 5.5, "cyd": 11}, 11)
        assert book.find_grade("there", NOTEBOOK, LAB, "eve").auto_score is None


def test_being_late_is_a_penalty_beside_the_raw_score_and_dates_are_kept(course):
    late = row("ada", 3, check("a", points=10.0), received=NOON + timedelta(days=3))
    given_more = {"learner": "bob", "day": 3, "until": "2026-03-09"}
    settings = SETTINGS.model_validate(SETTINGS.model_dump() | {"extensions": [given_more]})
    course.write(late, late.model_copy(update={"learner": "bob"}), settings=settings)
    lines = course.exported()
    assert [float(lines["ada", LAB][name]) for name in ("raw_score", "late_submission_penalty", "score")] == [10, 1, 9]
    assert [float(lines["bob", LAB][name]) for name in ("raw_score", "late_submission_penalty", "score")] == [10, 0, 10]
    assert lines["ada", LAB]["duedate"] == "2026-03-04 23:59:59"
    with course.open() as book:
        assert book.find_submission(LAB, "ada").total_seconds_late > 0
        assert book.find_submission(LAB, "bob").total_seconds_late == 0
        book.find_assignment(LAB).duedate = None
        book.grant_extension(LAB, "ada", days=2)
        book.find_grade("a", NOTEBOOK, LAB, "ada").manual_score = 5.0
        book.db.commit()
    course.write(late)
    with course.open() as book:
        submission = book.find_submission(LAB, "ada")
        assert submission.extension == timedelta(days=2)
        assert (submission.score, submission.late_submission_penalty) == (5, 0.5)


def test_the_labs_own_notebook_and_ours_make_one_assignment_that_formgrader_shows(course):
    """As nbgrader leaves it: an assignment with a manually graded cell, and a submission made before ours."""
    (course.folder / "source" / LAB).mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbgrader.api import Gradebook
        from nbgrader.apps.api import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        with Gradebook(f"sqlite:///{course.gradebook}", course_id="spring") as book:
            book.add_assignment(LAB)
            book.add_notebook("lab", LAB)
            book.add_grade_cell("reflect", "lab", LAB, max_score=2, cell_type="markdown")
            book.add_solution_cell("reflect", "lab", LAB)
            book.add_student("ada")
            book.add_submission(LAB, "ada")
            book.find_grade("reflect", "lab", LAB, "ada").manual_score = 1.5
            book.db.commit()
    finally:
        os.environ["PATH"] = before
    course.write(ADA)
    assert float(course.exported()["ada", LAB]["score"]) == 8.5
    api = NbGraderAPI(coursedir=CourseDirectory(root=str(course.folder), course_id="spring"))
    (assignment,) = api.get_assignments()
    assert (assignment["name"], assignment["max_score"], assignment["average_score"]) == (LAB, 12, 8.5)
    (submission,) = api.get_submissions(LAB)
    assert (submission["student"], submission["score"], submission["written_score"]) == ("ada", 8.5, 1.5)
    assert [(each["id"], each["score"]) for each in api.get_students()] == [("ada", 8.5)]
    with sqlite3.connect(course.gradebook) as db:
        assert db.execute("SELECT DISTINCT course_id FROM assignment").fetchall() == [("spring",)]
    db.close()


@pytest.mark.parametrize("content", [b"no database" * 500, None])
def test_a_file_of_another_kind_is_not_touched(course, content):
    if content is None:
        filled(course.gradebook, []).close()
        content = course.gradebook.read_bytes()
    course.gradebook.write_bytes(content)
    with pytest.raises(CheckerError, match="no gradebook"):
        course.write(ADA)
    assert course.gradebook.read_bytes() == content


def test_a_locked_gradebook_is_told(course):
    course.write(ADA)
    with sqlite3.connect(course.gradebook, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CheckerError, match="locked"):
            course.write(row("bob", 3))
    other.close()


def test_hostile_names_are_only_names(course):
    name = "'; DROP TABLE grade; --<script>\u202e"
    course.write(row(name, 3))
    with course.open() as book:
        (student,) = book.students
        assert student.id == "'; DROP TABLE grade; --<script>\\u202e"
        assert student.score == 4

"""The store: nothing that was added is lost, nothing is there twice, and marks once given stay."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.errors import CheckerError, Unavailable, UsageError
from checker.result import Doubt, Fingerprint
from checker.store import Store
from tests.support import ROOT
from tests.unit.report.synthetic import NOON, check, filled, row

TUESDAY = NOON + timedelta(days=1)
OPEN = check("b", "error")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.db"


def counting(path):
    with Store(path, reading=True) as store:
        return [(each.learner, each.day, each.status, each.digest) for each in store.current()]


def test_a_row_comes_back_as_it_was(path):
    given_row = row(
        "ada", 3, check("a", "failed", earned=0.5), OPEN, doubts=(Doubt(level="suspect", check="a", reason="r"),),
        fingerprints=(Fingerprint(kind="run", value="r1"),), seconds=1.5,
    )  # fmt: skip
    filled(path, [given_row]).close()
    with Store(path, reading=True) as store:
        (found,) = store.attempts("ada", given_row.lab)
    assert found == given_row
    assert found.result.outcome == "error"


def test_an_unfinished_run_is_continued_and_a_finished_one_is_not(path):
    with Store(path) as store:
        first = store.begin("all")
        assert store.add(first, row(), "1")
    with Store(path) as store:
        assert store.begin("day 3") != first
        assert store.begin("all") == first
        assert store.done(first, "ada", row().lab, "d1")
        assert not store.done(first, "ada", row().lab, "d2")
        store.finish(first)
        assert store.begin("all") > first


def test_nothing_is_there_twice(path):
    with Store(path) as store:
        run = store.begin("all")
        assert store.add(run, row(), "1")
        assert not store.add(run, row(), "1")
        assert not store.add(run, row(status="error"), "1")
        assert len(list(store.attempts("ada", row().lab))) == 1


@pytest.mark.parametrize(
    ("made", "version", "unchanged"),
    [
        (row(), "1", True),
        (row(), "2", False),
        (row(status="refused"), "1", True),
        (row(status="error"), "1", False),
        (row("ada", 3, check("a"), OPEN), "1", False),
        (row("bob"), "1", False),
        (row(digest="other"), "1", False),
    ],
)
def test_only_what_was_decided_is_unchanged(path, made, version, unchanged):
    with filled(path, [made]) as store:
        assert store.unchanged("ada", row().lab, "d1", version) is unchanged


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([row(digest="old"), row(digest="new", received=TUESDAY)], "new"),
        ([row(digest="new", received=TUESDAY), row(digest="old")], "new"),
        ([row(digest="good"), row(digest="bad", received=TUESDAY, status="refused")], "good"),
        ([row(digest="good"), row(digest="bad", received=TUESDAY, status="error")], "good"),
        ([row(digest="good"), row("ada", 3, check("a"), OPEN, digest="open", received=TUESDAY)], "good"),
        ([row("ada", 3, check("a"), OPEN, digest="open"), row(digest="bad", received=TUESDAY, status="error")], "open"),
        ([row(digest="no", status="refused"), row(digest="e", received=TUESDAY, status="error")], "no"),
        ([row(digest="e1", status="error"), row(digest="e2", received=TUESDAY, status="error")], "e2"),
    ],
)
def test_marks_that_were_given_are_never_lost(path, rows, counts):
    filled(path, rows).close()
    assert [digest for *_, digest in counting(path)] == [counts]
    with Store(path, reading=True) as store:
        (standing,) = store.standings()
    newest = max(rows, key=lambda each: each.received).digest
    assert standing.attempts == len(rows)
    assert (standing.newer.digest if standing.newer else counts) == newest


def test_a_second_verdict_on_the_same_content_replaces_the_first(path):
    filled(path, [row("ada", 3, check("a", "failed"))]).close()
    filled(path, [row("ada", 3, check("a"))], version="2").close()
    with Store(path, reading=True) as store:
        assert [each.result.earned for each in store.current()] == [2.0]
        assert [each.result.earned for each in store.attempts("ada", row().lab)] == [0.0, 2.0]


def test_current_goes_by_learner_and_day(path):
    filled(path, [row("bob", 8), row("ada", 8), row("bob", 1), row("ada", 1)]).close()
    assert [each[:2] for each in counting(path)] == [("ada", 1), ("ada", 8), ("bob", 1), ("bob", 8)]


def test_only_state_of_several_learners_is_shared(path):
    own, common = Fingerprint(kind="run", value="own"), Fingerprint(kind="run", value="common")
    rows = [
        row("ada", 3, fingerprints=(own, common)),
        row("ada", 8, fingerprints=(own,)),
        row("bob", 8, fingerprints=(common, Fingerprint(kind="lock", value="own")), received=TUESDAY),
    ]
    with filled(path, rows) as store:
        (found,) = store.shared()
    assert found.fingerprint == common
    assert [(each.learner, each.received) for each in found.holders] == [("ada", NOON), ("bob", TUESDAY)]


def test_a_doubt_that_a_later_checker_no_longer_has_is_gone(path):
    doubts = (Doubt(level="tampered", check="a", reason="r"),)
    rows = [row("ada", digest="x", doubts=doubts), row("bob", doubts=doubts), row("bob", digest="2", received=TUESDAY)]
    filled(path, rows).close()
    with Store(path, reading=True) as store:
        assert [(each.learner, counts) for each, counts in store.doubtful()] == [("ada", True), ("bob", False)]
    filled(path, [row("ada", digest="x")], version="2").close()
    with Store(path, reading=True) as store:
        assert [each.learner for each, _ in store.doubtful()] == ["bob"]


@settings(deadline=None, max_examples=60)
@given(
    st.text(st.characters(), max_size=30),
    st.text(st.characters(), max_size=60),
    st.datetimes(timezones=st.sampled_from([UTC, None])),
)
def test_any_text_and_time_come_back_legible(name, reason, received):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.db"
        made = row(name, digest=name, status="refused", reason=reason, received=received,
                   fingerprints=(Fingerprint(kind="k", value=name),))  # fmt: skip
        with filled(path, [made]) as store:
            (found,) = store.current()
            assert store.unchanged(name, made.lab, name, "1")
            assert list(store.attempts(name, made.lab)) == [found]
        shown = name.encode("utf-8", "backslashreplace").decode()
        assert (found.learner, found.reason) == (shown, reason.encode("utf-8", "backslashreplace").decode())
        assert found.received == received


def test_no_text_is_obeyed_as_sql(path):
    name = "'); DROP TABLE attempt; --"
    with filled(path, [row(name), row("ada")]) as store:
        assert {each.learner for each in store.current()} == {name, "ada"}


def test_a_full_disk_loses_nothing(path):
    with Store(path) as store:
        run = store.begin("all")
        store._db.execute("PRAGMA max_page_count = 40")
        added = []
        with pytest.raises(Unavailable) as told:
            for number in range(1000):
                store.add(run, row(f"learner{number}", 3, *[check(f"c{n}") for n in range(40)]), "1")
                added.append(f"learner{number}")
        assert "full" in told.value.found
        assert "nothing that was finished is lost" in told.value.next_step
        assert added
        store._db.execute("PRAGMA max_page_count = 4000")
        assert store.add(run, row("after"), "1")
    assert {each[0] for each in counting(path)} == {*added, "after"}


def test_a_second_coordinator_is_told_and_a_reader_is_not_disturbed(path):
    with filled(path, [row()]) as first:
        first.begin("all")
        with Store(path) as second, pytest.raises(Unavailable, match="another `checker grade`"):
            second.begin("all")
        assert counting(path)
    with Store(path) as second:
        second.begin("all")


def test_rows_may_be_added_while_others_are_read(path):
    with filled(path, [row("ada"), row("bob"), row("cy")]) as writer, Store(path, reading=True) as reader:
        seen = reader.standings()
        first = next(seen)
        run = writer.begin("again")
        writer.add(run, row("ada", digest="d2", received=TUESDAY), "2")
        assert [each.row.learner for each in (first, *seen)] == ["ada", "bob", "cy"]
        assert [each.digest for each in reader.current()] == ["d2", "d1", "d1"]


def test_a_reader_who_stops_early_leaves_no_complaint(path):
    with filled(path, [row("ada"), row("bob")]) as store:
        seen = store.standings()
        next(seen)
    del seen


def test_a_locked_file_is_told(path, monkeypatch):
    monkeypatch.setattr("checker.database.SECONDS_TO_WAIT", 0.1)
    with filled(path, []) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            store.begin("all")
        other.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no store"),
        (b"not a database at all" * 99, "no store"),
        (b"SQLite format 3\0" + b"\xff" * 4096, "results"),
    ],
)
def test_a_file_of_another_kind_is_told(path, content, words):
    path.write_bytes(content)
    with pytest.raises(CheckerError, match=words):
        Store(path, reading=True)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_not_touched(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(CheckerError, match="no store of results"):
        Store(path)
    assert path.read_bytes() == before


def test_a_broken_page_is_told(path):
    filled(path, [row(f"learner{number}") for number in range(50)]).close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(CheckerError, match="damaged"):
        counting(path)


def test_a_newer_file_and_a_missing_one_are_told(path, tmp_path):
    filled(path, []).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(CheckerError, match="newer checker"):
        Store(path)
    with pytest.raises(UsageError, match="not there"):
        Store(tmp_path / "other.db", reading=True)
    with pytest.raises(Unavailable):
        Store(tmp_path / "no" / "folder.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_results_can_be_read_where_nothing_can_be_written(tmp_path):
    filled(tmp_path / "results.db", [row()]).close()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    program = """if True:
        import filelock, os, sys
        from pathlib import Path
        from checker.store import Store
        from checker.errors import Unavailable
        path = Path(sys.argv[1])
        list(Store(path, reading=True).current())
        os.setuid(65534)
        print([each.learner for each in Store(path, reading=True).current()])
        try:
            Store(path).begin("all")
        except Unavailable as error:
            print("told", error.found)
    """
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "results.db")], cwd=ROOT, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.startswith("['ada']\ntold ")


def test_what_was_reported_before_a_kill_is_there(path):
    program = """if True:
        import sys
        from pathlib import Path
        from checker.store import Store
        from tests.unit.report.synthetic import row
        store = Store(Path(sys.argv[1]))
        run = store.begin("all")
        number = 0
        while True:
            store.add(run, row(f"learner{number}"), "1")
            print(f"learner{number}", flush=True)
            number += 1
    """
    reported = set()
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        lines = [child.stdout.readline().strip() for _ in range(10)]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split("\n")
        child.stdout.close()
        child.wait()
        reported |= {line for line in (*lines, *rest[:-1]) if line}
    rows = [each[0] for each in counting(path)]
    assert reported <= set(rows)
    assert len(rows) == len(set(rows))
    with Store(path) as store:
        run = store.begin("all")
        assert run == 1
        assert all(store.done(run, learner, row().lab, "d1") for learner in reported)


def test_time_zones_do_not_confuse_the_order(path):
    early = datetime.fromisoformat("2026-03-02T23:00:00-05:00")
    late = datetime.fromisoformat("2026-03-03T05:00:00+00:00")
    filled(path, [row(digest="late", received=late), row(digest="early", received=early)]).close()
    assert counting(path)[0][-1] == "late"


def test_what_fits_in_one_world_only_is_the_owners(path):
    """The owner is named and never accused; where nothing tells the world, nobody is."""

    def holding(learner, *prints):
        return row(learner, 3, check("a"), digest=learner, fingerprints=prints)

    def prints(fits):
        return [Fingerprint(kind=kind, value=kind, fits=fits) for kind in ("data", "run")]

    workspace = Fingerprint(kind="workspace", value="w")
    made = [holding("ada", *prints(True), workspace), holding("bob", *prints(False), workspace)]
    made.append(holding("eve", *prints(None), workspace))
    filled(path, made).close()
    with Store(path, reading=True) as store:
        found = [(each.learner, each.owner, each.kind, each.count) for each in store.copies()]
        assert sorted(found) == [("bob", "ada", "data", 1), ("bob", "ada", "run", 1)]
        assert {str(each).split(" (")[0] for each in store.copies()} == {"holds 1 data file", "holds 1 run"}

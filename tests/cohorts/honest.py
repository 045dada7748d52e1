"""Honest work on day 3: right, right in another way, in part, wrong, and none."""

from tests.cohorts.day03 import APRIL, MARCH, Bench
from tests.cohorts.desk import Desk
from tests.cohorts.kinds import done, kind


def solve(bench: Bench, *, single: bool = False, **options: bool) -> None:
    """Do what day 3 asks for."""
    april = (bench.root / APRIL).read_bytes()
    bench.name_remote()
    bench.add(single=single)
    bench.commit("Track the raw months")
    bench.take_in()
    bench.add(single=single)
    bench.commit("Take in the corrected April")
    bring_back(bench, april)
    bench.add(single=single)
    bench.commit("Back to the first April")


def bring_back(bench: Bench, april: bytes) -> None:
    """Put the first April back."""
    (bench.root / APRIL).unlink()
    (bench.root / APRIL).write_bytes(april)


@done("correct", marks=10)
def correct(bench):
    solve(bench)


@done("another", marks=10)
def single_files(bench):
    solve(bench, single=True)


@done("another", marks=10)
def on_a_branch_with_a_remote_outside(bench):
    april = (bench.root / APRIL).read_bytes()
    bench.name_remote("../store", name="elsewhere")
    bench.add()
    bench.commit()
    bench.branch("raw-months")
    bench.take_in()
    bench.add()
    bench.commit()
    bring_back(bench, april)
    bench.add()
    bench.commit()


@done("another", marks=10)
def remote_set_last_and_much_beside(bench):
    april = (bench.root / APRIL).read_bytes()
    bench.add()
    (bench.root / "notes.md").write_text("# What I did\n" * 100)
    (bench.root / "src").mkdir()
    (bench.root / "src" / "clean.py").write_text("print('nothing yet')\n")
    bench.commit("First", also=("notes.md", "src/clean.py"))
    bench.take_in()
    bench.add()
    bench.commit("Corrected")
    bring_back(bench, april)
    bench.add()
    bench.name_remote()
    bench.commit("Remote at last")


@done("partial", marks=3, words="remote_is_set")
def tracked_only(bench):
    bench.add(push=False)
    bench.commit()


@done("partial", marks=4, words="correction_is_in_history")
def tracked_and_shared(bench):
    bench.name_remote()
    bench.add()
    bench.commit()


@done("partial", marks=1, words="months_are_tracked")
def only_a_remote(bench):
    bench.name_remote()
    bench.commit()


@done("partial", marks=8, words="april_is_back")
def corrected_left_in_place(bench):
    bench.name_remote()
    bench.add()
    bench.commit()
    bench.take_in()
    bench.add()
    bench.commit()


@done("partial", marks=8, words="remote_holds_both_versions")
def never_pushed(bench):
    april = (bench.root / APRIL).read_bytes()
    bench.name_remote()
    bench.add(push=False)
    bench.commit()
    bench.take_in()
    bench.add(push=False)
    bench.commit()
    bring_back(bench, april)
    bench.add(push=False)
    bench.commit()


@done("wrong", marks=9, words="nothing_large_in_git.*2025-03.csv")
def data_in_git(bench):
    bench.commit("All data", also=(MARCH, APRIL))
    solve(bench)


@done("wrong", marks=7, words="remote_is_set.*own cache")
def remote_is_the_cache(bench):
    april = (bench.root / APRIL).read_bytes()
    bench.name_remote(".dvc/cache")
    for change in (None, bench.take_in, lambda: bring_back(bench, april)):
        if change:
            change()
        bench.add(push=False)
        bench.commit()


@done("wrong", marks=4, words="correction_is_in_history")
def history_rewritten(bench):
    solve(bench)
    bench.back_to(1)


@done("wrong", marks=1, words="months_are_tracked.*gitignore")
def ignore_file_not_committed(bench):
    solve(bench)
    bench.commit("Only the pointer", without=("data/.gitignore",))


@done("wrong", marks=8, words="april_is_back")
def no_checkout(bench):
    solve(bench)
    bench.take_in()


@kind("starter", marks=0, words="months_are_tracked")
def untouched(desk: Desk):
    with desk.started() as made:
        desk.hand_in(made)


# Nothing in a terminal, a page, a table or a log may obey what a learner calls things.
HOSTILE = '=HYPERLINK("http://x.invalid",1)<script>alert(1)</script>\x1b]0;x\x07\u202e\'; DROP TABLE attempt; --'


@kind("another", marks=10)
def hostile_texts(desk: Desk):
    with desk.started() as made:
        bench = Bench(made.path, author=f"{HOSTILE.replace('<', '').replace('>', '')} <x@example.invalid>")
        april = (made.path / APRIL).read_bytes()
        bench.name_remote(name="<script>alert(1)<-script>")
        name = "=cmd '!A0 <img src=x onerror=alert(1)>.txt"
        (made.path / name).write_text(HOSTILE)
        bench.add()
        bench.commit(HOSTILE, also=(name,))
        bench.take_in()
        bench.add()
        bench.commit(HOSTILE * 100)
        bring_back(bench, april)
        bench.add()
        bench.commit("\udcff\udcfe")
        desk.hand_in(made)

"""What a step of a pipeline left behind, however it was built."""

from checker.tasks.luggage import left_of
from tests.support import nested


def test_an_output_of_folders_without_an_end_holds_no_file_and_is_nobodys_fault(tmp_path):
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    (work / "other").write_text("1")
    with nested(work / "out", 1100):
        assert [*left_of(work, ["out", "other"])["files"]] == ["other"]

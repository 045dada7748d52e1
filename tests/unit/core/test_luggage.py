"""What a step of a pipeline left behind, however it was built."""

import os
import subprocess

from checker.tasks.luggage import left_of


def test_an_output_of_folders_without_an_end_holds_no_file_and_is_nobodys_fault(tmp_path):
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    (work / "other").write_text("1")
    here = os.open(work / "out", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("dd", dir_fd=here)
        here, above = os.open("dd", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    try:
        assert [*left_of(work, ["out", "other"])["files"]] == ["other"]
    finally:
        # pytest's own way to clear up does not reach so deep.
        subprocess.run(["rm", "-rf", str(work)], check=True)

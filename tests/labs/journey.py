"""What arrives with a submission is what was there: the evidence of real work, before and after the journey."""

from checker import submission
from checker.collect import collect
from tests.support import COURSE


def arrives(lab, made, folder):
    """Submit a workspace and thaw it; the evidence must be the same. Return what was thawed, and the archive's size."""
    live = collect(lab, made)
    with submission.frozen(lab, made) as frozen:
        path, size = frozen.write(folder / "out")
    thawed = submission.thaw(path, folder / "into", COURSE.find)
    assert _told(collect(lab, thawed)) == _told(live)
    return thawed, size


def _told(evidence):
    """The evidence without the names of places, which differ."""
    data = evidence.model_dump()
    for remote in (data["dvc"] or {}).get("remotes", ()):
        remote["directory"] = remote["directory"] and "somewhere"
    if data["mlflow"]:
        data["mlflow"]["address"] = ""
    return data

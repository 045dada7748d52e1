"""Submissions of day 3 that are not what they say: somebody else's, invented, broken or hostile."""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.archive import MANIFEST, MLFLOW, open_archive, write_archive
from checker.recipes import sha256
from tests.cohorts.day03 import APRIL, CORRECTED, Bench
from tests.cohorts.desk import Desk, fixtures
from tests.cohorts.honest import bring_back, solve
from tests.cohorts.kinds import done, kind

CORRECT = "day 3: correct"


def rewrite(source: Path, target: Path, change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> None:
    """Write an archive anew as the writer would, after `change(manifest, blobs)`."""
    with open_archive(source) as opened:
        texts = {name: text for name in (MANIFEST, MLFLOW) if (text := opened.text(name)) is not None}
        blobs = {name: b"".join(opened.read(name)) for name in opened.blobs}
    manifest = json.loads(texts[MANIFEST])
    change(manifest, blobs)
    texts[MANIFEST] = json.dumps(manifest).encode()
    write_archive(target, texts, {name: lambda content=content: io.BytesIO(content) for name, content in blobs.items()})


def _identity(desk: Desk, **changes: Any) -> None:
    rewrite(desk.donor, desk.target, lambda manifest, blobs: manifest["identity"].update(changes))


@kind("cheating", status="refused", words="says that it is .*'s, and was handed in by", donor=CORRECT)
def a_classmates_archive(desk: Desk):
    shutil.copyfile(desk.donor, desk.target)


@kind("cheating", status="refused", words="in the world of ", donor=CORRECT)
def a_classmates_archive_under_ones_name(desk: Desk):
    _identity(desk, learner=desk.learner)


@kind("cheating", status="refused", words="lacks the content", donor=CORRECT)
def a_classmates_archive_under_ones_name_and_seed(desk: Desk):
    _identity(desk, learner=desk.learner, seed=desk.seed, workspace_id=os.urandom(16).hex())


@kind("cheating", marks=4, words="correction_is_in_history", donor=CORRECT, shares=True)
def own_identity_over_a_classmates_data(desk: Desk):
    def change(manifest, blobs):
        theirs = fixtures(desk.lab, manifest["identity"]["seed"]).values()
        blobs |= {sha256(content): content for content in theirs}
        identity = {"learner": desk.learner, "seed": desk.seed, "workspace_id": os.urandom(16).hex()}
        manifest["identity"].update(identity)

    rewrite(desk.donor, desk.target, change)


@kind("cheating", marks=10, donor=CORRECT, shares=True)
def a_classmates_workspace_id(desk: Desk):
    with open_archive(desk.donor) as opened:
        theirs = json.loads(opened.text(MANIFEST))["identity"]["workspace_id"]
    with desk.started() as made:
        solve(Bench(made.path))
        desk.hand_in(made)
    rewrite(desk.target, desk.target, lambda manifest, blobs: manifest["identity"].update(workspace_id=theirs))


@kind("cheating", status="refused", words="a world of nobody in this cohort")
def the_data_of_another_seed(desk: Desk):
    with desk.started(seed=desk.seed ^ 1) as made:
        solve(Bench(made.path))
        desk.hand_in(made)


@kind("cheating", status="refused", words="lacks the content")
def an_edited_seed(desk: Desk):
    with desk.started(seed=desk.seed ^ 1) as made:
        solve(Bench(made.path))
        desk.hand_in(made)
    rewrite(desk.target, desk.target, lambda manifest, blobs: manifest["identity"].update(seed=desk.seed))


@done("cheating", marks=8, words="remote_holds_both_versions.*lacks")
def a_remote_without_objects(bench):
    solve(bench)
    for path in (bench.root / bench.remote).rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.unlink()


@done("cheating", marks=8, words="remote_holds_both_versions.*other bytes")
def objects_that_lie(bench):
    solve(bench)
    target = bench.object(CORRECTED)
    target.unlink()
    target.write_bytes((bench.root / APRIL).read_bytes())


@done("cheating", marks=4, words="correction_is_in_history")
def a_typed_pointer(bench):
    april = (bench.root / APRIL).read_bytes()
    bench.name_remote()
    bench.add(single=True)
    bench.commit()
    bench.point(f"{APRIL}.dvc", "2025-04.csv", (bench.root / CORRECTED).read_bytes())
    bench.commit()
    bring_back(bench, april)
    bench.add(single=True)
    bench.commit()


def _bytes(desk: Desk, content: bytes) -> None:
    desk.target.write_bytes(content)


@kind("corrupt", status="refused", words="cut off|damaged", donor=CORRECT)
def cut_off(desk: Desk):
    content = desk.donor.read_bytes()
    _bytes(desk, content[: len(content) * 2 // 3])


@kind("corrupt", status="refused", words="no zip file|bytes?: it is", donor=CORRECT)
def no_zip(desk: Desk):
    _bytes(desk, b"I could not get it to work, see my e-mail\n" * 20)


@kind("corrupt", status="refused", words="0 bytes")
def nothing_in_it(desk: Desk):
    _bytes(desk, b"")


@kind("corrupt", status="refused", words="other bytes|damaged|says", donor=CORRECT)
def a_flipped_bit(desk: Desk):
    content = bytearray(desk.donor.read_bytes())
    with zipfile.ZipFile(desk.donor) as opened:
        largest = max(opened.infolist(), key=lambda info: info.compress_size)
    content[largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2] ^= 0x10
    _bytes(desk, bytes(content))


@kind("corrupt", status="refused", words="grow more than|holds|has \\d+ bytes")
def a_bomb(desk: Desk):
    with zipfile.ZipFile(desk.target, "w", zipfile.ZIP_DEFLATED) as made:
        info = zipfile.ZipInfo(f"blobs/{'0' * 64}", (1980, 1, 1, 0, 0, 0))
        info.create_system, info.external_attr, info.compress_type = 3, 0o100600 << 16, zipfile.ZIP_DEFLATED
        made.writestr(info, bytes(32 << 20))


@kind("corrupt", status="refused", words="leaves its folder", donor=CORRECT)
def a_climbing_path(desk: Desk):
    def change(manifest, blobs):
        piece = next(iter(manifest["workspace"].values()))
        manifest["workspace"]["../../../../escaped.txt"] = piece

    rewrite(desk.donor, desk.target, change)


@kind("corrupt", status="refused", words="has a member called")
def a_climbing_member(desk: Desk):
    with zipfile.ZipFile(desk.target, "w") as made:
        made.writestr("../../../../escaped.txt", "x")


@kind("corrupt", status="refused", words="manifest", donor=CORRECT)
def a_manifest_of_another_shape(desk: Desk):
    rewrite(desk.donor, desk.target, lambda manifest, blobs: manifest.update(workspace=["a", "b"]))


@kind("corrupt", status="refused", words="format", donor=CORRECT)
def a_format_of_the_future(desk: Desk):
    rewrite(desk.donor, desk.target, lambda manifest, blobs: manifest.update(format=2))


@kind("corrupt", status="refused", words="no archive in it")
def an_empty_folder(desk: Desk):
    (desk.place / "lab.ipynb").write_text("{}")


@kind("corrupt", status="refused", words="2 archives in it", donor=CORRECT)
def two_archives(desk: Desk):
    for name in ("final.zip", "final-final.zip"):
        shutil.copyfile(desk.donor, desk.place / name)


@kind("corrupt", status="refused", words="is a link", donor=CORRECT)
def a_link(desk: Desk):
    desk.target.symlink_to(os.path.relpath(desk.donor, desk.place))


@kind("corrupt", status="refused", words="no plain file")
def a_pipe(desk: Desk):
    os.mkfifo(desk.target)


@kind("corrupt", status="refused", words="is of day03|for the lab|there is no lab", donor=CORRECT)
def handed_in_for_another_lab(desk: Desk):
    place = desk.place.with_name("day08-experiment-tracking")
    desk.place.rmdir()
    place.mkdir()
    shutil.copyfile(desk.donor, place / "a.zip")
    return place.name


@kind("corrupt", status="refused", words="there is no lab `day99", donor=CORRECT)
def an_unknown_lab(desk: Desk):
    place = desk.place.with_name("day99-<b>nothing</b>".replace("/", "-"))
    desk.place.rmdir()
    place.mkdir()
    shutil.copyfile(desk.donor, place / "a.zip")
    return place.name


@kind("corrupt", status="error", words="cannot be read")
def unreadable(desk: Desk):
    _bytes(desk, b"x")
    desk.target.chmod(0)


NAMES = ("<script>alert(1)<|script>", "=cmd|' !A0", "'; DROP TABLE attempt; --", "\x1b[31mred", "\u202eevil", "a\nb")
"""What a folder of `submitted` may be called by somebody who made it by hand."""


@kind("hostile", status="refused", words="says that it is .*'s, and was handed in by", donor=CORRECT)
def a_folder_with_a_hostile_name(desk: Desk):
    shutil.copyfile(desk.donor, desk.target)

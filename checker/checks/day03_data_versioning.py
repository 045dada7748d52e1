"""Day 3: raw months tracked by DVC, two versions of one in the remote and in the history, nothing large in git."""

from __future__ import annotations

import posixpath
from typing import NoReturn

from checker.check import check, expect, fail
from checker.evidence import View
from checker.evidence.dvc import Dvc, Output, Remote, Stored, Version
from checker.evidence.git import Blob, Git
from checker.text import clean, plural

MARCH, APRIL = "data/raw/2025-03.csv", "data/raw/2025-04.csv"
MONTHS = (MARCH, APRIL)
CORRECTED = "incoming/2025-04-corrected.csv"
LARGE = 300_000
CONFIG = ".dvc/config"
CONFIGS = (CONFIG, ".dvc/config.local")


@check(points=2)
def months_are_tracked(lab: View) -> tuple[Git, Dvc]:
    """DVC tracks `data/raw/2025-03.csv` and `data/raw/2025-04.csv`, as one directory or file by file; the last
    commit holds the `.dvc` files as they are now, and a `.gitignore` that keeps the months out of git.
    """
    git, dvc = lab.git.require(), lab.dvc.require()
    for month in MONTHS:
        output = dvc.covering(month)
        if output is None:
            _fail_untracked(dvc, month)
        source = clean(output.source, 120)
        expect(
            output.md5_of(month) is not None,
            found=f"`{source}` tracks `{clean(output.path, 120)}`, and no listing of it at hand has `{month}`",
            expected=f"a listing with `{month}` in DVC's cache or in the default remote",
            next_step=f"run `dvc status`; if `{month}` is there, run `dvc add {clean(output.path, 120)}` again",
        )
        expect(
            output.cached,
            found=f"`{source}` says `cache: false`: DVC notes the sum of `{month}` and keeps no copy",
            expected="an output that DVC stores",
            next_step=f"remove `cache: false` from `{source}` and run `dvc add {clean(output.path, 120)}`",
        )
        _expect_committed(git, output.source)
        expect(
            month not in output.exposed,
            found=f"no `.gitignore` in the last commit leaves out `{month}`",
            expected="the `.gitignore` that `dvc add` wrote beside the data, committed",
            next_step="run `git status`, then `git add` the `.gitignore` below `data` and commit",
        )
    return git, dvc


def _fail_untracked(dvc: Dvc, month: str) -> NoReturn:
    broken = dvc.broken_for(month)
    mend = f"mend `{clean(broken.source, 120)}`, or delete it if it is nothing you need; then " if broken else ""
    fail(
        found=f"no `.dvc` file tracks `{month}` by an MD5 sum" + (f"; {broken.problem}" if broken else ""),
        expected=f"`{month}` tracked by DVC, alone or with its directory",
        next_step=f"{mend}run `dvc add data/raw` and commit the `.dvc` file that it wrote",
    )


def _expect_committed(git: Git, path: str) -> None:
    shown = clean(path, 120)
    expect(
        git.tracked(path) is not None,
        found=f"`{shown}` is not in the last commit",
        expected=f"`{shown}` committed",
        next_step=f"run `git add {shown}` and `git commit`",
    )
    expect(
        path not in git.modified,
        found=f"`{shown}` differs from the last commit",
        expected="no difference: a version that is not committed cannot be found again",
        next_step=f"run `git diff {shown}`, then commit the change or undo it with `git restore {shown}`",
    )


@check(points=1, needs=months_are_tracked)
def nothing_large_in_git(lab: View, tracked: tuple[Git, Dvc]) -> None:
    """No commit on any branch or tag ever held a month (`data/raw/*.csv`, `incoming/*.csv`) or any file of more
    than 300,000 bytes.
    """
    git, _ = tracked
    for commit, blob in git.everything():
        name = clean(blob.path, 120)
        expect(
            not _is_data(blob, lab),
            found=f"commit {commit.sha[:8]} holds `{name}` with {plural(blob.size, 'byte')}",
            expected="only small text files in git: code, `.dvc` files, `.gitignore`, the settings of DVC",
            next_step=f"`git rm --cached {name}` is not enough, the history keeps it: begin anew with "
            "`rm -rf .git`, `git init`, or rewrite the commits that have it",
        )


def _is_data(blob: Blob, lab: View) -> bool:
    folder, name = posixpath.split(blob.path)
    listed = blob.path in lab.fixtures or (folder in ("data/raw", "incoming") and name.endswith(".csv"))
    return listed or blob.size > LARGE


@check(points=1)
def remote_is_set(lab: View) -> Remote:
    """`.dvc/config`, committed, names a default remote: a local folder of your choice, apart from DVC's own cache."""
    git, dvc = lab.git.require(), lab.dvc.require()
    for broken in dvc.broken:
        expect(
            broken.source not in CONFIGS,
            found=broken.problem,
            expected="settings that `dvc remote list` can read",
            next_step=f"mend `{broken.source}`; `dvc remote list` says what is wrong with it",
        )
    remote = dvc.default_remote
    if remote is None:
        others = ", ".join(clean(each.name, 60) for each in dvc.remotes[:5])
        fail(
            found=f"no default remote; there is {others}" if others else "no remote",
            expected="a default remote",
            next_step="run `dvc remote add --default storage FOLDER`, or `dvc remote default NAME` for one you have",
        )
    name = clean(remote.name, 60)
    expect(
        remote.directory is not None,
        found=f"the remote `{name}` has the address `{clean(remote.url, 120)}`",
        expected="a folder on this machine",
        next_step=f"run `dvc remote modify {name} url FOLDER`, with a path from where you stand, "
        "such as `dvc-remote`, and without `file://`",
    )
    expect(
        not remote.shares_cache,
        found=f"the remote `{name}` is DVC's own cache, or lies in it or around it: `{clean(remote.url, 120)}`",
        expected="a second place: a copy in the same place is no copy",
        next_step=f"make another folder, run `dvc remote modify {name} url FOLDER` and push again",
    )
    expect(
        remote.committable,
        found=f"only `.dvc/config.local` makes `{name}` the default remote, and that file is never committed",
        expected="a default remote in `.dvc/config`, so that a colleague's clone knows it",
        next_step=f"run `dvc remote add --default --force {name} FOLDER` without `--local`",
    )
    _expect_committed(git, CONFIG)
    return remote


@check(points=2, needs=months_are_tracked)
def correction_is_in_history(lab: View, tracked: tuple[Git, Dvc]) -> Version:
    """On the way to the last commit there is one that tracks April as you got it and, after it, one that tracks
    `data/raw/2025-04.csv` with the bytes of `incoming/2025-04-corrected.csv`.
    """
    git, dvc = tracked
    sums = dvc.sums()
    first, second = sums.get(lab.fixtures.get(APRIL, "")), sums.get(lab.fixtures.get(CORRECTED, ""))
    april = [version for version in dvc.versions if version.md5_of(APRIL) is not None]
    with_first = {version.commit for version in april if first and version.md5_of(APRIL) == first}
    with_second = [version for version in april if second and version.md5_of(APRIL) == second]
    known = f"the history tracks {plural(len({each.md5_of(APRIL) for each in april}), 'version')} of April"
    lost = {
        each.md5
        for each in dvc.versions
        if each.md5.endswith(".dir") and not each.cache.present and not (each.remote and each.remote.present)
    }
    if lost:
        known += f" (beside {plural(len(lost), 'listing')} that neither the cache nor the remote has any more)"
    expect(
        with_first,
        found=f"{known}, and none whose bytes are in the cache or the remote is the one you got",
        expected="a commit that tracks April as it was in `data/raw` at the beginning",
        next_step="look at `git log -- '*.dvc'`; if that commit was lost, `checker start 3 --reset` begins anew",
    )
    expect(
        with_second,
        found=f"{known}, and none whose bytes are in the cache or the remote is the corrected one",
        expected=f"a commit that tracks April with the bytes of `{CORRECTED}`",
        next_step=f"run `cp {CORRECTED} {APRIL}`, `dvc add` what you track, and commit the `.dvc` file",
    )
    in_order = [version for version in with_second if git.ancestors(version.commit) & with_first]
    expect(
        in_order,
        found="the corrected April was committed before the one you got, never after it",
        expected="first the April that you got, then the corrected one",
        next_step=f"commit the corrected month again: `cp {CORRECTED} {APRIL}`, `dvc add`, `git commit`",
    )
    return in_order[0]


@check(points=2, needs=(remote_is_set, months_are_tracked, correction_is_in_history))
def remote_holds_both_versions(lab: View, remote: Remote, tracked: tuple[Git, Dvc], correction: Version) -> None:
    """The default remote holds, whole and undamaged, what the `.dvc` files of the last commit track and the
    version with the corrected April.
    """
    _, dvc = tracked
    folder = clean(remote.url, 120)
    expect(
        remote.exists,
        found=f"there is no folder `{folder}` yet",
        expected="the folder of the default remote, with the objects that `dvc push` copies",
        next_step="run `dvc push`",
    )
    for output in {output.md5: output for month in MONTHS if (output := dvc.covering(month))}.values():
        _expect_whole(output.remote, f"`{clean(output.path, 120)}` as it is tracked now", "run `dvc push`")
    source = clean(correction.source, 120)
    _expect_whole(
        correction.remote,
        f"`{clean(correction.path, 120)}` with the corrected April (commit {correction.commit[:8]})",
        f"run `git checkout {correction.commit[:8]} -- {source}`, `dvc push`, and `git checkout HEAD -- {source}`",
    )


def _expect_whole(stored: Stored | None, what: str, next_step: str) -> None:
    stored = stored or Stored()
    anew = "`dvc push` does not look at an object again while its listing is there: rename the folder of the remote, "
    expect(
        not stored.damaged,
        found=f"the remote has {what}, but {_names(stored.damaged)} with other bytes than its MD5 sum says",
        expected="objects whose bytes give their own name",
        next_step=f"{anew}push what is tracked now, then the corrected version: {next_step}",
    )
    expect(
        stored.present and not stored.missing,
        found=f"the remote lacks {_names(stored.missing)} of {what}",
        expected="every object of that version",
        next_step=f"{anew}then {next_step}" if stored.present else next_step,
    )


def _names(paths: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{clean(path, 80)}`" for path in paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown


@check(points=2, needs=(months_are_tracked, correction_is_in_history))
def april_is_back(lab: View, tracked: tuple[Git, Dvc], correction: Version) -> None:
    """At the end both months are back, byte for byte as you got them: as plain files in `data/raw`, and as what the
    last commit tracks.
    """
    _, dvc = tracked
    sums = dvc.sums()
    for month in MONTHS:
        original = lab.fixtures.get(month, "")
        output = dvc.covering(month)
        _expect_tracked(month, output, sums.get(original), correction)
        record = lab.files.get(month, "run `dvc config cache.type copy`, then `dvc checkout --relink`")
        expect(
            record.sha256 == original,
            found=f"`{month}` has other bytes than the file you started with, though the last commit tracks those",
            expected="the workspace as the last commit says",
            next_step="run `dvc checkout`; with `--force` if you want to lose what lies there now",
        )


def _expect_tracked(month: str, output: Output | None, original: str | None, correction: Version) -> None:
    now = output.md5_of(month) if output else None
    broken = month == APRIL and now == correction.md5_of(APRIL)
    expect(
        original is not None and now == original,
        found=f"the last commit tracks {'the corrected' if broken else 'another'} version of `{month}`",
        expected="the version that you got",
        next_step="find its commit with `git log -- '*.dvc'`, then `git checkout COMMIT -- FILE.dvc`, `dvc checkout` "
        "and `git commit`",
    )

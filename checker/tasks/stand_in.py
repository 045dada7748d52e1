"""Stands in for the command `infra` where a controller of a rollout is called again: one deployment, in one file.

    python stand_in.py STATE JOURNAL WORDS...

It knows the words that turn traffic, answers as `infra` does, and writes the same lines into the journal. There are no
processes behind it: the releases are named in the state, and their answers lie in a log that somebody else writes.
This file is copied to where it runs, so it imports nothing of ours; and it is started so often that it imports little.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

ALL = 100
USAGE, TROUBLE = 2, 3
MOST_CALLS = 40
LONGEST_CALL = 200
OPTIONS = {"deployments": ("format", "profile"), "route": ("shadow", "profile")}
WITHOUT_USE = ("deploy", "logs", "status", "up", "down", "env")


def main(place: str, journal: str, words: list[str]) -> int:
    """Do what the words say; return the exit status."""
    with open(place, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is much to import
        state: dict[str, Any] = json.load(file)
    status = TROUBLE
    try:
        status = _do(state, journal, words)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        told = {"words": " ".join(words)[:LONGEST_CALL], "status": status}
        state["calls"] = [*state["calls"], told][:MOST_CALLS]
        with open(f"{place}.new", "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(state, file)
        os.replace(f"{place}.new", place)  # noqa: PTH105
    return status


def _do(state: dict[str, Any], journal: str, words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in WITHOUT_USE:
        _trouble(f"`infra {command}` does nothing here", "deployments, route, rollback")
    if command not in ("deployments", "route", "rollback", "undeploy"):
        _usage(f"No such command {command!r}.")
    names, options = _read(rest, OPTIONS.get(command, ("profile",)))
    if command == "deployments":
        form = options.get("format", "text")
        if names or form not in ("text", "json"):
            _usage("[--format text|json] is all that `deployments` takes.")
        print(_json(state) if form == "json" else _text(state))
        return 0
    if not names or (command != "route" and len(names) > 1):
        _usage("one NAME is expected.")
    name, *shares = names
    if name != state["name"] or not state["releases"]:
        _trouble(f"no deployment `{name}`", f"one of {state['name']}")
    before = {"weights": state["weights"], "shadow": state["shadow"]}
    if command == "route":
        after = parsed(state, shares, options.get("shadow"))
        state["earlier"] = [before, *state["earlier"]]
    elif command == "undeploy":
        after = {"weights": {}, "shadow": None}
        state["releases"], state["earlier"] = [], []
    else:
        if not state["earlier"]:
            _trouble(f"`{name}` has had no other traffic than it has now", "a change that can be taken back")
        after, *state["earlier"] = state["earlier"]
    state |= after
    # The clock stands still during a call of the controller; each change is a millisecond later than the one before.
    moment = f"{state['clock'][:20]}{len(state['calls']) % 1000:03}+00:00"
    line = {"at": moment, "event": command, "release": None, **after, "before": before}
    with open(journal, "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(line) + "\n")
    print(_text(state))
    return 0


def _read(words: list[str], known: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Return the names and the options; an option has one value, after a space or `=`."""
    names: list[str] = []
    options: dict[str, str] = {}
    left = iter(words)
    for word in left:
        option, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("-"):
            names.append(word)
        elif not word.startswith("--") or option not in known:
            _usage(f"No such option: {word}")
        else:
            options[option] = value if equals else next(left, "")
    return names, options


def parsed(state: dict[str, Any], shares: list[str], shadow: str | None = None) -> dict[str, Any]:
    """Return the traffic that RELEASE=WEIGHT words and an option ask for."""
    weights: dict[str, int] = {}
    if not shares:
        _usage("Missing argument 'RELEASE=WEIGHT...'.")
    for share in shares:
        release, _, weight = share.partition("=")
        if not (release.isdecimal() and weight.isdecimal()) or str(int(release)) in weights:
            _usage(f"{share!r} is not RELEASE=WEIGHT with a release named once.")
        weights[str(int(release))] = int(weight)
    if sum(weights.values()) != ALL:
        _usage(f"the weights add up to {sum(weights.values())}, not to {ALL}.")
    if shadow is not None and not shadow.isdecimal():
        _usage(f"{shadow!r} is not a valid integer.")
    copied = None if shadow is None else int(shadow)
    if copied is not None and weights.get(str(copied)):
        _usage(f"release {copied} has a share of the traffic already.")
    known = {str(each["release"]) for each in state["releases"]}
    for release in (*weights, *([] if copied is None else [str(copied)])):
        if release not in known:
            _trouble(f"no release {release} of `{state['name']}`", "one of " + ", ".join(sorted(known)))
    return {"weights": {release: share for release, share in weights.items() if share}, "shadow": copied}


def _json(state: dict[str, Any]) -> str:
    releases = [
        each
        | {
            "state": "running" if _serves(state, each["release"]) else "stopped",
            "weight": state["weights"].get(str(each["release"]), 0),
            "shadow": state["shadow"] == each["release"],
        }
        for each in state["releases"]
    ]
    told = {"name": state["name"], "address": state["address"], "releases": releases}
    return json.dumps([told] if releases else [], indent=2)


def _text(state: dict[str, Any]) -> str:
    lines = [f"{state['name']}  {state['address']}"]
    for each in state["releases"]:
        number = each["release"]
        share = "shadow" if state["shadow"] == number else f"{state['weights'].get(str(number), 0):>3}%"
        running = "running" if _serves(state, number) else "stopped"
        lines.append(f"  release {number:<3} {share:>6}  {running:<8} {each['app']}, {each['model']}")
    return "\n".join(lines)


def _serves(state: dict[str, Any], release: int) -> bool:
    return str(release) in state["weights"] or state["shadow"] == release


def _usage(why: str) -> NoReturn:
    print(f"Error: {why}", file=sys.stderr)
    raise SystemExit(USAGE)


def _trouble(found: str, expected: str) -> NoReturn:
    print(f"{found}\n  expected: {expected}\n  next: infra deployments", file=sys.stderr)
    raise SystemExit(TROUBLE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

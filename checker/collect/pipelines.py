"""Collect a DVC pipeline from `dvc.yaml`, `dvc.lock` and the bytes that they speak of, without importing DVC.

What DVC 3.67 accepts is understood, but for `foreach`, `matrix` and templates of whole mappings, which are refused in
words. Nothing is run.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from checker.collect.dvc import MD5, ignored_by_dvc, md5_now
from checker.collect.reading import Unreadable, read_plain
from checker.evidence.foreign import LARGEST, ForeignText, mapping, parse_json, parse_yaml, sequence
from checker.evidence.pipelines import Link, Param, Pipeline, Stage, feeds, overlap
from checker.text import clean

DEFINITION, LOCK, PARAMS = "dvc.yaml", "dvc.lock", "params.yaml"
READ_HERE = (".yaml", ".yml", ".json")
"""The kinds of parameter files that are read; DVC also takes TOML and Python."""
MOST_STAGES = 50
MOST_LINKS = 200
LONGEST_PATH = 500
LONGEST_PART = 200
TOOLS = (".git", ".dvc", ".checker")
LONGEST_COMMAND = 10_000
DEEPEST = 20
TEMPLATE = re.compile(r"(?<!\\)\$\{(.*?)\}")
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
Load = Callable[[str], Any]
"""Path of a parameter file -> what it holds; raises ForeignText."""


def collect_pipeline(root: Path) -> Pipeline:
    """Read the pipeline in `root`. Whatever foreign bytes lead to is a problem of the pipeline and no exception."""
    try:
        text = _text(root, DEFINITION)
    except FileNotFoundError:
        return Pipeline()
    except ForeignText as error:
        return Pipeline(present=True, problem=f"`{DEFINITION}` {error}")
    try:
        read = read_pipeline(text, lambda path: load_params(root, path))
        if read.problem:
            return read
        lock, problem = _lock(root)
        ignored, known = ignored_by_dvc(root), dict[str, str | None]()

        def now(path: str) -> str | None:
            if path not in known:
                known[path] = md5_now(root / path, root, ignored)
            return known[path]

        stages = tuple(_compared(stage, mapping(lock.get(stage.name)), now) for stage in read.stages)
        return read.model_copy(update={"stages": stages, "lock_problem": problem})
    except Exception as error:
        return Pipeline(present=True, problem=clean(f"`{DEFINITION}` cannot be read: {type(error).__name__}: {error}"))


def _text(root: Path, path: str) -> str:
    try:
        return read_plain(root / path, root, LARGEST).decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except (Unreadable, UnicodeDecodeError, OSError, ValueError) as error:
        said = str(error) if isinstance(error, Unreadable) else "cannot be read as UTF-8 text"
        raise ForeignText(said, "a plain text") from None


def load_params(root: Path, path: str) -> Any:
    """Return what a parameter file below `root` holds; raises ForeignText."""
    try:
        return parse_params(path, _text(root, path))
    except FileNotFoundError:
        raise ForeignText(f"`{clean(path, 120)}` is not there", "a file with parameters") from None


def parse_params(path: str, text: str) -> Any:
    """Return what the text of a parameter file holds; raises ForeignText."""
    if not path.endswith(".json"):
        return parse_yaml(text)
    content = parse_json(text)
    _expect_shallow(content, path)
    return content


def _expect_shallow(value: Any, path: str, depth: int = 0) -> None:
    if depth > 2 * DEEPEST:
        raise ForeignText(f"`{clean(path, 120)}` is nested too deeply", "parameters")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _expect_shallow(each, path, depth + 1)


def read_pipeline(text: str, load: Load) -> Pipeline:
    """Return what the text of a `dvc.yaml` declares, templates filled in, with what `load` says of parameters."""
    try:
        return _declared(text, load)
    except ForeignText as error:
        return Pipeline(present=True, problem=f"`{DEFINITION}`: {error}")


def _declared(text: str, load: Load) -> Pipeline:
    data = parse_yaml(text)
    if not isinstance(data, dict) or not isinstance(data.get("stages"), dict):
        raise ForeignText("it has no `stages`", "a mapping with `stages`")
    if len(data["stages"]) > MOST_STAGES:
        raise ForeignText(f"{len(data['stages'])} stages", f"at most {MOST_STAGES}")
    load = _remembering(load)
    context: dict[str, Any] = {}
    with suppress(ForeignText):  # no template needs it, or that template says so
        context = mapping(load(PARAMS))
    context = _context(context, data.get("vars"), load)
    read = {str(name): _stage(str(name), stage, context, load) for name, stage in data["stages"].items()}
    stages = _in_order(list(read.values()))
    return Pipeline(
        present=True,
        stages=tuple(stages),
        metrics=tuple(each for each in sequence(data.get("metrics")) if isinstance(each, str)),
        plots=tuple(dict.fromkeys(_plots(data.get("plots")))),
    )


def _remembering(load: Load) -> Load:
    known: dict[str, Any] = {}

    def remembered(path: str) -> Any:
        if path not in known:
            try:
                known[path] = load(path)
            except ForeignText as error:
                known[path] = error
        if isinstance(known[path], ForeignText):
            raise known[path]
        return known[path]

    return remembered


def _plots(declared: Any) -> Iterator[str]:
    """Yield the files that the top-level plots are drawn from."""
    for each in sequence(declared):
        for name, settings in [(each, None)] if isinstance(each, str) else mapping(each).items():
            sources = [*mapping(mapping(settings).get("y")), *mapping(mapping(settings).get("x"))]
            yield from (posixpath.normpath(path) for path in (sources or [name]) if isinstance(path, str))


def _context(context: dict[str, Any], declared: Any, load: Load) -> dict[str, Any]:
    """Return the context with `vars` in it: mappings, files, or some keys of files."""
    for each in sequence(declared):
        if isinstance(each, dict):
            context = _merged(context, mapping(each))
        elif isinstance(each, str):
            path, _, keys = each.partition(":")
            loaded = mapping(load(_relative(path, ".", "a file of `vars`")))
            wanted = [key.strip() for key in keys.split(",") if key.strip()]
            context = _merged(context, {key: loaded.get(key) for key in wanted} if wanted else loaded)
    return context


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], mapping(value)) if both else value
    return merged


def _stage(name: str, data: Any, context: dict[str, Any], load: Load) -> Stage:
    if not NAME.fullmatch(name):
        raise ForeignText(f"the stage name `{clean(name, 60)}` has characters that DVC does not take", "letters")
    if not isinstance(data, dict):
        raise ForeignText(f"stage `{name}` is no mapping", "a mapping with `cmd`, `deps` and `outs`")
    for word in ("foreach", "do", "matrix"):
        if word in data:
            raise ForeignText(
                f"stage `{name}` uses `{word}`, which this course does not read; write its stages out", "plain stages"
            )
    if "vars" in data:
        context = _context(context, data["vars"], load)

    def filled(value: Any) -> str:
        if not isinstance(value, str):
            raise ForeignText(f"stage `{name}` has {clean(repr(value), 60)} where a text belongs", "a text")
        return _filled(value, name, context)

    cmd = data.get("cmd")
    commands = tuple(filled(each).strip() for each in (cmd if isinstance(cmd, list) else [cmd]) if each is not None)
    if not commands or not all(commands):
        raise ForeignText(f"stage `{name}` has no `cmd`", "a command")
    if sum(map(len, commands)) > LONGEST_COMMAND:
        raise ForeignText(f"stage `{name}` has a command of more than {LONGEST_COMMAND} characters", "a short one")
    wdir = _relative(filled(data.get("wdir") or "."), ".", f"the `wdir` of stage `{name}`")
    deps = [
        Link(path=_relative(filled(each), wdir, f"a dependency of stage `{name}`"), kind="dependency")
        for each in _listed(data, "deps", name)
    ]
    outs = [
        _out(each, kind, wdir, name, filled)
        for field, kind in (("outs", "output"), ("metrics", "metric"), ("plots", "plot"))
        for each in _listed(data, field, name)
    ]
    params = list(_params(_listed(data, "params", name), wdir, name, filled, load))
    return Stage(
        name=name,
        commands=commands,
        wdir=wdir,
        deps=tuple({link.path: link for link in deps}.values()),
        outs=tuple({link.path: link for link in outs}.values()),
        params=tuple({(each.file, each.key): each for each in params}.values()),
        frozen=data.get("frozen") is True,
        always_changed=data.get("always_changed") is True,
    )


def _listed(data: dict[Any, Any], field: str, name: str) -> list[Any]:
    value = data.get(field)
    if value is not None and not isinstance(value, list):
        raise ForeignText(f"`{field}` of stage `{name}` is no list", "a list")
    if len(value or []) > MOST_LINKS:
        raise ForeignText(f"stage `{name}` has more than {MOST_LINKS} `{field}`", "fewer")
    return value or []


def _out(each: Any, kind: Any, wdir: str, name: str, filled: Callable[[Any], str]) -> Link:
    settings: Any = None
    if isinstance(each, dict):
        if len(each) != 1:
            raise ForeignText(f"an output of stage `{name}` is a mapping of {len(each)} paths", "one path")
        each, settings = next(iter(each.items()))
    path = _relative(filled(each), wdir, f"an output of stage `{name}`")
    if path in (".", wdir):
        raise ForeignText(f"an output of stage `{name}` is the whole folder", "a path inside it")
    # A plot may have a list of settings.
    settings = settings[0] if isinstance(settings, list) and settings else settings
    return Link(path=path, kind=kind, cached=mapping(settings).get("cache") is not False)


def _params(declared: list[Any], wdir: str, name: str, filled: Callable[[Any], str], load: Load) -> Iterator[Param]:
    for each in declared:
        files = {PARAMS: [each]} if isinstance(each, str) else each
        if not isinstance(files, dict):
            raise ForeignText(f"a parameter of stage `{name}` is {clean(repr(each), 60)}", "its name")
        for file, keys in files.items():
            path = _relative(filled(file), wdir, f"a parameter file of stage `{name}`")
            if not path.endswith(READ_HERE):
                raise ForeignText(
                    f"stage `{name}` has parameters in `{clean(path, 80)}`", "YAML or JSON: `params.yaml`"
                )
            content = None
            with suppress(ForeignText):
                content = load(path)
            for key in [""] if not keys else keys if isinstance(keys, list) else [keys]:
                present, value = select(content, filled(key) if key else "")
                yield Param(file=path, key=filled(key) if key else "", present=present, value=plain(value))


def select(content: Any, key: str) -> tuple[bool, Any]:
    """Return whether a parameter with this dotted name is there, and its value; an empty name is everything."""
    if not key:
        return content is not None, content
    if isinstance(content, dict) and key in content:
        return True, content[key]
    value = content
    for part in re.split(r"[.\[\]]+", key.strip("[]")):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and len(part) < 9 and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value of a YAML as JSON has it; dates become texts."""
    if depth > DEEPEST:
        return clean(value, 100)
    if isinstance(value, dict):
        return {clean(key, 200): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, str):
        return value if _encodable(value) else clean(value, LONGEST_COMMAND)
    if value is None or isinstance(value, (bool, float)):
        return value
    # JSON's readers stop at numbers of thousands of digits.
    return value if isinstance(value, int) and abs(value) < 1 << 63 else clean(value, 100)


def _filled(text: str, stage: str, context: dict[str, Any]) -> str:
    def one(match: re.Match[str]) -> str:
        present, value = select(context, match[1].strip())
        if not present:
            raise ForeignText(f"`{clean(match[0], 80)}` in stage `{stage}` names no parameter", "a name in params.yaml")
        if isinstance(value, (dict, list)):
            raise ForeignText(
                f"`{clean(match[0], 80)}` in stage `{stage}` is no single value; name its parts one by one", "a value"
            )
        if isinstance(value, str) and EXPONENT.fullmatch(value):
            # A number to the YAML 1.2 that DVC reads, and a text to the YAML 1.1 that is read here.
            value = float(value)
        return str(value).lower() if isinstance(value, bool) else str(value)

    if len(text) > LONGEST_COMMAND or not _encodable(text):
        raise ForeignText(f"stage `{stage}` has a text of {len(text)} characters, or with broken ones", "a short text")
    return TEMPLATE.sub(one, text).replace("\\${", "${")


def _relative(path: str, folder: str, what: str) -> str:
    """Return a path in the workspace."""
    found = posixpath.normpath(posixpath.join(folder, path))
    parts = found.split("/")
    bad = not path or parts[0] in ("", "..", *TOOLS) or "\\" in found or "\0" in found or "://" in path
    if bad or len(found) > LONGEST_PATH or len(parts) > DEEPEST or not _encodable(found) or _too_long(parts):
        raise ForeignText(f"{what} is `{clean(path, 80)}`, which is no path inside the workspace", "a relative path")
    return found


def _too_long(parts: list[str]) -> bool:
    return max(len(part.encode("utf-8")) for part in parts) > LONGEST_PART


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _in_order(stages: list[Stage]) -> list[Stage]:
    """Return the stages so that each comes after those that it needs."""
    for number, one in enumerate(stages):
        for other in stages[number + 1 :]:
            shared = [a.path for a in one.outs for b in other.outs if overlap(a.path, b.path)]
            if shared:
                raise ForeignText(
                    f"the stages `{one.name}` and `{other.name}` both make `{clean(shared[0], 80)}`", "one maker each"
                )
    by_name = {stage.name: stage for stage in stages}
    needs = {one.name: {other.name for other in stages if feeds(other, one)} for one in stages}
    try:
        return [by_name[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        raise ForeignText(f"the stages {', '.join(error.args[1][:5])} need each other in a circle", "none") from None


def _lock(root: Path) -> tuple[dict[str, Any], str | None]:
    """Return what the lock file says of each stage, or why it cannot be read."""
    try:
        data = parse_yaml(_text(root, LOCK))
    except FileNotFoundError:
        return {}, f"no file `{LOCK}`"
    except ForeignText as error:
        return {}, f"`{LOCK}`: {error}"
    stages = mapping(mapping(data).get("stages"))
    return stages, None if stages else f"`{LOCK}` has no stages"


def _compared(stage: Stage, entry: dict[str, Any], now: Callable[[str], str | None]) -> Stage:
    """Return a stage with what the lock file and the bytes say of it."""
    cmd = entry.get("cmd")
    recorded = [each.strip() for each in (cmd if isinstance(cmd, list) else [cmd]) if isinstance(each, str)]
    known: dict[str, dict[str, str]] = {}
    for field in ("deps", "outs"):
        known[field] = {}
        for each in map(mapping, sequence(entry.get(field))[: 2 * MOST_LINKS]):
            path, md5 = each.get("path"), each.get("md5")
            if isinstance(path, str) and isinstance(md5, str) and MD5.fullmatch(md5):
                known[field][posixpath.normpath(posixpath.join(stage.wdir, path))[: 2 * LONGEST_PATH]] = md5

    def compared(links: tuple[Link, ...], field: str) -> tuple[Link, ...]:
        return tuple(
            link.model_copy(update={"locked": known[field].get(link.path), "md5": now(link.path)}) for link in links
        )

    values = {
        (posixpath.normpath(posixpath.join(stage.wdir, file)), key): value
        for file, each in mapping(entry.get("params")).items()
        for key, value in mapping(each).items()
    }
    whole = {(file, ""): mapping(each) for file, each in mapping(entry.get("params")).items()}

    def remembered(param: Param) -> Param:
        place = (param.file, param.key)
        source = whole if not param.key else values
        return param.model_copy(update={"is_recorded": place in source, "recorded": plain(source.get(place))})

    files = {param.file for param in stage.params if not param.key}
    named = {(param.file, param.key) for param in stage.params}
    unknown = [path for field, links in (("deps", stage.deps), ("outs", stage.outs)) for path in known[field]
               if path not in {link.path for link in links}]  # fmt: skip
    unknown += [key for file, key in values if (file, key) not in named and file not in files]
    return stage.model_copy(
        update={
            "deps": compared(stage.deps, "deps"),
            "outs": compared(stage.outs, "outs"),
            "params": tuple(map(remembered, stage.params)),
            "locked": bool(entry),
            "recorded": tuple(recorded),
            "unknown": tuple(clean(each, 120) for each in unknown[:MOST_LINKS]),
        }
    )


def dumped(path: str, content: Any) -> bytes:
    """Return a parameter file with this content, as the format of its name has it."""
    import yaml

    if path.endswith(".json"):
        return json.dumps(content, default=str).encode()
    return bytes(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, encoding="utf-8"))

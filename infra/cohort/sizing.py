"""What a cohort costs in cores, memory and disk: measured.json, a few assumptions that can be changed, arithmetic.

python -m infra.cohort.sizing                        the page for 30, 300 and 3,000 learners
python -m infra.cohort.sizing --write                the same into SIZING.md
python -m infra.cohort.sizing --learners 120 --at-once 0.9 --node-cores 8 --node-memory 32
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PAGE = HERE / "SIZING.md"
SIZES = (30, 300, 3000)
MIB, GIB = 2**20, 2**30
QUARTER = GIB // 4


def assume(value: float, meaning: str, least: float, most: float) -> Any:
    """An assumption with its meaning and its bounds."""
    return field(default=value, metadata={"meaning": meaning, "least": least, "most": most})


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured: how people learn, and which machines you rent."""

    at_once: float = assume(0.6, "share of the learners whose servers run at the same time", 0.01, 1)
    tries: int = assume(4, "times that a learner runs a lab's whole solution before it is done", 1, 100)
    checks: int = assume(10, "times that they ask `checker grade` on the way", 0, 1000)
    minutes: int = assume(75, "minutes that a lab takes a learner", 10, 600)
    rush: float = assume(2.0, "how much busier the busiest quarter of an hour is than the average", 1, 10)
    spare: float = assume(0.25, "memory above the measured peak, as a share of it", 0, 2)
    guarantee: float = assume(0.25, "cores promised to each server, as in values.yaml", 0.05, 4)
    kept: float = assume(2.0, "workspaces kept for each one in use: `checker start --reset` deletes nothing", 1, 20)
    versions: int = assume(3, "times that a learner hands in the same lab", 1, 100)
    tonight: float = assume(1.0, "submissions of a learner that are graded in a night", 0, 30)
    workers: int = assume(14, "workers that grade, one core each", 1, 10000)
    node_cores: int = assume(16, "cores of a node", 2, 512)
    node_memory: int = assume(64, "GiB of memory of a node", 4, 8192)
    node_pods: int = assume(100, "learners' pods that a node takes at most", 1, 500)
    system: float = assume(0.08, "share of a node that Kubernetes and the system keep for themselves", 0, 0.5)

    def __post_init__(self) -> None:
        for each in fields(self):
            value, bounds = getattr(self, each.name), each.metadata
            if not bounds["least"] <= value <= bounds["most"]:
                raise ValueError(f"{each.name} must be between {bounds['least']} and {bounds['most']}, not {value}")


@dataclass(frozen=True)
class Lab:
    """One lab as it was measured: bytes, and seconds of CPU."""

    memory: int
    cpu: float
    grade_cpu: float
    submission: int
    disk: int


@dataclass(frozen=True)
class Measured:
    """What was measured on a real run; `grade` is the CPU of one submission in a warm worker."""

    rest: int
    starting: float
    labs: dict[str, Lab]
    home: int
    grade: float
    row: int
    worker: int
    coordinator: int
    image: int
    noted: dict[str, str]

    @property
    def heaviest(self) -> int:
        """The most memory that any lab took."""
        return max(lab.memory for lab in self.labs.values())

    @property
    def usual(self) -> int:
        """The memory of the lab in the middle."""
        return int(statistics.median(lab.memory for lab in self.labs.values()))


def measured(path: Path = MEASURED) -> Measured:
    """Read what `infra.cohort.measure` wrote."""
    told = json.loads(path.read_text(encoding="utf-8"))
    names = [each.name for each in fields(Lab)]
    labs = {
        name: Lab(**{key: lab[key] for key in names}) for name, lab in told["labs"].items() if isinstance(lab, dict)
    }
    grading = told["grading"]
    return Measured(
        rest=told["rest"]["memory"],
        starting=told["rest"]["starting_cpu"],
        labs=labs,
        home=told["home"]["disk"],
        grade=grading["cpu"] / len(grading["labs"]),
        row=grading["row"],
        worker=grading["worker_memory"],
        coordinator=grading["coordinator_memory"],
        image=told["image"]["environment"] + told["image"]["course"] + told["image"]["base"],
        noted={name: f"{part['at']}, load {part['load']}" for name, part in told.items()},
    )


def quarters(amount: float) -> int:
    """Bytes, rounded up to whole quarters of a GiB, as people write them into manifests."""
    return math.ceil(amount / QUARTER) * QUARTER


@dataclass(frozen=True)
class Size:
    """What one cohort costs. Memory and disk in bytes, times in seconds."""

    learners: int
    servers: int
    server_memory: int
    server_cpu: float
    cores: float
    memory: int
    home: int
    homes: int
    submitted: int
    results: int
    image: int
    nodes: int
    bound_by: str
    grading_cores: int
    grading_memory: int
    night: float
    everything: float

    @property
    def disk(self) -> int:
        """All that is stored: homes, what was handed in, results, and the image on each node."""
        return self.homes + self.submitted + self.results + self.image * (self.nodes + 1)


HUB_CORES, HUB_MEMORY = 1.0, 3 * GIB
"""Hub, proxy and the scheduler of learners' pods, as values.yaml asks."""


def size(told: Measured, assumed: Assumptions, learners: int) -> Size:
    """Compute a cohort's size."""
    servers = math.ceil(learners * assumed.at_once)
    seconds = assumed.minutes * 60
    each = [assumed.tries * lab.cpu + assumed.checks * lab.grade_cpu for lab in told.labs.values()]
    cpu = (told.starting + statistics.mean(each)) / seconds * assumed.rush
    server_memory = quarters(told.usual * (1 + assumed.spare))
    cores = servers * max(cpu, assumed.guarantee) + HUB_CORES
    memory = servers * server_memory + HUB_MEMORY
    usable = 1 - assumed.system
    needs = {
        "cores": math.ceil(cores / (assumed.node_cores * usable)),
        "memory": math.ceil(memory / (assumed.node_memory * GIB * usable)),
        "pods": math.ceil(servers / assumed.node_pods),
    }
    bound_by = max(needs, key=lambda name: needs[name])
    home = told.home + math.ceil(sum(lab.disk for lab in told.labs.values()) * assumed.kept)
    handed_in = sum(lab.submission for lab in told.labs.values())
    graded = learners * len(told.labs)
    return Size(
        learners=learners,
        servers=servers,
        server_memory=server_memory,
        server_cpu=cpu,
        cores=cores,
        memory=memory,
        home=home,
        homes=learners * home,
        # Once where it is handed in, once where it is graded.
        submitted=2 * learners * handed_in,
        results=graded * assumed.versions * told.row,
        image=told.image,
        nodes=needs[bound_by],
        bound_by=bound_by,
        grading_cores=assumed.workers + 1,
        grading_memory=assumed.workers * worker_memory(told, assumed) + quarters(told.coordinator) + GIB // 2,
        night=learners * assumed.tonight * told.grade / assumed.workers,
        everything=graded * told.grade / assumed.workers,
    )


def worker_memory(told: Measured, assumed: Assumptions) -> int:
    """What a grading worker is given."""
    return quarters(told.worker * (1 + assumed.spare))


def page(told: Measured, assumed: Assumptions, sizes: Iterable[int] = SIZES) -> str:
    """Everything in words and tables."""
    found = [size(told, assumed, each) for each in sizes]
    return "\n\n".join(
        [
            "# What a cohort costs",
            "Computed by `python -m infra.cohort.sizing` from what `infra.cohort.measure` measured on one machine. "
            "Change an assumption and compute again: `python -m infra.cohort.sizing --help`.",
            _result(found, assumed),
            "A server is promised "
            f"{gib(found[0].server_memory)} GiB of memory and {assumed.guarantee:g} of a core; on average it uses "
            f"{found[0].server_cpu:.2f} of a core in the busiest quarter of an hour. Nodes have "
            f"{assumed.node_cores} cores and {assumed.node_memory} GiB, and one "
            "more is for grading; it may be there at night only. Let learners' nodes come and go by themselves.",
            "## What was assumed\n\n" + _assumptions(assumed),
            "## What was measured\n\n" + _measured(told),
            _limits(told, assumed),
        ]
    ) + "\n"  # fmt: skip


def _table(rows: list[list[str]]) -> str:
    first, *rest = rows
    lines = [first, ["---"] + ["---:"] * (len(first) - 1), *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _result(found: list[Size], assumed: Assumptions) -> str:
    def row(name: str, texts: Iterable[str]) -> list[str]:
        return [name, *texts]

    rows = [
        row("learners", (f"{each.learners:,}" for each in found)),
        row("servers at the same time", (f"{each.servers:,}" for each in found)),
        row("**cores** for them and the hub", (f"**{each.cores:,.0f}**" for each in found)),
        row("**memory**", (f"**{gib(each.memory)} GiB**" for each in found)),
        row("**nodes** (and what decides)", (f"**{each.nodes:,}** ({each.bound_by})" for each in found)),
        row("**disk** in use", (f"**{gib(each.disk)} GiB**" for each in found)),
        row("of it homes", (f"{gib(each.homes)} GiB" for each in found)),
        row("submissions, twice", (f"{gib(each.submitted)} GiB" for each in found)),
        row("results.db", (f"{gib(each.results)} GiB" for each in found)),
        row("image, on each node", (f"{gib(each.image)} GiB" for each in found)),
        row("grading: cores", (f"{each.grading_cores:,}" for each in found)),
        row("grading: memory", (f"{gib(each.grading_memory)} GiB" for each in found)),
        row(f"a night's grading, {assumed.workers} workers", (duration(each.night) for each in found)),
        row("the whole course again", (duration(each.everything) for each in found)),
    ]
    return _table(rows)


def _assumptions(assumed: Assumptions) -> str:
    rows = [["option", "value", "what it is"]]
    for each in fields(assumed):
        option = f"`--{each.name.replace('_', '-')}`"
        rows.append([option, f"{getattr(assumed, each.name):g}", each.metadata["meaning"]])
    return _table(rows)


def _measured(told: Measured) -> str:
    rows = [["lab, as its solution does it", "peak memory", "CPU", "`checker grade`", "submission", "workspace"]]
    for name, lab in sorted(told.labs.items()):
        rows.append(
            [
                name,
                f"{lab.memory / MIB:,.0f} MiB",
                f"{lab.cpu:.0f} s",
                f"{lab.grade_cpu:.0f} s",
                f"{lab.submission / 1024:,.0f} KiB",
                f"{lab.disk / MIB:,.0f} MiB",
            ]
        )
    lines = [
        f"A server at rest, MLflow and JupyterLab: {told.rest / MIB:,.0f} MiB; its start: {told.starting:.0f} s of "
        "CPU. Peaks are of everything in the pod together: platform, JupyterLab, kernel and what the lab starts.",
        f"The platform's home after all labs: {told.home / MIB:,.0f} MiB.",
        f"Grading on a warm Dask worker: {told.grade:.1f} s of CPU for a submission, the jail included; the worker's "
        f"peak {told.worker / MIB:,.0f} MiB, the coordinator's {told.coordinator / MIB:,.0f} MiB; "
        f"{told.row / 1024:.0f} KiB of results.db for a submission.",
        f"The image: {gib(told.image)} GiB unpacked, estimated from the files that go into it.",
        "Taken at " + "; ".join(f"{name}: {noted}" for name, noted in sorted(told.noted.items())) + ". Memory is "
        "PSS, disk is blocks; on a loaded machine CPU is 10 to 40 % too high.",
    ]
    return _table(rows) + "\n\n" + "\n\n".join(lines)


def _limits(told: Measured, assumed: Assumptions) -> str:
    return (
        "## What this does not say\n\n"
        "- A GPU is not shared: as many as there shall be servers with one at the same time, and a node for each few.\n"
        "- One hub and its SQLite serve some hundreds of servers; above that give it PostgreSQL (`hub.db`), and above "
        "two thousand at a time two hubs. That is others' experience, and was not measured here.\n"
        f"- The limit of a server must hold the heaviest lab, {told.heaviest / MIB:,.0f} MiB; where many work on that "
        f"one on the same day, promise {gib(quarters(told.heaviest * (1 + assumed.spare)))} GiB instead.\n"
        "- A home is provisioned with `home_gib` of cluster.json, whatever is in use.\n"
        "- Only the days in the table were measured, and graded in a cohort the first of them; the others come on top."
    )


def gib(amount: float) -> str:
    """Bytes as GiB."""
    number = amount / GIB
    return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}" if number >= 10 else f"{number:,.2f}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 5400 else f"{math.ceil(seconds / 60):,} min"


def main(words: list[str] | None = None) -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m infra.cohort.sizing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--learners", type=int, action="append", help="a size; again for more of them")
    parser.add_argument("--write", action="store_true", help="write SIZING.md")
    for each in fields(Assumptions):
        kind = int if isinstance(each.default, int) else float
        option = f"--{each.name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=each.default, help=f"{each.metadata['meaning']} [%(default)s]")
    told = vars(parser.parse_args(words))
    sizes, write = told.pop("learners") or SIZES, told.pop("write")
    try:
        text = page(measured(), Assumptions(**told), sizes)
    except ValueError as error:
        parser.error(str(error))
    if write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()

"""What a learner's closed loop did when the grader called it: month by month, from its registry and its folder."""

from __future__ import annotations

from checker.evidence.base import Record

PROMOTE, REFUSE, KEEP, WAIT = "promote", "refuse", "keep", "wait"


class Registered(Record):
    """A version of the registered model, with its tags; `made` says that it was not there before the call."""

    version: str
    tags: dict[str, str] = {}
    made: bool = False


class LoopRun(Record):
    """One call of the loop, the one with number `step` (from 0) of its chain, for the month `month`.

    `said` is the text of its `decisions/MONTH.json`, None where there is none. `before` and `champion` are the versions
    that the alias named before and after the call, empty for none. `versions` are all that are there after it, `models`
    counts the logged models that it added, and `pipelines` names the runs of kfp that it added to `runs/`. `deployed`
    has for each call of the deployment what the alias named at that moment. `problem` completes `it ...`.
    """

    loop: str
    chain: str
    step: int
    month: str
    sha256: str = ""
    status: int | None = None
    printed: str = ""
    said: str | None = None
    before: str = ""
    champion: str = ""
    versions: tuple[Registered, ...] = ()
    models: int = 0
    pipelines: tuple[str, ...] = ()
    deployed: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def made(self) -> tuple[Registered, ...]:
        """The versions that were registered by this call."""
        return tuple(each for each in self.versions if each.made)

    @property
    def trained(self) -> bool:
        """Whether anything was trained that left a trace."""
        return bool(self.made or self.models or self.pipelines)

    def version(self, number: str) -> Registered | None:
        """Return the version with that number, or None."""
        return next((each for each in self.versions if each.version == number), None)


class LoopModel(Record):
    """How two champions rank the kept rows of a month: the one before a call, and the one that the call made champion.

    Average precision, measured by the grader; `problem` completes `its model ...` where the new one gave no scores.
    """

    loop: str
    chain: str
    step: int
    before: float = 0.0
    after: float = 0.0
    frauds: int = 0
    problem: str | None = None

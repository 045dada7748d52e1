"""What the cluster was made from, and how far that went: a record that each step looks at anew and never believes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from typing import Literal

from infra.files import write_private
from infra.kind.layout import OVERLAYS, PAGES, KindLayout

Stage = Literal["creating", "created"]


@dataclass(frozen=True)
class State:
    """The cluster that was begun. Its node image and ports are what they were when it was made."""

    stage: Stage
    profile: str
    overlay: str
    engine: str
    node_image: str
    ports: dict[str, int]
    applied: str = ""
    course_image: str = ""
    # Whether it should run: what was begun is gone on with, until `infra down`.
    up: bool = True

    def changed(self, **changes: str | bool) -> State:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def address(self, page: str) -> str:
        """Where something in the cluster is reached from the host."""
        return f"http://127.0.0.1:{self.ports[page]}"

    def save(self, layout: KindLayout) -> None:
        """Write it at once."""
        write_private(layout.state_file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, layout: KindLayout) -> State | None:
        """The stored state; None if there is none or it cannot be read."""
        try:
            state = cls(**json.loads(layout.state_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return state if _sound(state) else None


def _sound(state: State) -> bool:
    texts = (state.engine, state.node_image, state.applied, state.course_image)
    return (
        state.stage in ("creating", "created")
        and isinstance(state.profile, str)
        and state.overlay in OVERLAYS.get(state.profile, ())
        and all(isinstance(text, str) for text in texts)
        and isinstance(state.up, bool)
        and isinstance(state.ports, dict)
        and set(state.ports) == set(PAGES)
        and all(type(port) is int and 0 < port < 65536 for port in state.ports.values())
    )

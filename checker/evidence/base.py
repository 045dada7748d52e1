"""What every evidence record is: typed, immutable, and the same after a journey through JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A fact that a collector read once. `problem` fields say what was wrong with it, in words for a learner."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, ser_json_inf_nan="constants")

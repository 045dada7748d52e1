"""Where the platform runs, and what can be done there: some checks can only be made on a cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

Profile = Literal["local", "kind", "kind-gpu"]
OVERLAY = r"^[a-z0-9-]{0,20}$"
Overlay = Annotated[str, Field(pattern=OVERLAY)]
PROFILES: tuple[Profile, ...] = get_args(Profile)
PROFILE_VARIABLE, OVERLAY_VARIABLE = "MLOPS_LABS_PROFILE", "MLOPS_LABS_OVERLAY"
"""What `infra up` tells in the platform's environment."""


def covers(running: Profile, wanted: Profile) -> bool:
    """Whether what needs the profile `wanted` can be done where `running` runs: a cluster with a GPU is a cluster."""
    return PROFILES.index(running) >= PROFILES.index(wanted)


def running(environment: Mapping[str, str]) -> tuple[Profile, str]:
    """Return the profile and the overlay that an environment names; a name that nobody knows counts as `local`."""
    named, overlay = environment.get(PROFILE_VARIABLE, ""), environment.get(OVERLAY_VARIABLE, "")
    found = next((each for each in PROFILES if each == named), PROFILES[0])
    return found, overlay if found != "local" and re.fullmatch(OVERLAY, overlay) else ""


def command(profile: Profile, overlay: str = "") -> str:
    """Return the command that starts the platform so that what needs this can be done."""
    return f"infra up --profile {profile}" + (f" --overlay {overlay}" if overlay else "")

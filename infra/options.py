"""What the commands of `infra` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from infra.profile import Profile


def active() -> str:
    """The profile that runs, so that only `up` has to be told of another one than `local`."""
    from infra import profile

    return profile.active()


def profile_option(command: Any) -> Any:
    """`--profile`, the same for each command."""
    return click.option(
        "--profile",
        "profile_name",
        type=click.Choice(["local", "kind", "kind-gpu"]),
        default=active,
        show_default="the one that runs, or else local",
        help="Where the platform runs.",
    )(command)


def load(name: str) -> Profile:
    """The profile, with its libraries."""
    from infra import profile

    return profile.load(name)

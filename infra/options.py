"""What the commands of `infra` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from infra.profile import Profile


def profile_option(command: Any) -> Any:
    """`--profile`, the same for each command."""
    return click.option(
        "--profile",
        "profile_name",
        type=click.Choice(["local"]),
        default="local",
        show_default=True,
        help="Where the platform runs.",
    )(command)


def load(name: str) -> Profile:
    """The profile, with its libraries."""
    from infra import profile

    return profile.load(name)

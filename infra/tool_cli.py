"""The command `infra tool`."""

from __future__ import annotations

import click

from checker.environments import TOOLS


@click.command()
@click.argument("name", type=click.Choice(sorted(TOOLS)))
def tool(name: str) -> None:
    """Make the environment of a tool that cannot live in the main one, and put the tool on the path.

    What is there already is not made again.
    """
    from infra.progress import TerminalProgress
    from infra.tools import make

    with TerminalProgress() as progress:
        program = make(name, progress)
    click.echo(str(program))

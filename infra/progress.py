"""Tell what `infra` is doing: a spinner on a terminal, plain lines in a pipe."""

from __future__ import annotations

from types import TracebackType

import click


class TerminalProgress:
    """Progress on standard error, so that standard output holds results only."""

    def __init__(self) -> None:
        self._status: object = None
        self._waited_for = ""

    def note(self, text: str) -> None:
        """Print one line, above the spinner if there is one."""
        from rich.status import Status

        if isinstance(self._status, Status):
            self._status.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def waiting(self, text: str) -> None:
        """Show what is waited for; the same text again costs nothing."""
        if text == self._waited_for:
            return
        self._waited_for = text
        from rich.console import Console
        from rich.status import Status

        if isinstance(self._status, Status):
            self._status.update(text)
            return
        console = Console(stderr=True)
        if console.is_terminal and not console.is_dumb_terminal:
            self._status = console.status(text)
            self._status.start()
        else:
            click.echo(f"{text} ...", err=True)

    def __enter__(self) -> TerminalProgress:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the spinner away."""
        from rich.status import Status

        if isinstance(self._status, Status):
            self._status.stop()

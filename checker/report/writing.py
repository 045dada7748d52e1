"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from checker.errors import CheckerError


@contextlib.contextmanager
def whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes the place of `path` at the end, and only if nothing went wrong.

    Raises:
        CheckerError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise CheckerError(
            f"{path} cannot be written: {error.strerror}",
            expected="a folder that you can write, with some free space",
            next_step="name another place",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)

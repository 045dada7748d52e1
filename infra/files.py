"""Files of the platform's home."""

from __future__ import annotations

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file at once; nobody but its owner may read it."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)

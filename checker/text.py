"""Text that came from somewhere else, made safe to show."""

from __future__ import annotations

import unicodedata

LONGEST = 400


def clean(text: object, limit: int = LONGEST) -> str:
    """Return `text` on one line, without control or direction-changing characters, at most `limit` characters.

    Newlines and tabs become spaces; every other control, format or surrogate character is shown as
    its escape, so that a terminal, a log line or a page shows it and does not obey it.
    """
    shown = []
    raw = str(text)
    for character in raw[: limit + 1]:
        if character in "\n\r\t":
            shown.append(" ")
        elif unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            shown.append(f"\\u{ord(character):04x}")
        else:
            shown.append(character)
    line = "".join(shown)
    return line if len(raw) <= limit else line[: limit - 1] + "…"


def plural(count: int, noun: str, many: str = "") -> str:
    """Return `1 run`, `3 runs`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"

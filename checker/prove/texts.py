"""Texts that two runs wrote, compared as people would compare them."""

from __future__ import annotations

import math
import re

NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


def alike(one: str, other: str) -> bool:
    """Return whether two texts are the same but for line ends and the last digits of numbers."""
    ours, theirs = NUMBER.split("\n".join(one.splitlines())), NUMBER.split("\n".join(other.splitlines()))
    if len(ours) != len(theirs) or ours[::2] != theirs[::2]:
        return False
    pairs = zip(ours[1::2], theirs[1::2], strict=True)
    return all(a == b or math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9) for a, b in pairs)

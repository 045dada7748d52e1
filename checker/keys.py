"""The grader's key: from it come a learner's world and the held-out sets. It never enters a workspace."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from checker import platform
from checker.errors import Unavailable

KEY_BYTES = 32


def grader_key() -> bytes:
    """Return this machine's key, made at the first call and readable by its owner only.

    Raises:
        Unavailable: the platform's home cannot be written, or the key in it is damaged.
    """
    path = platform.home() / "grader.key"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the grader's key {path} cannot be read or made: {error.strerror}",
            expected="a folder that you can write",
            next_step=f"mend its permissions, or set {platform.HOME_VARIABLE} to another folder",
        ) from error
    if len(key) != KEY_BYTES:
        raise Unavailable(
            f"the grader's key {path} has {len(key)} bytes",
            expected=f"{KEY_BYTES} bytes",
            next_step="move that file away; workspaces that were started with it must be started again",
        )
    return key


def _create(path: Path, key: bytes) -> None:
    """Write the key once, whole, even when two processes ask at the same time: the first link wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def derive(key: bytes, *names: str) -> bytes:
    """Return 32 bytes that belong to `names` and say nothing about `key`."""
    return hmac.new(key, "\0".join(names).encode(), hashlib.sha256).digest()


def world_seed(key: bytes, learner: str) -> int:
    """Return the seed of a learner's world: the same for all days, different for each learner."""
    return int.from_bytes(derive(key, "world", learner)[:6], "big")

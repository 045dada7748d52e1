"""Keys: from one come learners' worlds and the held-out sets. It never enters a workspace, an archive or a page."""

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
    """Return this machine's key; raises as `kept_key`."""
    return kept_key(platform.home() / "grader.key")


def kept_key(path: Path) -> bytes:
    """Return the key in `path`, made at the first call and readable by its owner only.

    Raises:
        Unavailable: its folder cannot be written, or the key in it is damaged.
    """
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(path, secrets.token_bytes(KEY_BYTES))
        except OSError as error:
            raise _unusable(path, f"cannot be made: {error.strerror}") from error
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Return the key in `path`.

    Raises:
        Unavailable: it is not there, or is damaged.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise _unusable(path, f"has {len(key)} bytes and not {KEY_BYTES}")
    return key


def _unusable(path: Path, why: str) -> Unavailable:
    return Unavailable(
        f"the key {path} {why}",
        expected="a key as the checker made it, in a folder that you can write",
        next_step="put a backup in its place, or move it away; what was started with it must be started again",
    )


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

"""Day 3 done by hand: git's objects through dulwich, DVC's files and objects by their documented layout.

https://dvc.org/doc/user-guide/project-structure/internal-files tells where DVC keeps what.
"""

import hashlib
import json
import os
import time
from pathlib import Path

from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit
from dulwich.repo import Repo

MARCH, APRIL = "data/raw/2025-03.csv", "data/raw/2025-04.csv"
CORRECTED = "incoming/2025-04-corrected.csv"
AUTHOR = "A Learner <learner@example.invalid>"


class Bench:
    """A workspace of day 3 in which one thing is done after the other, and committed at once."""

    def __init__(self, root: Path, author: str = AUTHOR) -> None:
        self.root, self._author = root, author.encode("utf-8", "surrogateescape")
        self.committed: dict[str, bytes] = {}
        self.remote = "dvc-remote"
        self._repo = Repo.init(str(root))
        self._parents: list[bytes] = []
        self.head = b"refs/heads/main"
        self._repo.refs.set_symbolic_ref(b"HEAD", self.head)
        (root / ".dvc").mkdir()
        self._write(".dvc/.gitignore", b"/config.local\n/tmp\n/cache\n")
        self._write(".dvc/config", b"")

    def _write(self, path: str, content: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def commit(self, message: str = "work", *, also: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> bytes:
        """Commit DVC's text files as they are, and the files `also`; return the commit's name."""
        texts = [path for path in (".dvc/config", ".dvc/.gitignore") if (self.root / path).exists()]
        found = sorted(self.root.glob("data/**/*.dvc")) + sorted(self.root.glob("data/**/.gitignore"))
        texts += [path.relative_to(self.root).as_posix() for path in found]
        store, entries = self._repo.object_store, []
        for path in sorted({*texts, *also} - set(without)):
            blob = Blob.from_string((self.root / path).read_bytes())
            store.add_object(blob)
            entries.append((path.encode(), blob.id, 0o100644))
        made = Commit()
        made.tree = commit_tree(store, entries)
        made.parents = self._parents[-1:]
        made.author = made.committer = self._author
        made.author_time = made.commit_time = int(time.time())
        made.author_timezone = made.commit_timezone = 0
        made.message = message.encode("utf-8", "surrogateescape")
        store.add_object(made)
        self._repo.refs[self.head] = made.id
        self._parents.append(made.id)
        return made.id

    def back_to(self, number: int) -> None:
        """Let the branch end at an earlier commit, as `git reset` does."""
        self._parents = self._parents[:number]
        self._repo.refs[self.head] = self._parents[-1]

    def branch(self, name: str) -> None:
        """Begin another branch here."""
        self.head = f"refs/heads/{name}".encode()
        self._repo.refs[self.head] = self._parents[-1]
        self._repo.refs.set_symbolic_ref(b"HEAD", self.head)

    def name_remote(self, folder: str = "dvc-remote", *, name: str = "storage") -> None:
        """Name the default remote."""
        self.remote = folder
        url = os.path.relpath(self.root / folder, self.root / ".dvc")
        self._write(".dvc/config", f"[core]\n    remote = {name}\n['remote \"{name}\"']\n    url = {url}\n".encode())

    def add(self, *, push: bool = True, single: bool = False, cache: bool = True) -> None:
        """Track both months as they are now: in their folder, or file by file."""
        sums = {path: self._keep(path, push=push, cache=cache) for path in (MARCH, APRIL)}
        if single:
            for path, md5 in sums.items():
                self._pointer(f"{path}.dvc", path.rsplit("/", 1)[1], md5, (self.root / path).stat().st_size)
            self._write("data/raw/.gitignore", b"/2025-03.csv\n/2025-04.csv\n")
            return
        listing = [{"md5": md5, "relpath": path.rsplit("/", 1)[1]} for path, md5 in sorted(sums.items())]
        content = json.dumps(listing, sort_keys=True).encode()
        md5 = hashlib.md5(content).hexdigest() + ".dir"
        for store in self._stores(push=push, cache=cache):
            target = store / md5[:2] / md5[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self._pointer("data/raw.dvc", "raw", md5, sum((self.root / path).stat().st_size for path in sums))
        self._write("data/.gitignore", b"/raw\n")

    def _pointer(self, path: str, name: str, md5: str, size: int) -> None:
        self._write(path, f"outs:\n- md5: {md5}\n  size: {size}\n  hash: md5\n  path: {name}\n".encode())

    def point(self, path: str, name: str, content: bytes) -> None:
        """Type a pointer to `content` by hand."""
        self._pointer(path, name, hashlib.md5(content).hexdigest(), len(content))

    def _keep(self, path: str, *, push: bool, cache: bool) -> str:
        source = self.root / path
        md5 = hashlib.md5(source.read_bytes()).hexdigest()
        for store in self._stores(push=push, cache=cache):
            target = store / md5[:2] / md5[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.hardlink_to(source)
        return md5

    def _stores(self, *, push: bool, cache: bool) -> list[Path]:
        stores = [self.root / ".dvc" / "cache"] if cache else []
        stores += [self.root / self.remote] if push else []
        return [store / "files" / "md5" for store in stores]

    def object(self, path: str) -> Path:
        """Where the remote holds what `path` has now."""
        md5 = hashlib.md5((self.root / path).read_bytes()).hexdigest()
        return self.root / self.remote / "files" / "md5" / md5[:2] / md5[2:]

    def take_in(self, path: str = CORRECTED) -> None:
        """Put the bytes of `path` in April's place; what was there stays in the stores that link to it."""
        content = (self.root / path).read_bytes()
        (self.root / APRIL).unlink()
        (self.root / APRIL).write_bytes(content)

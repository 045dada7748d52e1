"""Beside a finished day lie pointers that it does not need: one is broken, one follows a file on a web server."""

from pathlib import Path

AFTER = "solution"

Path("notes").mkdir()
Path("notes/draft.dvc").write_text("<<<<<<< HEAD\nouts:\n- md5: [\n")
Path("notes/rates.csv.dvc").write_text("outs:\n- etag: '\"5f3a\"'\n  path: https://rates.example.invalid/rates.csv\n")

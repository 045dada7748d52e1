#!/bin/sh
# Make the project's virtual environment from requirements.lock: every file is checked against its hash, and
# bytecode is compiled once, since the course's libraries cost many seconds to import without it.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
for python in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$python" -c "$supported" 2>/dev/null; then break; fi
    python=
done
if [ -z "$python" ]; then
    say "setup: no Python 3.11, 3.12 or 3.13 was found"
    say "  next: install one, or name it: make setup PYTHON=/path/to/python3.12"
    exit 3
fi

if ! .venv/bin/python -c "$supported" 2>/dev/null; then
    rm -rf .venv
    say "setup: making .venv with $("$python" --version)"
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        say "setup: this Python cannot make virtual environments"
        say "  next: on Debian or Ubuntu, run: sudo apt-get install python3-venv"
        exit 3
    fi
fi

# uv installs and compiles in parallel, and trusts whom the system trusts, as pip does; its own lines of the lock file are what pip verifies it by.
wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
if [ -z "$wanted" ]; then
    say "setup: requirements.lock names no uv"
    say "  next: restore it: git checkout requirements.lock"
    exit 3
fi
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$wanted" ]; then
    say "setup: installing uv $wanted"
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock > .venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
fi
say "setup: installing about 300 locked packages; the first time takes minutes and 1.5 GB"
.venv/bin/uv pip install --quiet --system-certs --python .venv/bin/python --compile-bytecode --require-hashes -r requirements.lock
.venv/bin/uv pip install --quiet --system-certs --python .venv/bin/python --no-build-isolation --no-deps -e .
say "setup: ready"

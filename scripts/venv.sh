#!/usr/bin/env bash
# Makes the Python environment that writes the golden fixtures and judges the interop tests.
# Quick when nothing changed; prints the path of its python as the last line.
# TENON_VENV moves it away from .venv; PYTHON picks the interpreter (3.11 or newer).
# The usual pip settings apply: point pip at an index with CPU builds of torch to save some gigabytes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/test/requirements.txt
venv=${TENON_VENV:-$root/.venv}
python=${PYTHON:-python3}
stamp=$venv/.tenon-requirements

digest() { "$python" -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$1"; }
stamped() { cat "$stamp" 2>/dev/null || true; }

wanted=$(digest "$requirements")
if [ ! -x "$venv/bin/python" ] || [ "$(stamped)" != "$wanted" ]; then
  # Two callers may arrive at once: the first installs, the second waits and finds the stamp.
  if command -v flock >/dev/null; then
    exec 9<"$requirements"
    flock 9
  fi
  if [ "$(stamped)" != "$wanted" ]; then
    echo "making $venv from test/requirements.txt (a few minutes the first time)" >&2
    "$python" -m venv --clear "$venv" >&2
    # DeepSpeed comes as source: its setup.py is told to compile no kernels and not to look for a GPU.
    DS_BUILD_OPS=0 DS_ACCELERATOR=cpu "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    echo "$wanted" >"$stamp"
  fi
fi
echo "$venv/bin/python"

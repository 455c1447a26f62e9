#!/usr/bin/env bash
# Builds what each image installs, each in a virtual environment of its own, and says what is in it.
# Takes minutes and about 3 GB; CI runs the quick checks (tests/deploy), a release this one too.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # NAME EXTRA
    "${PYTHON:-python3}" -m venv "$work/$1"
    "$work/$1/bin/pip" install -q ".$2"
    "$work/$1/bin/python" deploy/check_image.py "$1"
}
build orchestrator ''
build worker-cpu '[cpu]'
build worker-gpu '[gpu]'

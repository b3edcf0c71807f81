#!/bin/sh
# ./sandboxed.sh python3 program.py
# Runs it in a fresh directory: no network but the vault, no sight of the vault or of other homes.
set -eu
work=$(mktemp -d "${WORK:-/tmp}/sandboxed.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
TMPDIR=$work aivault run --sandbox --allow openai/models --ttl 1h -- "$@"

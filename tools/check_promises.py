#!/usr/bin/env python3
"""Checks that every test SECURITY.md names exists. Exit status 1 if one does not."""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
NAMED = re.compile(r"`(?P<file>[\w./-]+_test\.(?:cc|py)|tests/[\w./-]+)`(?:[ :]+`(?P<test>\w+(?:\.\w+)?)`)?")


def problems():
    text = (ROOT / "SECURITY.md").read_text().split("## Promises and what proves them")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "|--"))]
    for row in rows:
        found = list(NAMED.finditer(row))
        if not found:
            yield f"no test: {row[:90]}"
        for match in found:
            path = ROOT / match["file"]
            if not path.exists():
                yield f"no such file: {match['file']}"
            elif match["test"]:
                name = match["test"].split(".")
                words = path.read_text()
                shape = rf"def {name[-1]}\b" if path.suffix == ".py" else rf"\(\s*{name[0]}\s*,\s*{name[-1]}\s*\)"
                if not re.search(shape, words):
                    yield f"{match['file']} has no test {match['test']}"
    if not rows:
        yield "SECURITY.md has no table of promises"


found = list(problems())
print("\n".join(found) or "check_promises: every promise names a test that exists")
sys.exit(1 if found else 0)

#!/usr/bin/env python3
"""Compares the paths of our provider files with those that a vendor's own npm package knows.

  tools/registry_compare/compare.py [PROVIDER...]            what is found, in full
  tools/registry_compare/compare.py --write docs/registry-comparison.md

Fetches the packages named in vendors.json (npm pack, nothing of them is run) into a cache, so it needs the
network and is no part of the tests. A path of ours counts as known when the package has a path that the
pattern can match, or one below it."""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UNEXPLAINED = "not in the package; no explanation yet (notes.json)"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "aivault-registry-compare"


def fetch(package):
    """The unpacked directory of one version of an npm package."""
    place = CACHE / re.sub(r"[^a-z0-9.-]+", "_", package)
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            subprocess.run(["npm", "pack", "--silent", package], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
            archive = next(pathlib.Path(scratch).glob("*.tgz"))
            with tarfile.open(archive) as tar:
                tar.extractall(pathlib.Path(scratch) / "out", filter="data")
            next((pathlib.Path(scratch) / "out").iterdir()).rename(place)
    return place


def segments(template):
    """'/a/${b}/c?x' -> ['a', None, 'c']: None stands for anything."""
    path = re.sub(r"\$\{[^}]*\}|\{[^}]*\}|<[^>]*>", "\0", template)
    path = path.split("?")[0].split("#")[0]
    out = []
    for segment in path.strip("/").split("/"):
        if segment.startswith(":") or segment == "\0":
            out.append(None)
        elif "\0" in segment:
            out.append(re.compile("".join(".*" if c == "\0" else re.escape(c) for c in segment)))
        else:
            out.append(segment)
    return out


def vendor_paths(vendor):
    root = fetch(vendor["package"])
    found = set()
    for source in [vendor, *vendor.get("more", [])]:
        for path in sorted(root.glob(source["files"])):
            text = path.read_text(errors="replace")
            if vendor.get("openapi"):
                found.update(source["prefix"] + name for name in json.loads(text)["paths"])
                continue
            for expression in source.get("paths", vendor["paths"]):
                for match in re.finditer(expression, text):
                    found.add(source["prefix"] + match.group(match.lastindex).strip("`'\""))
    return sorted(found)


def fits(ours, theirs):
    """Can these two segments be the same? Ours may be '{x}', '{x}.json', 'text*' or a literal."""
    if ours is None or theirs is None:
        return True
    if isinstance(theirs, re.Pattern):
        return isinstance(ours, re.Pattern) or bool(theirs.fullmatch(ours.rstrip("*")))
    if isinstance(ours, re.Pattern):
        return bool(ours.fullmatch(theirs))
    if ours.endswith("*") and len(ours) > 1:
        return theirs.startswith(ours[:-1])
    return ours == theirs


def matches(pattern, theirs):
    exact = pattern.endswith("$")
    ours = segments(pattern.rstrip("$"))
    if len(theirs) < len(ours) or (exact and len(theirs) != len(ours)):
        return False
    return all(map(fits, ours, theirs))


def compare(vendor):
    file = ROOT / "registry" / f"{vendor['provider']}.json"
    if not file.exists():
        return None
    definition = json.loads(file.read_text())
    theirs = [(path, segments(path)) for path in vendor_paths(vendor)]
    patterns, unknown, covered = set(), [], set()
    for capability in definition["capabilities"]:
        for rule in capability["allow"]:
            for pattern in rule["paths"]:
                patterns.add(pattern)
                hits = {path for path, parts in theirs if matches(pattern, parts)}
                covered |= hits
                if not hits:
                    unknown.append(f"{capability['id']} {pattern}")
    return {"vendor": vendor, "patterns": len(patterns), "unknown": sorted(set(unknown)), "theirs": len(theirs),
            "covered": len(covered), "missing": [path for path, _ in theirs if path not in covered]}


def table(results, notes):
    lines = ["# Our paths and the vendors'", "",
             f"Made by `tools/registry_compare/compare.py --write` on {datetime.date.today()}. Each package is the vendor's own,",
             "from npm; nothing of it is run. *Known* are the path patterns of our file that the package knows too; *covered* is how",
             "many of the package's paths our capabilities reach (we leave key, member and billing management out on purpose).", "",
             "| provider | package | our patterns | known | the package's paths | covered |", "|---|---|---|---|---|---|"]
    for result in results:
        known = result["patterns"] - len({entry.split(" ", 1)[1] for entry in result["unknown"]})
        lines.append(f"| {result['vendor']['provider']} | `{result['vendor']['package']}` | {result['patterns']} | {known} | "
                     f"{result['theirs']} | {result['covered']} |")
    lines += ["", "## Patterns that the package does not know", ""]
    for result in results:
        for entry in result["unknown"]:
            dated = "/20*" in entry
            why = notes.get(entry) or ("a dated version of the area; the package has the older one" if dated else UNEXPLAINED)
            lines.append(f"- `{entry}`: {why}")
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("providers", nargs="*")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE")
    options = parser.parse_args()
    vendors = json.loads((HERE / "vendors.json").read_text())["vendors"]
    notes_file = HERE / "notes.json"
    notes = json.loads(notes_file.read_text()) if notes_file.exists() else {}
    if options.providers:
        vendors = [vendor for vendor in vendors if vendor["provider"] in options.providers]
    results = []
    for vendor in vendors:
        result = compare(vendor)
        if result is None:
            print(f"{vendor['provider']}: no provider file", file=sys.stderr)
            continue
        if not result["theirs"]:
            sys.exit(f"{vendor['provider']}: no path found in {vendor['package']}; its layout has changed")
        results.append(result)
        print(f"{vendor['provider']}: {result['patterns']} patterns, {len(result['unknown'])} unknown; "
              f"{result['covered']} of {result['theirs']} covered")
        if options.providers:
            for entry in result["unknown"]:
                print(f"  unknown {entry}")
            for path in result["missing"]:
                print(f"  not covered {path}")
    if options.write:
        page = table(results, notes)
        options.write.write_text(page)
        if UNEXPLAINED in page:
            sys.exit(f"{page.count(UNEXPLAINED)} patterns without an explanation")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Checks that every case of docs/conformance.md names the tests that prove it, or says why there is none yet.

A test says what it proves by a comment `Case 141.` (`Cases 92, 93, 95-98.`) above it, above the table of its
inputs, or inside it. `--update` writes the table from these comments. Exit status 1 if something does not fit.
"""

import pathlib
import re
import sys

arguments = [word for word in sys.argv[1:] if word != "--update"]
ROOT = pathlib.Path(arguments[0] if arguments else ".")
TABLE = ROOT / "docs/conformance.md"
CASES = range(1, 229)
ROW = re.compile(r"\| (\d+) \| (.+?) \| (.*) \|$")
COMMENT = re.compile(r"^\s*(?://|#) Cases? (\d+(?:-\d+)?(?:(?:,| and) \d+(?:-\d+)?)*)\.")
CXX_TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)")
PY_TEST = re.compile(r"^( +)def (test_\w+)\(")
NOT_YET = re.compile(r"not yet: \S.*")


def numbers(text):
    for part in re.split(r", | and ", text):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def tests_of(path):
    """Pairs of case and name of the test that says it proves it."""
    if path.parts[-2] == "proofs" or path.suffix not in (".cc", ".py"):
        return
    test, waiting, depth = None, [], 0
    for line in path.read_text().splitlines():
        if path.suffix == ".cc":
            begin = CXX_TEST.match(line)
            if begin:
                test = f"{begin[1]}.{begin[2]}"
            elif line == "}":
                test = None
        else:
            begin = PY_TEST.match(line)
            if begin:
                test, depth = begin[2], len(begin[1])
            elif line.strip() and not line.startswith(" " * (depth + 1)):
                test = None
        if begin:
            yield from ((case, test) for case in waiting)
            waiting = []
            if path.suffix == ".cc" and line.endswith("}"):  # All of it in one line.
                test = None
        if comment := COMMENT.match(line):
            if test:
                yield from ((case, test) for case in numbers(comment[1]))
            else:
                waiting += numbers(comment[1])
    if waiting:
        raise SystemExit(f"{path}: no test follows the comment on case {waiting[0]}")


def proofs():
    found = {case: [] for case in CASES}
    files = [*ROOT.glob("src/**/*_test.cc"), *ROOT.glob("tests/*/*_test.py"), *ROOT.glob("tests/*/*_test.cc")]
    for path in sorted(files):
        for case, test in tests_of(path):
            name = f"`{path.relative_to(ROOT)}` `{test}`"
            if case not in found:
                raise SystemExit(f"{path}: there is no case {case}")
            if name not in found[case]:
                found[case].append(name)
    return found


def main():
    found, seen, problems, lines = proofs(), [], [], []
    for line in TABLE.read_text().splitlines():
        row = ROW.match(line)
        if row:
            case, statement, told = int(row[1]), row[2], row[3]
            seen.append(case)
            proved = "; ".join(found.get(case, []))
            if not proved and not NOT_YET.fullmatch(told):
                problems.append(f"case {case}: no test has a comment with its number, and no reason is given")
            elif proved and proved != told and "--update" not in sys.argv:
                problems.append(f"case {case}: the tests say {proved}")
            line = f"| {case} | {statement} | {proved or told} |"
        lines.append(line)
    if seen != list(CASES):
        problems.append(f"the table must list the cases {CASES[0]} to {CASES[-1]} in order, once each")
    if "--update" in sys.argv:
        TABLE.write_text("\n".join(lines) + "\n")
    elif problems:
        problems.append("tools/check_conformance.py --update writes the table from the comments")
    print("\n".join(problems) or f"check_conformance: {sum(map(bool, found.values()))} of {len(CASES)} cases have a test")
    return 1 if problems else 0


sys.exit(main())

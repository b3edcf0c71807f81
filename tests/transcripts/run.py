#!/usr/bin/env python3
"""Replays a transcript against the real programs and compares every line.

A transcript holds commands ("$ aivault ..."), what they print, and "[exit N]" where N is not 0.
"< text" lines right after a command are its standard input; what goes to stderr is shown as
"! line". NAME=VALUE before the program is its environment; <secret> is the id last printed, <old>
the directory of a format 1 vault; "$ cp A B" copies a file, "$ spoil A" changes one byte of it, "$ put A" writes what
follows as "< text" into it.
Values that change are written as <uuid>, <hex64>, <ms>, <pid>, <port> and <dir>.
With --update the file is rewritten with what the programs print now; read the diff."""

import argparse
import difflib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

CHANGING = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hex64>"),
    (re.compile(r"\b1[6-9]\d{11}\b"), "<ms>"),
    (re.compile(r'("(?:user|exe|daemonPath)": )"[^"]*"'), r'\1"<it>"'),
    (re.compile(r'("bytes": )\d+'), r"\1<bytes>"),
    (re.compile(r"localhost:\d+"), "localhost:<port>"),
    (re.compile(r"(\bpid\b\D{1,4})\d+"), r"\g<1><pid>"),
    (re.compile(r"\b[a-z2-7]{26}\b"), "<request>"),
    (re.compile(r"\b\d+\.\d+\.\d+\b(?! *\()(?=[\"),\n]|$| \(dev)"), "<version>"),
]


class Session:
    def __init__(self, binaries):
        from lib import vault as module
        module.CLI, module.DAEMON = binaries / "aivault", binaries / "aivaultd"
        self.vault = module.Vault()
        self.secret = ""

    def old(self):
        from lib.old_vault import OldVault
        root = self.vault.base / "old"
        if not root.exists():
            vault = OldVault(root)
            vault.with_file()
            vault.add("OLD_ACME", "acme-0123456789abcdef")
            vault.add("TAKEN", "acme-0123456789abcdef")
        return root

    def change_file(self, action, path, target=None):
        path = self.vault.base / path
        if action == "cp":
            shutil.copyfile(path, self.vault.base / target)
        else:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        return []

    def normal(self, text):
        text = text.replace(str(self.vault.base), "<dir>")
        text = re.sub(r"uid\": \d+|uid \d+", lambda m: m.group(0).split(" ")[0] + " <uid>", text)
        for pattern, name in CHANGING:
            text = pattern.sub(name, text)
        return text

    def run(self, line, stdin):
        if "<old>" in line:
            line = line.replace("<old>", str(self.old()))
        words = shlex.split(line.replace("<secret>", self.secret))
        environment = {}
        while re.match(r"[A-Z_]+=", words[0]):
            name, value = words.pop(0).split("=", 1)
            environment[name] = value
        if words[0] == "put":
            (self.vault.base / words[1]).write_text(stdin + "\n")
            return []
        if words[0] in ("cp", "spoil"):
            return self.change_file(*words)
        outcome = self.vault.run(*words[1:], stdin=stdin, env=environment)
        found = re.search(r'"secretId": "([^"]+)"', outcome.text)
        if found:
            self.secret = found.group(1)
        lines = [self.normal(row).rstrip() for row in outcome.text.splitlines()]
        lines += [f"! {self.normal(row)}".rstrip() for row in outcome.errors.splitlines()]
        if outcome.code:
            lines.append(f"[exit {outcome.code}]")
        return lines


def blocks(lines):
    """(command or None, stdin lines, expected lines); None for what stands before the first command."""
    command, stdin, expected = None, [], []
    for line in lines:
        if line.startswith("$ "):
            yield command, stdin, expected
            command, stdin, expected = line, [], []
        elif line.startswith("< ") and not expected:
            stdin.append(line[2:])
        else:
            expected.append(line)
    yield command, stdin, expected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("file")
    options = parser.parse_args()
    path = pathlib.Path(options.file)
    lines = path.read_text().splitlines()
    session = Session(pathlib.Path(options.bin).resolve())
    actual = []
    try:
        for command, stdin, expected in blocks(lines):
            if command is None:
                actual += expected
                continue
            actual += [command, *(f"< {row}" for row in stdin)]
            actual += session.run(command[2:], "\n".join(stdin))
            # Comments and empty lines behind a command belong to the file.
            tail = []
            while expected and (not expected[-1] or expected[-1].startswith("# ")):
                tail.insert(0, expected.pop())
            while actual and not actual[-1]:
                actual.pop()
            actual += tail
    finally:
        session.vault.close()
    if options.update:
        path.write_text("\n".join(actual) + "\n")
        return 0
    difference = list(difflib.unified_diff(lines, actual, "expected", "printed", lineterm=""))
    print("\n".join(difference) or f"{path.name}: as written")
    return 1 if difference else 0


sys.exit(main())

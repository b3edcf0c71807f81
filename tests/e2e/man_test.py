"""The man pages name every command, alias and option that the programs' own help names."""

import pathlib
import re
import subprocess
import sys

from lib import vault as programs
from lib.scenario import Scenario, main

PAGES = pathlib.Path(__file__).resolve().parents[2] / "man"
FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][A-Za-z-]*")
VARIABLE = re.compile(r"\bAIVAULTD?_[A-Z_]+\b")


def help_of(program, *words):
    done = subprocess.run([str(program), *words, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def rows(text, heading):
    """(name, description) of each row of a section of a help text."""
    section = re.search(rf"^{heading}:\n((?:  .*\n)+)", text, re.MULTILINE)
    return re.findall(r"^  (\S+)  +(.*)$", section.group(1), re.MULTILINE) if section else []


def aliases(description):
    also = re.search(r"\(also: (.*)\)", description)
    return also.group(1).split(", ") if also else []


def written(page):
    """What a reader sees of a page, on one line."""
    text = (PAGES / page).read_text().replace("\\-", "-")
    text = re.sub(r"\\f[A-Z]", "", text)
    text = re.sub(r"^\.[A-Z]+ ?", "", text, flags=re.MULTILINE).replace('"', "")
    return " ".join(text.split())


class ManPages(Scenario):
    def assert_named(self, names, page, where):
        text = written(page)
        missing = sorted(name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))
        self.assertEqual([], missing, f"{page} lacks what {where} names")

    def test_aivault(self):
        top = help_of(programs.CLI)
        commands = rows(top, "Commands")
        self.assertGreater(len(commands), 8)
        self.assert_named(FLAG.findall(top), "aivault.1", "aivault --help")
        for word, description in commands:
            if word == "help":
                continue
            self.assert_named([word, *aliases(description)], "aivault.1", "aivault --help")
            text = help_of(programs.CLI, word)
            self.assert_named(FLAG.findall(text), "aivault.1", f"aivault {word} --help")
            for last, summary in rows(text, "Subcommands"):
                inner = help_of(programs.CLI, word, last)
                where = f"aivault {word} {last} --help"
                self.assert_named([f"{word} {last}", *aliases(summary)], "aivault.1", where)
                self.assert_named(FLAG.findall(inner), "aivault.1", where)

    def test_aivaultd(self):
        text = help_of(programs.DAEMON)
        self.assertIn("--socket", FLAG.findall(text))
        self.assert_named(FLAG.findall(text), "aivaultd.8", "aivaultd --help")
        self.assert_named(VARIABLE.findall(text), "aivaultd.8", "aivaultd --help")

    def test_variables(self):
        listed = set(VARIABLE.findall((PAGES.parent / "docs/files.md").read_text()))
        listed = {name for name in listed if not name.startswith("AIVAULT_DEV_")}
        for name in ("AIVAULT_TOKEN", "AIVAULTD_SHARED_SOCKET", "AIVAULTD_READY_FD", "AIVAULT_DIR"):
            self.assertIn(name, listed)
        both = written("aivault.1") + written("aivaultd.8")
        self.assertEqual([], sorted(name for name in listed if name not in both))

    def test_the_pages_format(self):
        for page in ("aivault.1", "aivaultd.8"):
            try:
                done = subprocess.run(["man", "--warnings", "-l", str(PAGES / page)], capture_output=True,
                                      env={"PATH": "/usr/bin:/bin", "MANPAGER": "cat", "LANG": "C.UTF-8"})
            except FileNotFoundError:
                self.skipTest("man is not installed")
            self.assertEqual((0, b""), (done.returncode, done.stderr), page)


if __name__ == "__main__":
    sys.exit(main())

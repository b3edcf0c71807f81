"""What other processes hold: their memory and their environment, read as root or as their own user may."""

import os
import pathlib
import re


def found_in_memory(pid, needles):
    """The names of the needles that the memory of a process holds."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
            begin, end = int(span[1], 16), int(span[2], 16)
            if "r" not in span[3] or end - begin > 1 << 32:
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            found.update(name for name, needle in needles.items() if needle in data)
    return found


def found_in_environment(pid, needles):
    variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    return {name for name, needle in needles.items() if needle in variables}


def children_of(pid):
    """The processes that it started, and theirs."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(name)] = int(pathlib.Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
    found, asked = [], [pid]
    while asked:
        parent = asked.pop()
        mine = [child for child, its in parents.items() if its == parent]
        found += mine
        asked += mine
    return found

"""What other processes hold: their memory and their environment, read as root or as their own user may."""

import ctypes
import os
import pathlib
import re


PAGE = os.sysconf("SC_PAGESIZE")


def kernel_has_secret_memory():
    """Whether memfd_secret(2) works here, asked without the programs under test."""
    made = ctypes.CDLL(None).syscall(447, os.O_CLOEXEC)
    if made >= 0:
        os.close(made)
    return made >= 0


def mappings(pid):
    """Of what may be read: name and its bytes, as far as the kernel shows them to root."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            begin, end = int(span[1], 16), int(span[2], 16)
            if "r" not in span[3] or end - begin > 1 << 32:
                continue
            pieces = []
            while begin < end:
                try:
                    memory.seek(begin)
                    piece = memory.read(end - begin)
                except (OSError, ValueError, OverflowError):
                    piece = b""
                # A page that cannot be read ends a read before it.
                pieces.append(piece)
                begin += len(piece) or PAGE
            yield span[4], b"".join(pieces)


def found_in_memory(pid, needles):
    """The names of the needles that the memory of a process holds."""
    found = set()
    for _, data in mappings(pid):
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

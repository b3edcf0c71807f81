"""SIGKILL at every call on a file while segments of the audit are sealed, archived and trimmed: the
next start finds every acknowledged row, in order, and the chain whole over archives and database.

    archive_kill_test.py --steps build/dev/.../archive_steps [--every N]"""

import argparse
import concurrent.futures
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

from shim import Fault, build_shim

JOBS = 2


class Proof:
    def __init__(self, steps, shim, work):
        self.steps, self.shim, self.work = steps, shim, pathlib.Path(work)
        _, self.calls = self.run(self.work / "whole", Fault())

    def run(self, root, fault, *words):
        """What was printed, and how many calls there were. A killed run may also be over before its
        call comes: the threads share them differently every time."""
        with tempfile.TemporaryFile() as page:
            page.write(bytes(mmap.PAGESIZE))
            page.flush()
            environment = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(self.shim), **fault.variables(),
                           "SHIM_STATE": f"/proc/self/fd/{page.fileno()}",
                           "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}
            done = subprocess.run([self.steps, str(root), *words], env=environment, capture_output=True,
                                  pass_fds=[page.fileno()], timeout=300, check=False)
            calls = struct.unpack("<q", os.pread(page.fileno(), 8, 0))[0]
        allowed = (0, -9) if fault.at else (0,)
        assert done.returncode in allowed, (str(fault), done.returncode, done.stderr.decode())
        return done.stdout.decode().splitlines(), calls

    def point(self, number):
        root = self.work / f"at{number}"
        try:
            acknowledged, _ = self.run(root, Fault("KILL", number))
            shown = self.shown(root)
            assert shown == [f"acme/{i}" for i in range(len(shown))], f"killed at {number}: {shown}"
            assert len(acknowledged) <= len(shown) <= len(acknowledged) + 1, (
                f"killed at {number}: {len(acknowledged)} were acknowledged, {len(shown)} are there")
            # Archiving goes on from wherever it was, and loses nothing either.
            more, _ = self.run(root, Fault())
            assert self.shown(root) == shown + [f"acme/{i}" for i in range(len(more))], f"killed at {number}"
            left = sorted(path.name for path in (root / "audit").iterdir() if not path.name.endswith(".jsonl"))
            assert not left, f"killed at {number}: {left} stay behind"
            return 1
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def shown(self, root):
        return self.run(root, Fault(), "verify")[0] if (root / "vault.db").exists() else []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", required=True)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aiv-archive-") as work:
        proof = Proof(options.steps, build_shim(work), work)
        numbers = range(1, proof.calls + 1, options.every)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            points = sum(pool.map(proof.point, numbers))
    print(f"killed at {points} of {proof.calls} calls: every acknowledged row is there")
    return 0


if __name__ == "__main__":
    sys.exit(main())

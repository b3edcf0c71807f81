"""The shim sees every call on a file that strace sees: no point of the crash proofs is left out."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from shim import Child, Fault, build_shim
from stories import SOME, create

CALLS = ("write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,ftruncate,truncate,fallocate,"
         "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fchmod,"
         "fchmodat,chmod,copy_file_range,sendfile,openat,open,creat")
CREATES = re.compile(r"O_CREAT|O_TRUNC")
ON_A_FILE = re.compile(r"^\d+<|^\w+\(\d+</")


def counts(line):
    if line.startswith("<..."):  # The end of a call that another thread's line cut in two.
        return False
    name = line.split("(", 1)[0]
    if name in ("open", "openat"):
        return bool(CREATES.search(line))
    if name in ("write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "ftruncate", "fallocate", "fchmod"):
        return bool(ON_A_FILE.match(line))  # The descriptor is a path: neither socket nor event.
    return True


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    daemon = pathlib.Path(options.parse_args().bin).resolve() / "aivaultd"
    with tempfile.TemporaryDirectory(prefix="aiv-shim-") as work:
        shim = build_shim(work)
        trace = pathlib.Path(work) / "trace"
        with Child(daemon, shim, pathlib.Path(work) / "v", Fault()) as child:
            # The shim's own page is no file of the vault; it is opened before anything is traced.
            tracer = subprocess.Popen(["strace", "-f", "-qq", "-yy", "-e", "signal=none", "-o", str(trace),
                                       "-e", f"trace={CALLS}", "-p", str(child.process.pid)],
                                      stderr=subprocess.PIPE)
            while not trace.exists() or child.process.pid not in traced(child.process.pid):
                if tracer.poll() is not None:
                    sys.exit(f"strace cannot attach: {tracer.stderr.read().decode()}")
            before = child.count
            for request in [*SOME, create("LAST", "last-value")]:
                status, answer = child.request(*request)
                assert status < 300, answer.body
            child.end()
            tracer.wait(30)
            counted = child.count - before
        lines = [line.split(None, 1)[1] for line in trace.read_text().splitlines()]
        seen = [line for line in lines if counts(line)]
    assert counted == len(seen), f"the shim counted {counted} calls, strace saw {len(seen)}"
    assert counted > 100, counted
    print(f"{counted} calls, counted by both")
    return 0


def traced(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    tracer = re.search(r"TracerPid:\s+(\d+)", status)
    return {pid} if tracer and tracer.group(1) != "0" else set()


if __name__ == "__main__":
    sys.exit(main())

"""Control groups with a limit for a test: of version 1 or 2 of the kernel's interface, whichever can be had."""

import os
import pathlib
import threading

from lib.vault import wait_until

BASE = pathlib.Path("/sys/fs/cgroup")
ENTERS = pathlib.Path("/home/aivault/enters")
LIMITS = {("memory", 1): "memory.limit_in_bytes", ("memory", 2): "memory.max", ("pids", 1): "pids.max", ("pids", 2): "pids.max"}
# Becomes the program of its arguments once it is in the group; only root can put it there.
WAITS = ("/bin/sh", "-c", f'echo $$ > {ENTERS}.new; mv {ENTERS}.new {ENTERS}; while [ -e {ENTERS} ]; do sleep 0.05; done; exec "$@"',
         "sh")


class ControlGroup:
    def __init__(self, version, place):
        self.version, self.place = version, place

    @classmethod
    def make(cls, controller, limit, name):
        """One and what it is, or None and why there is none."""
        reasons = []
        for version, base in ((1, BASE / controller), (2, BASE), (2, BASE / "unified")):
            place = base / f"aivault-{name}-{os.getpid()}"
            try:
                if version == 2 and controller not in (base / "cgroup.subtree_control").read_text().split():
                    raise OSError(f"no {controller} controller for groups below")
                place.mkdir()
            except OSError as problem:
                reasons.append(f"version {version} at {base}: {problem}")
                continue
            try:
                (place / LIMITS[controller, version]).write_text(str(limit))
                return cls(version, place), f"the {controller} controller of version {version} at {base}"
            except OSError as problem:
                place.rmdir()
                reasons.append(f"version {version} at {base}: {problem}")
        return None, "; ".join(reasons)

    def number(self, file, key=None):
        """Of a file, or of the line of a file that begins with `key`; None: this kernel does not tell."""
        try:
            text = (self.place / file).read_text()
        except OSError:
            return None
        if key is None:
            return int(text)
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(key + " ")), None)

    def members(self):
        return [int(pid) for pid in (self.place / "cgroup.procs").read_text().split()]

    def enter(self, pid):
        (self.place / "cgroup.procs").write_text(str(pid))

    def start_daemon(self, world):
        """`world` starts its daemon, which is in the group before it is a daemon."""
        def porter():
            wait_until(ENTERS.exists, 60, "who is to enter")
            self.enter(int(ENTERS.read_text()))
            ENTERS.unlink()
        thread = threading.Thread(target=porter)
        thread.start()
        world.daemon_prefix = WAITS
        try:
            world.start_daemon()
        finally:
            world.daemon_prefix = ()
            thread.join()

    def remove(self):
        wait_until(lambda: not self.members(), 60, "the group is empty")
        self.place.rmdir()

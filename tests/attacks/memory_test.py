"""Attacks on a daemon that may have little memory (DS14): a control group of 128 MiB, a limited address space."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import unittest

import world
from lib.http_socket import HttpSocket
from world import SOCKET, Attack, Refused, as_user, wait_until

MIB = 1 << 20
MEMORY_MAX = 128 * MIB
# Who runs it there says how much of it requests may hold; the rest is for programs, threads and buffers.
LITTLE = '[limits]\nmemory = "32MiB"\n'
CONFIGURATION = pathlib.Path("/home/aivault/.aivault/config.toml")
ENVELOPE = 32 * MIB
ENTERS = pathlib.Path("/home/aivault/enters")
HEAD = (b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % ENVELOPE)


class Controller:
    """A control group with a memory limit that root has made for the daemon; of version 1 or 2, whichever can be had."""

    V1, V2 = pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")
    FILES = {1: ("memory.limit_in_bytes", "memory.max_usage_in_bytes"), 2: ("memory.max", "memory.peak")}

    def __init__(self, version, place):
        self.version, self.place = version, place
        self.limit_file, self.peak_file = (place / name for name in self.FILES[version])

    @classmethod
    def make(cls, limit):
        """One, or the reason why there is none."""
        reasons = []
        for version, base in ((1, cls.V1), (2, cls.V2), (2, cls.V2 / "unified")):
            place = base / f"aivault-test-{os.getpid()}"
            try:
                if version == 2 and "memory" not in (base / "cgroup.subtree_control").read_text().split():
                    raise OSError("no memory controller for groups below")
                place.mkdir()
            except OSError as problem:
                reasons.append(f"version {version} at {base}: {problem}")
                continue
            made = cls(version, place)
            try:
                made.limit_file.write_text(str(limit))
                return made, f"the memory controller of version {version} at {base}"
            except OSError as problem:
                place.rmdir()
                reasons.append(f"version {version} at {base}: {problem}")
        return None, "; ".join(reasons)

    # A program that becomes the daemon once it is in the group; only root can put it there.
    PREFIX = ("/bin/sh", "-c", f'echo $$ > {ENTERS}.new; mv {ENTERS}.new {ENTERS}; while [ -e {ENTERS} ]; do sleep 0.05; done; '
              'exec "$@"', "sh")

    def take_in(self):
        wait_until(ENTERS.exists, 60, "who is to enter")
        (self.place / "cgroup.procs").write_text(ENTERS.read_text())
        ENTERS.unlink()

    def peak(self):
        try:
            return int(self.peak_file.read_text())
        except OSError:
            return None  # memory.peak is younger than the controller.

    def kills(self):
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return next((int(line.split()[1]) for line in (self.place / name).read_text().splitlines()
                     if line.startswith("oom_kill ")), 0)

    def remove(self):
        wait_until(lambda: not (self.place / "cgroup.procs").read_text().split(), 30, "the group is empty")
        self.place.rmdir()


class LittleMemory(Attack):
    def begin(self, configuration, prefix=(), group=None):
        self.replaces_daemon = True
        self.stop_daemon()
        CONFIGURATION.write_text(configuration)
        os.chmod(CONFIGURATION, 0o644)
        type(self).daemon_prefix = Controller.PREFIX if group else tuple(prefix)
        porter = threading.Thread(target=group.take_in) if group else None
        if porter:
            porter.start()
        self.start_daemon()
        if porter:
            porter.join()
        type(self).daemon_prefix = ()
        self.addCleanup(self.as_before)

    def as_before(self):
        self.stop_daemon()
        CONFIGURATION.unlink(missing_ok=True)
        self.start_daemon()
        self.assertServes("agent2")

    def limited_group(self):
        group, how = Controller.make(MEMORY_MAX)
        print(f"DS14: {how if group else 'no control group, ' + how}", flush=True)
        if group is None:
            raise unittest.SkipTest(f"no memory controller can be had: {how}")
        self.addCleanup(group.remove)  # After the daemon has left it.
        return group

    def flood(self, user, connections=24):
        """Envelopes of 32 MiB that never end, on many connections, while they are all kept; what became of each."""
        def act():
            outcomes, doors, guard = [], [], threading.Lock()

            def send():
                door = socket.socket(socket.AF_UNIX)
                door.settimeout(30)
                outcome = "held"
                try:
                    door.connect(str(SOCKET))
                    door.sendall(HEAD + b'{"capability":"')
                    for _ in range(28):
                        door.sendall(b"x" * MIB)
                except OSError:
                    outcome = "closed"
                    try:
                        outcome = door.recv(4096).split(b" ")[1].decode()
                    except (OSError, IndexError):
                        pass
                with guard:
                    outcomes.append(outcome)
                    doors.append(door)
            threads = [threading.Thread(target=send) for _ in range(connections)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for door in doors:
                door.close()
            return outcomes
        return as_user(user, act)

    def both_flood(self):
        """Two uids at once, each with what one of them may hold."""
        results = {}

        def run(user):
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.write(writing, json.dumps(self.flood(user)).encode())
                finally:
                    os._exit(0)
            os.close(writing)
            with os.fdopen(reading, "rb") as pipe:
                results[user] = json.loads(pipe.read() or b"[]")
            os.waitpid(child, 0)
        threads = [threading.Thread(target=run, args=(user,)) for user in ("agent1", "agent2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def is_served(self, user="agent2"):
        try:
            return self.call(user)[0] == 200
        except (Refused, OSError, EOFError):
            return False

    def assertStateIsIntact(self):
        done = self.operator("audit", "verify")
        self.assertTrue(json.loads(done.stdout)["ok"], done.stdout)
        checks = json.loads(self.operator("doctor", "--json", code=None).stdout)["checks"]
        bad = [check for check in checks if check["status"] == "fail"]
        self.assertEqual([], bad)
        self.assertServes("agent1")

    def assertShedsLoad(self):
        for _ in range(2):
            outcomes = self.both_flood()
            for user, each in outcomes.items():
                self.assertEqual(24, len(each), user)
                self.assertLess(each.count("held"), 24, f"{user}: somebody was refused: {outcomes}")
            self.assertIsNone(self.daemon.poll(), self.log.read_text()[-3000:])
            wait_until(self.is_served, 60, "others are served")
        self.assertStateIsIntact()

    def test_DS14_a_daemon_with_128_mib_sheds_load(self):
        group = self.limited_group()
        self.begin(LITTLE, group=group)
        self.assertEqual([str(self.daemon.pid)], (group.place / "cgroup.procs").read_text().split())
        self.assertShedsLoad()
        self.assertEqual(0, group.kills())
        peak = group.peak()
        self.assertLessEqual(peak or 0, MEMORY_MAX)
        print(f"DS14: at most {peak // MIB if peak else '?'} MiB", flush=True)

    def test_DS14_a_daemon_that_is_killed_comes_back_whole(self):
        """With a budget that does not fit into its group the kernel may kill it: that loses calls, and nothing else."""
        group = self.limited_group()
        self.begin("", group=group)
        made = json.loads(self.operator("secrets", "create", "--name", "BEFORE", "--value-file", "-", stdin="sk-" + "b" * 40).stdout)
        self.addCleanup(self.operator, "secrets", "delete", made["secretId"], code=None)
        self.both_flood()
        ended = self.daemon.poll()
        print(f"DS14: {'it was killed' if ended is not None else 'it was not killed'}", flush=True)
        if ended is None:  # What a kill leaves is looked at all the same.
            self.daemon.send_signal(signal.SIGKILL)
        self.assertEqual(-signal.SIGKILL, self.daemon.wait(30))
        self.start_daemon()
        wait_until(self.is_served, 60, "it serves again")
        self.assertIn("BEFORE", [each["name"] for each in json.loads(self.operator("secrets", "list", "-v").stdout)])
        self.assertStateIsIntact()

    def test_DS14_a_daemon_with_a_small_address_space_sheds_load(self):
        # What it takes without a request, threads and their arenas included, and half of what requests may hold.
        size = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines()
                    if line.startswith("VmSize")) * 1024 + 64 * MIB
        print(f"DS14: an address space of {size // MIB} MiB (RLIMIT_AS)", flush=True)
        self.begin("", prefix=("prlimit", f"--as={size}:{size}"))
        self.assertShedsLoad()


if __name__ == "__main__":
    world.run()

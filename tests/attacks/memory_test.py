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
from control_group import ControlGroup
from lib.http_socket import HttpSocket
from world import SOCKET, Attack, Refused, as_user, wait_until

MIB = 1 << 20
MEMORY_MAX = 128 * MIB
# Who runs it there says how much of it requests may hold; the rest is for programs, threads and buffers.
LITTLE = '[limits]\nmemory = "32MiB"\n'
KILLS = {1: ("memory.oom_control", "oom_kill"), 2: ("memory.events", "oom_kill")}
PEAK = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}  # The latter is younger than the controller.
CONFIGURATION = pathlib.Path("/home/aivault/.aivault/config.toml")
ENVELOPE = 32 * MIB
HEAD = (b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % ENVELOPE)


class LittleMemory(Attack):
    def begin(self, configuration, prefix=(), group=None):
        self.replaces_daemon = True
        self.stop_daemon()
        self.addCleanup(self.as_before)
        CONFIGURATION.write_text(configuration)
        os.chmod(CONFIGURATION, 0o644)
        if group:
            group.start_daemon(type(self))
            return
        type(self).daemon_prefix = tuple(prefix)
        try:
            self.start_daemon()
        finally:
            type(self).daemon_prefix = ()

    def as_before(self):
        self.stop_daemon()
        CONFIGURATION.unlink(missing_ok=True)
        self.start_daemon()
        self.assertServes("agent2")

    def limited_group(self):
        group, how = ControlGroup.make("memory", MEMORY_MAX, "memory")
        print(f"DS14: {how if group else 'no control group, ' + how}", flush=True)
        if group is None:
            raise unittest.SkipTest(f"this machine: no memory controller can be had: {how}")
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
        self.assertEqual([self.daemon.pid], group.members())
        self.assertShedsLoad()
        self.assertEqual(0, group.number(*KILLS[group.version]) or 0)
        peak = group.number(PEAK[group.version])
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

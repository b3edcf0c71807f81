"""Attacks that would stop the service (DS)."""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import threading
import time

import world
from lib.http_socket import HttpSocket
from lib.scenario import is_release
from world import SOCKET, Attack, Refused, as_user, canary, descriptors, fork_without_end, wait_until

CALL = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}).encode()
REQUEST = (b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(CALL)) + CALL
NASTY = ("(a+)+$", "(a|aa)+c", "[" * 100, ".*.*.*x", "aab", "field:(a+)+")


class Denial(Attack):
    @classmethod
    def prepare(cls):
        cls.add_api("small", canary(), policy=("--max-response-body-bytes", 1 << 20))
        cls.add_api("nasty", canary(), policy=[word for entry in NASTY for word in ("--response-block", entry)])

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def while_held(self, user, act, then):
        """Runs `then` while that user's process holds what `act` returned."""
        ours, theirs = socket.socketpair()

        def hold():
            theirs.settimeout(120)
            kept = act()
            theirs.sendall(b"x")
            theirs.recv(1)
            for door in kept:
                door.close()
        child = os.fork()
        if child == 0:
            try:
                as_user(user, hold)
            finally:
                os._exit(0)
        ours.settimeout(120)
        try:
            self.assertEqual(b"x", ours.recv(1))
            then()
        finally:
            ours.sendall(b"x")
            os.waitpid(child, 0)
            ours.close()
            theirs.close()

    def streaming(self, stopped):
        """Answers without end until the caller is gone."""
        def reply(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            try:
                while True:
                    exchange.chunk(b"x" * 65535 + b"\n")
                    self.sent += 65536
            except OSError:
                stopped.append(exchange)
                exchange.open = False
        self.sent = 0
        type(self).reply = staticmethod(reply)

    def test_DS1_idle_and_half_sent_connections_stop_nobody(self):
        def act():
            doors = []
            for number in range(2000):
                door = socket.socket(socket.AF_UNIX)
                try:
                    door.connect(str(SOCKET))
                    if number % 2:
                        door.sendall(REQUEST[:50])
                except OSError:
                    door.close()
                    continue
                doors.append(door)
            return doors
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

        def then():
            for _ in range(5):
                self.assertServes("agent2")
            self.operator("secrets", "list")
        self.while_held("agent1", act, then)
        self.assertServes("agent2")

    def test_DS2_a_daemon_without_descriptors_recovers(self):
        self.replaces_daemon = True
        self.stop_daemon()
        type(self).daemon_prefix = ("prlimit", "--nofile=64:64")
        self.addCleanup(setattr, type(self), "daemon_prefix", ())
        self.start_daemon()
        self.pid = self.daemon.pid

        def act():
            doors = []
            for _ in range(100):
                door = socket.socket(socket.AF_UNIX)
                door.connect(str(SOCKET))
                doors.append(door)
            return doors

        def then():
            self.assertIsNone(self.daemon.poll())
            before = self.cpu_seconds()
            time.sleep(1)  # What is measured is a second of waiting.
            self.assertLess(self.cpu_seconds() - before, 0.9, "it does not spin")
        self.while_held("agent1", act, then)

        def served():
            try:
                return self.call("agent2")[0] == 200
            except (Refused, OSError):
                return False
        wait_until(served, 10, "it serves again")
        type(self).daemon_prefix = ()
        self.stop_daemon()
        self.start_daemon()

    def test_DS3_a_body_without_end_is_cut(self):
        stopped = []
        self.streaming(stopped)
        before = self.resident_kib()
        for _ in range(3):
            got = self.raw("agent1", REQUEST.replace(b"acme", b"small").replace(b"length: %d" % len(CALL), b"length: %d" % (
                len(CALL) + 1)).replace(b"host: a", b"host: a\r\nte: trailers\r\nconnection: close"), limit=64 << 20)
            self.assertIn(b"response_too_large", got[-2000:])
            self.assertLess(len(got), 2 << 20)
        wait_until(lambda: len(stopped) == 3, 20, "the upstream was left")
        self.assertLess(self.sent, 3 * (8 << 20))
        if is_release():
            self.assertLess(self.resident_kib() - before, 8 << 10)
        type(self).reply = None
        self.assertServes()

    def test_DS6_who_does_not_read_holds_little(self):
        stopped = []
        self.streaming(stopped)
        before = self.resident_kib()

        def act():
            doors = []
            for _ in range(8):
                door = socket.socket(socket.AF_UNIX)
                door.connect(str(SOCKET))
                door.sendall(REQUEST)
                doors.append(door)
            return doors

        def then():
            seen = [0]

            def is_held_back():
                time.sleep(0.5)
                before, seen[0] = seen[0], self.sent
                return before and before == self.sent
            wait_until(is_held_back, 60, "the upstream is held back")
            self.assertLess(self.sent, 8 * (8 << 20), "buffers, those of the kernel too")
            type(self).reply = None
            self.assertServes("agent2")
            if is_release():
                self.assertLess(self.resident_kib() - before, 16 << 10)
        self.while_held("agent1", act, then)
        wait_until(lambda: len(stopped) == 8, 20, "the upstream was left")

    def test_DS7_callers_that_leave_within_a_stream_leave_nothing(self):
        stopped = []
        self.streaming(stopped)

        def act():
            for _ in range(150):
                with socket.socket(socket.AF_UNIX) as door:
                    door.connect(str(SOCKET))
                    door.sendall(REQUEST)
                    door.settimeout(20)
                    while b"xxx" not in door.recv(4096):
                        pass
        as_user("agent1", act)
        wait_until(lambda: len(stopped) == 150, 30, "each upstream was left")
        wait_until(lambda: descriptors(self.pid) <= self.before + 4, 30, "the descriptors are back")
        type(self).reply = None
        self.assertServes()

    def test_DS9_an_agent_cannot_make_it_derive_keys(self):
        before = self.cpu_seconds()

        def act():
            statuses = []
            for _ in range(50):
                with HttpSocket(SOCKET) as door:
                    statuses.append(door.request("POST", "/aivault/vault/unlock", {"passphrase": "x" * 100}).status)
            return statuses
        self.assertEqual({403}, set(as_user("agent1", act)))
        self.assertLess(self.cpu_seconds() - before, 2)
        self.assertServes("agent2")

    def test_DS10_what_is_blocked_is_text_and_no_pattern(self):
        body = b"a" * (1 << 20) + b"b (a+)+$"

        def reply(exchange):
            exchange.read_body()
            exchange.reply(200, body, [("content-type", "text/plain")])
        type(self).reply = staticmethod(reply)
        before = self.cpu_seconds()
        _, _, got = self.ask("agent1", "POST", "/aivault/proxy", {"capability": "nasty/call", "request": {"method": "GET", "path": "/v1"}})
        self.assertTrue(got.endswith(b"[REDACTED] [REDACTED]"), got[-60:])
        self.assertLess(self.cpu_seconds() - before, 2 if is_release() else 15)

    def test_DS11_full_places_of_everybody_do_not_matter(self):
        held = [os.readlink(f"/proc/{self.pid}/fd/{number}") for number in os.listdir(f"/proc/{self.pid}/fd")]
        mapped = pathlib.Path(f"/proc/{self.pid}/maps").read_text()
        for place in ("/tmp/", "/dev/shm/", "/var/tmp/"):
            self.assertFalse([name for name in held if name.startswith(place)], held)
            self.assertNotIn(f" {place}", mapped)
        for place in ("/dev/shm", "/var/tmp"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "small", place], check=True)
            self.addCleanup(subprocess.run, ["umount", place])

            def fill():
                try:
                    with open(f"{place}/filler", "wb", buffering=0) as file:
                        while True:
                            file.write(b"x" * 4096)
                except OSError:
                    pass
            as_user("agent1", fill)
        self.replaces_daemon = True
        self.assertServes()
        self.stop_daemon()
        self.start_daemon()
        self.assertServes()
        self.operator("secrets", "create", "--name", "LATE", "--value-file", "-", stdin=canary())

    def test_DS13_an_agent_cannot_flood_the_log(self):
        before = self.log.stat().st_size
        lines = self.log.read_bytes().count(b"\n")

        def act():
            for number in range(2000):
                with socket.socket(socket.AF_UNIX) as door:
                    door.connect(str(SOCKET))
                    door.sendall(b"BAD /%d\x1b[31m HTTP/9\r\n\r\n" % number)
        begin = time.monotonic()
        as_user("agent1", act)
        seconds = time.monotonic() - begin + 1
        wait_until(lambda: self.call("agent2")[0] == 200, 20, "others are served")
        self.assertLessEqual(self.log.read_bytes().count(b"\n") - lines, 101 * seconds)
        self.assertLess(self.log.stat().st_size - before, 512 * 101 * seconds)
        self.assertNotIn(b"\x1b", self.log.read_bytes())

    def test_DS15_a_fork_bomb_of_one_user_stops_nobody_else(self):
        most = 150  # The machine that runs the tests is to survive it.

        def bomb():
            os.setsid()
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
            fork_without_end(REQUEST, 20)
        child = os.fork()
        if child == 0:
            try:
                as_user("agent1", bomb)
            finally:
                os._exit(0)

        def processes():
            """Of the bomb, by their session."""
            found = set()
            for entry in pathlib.Path("/proc").iterdir():
                try:
                    words = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else []
                    if words and int(words[3]) in sessions:
                        found.add(int(entry.name))
                except OSError:
                    continue
            return found
        sessions = set()

        def session_of_bomb():
            for entry in pathlib.Path(f"/proc/{child}/task/{child}/children").read_text().split():
                if os.getsid(int(entry)) == int(entry):
                    sessions.add(int(entry))
            return sessions
        try:
            wait_until(session_of_bomb, 20, "the bomb")
            wait_until(lambda: len(processes()) > 20, 20, "its processes")
            for _ in range(5):
                self.assertServes("agent2")
            self.operator("secrets", "list")
        finally:
            for session in sessions:
                while processes():
                    try:
                        os.killpg(session, signal.SIGKILL)
                    except ProcessLookupError:
                        break
                    time.sleep(0.05)
            os.waitpid(child, 0)
        self.assertServes("agent2")


if __name__ == "__main__":
    world.run()

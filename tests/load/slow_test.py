"""Callers that are slow or say nothing, by the hundred: they are cut as docs/api.md says and harm nobody. A daemon with
few descriptors: it says no, serves its operator, and recovers."""

import json
import os
import selectors
import socket
import threading
import time

import crowd
from crowd import PATHS, USERS, Agents, Load, together
from lib.http_socket import HttpSocket
from lib.measured import in_time, one_of_three
from world import SOCKET, Refused, as_user, descriptors, wait_until

HEAD = b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
CALL = json.dumps({"capability": "load/call", "request": {"method": "GET", "path": "/v1/small"}}).encode()
CALM = USERS[4:6]


def dribble(count, text, patience):
    """That many connections which send a byte a second each; how each was answered and after how many seconds."""
    doors = selectors.DefaultSelector()
    begin, answers = time.monotonic(), []
    for _ in range(count):
        door = socket.socket(socket.AF_UNIX)
        door.connect(str(SOCKET))
        door.setblocking(False)
        doors.register(door, selectors.EVENT_READ, bytearray())
    sent = 0
    while doors.get_map() and time.monotonic() < begin + patience:
        passed = time.monotonic() - begin
        if text and passed >= sent:
            for key in list(doors.get_map().values()):
                try:
                    key.fileobj.send(text[sent:sent + 1])
                except OSError:
                    pass  # Its answer is there to be read.
            sent += 1
        for key, _ in doors.select(0.1):
            try:
                piece = key.fileobj.recv(4096)
            except ConnectionResetError:
                piece = b""
            key.data.extend(piece)
            if not piece:
                doors.unregister(key.fileobj)
                key.fileobj.close()
                answers.append((bytes(key.data[:12]), passed))
    return answers + [(b"never", patience)] * len(doors.get_map())


class Slow(Load):
    def calm(self, seconds):
        return [Agents(user, 1, 8, seconds, 0.2, paths={"/v1/small": PATHS["/v1/small"]}) for user in CALM]

    def test_slow_and_silent_callers_are_cut_and_harm_nobody(self):
        one_of_three(self.be_called_by_slow_ones)

    def be_called_by_slow_ones(self):
        before = together(*self.calm(14))
        seen, answers = [], {}
        jobs = {"head": (USERS[0], 250, HEAD + b"x-filler: " + b"y" * 200), "silence": (USERS[1], 250, b""),
                "frame": (USERS[2], 250, b'{"op": "execute_envelope", "filler": "' + b"y" * 200)}

        def be_slow(name, user, count, text):
            answers[name] = as_user(user, lambda: dribble(count, text, 30))
        threads = [threading.Thread(target=be_slow, args=(name, *job)) for name, job in jobs.items()]
        for thread in threads:
            thread.start()
        wait_until(lambda: descriptors(self.pid) > 3 * 250, 20, "the slow callers are there")
        seen = together(*self.calm(14))
        for thread in threads:
            thread.join()
        for each in before + seen:
            self.assertOnly200(each)
        for alone, beside in zip(before, seen):
            in_time(beside.answered >= 0.8 * alone.answered, beside, "alone", alone)
        # What each is told.
        begins = {"head": b"HTTP/1.1 408", "silence": b"", "frame": b'{"ok":false,'}
        for name, begin in begins.items():
            with self.subTest(name):
                self.assertEqual([begin[:12]] * 250, [text for text, _ in answers[name]])
                # 10 s from the connection or the first byte, and a bit for the crowd.
                self.assertGreater(min(when for _, when in answers[name]), 9)

    def test_with_few_descriptors_it_says_no_serves_its_operator_and_recovers(self):
        limit, most = 256, (256 - 32) // 2
        self.replaces_daemon = True
        self.stop_daemon()
        type(self).daemon_prefix = ("prlimit", f"--nofile={limit}:{limit}")
        self.addCleanup(setattr, type(self), "daemon_prefix", ())
        self.start_daemon()
        told = []

        def crowd_of_one():
            doors, answers = [], []
            for _ in range(200):
                door = socket.socket(socket.AF_UNIX)
                door.settimeout(20)
                door.connect(str(SOCKET))
                doors.append(door)
            for door in doors[most:]:
                answers.append(door.recv(4096))
            # Those who are in go on: each of them streams or is told why not.
            statuses = []
            for door in doors[:most]:
                door.sendall(HEAD + b"content-length: %d\r\n\r\n%s" % (len(CALL), CALL))
            for door in doors[:most]:
                statuses.append(int(door.recv(4096).split()[1]))
            os.write(ready, b"x")
            os.read(leave, 1)
            for door in doors:
                door.close()
            return answers, statuses
        waiting, ready = os.pipe()
        leave, leaving = os.pipe()
        thread = threading.Thread(target=lambda: told.append(as_user(USERS[0], crowd_of_one)))
        thread.start()
        self.assertEqual(b"x", os.read(waiting, 1))
        self.assertIsNone(self.daemon.poll())

        def ask():
            with HttpSocket(SOCKET) as door:
                return door.answer().status
        # No room for another user either, and that is said; the operator has places of its own.
        self.assertEqual(429, as_user(USERS[1], ask))
        for _ in range(3):
            self.operator("secrets", "list")
        os.write(leaving, b"x")
        thread.join()
        (answers, statuses), = told
        self.assertEqual(200 - most, sum(b"HTTP/1.1 429 " in answer and b"too many connections" in answer for answer in answers))
        self.assertEqual({200}, set(statuses) - {429}, statuses)

        def served():
            try:
                return self.call(USERS[1], "load/call", path="/v1/small")[0] == 200
            except (Refused, OSError):
                return False
        wait_until(served, 10, "it serves again")
        seen = together(*self.calm(2))
        for each in seen:
            self.assertOnly200(each)
        for end in (waiting, ready, leave, leaving):
            os.close(end)
        type(self).daemon_prefix = ()
        self.stop_daemon()
        self.start_daemon()


if __name__ == "__main__":
    crowd.run()

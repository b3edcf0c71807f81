"""A rate limit under pressure: eight processes, three daemons on one vault, 600 calls at once, and restarts."""

import collections
import json
import os
import signal
import subprocess
import sys
import time

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.measured import in_time, one_of_three
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

LIMIT, CALLERS, TRIES = 60, 8, 75
BEFORE_THE_KILL = 25
CALLERS_AFTER_IT, TRIES_AFTER_IT = 4, 25
WINDOW = 60  # seconds, after which the oldest call no longer counts
CALL = {"capability": "acme/call", "request": {"method": "POST", "path": "/v1/x"}}
# Of 256 connections a user may have to each daemon: the tries are spread over the sockets.
CALLER = """
import collections, json, sys
sys.path.insert(0, sys.argv[1])
from lib.http_socket import HttpSocket
tries, body, sockets = int(sys.argv[2]), sys.argv[3], sys.argv[4:]
request = (f"POST /aivault/proxy HTTP/1.1\\r\\nhost: aivault\\r\\ncontent-type: application/json\\r\\n"
           f"content-length: {len(body)}\\r\\n\\r\\n{body}").encode()
def wait_for(word):
    print("waits", flush=True)
    assert sys.stdin.readline() == word + "\\n"
wait_for("connect")
doors = [HttpSocket(sockets[i % len(sockets)], timeout=50) for i in range(tries)]
wait_for("send")
for door in doors:
    door.send(request)
print("sent", flush=True)
seen = collections.Counter()
for door in doors:
    answer = door.answer()
    seen[str(answer.status) if answer.status == 200 else f"{answer.status} {answer.json()['reason']}"] += 1
print(json.dumps(seen))
"""


class Rate(Scenario):
    def another_daemon(self, vault, name):
        socket = vault.base / name / "run.sock"
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        daemon = subprocess.Popen([str(programs.DAEMON), "--socket", str(socket)], env=vault.environment(), cwd="/",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            daemon.terminate()
            daemon.wait(30)
        self.addCleanup(end)
        wait_until(socket.exists, what=f"the {name} daemon")
        return socket, end

    def limited(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        vault.ok("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute", str(LIMIT))
        vault.start_daemon()
        return vault, upstream

    def call(self, vault):
        with HttpSocket(vault.socket) as door:
            answer = door.call(CALL)
        return str(answer.status) if answer.status == 200 else f"{answer.status} {answer.json()['reason']}"

    def at_once(self, count, tries, *sockets):
        """How often each answer came to `tries` calls of each of `count` callers: none reads one before all its calls are
        sent, and none sends one before everybody is connected."""
        words = [sys.executable, "-W", "ignore", "-c", CALLER, os.path.dirname(os.path.abspath(__file__)), str(tries),
                 json.dumps(CALL), *map(str, sockets)]
        callers = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                   for _ in range(count)]
        for caller in callers:
            self.addCleanup(caller.kill)
        for word in ("connect", "send"):
            self.assertEqual(["waits\n"] * count, [caller.stdout.readline() for caller in callers], word)
            for caller in callers:
                caller.stdin.write(word + "\n")
                caller.stdin.flush()
        total = collections.Counter()
        for caller in callers:
            out, _ = caller.communicate(timeout=120)
            self.assertEqual(0, caller.returncode)
            sent, seen = out.splitlines()
            self.assertEqual("sent", sent)
            total.update(json.loads(seen))
        return total

    # Cases 181, 183.
    def test_exactly_the_limit_reaches_the_upstream(self):
        one_of_three(self.call_beyond_the_limit)

    def call_beyond_the_limit(self):
        vault, upstream = self.limited()
        second, end_second = self.another_daemon(vault, "second")
        third, end_third = self.another_daemon(vault, "third")
        begun = time.monotonic()
        total = self.at_once(CALLERS, TRIES, vault.socket, second, third)
        in_time(time.monotonic() - begun < WINDOW, "the calls took more than a window")
        self.assertEqual({"200": LIMIT, "429 rate_limit_exceeded": CALLERS * TRIES - LIMIT}, total)
        self.assertEqual(LIMIT, len(upstream.requests))
        end_second()
        end_third()
        vault.stop_daemon()
        vault.start_daemon()
        after = self.call(vault)
        in_time(time.monotonic() - begun < WINDOW, "the restart took more than a window")
        self.assertEqual("429 rate_limit_exceeded", after)
        self.assertEqual(LIMIT, len(upstream.requests))

    # Cases 181, 183.
    def test_a_daemon_that_is_killed_within_a_window_forgets_no_call(self):
        one_of_three(self.kill_within_a_window)

    def kill_within_a_window(self):
        vault, upstream = self.limited()
        begun = time.monotonic()
        self.assertEqual(["200"] * BEFORE_THE_KILL, [self.call(vault) for _ in range(BEFORE_THE_KILL)])
        self.assertEqual(-signal.SIGKILL, vault.stop_daemon(signal.SIGKILL))
        vault.start_daemon()
        total = self.at_once(CALLERS_AFTER_IT, TRIES_AFTER_IT, vault.socket)
        in_time(time.monotonic() - begun < WINDOW, "the calls took more than a window")
        left = LIMIT - BEFORE_THE_KILL
        self.assertEqual({"200": left, "429 rate_limit_exceeded": CALLERS_AFTER_IT * TRIES_AFTER_IT - left}, total)
        self.assertEqual(LIMIT, len(upstream.requests))


if __name__ == "__main__":
    sys.exit(main())

"""A rate limit under pressure: eight processes, two daemons on one vault, and a restart."""

import json
import os
import subprocess
import sys

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

LIMIT, CALLERS, TRIES = 60, 8, 75
CALLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from lib.http_socket import HttpSocket
seen = {}
for socket in [*sys.argv[3:]] * (int(sys.argv[2]) // len(sys.argv[3:]) + 1):
    if sum(seen.values()) == int(sys.argv[2]):
        break
    with HttpSocket(socket) as door:
        answer = door.call({"capability": "acme/call", "request": {"method": "POST", "path": "/v1/x"}})
    seen[str(answer.status)] = seen.get(str(answer.status), 0) + 1
print(json.dumps(seen))
"""


class Rate(Scenario):
    def second_daemon(self, vault):
        socket = vault.base / "second" / "run.sock"
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        daemon = subprocess.Popen([str(programs.DAEMON), "--socket", str(socket)], env=vault.environment(), cwd="/",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            daemon.terminate()
            daemon.wait(30)
        self.addCleanup(end)
        wait_until(socket.exists, what="the second daemon")
        return socket, end

    # Cases 181, 183.
    def test_exactly_the_limit_reaches_the_upstream(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        vault.ok("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute", str(LIMIT))
        vault.start_daemon()
        second, end_second = self.second_daemon(vault)
        words = [sys.executable, "-W", "ignore", "-c", CALLER, os.path.dirname(os.path.abspath(__file__)), str(TRIES)]
        callers = [subprocess.Popen([*words, str(vault.socket), str(second)], stdout=subprocess.PIPE)
                   for _ in range(CALLERS)]
        total = {}
        for caller in callers:
            out, _ = caller.communicate(timeout=120)
            self.assertEqual(0, caller.returncode)
            for status, count in json.loads(out).items():
                total[status] = total.get(status, 0) + count
        self.assertEqual({"200": LIMIT, "429": CALLERS * TRIES - LIMIT}, total)
        self.assertEqual(LIMIT, len(upstream.requests))
        end_second()
        vault.stop_daemon()
        vault.start_daemon()
        with HttpSocket(vault.socket) as door:
            answer = door.call({"capability": "acme/call", "request": {"method": "POST", "path": "/v1/x"}})
        self.assertEqual((429, "rate_limit_exceeded"), (answer.status, answer.json()["reason"]))
        self.assertEqual(LIMIT, len(upstream.requests))


if __name__ == "__main__":
    sys.exit(main())

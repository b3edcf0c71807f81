"""1,000 WebSockets of eight users at once through one daemon: every message comes back as it was, in little memory."""

import json
import pathlib
import subprocess
import sys

import crowd
from crowd import PYTHON, USERS, Agents, Load, Seen
from lib.scenario import is_release
from world import descriptors, wait_until

EACH = 125      # of each user
SECONDS = 20
PAUSE = 2       # seconds between two messages of a WebSocket
MOST_KIB = 128 << 10
HERE = pathlib.Path(__file__).parent


class WebSockets(Load):
    @classmethod
    def add_upstream(cls, name, secret):
        cls.echo = subprocess.Popen([PYTHON, "-I", "-S", str(HERE / "websocket_echo.py"), *map(str, cls.certificate)], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.end_echo)
        cls.add_api(name, secret, host=f"localhost:{int(cls.echo.stdout.readline())}")

    @classmethod
    def end_echo(cls):
        cls.echo.kill()
        cls.echo.communicate()

    def test_a_thousand_websockets_in_little_memory(self):
        before = descriptors(self.pid)
        agents = [Agents(user, 1, EACH, SECONDS, PAUSE, program="websocket_agent.py", target="/v/load/v1/live", seed=user)
                  for user in USERS]
        for each in agents:
            self.addCleanup(each.end)
        for each in agents:
            each.begin()
        most = len(USERS) * EACH
        self.assertGreaterEqual(descriptors(self.pid), before + 2 * most, "each has its own connection to the upstream")
        seen = Seen([result for each in agents for result in each.results()])
        print(f"{seen}; resident at most {self.status_kib('VmHWM') >> 10} MiB", file=sys.stderr)
        self.assertEqual({"echo", "closed"}, set(seen.outcomes), str(seen))
        self.assertEqual(most, seen.outcomes["closed"])
        # However slow the machine is: a usual one comes to eight times as many.
        self.assertGreater(seen.outcomes["echo"], most)
        if is_release():
            self.assertLess(self.status_kib("VmHWM"), MOST_KIB)
        wait_until(lambda: descriptors(self.pid) <= before + 4, 45, "the descriptors are back")
        wait_until(lambda: len(self.ends()) == most, 45, "the end records")
        self.assertEqual({("ok", 101)}, {(row["outcome"], row["status"]) for row in self.ends()})

    def ends(self):
        rows = json.loads(self.operator("audit", "--kind", "capability.invoke", "--capability", "load/call", "--limit", "5000").stdout)
        return [row for row in rows if row["outcome"] != "started"]


if __name__ == "__main__":
    crowd.run()

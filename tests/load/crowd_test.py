"""64 agents of eight users with 1,024 connections in all: every call is answered, in little memory."""

import os
import sys

import crowd
from crowd import USERS, Agents, Load, together
from lib.scenario import is_release
from world import descriptors, wait_until

PROCESSES, CONNECTIONS = 8, 16  # of each user; of each process
PAUSE = 1                       # seconds between two calls of a connection
MINUTES = int(os.environ.get("AIVAULT_LOAD_MINUTES", "1"))
MOST_KIB = 128 << 10


class Crowd(Load):
    def test_every_call_of_64_agents_is_answered_in_little_memory(self):
        agents = [Agents(user, PROCESSES, CONNECTIONS, 60 * MINUTES, PAUSE) for user in USERS]
        for each in agents:
            self.addCleanup(each.end)
        for each in agents:
            each.begin()
        # The kernel connects them before the daemon accepts them.
        most = len(USERS) * PROCESSES * CONNECTIONS
        wait_until(lambda: descriptors(self.pid) >= most, 30, "the daemon has all connections")
        self.operator("secrets", "list")
        seen = crowd.Seen([result for each in agents for result in each.results()])
        print(f"{seen}; resident at most {self.status_kib('VmHWM') >> 10} MiB", file=sys.stderr)
        self.assertOnly200(seen)
        self.assertGreater(seen.answered, most * 5 * MINUTES)
        if is_release():
            self.assertLess(self.status_kib("VmHWM"), MOST_KIB)
        self.assertServes("agent1")

    def test_a_user_may_have_so_many_connections_and_no_more(self):
        seen, = together(Agents(USERS[0], 4, 64, 2, PAUSE))
        self.assertOnly200(seen)


if __name__ == "__main__":
    if "--minutes" in sys.argv:
        place = sys.argv.index("--minutes")
        # The test starts itself anew in a machine of its own.
        os.environ["AIVAULT_LOAD_MINUTES"] = sys.argv[place + 1]
        del sys.argv[place:place + 2]
    crowd.run()

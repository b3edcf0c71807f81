"""Two daemons race for one socket, again and again: one wins, and a socket that serves is never dropped."""

import subprocess
import sys

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, main

RACES = 200


class Race(Scenario):
    def start(self, vault):
        return subprocess.Popen([str(programs.DAEMON)], env=vault.environment(), cwd="/", stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    def pid(self, vault):
        with HttpSocket(vault.socket) as door:
            return door.request("GET", "/aivault/whoami").json()["pid"]

    def left(self, daemon):
        _, err = daemon.communicate(timeout=60)
        return daemon.returncode, err.decode()

    def race(self, vault):
        """(winner, what the loser said)"""
        one, two = self.start(vault), self.start(vault)
        while True:
            for winner, loser in ((one, two), (two, one)):
                try:
                    loser.wait(0.01)
                except subprocess.TimeoutExpired:
                    continue
                return winner, self.left(loser)

    def end(self, daemon):
        daemon.terminate()
        self.assertEqual(0, self.left(daemon)[0])

    def test_of_two_daemons_one_wins(self):
        vault = self.vault("home")
        vault.ok("status")
        for number in range(RACES):
            winner, (code, said) = self.race(vault)
            self.addCleanup(winner.kill)
            self.assertEqual((0, True), (code, f"aivaultd is already running at '{vault.socket}'" in said), said)
            # Who has lost has seen the other one serve: it is there.
            self.assertEqual(winner.pid, self.pid(vault))
            if number % 2:
                self.end(winner)
                self.assertFalse(vault.socket.exists())
            else:  # A dead socket stays at the path.
                winner.kill()
                self.left(winner)
                self.assertTrue(vault.socket.exists())

    def test_who_comes_later_never_takes_a_socket_that_serves(self):
        vault = self.vault("home")
        vault.ok("status")
        vault.start_daemon()
        before = vault.socket.stat()
        with HttpSocket(vault.socket) as door:
            for _ in range(RACES // 4):
                for code, said in [self.left(each) for each in (self.start(vault), self.start(vault))]:
                    self.assertEqual((0, True), (code, "is already running" in said), said)
                self.assertEqual(200, door.request("GET", "/aivault/health").status)
                self.assertEqual(vault.daemon.pid, self.pid(vault))
        self.assertEqual(before.st_ino, vault.socket.stat().st_ino)


if __name__ == "__main__":
    sys.exit(main())

"""A daemon that takes its time to start, as on a slow disk, and one that never comes up."""

import os
import shutil
import signal
import subprocess
import time

from lib.scenario import Scenario, canary, main
from lib import vault as programs
from lib.vault import wait_until


class SlowStart(Scenario):
    CALL = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")

    def setUp(self):
        self.vault_of_test, self.server = self.vault(), self.upstream()
        self.vault_of_test.add_api(self.server, self.ca, canary())

    def call_with(self, script):
        """The command line beside a daemon that is `script` first; (outcome, seconds)."""
        vault = self.vault_of_test
        place = vault.base / "programs"
        place.mkdir()
        shutil.copy2(programs.CLI, place / "aivault")
        (place / "aivaultd").write_text(f"#!/bin/sh\necho $$ > {vault.base}/pid\n{script}\n")
        (place / "aivaultd").chmod(0o755)
        began = time.monotonic()
        done = subprocess.run([place / "aivault", *self.CALL], env=vault.environment(), capture_output=True, timeout=120)
        return done, time.monotonic() - began

    def kill_what_was_started(self):
        os.kill(int(wait_until(lambda: (self.vault_of_test.base / "pid").read_text(), what="its pid")), signal.SIGKILL)

    def test_a_slow_one_serves_the_call_that_started_it(self):
        done, seconds = self.call_with(f'sleep 1; exec {programs.DAEMON.resolve()} "$@"')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertGreaterEqual(seconds, 1)
        self.assertEqual(1, len(self.server.requests))

    def test_one_that_never_comes_up_ends_the_wait_after_five_seconds(self):
        self.addCleanup(self.kill_what_was_started)
        done, seconds = self.call_with("exec sleep 600")
        vault = self.vault_of_test
        self.assertEqual(1, done.returncode)
        self.assertIn(f"failed connecting to aivaultd at '{vault.socket}' after autostart\n"
                      "(thin client daemon attempt failed first: ", done.stderr.decode())
        self.assertEqual((b"", []), (done.stdout, self.server.requests))
        self.assertGreaterEqual(seconds, 5)
        self.assertLess(seconds, 60)


if __name__ == "__main__":
    main()

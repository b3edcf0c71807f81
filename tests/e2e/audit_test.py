"""The audit of a running daemon: followers, the mirror and a hangup, calls that are not recorded."""

import json
import os
import signal
import threading

from lib.scenario import Scenario, main
from lib.vault import wait_until

FOLLOWERS = 3


class Follower:
    """aivault audit --follow, with what it has printed so far."""

    def __init__(self, vault, *flags):
        self.rows = []
        self.process = vault.start("audit", "--follow", *flags)
        self.reading = threading.Thread(target=self.read)
        self.reading.start()

    def read(self):
        for line in self.process.stdout:
            self.rows.append(json.loads(line))

    def numbers(self):
        return [int(row["seq"]) for row in self.rows]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.reading.join(20)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class Audit(Scenario):
    def follower(self, vault, *flags):
        follower = Follower(vault, *flags)
        self.addCleanup(follower.end)
        return follower

    def test_followers_see_every_row_of_every_process_once_and_in_order(self):
        vault = self.vault()
        vault.start_daemon()
        vault.add_secret("BEFORE", "sk-live-before-0123456789")
        followers = [self.follower(vault, "--limit", "1000") for _ in range(FOLLOWERS)]
        for follower in followers:
            wait_until(lambda: follower.rows, 60, "the beginning")
        beside = {"AIVAULTD_DISABLE": "1"}  # A process of its own, with the vault open beside the daemon.

        def change(name, env):
            for number in range(5):
                vault.ok("secrets", "create", "--name", f"{name}_{number}", "--value-file", "-",
                         stdin="sk-live-0123456789abcdef", env=env)

        threads = [threading.Thread(target=change, args=arguments)
                   for arguments in (("DAEMON", None), ("CHILD", beside), ("OTHER", beside))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = int(vault.ok("audit", "verify").json()["headSeq"])
        for follower in followers:
            wait_until(lambda: follower.numbers()[-1:] >= [last], 60, f"row {last} of a follower")
            self.assertEqual(list(range(1, last + 1)), follower.numbers()[:last])
        names = [row["note"] for row in followers[0].rows if row["kind"] == "secret.create"]
        self.assertEqual(16, len(names))

    def test_a_follower_says_that_its_daemon_has_gone(self):
        vault = self.vault()
        vault.start_daemon()
        vault.add_secret("BEFORE", "sk-live-before-0123456789")
        follower = vault.start("audit", "--follow")
        self.assertTrue(follower.stdout.readline())
        self.assertEqual(0, vault.stop_daemon())
        _, errors = follower.communicate(timeout=60)
        self.assertEqual(1, follower.returncode)
        self.assertIn(f"connection to aivaultd at '{vault.socket}' was lost", str(errors))

    def test_a_hangup_opens_the_mirror_anew_and_ends_nothing(self):
        vault = self.vault()
        mirror = vault.base / "mirror.jsonl"
        vault.start_daemon(env={"AIVAULT_AUDIT_MIRROR": str(mirror)})

        def numbers(path):
            return [int(json.loads(line)["seq"]) for line in path.read_text().splitlines()]

        vault.add_secret("FIRST", "sk-live-first-0123456789")
        head = int(vault.ok("audit", "verify").json()["headSeq"])
        wait_until(lambda: mirror.exists() and (numbers(mirror) or [0])[-1] >= head, 60, "the mirror")
        mirror.rename(vault.base / "mirror.old")
        for _ in range(3):
            os.kill(vault.daemon.pid, signal.SIGHUP)
        wait_until(lambda: "daemon.reload" in (vault.socket.parent / "aivaultd.log").read_text(), 60, "the hangup")
        vault.add_secret("SECOND", "sk-live-second-0123456789")
        head = int(vault.ok("audit", "verify").json()["headSeq"])
        wait_until(lambda: mirror.exists() and (numbers(mirror) or [0])[-1] >= head, 60, "the new mirror")
        self.assertEqual(list(range(1, head + 1)), numbers(vault.base / "mirror.old") + numbers(mirror))
        self.assertIsNone(vault.daemon.poll())
        self.assertEqual(0, vault.stop_daemon())

    def test_says_that_calls_are_recorded_again(self):
        upstream = self.upstream()
        vault = self.vault()
        vault.add_api(upstream, self.ca, "sk-live-0123456789abcdef")
        call = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        for variables in ({"AIVAULT_DISABLE_DISK_LOGS": "yes"}, None):
            vault.start_daemon(env=variables)
            for _ in range(2):
                vault.ok(*call)
            vault.stop_daemon()
        kinds = [row["kind"] for row in reversed(vault.audit()) if row["kind"].startswith(("audit.", "capability.inv"))]
        self.assertEqual(["audit.disabled", "audit.enabled"] + 4 * ["capability.invoke"], kinds)


if __name__ == "__main__":
    main()

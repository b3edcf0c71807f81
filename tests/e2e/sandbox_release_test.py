"""The sandbox of the shipped build, tried from inside, and what works in it."""

import json
import subprocess
import unittest

from lib import vault as programs
from lib.scenario import Scenario, main

NAMES = {"execve", "ptrace", "process-memory", "process-environment", "read-shadow", "read-root-home", "read-homes", "write-etc",
         "write-tmp", "write-shm", "packet-socket", "netlink-socket", "vsock-socket", "listen-tcp", "io-uring", "bpf", "perf-event",
         "userfaultfd", "keyctl", "mount", "unshare", "setuid", "writable-code", "new-code", "signal", "core-dump", "open-vault",
         "write-audit", "resolve", "connect"}


class Sandbox(Scenario):
    def test_each_attempt_from_inside(self):
        done = subprocess.run([str(programs.DAEMON), "--self-test", "sandbox"], capture_output=True, text=True)
        report = json.loads(done.stdout)
        failed = [test for test in report["tests"] if test["result"] == "fail"]
        self.assertEqual([], failed)
        self.assertTrue(report["ok"])
        self.assertEqual(0, done.returncode)
        self.assertEqual(NAMES, {test["id"] for test in report["tests"]})
        # A layer that this kernel lacks is named, not passed over.
        for test in report["tests"]:
            self.assertIn(test["result"], ("pass", "skip"))
            if test["result"] == "skip":
                self.assertIn("layer", test["got"])

    def test_the_report_is_the_kernels(self):
        vault = self.vault()
        vault.run("status")
        daemon = vault.start_daemon()
        hardening = vault.run("status", "-v").json()["daemon"]["hardening"]
        with open(f"/proc/{daemon.pid}/status") as status:
            modes = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        self.assertEqual("on" if modes["Seccomp"] == "2" else "unavailable", hardening["seccomp"])
        self.assertIn(hardening["landlock"]["state"], ("on", "unavailable"))
        self.assertEqual(hardening["landlock"]["state"] == "on", hardening["landlock"]["abi"] > 0)
        self.assertEqual("enforce", hardening["sandboxMode"])

    def test_a_vault_is_made_used_locked_and_rekeyed_inside(self):
        vault = self.vault()
        vault.start_daemon()
        self.assertEqual(0, vault.run("status").code)
        self.assertEqual(0, vault.run("secrets", "create", "--name", "OPENAI_API_KEY", "--value-file", "-", stdin=b"sk-1").code)
        self.assertEqual(0, vault.run("rotate-master").code)
        self.assertEqual(0, vault.run("lock").code)
        self.assertEqual(0, vault.run("doctor").code)
        self.assertIn("cannot resolve", vault.run("invoke", "openai/models", "--method", "GET", "--path", "/v1/models").errors)


if __name__ == "__main__":
    main()

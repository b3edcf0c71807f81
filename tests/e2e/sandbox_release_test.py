"""The sandbox of the shipped build, tried from inside, and what works in it."""

import json
import subprocess
import unittest

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.private_door import PrivateDoor
from lib.scenario import Scenario, canary, main

NAMES = {"execve", "ptrace", "process-memory", "process-environment", "read-shadow", "read-root-home", "read-homes", "write-etc",
         "write-tmp", "write-shm", "packet-socket", "netlink-socket", "vsock-socket", "listen-tcp", "io-uring", "bpf", "perf-event",
         "userfaultfd", "keyctl", "mount", "unshare", "setuid", "writable-code", "new-code", "signal", "core-dump", "open-vault",
         "write-audit", "resolve", "connect"}


def modes_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)


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
        modes = modes_of(daemon.pid)
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

    def test_a_private_daemon_takes_connections_inside(self):
        vault, upstream = self.vault(), self.upstream()
        value = canary()
        vault.add_api(upstream, self.ca, value, paths=("/",))
        code = ("import os, urllib.request\n"
                "request = urllib.request.Request(os.environ['AIVAULT_BASE_URL'] + '/v/acme/v1/a',"
                " headers={'authorization': 'Bearer ' + os.environ['AIVAULT_TOKEN']})\n"
                "for _ in range(2): print(urllib.request.urlopen(request, timeout=60).status)")
        self.assertEqual("200\n200\n", vault.ok("run", "--", "python3", "-c", code, env={"AIVAULTD_DISABLE": "1"}).text)
        self.assertEqual([f"Bearer {value}"] * 2, [seen.one("authorization") for seen in upstream.requests])
        self.assertEqual(1, upstream.connections)

    def test_the_files_of_a_private_daemon_are_restricted(self):
        """No request names a path there. A file that takes another's place is one that the sandbox does not know."""
        vault = self.vault()
        vault.start_daemon()
        landlock = vault.ok("status", "-v").json()["daemon"]["hardening"]["landlock"]["state"]
        vault.stop_daemon()
        named = vault.base / "elsewhere" / "named.toml"
        named.parent.mkdir()
        named.write_text('idle_exit = "1h"\n')
        private = PrivateDoor(vault, "--config", named)
        self.addCleanup(private.close)
        with private.connect() as door:
            self.assertEqual(200, door.request("GET", "/aivault/whoami").status)
            self.assertEqual("2", modes_of(private.process.pid)["Seccomp"])
            new = named.with_suffix(".new")
            new.write_text('idle_exit = "2h"\n')
            new.rename(named)
            answer = door.request("POST", "/aivault/reload", {})
        self.assertEqual((400, f"cannot read '{named}': Permission denied") if landlock == "on" else (200, None),
                         (answer.status, answer.json().get("message")))

    def test_a_configuration_is_reloaded_inside(self):
        vault = self.vault()
        vault.ok("status")
        vault.start_daemon()
        landlock = vault.ok("status", "-v").json()["daemon"]["hardening"]["landlock"]["state"]

        def reload():
            with HttpSocket(vault.socket) as door:
                answer = door.request("POST", "/aivault/reload", {})
                return answer.status, answer.json().get("changed", answer.json().get("message"))

        def replace(file, text):
            new = file.with_suffix(".new")
            new.write_text(text)
            new.chmod(0o600)
            new.rename(file)
        # It came after the start, and others take its place.
        for calls in (7, 8):
            replace(vault.root / "config.toml", f"[limits]\ncalls = {calls}\n")
            self.assertEqual((200, ["limits.calls"]), reload())
        vault.ok("doctor")
        vault.stop_daemon()
        # One that was named is read where it was; its directory is not the daemon's.
        named = vault.base / "elsewhere" / "named.toml"
        named.parent.mkdir()
        replace(named, "[limits]\ncalls = 9\n")
        vault.start_daemon("--config", named)
        named.write_text("[limits]\ncalls = 10\n")
        self.assertEqual((200, ["limits.calls"]), reload())
        replace(named, "[limits]\ncalls = 11\n")
        self.assertEqual((400, f"cannot read '{named}': Permission denied") if landlock == "on" else (200, ["limits.calls"]), reload())
        vault.stop_daemon()
        replace(named, f'sandbox.read = ["{named.parent}"]\n')
        vault.start_daemon("--config", named)
        replace(named, f'limits.calls = 12\nsandbox.read = ["{named.parent}"]\n')
        self.assertEqual((200, ["limits.calls"]), reload())


if __name__ == "__main__":
    main()

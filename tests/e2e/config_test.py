"""The daemon's configuration file: what it says counts, after flags and variables, and a bad one ends the start."""

import json
import os
import subprocess
import sys

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, is_release, main


class Config(Scenario):
    def setUp(self):
        self.v = self.vault()
        self.v.root.mkdir(mode=0o700)
        self.file = self.v.root / "config.toml"

    def write(self, text, file=None, mode=0o600):
        file = file or self.file
        file.write_text(text)
        file.chmod(mode)
        return file

    def daemon(self, *flags, env=None):
        return subprocess.run([str(programs.DAEMON), *map(str, flags)], env=self.v.environment(env), cwd=self.v.base,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def effective(self, *flags, env=None):
        done = self.daemon("--check-config", *flags, env=env)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return json.loads(done.stdout)

    def refused(self, text, *flags):
        done = self.daemon(*flags)
        self.assertEqual((1, text + "\n", ""), (done.returncode, done.stderr, done.stdout))

    def test_a_flag_counts_before_a_variable_and_that_before_the_file(self):
        self.write('listen = "127.0.0.1:1001"\nlog_level = "warn"\nidle_exit = "90s"\n')
        self.assertEqual("127.0.0.1:1001", self.effective()["listen"])
        env = {"AIVAULTD_LISTEN": "127.0.0.1:1002", "AIVAULTD_LOG": "debug"}
        shown = self.effective(env=env)
        self.assertEqual(("127.0.0.1:1002", "debug", "90s"), (shown["listen"], shown["log_level"], shown["idle_exit"]))
        self.assertEqual("127.0.0.1:1003", self.effective("--listen", "127.0.0.1:1003", env=env)["listen"])
        self.assertEqual([str(self.file)], shown["files"])
        # Only the named one is read.
        other = self.write("shared = true\n", self.v.base / "other.toml")
        shown = self.effective("--config", other.name)
        self.assertEqual((None, True, "0660", [str(other)]), (shown["listen"], shown["shared"], shown["socket_mode"], shown["files"]))

    def test_without_files_everything_is_as_documented(self):
        shown = self.effective()
        self.assertEqual([], shown["files"])
        self.assertEqual({"calls": 2048, "calls_per_identity": 256, "connections": 2048, "connections_per_uid": 256,
                          "memory": 128 << 20, "websocket_message": 16 << 20}, shown["limits"])
        self.assertEqual({"mode": "enforce", "read": [], "require": False, "write": []}, shown["sandbox"])
        self.assertEqual(("10s", "0s", "0600", "0700"), tuple(shown[key] for key in (
            "drain_timeout", "idle_exit", "socket_mode", "socket_dir_mode")))
        self.assertFalse(self.v.socket.exists(), "checking starts nothing")

    def test_a_bad_file_ends_the_start_with_its_place(self):
        for text, what in (('\nsokcet = "/x"\n', "2: unknown key 'sokcet'; did you mean 'socket'?"),
                           ("[limits]\nconnections = -1\n", "2: 'limits.connections' must be a number from 1 to 65536")):
            self.write(text)
            for flags in ((), ("--check-config",), ("--stdio",)):
                self.refused(f"{self.file}:{what}", *flags)
        self.write("", mode=0o660)
        self.refused(f"unsafe configuration file '{self.file}': others can write it")
        self.file.unlink()
        self.file.symlink_to("/dev/null")
        self.refused(f"unsafe configuration file '{self.file}': a symbolic link")
        self.file.unlink()
        if os.geteuid() == 0:
            self.write("")
            os.chown(self.file, 1, 1)
            self.refused(f"unsafe configuration file '{self.file}': it belongs to another user")
            self.file.unlink()
        self.refused(f"cannot read '{self.v.base}/none': No such file or directory", "--config", "none")
        self.write('socket_mode = "0666"\n')
        self.refused("refusing a socket open to everyone")

    def test_a_command_says_what_is_wrong_with_it(self):
        self.write("shared = 1\n")
        self.v.fails(f"{self.file}:1: 'shared' must be true or false", "status")

    def test_limits_of_the_file_hold(self):
        self.write("[limits]\nconnections_per_uid = 2\n")
        self.v.start_daemon()
        doors = [HttpSocket(self.v.socket) for _ in range(10)]  # Two, and eight of the operator's own.
        for door in doors:
            self.assertEqual(200, door.request("GET", "/aivault/health").status)
        with HttpSocket(self.v.socket) as more:
            answer = more.answer()
            self.assertEqual((429, "too many connections"), (answer.status, answer.json()["message"]))
        for door in doors:
            door.socket.close()

    def test_sockets_of_the_file_are_served(self):
        agents = self.v.root / "agents.sock"
        self.write(f'shared = true\nshared_socket = "{agents}"\nlisten = "[::1]:0"\nlisten_origins = ["http://app.test"]\n')
        self.v.start_daemon()
        with HttpSocket(agents) as door:
            who = door.request("GET", "/aivault/whoami").json()
            self.assertEqual("agent", who["socket"])
            self.assertRegex(who["listen"], r"^\[::1\]:[1-9][0-9]*$")
            self.assertEqual(200, door.request("GET", "/aivault/health", headers=[("origin", "http://app.test")]).status)
            self.assertEqual(403, door.request("GET", "/aivault/health", headers=[("origin", "http://evil.test")]).status)
        daemon = self.v.ok("status", "--json").json()["daemon"]
        self.assertEqual((who["listen"], ["http://app.test"], True), (daemon["listen"], daemon["listenOrigins"], daemon["shared"]))

    def test_without_its_sandbox_a_daemon_that_requires_it_does_not_start(self):
        self.write("sandbox.require = true\n")
        if is_release():
            self.v.start_daemon()
        else:  # A build with sanitizers has none.
            done = self.daemon()
            self.assertEqual((1, "sandbox.require is set, and the sandbox is incomplete: this build has none"),
                             (done.returncode, done.stderr.splitlines()[-1]))
            self.assertFalse(self.v.socket.exists())
        self.write('sandbox.require = true\nsandbox.mode = "off"\n')
        self.refused('sandbox.require and sandbox.mode = "off" exclude each other', "--socket", self.v.root / "other.sock")

    def test_a_sandbox_that_is_off_is_shown(self):
        self.write('sandbox.mode = "off"\n')
        self.v.start_daemon()
        self.assertEqual("off", self.v.ok("status", "--json").json()["daemon"]["hardening"]["sandboxMode"])
        self.assertIn("sandbox.off reason=sandbox.mode", (self.v.socket.parent / "aivaultd.log").read_text())
        doctor = self.v.run("doctor", "--json")
        self.assertEqual((1, "fail"), (doctor.code, {each["id"]: each["status"] for each in doctor.json()["checks"]}["sandbox-mode"]))


if __name__ == "__main__":
    sys.exit(main())

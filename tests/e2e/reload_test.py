"""A daemon takes a changed configuration over while it serves: SIGHUP and POST /aivault/reload."""

import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

CALL = {"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}


class Reload(Scenario):
    def setUp(self):
        self.v = self.vault()
        self.v.root.mkdir(mode=0o700)
        self.file = self.v.root / "config.toml"

    def write(self, text):
        """As an editor does: another file takes its place."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.file)

    def log(self):
        return (self.v.socket.parent / "aivaultd.log").read_text()

    def reload(self):
        with HttpSocket(self.v.socket) as door:
            return door.request("POST", "/aivault/reload", {})

    def applied(self, changed, restart_needed=()):
        answer = self.reload()
        self.assertEqual((200, {"changed": list(changed), "restartNeeded": list(restart_needed)}),
                         (answer.status, answer.json()))

    def hang_up(self):
        """One hang-up, served to its end."""
        served = self.log().count("daemon.reload")
        os.kill(self.v.daemon.pid, signal.SIGHUP)
        wait_until(lambda: self.log().count("daemon.reload") > served, 60, "the reload")

    def streaming_api(self):
        """An upstream whose answers end when the returned event is set."""
        finish = threading.Event()
        self.addCleanup(finish.set)

        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            exchange.chunk("begun\n")
            finish.wait(60)
            exchange.chunk("over\n")
            exchange.end()
        upstream = self.upstream(answer)
        self.v.add_api(upstream, self.ca, canary())
        return finish

    def open_stream(self):
        door = HttpSocket(self.v.socket)
        self.addCleanup(door.socket.close)
        lines = ["POST /aivault/proxy HTTP/1.1", "host: a", "content-type: application/json"]
        body = b'{"capability":"acme/call","request":{"method":"GET","path":"/v1"}}'
        door.send("\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body)
        while b"begun" not in door.buffer:
            door._fill()
        return door

    def doctor(self):
        return {each["id"]: each for each in self.v.run("doctor", "--json").json()["checks"]}

    def call(self):
        with HttpSocket(self.v.socket) as door:
            return door.call(CALL)

    def test_limits_change_while_a_stream_goes_on(self):
        finish = self.streaming_api()
        self.v.start_daemon()
        stream = self.open_stream()
        self.write("[limits]\ncalls_per_identity = 1\n")
        self.applied(["limits.calls_per_identity"])
        refused = self.call()
        self.assertEqual((429, "concurrency_limit"), (refused.status, refused.json()["reason"]))
        self.write("[limits]\ncalls = 1\n")
        self.applied(["limits.calls", "limits.calls_per_identity"])
        self.assertEqual(429, self.call().status)
        self.write("")
        self.applied(["limits.calls"])
        another = self.open_stream()
        finish.set()
        for each in (stream, another):
            answer = each.answer()
            self.assertEqual((200, b"begun\nover\n"), (answer.status, answer.body))
        self.applied([])

    def test_connections_are_counted_by_the_new_limit(self):
        self.v.start_daemon()
        doors = [HttpSocket(self.v.socket) for _ in range(12)]
        for door in doors:
            self.addCleanup(door.socket.close)
            self.assertEqual(200, door.request("GET", "/aivault/health").status)
        self.write("[limits]\nconnections_per_uid = 2\n")
        answer = doors[0].request("POST", "/aivault/reload", {})
        self.assertEqual(["limits.connections_per_uid"], answer.json()["changed"])
        with HttpSocket(self.v.socket) as more:
            self.assertEqual(429, more.answer().status)
        for door in doors:
            self.assertEqual(200, door.request("GET", "/aivault/health").status, "those that were there stay")
        self.write("")
        self.assertEqual(200, doors[0].request("POST", "/aivault/reload", {}).status)
        self.assertEqual(200, self.reload().status)

    def test_drain_timeout_changes_while_a_stream_goes_on(self):
        self.streaming_api()
        self.write('drain_timeout = "5m"\n')
        daemon = self.v.start_daemon()
        stream = self.open_stream()
        self.write('drain_timeout = "0s"\n')
        self.applied(["drain_timeout"])
        daemon.terminate()
        self.assertEqual(0, daemon.wait(60))
        with self.assertRaises(EOFError):
            stream.answer()

    def test_idle_exit_changes_and_counts_from_then(self):
        daemon = self.v.start_daemon()
        self.write('idle_exit = "200ms"\n')
        self.hang_up()
        self.assertEqual(0, daemon.wait(60))
        # And it can be taken away from one that would have ended.
        self.write('idle_exit = "2s"\n')
        daemon = self.v.start_daemon()
        door = HttpSocket(self.v.socket)
        self.write("")
        self.assertEqual(["idle_exit"], door.request("POST", "/aivault/reload", {}).json()["changed"])
        door.socket.close()
        time.sleep(3)  # What is looked for is that nothing happens.
        self.assertIsNone(daemon.poll())

    def test_log_level_changes(self):
        self.v.start_daemon()
        self.write('log_level = "error"\n')
        self.applied(["log_level"])
        quiet = self.log().count("daemon.reload ")
        self.applied([])
        self.assertEqual(quiet, self.log().count("daemon.reload "))
        self.write('log_level = "info"\n')
        self.applied(["log_level"])
        self.assertEqual(quiet + 1, self.log().count("daemon.reload "))

    def test_a_bad_file_changes_nothing_and_is_named(self):
        self.write("[limits]\nconnections_per_uid = 300\n")
        self.v.start_daemon()
        elsewhere = self.v.base / "elsewhere.toml"
        elsewhere.write_text("")
        bad = [("log_level = \"debug\"\n[limits]\nconnections = 0\n",
                f"{self.file}:3: 'limits.connections' must be a number from 1 to 65536"),
               ("\n\ndrain_timeot = 1\n", f"{self.file}:3: unknown key 'drain_timeot'; did you mean 'drain_timeout'?"),
               ('socket_mode = "0666"\n', "refusing a socket open to everyone")]
        for text, message in bad:
            self.write(text)
            answer = self.reload()
            self.assertEqual((400, "invalid_request", message), (answer.status, answer.json()["error"], answer.json()["message"]))
            self.hang_up()
            self.assertIn("daemon.reload_refused reason=", self.log())

        def unsafe(why):
            answer = self.reload()
            self.assertEqual((400, f"unsafe configuration file '{self.file}': {why}"), (answer.status, answer.json()["message"]))
        self.write("")
        self.file.chmod(0o620)
        unsafe("others can write it")
        self.file.unlink()
        self.file.symlink_to(elsewhere)
        unsafe("a symbolic link")
        self.file.unlink()
        if os.geteuid() == 0:
            self.write("")
            self.file.chmod(0o644)
            os.chown(self.file, 1, 1)
            unsafe("it belongs to another user")
            self.file.unlink()
        # What was read first was in force all the time: only now it is gone.
        self.applied(["limits.connections_per_uid"])

    def test_what_needs_a_restart_is_named_until_it_has_one(self):
        self.v.start_daemon()
        self.write('shared = true\nlisten = "127.0.0.1:0"\naudit_durability = "strict"\nlog_level = "warn"\n'
                   '[limits]\nmemory = "64MiB"\n[sandbox]\nread = ["/srv"]\n')
        needed = ["audit_durability", "limits.memory", "listen", "sandbox.read", "shared", "shared_socket",
                  "socket_dir_mode", "socket_mode"]
        self.applied(["log_level"], needed)
        self.applied([], needed)
        self.assertIn("daemon.restart_needed keys=" + ",".join(needed), self.log())
        self.assertIsNone(self.v.ok("status", "--json").json()["daemon"]["listen"])
        self.write("")
        self.applied(["log_level"])

    def test_a_variable_counts_before_the_file_also_then(self):
        self.v.start_daemon(env={"AIVAULTD_LOG": "debug", "AIVAULTD_IDLE_EXIT": "1h"})
        self.write('log_level = "error"\nidle_exit = "1s"\ndrain_timeout = "3s"\n')
        self.applied(["drain_timeout"])

    def test_hangups_never_end_a_daemon(self):
        finish = self.streaming_api()
        daemon = self.v.start_daemon()
        stream = self.open_stream()
        stop = threading.Event()

        def reloads():
            served = 0
            while not stop.is_set():
                self.assertEqual(200, self.reload().status)
                served += 1
            return served
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(reloads) for _ in range(2)]
            for number in range(500):
                self.write(f"[limits]\ncalls = {100 + number}\n")
                os.kill(daemon.pid, signal.SIGHUP)
            stop.set()
            self.assertTrue(all(each.result(60) for each in asked))
        self.assertEqual(200, self.reload().status)
        self.assertIsNone(daemon.poll())
        self.assertIn("limits.calls = 599", self.doctor()["config"]["detail"])
        finish.set()
        self.assertEqual(b"begun\nover\n", stream.answer().body)

    def test_only_the_operator_reloads(self):
        agents = self.v.root / "agents.sock"
        self.v.start_daemon("--shared", env={"AIVAULTD_SHARED_SOCKET": str(agents)})
        self.v.add_secret("SOME", canary())
        self.write('log_level = "error"\n')
        with HttpSocket(agents) as door:
            answer = door.request("POST", "/aivault/reload", {})
            self.assertEqual((403, "operator_auth_required"), (answer.status, answer.json()["error"]))
        for method, target, body, status in (("GET", "/aivault/reload", None, 405), ("POST", "/aivault/reload?x=1", {}, 400),
                                             ("POST", "/aivault/reload", {"x": 1}, 400), ("POST", "/aivault/reload", [], 400)):
            with HttpSocket(self.v.socket) as door:
                self.assertEqual(status, door.request(method, target, body).status, (method, target, body))
        with HttpSocket(self.v.socket) as door:
            door.send(b"POST /aivault/reload HTTP/1.1\r\nhost: localhost\r\nx-aivault-via: tcp\r\ncontent-length: 0\r\n\r\n")
            self.assertEqual((403, "operator_auth_required"), ((answer := door.answer()).status, answer.json()["error"]))
        self.applied(["log_level"])
        self.applied([])
        acts = self.v.audit("--kind", "daemon.reload")
        self.assertEqual([("operator", os.geteuid(), "changed log_level")], [(act["actor"], act["uid"], act["note"]) for act in acts])
        # Equal refusals within a second share a record.
        wait_until(lambda: sum(int(act.get("count", 1)) for act in self.v.audit("--kind", "operator.denied")) == 2, 60, "both refusals")
        self.write("")
        self.hang_up()
        wait_until(lambda: len(self.v.audit("--kind", "daemon.reload")) == 2, 60, "the record")
        self.assertEqual("daemon", self.v.audit("--kind", "daemon.reload")[0]["actor"])

    def test_doctor_compares_the_files_with_what_is_in_force(self):
        self.write("[limits]\ncalls = 9\n")

        def config():
            check = self.doctor()["config"]
            return check["status"], check["detail"]
        self.assertEqual(("ok", f"{self.file} can be read"), config(), "there is no daemon")
        self.v.start_daemon()
        self.assertEqual(("ok", f"{self.file}; in force: limits.calls = 9"), config())
        self.write("[limits]\ncalls = 8\nmemory = 999999999\n")
        self.assertEqual(("warn", "changed since it was read: limits.calls"), config())
        self.hang_up()
        self.assertEqual(("warn", "changed since the start: limits.memory"), config())
        self.write("limits = 1\n")
        status, detail = config()
        self.assertEqual("fail", status)
        self.assertIn(f"{self.file}:1: unknown key 'limits'", detail)
        self.file.unlink()
        self.applied(["limits.calls"])
        self.assertEqual(("ok", "no file; in force: everything as built in"), config())

    def test_doctor_looks_at_overrides_certificates_and_names(self):
        self.v.start_daemon()
        checks = self.doctor()
        self.assertEqual(("ok", "none"), (checks["dev-overrides"]["status"], checks["dev-overrides"]["detail"]))
        self.assertEqual("ok", checks["trust-store"]["status"])
        self.assertNotIn("dns", checks, "there is no vault")
        upstream = self.upstream()
        secret = self.v.add_api(upstream, self.ca, canary())
        self.assertEqual(("ok", "'localhost' has addresses"), tuple(self.doctor()["dns"][key] for key in ("status", "detail")))
        self.v.ok("credential", "disable", "acme")
        self.assertEqual("ok", self.doctor()["dns"]["status"])
        # RFC 6761: no such host, whatever the resolver is.
        self.v.ok("credential", "create", "far", "--provider", "far", "--secret-ref", f"vault:secret:{secret['secretId']}",
                  "--host", "api.aivault.invalid", "--auth", "header")
        check = self.doctor()["dns"]
        self.assertEqual("warn", check["status"])
        self.assertIn("'api.aivault.invalid' is not found", check["detail"])
        self.v.stop_daemon()
        self.v.start_daemon(env={"AIVAULT_DEV_ALLOW_SECRET_ECHO": "1"})
        check = self.doctor()["dev-overrides"]
        self.assertEqual(("fail", "set: AIVAULT_DEV_ALLOW_SECRET_ECHO"), (check["status"], check["detail"]))

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_the_command_of_the_guide_reloads(self):
        text = (pathlib.Path(__file__).resolve().parents[2] / "docs/daemon.md").read_text()
        line = next(line for line in text.splitlines() if line.startswith("curl ") and line.endswith("/aivault/reload"))
        self.v.start_daemon()
        self.write("limits.calls = 9\n")
        done = subprocess.run(["/bin/sh", "-c", line.replace("~/.aivault/run/aivaultd.sock", str(self.v.socket))],
                              capture_output=True, timeout=60)
        self.assertEqual(b'{"changed":["limits.calls"],"restartNeeded":[]}', done.stdout)

    def test_a_log_that_was_moved_away_is_opened_anew(self):
        self.v.start_daemon()
        log = self.v.socket.parent / "aivaultd.log"
        log.rename(log.with_suffix(".old"))
        self.applied([])
        self.assertIn("daemon.reload ", log.read_text())
        self.assertEqual(0o600, log.stat().st_mode & 0o777)

    def test_a_key_that_is_back_is_found(self):
        self.v.add_secret("SOME", canary())
        away = self.v.base / "kek.away"
        shutil.move(self.v.key_file, away)
        daemon = self.start_unready()
        shutil.move(away, self.v.key_file)
        os.kill(daemon.pid, signal.SIGHUP)
        wait_until(lambda: "daemon.reload " in self.v.log.read_text(), 60, "the reload")
        wait_until(lambda: len(self.v.audit("--kind", "daemon.start")) == 1, 60, "the vault is open")

    def start_unready(self):
        """A daemon that nobody waits for, so that it stays although its vault cannot be opened."""
        with open(self.v.log, "ab") as log:
            self.v.daemon = subprocess.Popen([str(programs.DAEMON)], env=self.v.environment(), cwd="/",
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: "vault.unavailable" in self.v.log.read_text(), 60, "the complaint")
        wait_until(pathlib.Path(self.v.socket).exists, 60, "the socket")
        wait_until(lambda: "daemon.ready" in self.v.log.read_text(), 60, "the daemon")
        return self.v.daemon


if __name__ == "__main__":
    sys.exit(main())

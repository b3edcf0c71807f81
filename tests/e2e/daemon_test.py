"""The life of the daemon: one per path, autostart and its rules, restart, ends."""

import base64
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from lib.http_socket import HttpSocket
from lib import vault as programs
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until


class Daemon(Scenario):
    def api(self, layout="home", answer=None):
        vault, upstream = self.vault(layout), self.upstream(answer)
        vault.add_api(upstream, self.ca, canary())
        return vault, upstream

    CALL = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")

    def test_a_call_starts_a_lasting_daemon_and_the_next_one_uses_it(self):
        vault, _ = self.api()
        self.assertEqual([], vault.daemons())
        vault.ok(*self.CALL)
        first = vault.daemons()
        self.assertEqual(1, len(first))
        vault.ok(*self.CALL)
        self.assertEqual(first, vault.daemons())
        self.assertIn("running", vault.ok("status").text)

    def test_aivault_dir_starts_it_for_one_call(self):
        vault, _ = self.api("dir")
        vault.ok(*self.CALL)
        self.assertEqual([], vault.daemons())

    def test_operator_commands_leave_no_daemon(self):
        vault = self.vault("home")
        vault.ok("status")
        vault.ok("secrets", "create", "--name", "X", "--value-file", "-", stdin="value")
        self.assertEqual([], vault.daemons())
        self.assertIn("not running", vault.ok("status").text)

    def test_autostart_may_be_forbidden(self):
        vault, upstream = self.api()
        vault.fails(f"aivaultd not running at '{vault.socket}' (autostart disabled)", *self.CALL,
                    env={"AIVAULTD_AUTOSTART": "0"})
        self.assertEqual(0, upstream.connections)

    def test_without_any_shared_daemon(self):
        vault, upstream = self.api()
        vault.ok(*self.CALL, env={"AIVAULTD_DISABLE": "1"})
        self.assertEqual((1, []), (len(upstream.requests), vault.daemons()))

    def test_one_daemon_per_path(self):
        vault = self.vault("home")
        vault.start_daemon()
        second = subprocess.run([str(programs.DAEMON)], env=vault.environment(), capture_output=True, timeout=60)
        self.assertEqual(0, second.returncode)
        self.assertIn(f"aivaultd is already running at '{vault.socket}'", second.stderr.decode())
        with HttpSocket(vault.socket) as door:
            self.assertEqual("serving", door.request("GET", "/aivault/health").json()["state"])

    def test_a_dead_socket_is_replaced_and_anything_else_is_not(self):
        vault = self.vault("home")
        vault.socket.parent.mkdir(parents=True, mode=0o700)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(vault.socket))
        vault.start_daemon()
        self.assertEqual(0, vault.stop_daemon())
        vault.socket.write_text("a file of somebody's")
        failed = subprocess.run([str(programs.DAEMON)], env=vault.environment(), capture_output=True, timeout=60)
        self.assertEqual(1, failed.returncode)
        self.assertIn("is not our socket", failed.stderr.decode())
        self.assertEqual("a file of somebody's", vault.socket.read_text())

    def test_a_directory_that_others_can_write_is_refused(self):
        vault = self.vault("home")
        vault.socket.parent.mkdir(parents=True)
        vault.socket.parent.chmod(0o777)
        failed = subprocess.run([str(programs.DAEMON)], env=vault.environment(), capture_output=True, timeout=60)
        self.assertEqual(1, failed.returncode)
        self.assertIn("unsafe socket directory", failed.stderr.decode())

    def test_modes_from_the_first_instant(self):
        vault = self.vault("home")
        vault.start_daemon()
        self.assertEqual((0o600, 0o700), (vault.socket.stat().st_mode & 0o777, vault.socket.parent.stat().st_mode & 0o777))

    # Case 226.
    def test_killed_in_the_middle_it_starts_again_and_closes_the_record(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def answer(exchange):
            exchange.start(200)
            exchange.chunk("begun\n")
            release.wait(30)
        vault, upstream = self.api(answer=answer)
        vault.start_daemon()
        process = vault.start(*self.CALL, "--stream")
        process.stdin.close()
        self.assertEqual(b"begun\n", process.stdout.readline())
        vault.daemon.kill()
        vault.daemon.wait()
        self.assertEqual(1, process.wait(20))
        self.assertIn("the request may have been executed", process.stderr.read().decode())
        release.set()
        upstream.answer = lambda exchange: exchange.reply(200, "again")
        vault.start_daemon()
        self.assertEqual(b"again", vault.ok(*self.CALL).out)
        ended = wait_until(lambda: vault.calls("--outcome", "error"), what="the closed record")
        self.assertEqual("internal", ended[0]["reason"])
        self.assertEqual(2, len(upstream.requests))

    def test_a_signal_lets_running_calls_finish(self):
        release = threading.Event()

        def answer(exchange):
            exchange.start(200)
            exchange.chunk("first\n")
            release.wait(20)
            exchange.chunk("last\n")
            exchange.end()
        vault, _ = self.api(answer=answer)
        daemon = vault.start_daemon()
        process = vault.start(*self.CALL, "--stream")
        process.stdin.close()
        self.assertEqual(b"first\n", process.stdout.readline())
        daemon.send_signal(signal.SIGTERM)
        wait_until(lambda: not vault.socket.exists(), what="the socket's end")
        release.set()
        self.assertEqual((b"last\n", 0), (process.stdout.read(), process.wait(20)))
        self.assertEqual(0, vault.stop_daemon())

    def test_restart(self):
        vault, _ = self.api()
        vault.ok(*self.CALL)
        before = vault.daemons()
        printed = vault.ok("restart").json()
        self.assertTrue(printed["restarted"])
        self.assertEqual(str(vault.socket), printed["socket"])
        after = wait_until(lambda: [pid for pid in vault.daemons() if pid not in before], what="another process")
        wait_until(lambda: vault.daemons() == after, 15, "only the new one")
        vault.ok(*self.CALL)
        self.assertEqual(after, vault.daemons())

    def test_restart_without_the_key_leaves_the_daemon_alone(self):
        vault, key = self.vault("home"), base64.b64encode(os.urandom(32)).decode()
        vault.ok("init", "--provider", "env", "--env-var", "MY_VAULT_KEY", env={"MY_VAULT_KEY": key})
        vault.start_daemon(env={"MY_VAULT_KEY": key})
        pid = vault.daemon.pid
        vault.fails("environment variable 'MY_VAULT_KEY': it is not set here", "restart")
        self.assertEqual([pid], vault.daemons())
        vault.ok("secrets", "list")
        vault.ok("restart", env={"MY_VAULT_KEY": key})
        wait_until(lambda: vault.daemons() and pid not in vault.daemons(), what="another process")
        vault.ok("secrets", "list")

    def test_calls_during_restarts_do_not_fail(self):
        vault, upstream = self.api()
        vault.ok(*self.CALL)
        stop, failures, count = threading.Event(), [], [0]

        def caller():
            while not stop.is_set():
                outcome = vault.run(*self.CALL)
                count[0] += 1
                if outcome.code:
                    failures.append(str(outcome))
        thread = threading.Thread(target=caller)
        thread.start()
        for _ in range(3):
            vault.ok("restart")
            time.sleep(0.3)
        stop.set()
        thread.join()
        self.assertEqual([], failures)
        self.assertEqual(count[0] + 1, len(upstream.requests))

    def test_idle_exit(self):
        vault = self.vault("home")
        daemon = vault.start_daemon(env={"AIVAULTD_IDLE_EXIT": "500ms"})
        self.assertEqual(0, daemon.wait(20))
        self.assertFalse(vault.socket.exists())

    def test_a_closed_terminal_does_not_end_it(self):
        vault = self.vault("home")
        daemon = vault.start_daemon()
        daemon.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertIsNone(daemon.poll())

    @unittest.skipUnless(os.geteuid() == 0, "a pid namespace needs root")
    def test_as_pid_1_it_leaves_no_zombie_and_ends_when_told(self):
        vault = self.vault("home")
        ready = vault.base / "orphan"
        # The orphan's parent is gone before the daemon takes the place of the shell.
        script = f'(sh -c "touch {ready}; sleep 0.5" &); exec {programs.DAEMON}'
        with open(vault.log, "ab") as log:
            outside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script], env=vault.environment(),
                                       cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(outside.wait, 20)
        self.addCleanup(outside.kill)

        def children(pid):
            return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        wait_until(vault.socket.exists, 60, "the daemon")
        wait_until(ready.exists, 60, "the orphan")
        [first] = children(outside.pid)
        wait_until(lambda: not children(first), 60, "the orphan is reaped")
        os.kill(first, signal.SIGTERM)
        self.assertEqual(0, outside.wait(60))

    def test_a_missing_key_is_reported_at_the_start_and_never_replaced(self):
        vault, _ = self.api()
        key = vault.key_file.read_bytes()
        vault.key_file.unlink()
        vault.start_daemon(expect="ERROR")
        vault.daemon = None
        self.assertFalse(vault.key_file.exists())
        vault.fails("vault provider misconfigured", "secrets", "create", "--name", "Y", "--value-file", "-", stdin="v")
        vault.key_file.write_bytes(key)
        vault.key_file.chmod(0o644)
        failed = vault.fails("vault provider misconfigured", "secrets", "create", "--name", "Y", "--value-file", "-", stdin="v")
        self.assertIn("chmod", failed.errors)
        vault.key_file.chmod(0o600)
        vault.ok(*self.CALL)

    def test_the_private_child_ends_with_its_parent(self):
        vault = self.vault("home")
        parent, child = socket.socketpair()
        process = subprocess.Popen([str(programs.DAEMON), "--stdio"], stdin=child, env=vault.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        child.close()
        parent.sendall(b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n")
        self.assertIn(b"200", parent.recv(4096))
        parent.close()
        self.assertEqual(0, process.wait(10), process.stderr.read())
        process.stderr.close()
        self.assertFalse(vault.socket.parent.exists())

    def test_two_concurrent_starts_end_with_one_daemon(self):
        vault, upstream = self.api()
        processes = [vault.start(*self.CALL) for _ in range(12)]
        for process in processes:
            _, err = process.communicate(timeout=60)
            self.assertEqual(0, process.returncode, err)
        self.assertEqual((12, 1), (len(upstream.requests), len(vault.daemons())))

    def test_an_untrusted_socket_gets_no_byte(self):
        if os.geteuid() != 0:
            self.skipTest("needs another user")
        from lib.users import TemporaryUser
        stranger = self.enterContext(TemporaryUser("aivtests"))
        owner = self.enterContext(TemporaryUser("aivtesto"))
        vault = self.vault("home", owner)
        vault.ok("status")
        run = vault.socket.parent
        run.mkdir(exist_ok=True)
        os.chown(run, owner.uid, owner.gid)
        run.chmod(0o777)  # what somebody careless has done
        got = self.scratch / "got"
        got.write_bytes(b"")
        got.chmod(0o666)
        code = ("import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\n"
                "import os\nos.chmod(sys.argv[1],0o777)\ns.listen()\nprint('up',flush=True)\n"
                "c,_=s.accept()\nopen(sys.argv[2],'wb').write(c.recv(100))\n")
        for path in (vault.base, vault.base / ".aivault"):
            path.chmod(0o755)
        fake = subprocess.Popen(["/usr/bin/python3", "-c", code, str(vault.socket), str(got)],
                                stdout=subprocess.PIPE, cwd="/", **stranger.popen_arguments())
        try:
            self.assertEqual(b"up\n", fake.stdout.readline())
            vault.fails(f"untrusted daemon at '{vault.socket}'", *self.CALL)
        finally:
            fake.kill()
            fake.wait()
            fake.stdout.close()
        self.assertEqual(b"", got.read_bytes())

    def test_root_gives_no_secret_to_another_users_daemon(self):
        if os.geteuid() != 0:
            self.skipTest("needs another user")
        from lib.users import TemporaryUser
        stranger = self.enterContext(TemporaryUser("aivtests"))
        vault = self.vault()
        run = vault.socket.parent
        run.mkdir(parents=True)
        for path in (vault.base, vault.root, run):
            os.chown(path, stranger.uid, stranger.gid)
        got = run / "got"
        code = ("import re,socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\n"
                "print('up',flush=True)\ngot=open(sys.argv[2],'wb',0)\n"
                "while True:\n c,_=s.accept()\n while (d:=c.recv(65536)):\n  got.write(d)\n"
                "  if b'100-continue' in d: c.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n'); continue\n"
                "  b=b'{\"ok\":true,\"state\":\"serving\",\"vaultRoot\":\"%s\"}'%sys.argv[3].encode()\n"
                "  c.sendall(b'HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\n"
                "content-length: %d\\r\\n\\r\\n'%len(b)+b)\n")
        fake = subprocess.Popen(["/usr/bin/python3", "-c", code, str(vault.socket), str(got), str(vault.root)],
                                stdout=subprocess.PIPE, cwd="/", **stranger.popen_arguments())
        try:
            self.assertEqual(b"up\n", fake.stdout.readline())
            vault.fails(f"'{vault.root}' belongs to uid {stranger.uid}; create the vault as that user",
                        "secrets", "create", "--name", "x", "--value-file", "-", stdin="sk-test-0001")
        finally:
            fake.kill()
            fake.wait()
            fake.stdout.close()
        self.assertEqual(b"", got.read_bytes())
        self.assertEqual(["run"], [path.name for path in vault.root.iterdir()])


if __name__ == "__main__":
    sys.exit(main())

"""Attacks on sockets and permissions (SK)."""

import array
import errno
import json
import os
import pathlib
import pwd
import socket
import stat
import subprocess
import threading

import world
from lib.http_socket import HttpSocket
from world import OPERATOR_SOCKET, SOCKET, Attack, Refused, as_user, wait_until


HEALTH = b"GET /aivault/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
MOST_OF_ONE = 256  # connections of one uid


def connect():
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(SOCKET))
    return "connected"


class Sockets(Attack):
    def test_SK1_a_uid_outside_the_group_cannot_connect(self):
        with self.assertRaises(Refused) as refused:
            as_user("other1", connect)
        self.assertEqual(errno.EACCES, refused.exception.errno)
        self.assertEqual("connected", as_user("agent1", connect))
        self.assertNotIn("other1", self.log.read_text())

    def test_a_user_made_while_the_daemon_runs_is_known(self):
        # Every new user gives the machine another /etc/passwd.
        subprocess.run(["useradd", "-m", "later1"], check=True)
        self.addCleanup(subprocess.run, ["userdel", "-r", "later1"], capture_output=True)
        self.run_as("root", "aivault", "setup", "agent-access", "--agent-user", "later1", "--daemon-user", "aivault")
        self.assertServes("later1")
        self.assertServes("agent1")

    def test_SK2_an_agent_cannot_touch_the_socket_or_its_directory(self):
        def unlink():
            os.unlink(SOCKET)

        def rename():
            os.rename(SOCKET, SOCKET.with_name("x"))

        def chmod():
            os.chmod(SOCKET, 0o666)

        def replace():
            os.symlink("/tmp/x", SOCKET.with_name(".x"))
        for act in (unlink, rename, chmod, replace):
            with self.subTest(act.__name__), self.assertRaises(Refused) as refused:
                as_user("agent1", act)
            self.assertIn(refused.exception.errno, (errno.EACCES, errno.EPERM))
        self.assertServes()

    def test_SK3_a_directory_of_somebody_else_is_refused(self):
        trap = f"/tmp/trap-{os.getpid()}"
        as_user("agent1", lambda: os.mkdir(trap, 0o777))
        self.addCleanup(subprocess.run, ["rm", "-r", trap])
        refused = self.run_as("aivault", "aivaultd", "--shared", "--socket", f"{trap}/aivaultd.sock", code=1,
                              env={"AIVAULT_DIR": "/home/aivault/second"})
        self.assertIn(trap.encode(), refused.stderr)
        self.assertEqual([], os.listdir(trap))

    def test_SK5_a_link_or_a_file_in_its_place_is_never_removed(self):
        directory = pathlib.Path("/home/aivault/place")
        directory.mkdir(mode=0o700)
        os.chown(directory, 0, 0)
        subprocess.run(["chown", "aivault", directory], check=True)
        place = directory / "aivaultd.sock"
        for make in (lambda: place.write_text("kept"), lambda: place.symlink_to("/etc/passwd")):
            make()
            self.run_as("aivault", "aivaultd", "--socket", place, code=1, env={"AIVAULT_DIR": "/home/aivault/second"})
            self.assertTrue(place.is_symlink() or place.read_text() == "kept")
            place.unlink()

    def test_SK6_a_second_daemon_leaves_and_the_first_serves_on(self):
        second = self.run_as("aivault", "aivaultd", "--shared")
        self.assertIn(b"already running", second.stdout + second.stderr)
        self.assertServes()

    def test_SK7_a_socket_of_a_stranger_gets_no_byte(self):
        fake = pathlib.Path(f"/tmp/fake-{os.getpid()}")
        as_user("agent1", lambda: os.makedirs(fake, 0o755))
        self.addCleanup(subprocess.run, ["rm", "-r", fake])
        path = str(fake / "aivaultd.sock")
        agent = pwd.getpwnam("agent1")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        os.chown(path, agent.pw_uid, agent.pw_gid)
        os.chmod(path, 0o666)
        child = os.fork()
        if child == 0:
            os.setgid(agent.pw_gid)
            os.setuid(agent.pw_uid)
            listening.listen(5)  # the kernel tells a client who called this
            listening.settimeout(20)
            connection, _ = listening.accept()
            connection.settimeout(5)
            try:
                got = connection.recv(4096)
            except TimeoutError:
                got = b""
            os._exit(1 if got else 0)
        done = self.run_as("aivault", "aivault", "secrets", "create", "--name", "X", "--value-file", "-",
                           stdin=self.other_secret, env={"AIVAULTD_SOCKET": path})
        listening.close()
        _, status = os.waitpid(child, 0)
        self.assertEqual(0, os.waitstatus_to_exitcode(status), "the fake daemon heard something")
        # The operator's own vault served the command.
        self.assertIn(b'"name": "X"', done.stdout)

    def test_SK9_operator_operations_on_the_agent_socket_are_refused_and_recorded(self):
        for method, target in (("GET", "/aivault/secrets"), ("POST", "/aivault/secrets"), ("DELETE", "/aivault/secrets/x"),
                               ("PUT", "/aivault/capabilities/acme%2Fcall/policy"), ("POST", "/aivault/vault/lock"),
                               ("POST", "/aivault/vault/unlock"), ("GET", "/aivault/audit"),
                               ("GET", "/aivault/status"), ("POST", "/aivault/shutdown"), ("GET", "/aivault/nothing")):
            for user in ("agent1", "aivault"):
                status, _, body = self.ask(user, method, target, {} if method != "GET" else None)
                if target == "/aivault/nothing":
                    self.assertGreaterEqual(status, 403)
                    continue
                self.assertEqual((403, "operator token required"), (status, json.loads(body)["message"]), (user, target))
        self.assertTrue(self.audit("--kind", "operator.denied"))
        self.assertEqual(0o600, stat.S_IMODE(OPERATOR_SOCKET.stat().st_mode))
        with self.assertRaises(Refused):
            self.ask("agent1", "GET", "/aivault/health", where=OPERATOR_SOCKET)

    def test_SK10_identity_in_the_json_is_refused(self):
        for key, value in (("uid", 0), ("user", "root"), ("actor", "operator"), ("consumer", "aivault")):
            envelope = {"capability": "acme/call", "request": {"method": "GET", "path": "/v1", "headers": []}, key: value}
            status, _, body = self.ask("agent1", "POST", "/aivault/proxy", envelope)
            self.assertEqual((400, "invalid_request"), (status, json.loads(body)["error"]), key)
        self.assertEqual([], self.up.requests)
        self.assertServes()
        self.assertEqual("agent1", self.audit("--kind", "capability.invoke")[0]["user"])

    def test_SK13_passed_descriptors_are_closed(self):
        files = [os.open(name, os.O_RDONLY) for name in ("/", "/proc/self/status")]

        def act():
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(str(SOCKET))
                many = array.array("i", files * 100)
                door.sendmsg([b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n"],
                             [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
                door.settimeout(10)
                try:
                    return door.recv(4096)
                except OSError:
                    return b""
        as_user("agent1", act)
        for file in files:
            os.close(file)
        held = [os.readlink(f"/proc/{self.pid}/fd/{number}") for number in os.listdir(f"/proc/{self.pid}/fd")]
        self.assertNotIn("/", held)
        self.assertFalse([name for name in held if name.startswith("/proc/")], held)
        self.assertServes()

    def test_SK11_nobody_claims_a_context(self):
        self.operator("secrets", "create", "--name", "INNER_KEY", "--value-file", "-", "--scope", "workspace",
                      "--workspace-id", "w1", stdin=self.other_secret)
        inner = next(item["secretId"] for item in json.loads(self.operator("secrets", "list", "-v").stdout)
                     if item["name"] == "INNER_KEY")
        self.operator("credential", "create", "inner", "--provider", "inner", "--auth", "header", "--secret-ref",
                      f"vault:secret:{inner}", "--workspace-id", "w1", "--host", self.up.authority,
                      "--allow-private-network", "--tls-ca-file", self.ca_file)
        self.operator("capability", "create", "inner/call", "--credential", "inner", "--method", "GET", "--path", "/v1")
        for headers in ((), [("x-aivault-workspace", "w1")], [("x-aivault-workspace", "w1"), ("x-aivault-group", "g")],
                        [("x-aivault-group", "g")]):
            with self.subTest(headers):
                self.assertRefused(self.call(capability="inner/call", control=headers))
        frame = {"op": "execute_envelope", "workspace_id": "w1", "envelope": {
            "capability": "inner/call", "request": {"method": "GET", "path": "/v1", "headers": []}}}
        got = self.raw("agent1", json.dumps(frame).encode(), end=True)
        self.assertEqual((False, []), (json.loads(got)["ok"], self.up.requests))
        # The operator states it, and is served.
        self.operator("invoke", "inner/call", "--method", "GET", "--path", "/v1", "--workspace-id", "w1")
        self.assertEqual(f"Bearer {self.other_secret}", self.up.requests[-1].one("authorization"))

    def test_SK14_who_has_lost_access_is_out_at_once(self):
        self.run_as("root", "gpasswd", "-d", "agent2", "aivault")
        with self.assertRaises(Refused) as refused:
            as_user("agent2", connect)
        self.run_as("root", "gpasswd", "-a", "agent2", "aivault")
        self.assertEqual(errno.EACCES, refused.exception.errno)
        # A connection of before serves no call after the agent is gone.
        self.operator("agent", "create", "leaver", "--user", "agent2", "--allow", "acme/*")
        self.addCleanup(self.operator, "agent", "default-access", "open")
        ours, theirs = socket.socketpair()
        envelope = {"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}
        got = []

        def act():
            with HttpSocket(SOCKET) as door:
                before = door.call(envelope).status
                theirs.sendall(b"x")
                theirs.recv(1)
                answer = door.call(envelope)
                return before, answer.status, answer.json()["reason"]
        asking = threading.Thread(target=lambda: got.append(as_user("agent2", act)))
        asking.start()
        ours.settimeout(60)
        ours.recv(1)
        self.operator("agent", "delete", "leaver")
        ours.sendall(b"x")
        asking.join()
        ours.close()
        theirs.close()
        self.assertEqual([(200, 403, "agent_not_registered")], got)
        self.assertEqual(1, len(self.up.requests))

    def test_SK15_silent_connections_of_one_user_stop_nobody_else(self):
        more = 150
        asked, go_on = socket.socketpair()

        def crowd():
            go_on.settimeout(60)
            doors = [socket.socket(socket.AF_UNIX) for _ in range(MOST_OF_ONE + more)]
            for door in doors:
                door.connect(str(SOCKET))
            told = sum(b" 429 " in door.recv(4096) for door in doors[MOST_OF_ONE:])
            go_on.sendall(b"%d" % told)
            go_on.recv(1)  # Others ask, while these stay.
            for door in doors:
                door.close()

        child = os.fork()
        if child == 0:
            try:
                as_user("agent1", crowd)
            finally:
                os._exit(0)
        asked.settimeout(60)
        try:
            self.assertEqual(b"%d" % more, asked.recv(9))
            # Answered without being read: what is sent may find the connection closed.
            self.assertIn(b" 429 ", self.raw("agent1", HEALTH))
            self.assertServes("agent2")
            self.operator("status")
        finally:
            asked.sendall(b"x")
            os.waitpid(child, 0)
            asked.close()
            go_on.close()
        wait_until(lambda: b" 200 " in self.raw("agent1", HEALTH), 20, "the first one is served again")

    def test_SK17_an_empty_run_is_made_again_as_it_was(self):
        self.replaces_daemon = True
        self.stop_daemon()
        before = os.stat(SOCKET.parent)
        subprocess.run(["rm", "-r", SOCKET.parent], check=True)
        refused = self.run_as("aivault", "aivaultd", "--shared", code=1)
        self.assertIn(b"sudo aivault setup agent-access", refused.stderr)
        subprocess.run(["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/aivault.conf"], check=True)
        after = os.stat(SOCKET.parent)
        self.assertEqual((before.st_uid, before.st_gid, before.st_mode), (after.st_uid, after.st_gid, after.st_mode))
        self.start_daemon()
        self.assertEqual((0o660, before.st_gid), (stat.S_IMODE(SOCKET.stat().st_mode), SOCKET.stat().st_gid))
        self.assertServes()

    def test_SK18_a_daemon_that_cannot_tell_users_apart_serves_nobody(self):
        place = pathlib.Path("/home/aivault/hidden")
        place.mkdir(mode=0o750)
        os.chown(place, pwd.getpwnam("aivault").pw_uid, pwd.getpwnam("aivault").pw_gid)
        done = self.run_as("aivault", "timeout", "5", "unshare", "--user", "--map-current-user", "aivaultd", "--shared",
                           "--socket", place / "aivaultd.sock", code=None, env={"AIVAULT_DIR": "/home/aivault/second"})
        # Here even the directories show that users are hidden; behind a passed socket each of them is refused.
        self.assertEqual((1, True), (done.returncode, b"uid 65534" in done.stderr), done.stderr)
        self.assertEqual([], os.listdir(place))

    def test_SK19_nothing_else_listens(self):
        inodes = {os.readlink(f"/proc/{self.pid}/fd/{n}") for n in os.listdir(f"/proc/{self.pid}/fd")}
        listening = []
        for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[3], 16) & 0x10000 and f"socket:[{fields[6]}]" in inodes:
                listening.append(fields[7] if len(fields) > 7 else "")
        self.assertEqual(2, len(listening), listening)
        self.assertFalse([name for name in listening if name.startswith("@")], listening)
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                self.assertFalse(fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes, line)


if __name__ == "__main__":
    world.run()

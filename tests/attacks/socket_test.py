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

import world
from world import OPERATOR_SOCKET, SOCKET, Attack, Refused, as_user


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
        as_user("agent1", lambda: os.mkdir("/tmp/trap", 0o777))
        self.addCleanup(subprocess.run, ["rm", "-r", "/tmp/trap"])
        refused = self.run_as("aivault", "aivaultd", "--shared", "--socket", "/tmp/trap/aivaultd.sock", code=1,
                              env={"AIVAULT_DIR": "/home/aivault/second"})
        self.assertIn(b"/tmp/trap", refused.stderr)
        self.assertEqual([], os.listdir("/tmp/trap"))

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
        as_user("agent1", lambda: os.makedirs("/tmp/fake", 0o755))
        self.addCleanup(subprocess.run, ["rm", "-r", "/tmp/fake"])
        agent = pwd.getpwnam("agent1")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind("/tmp/fake/aivaultd.sock")
        os.chown("/tmp/fake/aivaultd.sock", agent.pw_uid, agent.pw_gid)
        os.chmod("/tmp/fake/aivaultd.sock", 0o666)
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
                              stdin=self.other_secret, env={"AIVAULTD_SOCKET": "/tmp/fake/aivaultd.sock"})
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

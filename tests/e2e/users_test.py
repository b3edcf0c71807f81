"""Two OS users: the other one reads nothing, and gains nothing at a socket it can reach."""

import subprocess
import sys
import unittest

from lib.http_socket import HttpSocket
from lib import vault as programs
from lib.scenario import Scenario, canary, main
from lib.users import TemporaryUser, may_make_users


@unittest.skipUnless(may_make_users(), "making users needs root")
class Users(Scenario):
    def setUp(self):
        self.owner = self.enterContext(TemporaryUser("aivtesto"))
        self.agent = self.enterContext(TemporaryUser("aivtesta"))
        self.v, self.up, self.key = self.vault("home", self.owner), self.upstream(), canary()
        self.v.base.chmod(0o755)
        self.ca_copy = self.v.base / "ca.pem"
        self.ca_copy.write_bytes(self.ca.read_bytes())
        self.v.add_api(self.up, self.ca_copy, self.key)

    def as_agent(self, *command):
        return subprocess.run([str(word) for word in command], capture_output=True, cwd="/",
                              env={"PATH": "/usr/bin:/bin", "HOME": self.agent.home}, **self.agent.popen_arguments())

    def test_files_and_processes_are_closed(self):
        daemon = self.v.start_daemon()
        places = [self.v.key_file, self.v.root / "vault.db", self.v.root / "vault.json", self.v.root / "vault.db-wal"]
        for place in places:
            self.assertTrue(place.exists(), place)
            self.assertNotEqual(0, self.as_agent("cat", place).returncode, place)
        for place in (self.v.root, self.v.key_file.parent, self.v.socket.parent):
            self.assertNotEqual(0, self.as_agent("ls", place).returncode, place)
        for name in ("environ", "mem", "maps", "fd", "root"):
            self.assertNotEqual(0, self.as_agent("ls" if name in ("fd", "root") else "cat",
                                                 f"/proc/{daemon.pid}/{name}").returncode, name)
        self.assertNotEqual(0, self.as_agent("kill", "-0", daemon.pid).returncode)
        # Also processes of the owner cannot look into the daemon.
        mine = subprocess.run(["cat", f"/proc/{daemon.pid}/environ"], capture_output=True, **self.owner.popen_arguments())
        self.assertNotEqual(0, mine.returncode)
        for path in self.v.root.parent.rglob("*"):
            self.assertEqual(0, path.lstat().st_mode & 0o077 if not path.is_symlink() else 0, path)

    def test_a_wider_socket_gives_calls_and_no_more(self):
        self.v.start_daemon(env={"AIVAULTD_SOCKET_MODE": "0660", "AIVAULTD_SOCKET_DIR_MODE": "0750"})
        # What an operator does who shares the socket by hand.
        for path in (self.v.base / ".aivault", self.v.socket.parent):
            path.chmod(0o755)
        self.v.socket.chmod(0o666)
        probe = (
            "import json,sys; sys.path.insert(0, sys.argv[2])\n"
            "from lib.http_socket import HttpSocket\n"
            "out = []\n"
            "for method, target, body in json.load(sys.stdin):\n"
            "    with HttpSocket(sys.argv[1]) as door:\n"
            "        answer = door.request(method, target, body)\n"
            "        out.append([answer.status, answer.body.decode()])\n"
            "print(json.dumps(out))\n")
        import json
        import pathlib
        requests = [
            ["POST", "/aivault/proxy", {"capability": "acme/call", "request": {"method": "GET", "path": "/v1/x"}}],
            ["GET", "/aivault/secrets", None], ["POST", "/aivault/secrets", {"name": "X", "value": "y"}],
            ["GET", "/aivault/status", None], ["GET", "/aivault/audit", None], ["GET", "/aivault/credentials", None],
            ["POST", "/aivault/shutdown", {"mode": "exit"}], ["DELETE", "/aivault/credentials/acme", None],
            ["GET", "/aivault/whoami", None], ["GET", "/aivault/capabilities", None],
        ]
        here = str(pathlib.Path(__file__).resolve().parent)
        copied = pathlib.Path(self.scratch) / "lib"
        if not copied.exists():
            import shutil
            shutil.copytree(pathlib.Path(here) / "lib", copied)
        done = subprocess.run(["/usr/bin/python3", "-c", probe, str(self.v.socket), str(self.scratch)],
                              input=json.dumps(requests).encode(), capture_output=True, cwd="/",
                              env={"PATH": "/usr/bin:/bin"}, **self.agent.popen_arguments())
        self.assertEqual(0, done.returncode, done.stderr)
        answers = json.loads(done.stdout)
        self.assertEqual(200, answers[0][0], answers[0])
        for request, (status, body) in zip(requests[1:8], answers[1:8]):
            self.assertEqual((403, "operator_auth_required"), (status, json.loads(body)["error"]), request)
        who = json.loads(answers[8][1])
        self.assertEqual((False, self.agent.uid), (who["operator"], who["uid"]))
        self.assertNotIn("vaultRoot", who)
        seen = json.loads(answers[9][1])
        self.assertEqual((["acme/call"], None, []),
                         ([c["id"] for c in seen["capabilities"]], seen["path"], seen["registryCapabilities"]))
        self.assertTrue(all(self.key not in body for _, body in answers))
        call = self.v.calls("--uid", self.agent.uid)[0]
        self.assertEqual((self.agent.name, "caller"), (call["user"], call["actor"]))
        denied = self.v.audit("--kind", "operator.denied", "--uid", self.agent.uid)
        self.assertTrue(denied)
        self.assertIsNone(self.v.daemon.poll())

    def test_status_shows_another_user_its_own_view(self):
        self.v.start_daemon(env={"AIVAULTD_SOCKET_MODE": "0660", "AIVAULTD_SOCKET_DIR_MODE": "0750"})
        for path in (self.v.base / ".aivault", self.v.socket.parent):
            path.chmod(0o755)
        self.v.socket.chmod(0o666)

        def status(*flags):
            done = subprocess.run([str(programs.CLI), "status", *flags], capture_output=True, cwd="/",
                                  env={"PATH": "/usr/bin:/bin", "HOME": self.agent.home, "LANG": "C.UTF-8",
                                       "AIVAULTD_SHARED_SOCKET": str(self.v.socket)}, **self.agent.popen_arguments())
            self.assertEqual(0, done.returncode, done.stderr)
            return done.stdout
        import json
        seen = json.loads(status("-v"))
        self.assertEqual((None, None), (seen["paths"], seen["status"]))
        self.assertEqual({"agent": None, "capabilities": ["*"], "expiresAtMs": None, "readOnly": False}, seen["access"])
        self.assertEqual((self.v.daemon.pid, str(self.v.socket), self.owner.uid),
                         (seen["daemon"]["pid"], seen["daemon"]["socket"], seen["daemon"]["uid"]))
        text = status().decode()
        self.assertEqual(["Daemon", f"  Socket: {self.v.socket}"], text.splitlines()[:2])
        self.assertIn("\n  Access: *\n", text)
        self.assertNotIn("Root", text)

    def test_a_daemon_of_somebody_else_is_not_trusted(self):
        # The agent's home holds a socket that another user's daemon serves.
        self.v.start_daemon()
        done = subprocess.run([str(programs.CLI), "invoke", "acme/call", "--method", "GET", "--path", "/v1"],
                              capture_output=True, cwd="/",
                              env={"PATH": "/usr/bin:/bin", "HOME": self.agent.home, "AIVAULTD_AUTOSTART": "0"},
                              **self.agent.popen_arguments())
        self.assertEqual(1, done.returncode)
        self.assertEqual(b"", done.stdout)


if __name__ == "__main__":
    sys.exit(main())

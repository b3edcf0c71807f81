"""Attacks by way of files that the daemon or an operator could be made to open (FD)."""

import array
import fcntl
import json
import os
import pathlib
import pwd
import socket
import subprocess
import tempfile
import threading

import world
from world import KEY, SOCKET, VAULT, Attack, as_user


class Files(Attack):
    methods = ("GET", "POST")

    @classmethod
    def prepare(cls):
        cls.key = KEY.read_bytes().strip()
        # Of somebody else and of the agent, in its home: the agent knows the contents of its own alone.
        cls.foreign = pathlib.Path("/home/other1/notes")
        cls.foreign.write_text(cls.other_secret)
        other = pwd.getpwnam("other1")
        os.chown(cls.foreign, other.pw_uid, other.pw_gid)
        cls.foreign.chmod(0o600)

    def check_canaries(self):
        kept = self.foreign.read_text()
        self.foreign.write_text("")  # Where it belongs it may be.
        super().check_canaries()
        self.foreign.write_text(kept)

    def refuse_path(self, path):
        """Every way in which an envelope may name a file; the answers."""
        answers = []
        for given in ({"bodyFilePath": path}, {"multipartFiles": [{"field": "f", "path": path}]},
                      {"body": "x", "bodyFilePath": path}):
            outcome = self.call(method="POST", **given)
            self.assertRefused(outcome, "body_mode" if "body" in given else "file paths are not accepted")
            answers.append((outcome[0], outcome[1]["error"], outcome[1]["message"]))
        return answers

    def test_FD1_the_key_file_is_not_opened_for_a_caller(self):
        for path in (KEY, VAULT / "vault.db", VAULT / "vault.json"):
            self.refuse_path(str(path))

    def test_FD2_no_view_of_the_daemon_in_proc_is_opened(self):
        before = set(os.listdir(f"/proc/{self.pid}/fd"))
        for name in ("environ", "mem", "maps", "fd/0", "fd/3", "root", "cmdline"):
            self.refuse_path(f"/proc/self/{name}")
            self.refuse_path(f"/proc/{self.pid}/{name}")
        self.assertLessEqual(len(os.listdir(f"/proc/{self.pid}/fd")), len(before) + 4)

    def test_FD3_files_of_others_are_not_opened(self):
        for path in ("/etc/shadow", "/root/.ssh/id_ed25519", str(self.foreign), "/dev/zero", "../../etc/shadow"):
            self.refuse_path(path)
        # The agent's own command line opens files with the agent's rights.
        for path in (KEY, self.foreign, "/etc/shadow"):
            done = self.run_as("agent1", "aivault", "invoke", "acme/call", "--method", "POST", "--path", "/v1",
                               "--body-file-path", path, code=1)
            self.assertIn(b"bodyFilePath not accessible", done.stderr)
        self.assertEqual([], self.up.requests)

    def test_FD5_one_error_for_files_that_are_and_are_not(self):
        answers = {repr(self.refuse_path(path)) for path in
                   ("/etc/passwd", "/etc/shadow", "/none", str(KEY), f"{KEY}.none", "/", "", "/dev/full", "x" * 5000)}
        self.assertEqual(1, len(answers), answers)

    def test_FD6_a_link_that_is_swapped_leads_nowhere(self):
        home = pathlib.Path("/home/agent1")
        ends, place = threading.Event(), home / "swapped"
        agent = pwd.getpwnam("agent1")

        def swap():
            number = 0
            while not ends.is_set():
                number += 1
                (home / "next").symlink_to(home / "mine" if number % 2 else KEY)
                os.replace(home / "next", place)
        (home / "mine").write_text("mine")
        os.chown(home / "mine", agent.pw_uid, agent.pw_gid)
        place.symlink_to(home / "mine")
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            for _ in range(20):
                self.run_as("agent1", "aivault", "invoke", "acme/call", "--method", "POST", "--path", "/v1",
                            "--body-file-path", place, code=None)
                self.assertEqual(400, self.call(method="POST", bodyFilePath=str(place))[0])
        finally:
            ends.set()
            swapping.join()
        self.assertTrue(self.up.requests)
        self.assertEqual({b"mine"}, {request.body for request in self.up.requests})

    def send_with(self, descriptor, body=b"12345"):
        """A call that passes a descriptor along with its body."""
        envelope = json.dumps({"capability": "acme/call", "request": {
            "method": "POST", "path": "/v1", "headers": [], "body": body.decode()}}).encode()

        def act():
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(30)
                door.connect(str(SOCKET))
                head = (f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                        f"connection: close\r\ncontent-length: {len(envelope)}\r\n\r\n").encode()
                door.sendmsg([head + envelope],
                             [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])
                got = b""
                try:
                    while piece := door.recv(65536):
                        got += piece
                except OSError:
                    pass
                return got
        got = as_user("agent1", act)
        self.outputs.append(got)
        return got

    def test_FD7_descriptors_of_odd_files_are_not_read(self):
        sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
        os.write(sealed, b"x" * 100)
        fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        shrinking = os.memfd_create("shrinking")
        os.ftruncate(shrinking, 1 << 20)
        write_only = os.open("/dev/full", os.O_WRONLY)
        for descriptor in (sealed, shrinking, write_only):
            got = self.send_with(descriptor)
            os.close(descriptor)
            # Passed along or not, the body is what the envelope says; refusing it is as good.
            self.assertTrue(got.startswith(b"HTTP/1.1 200") or got.startswith(b"HTTP/1.1 4") or got == b"", got)
            self.assertLessEqual({request.body for request in self.up.requests}, {b"12345"})
        held = [os.readlink(f"/proc/{self.pid}/fd/{number}") for number in os.listdir(f"/proc/{self.pid}/fd")]
        self.assertFalse([name for name in held if "memfd:s" in name or "full" in name], held)
        self.assertServes()

    def test_FD7_a_file_that_shrinks_while_it_is_sent_ends_the_call(self):
        big = pathlib.Path("/home/agent1/big")
        big.write_bytes(b"\0" * (48 << 20))
        os.chown(big, pwd.getpwnam("agent1").pw_uid, -1)
        begun, shrunk = threading.Event(), threading.Event()

        def answer(exchange):
            begun.set()
            shrunk.wait(30)
            exchange.read_body()
            exchange.reply(200, "{}")
        type(self).reply = answer
        cut = threading.Thread(target=lambda: (begun.wait(30), os.truncate(big, 1 << 20), shrunk.set()))
        cut.start()
        done = self.run_as("agent1", "aivault", "invoke", "acme/call", "--method", "POST", "--path", "/v1",
                           "--body-file-path", big, code=None)
        cut.join()
        big.unlink()
        self.assertEqual(1, done.returncode, done)  # no signal, no success
        type(self).reply = None
        self.assertServes()

    def test_FD9_a_request_file_is_opened_as_who_asks(self):
        trap = pathlib.Path("/home/agent1/request.json")
        trap.symlink_to("/etc/shadow")
        self.addCleanup(trap.unlink)
        done = self.run_as("aivault", "aivault", "invoke", "acme/call", "--request-file", trap, code=None)
        self.assertNotEqual(0, done.returncode)
        # Root may read it; what is no request is shown to nobody.
        done = self.run_as("root", "aivault", "invoke", "acme/call", "--request-file", trap, code=None)
        self.assertNotEqual(0, done.returncode)
        for line in pathlib.Path("/etc/shadow").read_bytes().splitlines():
            self.assertNotIn(line, done.stdout + done.stderr)
        self.assertEqual([], self.up.requests)
        # What an agent has written names no files of the operator's.
        trap.unlink()
        request = {"method": "POST", "path": "/v1", "headers": [], "bodyFilePath": str(world.KEY)}
        own = pathlib.Path("/home/aivault/request.json")
        self.addCleanup(own.unlink)
        for file, user, mode in ((trap, "agent1", 0o644), (own, "aivault", 0o664), (own, "aivault", 0o646)):
            file.write_text(json.dumps(request))
            os.chown(file, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
            file.chmod(mode)
            for asker in ("aivault", "root"):
                done = self.run_as(asker, "aivault", "invoke", "acme/call", "--request-file", file, code=1)
                self.assertIn(b"can be written by others", done.stderr)
        self.assertEqual([], self.up.requests)
        own.chmod(0o600)
        own.write_text(json.dumps({**request, "bodyFilePath": "/etc/hostname"}))
        self.run_as("aivault", "aivault", "invoke", "acme/call", "--request-file", own)
        self.assertEqual(pathlib.Path("/etc/hostname").read_bytes(), self.up.requests[0].body)

    def test_FD10_nothing_is_executed_from_a_place_of_the_agent(self):
        with tempfile.TemporaryDirectory(dir="/home/agent1") as place:
            os.chmod(place, 0o777)
            trap = pathlib.Path(place) / "aivaultd"
            trap.write_text(f"#!/bin/sh\ntouch {place}/ran\n")
            trap.chmod(0o755)
            for program in ("sh", "sudo", "systemctl"):
                os.link(trap, trap.with_name(program))
            # The operator's own PATH may begin there: the program beside ours is what is started.
            subprocess.run(["useradd", "-m", "operator2"], check=True)
            self.addCleanup(subprocess.run, ["userdel", "-r", "operator2"], capture_output=True)
            self.run_as("operator2", "/usr/local/bin/aivault", "status",
                        env={"PATH": f"{place}:{world.PATH}", "AIVAULT_DIR": "/home/operator2/v"})
            self.assertFalse((pathlib.Path(place) / "ran").exists())
        # The daemon has no child.
        self.assertEqual("", pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())


if __name__ == "__main__":
    world.run()

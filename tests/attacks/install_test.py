"""Attacks on the set-up of a machine (SC), and what answers give away (TM)."""

import grp
import json
import os
import pathlib
import pwd
import stat
import statistics
import time

import world
from world import Attack, as_user
from lib.http_socket import HttpSocket


class Install(Attack):
    def etc(self):
        return {name: pathlib.Path("/etc", name).read_bytes() for name in ("passwd", "group", "shadow")}

    def test_SC1_odd_names_of_users_are_refused_by_root(self):
        before = self.etc()
        for name in ("x; id", "--help", "root", "../x", "x" * 300, "", "$(id)", "a b", "agent1\nx", "agent1:aivault", "0", "nobody-at-all",
                     "\x1b[31m"):
            for words in ((f"--agent-user={name}", "--daemon-user=aivault"), ("--agent-user=agent1", f"--daemon-user={name}")):
                if words[-1] == "--daemon-user=root":
                    continue  # A vault of root is served by root.
                done = self.run_as("root", "aivault", "setup", "agent-access", *words, code=None)
                self.assertIn(done.returncode, (1, 2), (words, done))
                self.assertNotIn(b"uid=", done.stdout + done.stderr)
        self.assertEqual(before, self.etc())
        done = self.run_as("agent1", "aivault", "setup", "agent-access", "--agent-user", "agent1", "--daemon-user", "aivault", code=None)
        self.assertNotEqual(0, done.returncode)
        self.assertEqual(before, self.etc())

    def test_SC2_the_environment_of_root_chooses_no_program(self):
        place = pathlib.Path("/home/agent1/bin")
        place.mkdir()
        owner = pwd.getpwnam("agent1")
        os.chown(place, owner.pw_uid, owner.pw_gid)
        for name in ("groupadd", "usermod", "gpasswd", "useradd", "systemd-tmpfiles", "systemctl", "sh", "install", "chown", "getent"):
            (place / name).write_text("#!/bin/sh\necho \"$0\" >> /home/agent1/ran\n")
            (place / name).chmod(0o755)
        self.run_as("root", "/usr/local/bin/aivault", "setup", "agent-access", "--agent-user", "agent1", "--daemon-user", "aivault",
                    env={"PATH": f"{place}:{world.PATH}", "IFS": "/", "BASH_ENV": str(place / "sh"), "ENV": str(place / "sh")})
        self.assertFalse(pathlib.Path("/home/agent1/ran").exists())

    def test_SC3_the_group_of_agents_opens_the_socket_and_no_file(self):
        # The agent is even in the daemon's own group.
        group = pwd.getpwnam("aivault").pw_gid

        def act():
            readable = []
            for base, directories, files in os.walk("/home/aivault/.aivault"):
                readable += [os.path.join(base, name) for name in (*directories, *files)]
            return readable
        child = os.fork()
        if child == 0:
            os.setgroups([group, grp.getgrnam("aivault").gr_gid])
            os.setgid(pwd.getpwnam("agent1").pw_gid)
            os.setuid(pwd.getpwnam("agent1").pw_uid)
            os._exit(1 if act() else 0)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        for file in pathlib.Path("/home/aivault/.aivault").rglob("*"):
            self.assertEqual(0, stat.S_IMODE(file.lstat().st_mode) & 0o077, file)

    def test_TM2_what_is_absent_answers_like_what_is_not_granted(self):
        # The text is the same; the time is not promised.
        answers = {json.dumps(self.call(capability=name)[1]).replace(name, "") for name in
                   ("none/none", "nothing/at-all", "acme/missing")}
        self.assertEqual(1, len(answers), answers)

    def test_TM3_nothing_that_holds_a_secret_is_compressed_with_what_a_caller_chose(self):
        self.call(method="POST", body="x" * 2000)
        request = self.up.requests[-1]
        self.assertEqual("HTTP/1.1", request.version)
        self.assertIsNone(request.one("content-encoding"))
        self.assertEqual(b"x" * 2000, request.body)


if __name__ == "__main__":
    world.run()

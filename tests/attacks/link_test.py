"""Attacks with names, links and races (SY)."""

import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import stat
import subprocess
import threading

import world
from world import VAULT, Attack


def tree(*places):
    """What lies there, without what a running daemon changes."""
    found = {}
    for place in places:
        for file in pathlib.Path(place).rglob("*"):
            facts = file.lstat()
            found[str(file)] = (facts.st_mode, facts.st_uid, facts.st_gid)
    return found


class Links(Attack):
    ODD = ("../../etc/cron.d/x", "..", ".", "", "x" * 300, "a/b", "a\nb", "/etc/cron.d/x", "a\\b", "a b", "\x1b[31m",
           "\u202ea", "%2e%2e%2fx")

    def private(self, name):
        """A vault of its own of the daemon's user; a command runs in a private child."""
        place = pathlib.Path("/home/aivault") / name
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        return place, {"AIVAULT_DIR": str(place)}

    def test_SY1_names_lead_nowhere_at_any_door(self):
        before = tree("/etc", "/home/aivault", "/run", "/var/lib")
        secret = json.loads(self.operator("secrets", "list", "-v").stdout)[0]["secretId"]
        for odd in self.ODD:
            self.operator("credential", "create", f"--provider=acme", f"--secret-ref=vault:secret:{secret}", "--auth", "header",
                          "--host", "api.acme.test", "--", odd, code=None)
            self.operator("credential", "delete", "--", odd, code=None)
            # Names of providers and capabilities are keys of the database and no more.
            made = self.operator("credential", "create", "sy1", f"--provider={odd}", "--auth", "header",
                                 f"--secret-ref=vault:secret:{secret}", "--host", "api.acme.test", code=None).returncode == 0
            self.assertFalse(made and (not odd or len(odd) > 128 or set(odd) & set("\n \x1b/%")), odd)
            if made:
                self.operator("credential", "delete", "sy1")
            made = self.operator("capability", "create", "--credential", "acme", "--method", "GET", "--path", "/v2", "--", odd,
                                 code=None).returncode == 0
            self.assertFalse(made and (not odd or len(odd) > 128 or set(odd) & set("\n \x1b")), odd)
            if made:
                self.operator("capability", "delete", "--", odd)
            made = self.operator("secrets", "create", f"--name=K{self.ODD.index(odd)}", "--value-file", "-", "--scope", "workspace",
                                 f"--workspace-id={odd}", stdin="value", code=None).returncode == 0
            self.assertFalse(made and (not odd or len(odd) > 128 or set(odd) & set(":\n \x1b")), odd)
            if odd:
                self.assertNotEqual(200, self.call(capability=odd)[0])
                self.assertNotEqual(200, self.call(credential=odd)[0])
        self.assertEqual(before.keys(), tree("/etc", "/home/aivault", "/run", "/var/lib").keys())
        # A NUL cannot be an argument; it can be in a request.
        self.assertNotEqual(200, self.call(capability="acme/call\0")[0])

    def test_SY2_files_that_are_not_plain_and_ours_are_refused(self):
        place, own = self.private("sy2")
        self.operator("secrets", "create", "--name", "A", "--value-file", "-", stdin="value", env=own)
        for name in ("vault.db", "kek.key", "vault.json"):
            file, kept = place / name, place.parent / f"kept-{name}"
            file.rename(kept)
            user = pwd.getpwnam("aivault")

            def link():
                file.symlink_to(kept)

            def hard_link():
                os.link(kept, file)

            def pipe():
                os.mkfifo(file, 0o600)
                os.chown(file, user.pw_uid, user.pw_gid)

            def device():
                os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero
                os.chown(file, user.pw_uid, user.pw_gid)

            def directory():
                file.mkdir(0o700)
                os.chown(file, user.pw_uid, user.pw_gid)

            def foreign():
                shutil.copy(kept, file)
                os.chown(file, pwd.getpwnam("agent1").pw_uid, -1)
                file.chmod(0o666)
            for make in (link, hard_link, pipe, device, directory, foreign):
                make()
                done = self.operator("secrets", "create", "--name", f"B{name}{make.__name__}", "--value-file", "-",
                                     stdin="value", env=own, code=None)
                with self.subTest(name=name, kind=make.__name__):
                    self.assertEqual(1, done.returncode, done)
                    self.assertIn(name.encode(), done.stderr)
                (shutil.rmtree if file.is_dir() and not file.is_symlink() else os.unlink)(file)
            kept.rename(file)
        listed = json.loads(self.operator("secrets", "list", "-v", env=own).stdout)
        self.assertEqual(["A"], [each["name"] for each in listed])

    def test_SY3_nothing_is_created_through_a_name_that_was_guessed(self):
        if shutil.which("strace") is None:
            self.skipTest("needs strace")
        place, own = self.private("sy3")
        trace = pathlib.Path("/var/lib/trace")
        user = pwd.getpwnam("aivault")
        subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=openat,open,creat", "-u", "aivault",
                        "/usr/local/bin/aivault", "init"], check=True, capture_output=True, cwd="/",
                       env={"PATH": world.PATH, "HOME": user.pw_dir, "ASAN_OPTIONS": "detect_leaks=0", **own})
        made = [line for line in trace.read_text().splitlines() if "O_CREAT" in line and "/dev/" not in line]
        self.assertTrue(made)
        for line in made:
            self.assertTrue("O_EXCL" in line or "O_NOFOLLOW" in line, line)
            self.assertRegex(line, r"O_CREAT[A-Z_|]*, 0?[0-6]00(\)| <unfinished)", line)  # closed to others from the first instant

    def test_SY5_setup_follows_no_link_of_a_user(self):
        kept = tree("/etc")
        for name, target in (("/home/agent1/.aivault", "/etc"), ("/home/aivault/link", "/etc")):
            os.symlink(target, name)
            self.addCleanup(os.unlink, name)
        self.run_as("root", "aivault", "setup", "agent-access", "--agent-user", "agent1", "--daemon-user", "aivault", code=None)
        now = tree("/etc")
        for name in set(kept) - {"/etc/group", "/etc/gshadow", "/etc/group-", "/etc/gshadow-"}:
            self.assertEqual(kept[name], now[name], name)
        # In place of the socket's directory.
        os.rename("/run/aivault", "/run/aivault.kept")
        os.mkdir("/home/agent1/target")
        os.chown("/home/agent1/target", pwd.getpwnam("agent1").pw_uid, -1)
        os.symlink("/home/agent1/target", "/run/aivault")
        try:
            self.run_as("root", "aivault", "setup", "agent-access", "--agent-user", "agent1", "--daemon-user", "aivault", code=None)
            facts = os.stat("/home/agent1/target")
            self.assertEqual((pwd.getpwnam("agent1").pw_uid, 0o755), (facts.st_uid, stat.S_IMODE(facts.st_mode)))
        finally:
            os.unlink("/run/aivault")
            os.rename("/run/aivault.kept", "/run/aivault")
            os.rmdir("/home/agent1/target")
        self.assertServes()

    def test_SY6_a_race_with_setup_is_not_won(self):
        # The daemon's own user swaps its directory for a link while root sets up and acts as operator.
        home = pathlib.Path("/home/other1")
        user = pwd.getpwnam("other1")
        trap = pathlib.Path("/etc/trap")
        (trap / "data/vault").mkdir(parents=True)
        before = tree("/etc/trap")
        ends = threading.Event()
        program = ("import os,sys\n"
                   "while True:\n"
                   "  for make in (lambda: os.mkdir('.aivault', 0o700), lambda: os.symlink('/etc/trap', '.aivault')):\n"
                   "    for undo in (lambda: os.unlink('.aivault'), lambda: os.system('rm -rf .aivault'), make):\n"
                   "      try: undo()\n"
                   "      except OSError: pass\n")
        racing = subprocess.Popen(["python3", "-c", program], cwd=home, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(15):
                self.run_as("root", "aivault", "setup", "agent-access", "--agent-user", "other1", "--daemon-user", "aivault",
                            code=None)
                self.run_as("root", "aivault", "init", code=None, env={"HOME": str(home), "AIVAULT_DIR": str(home / ".aivault/v")})
        finally:
            ends.set()
            racing.send_signal(signal.SIGKILL)
            racing.wait()
        self.assertEqual(before, tree("/etc/trap"))
        shutil.rmtree(trap)
        subprocess.run(["gpasswd", "-d", "other1", "aivault"], capture_output=True, check=True)
        subprocess.run(["rm", "-rf", home / ".aivault"], check=True)

    def test_SY7_a_path_that_no_socket_can_have_is_a_plain_error(self):
        for path in ("/home/aivault/" + "x" * 100, "/home/aivault/a\nb", "/home/aivault/" + "y" * 5000):
            done = self.run_as("aivault", "aivaultd", "--socket", path, code=None, env={"AIVAULT_DIR": "/home/aivault/sy7"})
            self.assertIn(done.returncode, (1, 2))
            # The operator is served without a socket, or refused.
            done = self.operator("secrets", "list", env={"AIVAULTD_SOCKET": path}, code=None)
            self.assertIn(done.returncode, (0, 1, 2))
            self.assertLess(len(done.stderr), 12000)
            self.assertNotIn(b"a\nb", done.stderr)
        self.assertFalse([name for name in os.listdir("/home/aivault") if name.startswith(("x", "y", "a\n"))])


if __name__ == "__main__":
    world.run()

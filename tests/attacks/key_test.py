"""Attacks on where the master key comes from (KP)."""

import base64
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import unicodedata

import world
from world import Attack


class Keys(Attack):
    def private(self, name, *init, stdin=b""):
        """A vault of its own of the daemon's user; every command runs in a private child."""
        self.place = pathlib.Path("/home/aivault") / name
        self.own = {"AIVAULT_DIR": str(self.place)}
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.operator("init", *init, stdin=stdin, env=self.own)
        return self.place

    def write(self, file, data, mode=0o600):
        file.write_bytes(data)
        file.chmod(mode)
        user = pwd.getpwnam("aivault")
        os.chown(file, user.pw_uid, user.pw_gid)

    def opens(self):
        return self.operator("secrets", "list", "-v", env=self.own, code=None).returncode == 0

    def test_KP1_a_key_file_is_closed_from_its_first_instant(self):
        if shutil.which("strace") is None:
            self.skipTest("needs strace")
        place, trace = pathlib.Path("/home/aivault/kp1"), pathlib.Path("/var/lib/kp1.trace")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=openat,open,fchmod,chmod,fchmodat,mkdirat,mkdir", "-u",
                        "aivault", "/usr/local/bin/aivault", "init"], check=True, capture_output=True, cwd="/",
                       env={"PATH": world.PATH, "HOME": "/home/aivault", "ASAN_OPTIONS": "detect_leaks=0", "AIVAULT_DIR": str(place)})
        lines = trace.read_text().splitlines()
        made = [line for line in lines if "O_CREAT" in line and "kek.key" in line]
        self.assertTrue(made, lines)
        for line in made:
            self.assertRegex(line, r"O_CREAT[A-Z_|]*, 0[0-6]00\)")
        for line in lines:
            if re.search(r"mkdir", line) and "kp1" in line:
                self.assertRegex(line, r", 0700\)")
        self.assertEqual(0o600, (place / "kek.key").stat().st_mode & 0o777)

    def test_KP3_a_key_file_that_is_none_is_refused_with_the_reason(self):
        place = self.private("kp3")
        file = place / "kek.key"
        good = file.read_bytes()
        raw = base64.b64decode(good)
        for data, reason in ((bytes(32), "does not hold a key"), (base64.b64encode(bytes(32)), "does not hold a key"),
                             (b"", "does not hold a key"), (b"   \n", "does not hold a key"), (raw, "does not hold a key"),
                             (base64.b64encode(raw[:31]), "does not hold a key"), (base64.b64encode(raw + b"x"), "does not hold a key"),
                             (base64.urlsafe_b64encode(b"\xff" * 31 + b"\xfe"), "does not hold a key"), (good * 2, "does not hold a key"),
                             (b"x" * 100000, "kek.key"), (base64.b64encode(os.urandom(32)), "wrong key")):
            self.write(file, data)
            done = self.operator("secrets", "list", env=self.own, code=1)
            self.assertIn(reason.encode(), done.stderr, data[:60])
        for spelled in (b"\n " + good + b"\n", raw.hex().encode(), raw.hex().upper().encode()):
            self.write(file, spelled)
            self.assertTrue(self.opens(), spelled)
        self.write(file, good, 0o644)
        self.assertIn(b"chmod 600", self.operator("secrets", "list", env=self.own, code=1).stderr)
        file.rename(place / "elsewhere")
        (place / "elsewhere").chmod(0o600)
        file.symlink_to(place / "elsewhere")
        self.operator("secrets", "list", env=self.own, code=1)
        file.unlink()
        # A missing key is not made anew.
        self.assertIn(b"no such file", self.operator("secrets", "list", env=self.own, code=1).stderr)
        self.assertFalse(file.exists())
        (place / "elsewhere").rename(file)
        self.assertTrue(self.opens())

    def test_KP5_an_agent_cannot_guess_at_the_passphrase(self):
        for user in ("agent1", "aivault"):
            for number in range(5):
                status, _, body = self.ask(user, "POST", "/aivault/vault/unlock", {"passphrase": f"guess {number}"})
                self.assertEqual((403, "operator token required"), (status, json.loads(body)["message"]))
        self.assertServes()

    def test_KP9_a_passphrase_is_its_bytes(self):
        phrase = unicodedata.normalize("NFC", "  caf\u00e9 correct horse  battery ")
        self.private("kp9", "--provider", "passphrase", "--passphrase-file", "-", stdin=phrase)
        for given in (unicodedata.normalize("NFD", phrase), phrase.strip(), phrase.replace("  ", " ")):
            done = self.operator("rotate-master", "--new-passphrase-file", "-", env=self.own, stdin=given, code=None)
            self.assertNotEqual(0, done.returncode)
        refused = (b"", b"   ", b"x" * (10 << 20))
        for number, given in enumerate(refused):
            place = pathlib.Path(f"/home/aivault/kp9-{number}")
            done = self.operator("init", "--provider", "passphrase", "--passphrase-file", "-", stdin=given, code=None,
                                 env={"AIVAULT_DIR": str(place)})
            self.assertNotEqual(0, done.returncode, given[:10])
            self.assertFalse((place / "vault.db").exists())
            shutil.rmtree(place, ignore_errors=True)

    def test_KP10_a_rotation_to_the_same_or_no_key_is_refused(self):
        place = self.private("kp10")
        file = place / "kek.key"
        before = file.read_bytes()
        for given in (before, b"", bytes(32), base64.b64encode(bytes(32)), base64.b64encode(b"x" * 31), b"ab" * 31, b"no key"):
            done = self.operator("rotate-master", "--new-key-file", "-", env=self.own, stdin=given, code=None)
            self.assertNotEqual(0, done.returncode, given)
            self.assertEqual(before, file.read_bytes())
            self.assertTrue(self.opens())
        self.operator("rotate-master", "--new-key-file", "-", env=self.own, stdin=base64.b64encode(os.urandom(32)))
        self.assertNotEqual(before, file.read_bytes())
        self.assertTrue(self.opens())


if __name__ == "__main__":
    world.run()

"""Root at the vault of another user: nothing that this user prepared is reached with root's rights."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from lib.scenario import Scenario, main
from lib.users import TemporaryUser, may_make_users


@unittest.skipUnless(may_make_users(), "making users needs root")
class Root(Scenario):
    def setUp(self):
        self.owner = self.enterContext(TemporaryUser("aivtestr"))
        self.v = self.vault("dir", self.owner)
        self.v.ok("init")
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="aiv-root-", dir="/tmp")))
        self.place.chmod(0o755)

    def as_owner(self, *command):
        subprocess.run([str(word) for word in command], check=True, **self.owner.popen_arguments())

    def as_root(self, *arguments, **options):
        return self.v.run(*arguments, env={"HOME": "/root"}, user=0, group=0, extra_groups=[], **options)

    def state_of_place(self):
        return sorted((str(path), path.lstat().st_uid, path.lstat().st_mode, path.lstat().st_size)
                      for path in self.place.rglob("*"))

    def test_root_is_an_operator_and_leaves_only_files_of_the_owner(self):
        made = self.as_root("secrets", "create", "--name", "A", "--value-file", "-", stdin="a-long-value-1")
        self.assertEqual(0, made.code, made)
        self.assertIn("A", [secret["name"] for secret in self.as_root("secrets", "list", "-v").json()])
        self.assertIn("A", [secret["name"] for secret in self.v.ok("secrets", "list", "-v").json()])
        created = self.v.audit("--kind", "secret.create")[0]
        self.assertEqual(("operator", 0), (created["actor"], created["uid"]))
        moved = self.as_root("rotate-master", "--provider", "file", "--file-path", self.v.base / "k2")
        self.assertEqual(0, moved.code, moved)
        self.v.ok("secrets", "list")
        for path in [*self.v.root.rglob("*"), self.v.base / "k2"]:
            self.assertEqual(self.owner.uid, path.lstat().st_uid, path)

    def test_old_files_are_not_moved_through_a_link(self):
        self.place.chmod(0o700)
        header = self.v.root / "vault.json"
        self.as_owner("sh", "-c", f"echo '{{\"version\":1,\"createdAtMs\":1}}' > {header}; "
                      f"ln -s {self.place} {self.v.root}/format-1; echo planted > {self.v.root}/secrets")
        done = self.as_root("secrets", "list")
        self.assertNotEqual(0, done.code, done)
        self.assertEqual([], self.state_of_place())

    def test_a_new_key_file_is_not_written_through_a_link(self):
        self.as_owner("ln", "-s", self.place, self.v.base / "keys")
        done = self.as_root("rotate-master", "--provider", "file", "--file-path", self.v.base / "keys/k.sh")
        self.assertNotEqual(0, done.code, done)
        self.assertEqual([], self.state_of_place())

    def test_a_file_of_root_is_not_given_away(self):
        note = self.v.base / "rootlog"
        note.write_text("a note of root\n")
        note.chmod(0o600)
        self.as_owner("mv", note, self.v.base / "k2.vaults")
        self.as_root("rotate-master", "--provider", "file", "--file-path", self.v.base / "k2")
        facts = (self.v.base / "k2.vaults").stat()
        self.assertEqual((0, 0o600, 15), (facts.st_uid, facts.st_mode & 0o777, facts.st_size))

    def test_an_old_key_is_not_destroyed_through_a_link(self):
        shadow = self.place / "shadow"
        shadow.write_text("root:secret-shadow\n")
        shadow.chmod(0o640)
        before = self.state_of_place()
        keys = self.v.base / "d"
        self.as_owner("mkdir", "-m", "700", keys)
        self.v.ok("rotate-master", "--provider", "file", "--file-path", keys / "shadow")
        self.as_owner("chmod", "500", keys)
        self.v.ok("rotate-master", "--provider", "file", "--file-path", self.v.base / "k3")
        self.as_owner("sh", "-c", f"chmod 700 {keys}; mv {keys} {keys}.away; ln -s {self.place} {keys}")
        self.as_root("secrets", "list")
        self.assertEqual(before, self.state_of_place())


if __name__ == "__main__":
    main()

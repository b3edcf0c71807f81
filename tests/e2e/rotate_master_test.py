"""Another master key: killed on its way, run again, beside a daemon."""

import shutil
import subprocess
import sys

from lib.scenario import Scenario, canary, main

# Before the new key has its name, between both halves of the exchange of key files, and after the
# commit: tests/proofs/kill_test.py kills before every call.
KILLS = (("renameat2", 1), ("rename", 2), ("fdatasync", 5))


class RotateMaster(Scenario):
    CALL = ("--method", "GET", "--path", "/v1")
    ALONE = {"AIVAULTD_DISABLE": "1"}  # No daemon stays behind.

    def prepared(self):
        vault, upstream = self.vault(), self.upstream()
        self.value = canary()
        vault.add_api(upstream, self.ca, self.value, "one")
        vault.add_secret("SPARE", canary())
        return vault, upstream

    def kek(self, vault):
        return vault.ok("status", "-v").json()["status"]["kekId"]

    def key_files(self, vault):
        return sorted(p.name for p in vault.root.iterdir()
                      if p.name.startswith("kek.key") and p.name != "kek.key.vaults")

    def check(self, vault, upstream, where, env=None):
        """Everything opens, and exactly one key is left."""
        seen = len(upstream.requests)
        vault.ok("invoke", "one/call", *self.CALL, env=env or self.ALONE)
        self.assertEqual(seen + 1, len(upstream.requests), where)
        self.assertEqual(["kek.key"], self.key_files(vault), where)
        self.assertEqual([], vault.ok("status", "-v").json()["problems"], where)

    def killed(self, vault, call, count):
        """True: the rotation was killed before its `count`th such call of one thread."""
        from lib import vault as programs  # After --bin has been read.
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                   "-e", f"inject={call}:signal=KILL:when={count}", str(programs.CLI), "rotate-master"]
        done = subprocess.run(command, env=vault.environment(self.ALONE), cwd=vault.base, capture_output=True,
                              timeout=120, check=False)
        self.assertNotIn(b"strace:", done.stderr)
        return done.returncode != 0

    def test_a_rotation_killed_on_its_way_leaves_one_key_that_fits(self):
        if shutil.which("strace") is None:
            self.skipTest("needs strace")
        vault, upstream = self.prepared()
        pristine = vault.base / "pristine"
        shutil.copytree(vault.root, pristine, ignore=shutil.ignore_patterns("run"))
        before = (vault.root / "kek.key").read_bytes()
        outcomes = set()
        for call, count in KILLS:
            shutil.rmtree(vault.root)
            shutil.copytree(pristine, vault.root)
            where = f"before {call} {count}"
            self.assertTrue(self.killed(vault, call, count), where)
            self.check(vault, upstream, where)
            outcomes.add((vault.root / "kek.key").read_bytes() == before)
        self.assertEqual({True, False}, outcomes, "some kept the old key, some have the new one")
        # What was cut short can be run again.
        vault.ok("rotate-master")
        self.check(vault, upstream, "run again")

    def test_a_daemon_that_runs_rotates_and_calls_go_on(self):
        vault, upstream = self.prepared()
        vault.start_daemon()
        before = self.kek(vault)
        calls = [vault.start("invoke", "one/call", *self.CALL) for _ in range(4)]
        vault.ok("rotate-master")
        for call in calls:
            out, err = call.communicate(timeout=60)
            self.assertEqual(0, call.returncode, err)
        self.assertNotEqual(before, self.kek(vault))
        self.check(vault, upstream, "in the daemon", env={"AIVAULTD_DISABLE": None})
        vault.stop_daemon()
        self.check(vault, upstream, "after it")

    def test_a_daemon_sees_the_rotation_of_another_process(self):
        vault, upstream = self.prepared()
        vault.start_daemon()
        vault.ok("invoke", "one/call", *self.CALL)
        # Not through the daemon: a private child.
        vault.ok("rotate-master", env=self.ALONE)
        self.check(vault, upstream, "reloaded", env={"AIVAULTD_DISABLE": None})

    def test_a_variable_needs_the_new_key_at_the_next_start(self):
        vault, upstream = self.prepared()
        key = "".join(f"{n:02x}" for n in range(32))
        vault.fails("new_key required", "rotate-master", "--provider", "env")
        key_file = vault.base / "new.key"
        key_file.write_text(key)
        key_file.chmod(0o600)
        done = vault.ok("rotate-master", "--provider", "env", "--new-key-file", key_file)
        self.assertIn("AIVAULT_KEY", done.errors)
        self.assertEqual([], self.key_files(vault))
        vault.fails("vault provider misconfigured", "secrets", "create", "--name", "X", "--value-file", "-",
                    stdin="y")
        vault.ok("invoke", "one/call", *self.CALL, env={"AIVAULT_KEY": key, **self.ALONE})

    def test_recover_needs_acceptance(self):
        vault, upstream = self.prepared()
        database = vault.database()
        with database:
            spare = database.execute("SELECT id FROM secrets WHERE name = 'SPARE'").fetchone()[0]
            database.execute("UPDATE row_seals SET rev = rev + 1 WHERE id = ?", (spare,))
        database.close()
        vault.fails("vault damaged", "secrets", "list")
        looked = vault.ok("recover").json()
        self.assertFalse(looked["accepted"])
        self.assertEqual([spare], [row["id"] for row in looked["dropped"]])
        vault.fails("vault damaged", "secrets", "list")
        done = vault.ok("recover", "--accept").json()
        self.assertTrue((vault.root / done["copy"]).exists())
        self.check(vault, upstream, "recovered")
        self.assertEqual(["ONE_KEY"], [s["name"] for s in vault.ok("secrets", "list", "-v").json()])
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])


if __name__ == "__main__":
    sys.exit(main())

"""A vault on a disk that is full, and on one that is read-only. Needs root: it mounts file systems."""

import os
import subprocess
import time
import unittest

from lib import prometheus
from lib.scenario import Scenario, main
from lib.users import TemporaryUser, may_make_users


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


@unittest.skipUnless(os.geteuid() == 0, "mounts file systems")
class DiskFull(Scenario):
    def small_vault(self, size):
        vault = self.vault()
        vault.root.mkdir(mode=0o700)
        mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "aivault-test", str(vault.root))
        self.addCleanup(subprocess.run, ["umount", "-l", str(vault.root)], check=False)
        return vault

    def fill(self, vault):
        filler = vault.root / "filler"
        with open(filler, "ab", buffering=0) as file:
            for size in (65536, 4096, 512):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return filler

    def call(self, vault):
        return vault.run("invoke", "acme/call", "--method", "GET", "--path", "/v1")

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.2)
        self.fail("it did not happen in time")

    def test_fails_closed_and_works_again(self):
        upstream = self.upstream()
        vault = self.small_vault("16m")
        secret = vault.add_api(upstream, self.ca, "sk-live-0123456789abcdef")
        spare = vault.add_secret("SPARE", "sk-live-spare-0123456789")
        vault.start_daemon()
        self.assertEqual(self.call(vault).code, 0)
        self.assertTrue((vault.root / "reserve").stat().st_blocks * 512 >= 1 << 20)
        filler = self.fill(vault)
        refused = 0
        for _ in range(2000):  # Until the log's own room is used up.
            outcome = self.call(vault)
            if outcome.code != 0:
                refused += 1
                break
        before = len(upstream.requests)
        for _ in range(5):
            outcome = self.call(vault)
            self.assertNotEqual(outcome.code, 0)
            self.assertIn("audit log unavailable", outcome.errors)
            refused += 1
        self.assertEqual(len(upstream.requests), before)
        self.assertFalse(vault.ok("status", "-v").json()["status"]["writable"])
        self.assertEqual(0, prometheus.value_of(vault.socket, "aivault_audit_writable"))
        self.assertEqual(0, prometheus.value_of(vault.socket, "aivault_vault_writable"))
        vault.fails("vault not writable", "secrets", "create", "--name", "MORE", "--value-file", "-",
                    stdin="sk-live-more-0123456789")
        vault.ok("secrets", "delete", "--id", spare["secretId"])
        self.assertNotEqual(self.call(vault).code, 0)
        filler.unlink()
        self.until(lambda: self.call(vault).code == 0)
        self.assertTrue(vault.ok("status", "-v").json()["status"]["writable"])
        self.assertEqual(1, prometheus.value_of(vault.socket, "aivault_audit_writable"))
        self.assertEqual(1, prometheus.value_of(vault.socket, "aivault_audit_rows_total", kind="audit.gap"))
        gaps = vault.ok("audit", "--kind", "audit.gap").json()
        self.assertEqual(len(gaps), 1)
        self.assertGreaterEqual(gaps[0]["count"], refused)
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])
        self.assertTrue((vault.root / "reserve").exists())
        self.assertTrue(secret["secretId"])

    def test_locks_on_a_full_disk(self):
        vault = self.small_vault("16m")
        passphrase = "correct horse battery staple"
        vault.ok("init", "--provider", "passphrase", "--passphrase", passphrase)
        vault.start_daemon()
        vault.ok("unlock", "--passphrase", passphrase)
        vault.add_secret("SOME", "sk-live-some-0123456789")
        self.fill(vault)
        # Until the log's own room and the reserve are used up: not even the record of the lock fits.
        self.until(lambda: vault.run("secrets", "create", "--name", os.urandom(8).hex(), "--value-file", "-",
                                     stdin="x" * 65536).code != 0)
        self.fill(vault)
        vault.ok("lock")
        self.assertTrue(vault.ok("status", "-v").json()["status"]["locked"])
        vault.fails("vault locked", "secrets", "create", "--name", "MORE", "--value-file", "-",
                    stdin="sk-live-more-0123456789")

    def test_opens_on_a_full_disk(self):
        vault = self.small_vault("8m")
        kept = vault.add_secret("KEPT", "sk-live-kept-0123456789")
        gone = vault.add_secret("GONE", "sk-live-gone-0123456789")
        filler = self.fill(vault)
        shown = vault.ok("status", "-v").json()
        self.assertFalse(shown["status"]["writable"])
        self.assertEqual(len(vault.ok("secrets", "list", "-v").json()), 2)
        vault.fails("vault not writable", "secrets", "create", "--name", "MORE", "--value-file", "-",
                    stdin="sk-live-more-0123456789")
        vault.ok("secrets", "rotate", "--id", kept["secretId"], "--value-file", "-", stdin="sk-live-new-0123456789")
        vault.ok("secrets", "delete", "--id", gone["secretId"])
        self.assertTrue(vault.ok("lock").json()["locked"] is not None)
        self.fill(vault)  # The reserve is gone too.
        vault.fails("disk is full", "secrets", "list")
        shown = vault.ok("status", "-v")
        self.assertFalse(shown.json()["status"]["writable"])
        self.assertIn("disk is full", shown.text)
        vault.ok("lock")
        filler.unlink()
        self.assertTrue(vault.ok("status", "-v").json()["status"]["writable"])
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])

    @unittest.skipUnless(may_make_users(), "making users needs root")
    def test_directory_that_its_owner_cannot_change(self):
        owner = self.enterContext(TemporaryUser("aivtesto"))
        vault = self.vault("home", owner)
        vault.add_secret("KEPT", "sk-live-kept-0123456789")
        vault.root.chmod(0o500)
        self.addCleanup(vault.root.chmod, 0o700)
        self.assertFalse(vault.ok("status", "-v").json()["status"]["writable"])
        self.assertEqual(len(vault.ok("secrets", "list", "-v").json()), 1)
        vault.fails("vault not writable", "secrets", "create", "--name", "MORE", "--value-file", "-",
                    stdin="sk-live-more-0123456789")

    def test_failed_creation_leaves_no_key_behind(self):
        vault = self.small_vault("1m")
        keys = vault.base / "keys"
        keys.mkdir(mode=0o700)
        mount("-t", "tmpfs", "-o", "size=64k,mode=0700", "aivault-test", str(keys))
        self.addCleanup(subprocess.run, ["umount", "-l", str(keys)], check=False)
        with open(keys / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        vault.fails("No space left on device", "init", "--provider", "file", "--file-path", str(keys / "kek.key"))
        self.assertEqual(os.listdir(keys), ["filler"])

    def test_read_only(self):
        upstream = self.upstream()
        vault = self.small_vault("16m")
        vault.add_api(upstream, self.ca, "sk-live-0123456789abcdef")
        run = vault.base / "run"
        run.mkdir(mode=0o700)
        vault.stop_daemon()
        mount("-o", "remount,ro", str(vault.root))
        elsewhere = {"AIVAULTD_SOCKET": str(run / "d.sock")}
        vault.start_daemon(env=elsewhere)
        shown = vault.ok("status", "-v", env=elsewhere).json()
        self.assertFalse(shown["status"]["writable"])
        self.assertEqual(len(vault.ok("secrets", "list", "-v", env=elsewhere).json()), 1)
        outcome = vault.run("invoke", "acme/call", "--method", "GET", "--path", "/v1", env=elsewhere)
        self.assertIn("audit log unavailable", outcome.errors)
        self.assertEqual(len(upstream.requests), 0)
        vault.fails("vault not writable", "secrets", "create", "--name", "MORE", "--value-file", "-",
                    stdin="sk-live-more-0123456789", env=elsewhere)


if __name__ == "__main__":
    main()

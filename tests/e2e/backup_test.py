"""Backup and restore through aivaultd --stdio: contents, refusals, and a kill before every system call."""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from lib import archive, vault as vault_module
from lib.http_socket import HttpSocket, framed
from lib.scenario import main
from lib.vault import base_environment

PASSPHRASE = "correct horse battery staple"
ENVELOPE = [("content-type", "application/vnd.aivault.envelope")]
# The calls by which files change; pages of a database are many and alike.
CALLS = {"rename": 1, "renameat": 1, "renameat2": 1, "unlink": 1, "unlinkat": 1, "mkdir": 1, "fsync": 1,
         "fdatasync": 1, "ftruncate": 1, "pwrite64": 19, "write": 9}


class Died(Exception):
    pass


class Child(HttpSocket):
    """A private aivaultd, perhaps under strace."""

    def __init__(self, base, root, environment=None, strace=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket, self.buffer = ours, b""
        self.socket.settimeout(120)
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*strace, str(vault_module.DAEMON), "--stdio"], stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.errors, cwd="/",
            env={**base_environment(base), "AIVAULT_DIR": str(root), **(environment or {})})
        theirs.close()

    def __exit__(self, *_):
        self.socket.close()
        self.process.wait(60)
        self.errors.close()

    def ask(self, *arguments, **options):
        try:
            return self.request(*arguments, **options)
        except (EOFError, BrokenPipeError, ConnectionResetError) as gone:
            raise Died from gone


class Backup(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="aiv-backup-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.root = self.base / "v"

    def child(self, root=None, environment=None, strace=()):
        return Child(self.base, root or self.root, environment, strace)

    def ok(self, child, method, target, body=None, **options):
        answer = child.ask(method, target, body, **options)
        self.assertLess(answer.status, 300, answer.body)
        return answer.json()

    def fails(self, marker, child, method, target, body=None, **options):
        answer = child.ask(method, target, body, **options)
        self.assertGreaterEqual(answer.status, 400, answer.body)
        self.assertIn(marker, answer.json()["message"])
        return answer.json()

    def make_vault(self, names=("ALPHA", "BETA"), root=None):
        with self.child(root) as child:
            for name in names:
                self.ok(child, "POST", "/aivault/secrets", {"name": name, "value": "v-" + name, "scope": "global"})

    def names(self, root=None, environment=None):
        with self.child(root, environment) as child:
            listed = self.ok(child, "GET", "/aivault/secrets")
            self.assertEqual([], self.ok(child, "GET", "/aivault/status")["problems"])
            return sorted(item["name"] for item in listed["items"])

    def archive(self, root=None, **body):
        """The bytes, checked against their trailers."""
        with self.child(root) as child:
            answer = child.ask("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE, **body},
                               headers=[("te", "trailers")])
        self.assertEqual(200, answer.status, answer.body)
        trailers = dict(answer.trailers)
        self.assertEqual("ok", trailers["x-aivault-outcome"])
        self.assertEqual(hashlib.sha256(answer.body).hexdigest(), trailers["x-aivault-sha256"])
        self.trailers = trailers
        return answer.body

    def cheap(self, root=None, without_key=False):
        return archive.cheap(self.archive(root), PASSPHRASE.encode(), without_key)

    def restore(self, child, data, method=None, **body):
        frame = framed({"passphrase": PASSPHRASE, **body}, data)
        return (method or self.ok)(child, "POST", "/aivault/vault/restore", frame, headers=ENVELOPE)

    def restore_fails(self, marker, data, root=None, environment=None, **body):
        with self.child(root, environment) as child:
            frame = framed({"passphrase": PASSPHRASE, **body}, data)
            self.fails(marker, child, "POST", "/aivault/vault/restore", frame, headers=ENVELOPE)

    def kinds(self, root=None):
        with self.child(root) as child:
            return [item["kind"] for item in self.ok(child, "GET", "/aivault/audit")["items"]]

    def everything(self):
        return {path.relative_to(self.base): path.read_bytes() for path in self.base.rglob("*")
                if path.is_file() and path.name not in ("vault.lock", "vault.db-shm", "vault.db-wal")}

    def test_an_archive_is_what_the_documentation_says(self):
        self.make_vault()
        data = self.archive()
        self.assertEqual("2", self.trailers["x-aivault-secrets"])
        header, parts = archive.read(data, PASSPHRASE.encode())
        self.assertEqual([1, 2, 3, 4, 0], list(parts))
        manifest = json.loads(parts[1])
        self.assertEqual((2, 1, header["vaultId"]), (manifest["secrets"], manifest["schema"], manifest["vaultId"]))
        self.assertEqual("aivault", json.loads(parts[2])["format"])
        self.assertEqual(32, len(parts[3]))
        self.assertTrue(parts[4].startswith(b"SQLite format 3\0"))
        self.assertEqual((3, 262144), (header["kdf"]["passes"], header["kdf"]["memoryKib"]))
        self.assertIn("vault.backup", self.kinds())
        self.assertEqual([], [p.name for p in self.root.iterdir() if ".tmp." in p.name])
        _, without = archive.read(self.archive(withoutKey=True), PASSPHRASE.encode())
        self.assertEqual([1, 2, 4, 0], list(without))

    def test_restored_elsewhere_it_is_the_same_vault(self):
        self.make_vault()
        data = self.archive()
        shutil.rmtree(self.root)
        with self.child() as child:
            result = self.restore(child, data)
            self.assertEqual([f"The key of the vault was written to '{self.root / 'kek.key'}'"],
                             [notice["text"] for notice in result["notices"]])
            self.assertEqual((True, "file", False),
                             tuple(result["result"][key] for key in ("enabled", "providerType", "locked")))
        self.assertEqual(["ALPHA", "BETA"], self.names())
        self.assertEqual(0o600, (self.root / "kek.key").stat().st_mode & 0o777)
        self.assertEqual("vault.restore", self.kinds()[0])
        with self.child() as child:
            self.assertTrue(self.ok(child, "GET", "/aivault/audit/verify")["ok"])
            checks = self.ok(child, "GET", "/aivault/doctor")["checks"]
        self.assertEqual([], [check for check in checks if check["status"] == "fail"])

    def test_nothing_happens_to_a_vault_that_is_there(self):
        self.make_vault()
        data = self.cheap()
        before = self.everything()
        self.restore_fails("vault already initialized at", data)
        flipped = bytearray(data)
        flipped[-40] ^= 1
        for wrong, marker in ((data[:-1], "archive damaged"), (data + b"x", "archive damaged"),
                              (bytes(flipped), "archive damaged"), (b"", "archive damaged"),
                              (b"not an archive of anything", "not an archive")):
            self.restore_fails(marker, wrong, force=True)
        self.restore_fails("wrong passphrase (decrypt failed)", data, force=True, passphrase="something else entirely")
        self.assertEqual(before, self.everything())
        self.assertEqual(["v"], [path.name for path in self.base.iterdir()])

    def test_force_keeps_what_was_there(self):
        self.make_vault()
        data = self.cheap()
        self.make_vault(["LATER"])
        with self.child() as child:
            notices = self.restore(child, data, force=True)["notices"]
        kept, = (path for path in self.base.iterdir() if path != self.root)
        self.assertRegex(kept.name, r"^v\.before-restore-[0-9]+$")
        self.assertIn(str(kept), notices[0]["text"])
        self.assertEqual(["ALPHA", "BETA"], self.names())
        self.assertEqual(["ALPHA", "BETA", "LATER"], self.names(kept))

    def test_a_key_file_with_another_key_keeps_it_under_another_name(self):
        home = {"AIVAULT_DIR": ""}
        self.root = self.base / ".aivault/data/vault"
        key = self.base / ".aivault/keys/kek.key"
        with self.child(environment=home) as child:
            self.ok(child, "POST", "/aivault/secrets", {"name": "ALPHA", "value": "a", "scope": "global"})
            answer = child.ask("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})
        data, wanted = archive.cheap(answer.body, PASSPHRASE.encode()), key.read_bytes()
        shutil.rmtree(self.base / ".aivault")
        with self.child(environment=home) as child:
            self.ok(child, "POST", "/aivault/secrets", {"name": "OTHER", "value": "a", "scope": "global"})
        other = key.read_bytes()
        with self.child(environment=home) as child:
            self.restore(child, data, force=True)
        self.assertEqual(wanted, key.read_bytes())
        saved, = key.parent.glob("kek.key.before-restore-*")
        self.assertEqual(other, saved.read_bytes())
        self.assertEqual(["ALPHA"], self.names(environment=home))

    def test_providers(self):
        self.make_vault()
        data = self.cheap()
        with_key = "".join(f"{n:02x}" for n in range(32))
        for body, environment, provider in (
                ({"provider": "env"}, {"AIVAULT_KEY": with_key}, "env"),
                ({"provider": "file", "filePath": str(self.base / "elsewhere.key")}, {}, "file"),
                ({"provider": "passphrase"}, {}, "passphrase")):
            shutil.rmtree(self.root)
            with self.child(environment=environment) as child:
                status = self.restore(child, data, **body)["result"]
                self.assertEqual(provider, status["providerType"])
                self.assertEqual(provider == "passphrase", status["locked"])
            if provider != "passphrase":
                self.assertEqual(["ALPHA", "BETA"], self.names(environment=environment))
                continue
            with self.child() as child:
                self.ok(child, "POST", "/aivault/vault/unlock", {"passphrase": PASSPHRASE})
                self.assertEqual(2, len(self.ok(child, "GET", "/aivault/secrets")["items"]))
        shutil.rmtree(self.root)
        self.restore_fails("vault provider misconfigured", data, provider="env")
        self.restore_fails("'filePath' needs 'provider'", data, filePath="/x")
        self.assertFalse((self.root / "vault.db").exists())

    def test_a_vault_goes_on_with_the_provider_that_it_had(self):
        first, second = (bytes(range(n, n + 32)).hex() for n in (1, 101))

        def credentials(key):
            place = self.base / f"credentials-{key[:2]}"
            place.mkdir(exist_ok=True)
            file = place / "aivault-kek"
            if not file.exists():
                file.write_text(key)
                file.chmod(0o400)
            return {"CREDENTIALS_DIRECTORY": str(place)}
        rows = (("env", lambda key: {"AIVAULT_KEY": key}, "environment variable 'AIVAULT_KEY'"),
                ("systemd_creds", credentials, "CREDENTIALS_DIRECTORY is not set"))
        for number, (provider, surroundings, missing) in enumerate(rows):
            with self.subTest(provider):
                old, here, there = self.base / f"old-{number}", surroundings(first), surroundings(second)
                with self.child(old, here) as child:
                    self.ok(child, "POST", "/aivault/vault/init", {"provider": provider.replace("_", "-")})
                    self.ok(child, "POST", "/aivault/secrets", {"name": "ALPHA", "value": "v-ALPHA", "scope": "global"})
                    answer = child.ask("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})
                    self.assertEqual(200, answer.status, answer.body)
                data = archive.cheap(answer.body, PASSPHRASE.encode(), False)
                new = self.base / f"new-{number}"
                self.restore_fails(missing, data, root=new)
                self.assertFalse((new / "vault.db").exists())
                # With the same key, and with another one, to which the vault is then re-keyed.
                for key, environment, other in ((first, here, there), (second, there, here)):
                    with self.child(new, environment) as child:
                        status = self.restore(child, data)["result"]
                        self.assertEqual((provider, False), (status["providerType"], status["locked"]))
                    self.assertEqual([], [path.name for path in new.iterdir() if path.name.startswith("kek")])
                    self.assertEqual(["ALPHA"], self.names(new, environment))
                    with self.child(new, other) as child:
                        self.fails("wrong key", child, "GET", "/aivault/secrets")
                    shutil.rmtree(new)

    def test_without_its_key_an_archive_needs_it_from_elsewhere(self):
        self.make_vault()
        data = self.cheap(without_key=True)
        key = (self.root / "kek.key").read_bytes()
        shutil.rmtree(self.root)
        self.restore_fails("there is no such file", data)
        self.root.mkdir(mode=0o700, exist_ok=True)
        (self.root / "kek.key").write_bytes(key)
        (self.root / "kek.key").chmod(0o600)
        with self.child() as child:
            self.restore(child, data)
        self.assertEqual(["ALPHA", "BETA"], self.names())

    def test_refusals(self):
        with self.child() as child:
            self.fails("vault not enabled", child, "POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})
            self.assertFalse((self.root / "vault.db").exists())
            self.fails("needs a passphrase", child, "POST", "/aivault/vault/backup", {})
            self.fails("unknown", child, "POST", "/aivault/vault/backup", {"passphrase": "x", "more": 1})
            answer = child.ask("POST", "/aivault/vault/restore", {"passphrase": PASSPHRASE})
            self.assertEqual(415, answer.status, answer.body)
        with self.child() as child:
            answer = child.ask("POST", "/aivault/vault/restore", struct.pack(">I", 1 << 31) + b"x", headers=ENVELOPE)
            self.assertEqual(400, answer.status)

    def test_a_damaged_row_is_named_and_no_archive_is_made(self):
        self.make_vault()
        import sqlite3
        with sqlite3.connect(self.root / "vault.db") as database:
            database.execute("UPDATE secrets SET updated_at_ms = 1 WHERE name = 'ALPHA'")
        database.close()
        with self.child() as child:
            self.fails("row integrity check failed: secrets/", child, "POST", "/aivault/vault/backup",
                       {"passphrase": PASSPHRASE})

    def test_others_are_answered_while_a_client_takes_nothing(self):
        self.make_vault()
        with self.child() as child:
            for number in range(40):
                self.ok(child, "POST", "/aivault/secrets",
                        {"name": f"BIG{number}", "value": "x" * 100_000, "scope": "global"})
        run = self.root / "run"
        reading, writing = os.pipe()
        daemon = subprocess.Popen([str(vault_module.DAEMON)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                                  env={**base_environment(self.base), "AIVAULT_DIR": str(self.root),
                                       "AIVAULTD_READY_FD": str(writing)}, pass_fds=[writing])
        os.close(writing)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        self.assertEqual(b"READY", os.read(reading, 100).strip())
        door = run / "aivaultd.sock"
        with HttpSocket(door, 60) as slow, HttpSocket(door, 60) as quick, HttpSocket(door, 60) as second:
            body = json.dumps({"passphrase": PASSPHRASE}).encode()
            slow.send(b"POST /aivault/vault/backup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                      b"content-length: %d\r\n\r\n%s" % (len(body), body))
            slow.socket.recv(1)  # It has begun.
            self.ok_on(quick, "POST", "/aivault/secrets", {"name": "MEANWHILE", "value": "x", "scope": "global"})
            self.ok_on(quick, "GET", "/aivault/audit/verify")
            busy = second.request("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})
            self.assertEqual(503, busy.status)
            slow.socket.close()
            # The place is free once its thread has noticed.
            for _ in range(200):
                answer = quick.request("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE})
                if answer.status == 200:
                    break
            self.assertEqual(200, answer.status)
            archive.read(answer.body, PASSPHRASE.encode())
        self.assertEqual([], [p.name for p in self.root.iterdir() if ".tmp." in p.name])

    def ok_on(self, door, method, target, body=None):
        answer = door.request(method, target, body)
        self.assertLess(answer.status, 300, answer.body)

    # Killed.

    def strace(self, call, count):
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                "-e", f"inject={call}:signal=KILL:when={count}"]

    def kill_everywhere(self, act, check, calls=None):
        """`act(child)`, killed before each call; then `check(where)`. How many kills."""
        pristine = self.base.parent / (self.base.name + "-pristine")
        shutil.copytree(self.base, pristine, symlinks=True)
        self.addCleanup(shutil.rmtree, pristine, ignore_errors=True)
        kills = 0
        for call, step in (calls or CALLS).items():
            count = 1
            while True:
                shutil.rmtree(self.base)
                shutil.copytree(pristine, self.base, symlinks=True)
                with self.child(strace=self.strace(call, count)) as child:
                    try:
                        act(child)
                        child.socket.close()
                    except Died:
                        pass
                    child.process.wait(60)
                    killed = child.process.returncode != 0
                if not killed:
                    break
                kills += 1
                check(f"before {call} {count}")
                count += step
            self.assertLess(count, 2000)
        return kills

    def check_no_leftovers(self, where):
        left = [path.name for path in self.root.iterdir()
                if ".tmp." in path.name or path.name.endswith((".restore", "-journal"))]
        self.assertEqual([], left, where)

    @unittest.skipIf(shutil.which("strace") is None, "needs strace")
    def test_a_backup_killed_anywhere_leaves_the_vault_and_no_copy(self):
        self.make_vault()

        def check(where):
            self.assertEqual(["ALPHA", "BETA"], self.names(), where)
            self.check_no_leftovers(where)

        kills = self.kill_everywhere(
            lambda child: child.ask("POST", "/aivault/vault/backup", {"passphrase": PASSPHRASE}), check,
            {**CALLS, "pwrite64": 17})
        self.assertGreater(kills, 10)

    @unittest.skipIf(shutil.which("strace") is None, "needs strace")
    def test_a_restore_killed_anywhere_leaves_the_old_vault_or_the_new_one(self):
        self.make_vault()
        data = self.cheap()
        self.make_vault(["LATER"])
        old, new = ["ALPHA", "BETA", "LATER"], ["ALPHA", "BETA"]
        seen = set()

        def check(where):
            found = self.names()
            self.assertIn(found, (old, new), where)
            self.check_no_leftovers(where)
            if found == new:
                others = [self.names(path) for path in self.base.iterdir() if path != self.root]
                self.assertIn(old, others, where)
            seen.add(tuple(found))

        kills = self.kill_everywhere(lambda child: self.restore(child, data, method=self.quietly, force=True), check)
        self.assertGreater(kills, 30)
        self.assertEqual({tuple(old), tuple(new)}, seen, "some before the switch, some after it")

    @unittest.skipIf(shutil.which("strace") is None, "needs strace")
    def test_a_restore_killed_anywhere_keeps_key_files_apart(self):
        self.make_vault()
        data = self.cheap()
        shutil.rmtree(self.root)
        key = self.base / "keys/kek.key"
        with self.child() as child:
            self.ok(child, "POST", "/aivault/vault/init", {"provider": "file", "filePath": str(key)})
            self.ok(child, "POST", "/aivault/secrets", {"name": "OLD", "value": "x", "scope": "global"})
        seen = set()

        def check(where):
            found = self.names()
            self.assertIn(found, (["OLD"], ["ALPHA", "BETA"]), where)
            seen.add(tuple(found))

        kills = self.kill_everywhere(
            lambda child: self.restore(child, data, method=self.quietly, force=True, provider="file",
                                       filePath=str(key)), check, {**CALLS, "pwrite64": 40, "write": 11})
        self.assertGreater(kills, 30)
        self.assertEqual(2, len(seen))

    @unittest.skipIf(shutil.which("strace") is None, "needs strace")
    def test_a_first_restore_killed_anywhere_can_be_repeated(self):
        self.make_vault()
        data = self.cheap()
        shutil.rmtree(self.root)

        def check(where):
            if not (self.root / "vault.db").exists():
                with self.child() as child:
                    self.restore(child, data)
            self.assertEqual(["ALPHA", "BETA"], self.names(), where)
            self.check_no_leftovers(where)

        kills = self.kill_everywhere(lambda child: self.restore(child, data, method=self.quietly), check,
                                     {**CALLS, "pwrite64": 40, "write": 11})
        self.assertGreater(kills, 15)

    def quietly(self, child, *arguments, **options):
        return child.ask(*arguments, **options)


if __name__ == "__main__":
    sys.exit(main())

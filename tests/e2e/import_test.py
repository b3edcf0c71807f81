"""The import of a vault of the 0.1 directory format, through a private child as the command line does it."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.old_vault import OldVault
from lib.scenario import Scenario, main


class Import(Scenario):
    def child(self, vault, body, env=None, wrap=()):
        """One request to `aivaultd --stdio`: (status, object), or None when the child was killed."""
        from lib import vault as programs
        parent, child = socket.socketpair()
        process = subprocess.Popen([*wrap, str(programs.DAEMON), "--stdio"], stdin=child, env=vault.environment(env),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        child.close()
        text = json.dumps(body).encode()
        parent.settimeout(120)
        answer = b""
        try:
            parent.sendall(b"POST /aivault/vault/import HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                           b"connection: close\r\ncontent-length: " + str(len(text)).encode() + b"\r\n\r\n" + text)
            while piece := parent.recv(1 << 16):
                answer += piece
                head, found, rest = answer.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                if found and length and len(rest) >= int(length[1]):
                    break
        except OSError:
            pass
        parent.close()
        process.wait(60)
        head, found, rest = answer.partition(b"\r\n\r\n")
        if not found:
            return None
        return int(head.split()[1]), json.loads(rest)

    def import_ok(self, vault, old, **more):
        status, answer = self.child(vault, {"from": str(old.root), **more})
        self.assertEqual(200, status, answer)
        return answer

    def old(self, name="old"):
        place = pathlib.Path(self.enterContext(_Temporary(self.scratch)))
        return OldVault(place / name)

    @staticmethod
    def hashes(root):
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(root.rglob("*")) if path.is_file()}

    def names(self, vault):
        return {secret["secretId"]: secret["name"] for secret in vault.ok("secrets", "list", "-v").json()}

    def test_everything_is_taken_and_the_old_directory_stays_as_it_was(self):
        vault, old = self.vault(), self.old()
        old.with_file()
        old.fill()
        before = self.hashes(old.root)
        answer = self.import_ok(vault, old)
        result = answer["result"]
        self.assertEqual([], result["failed"])
        self.assertEqual((3, 2, 1, 1, 1, 2), tuple(result[key] for key in (
            "secrets", "credentials", "capabilities", "policies", "bindings", "audit")))
        notices = json.dumps(answer["notices"])
        for part in ("odd is imported switched off", "'my team' is 'my_20team' now", "1 lines of the history"):
            self.assertIn(part, notices)
        self.assertEqual(before, self.hashes(old.root))
        self.assertLessEqual(set(old.values), set(self.names(vault)))
        events = vault.audit()
        imported = [event for event in events if event.get("imported")]
        self.assertEqual(["second", "first"], [event["note"] for event in imported])
        self.assertEqual("vault.import", events[0]["kind"])
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])
        for value in old.values.values():
            self.assertNotIn(value, json.dumps(answer))

    def test_keys_come_from_where_the_old_vault_says_or_from_the_request(self):
        vault, old = self.vault(), self.old()
        old.with_env("OLD_AIVAULT_KEY")
        old.add("A", "value-of-a-000001")
        import base64
        text = base64.b64encode(old.key).decode()
        status, answer = self.child(vault, {"from": str(old.root), "dryRun": True})
        self.assertNotEqual(200, status)
        self.assertIn("OLD_AIVAULT_KEY", answer["message"])
        status, answer = self.child(vault, {"from": str(old.root), "dryRun": True}, env={"OLD_AIVAULT_KEY": text})
        self.assertEqual((200, 1), (status, answer["result"]["secrets"]), answer)
        self.assertEqual(1, self.import_ok(vault, old, key=text)["result"]["secrets"])

    def test_a_passphrase_is_recognised(self):
        vault, old = self.vault(), self.old()
        old.with_passphrase("correct horse battery")
        old.add("A", "value-of-a-000001")
        for given, marker in (({}, "--passphrase-file"), ({"passphrase": "wrong"}, "wrong passphrase (decrypt failed)")):
            status, answer = self.child(vault, {"from": str(old.root), **given})
            self.assertNotEqual(200, status)
            self.assertIn(marker, answer["message"])
        self.assertEqual(1, self.import_ok(vault, old, passphrase="correct horse battery")["result"]["secrets"])

    def test_a_dry_run_changes_nothing_and_a_second_import_skips(self):
        vault, old = self.vault(), self.old()
        old.with_file()
        old.fill()
        vault.ok("status")
        before = vault.audit()
        self.assertTrue(self.import_ok(vault, old, dryRun=True)["result"]["dryRun"])
        self.assertEqual(before, vault.audit())
        self.assertEqual({}, self.names(vault))
        self.import_ok(vault, old)
        again = self.import_ok(vault, old)["result"]
        self.assertEqual((0, 0, 0, 0), tuple(again[key] for key in ("secrets", "credentials", "audit", "bindings")))
        self.assertIn({"id": "acme", "kind": "credential", "reason": "exists"}, again["skipped"])
        self.assertEqual(3, self.import_ok(vault, old, overwrite=True)["result"]["secrets"])

    def test_the_command_line_lists_failures_and_ends_with_1(self):
        vault, old = self.vault(), self.old()
        old.with_file()
        old.fill()
        vault.fails("vault not enabled; run `aivault init` first, or import without --dry-run",
                    "import", "--from", old.root, "--dry-run")
        vault.ok("init")
        result = vault.ok("import", "--from", old.root, "--dry-run").json()
        self.assertEqual((3, True), (result["secrets"], result["dryRun"]))
        old.write("secrets/broken.json", "{")
        outcome = vault.run("import", "--from", old.root)
        self.assertEqual(1, outcome.code, str(outcome))
        self.assertEqual(["broken"], [entry["id"] for entry in outcome.json()["failed"]])
        self.assertEqual(3, outcome.json()["secrets"])
        for value in old.values.values():
            self.assertNotIn(value, outcome.text + outcome.errors)

    def test_kinds_that_this_version_cannot_serve_are_kept_as_they_were(self):
        vault, old = self.vault(), self.old()
        old.with_file()
        secret = old.add("ACME", "value-of-acme-0001")
        kinds = {
            "hmac": {"hmac": {"header_name": "x-sign", "value_template": "{{signature}}"}},
            "mtls": {"mtls": {"cert_secret": "c"}},
            "oauth2": {"oauth2": {"grant_type": "client_credentials", "token_endpoint": "https://id.acme.test/t",
                                  "scopes": ["a", "b"]}},
            "sigv4": {"aws_sigv4": {"region": "eu-1", "service": "s3"}},
        }
        entries = [{"id": name, "provider": "acme", "workspaceId": None, "groupId": None, "auth": auth,
                    "hosts": ["api.acme.test"], "secretRef": f"vault:secret:{secret}"} for name, auth in kinds.items()]
        old.write("broker.json", {"version": 1, "credentials": entries})
        result = self.import_ok(vault, old)["result"]
        self.assertEqual((len(kinds), []), (result["credentials"], result["failed"]))
        database = vault.database()
        rows = {name: (enabled, json.loads(body)) for name, enabled, body in
                database.execute("SELECT id, enabled, body FROM credentials")}
        database.close()
        self.assertEqual(set(kinds), set(rows))
        problems = json.dumps(vault.ok("status", "-v").json()["problems"])
        for entry in entries:
            enabled, body = rows[entry["id"]]
            if entry["id"] != "mtls":
                self.assertEqual((1, False), (enabled, "imported" in body), entry["id"])
                continue
            self.assertEqual((0, entry), (enabled, body["imported"]["record"]))
            self.assertIn(entry["id"], problems)

    def test_a_full_disk_leaves_nothing_of_an_import(self):
        if not shutil.which("strace"):
            self.skipTest("needs strace")
        vault, old = self.vault(), self.old()
        old.with_file()
        old.fill()
        vault.ok("status")
        vault.add_secret("MINE", "value-of-mine-00001")
        secrets = self.names(vault)
        for number in (1, 4, 12):
            wrap = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64",
                    "-e", f"inject=pwrite64:error=ENOSPC:when={number}+"]
            answer = self.child(vault, {"from": str(old.root)}, wrap=wrap,
                                env={"ASAN_OPTIONS": "detect_leaks=0:use_sigaltstack=0"})
            self.assertIsNotNone(answer, number)
            self.assertNotEqual(200, answer[0], answer)
            self.assertEqual(secrets, self.names(vault), number)
            self.assertFalse([event for event in vault.audit() if event.get("imported")], number)
        self.assertEqual(3, self.import_ok(vault, old)["result"]["secrets"])
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])

    def test_a_directory_that_is_no_old_vault_is_refused(self):
        vault = self.vault()
        vault.ok("status")
        for place in (self.scratch, vault.root, self.scratch / "none"):
            status, answer = self.child(vault, {"from": str(place)})
            self.assertNotEqual(200, status, answer)
        status, answer = self.child(vault, {"from": "relative"})
        self.assertEqual(400, status)

    def in_place(self, provider="with_file", *arguments):
        vault = self.vault()
        old = OldVault(vault.root)
        getattr(old, provider)(*arguments)
        old.fill()
        return vault, old

    def test_in_place_the_key_stays_and_the_old_files_move(self):
        vault, old = self.in_place()
        vault.fails(f"holds a format 1 vault; run `aivault import --from '{vault.root}'`", "secrets", "list")
        before, key = self.hashes(old.root), (vault.root / "kek.key").read_bytes()
        self.assertTrue(self.import_ok(vault, old, dryRun=True)["result"]["dryRun"])
        left = self.hashes(old.root)
        left.pop("vault.lock", None)
        self.assertEqual(before, left)
        result = self.import_ok(vault, old)["result"]
        self.assertEqual(3, result["secrets"])
        moved = self.hashes(vault.root / "format-1")
        self.assertEqual({name: value for name, value in before.items() if name != "kek.key"}, moved)
        self.assertEqual(key, (vault.root / "kek.key").read_bytes())
        self.assertEqual(2, json.loads((vault.root / "vault.json").read_text())["version"])
        self.assertFalse((vault.root / "vault.new").exists())
        self.assertLessEqual(set(old.values), set(self.names(vault)))
        status, answer = self.child(vault, {"from": str(vault.root)})
        self.assertNotEqual(200, status)

    def test_in_place_a_passphrase_stays(self):
        vault, old = self.in_place("with_passphrase", "correct horse battery")
        self.assertEqual(3, self.import_ok(vault, old, passphrase="correct horse battery")["result"]["secrets"])
        header = json.loads((vault.root / "vault.json").read_text())
        self.assertEqual("passphrase", header["provider"]["type"])

    def test_killed_anywhere_in_place_it_is_the_old_vault_or_the_new_one(self):
        if not shutil.which("strace"):
            self.skipTest("needs strace")
        points = 0
        for call in ("?rename,renameat,?renameat2", "fsync,fdatasync", "?mkdir,mkdirat", "?unlink,unlinkat", "pwrite64"):
            step = 25 if call == "pwrite64" else 1
            for number in range(1, 400, step):
                vault, old = self.in_place()
                wrap = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                        "-e", f"inject={call}:signal=SIGKILL:when={number}"]
                finished = self.child(vault, {"from": str(vault.root)}, wrap=wrap,
                                      env={"ASAN_OPTIONS": "detect_leaks=0:use_sigaltstack=0"}) is not None
                self.judge(vault, old, f"{call} {number}")
                vault.close()
                if finished:
                    break
                points += 1
        self.assertGreater(points, 10)

    def judge(self, vault, old, where):
        if not (vault.root / "vault.db").exists():
            # The old vault as it was, and an import succeeds.
            self.assertEqual(3, self.import_ok(vault, old)["result"]["secrets"], where)
        self.assertLessEqual(set(old.values), set(self.names(vault)), where)
        moved = self.hashes(vault.root / "format-1")
        self.assertEqual(len(old.values), sum(name.startswith("secrets/") and name.endswith(".json") for name in moved),
                         where)
        self.assertIn("vault.json", moved, where)
        self.assertTrue(vault.ok("audit", "verify").json()["ok"], where)


class _Temporary:
    def __init__(self, below):
        self.path = pathlib.Path(below) / os.urandom(6).hex()

    def __enter__(self):
        self.path.mkdir()
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


if __name__ == "__main__":
    main()

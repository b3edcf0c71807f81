"""What lies on disk: tampering is refused by name, foreign changes are seen, the audit proves itself."""

import json
import sys

from lib.scenario import Scenario, canary, main
from lib.vault import wait_until


class Vault(Scenario):
    CALL = ("--method", "GET", "--path", "/v1")

    def two_apis(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, "one-" + canary(), "one")
        vault.add_api(upstream, self.ca, "two-" + canary(), "two")
        return vault, upstream

    def edit(self, vault, statement, *values):
        database = vault.database()
        with database:
            self.assertGreater(database.execute(statement, values).rowcount, 0)
        database.close()

    # Case 178.
    def test_an_edited_credential_is_refused_and_others_work(self):
        vault, upstream = self.two_apis()
        self.edit(vault, "UPDATE credentials SET body = replace(body, ?, 'evil.example:443') WHERE id = 'one'",
                  upstream.authority)
        failed = vault.fails("", "invoke", "one/call", *self.CALL)
        self.assertIn("one", failed.errors)
        vault.ok("invoke", "two/call", *self.CALL)
        self.assertEqual(1, len(upstream.requests))
        problems = vault.ok("status", "-v").json()["problems"]
        self.assertEqual([("credential", "one")], [(p["kind"], p["id"]) for p in problems])
        self.assertIn("row integrity check failed", problems[0]["message"])
        self.assertEqual(1, vault.run("doctor").code)

    # Case 178.
    def test_swapped_ciphertexts_never_open(self):
        vault, upstream = self.two_apis()
        database = vault.database()
        with database:
            rows = database.execute("SELECT secret_id, nonce, ciphertext FROM secret_values").fetchall()
            (a, an, ac), (b, bn, bc) = rows
            database.execute("UPDATE secret_values SET nonce=?, ciphertext=? WHERE secret_id=?", (bn, bc, a))
            database.execute("UPDATE secret_values SET nonce=?, ciphertext=? WHERE secret_id=?", (an, ac, b))
        database.close()
        for name in ("one", "two"):
            failed = vault.fails("VaultUnavailable: row integrity check failed", "invoke", f"{name}/call", *self.CALL)
            self.assertIn("secrets/", failed.errors.replace("secret_values/", "secrets/"))
        self.assertEqual(0, upstream.connections)

    def test_an_old_row_put_back_is_noticed(self):
        vault, _ = self.two_apis()
        database = vault.database()
        old = database.execute("SELECT * FROM secret_values").fetchall()
        seals = database.execute("SELECT * FROM row_seals WHERE tbl = 'secrets'").fetchall()
        secrets = database.execute("SELECT * FROM secrets").fetchall()
        database.close()
        one = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "ONE_KEY")
        vault.ok("secrets", "rotate", "--id", one["secretId"], "--value-file", "-", stdin="new-" + canary())
        database = vault.database()
        with database:
            for table, rows in (("secrets", secrets), ("secret_values", old), ("row_seals", seals)):
                for row in rows:
                    database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * len(row))})", row)
        database.close()
        failed = vault.run("invoke", "one/call", *self.CALL)
        self.assertEqual((1, b""), (failed.code, failed.out))
        self.assertIn("damaged", failed.errors)

    def test_a_change_of_another_process_counts_for_the_next_call(self):
        vault, upstream = self.two_apis()
        vault.start_daemon()
        vault.ok("invoke", "one/call", *self.CALL)
        child = {"AIVAULTD_DISABLE": "1"}
        one = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "ONE_KEY")
        value = "new-" + canary()
        vault.ok("secrets", "rotate", "--id", one["secretId"], "--value-file", "-", stdin=value, env=child)
        vault.ok("invoke", "one/call", *self.CALL)
        self.assertEqual(f"Bearer {value}", upstream.requests[-1].one("authorization"))
        vault.ok("credential", "delete", "one", env=child)
        vault.fails("CredentialNotFound", "invoke", "one/call", *self.CALL)
        vault.ok("capability", "delete", "two/call", env=child)
        vault.fails("CapabilityNotFound", "invoke", "two/call", *self.CALL)
        self.assertEqual(2, len(upstream.requests))

    def test_delete_revokes(self):
        vault, upstream = self.two_apis()
        vault.start_daemon()
        vault.ok("invoke", "one/call", *self.CALL)
        one = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "ONE_KEY")
        deleted = vault.ok("secrets", "delete", "--id", one["secretId"])
        self.assertIn("Credential removed: one", deleted.errors)
        self.assertIsNotNone(deleted.json()["revokedAtMs"])
        vault.fails("CredentialNotFound", "invoke", "one/call", *self.CALL)
        vault.fails("secret revoked", "secrets", "rotate", "--id", one["secretId"], "--value-file", "-", stdin="x")
        vault.ok("secrets", "delete", "--id", one["secretId"])
        vault.add_secret("ONE_KEY", "the name is free again")
        self.assertEqual(1, len(upstream.requests))

    def test_every_kind_of_change_of_the_audit_is_found(self):
        def spoil(statement, *values):
            vault, _ = self.two_apis()
            vault.ok("invoke", "one/call", *self.CALL)
            verified = vault.ok("audit", "verify").json()
            self.assertTrue(verified["ok"])
            self.edit(vault, statement, *values)
            outcome = vault.run("audit", "verify")
            self.assertEqual(1, outcome.code)
            return outcome, verified

        for statement in ("UPDATE audit SET body = replace(body, '\"actor\"', '\"actOr\"') WHERE seq = 3",
                          "DELETE FROM audit WHERE seq = 3",
                          "UPDATE audit SET ts_ms = ts_ms + 1 WHERE seq = 3",
                          "UPDATE audit SET kind = 'secret.create' WHERE seq = 3 AND kind <> 'secret.create'"):
            with self.subTest(statement):
                outcome, _ = spoil(statement)
                if outcome.out:
                    self.assertFalse(outcome.json()["ok"])
                    self.assertIn(outcome.json()["firstBadSeq"], (3, 4))
        vault, _ = self.two_apis()
        head = vault.ok("audit", "verify").json()
        vault.ok("status")
        vault.add_secret("MORE", "value")
        self.assertTrue(vault.ok("audit", "verify", "--head", f"{head['headSeq']}:{head['headHash']}").json()["ok"])
        self.assertEqual(1, vault.run("audit", "verify", "--head", f"{head['headSeq']}:{'0' * 64}").code)

    def test_every_operator_act_is_in_the_audit(self):
        vault, _ = self.two_apis()
        one = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "ONE_KEY")["secretId"]
        vault.ok("secrets", "update", "--id", one, "--alias", "uno")
        vault.ok("secrets", "rotate", "--id", one, "--value-file", "-", stdin="x" * 20)
        vault.ok("capability", "delete", "two/call")
        vault.ok("credential", "delete", "two")
        vault.ok("secrets", "delete", "--id", one)
        kinds = [row["kind"] for row in reversed(vault.audit())]
        kinds = [kind for kind in kinds if not kind.startswith(("daemon.", "settings."))]
        self.assertEqual(["vault.init"] + 2 * ["secret.create", "credential.create", "capability.create"] +
                         ["secret.update", "secret.rotate", "capability.delete", "credential.delete"],
                         kinds[:11])
        self.assertEqual({"secret.revoke", "credential.delete"}, set(kinds[11:]))
        for row in vault.audit():
            self.assertLessEqual({"tsMs", "kind", "seq"}, set(row))
            self.assertNotIn("value", row)
        self.assertEqual([], vault.audit("--limit", "0"))
        self.assertEqual(["secret.rotate"], [r["kind"] for r in vault.audit("--kind", "secret.rotate")])
        self.assertTrue(all(r["kind"].startswith("capability.") for r in vault.audit("--kind", "capability.*")))

    # Case 227.
    def test_no_record_no_call(self):
        # The audit cannot be written: the database has become read-only for the daemon.
        vault, upstream = self.two_apis()
        daemon = vault.start_daemon()
        vault.ok("invoke", "one/call", *self.CALL)
        import resource
        size = max(path.stat().st_size for path in vault.root.iterdir() if path.is_file())
        # Files of the daemon may not grow any more: every append fails like on a full disk.
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        refused = 0
        for _ in range(50):
            outcome = vault.run("invoke", "one/call", *self.CALL)
            if outcome.code:
                refused += 1
                self.assertIn("VaultUnavailable", outcome.errors)
        self.assertGreater(refused, 0, f"{size} bytes")
        sent = len(upstream.requests)
        self.assertIsNone(daemon.poll(), vault.log.read_text())
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until(lambda: vault.run("invoke", "one/call", *self.CALL).code == 0, 30, "calls again")
        started = vault.calls("--outcome", "started", "--limit", "1000")
        self.assertGreaterEqual(len(started), sent)
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])

    def test_modes_and_unsafe_places(self):
        vault = self.vault()
        vault.ok("status")
        for path in vault.root.rglob("*"):
            self.assertEqual(0, path.stat().st_mode & 0o077, path)
        vault.root.chmod(0o777)
        vault.fails("unsafe directory", "secrets", "create", "--name", "X", "--value-file", "-", stdin="x")
        vault.root.chmod(0o755)
        vault.ok("secrets", "create", "--name", "X", "--value-file", "-", stdin="x")
        self.assertEqual(0o700, vault.root.stat().st_mode & 0o777)
        real = vault.root / "real.db"
        (vault.root / "vault.db").rename(real)
        (vault.root / "vault.db").symlink_to(real)
        vault.fails("unsafe file", "secrets", "create", "--name", "Z", "--value-file", "-", stdin="x")

    def test_a_daemon_says_how_another_process_has_re_keyed_the_vault(self):
        vault = self.vault()
        alone = {"AIVAULTD_DISABLE": "1"}
        vault.add_secret("X", canary())
        vault.start_daemon()
        before = vault.ok("status", "-v").json()["status"]
        vault.ok("rotate-master", env=alone)
        after = vault.ok("status", "-v").json()["status"]
        self.assertNotEqual(before["kekId"], after["kekId"])
        vault.ok("rotate-master", "--provider", "passphrase", "--new-passphrase", "correct horse battery staple",
                 env=alone)
        listed = vault.ok("secrets", "list")  # The first that looks.
        self.assertIn("unverified", listed.errors)
        shown = vault.ok("status", "-v").json()["status"]
        self.assertEqual(("passphrase", True), (shown["providerType"], shown["locked"]))
        self.assertNotEqual(after["kekId"], shown["kekId"])
        doctor = vault.run("doctor")
        self.assertIn("aivault unlock", doctor.text)
        self.assertNotIn("key file", doctor.text)

    def test_doctor_names_what_repairs(self):
        vault, _ = self.two_apis()
        self.edit(vault, "UPDATE credentials SET body = body || ' ' WHERE id = 'one'")
        self.assertIn("aivault credential delete one; or run `aivault restore`", vault.run("doctor").text)
        vault.ok("credential", "delete", "one")
        vault.key_file.rename(vault.base / "real.key")
        vault.key_file.symlink_to(vault.base / "real.key")
        found = vault.run("doctor").text
        self.assertIn(f"{vault.key_file} is a symbolic link", found)
        self.assertNotIn("0777", found)
        vault.key_file.unlink()
        vault.fails("aivault restore", "secrets", "create", "--name", "X", "--value-file", "-", stdin="x")

    def test_init_says_nothing_of_a_new_key_where_there_is_none(self):
        vault = self.vault()
        first = vault.ok("init")
        again = vault.ok("init")
        self.assertEqual(first.json()["kekId"], again.json()["kekId"])
        self.assertNotIn("new key", again.errors)

    def test_init_and_status(self):
        vault = self.vault()
        created = vault.ok("init", "--provider", "file").json()
        self.assertEqual((True, "file", False), (created["enabled"], created["providerType"], created["locked"]))
        vault.add_secret("X", "value")
        vault.fails(f"vault already initialized at '{vault.root}'", "init")
        self.assertEqual(created["kekId"], vault.ok("status", "--json").json()["status"]["kekId"])
        header = json.loads((vault.root / "vault.json").read_text())
        self.assertEqual(("aivault", 2, created["kekId"]), (header["format"], header["version"], header["kekId"]))
        (vault.root / "vault.json").unlink()
        vault.ok("secrets", "list")
        wait_until(lambda: (vault.root / "vault.json").exists(), what="the header")


if __name__ == "__main__":
    sys.exit(main())

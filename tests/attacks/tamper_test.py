"""Attacks on the vault's files by code under the daemon's own user (VT)."""

import contextlib
import json
import os
import pathlib
import pwd
import shutil
import sqlite3

import world
from world import VAULT, Attack, as_user


class Tampering(Attack):
    policy = ("--rate-limit-per-minute", "10000")

    @classmethod
    def prepare(cls):
        cls.add_api("other", cls.other_secret)

    def edit(self, *statements):
        """As the daemon's user, beside the daemon."""
        def act():
            with contextlib.closing(sqlite3.connect(VAULT / "vault.db", timeout=20)) as database, database:
                return [database.execute(statement, values).rowcount for statement, *values in statements]
        for count in as_user("aivault", act):
            self.assertGreater(count, 0)

    def row(self, table, identifier):
        def act():
            with contextlib.closing(sqlite3.connect(VAULT / "vault.db", timeout=20)) as database:
                cursor = database.execute(f"SELECT * FROM {table} WHERE id = ?", (identifier,))
                return [each[0] for each in cursor.description], list(cursor.fetchone())
        return as_user("aivault", act)

    def check_edit(self, *statements, refused="acme/call"):
        """Under a running daemon it changes no call; a new daemon refuses what was edited; as it was, it works again."""
        self.replaces_daemon = True
        self.assertServes()
        self.stop_daemon()
        kept = {name: (VAULT / name).read_bytes() for name in ("vault.db", "vault.db-wal", "vault.json")
                if (VAULT / name).exists()}
        self.start_daemon()
        self.assertServes()
        self.edit(*statements)
        if self.call(capability=refused)[0] == 200:
            self.assertEqual(f"Bearer {self.secret}", self.up.requests[-1].one("authorization"))
        self.stop_daemon()
        self.up.forget()
        self.start_daemon()
        self.assertRefused(self.call(capability=refused))
        status, answer = self.call(capability="other/call")
        if status == 200:
            self.assertEqual(f"Bearer {self.other_secret}", self.up.requests[-1].one("authorization"))
        else:
            self.assertIn("damaged", json.dumps(answer))
        self.stop_daemon()
        for name in ("vault.db-wal", "vault.db-shm"):
            (VAULT / name).unlink(missing_ok=True)
        for name, content in kept.items():
            (VAULT / name).write_bytes(content)
        self.start_daemon()
        self.assertServes()
        return status

    def test_VT6_an_edited_credential_is_refused(self):
        body = json.loads(dict(zip(*self.row("credentials", "acme")))["body"])
        evil = json.dumps(body).replace("localhost", "evil.test")
        self.assertNotEqual(json.dumps(body), evil)
        for statement in (("UPDATE credentials SET body = ? WHERE id = 'acme'", evil),
                          ("UPDATE credentials SET body = json_set(body, '$.auth', json('{}')) WHERE id = 'acme'",),
                          ("UPDATE credentials SET provider = 'other' WHERE id = 'acme'",)):
            self.assertEqual(200, self.check_edit(statement))  # The other API works.

    def test_VT7_edited_capabilities_and_policies_are_refused(self):
        for statement in ("UPDATE policies SET body = '{}' WHERE id LIKE '%acme/call'",
                          "UPDATE capabilities SET body = replace(body, '/v1', '/') WHERE id = 'acme/call'"):
            self.assertEqual(200, self.check_edit((statement,)))

    def test_VT7_a_policy_that_was_removed_refuses_its_capability(self):
        self.check_edit(("DELETE FROM policies WHERE id LIKE '%acme/call'",))

    def test_VT5_a_row_that_nobody_made_serves_nothing(self):
        names, values = self.row("capabilities", "acme/call")
        values[names.index("id")] = "acme/forged"
        self.check_edit((f"INSERT INTO capabilities ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", *values),
                        refused="acme/forged")

    def private(self, name, *init, stdin=b""):
        self.place = pathlib.Path("/home/aivault") / name
        self.own = {"AIVAULT_DIR": str(self.place)}
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.operator("init", *init, stdin=stdin, env=self.own)
        return self.place

    def header(self, change):
        """The private vault with another header; the outcome of a command."""
        file = self.place / "vault.json"
        kept = file.read_bytes()
        given = json.loads(kept)
        change(given)
        file.write_text(json.dumps(given))
        done = self.operator("secrets", "create", "--name", "X", "--value-file", "-", stdin="a value of some length",
                             env={**self.own, "ATTACKERS_KEY": "ab" * 32}, code=None)
        file.write_bytes(kept)
        return done

    def test_VT9_a_header_that_names_another_key_opens_nothing(self):
        self.private("vt9")
        key = (self.place / "kek.key").read_bytes()
        evil = pathlib.Path("/home/agent1/evil.key")
        evil.write_text("ab" * 32)
        os.chown(evil, pwd.getpwnam("aivault").pw_uid, -1)
        evil.chmod(0o600)
        for provider in ({"type": "env", "envVar": "ATTACKERS_KEY"}, {"type": "file", "path": str(evil)}):
            done = self.header(lambda header, provider=provider: header.update(provider=provider))
            # The header is a hint, the database decides.
            if done.returncode != 0:
                self.assertTrue(b"key" in done.stderr or b"exists" in done.stderr, done.stderr)
            self.assertEqual(key, (self.place / "kek.key").read_bytes())
            self.operator("secrets", "list", env=self.own)
        evil.unlink()

    def test_VT10_costs_of_a_derivation_are_bounded_before_memory_is_taken(self):
        self.private("vt10", "--provider", "passphrase", "--passphrase-file", "-", stdin="correct horse battery staple")
        with contextlib.closing(sqlite3.connect(self.place / "vault.db")) as database:
            tables = {name: [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
                      for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            where = [(table, column) for table, columns in tables.items() for column in columns
                     if any(isinstance(value, str) and "memoryKib" in value
                            for (value,) in database.execute(f"SELECT {column} FROM {table}"))]
        self.assertTrue(where)
        table, column = where[0]
        for key, value in (("memoryKib", 1 << 32), ("memoryKib", 0), ("passes", 1 << 24), ("passes", 0), ("saltB64", ""),
                           ("saltB64", "QUJD" * 100000)):
            with contextlib.closing(sqlite3.connect(self.place / "vault.db")) as database, database:
                (old,) = database.execute(f"SELECT {column} FROM {table}").fetchone()
                entry = json.loads(old)
                self.assertIn(key, json.dumps(entry))
                holder = entry["kdf"] if "kdf" in entry else next(v["kdf"] for v in entry.values() if isinstance(v, dict) and "kdf" in v)
                holder[key] = value
                database.execute(f"UPDATE {table} SET {column} = ?", (json.dumps(entry),))
            done = self.operator("unlock", "--passphrase-file", "-", stdin="correct horse battery staple", env=self.own, code=None)
            self.assertEqual(1, done.returncode, (key, value))
            with contextlib.closing(sqlite3.connect(self.place / "vault.db")) as database, database:
                database.execute(f"UPDATE {table} SET {column} = ?", (old,))

    def test_VT11_a_file_that_is_no_vault_is_named_and_nothing_is_made_anew(self):
        self.private("vt11")
        self.operator("secrets", "create", "--name", "KEPT", "--value-file", "-", stdin="a value of some length", env=self.own)
        key = (self.place / "kek.key").read_bytes()
        file = self.place / "vault.db"
        kept = file.read_bytes()
        for data in (b"", b"garbage" * 1000, kept[:100], kept[:4096], kept[:len(kept) // 2], bytes(len(kept))):
            for name in ("vault.db-wal", "vault.db-shm"):
                (self.place / name).unlink(missing_ok=True)
            file.write_bytes(data)
            done = self.operator("secrets", "create", "--name", "X", "--value-file", "-", stdin="a value of some length",
                                 env=self.own, code=1)
            self.assertIn(b"vault", done.stderr)
            self.assertEqual(data, file.read_bytes())
            self.assertEqual(key, (self.place / "kek.key").read_bytes())
        file.write_bytes(kept)
        # The header is rewritten from the database.
        for text in ("", "{", "[]", "{\"a\":1,\"a\":2}", "{" * 10000):
            (self.place / "vault.json").write_text(text)
            listed = json.loads(self.operator("secrets", "list", "-v", env=self.own).stdout)
            self.assertEqual(["KEPT"], [each["name"] for each in listed])


if __name__ == "__main__":
    world.run()

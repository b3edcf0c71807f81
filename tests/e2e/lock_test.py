"""A vault with a passphrase: unlock, use, lock; what locking leaves in the daemon's memory; and what
each key provider refuses."""

import base64
import hashlib
import json
import os
import pathlib
import struct
import sys
import threading
import time
import unittest

from lib.memory import found_in_memory, kernel_has_secret_memory
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

OLDER_KERNEL = pathlib.Path(__file__).parent / "lib/older_kernel.py"
PASSPHRASE = "correct horse battery staple"


def subkeys(kek):
    """What libsodium's crypto_kdf gives for the five numbers: BLAKE2b with the number as salt."""
    return [hashlib.blake2b(b"", digest_size=32, key=kek, salt=struct.pack("<QQ", number, 0),
                            person=b"aivault2" + bytes(8)).digest() for number in range(1, 6)]


def argon2id(passphrase, entry):
    """The key of a passphrase entry, by libsodium itself."""
    import ctypes
    import ctypes.util
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    assert sodium.sodium_init() >= 0
    key = ctypes.create_string_buffer(32)
    kdf = entry["kdf"]
    done = sodium.crypto_pwhash(key, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)),
                                base64.b64decode(kdf["saltB64"]), ctypes.c_ulonglong(kdf["passes"]),
                                ctypes.c_size_t(kdf["memoryKib"] * 1024), ctypes.c_int(2))
    assert done == 0
    return key.raw


def unsealed(key, nonce, ciphertext, associated):
    import ctypes
    import ctypes.util
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    plain = ctypes.create_string_buffer(len(ciphertext) - 16)
    done = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, None, None, ciphertext, ctypes.c_ulonglong(len(ciphertext)),
        associated, ctypes.c_ulonglong(len(associated)), nonce, key)
    assert done == 0, "it does not open"
    return plain.raw


def encoded(purpose, *fields):
    """docs/vault.md: what is authenticated."""
    out = b"aivault\0\x01" + bytes([len(purpose)]) + purpose.encode() + struct.pack("<H", len(fields))
    for field in fields:
        if isinstance(field, int):
            out += b"\x03" + struct.pack("<q", field)
        elif isinstance(field, bytes):
            out += b"\x01" + struct.pack("<I", len(field)) + field
        else:
            out += b"\x02" + struct.pack("<I", len(field.encode())) + field.encode()
    return out


class Lock(Scenario):
    CALL = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")

    def passphrase_vault(self, daemon_prefix=()):
        vault = self.vault()
        vault.daemon_prefix = daemon_prefix
        made = vault.ok("init", "--provider", "passphrase", "--passphrase-file", "-", stdin=PASSPHRASE + "\n")
        self.assertEqual("passphrase", made.json()["providerType"])
        vault.start_daemon()
        return vault

    def unlock(self, vault, *flags, passphrase=PASSPHRASE):
        return vault.ok("unlock", "--passphrase-file", "-", *flags, stdin=passphrase)

    def used_vault(self, daemon_prefix=()):
        vault, upstream = self.passphrase_vault(daemon_prefix), self.upstream()
        value = canary()
        self.unlock(vault)
        vault.add_api(upstream, self.ca, value)
        return vault, upstream, value

    def test_calls_work_between_unlock_and_lock_alone(self):
        vault, upstream, _ = self.used_vault()
        vault.ok(*self.CALL)
        self.assertTrue(vault.ok("lock").json()["locked"])
        vault.fails("vault locked", *self.CALL)
        vault.fails("vault locked", "secrets", "create", "--name", "X", "--value-file", "-", stdin="a-long-value")
        self.assertEqual(1, len(upstream.requests))
        refused = vault.run(*self.CALL)
        self.assertIn("run `aivault unlock`", refused.errors)
        for words in (("capability", "list"), ("capability", "list", "-v"), ("capability", "describe", "acme/call")):
            self.assertIn("unverified", vault.ok(*words).errors)
        listed = vault.ok("secrets", "list", "-v")
        self.assertEqual(["ACME_KEY"], [secret["name"] for secret in listed.json()])
        self.assertIn("unverified", listed.errors)
        self.assertTrue(vault.ok("status", "-v").json()["status"]["locked"])
        vault.fails("wrong passphrase (decrypt failed)", "unlock", "--passphrase-file", "-", stdin="wrong horse")
        self.assertFalse(self.unlock(vault).json()["locked"])
        vault.ok(*self.CALL)
        self.assertEqual(2, len(upstream.requests))
        kinds = [event["kind"] for event in vault.audit("--limit", "200")]
        for kind in ("vault.lock", "vault.unlock", "vault.unlock_failed"):
            self.assertIn(kind, kinds)
        denied = [call for call in vault.calls() if call["outcome"] == "denied"]
        self.assertEqual([True], [call.get("late") for call in denied])
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])

    def test_an_unlock_that_cannot_work_starts_no_daemon(self):
        vault = self.vault()
        vault.ok("init", "--provider", "passphrase", "--passphrase-file", "-", stdin=PASSPHRASE)
        empty, both = vault.base / "empty", ("--passphrase", PASSPHRASE, "--passphrase-file", "-")
        empty.write_text("")
        for sentence, words in (("provide --passphrase or --passphrase-file", ()),
                                ("provide either --passphrase or --passphrase-file", both),
                                ("must not be empty", ("--passphrase-file", empty)),
                                ("No such file", ("--passphrase-file", vault.base / "none")),
                                ("more than 0 and at most a year", ("--for", "0", "--passphrase-file", "-")),
                                ("more than 0 and at most a year", ("--for", "366d", "--passphrase-file", "-"))):
            vault.fails(sentence, "unlock", *words, stdin=PASSPHRASE)
            self.assertEqual([], vault.daemons())
            self.assertFalse(vault.socket.exists())

    def test_an_unlock_ends_by_itself(self):
        vault, upstream, _ = self.used_vault()
        self.unlock(vault, "--for", "2s")
        until = vault.ok("status", "-v").json()["daemon"]["unlockedUntilMs"]
        self.assertGreater(until, 0)
        vault.ok(*self.CALL)
        wait_until(lambda: vault.run(*self.CALL).code == 1, what="the end of the unlock")
        vault.fails("vault locked", *self.CALL)
        kinds = [event["kind"] for event in vault.audit("--kind", "vault.*")]
        self.assertEqual("vault.lock", kinds[0])

    @unittest.skipUnless(os.geteuid() == 0, "reads the memory of another process as root")
    def test_after_lock_the_daemons_memory_holds_nothing(self):
        # Where the kernel hides secrets from us, we see nothing of what is wiped either: both are tried.
        with self.subTest("locked memory"):
            self.look_into_memory([sys.executable, OLDER_KERNEL], is_hidden=False)
        with self.subTest("this kernel"):
            self.look_into_memory([], is_hidden=kernel_has_secret_memory())

    def look_into_memory(self, daemon_prefix, is_hidden):
        """What a debugger of root reads while a call waits, and after `lock`."""
        vault, upstream, value = self.used_vault(daemon_prefix)
        kind = vault.ok("status", "--json").json()["daemon"]["hardening"]["secretMemory"]
        self.assertEqual(is_hidden, kind == "memfd_secret")
        vault.ok(*self.CALL)
        header = json.loads((vault.root / "vault.json").read_text())
        kek = argon2id(PASSPHRASE.encode(), header["provider"])
        names = ("key id", "wrap", "row MAC", "set", "state")
        keys = dict(zip(names, subkeys(kek)))
        self.assertEqual(header["kekId"], keys.pop("key id").hex())
        database = vault.database()
        (secret,) = database.execute("SELECT id, value_version, dek_nonce, dek_ct FROM secrets").fetchall()
        database.close()
        dek = unsealed(keys["wrap"], secret[2], secret[3],
                       encoded("dek", header["vaultId"], secret[0], secret[1], bytes.fromhex(header["kekId"])))
        needles = {"KEK": kek, "DEK": dek, "passphrase": PASSPHRASE.encode(), "value": value.encode(), **keys}

        # The scan finds what is there: a needle in vain proves nothing. A value is there for as long as
        # a call, so one is kept waiting.
        arrived, go_on = threading.Event(), threading.Event()
        upstream.answer = lambda exchange: (arrived.set(), go_on.wait(60), exchange.reply())
        waiting = vault.start(*self.CALL)
        self.assertTrue(arrived.wait(30))
        during = found_in_memory(vault.daemon.pid, needles)
        go_on.set()
        waiting.communicate(timeout=60)
        self.assertEqual(0, waiting.returncode)
        # The key of the API goes through the TLS library, whose buffers are its own.
        at_least = set() if is_hidden else {"KEK", "wrap", "row MAC", "set", "state", "value"}
        self.assertLessEqual(at_least, during)
        self.assertLessEqual(during, {"value"} if is_hidden else set(needles))
        vault.ok("lock")
        deadline = time.monotonic() + 1
        left = found_in_memory(vault.daemon.pid, needles)
        while left and time.monotonic() < deadline:
            left = found_in_memory(vault.daemon.pid, needles)
        self.assertEqual(set(), left)

        # The same when the time of an unlock is over and nobody asks for anything.
        self.unlock(vault, "--for", "10s")
        self.assertEqual(not is_hidden, "KEK" in found_in_memory(vault.daemon.pid, {"KEK": kek}))
        wait_until(lambda: not found_in_memory(vault.daemon.pid, needles), 60, what="a clean memory")

    @unittest.skipUnless(os.geteuid() == 0, "reads the memory of another process as root")
    def test_a_key_from_the_environment_stays_in_locked_memory_alone(self):
        vault = self.vault()
        key = os.urandom(32)
        text = base64.b64encode(key).decode()
        env = {"AIVAULT_KEY": text}
        vault.ok("init", "--provider", "env", env=env)
        vault.fails("environment variable 'AIVAULT_KEY': it is not set", "secrets", "list")
        vault.start_daemon(env=env)
        vault.ok("secrets", "list")
        pid = vault.daemon.pid
        with open(f"/proc/{pid}/environ", "rb") as variables:
            self.assertNotIn(text.encode(), variables.read())

    def test_a_wrong_key_is_refused_by_name_and_changes_nothing(self):
        vault = self.vault()
        first, second = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
        made = vault.ok("init", "--provider", "env", env={"AIVAULT_KEY": first}).json()
        before = (vault.root / "vault.db").read_bytes()
        failed = vault.fails("wrong key", "secrets", "list", env={"AIVAULT_KEY": second})
        self.assertIn("environment variable 'AIVAULT_KEY'", failed.errors)
        self.assertIn(made["kekId"], failed.errors)
        self.assertIn("(decrypt failed)", failed.errors)
        self.assertEqual(before, (vault.root / "vault.db").read_bytes())
        vault.fails("it does not hold a key", "secrets", "list", env={"AIVAULT_KEY": "nonsense"})

    def test_init_does_exactly_what_it_is_told(self):
        rows = (
            (("--provider", "env", "--env-var", "NO_SUCH_KEY"), "environment variable 'NO_SUCH_KEY': it is not set"),
            (("--provider", "systemd-creds"), "start the daemon's unit"),
            (("--provider", "keyring"), "not supported by this version"),
            (("--provider", "macos-keychain"), "macos-keychain is only available on macOS"),
            (("--provider", "passphrase"), "--passphrase is required for --provider passphrase"),
        )
        for flags, marker in rows:
            vault = self.vault()
            vault.fails(marker, "init", *flags)
            self.assertFalse((vault.root / "vault.db").exists(), flags)
        vault = self.vault()
        credentials = vault.base / "credentials"
        credentials.mkdir()
        (credentials / "aivault-kek").write_text(os.urandom(32).hex())
        (credentials / "aivault-kek").chmod(0o400)
        env = {"CREDENTIALS_DIRECTORY": str(credentials)}
        status = vault.ok("status", "-v", env=env).json()["status"]
        self.assertEqual("systemd_creds", status["providerType"])
        vault.ok("secrets", "create", "--name", "A", "--value-file", "-", stdin="a-long-value", env=env)
        vault.fails(f"vault already initialized at '{vault.root}'", "init", env=env)
        vault.fails("start the daemon's unit", "secrets", "list")


if __name__ == "__main__":
    sys.exit(main())

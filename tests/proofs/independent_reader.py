"""A second implementation of the vault's format, written from docs/vault.md alone: opens a copy of a
vault with its key, verifies everything that is authenticated, and returns every secret's value.

What the product wrote and what this reads agree, or one of them is wrong."""

import base64
import ctypes
import ctypes.util
import hashlib
import json
import pathlib
import shutil
import sqlite3
import struct
import tempfile
from dataclasses import dataclass, field

TABLES = ["vault", "vault_keys", "secrets", "credentials", "capabilities", "policies", "bindings",
          "providers", "agents", "tokens", "approvals", "settings", "audit_segments"]
FILES = ["vault.db", "vault.db-wal", "vault.json"]  # The shared memory is rebuilt.

_sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert _sodium.sodium_init() >= 0


class Broken(Exception):
    """Something that must fit does not."""


def open_sealed(key, nonce, ciphertext, associated):
    plain = ctypes.create_string_buffer(max(len(ciphertext) - 16, 1))
    size = ctypes.c_ulonglong()
    failed = _sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, ctypes.byref(size), None, ciphertext, ctypes.c_ulonglong(len(ciphertext)),
        associated, ctypes.c_ulonglong(len(associated)), nonce, key)
    return None if failed else plain.raw[:size.value]


def subkey(kek, number):
    out = ctypes.create_string_buffer(32)
    _sodium.crypto_kdf_derive_from_key(out, ctypes.c_size_t(32), ctypes.c_uint64(number), b"aivault2", kek)
    return out.raw


def passphrase_key(passphrase, kdf):
    out = ctypes.create_string_buffer(32)
    failed = _sodium.crypto_pwhash(
        out, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)),
        base64.b64decode(kdf["saltB64"]), ctypes.c_ulonglong(kdf["passes"]),
        ctypes.c_size_t(kdf["memoryKib"] * 1024), ctypes.c_int(2))
    if failed:
        raise Broken("the key derivation failed")
    return out.raw


def keyed_hash(key, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32, key=key).digest()


def one_field(value):
    if value is None:
        return b"\0"
    if isinstance(value, bytes):
        return b"\1" + struct.pack("<I", len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return b"\2" + struct.pack("<I", len(text)) + text
    if isinstance(value, int):
        return b"\3" + struct.pack("<q", value)
    return b"\4" + struct.pack("<I", len(value)) + b"".join(map(one_field, value))


def canonical(purpose, *fields):
    return (b"aivault\0\1" + bytes([len(purpose)]) + purpose.encode() + struct.pack("<H", len(fields)) +
            b"".join(map(one_field, fields)))


def key_of_text(text):
    text = text.strip()
    return bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)


@dataclass
class Contents:
    vault_id: str
    kek_id: str
    counter: int
    secrets: dict = field(default_factory=dict)   # (scope text, name) -> (value, version, id)
    revoked: set = field(default_factory=set)     # ids
    events: list = field(default_factory=list)    # (seq, kind, body)
    rows: dict = field(default_factory=dict)      # table -> ids

    def value(self, name, scope="global"):
        found = self.secrets.get((scope, name))
        return found[0] if found else None

    def names(self):
        return {name for scope, name in self.secrets if not name.startswith("__aivault_")}

    def kinds(self):
        return [kind for _, kind, _ in self.events]


class Reader:
    def __init__(self, database, kek, vault_json=None):
        self.db = database
        self.db.row_factory = sqlite3.Row
        self.kek = kek
        self.kek_id, self.wrap, self.row_key, self.set_key, self.state_key = (
            subkey(kek, number) for number in range(1, 6))

    def require(self, fits, what):
        if not fits:
            raise Broken(what)

    def read(self):
        vault = self.db.execute("SELECT * FROM vault").fetchone()
        self.vault_id = vault["vault_id"]
        self.require(vault["kek_id"] == self.kek_id, "the key is another one")
        check = open_sealed(self.wrap, vault["check_nonce"], vault["check_ct"],
                            canonical("check", self.vault_id, self.kek_id))
        self.require(check == bytes(32), "the check record does not open")
        self.contents = Contents(self.vault_id, self.kek_id.hex(), 0)
        self.read_keys()
        self.check_rows()
        self.check_chain()
        self.read_secrets()
        return self.contents

    def read_keys(self):
        self.keys = {}
        for row in self.db.execute("SELECT * FROM vault_keys"):
            key = open_sealed(self.wrap, row["key_nonce"], row["key_ct"],
                              canonical("key", self.vault_id, row["purpose"], row["epoch"], self.kek_id))
            self.require(key is not None, f"vault_keys/{row['id']} does not open")
            self.keys[row["purpose"], row["epoch"]] = key

    def lists_of(self, secret):
        aliases = sorted(row[0].encode() for row in self.db.execute(
            "SELECT name FROM secret_names WHERE secret_id = ? AND is_alias = 1", (secret,)))
        groups = sorted((row[0].encode(), row[1].encode()) for row in self.db.execute(
            "SELECT workspace_id, group_id FROM secret_groups WHERE secret_id = ?", (secret,)))
        return [[alias.decode() for alias in aliases], [[w.decode(), g.decode()] for w, g in groups]]

    def check_rows(self):
        seals = {(row["tbl"], row["id"]): row for row in self.db.execute("SELECT * FROM row_seals")}
        seen, total = set(), 0
        for table in TABLES:
            self.contents.rows[table] = []
            for row in self.db.execute(f"SELECT * FROM {table}"):
                ident = str(row[0])
                self.contents.rows[table].append(ident)
                seal = seals.get((table, ident))
                self.require(seal is not None, f"{table}/{ident} has no seal")
                more = self.lists_of(ident) if table == "secrets" else []
                mac = keyed_hash(self.row_key, canonical_row(self.vault_id, table, seal["rev"], row, more))
                self.require(mac == seal["mac"], f"{table}/{ident} has another MAC")
                total += int.from_bytes(keyed_hash(
                    self.set_key, canonical("set", table, ident, seal["rev"], seal["mac"])), "little")
                seen.add((table, ident))
        self.require(seen == set(seals), f"seals without rows: {sorted(set(seals) - seen)}")
        state = self.db.execute("SELECT * FROM vault_state").fetchone()
        self.state = state
        self.contents.counter = state["counter"]
        self.require(state["objects"] == len(seals), "the number of rows is another one")
        digest = open_sealed(self.state_key, state["digest_nonce"], state["digest_ct"],
                             canonical("state", self.vault_id, 1, state["counter"], state["objects"],
                                       state["audit_seq"], state["audit_head"], state["last_ts_ms"]))
        self.require(digest == (total % 2 ** 256).to_bytes(32, "little"), "the digest does not fit")

    def check_chain(self):
        head, first = bytes(32), 1
        segment = self.db.execute("SELECT max(last_seq), last_hash FROM audit_segments "
                                  "WHERE state = 'archived'").fetchone()
        if segment[0] is not None:
            first, head = segment[0] + 1, segment[1]
        for number, row in enumerate(self.db.execute("SELECT * FROM audit ORDER BY seq"), first):
            self.require(row["seq"] == number, f"audit row {number} is missing")
            head = keyed_hash(self.keys["audit", row["epoch"]], head,
                              canonical("audit", self.vault_id, row["seq"], row["ts_ms"], row["kind"],
                                        row["epoch"], row["rev"], row["objects"], row["subject"],
                                        row["body"]))
            self.require(head == row["hash"], f"audit row {number} has another hash")
            self.contents.events.append((number, row["kind"], json.loads(row["body"])))
        self.require(head == self.state["audit_head"], "the audit ends elsewhere")

    def read_secrets(self):
        scopes = ("global", "workspace:{w}", "group:{w}:{g}")
        for row in self.db.execute("SELECT * FROM secrets"):
            if row["revoked_at_ms"] is not None:
                self.contents.revoked.add(row["id"])
                left = self.db.execute("SELECT (SELECT count(*) FROM secret_values WHERE secret_id = ?1) + "
                                       "(SELECT count(*) FROM secret_names WHERE secret_id = ?1)",
                                       (row["id"],)).fetchone()[0]
                self.require(left == 0, f"secrets/{row['id']} is revoked and still has a value or names")
                continue
            dek = open_sealed(self.wrap, row["dek_nonce"], row["dek_ct"],
                              canonical("dek", self.vault_id, row["id"], row["value_version"], self.kek_id))
            self.require(dek is not None, f"secrets/{row['id']}: the DEK does not open")
            sealed = self.db.execute("SELECT * FROM secret_values WHERE secret_id = ?", (row["id"],)).fetchone()
            self.require(sealed is not None, f"secrets/{row['id']} has no value")
            value = open_sealed(dek, sealed["nonce"], sealed["ciphertext"], canonical(
                "value", self.vault_id, row["id"], row["value_version"], row["scope"], row["workspace_id"],
                row["group_id"], row["pinned_provider"], row["system_managed"]))
            self.require(value is not None, f"secrets/{row['id']}: the value does not open")
            scope = scopes[row["scope"]].format(w=row["workspace_id"], g=row["group_id"])
            self.contents.secrets[scope, row["name"]] = (value, row["value_version"], row["id"])


def canonical_row(vault_id, table, rev, row, more):
    return canonical("row", vault_id, table, rev, *tuple(row), *more)


def read_vault(root, kek=None, passphrase=None):
    """Works on a copy: nothing of the vault changes. `kek`: 32 bytes; else the header's key file, its
    staged neighbours included, or the passphrase."""
    root = pathlib.Path(root)
    with tempfile.TemporaryDirectory(prefix="aiv-reader-") as copy:
        for name in FILES:
            if (root / name).exists():
                shutil.copyfile(root / name, pathlib.Path(copy) / name)
        database = sqlite3.connect(pathlib.Path(copy) / "vault.db")
        try:
            keys = [kek] if kek else candidates(root, database, passphrase)
            wanted = database.execute("SELECT kek_id FROM vault").fetchone()[0]
            fitting = [key for key in keys if subkey(key, 1) == wanted]
            if not fitting:
                raise Broken(f"no key at hand fits {wanted.hex()}")
            return Reader(database, fitting[0]).read()
        finally:
            database.close()


def candidates(root, database, passphrase):
    provider = json.loads(database.execute("SELECT provider FROM vault").fetchone()[0])
    if provider["type"] == "passphrase":
        return [passphrase_key(passphrase, provider["kdf"])]
    path = root / provider["path"]
    found = []
    vault_id = database.execute("SELECT vault_id FROM vault").fetchone()[0]
    for name in (path, *(path.with_name(f"{path.name}.{vault_id}{end}") for end in (".new", ".old"))):
        try:
            found.append(key_of_text(name.read_text()))
        except (OSError, ValueError):
            continue
    return found

"""Writes a vault of the 0.1 directory format ("format 1"), sealed with libsodium as that program did."""

import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import pathlib
import uuid

_SODIUM = None


def _sodium():
    global _SODIUM
    if _SODIUM is None:
        _SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
        _SODIUM.sodium_init()
    return _SODIUM


def _b64(data):
    return base64.b64encode(data).decode()


def seal(key, plain, associated):
    nonce, size = os.urandom(24), ctypes.c_ulonglong()
    out = ctypes.create_string_buffer(len(plain) + 16)
    _sodium().crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, ctypes.byref(size), plain, ctypes.c_ulonglong(len(plain)), associated,
        ctypes.c_ulonglong(len(associated)), None, nonce, key)
    return {"alg": "xchacha20poly1305", "nonceB64": _b64(nonce), "ciphertextB64": _b64(out.raw)}


def derive(passphrase, salt, memory_kib, passes):
    out = ctypes.create_string_buffer(32)
    failed = _sodium().crypto_pwhash(
        out, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)), salt,
        ctypes.c_ulonglong(passes), ctypes.c_size_t(memory_kib * 1024), 2)
    assert failed == 0
    return out.raw


class OldVault:
    def __init__(self, root, key=None):
        self.root, self.key = pathlib.Path(root), key or os.urandom(32)
        for name in ("secrets", "audit", "migrations"):
            (self.root / name).mkdir(parents=True)
        self.root.chmod(0o700)
        self.values = {}  # id -> value

    def write(self, name, content):
        path = self.root / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(0o600)

    def header(self, provider):
        self.write("vault.json", {"version": 1, "createdAtMs": 1690000000000, "updatedAtMs": 1690000000001,
                                  "kekId": hashlib.sha256(self.key).hexdigest(), "provider": provider})

    def with_file(self):
        self.write("kek.key", _b64(self.key))
        self.header({"type": "file", "path": "kek.key"})

    def with_env(self, name):
        self.header({"type": "env", "env_var": name})

    def with_passphrase(self, passphrase, memory_kib=64, passes=1):
        salt = os.urandom(16)
        self.key = derive(passphrase.encode(), salt, memory_kib, passes)
        self.header({"type": "passphrase",
                     "kdf": {"saltB64": _b64(salt), "mCostKib": memory_kib, "tCost": passes, "pCost": 1},
                     "check": {"sha256Hex": hashlib.sha256(b"check").hexdigest(),
                               "blob": seal(self.key, b"check", b"vault:check:v1")}})

    def add(self, name, value, scope="global", scope_text="global", pin=None, version=1, **more):
        identity = str(uuid.uuid4())
        associated = f"vault:secret:v{2 if version == 2 else 1}:{identity}:{scope_text}"
        associated = (associated + (f":{pin}" if version == 2 else "")).encode()
        data_key = os.urandom(32)
        record = {"secretId": identity, "name": name, "scope": scope, "aadVersion": version,
                  "createdAtMs": 1700000000000, "updatedAtMs": 1700000001000, "valueVersion": 3,
                  "ciphertext": {"alg": "xchacha20poly1305+envelope",
                                 "dekWrapped": {"kekId": "x", **seal(self.key, data_key, associated)},
                                 "value": seal(data_key, value.encode(), associated)}}
        if pin:
            record["pinnedProvider"] = pin
        record.update(more)
        self.write(f"secrets/{identity}.json", record)
        self.values[identity] = value
        return identity

    def fill(self):
        """Something of everything."""
        acme = self.add("ACME", "value-of-acme-0001", aliases=["acme"])
        self.add("OPENAI_API_KEY", "sk-value-of-openai", pin="openai", version=2)
        self.add("TEAM", "value-of-team-00001", {"workspace": {"workspace_id": "my team"}}, "workspace:my team",
                 attachedGroups=[{"workspaceId": "w", "groupId": "g"}])
        self.write("secrets/left.json.tmp.7", "{")
        self.write("broker.json", {"version": 1, "credentials": [
            {"id": "acme", "provider": "acme", "workspaceId": None, "groupId": None, "hosts": ["api.acme.test"],
             "auth": {"header": {"header_name": "authorization", "value_template": "Bearer {{secret}}"}},
             "secretRef": f"vault:secret:{acme}"},
            {"id": "odd", "provider": "acme", "workspaceId": None, "groupId": None, "hosts": ["*.acme.test"],
             "auth": {"header": {"header_name": "x", "value_template": "{{secret}}"}},
             "secretRef": f"vault:secret:{acme}"}],
            "capabilities": [{"id": "acme/items", "provider": "acme", "allow": {
                "hosts": ["api.acme.test"], "methods": ["GET"], "pathPrefixes": ["/items"]}}],
            "policies": [{"capabilityId": "acme/items", "policy": {"rateLimitPerMinute": 60}}]})
        self.write("capabilities.json", {"version": 1, "bindings": [
            {"capability": "acme/items", "secretRef": f"vault:secret:{acme}", "scope": {"type": "global"},
             "updatedAtMs": 1700000000000}]})
        self.write("audit/2025-01.jsonl.1", '{"tsMs":1600000000000,"kind":"secret.create","note":"first"}\n')
        self.write("audit/2025-01.jsonl", '{"tsMs":1600000001000,"kind":"secret.rotate","note":"second"}\nbroken\n')
        return acme

"""The archive format once more, over libsodium itself: what aivault writes can be read by others."""

import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import struct

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert sodium.sodium_init() >= 0

CHUNK, OVERHEAD, FINAL = 65536, 17, 3
# CE("backup") without fields: "aivault" NUL, version 1, purpose, number of fields.
CONTEXT = b"aivault\0\x01" + b"\x06backup" + b"\0\0"


def key_of(passphrase, kdf):
    salt = base64.b64decode(kdf["saltB64"])
    out = ctypes.create_string_buffer(32)
    done = sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)), salt,
                                ctypes.c_ulonglong(kdf["passes"]), ctypes.c_size_t(kdf["memoryKib"] << 10), 2)
    assert done == 0
    return out.raw


def _seal(key, plain, context):
    nonce, out = os.urandom(24), ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ctypes.c_ulonglong(len(plain)), context, ctypes.c_ulonglong(len(context)), None, nonce, key)
    return nonce, out.raw


def _open(key, nonce, sealed, context):
    out = ctypes.create_string_buffer(len(sealed) - 16)
    done = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, None, None, sealed, ctypes.c_ulonglong(len(sealed)), context, ctypes.c_ulonglong(len(context)), nonce, key)
    assert done == 0, "wrong passphrase"
    return out.raw


def _blake(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def read(archive, passphrase):
    """The header and {type: bytes}; asserts everything that can be checked."""
    assert archive[:8] == b"AIVBAK\0\1"
    size, = struct.unpack("<I", archive[8:12])
    prologue, rest = archive[:12 + size], archive[12 + size:]
    header = json.loads(prologue[12:])
    key = _open(key_of(passphrase, header["kdf"]), base64.b64decode(header["nonceB64"]),
                base64.b64decode(header["keyB64"]), CONTEXT)
    state = ctypes.create_string_buffer(sodium.crypto_secretstream_xchacha20poly1305_statebytes())
    assert sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, rest[:24], key) == 0
    rest, plain, context, last = rest[24:], b"", _blake(prologue), False
    while rest:
        assert not last
        piece, rest = rest[:CHUNK + OVERHEAD], rest[CHUNK + OVERHEAD:]
        out, tag = ctypes.create_string_buffer(len(piece)), ctypes.c_ubyte()
        assert sodium.crypto_secretstream_xchacha20poly1305_pull(
            state, out, None, ctypes.byref(tag), piece, ctypes.c_ulonglong(len(piece)), context,
            ctypes.c_ulonglong(len(context))) == 0
        plain, context, last = plain + out.raw[:len(piece) - OVERHEAD], b"", tag.value == FINAL
    assert last
    parts, at = {}, 0
    while at < len(plain):
        kind, length = struct.unpack("<BQ", plain[at:at + 9])
        if kind == 0:
            assert plain[at + 9:] == _blake(plain[:at])
        parts[kind] = plain[at + 9:at + 9 + length]
        at += 9 + length
    return header, parts


def write(passphrase, header, parts, passes=2, memory_kib=65536):
    """An archive of these parts (without an end), by default as cheap as is allowed."""
    kdf = {"alg": "argon2id13", "saltB64": base64.b64encode(os.urandom(16)).decode(),
           "passes": passes, "memoryKib": memory_kib}
    key = os.urandom(32)
    nonce, sealed = _seal(key_of(passphrase, kdf), key, CONTEXT)
    text = json.dumps({"vaultId": header["vaultId"], "createdAtMs": header["createdAtMs"], "kdf": kdf,
                       "nonceB64": base64.b64encode(nonce).decode(),
                       "keyB64": base64.b64encode(sealed).decode()}).encode()
    prologue = b"AIVBAK\0\1" + struct.pack("<I", len(text)) + text
    plain = b"".join(struct.pack("<BQ", kind, len(data)) + data for kind, data in parts)
    plain += struct.pack("<BQ", 0, 32) + _blake(plain)
    state = ctypes.create_string_buffer(sodium.crypto_secretstream_xchacha20poly1305_statebytes())
    start = ctypes.create_string_buffer(24)
    sodium.crypto_secretstream_xchacha20poly1305_init_push(state, start, key)
    out, context = prologue + start.raw, _blake(prologue)
    pieces = [plain[at:at + CHUNK] for at in range(0, len(plain), CHUNK)]
    for number, piece in enumerate(pieces):
        sealed = ctypes.create_string_buffer(len(piece) + OVERHEAD)
        sodium.crypto_secretstream_xchacha20poly1305_push(
            state, sealed, None, piece, ctypes.c_ulonglong(len(piece)), context, ctypes.c_ulonglong(len(context)),
            FINAL if number == len(pieces) - 1 else 0)
        out, context = out + sealed.raw, b""
    return out


def cheap(archive, passphrase, without_key=False):
    """The same contents, at a cost that lets a test restore it hundreds of times."""
    header, parts = read(archive, passphrase)
    return write(passphrase, header,
                 [(kind, parts[kind]) for kind in (1, 2, 3, 4) if kind in parts and not (without_key and kind == 3)])

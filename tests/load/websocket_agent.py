"""One agent of the WebSocket load test: some WebSockets through the daemon to an upstream that echoes, on each of them one
message after another. argv: a JSON object. Says `ready` when all are open, begins at a line on stdin, closes each of them
properly, and prints what it has seen."""

import base64
import collections
import hashlib
import json
import os
import random
import selectors
import socket
import struct
import sys
import time

TEXT, BINARY, CLOSE = 1, 2, 8
SIZES = (0, 5, 100, 100, 700, 700, 2_000, 2_000, 5_000, 60_000)
PATIENCE = 60  # seconds for any answer: a slow machine is none of the daemon's faults


def frame(opcode, payload):
    size, key = len(payload), os.urandom(4)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 0xFE, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0xFF, size)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return head + key + (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")


class Caller:
    """One WebSocket."""

    def __init__(self, plan, dice):
        self.dice = dice
        self.buffer, self.message = bytearray(), bytearray()
        self.expected, self.begin, self.next = None, None, 0.0
        self.is_closing, self.was_closed = False, False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(plan["socket"])
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {plan['target']} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
                             f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = self.socket.recv(1)
            if not piece:
                break
            head += piece
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
            raise SystemExit(f"no WebSocket: {head[:200]!r}")

    def send(self, now):
        size = self.dice.choice(SIZES)
        opcode = self.dice.choice((TEXT, BINARY))
        payload = os.urandom(size)
        if opcode == TEXT:
            payload = payload.hex()[:size].encode()
        self.expected, self.begin = (opcode, payload), now
        self.socket.sendall(frame(opcode, payload))

    def close(self):
        self.is_closing = True
        self.socket.sendall(frame(CLOSE, struct.pack(">H", 1000)))

    def take(self):
        """What became of what was sent; None while it is not answered in full."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            return "closed" if self.is_closing and self.was_closed else "closed too early"
        self.buffer += piece
        while len(self.buffer) >= 2:
            first, size, at = self.buffer[0], self.buffer[1], 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                if len(self.buffer) < 2 + wide:
                    return None
                size, at = int.from_bytes(self.buffer[2:2 + wide], "big"), 2 + wide
            if len(self.buffer) < at + size:
                return None
            payload = bytes(self.buffer[at:at + size])
            del self.buffer[:at + size]
            outcome = self.frame(first, payload)
            if outcome:
                return outcome
        return None

    def frame(self, first, payload):
        opcode, fin = first & 0x0F, first & 0x80
        if opcode == CLOSE:
            self.was_closed = self.is_closing and payload == struct.pack(">H", 1000)
            return None if self.was_closed else f"close {payload!r}"
        if opcode:
            self.opcode = opcode
        self.message += payload
        if not fin:
            return None
        is_echo = self.expected == (self.opcode, bytes(self.message))
        self.message.clear()
        self.expected = None
        return "echo" if is_echo else "another message"


def run(callers, plan):
    seen, milliseconds = collections.Counter(), []
    waiting = selectors.DefaultSelector()
    start = time.monotonic()
    end = start + plan["seconds"]
    for caller in callers:
        caller.next = start + caller.dice.random() * plan["pause"]
        waiting.register(caller.socket, selectors.EVENT_READ, caller)
    while waiting.get_map():
        now = time.monotonic()
        if now > end + PATIENCE:
            seen["no answer in time"] += len(waiting.get_map())
            break
        for key in list(waiting.get_map().values()):
            caller = key.data
            if caller.expected is not None or caller.is_closing:
                continue
            if now >= end:
                caller.close()
            elif caller.next <= now:
                caller.send(now)
        until = min((key.data.next for key in waiting.get_map().values() if key.data.expected is None), default=now + 1)
        for key, _ in waiting.select(min(1, max(0.005, until - now))):
            caller = key.data
            outcome = caller.take()
            if outcome is None:
                continue
            seen[outcome] += 1
            if outcome == "echo":
                now = time.monotonic()
                milliseconds.append((now - caller.begin) * 1000)
                caller.next = now + plan["pause"]
            else:
                waiting.unregister(caller.socket)
                caller.socket.close()
    return seen, milliseconds


def main():
    plan = json.loads(sys.argv[1])
    callers = [Caller(plan, random.Random(f"{plan['seed']} {number}")) for number in range(plan["connections"])]
    print("ready", flush=True)
    sys.stdin.readline()
    seen, milliseconds = run(callers, plan)
    print(json.dumps({"seen": seen, "milliseconds": milliseconds}))


main()

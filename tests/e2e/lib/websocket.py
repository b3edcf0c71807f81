"""WebSockets byte by byte (RFC 6455), written apart from the program's own reader and writer of frames."""

import base64
import hashlib
import os
import socket
import struct

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode, payload=b"", fin=True, mask=False, reserved=0, length=None, length_bytes=None):
    """One frame; `length` and `length_bytes` (0, 2 or 8) replace what the payload needs."""
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 1 << 16 else 8
    head = bytes([fin << 7 | reserved << 4 | opcode])
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head += bytes([mask << 7 | short]) + {0: b"", 2: struct.pack(">H", size & 0xFFFF), 8: struct.pack(">Q", size)}[length_bytes]
    if not mask:
        return head + payload
    key = os.urandom(4)
    wide = int.from_bytes(payload, "little") ^ int.from_bytes((key * (len(payload) // 4 + 1))[:len(payload)], "little")
    return head + key + wide.to_bytes(len(payload), "little")


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + (reason.encode() if isinstance(reason, str) else reason)


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


class Ended(Exception):
    """The peer's connection has ended without a close frame."""


class Peer:
    """One end of an open WebSocket. `masks`: whether it is the client's."""

    def __init__(self, connection, masks, early=b""):
        self.socket, self.masks, self.buffer = connection, masks, bytes(early)

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, opcode, payload=b"", fin=True, **more):
        self.raw(frame(opcode, payload, fin, **{"mask": self.masks, **more}))

    def text(self, payload, fin=True):
        self.send(TEXT, payload, fin)

    def close(self, code=None, reason=b""):
        self.send(CLOSE, b"" if code is None else close_payload(code, reason))

    def _exactly(self, count):
        while len(self.buffer) < count:
            try:
                piece = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError) as lost:
                raise Ended(str(lost)) from None
            if not piece:
                raise Ended(f"after {self.buffer!r}")
            self.buffer += piece
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def frame(self):
        """(opcode, payload, fin) of the next frame, which must be well-formed."""
        first, second = self._exactly(2)
        assert not first & 0x70, "a reserved bit is set"
        assert bool(second & 0x80) != self.masks, "masked the wrong way"
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack(">H", self._exactly(2))
            assert size > 125
        elif size == 127:
            size, = struct.unpack(">Q", self._exactly(8))
            assert size > 0xFFFF
        key = self._exactly(4) if second & 0x80 else b""
        payload = self._exactly(size)
        if key:
            wide = int.from_bytes(payload, "little") ^ int.from_bytes((key * (size // 4 + 1))[:size], "little")
            payload = wide.to_bytes(size, "little")
        opcode = first & 0x0F
        if opcode >= CLOSE:
            assert first & 0x80 and size <= 125, "a bad control frame"
        return opcode, payload, bool(first & 0x80)

    def message(self):
        """(opcode, payload) of the next message or control frame, put together."""
        opcode, payload, fin = self.frame()
        while opcode < CLOSE and not fin:
            next_opcode, more, fin = self.frame()
            if next_opcode >= CLOSE:
                return next_opcode, more
            assert next_opcode == CONTINUATION
            payload += more
        return opcode, payload

    def until_close(self):
        """The code and the reason of the close frame that comes, whatever comes before it; 1005: it had none."""
        while True:
            opcode, payload, _ = self.frame()
            if opcode == CLOSE:
                return (struct.unpack(">H", payload[:2])[0], payload[2:].decode()) if payload else (1005, "")

    def is_over(self):
        """Nothing comes any more but, at most, a close frame."""
        try:
            while True:
                self.frame()
        except (Ended, AssertionError):
            return True
        except TimeoutError:
            return False


class Refusal(Exception):
    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body!r}")
        self.status, self.headers, self.body = status, headers, body


KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def opening(target, headers=(), method="GET", leave_out=()):
    lines = {"host": "localhost", "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
             "sec-websocket-key": KEY}
    text = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()
                                             if name not in leave_out and name not in dict(headers))]
    return "\r\n".join(text + [f"{name}: {value}" for name, value in headers]).encode() + b"\r\n\r\n"


def connect(address, target, headers=(), timeout=20, **more):
    """A client's end through the daemon at `address` (a path or a port), or Refusal."""
    connection = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
    connection.sendall(opening(target, headers, **more))
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(1 << 16)
        if not piece:
            raise Ended(repr(received))
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    answer = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    if status != 101:
        while len(rest) < int(answer.get("content-length", 0)):
            rest += connection.recv(1 << 16)
        connection.close()
        raise Refusal(status, answer, rest)
    assert answer["sec-websocket-accept"] == accept_of(KEY), answer
    assert answer["upgrade"] == "websocket" and answer["connection"].lower() == "upgrade", answer
    peer = Peer(connection, True, rest)
    peer.headers = answer
    return peer


def accept(exchange, headers=(), protocol=None):
    """The server's end of a request that a TlsUpstream got."""
    lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: Upgrade",
             f"sec-websocket-accept: {accept_of(exchange.request.one('sec-websocket-key'))}",
             *(f"{name}: {value}" for name, value in headers)]
    if protocol:
        lines.append(f"sec-websocket-protocol: {protocol}")
    exchange.send("\r\n".join(lines).encode() + b"\r\n\r\n")
    exchange.open = False  # Nothing else comes on this connection.
    return Peer(exchange.connection.socket, False, bytes(exchange.connection.buffer))

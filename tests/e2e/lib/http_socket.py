"""Plain HTTP/1.1 over the daemon's unix socket, byte by byte where a test wants it."""

import json
import socket
import struct


class Answer:
    def __init__(self, status, headers, body, trailers):
        self.status, self.headers, self.body, self.trailers = status, headers, body, trailers

    def header(self, name):
        return next((value for key, value in self.headers if key == name), None)

    def json(self):
        return json.loads(self.body)


class HttpSocket:
    def __init__(self, path, timeout=30):
        """`path`: of a socket, or a socket that is connected."""
        if isinstance(path, socket.socket):
            self.socket = path
            self.socket.settimeout(timeout)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError(f"closed after {self.buffer[-200:]!r}")
        self.buffer += piece

    def _until(self, mark):
        while mark not in self.buffer:
            self._fill()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    @staticmethod
    def _headers(lines):
        return [(name.lower(), value.strip()) for name, _, value in
                (line.decode("latin-1").partition(":") for line in lines if line)]

    def answer(self):
        first, *lines = self._until(b"\r\n\r\n").split(b"\r\n")
        status = int(first.split()[1])
        headers = self._headers(lines)
        if 100 <= status < 200:
            return Answer(status, headers, b"", [])
        known, trailers = dict(headers), []
        if known.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size)
                self._until(b"\r\n")
            while line := self._until(b"\r\n"):
                trailers += self._headers([line])
        else:
            body = self._exactly(int(known.get("content-length", 0)))
        return Answer(status, headers, body, trailers)

    def is_closed(self):
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True
        except TimeoutError:
            return False

    def request(self, method, target, body=None, headers=()):
        lines = [f"{method} {target} HTTP/1.1", "host: aivault",
                 *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            if not any(name.lower() == "content-type" for name, _ in headers):
                lines.append("content-type: application/json")
            lines.append(f"content-length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.answer()

    def call(self, envelope, headers=()):
        return self.request("POST", "/aivault/proxy", envelope, headers)


def framed(envelope, data=b""):
    text = json.dumps(envelope).encode()
    return struct.pack(">I", len(text)) + text + data

"""Upstreams that hang, lie, break off or never end: each call ends by its deadline with the right
reason, to callers that take trailers, to those that do not and to those who get the answer whole, and the daemon's
memory stays."""

import contextlib
import functools
import gzip
import json
import socket
import ssl
import struct
import sys
import threading
import time
import zlib

from lib.http_socket import HttpSocket
from lib.vault import wait_until
from lib.measured import in_time, one_of_three
from lib.scenario import Scenario, canary, is_release, main

TIMEOUT_MS = 1000
TOO_LARGE = "too large for one document"
ENDLESS = ("never ends its body", "never ends a body without length")  # Too much of it may come before the deadline.
OK = b"HTTP/1.1 200 OK\r\n"
TEXT = OK + b"content-type: text/plain\r\n"
CHUNKED = TEXT + b"transfer-encoding: chunked\r\n\r\n"
GZIP = TEXT + b"content-encoding: gzip\r\n"


def wait_for_the_end(connection):
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says(*parts, then=wait_for_the_end):
    """After the head of a request: these bytes, then hang, reset, close or whatever `then` does."""
    def behave(connection):
        for part in parts:
            connection.sendall(part)
        then(connection)
    return behave


def closes(connection):
    with contextlib.suppress(OSError):
        connection.unwrap()


def cuts(connection):
    connection.shutdown(socket.SHUT_RDWR)


def endlessly(piece, pause=0.0):
    def behave(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(pause)
    return behave


def bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()


# name -> (what the server does once it has the request, the reason the caller gets)
ANSWERS = {
    "hangs before the answer": (says(), "timeout_total"),
    "hangs within the status line": (says(b"HTTP/1.1 2"), "timeout_total"),
    "hangs within the headers": (says(OK + b"x: 1\r\n"), "timeout_total"),
    "hangs before the body": (says(TEXT + b"content-length: 5\r\n\r\n"), "timeout_total"),
    "hangs within a small body": (says(TEXT + b"content-length: 5\r\n\r\nab"), "timeout_total"),
    "hangs within a chunk": (says(CHUNKED, b"5\r\nab"), "timeout_total"),
    "hangs before the last chunk": (says(CHUNKED, b"2\r\nab\r\n"), "timeout_total"),
    "hangs within the trailers": (says(CHUNKED, b"2\r\nab\r\n0\r\nx: 1\r\n"), "timeout_total"),
    "sends its head by the byte": (says(OK, then=endlessly(b"x", 0.05)), "timeout_total"),
    "sends its body by the byte": (says(CHUNKED, then=endlessly(b"1\r\nx\r\n", 0.05)), "timeout_total"),
    "sends only interim answers": (says(then=endlessly(b"HTTP/1.1 102 P\r\n\r\n", 0.01)), "protocol"),
    "never ends its body": (says(CHUNKED, then=endlessly(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")), "timeout_total"),
    "never ends a body without length": (says(TEXT + b"\r\n", then=endlessly(b"y" * 0x4000)), "timeout_total"),
    "never ends its head": (says(OK, then=endlessly(b"x-filler: " + b"y" * 1000 + b"\r\n")), "protocol"),
    "sends too many headers": (says(OK + b"x: 1\r\n" * 101 + b"\r\n"), "protocol"),
    "sends one header of 70 KB": (says(OK + b"x: " + b"y" * 70_000 + b"\r\n\r\n"), "protocol"),
    "never ends a chunk size": (says(CHUNKED, then=endlessly(b"0" * 0x1000)), "protocol"),
    "sends a chunk size that is none": (says(CHUNKED, b"zz\r\nab\r\n"), "protocol"),
    "sends a chunk longer than it said": (says(CHUNKED, b"2\r\nabcd\r\n0\r\n\r\n"), "protocol"),
    "sends two lengths": (says(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab"), "protocol"),
    "sends length and chunks": (says(OK + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), "protocol"),
    "switches protocols": (says(b"HTTP/1.1 101 S\r\nupgrade: x\r\n\r\n"), "protocol"),
    "speaks another protocol": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    "closes before the answer": (says(then=closes), "connection_lost"),
    "cuts before the answer": (says(then=cuts), "connection_lost"),
    "resets within the headers": (says(OK, then=reset), "connection_lost"),
    "closes within a small body": (says(TEXT + b"content-length: 9\r\n\r\nab", then=closes), "connection_lost"),
    "cuts within chunks": (says(CHUNKED, b"2\r\nab\r\n", then=cuts), "connection_lost"),
    "cuts a body without length": (says(TEXT + b"\r\nab", then=cuts), "connection_lost"),
    "sends a bomb": (says(GZIP + b"\r\n", bomb(), then=closes), "decompression_limit"),
    "ends within its coding": (says(GZIP + b"\r\n", gzip.compress(b"x" * 999)[:-9], then=closes), "protocol"),
    "sends a coding that is none": (says(GZIP + b"connection: close\r\ncontent-length: 4\r\n\r\nabcd", then=closes), "protocol"),
    "sends an unknown coding": (says(TEXT + b"content-encoding: x\r\ncontent-length: 1\r\n\r\na"), "encoding_unsupported"),
    # These are answers like others: nothing is followed, and what comes behind them is dropped.
    "redirects to itself": (says(b"HTTP/1.1 302 F\r\nlocation: /v1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), 302),
    "sends two answers": (says((OK + b"content-length: 1\r\n\r\na") * 2), 200),
}


class Hostile:
    """A TLS server; `behave` gets the connection when a request's head is there, `greet` before TLS."""

    def __init__(self, certificate):
        self.good = self.context(certificate)
        self.tls, self.greet, self.behave = self.good, None, None
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.authority = f"localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    @staticmethod
    def context(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, certificate))
        return context

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        connection = raw
        try:
            if self.greet:
                return self.greet(raw)
            connection = self.tls.wrap_socket(raw, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(1 << 16)
                if not piece:
                    return None
                head += piece
            self.behave(connection)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                connection.close()
        return None

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class HostileUpstreams(Scenario):
    def setUp(self):
        self.server = Hostile(self.certificate)
        self.addCleanup(self.server.close)
        self.v = self.vault()
        self.v.add_api(self.server, self.ca, canary())
        self.v.start_daemon()

    def call(self, trailers, timeout_ms=TIMEOUT_MS):
        """The status of an answer that ended well, or the reason why not; and how long it took."""
        headers = [("x-aivault-timeout-ms", str(timeout_ms))]
        if trailers:
            headers.append(("te", "trailers"))
        last = self.last_end()
        begin = time.monotonic()
        with HttpSocket(self.v.socket, 20) as door:
            envelope = {"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}
            try:
                answer = door.call(envelope, headers)
            except (EOFError, ConnectionResetError):
                took = time.monotonic() - begin
                self.assertFalse(trailers, "a caller that takes trailers is told")
                return self.reason_after(last), took
        took = time.monotonic() - begin
        outcome = dict(answer.trailers)
        if answer.header("x-aivault-error"):
            self.assertIn(answer.json()["error"], ("upstream_unreachable",))
            self.assertEqual(504 if answer.json()["reason"].startswith("timeout") else 502, answer.status)
            return answer.json()["reason"], took
        if outcome.get("x-aivault-outcome") == "error":
            self.assertEqual("upstream_unreachable", outcome["x-aivault-error"])
            return outcome["x-aivault-reason"], took
        return answer.status, took

    def call_buffered(self, timeout_ms):
        """The same of a caller who gets the answer whole, in one document, or an error."""
        request = {"op": "execute_envelope", "client_ip": "127.0.0.1", "timeoutMs": timeout_ms,
                   "envelope": {"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}}
        last = self.last_end()
        begin = time.monotonic()
        answer = b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(20)
            door.connect(str(self.v.socket))
            door.sendall(json.dumps(request).encode())
            door.shutdown(socket.SHUT_WR)
            while piece := door.recv(1 << 16):
                answer += piece
        took = time.monotonic() - begin
        document = json.loads(answer)
        if document["ok"]:
            return document["value"]["response"]["status"], took
        self.assertEqual({"ok", "error"}, set(document))
        if document["error"] in ("PolicyViolation: response too large for a one-shot frame", "PolicyViolation: memory budget exhausted"):
            return TOO_LARGE, took
        return self.reason_after(last), took

    def last_end(self):
        ends = [row for row in self.v.calls("--limit", "2") if row["outcome"] != "started"]
        return ends[0] if ends else {"seq": 0}

    def reason_after(self, last):
        """Ends are written a moment after the answer broke off."""
        end = wait_until(lambda: (now := self.last_end())["seq"] > last["seq"] and now, what="the end record")
        return end.get("reason")

    def check(self, name, expected):
        for how, call in (("told in trailers", functools.partial(self.call, True)),
                          ("broken off", functools.partial(self.call, False)), ("buffered", self.call_buffered)):
            with self.subTest(name, how=how):
                # Only who waits for a deadline needs a short one.
                timeout_ms = TIMEOUT_MS if expected == "timeout_total" else 8 * TIMEOUT_MS

                def attempt():
                    before = self.server.accepted
                    got, took = call(timeout_ms)
                    if how != "buffered" or name not in ENDLESS or got != TOO_LARGE:
                        self.assertEqual(expected, got)
                    self.assertLessEqual(self.server.accepted - before, 1, "nothing is sent twice")
                    in_time(took < timeout_ms / 1000 + (1 if is_release() else 4), name, took)
                one_of_three(attempt)

    # Cases 121, 125, 200 and 201.
    def test_every_behaviour(self):
        self.server.behave = says(OK + b"connection: close\r\ncontent-length: 1\r\n\r\na")
        for trailers in (True, False) * 4:
            self.assertEqual(200, self.call(trailers, 30_000)[0])
        before = self.v.resident_kib()
        for name, (behave, expected) in ANSWERS.items():
            self.server.behave = behave
            self.check(name, expected)
        self.server.behave = None
        for name, greet in {
            "speaks no TLS": lambda raw: (raw.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), wait_for_the_end(raw)),
            "refuses the handshake": lambda raw: (raw.recv(9), raw.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
        }.items():
            self.server.greet = greet
            self.check(name, "tls")
        self.server.greet = wait_for_the_end
        self.check("hangs within the handshake", "timeout_total")
        self.server.greet = None
        for name, certificate in {
            "shows its own certificate": self.authority.self_signed(),
            "shows an expired certificate": self.authority.issue("old", expired=True),
            "shows the certificate of another": self.authority.issue("other", ("DNS:other.test",)),
        }.items():
            self.server.tls = self.server.context(certificate)
            self.check(name, "tls")
        self.server.tls = self.server.context(self.certificate)
        self.server.tls.set_ciphers("ALL:@SECLEVEL=0")
        self.server.tls.minimum_version = self.server.tls.maximum_version = ssl.TLSVersion.TLSv1_1
        self.check("speaks an old TLS", "tls")
        self.server.tls = self.server.good
        self.server.behave = says(OK + b"connection: close\r\ncontent-length: 1\r\n\r\na")
        self.assertEqual(200, self.call(True, 30_000)[0], "as if nothing had happened")
        if is_release():  # Sanitizers keep what was freed.
            self.assertLess(self.v.resident_kib() - before, 8 * 1024, "KiB grown")


if __name__ == "__main__":
    sys.exit(main())

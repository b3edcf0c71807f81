"""Attacks with headers (HS)."""

import json
import socket

import world
from world import OPERATOR_SOCKET, SOCKET, Attack

BREAKS = ("a\r\nx-injected: 1", "a\nx-injected: 1", "a\rb", "a\0b", "a\r\n folded", "a\u560ax-injected: 1",
          "a\u010ax-injected: 1", "a\u010d\u010a", "a\x0bb", "a\x7fb", "caf\u00e9", "a\u2028b")
NAMES = ("Authorization\t:", "Authorization:", "Authorization\0", "Authorization\u00a0", "\u00a0Authorization", "a b", "a:b",
         "a/b", "x\r\ny", "a(b)", "\u0430uthorization", "a@b", "a=b", "{x}")
AUTH = ("authorization", " Authorization ", "AUTHORIZATION", "proxy-authorization", "x-api-key", "X-Api-Key", "api-key",
        "x-auth-token", "x-goog-api-key", "x-amz-security-token", "x-amz-date", "cookie", "Cookie2", "private-token",
        "job-token", "x-access-token", "xi-api-key", "x-csrf-token", "x-auth-key", "x-http-method-override",
        "x-original-url", "x-rewrite-url", "x-method-override")
HOPS = (("transfer-encoding", "chunked"), ("Transfer-Encoding", "identity"), ("content-length", "5"), ("te", "trailers"),
        ("trailer", "authorization"), ("expect", "100-continue"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABk"),
        ("keep-alive", "timeout=999"), ("proxy-connection", "keep-alive"), ("connection", "upgrade"))
HEALTH = b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n"
CALL = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}).encode()


def head(*lines, method=b"POST", target=b"/aivault/proxy", version=b"HTTP/1.1"):
    return b"\r\n".join([method + b" " + target + b" " + version, b"host: a", b"content-type: application/json",
                         *lines]) + b"\r\n\r\n"


# Messages that two parsers could cut in two places; behind each stands a request of its own.
SPLITS = [
    head(b"content-length: 4", b"transfer-encoding: chunked") + b"0\r\n\r\n",
    head(b"transfer-encoding: chunked", b"content-length: 4") + b"0\r\n\r\n",
    head(b"transfer-encoding: chunked", b"transfer-encoding: identity") + b"0\r\n\r\n",
    head(b"transfer-encoding: xchunked") + b"0\r\n\r\n",
    head(b"transfer-encoding : chunked") + b"0\r\n\r\n",
    head(b"transfer-encoding: chunked, chunked") + b"0\r\n\r\n",
    head(b"transfer-encoding:\x0bchunked") + b"0\r\n\r\n",
    head(b"x: y\r\n transfer-encoding: chunked") + b"0\r\n\r\n",
    head(b"content-length: 0", b"content-length: 44"),
    head(b"content-length: 0, 44"), head(b"content-length: +0"), head(b"content-length: 0x0"), head(b"content-length: -1"),
    head(b"content-length: 18446744073709551616"), head(b"content-length: 1e1"), head(b"content-length:"),
    head(b"transfer-encoding: chunked") + b"0;a=b\r\n\r\n", head(b"transfer-encoding: chunked") + b"0\n\n",
    head(b"transfer-encoding: chunked") + b"0x0\r\n\r\n", head(b"transfer-encoding: chunked") + b"-0\r\n\r\n",
    head(b"transfer-encoding: chunked") + b"1\r\naX0\r\n\r\n", head(b"transfer-encoding: chunked") + b"ffffffffffffffff1\r\n",
    head(b"transfer-encoding: chunked") + b" 0\r\n\r\n", head(b"x: y\nz: 1"), head(b"x: y\rz: 1"), head(b"x: \0"),
    b"POST /aivault/proxy HTTP/1.1\nhost: a\n\n", b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\n",
    b"GET  /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n", b"GET\t/aivault/health\tHTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /aivault/health HTTP/1.1 \r\nhost: a\r\n\r\n", b"GET /aivault/health HTTP/1.1\r\n\r\n",
    b"GET /aivault/health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"GET /aivault/health HTTP/1.1\r\n host: a\r\n\r\n",
]
OLD = [
    (b"GET /aivault/health\r\n", ()), (b"GET /aivault/health HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", (505,)),
    (b"GET /aivault/health HTTP/0.9\r\nhost: a\r\n\r\n", (400, 505)),
    (b"GET /aivault/health HTTP/2.0\r\nhost: a\r\n\r\n", (505,)), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 405, 505)),
    (b"GET /aivault/health HTTP/1.2\r\nhost: a\r\n\r\n", (400, 505)), (b"GET /aivault/health http/1.1\r\nhost: a\r\n\r\n", (400, 505)),
]


class Headers(Attack):
    @classmethod
    def prepare(cls):
        with socket.create_server(("127.0.0.1", 0)) as server:
            cls.port = server.getsockname()[1]
        cls.daemon_arguments = ("--shared", "--listen", f"127.0.0.1:{cls.port}")
        cls.add_api("reader", cls.other_secret, methods=("GET",), auth=("--auth", "header", "--header-name", "x-vendor-key",
                                                                       "--value-template", "{{secret}}"))

    def test_HS1_no_value_begins_a_line(self):
        for value in BREAKS:
            with self.subTest(value):
                self.assertRefused(self.call(headers=[("x-a", value)]), "invalid_request")
        self.assertEqual(200, self.call(headers=[("x-a", "plain")])[0])
        raw = self.up.requests[-1].raw_head
        self.assertEqual(1, raw.count(b"x-a: plain\r\n"))
        self.assertNotIn(b"injected", raw)

    def test_HS2_a_name_is_a_token(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertRefused(self.call(headers=[(name, "x")]))

    def test_HS3_headers_that_carry_keys_are_refused(self):
        for name in AUTH:
            with self.subTest(name):
                self.assertRefused(self.call(headers=[(name, "x")]), "auth_header_rejected")
        # Also the one that this credential uses, however unusual.
        for name in ("x-vendor-key", "X-VENDOR-KEY"):
            self.assertRefused(self.call(capability="reader/call", headers=[(name, "x")]), "auth_header_rejected")

    def test_HS5_the_injected_header_cannot_be_stripped(self):
        for value in ("authorization", "close, Authorization", "x-vendor-key"):
            self.assertEqual(200, self.call(headers=[("connection", value)])[0])
            seen = self.up.requests[-1]
            self.assertEqual((None, f"Bearer {self.secret}"), (seen.one("connection"), seen.one("authorization")))

    def test_HS6_framing_is_the_brokers(self):
        for name, value in HOPS:
            with self.subTest(name):
                self.up.forget()
                self.assertEqual(200, self.call(method="POST", headers=[(name, value)], body="abc")[0])
                seen = self.up.requests[-1]
                self.assertEqual(("3", b"abc"), (seen.one("content-length"), seen.body))
                if name.lower() != "content-length":
                    self.assertIsNone(seen.one(name))
                self.assertEqual(1, len(self.up.requests))

    def test_HS7_a_header_stands_once(self):
        for pair in (("x-a", "x-a"), ("X-A", "x-a"), ("content-type", "Content-Type")):
            self.assertRefused(self.call(headers=[(pair[0], "1"), (pair[1], "2")]), "duplicate_header")
        # Servers of the CGI family take an underscore for a hyphen.
        for name in ("x_api_key", "X_Api_Key", "x_auth_token"):
            self.assertRefused(self.call(headers=[(name, "x")]), "auth_header_rejected")
        self.assertRefused(self.call(capability="reader/call", headers=[("x_vendor_key", "x")]), "auth_header_rejected")

    def test_HS9_a_secret_cannot_be_cut_into_ranges(self):
        for name in ("range", "Range", "if-range", "request-range"):
            self.assertEqual(200, self.call(headers=[(name, "bytes=0-3")])[0])
            for range_header in ("range", "if-range"):
                self.assertIsNone(self.up.requests[-1].one(range_header))

    def test_HS10_one_message_has_one_end(self):
        for message in SPLITS:
            with self.subTest(message[60:140]):
                for user, where in (("agent1", SOCKET), ("aivault", OPERATOR_SOCKET), ("other1", self.port)):
                    got = self.raw(user, (message + HEALTH).replace(b"host: a", b"host: localhost"), where, timeout=3)
                    self.assertLessEqual(got.count(b"HTTP/1.1 "), 1, got)
                    self.assertNotIn(b"HTTP/1.1 200", got)
        self.assertEqual([], self.up.requests)
        self.assertServes()

    def test_HS11_other_protocols_are_not_spoken(self):
        for message, statuses in OLD:
            with self.subTest(message[:40]):
                got = self.raw("agent1", message + HEALTH, timeout=12)
                self.assertNotIn(b"HTTP/1.1 200", got)
                if got:
                    self.assertIn(int(got.split()[1]), statuses or (400, 505), got)
        got = self.raw("agent1", b"GET /aivault/health HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n"
                       b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n", timeout=2)
        self.assertNotIn(b" 101 ", got)

    def test_HS13_the_boundary_is_the_brokers(self):
        for value in ("multipart/form-data; boundary=mine", "multipart/form-data; boundary=", "text/plain"):
            status, answer = self.call(method="POST", headers=[("Content-Type", value)],
                                       multipart={"a": "--mine\r\ncontent-disposition: form-data; name=\"b\"\r\n\r\nx"})
            self.assertEqual(200, status, answer)
            seen = self.up.requests[-1]
            self.assertRegex(seen.one("content-type"), r"^multipart/form-data; boundary=aivault-[0-9a-f]{32}$")
            boundary = seen.one("content-type").split("=")[1].encode()
            self.assertEqual(2, seen.body.count(boundary))
        # A field's name cannot break out of its line.
        self.assertEqual(200, self.call(method="POST", multipart={"a\"\r\nx: y\r\n\r\nz": "v"})[0])
        self.assertNotIn(b"\r\nx: y", self.up.requests[-1].body)

    def test_HS14_long_headers_are_refused(self):
        self.assertRefused(self.call(headers=[("user-agent", "a" * 65537)]))
        self.assertRefused(self.call(headers=[(f"x-{n}", "a" * 700) for n in range(100)]))
        self.assertRefused(self.call(headers=[(f"x-{n}", "a") for n in range(101)]))
        self.assertEqual(200, self.call(headers=[("user-agent", "a" * 8000)])[0])
        self.assertEqual("a" * 8000, self.up.requests[-1].one("user-agent"))


if __name__ == "__main__":
    world.run()

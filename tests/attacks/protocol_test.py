"""Attacks on the parsers of requests (PP)."""

import base64
import json
import os
import pathlib
import socket
import struct
import threading
import time

import world
from lib.http_socket import HttpSocket
from lib.scenario import is_release
from world import SOCKET, Attack, as_user

HEALTH = b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n"
FRAMED = "application/vnd.aivault.envelope"
GIB = 1 << 30


def envelope(**request):
    return {"capability": "acme/call", "request": {"method": "POST", "path": "/v1", **request}}


def post(body, kind="application/json", target="/aivault/proxy", lines=()):
    head = [f"POST {target} HTTP/1.1", "host: a", f"content-type: {kind}", f"content-length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Parsers(Attack):
    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def send_body(self, body, kind="application/json", target="/aivault/proxy", user="agent1"):
        got = self.raw(user, post(body, kind, target, ("connection: close",)), timeout=20)
        status = int(got.split()[1])
        return status, got.split(b"\r\n\r\n", 1)[1]

    def frame(self, data, user="agent1"):
        return self.raw(user, data, end=True, timeout=20)

    def assertNothingSent(self):
        self.assertEqual(([], 0), (self.up.requests, self.up.connections - self.connections))

    def setUp(self):
        super().setUp()
        self.connections = self.up.connections

    def test_PP1_a_request_that_never_ends_is_closed(self):
        beginnings = [HEALTH[:9], HEALTH[:-2], HEALTH[:-1], b"GET", b"P", b'{"op":"execute_envelope"', b"{"]
        threads = self.threads()

        def act():
            doors = []
            for data in beginnings:
                door = socket.socket(socket.AF_UNIX)
                door.settimeout(40)
                door.connect(str(SOCKET))
                door.sendall(data)
                doors.append(door)
            answers = []
            for door in doors:
                got = b""
                while piece := door.recv(4096):
                    got += piece
                answers.append(got)
                door.close()
            return answers
        begin = time.monotonic()
        for data, got in zip(beginnings, as_user("agent1", act)):
            self.assertTrue(not got or b" 408 " in got or b"request incomplete" in got, (data, got))
        self.assertLess(time.monotonic() - begin, 35)
        self.assertEqual(threads, self.threads())
        self.assertServes()

    def test_PP2_a_request_without_measure_is_cut(self):
        before = self.resident_kib()
        for kind, limit in (("application/json", 413), (FRAMED, None)):
            def act():
                with socket.socket(socket.AF_UNIX) as door:
                    door.settimeout(60)
                    door.connect(str(SOCKET))
                    door.sendall(f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n"
                                 f"content-length: {16 * GIB}\r\n\r\n".encode())
                    sent = 0
                    try:
                        while sent < 80 << 20:
                            sent += door.send(b"\xff" * (1 << 20))
                    except OSError:
                        pass
                    try:
                        return sent, door.recv(4096)
                    except OSError:
                        return sent, b""
            with self.subTest(kind):
                sent, got = as_user("agent1", act)
                self.assertLess(sent, 80 << 20)
                if got:
                    self.assertIn(int(got.split()[1]), (400, 413), got)
        # The same without a length, and as a frame that says so.
        got = self.raw("agent1", b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                       b"transfer-encoding: chunked\r\n\r\n" + b"100000\r\n" + b" " * (1 << 20) + b"\r\n" * 1, timeout=1)
        self.assertNotIn(b" 200 ", got)
        status, _ = self.send_body(struct.pack(">I", 0xffffffff) + b"{}", FRAMED)
        self.assertIn(status, (400, 413))
        self.assertNothingSent()
        if is_release():
            self.assertLess(self.resident_kib() - before, 16 << 10, "KiB grown")

    def test_PP3_deep_documents_are_refused(self):
        for depth in (33, 1000, 100_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                document = opening * depth + b"1" + closing * depth
                for body in (document, b'{"capability":"acme/call","request":' + document + b"}", opening * depth):
                    self.assertEqual(400, self.send_body(body)[0])
                self.assertIn(b'"ok":false', self.frame(b'{"op":"execute_envelope","envelope":' + document + b"}"))
        self.assertNothingSent()

    def test_PP5_unknown_fields_are_refused(self):
        base = {"method": "GET", "path": "/v1"}
        for document in (
                {"capability": "acme/call", "request": base, "Capability": "x"}, {"Capability": "acme/call", "request": base},
                {"capability": "acme/call", "Request": base}, {"capability": "acme/call", "request": {**base, "Path": "/v2"}},
                {"capability": "acme/call", "request": {**base, "methd": "GET"}},
                {"capability": "acme/call", "request": {**base, "body_b64": "YQ=="}},
                {"capability": "acme/call", "request": {**base, "headers": [{"name": "a", "value": "b", "extra": 1}]}},
                {"capability": "acme/call", "request": {**base, "host": "evil.test"}},
                {"capability": "acme/call", "request": base, "policy": {}}, {"capability": "acme/call", "request": base, "": 1}):
            with self.subTest(document):
                status, body = self.send_body(json.dumps(document).encode())
                self.assertEqual((400, "invalid_request"), (status, json.loads(body)["error"]))
        for twice in (b'{"capability":"acme/none","capability":"acme/call","request":{"method":"GET","path":"/v1"}}',
                      b'{"capability":"acme/call","request":{"method":"GET","path":"/v1","pa\\u0074h":"/v2"}}'):
            self.assertEqual(400, self.send_body(twice)[0])
        self.assertNothingSent()

    def test_PP6_bytes_that_are_no_text_are_refused_at_every_door(self):
        good = b'{"capability":"acme/call","request":{"method":"POST","path":"/v1","body":"%s"}}'
        bad = [good % piece for piece in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\\ud800", b"\\udc00\\ud800", b"\0",
                                          b"\xf5\x80\x80\x80", b"\x1f")]
        bad += [b"\xef\xbb\xbf" + good % b"", (good % b"").decode().encode("utf-16"), (good % b"").decode().encode("utf-16-be"),
                b"\0" + good % b"", good % b"" + b"\0", b"", b" ", b"null", b"[]", b"1"]
        for document in bad:
            with self.subTest(document[:100]):
                self.assertEqual(400, self.send_body(document)[0])
                framed = struct.pack(">I", len(document)) + document
                self.assertEqual(400, self.send_body(framed, FRAMED)[0])
                got = self.frame(b'{"op":"execute_envelope","envelope":' + document + b"}")
                self.assertIn(b'"ok":false', got)
        self.assertNothingSent()

    def test_PP7_times_that_are_none_are_refused(self):
        for value in ("1e400", "1e3", "1.5", '"5"', "", " ", "+5", "0x5", "NaN", "5s"):
            with self.subTest(value):
                status, answer = self.call(control=[("x-aivault-timeout-ms", value)])
                self.assertEqual((400, "invalid_request"), (status, answer["error"]))
        for value in ("1e400", "1.5", '"5"', "true", "[]"):
            with self.subTest(value):
                got = self.frame(b'{"op":"execute_envelope","envelope":%s,"timeoutMs":%s}' % (
                    json.dumps(envelope()).encode(), value.encode()))
                self.assertIn(b'"ok":false', got)
        self.assertNothingSent()
        # What is less than a millisecond is one; what is more than a number can hold is the most there is.
        release = threading.Event()
        self.addCleanup(release.set)

        def reply(exchange):
            release.wait(20)
            exchange.reply(200, "late")
        type(self).reply = staticmethod(reply)
        for value in ("-1", "0", "-99999999999999999999"):
            status, answer = self.call(control=[("x-aivault-timeout-ms", value)])
            self.assertEqual((504, "timeout_total"), (status, answer["reason"]), value)
        type(self).reply = None
        release.set()
        for value in ("18446744073709551616", "9223372036854775807", "99999999999999999999999"):
            self.assertEqual(200, self.call(control=[("x-aivault-timeout-ms", value)])[0], value)

    def test_PP9_nothing_stands_behind_the_document(self):
        document = json.dumps(envelope()).encode()
        for tail in (b"x", document, b" {}", b",", b"\0", b"]"):
            with self.subTest(tail):
                self.assertEqual(400, self.send_body(document + tail)[0])
                self.assertIn(b'"ok":false', self.frame(b'{"op":"execute_envelope","envelope":' + document + b"}" + tail))
                framed = struct.pack(">I", len(document)) + document + tail
                self.assertEqual(400, self.send_body(framed, FRAMED)[0])
        self.assertEqual([], [r for r in self.up.requests if r.body])

    def test_PP10_single_bytes_cost_little(self):
        data = post(json.dumps(envelope(body="x" * 20_000)).encode(), lines=("connection: close",))

        def act():
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(30)
                door.connect(str(SOCKET))
                for byte in data:
                    door.send(bytes([byte]))
                got = b""
                while piece := door.recv(65536):
                    got += piece
                return got
        before = self.cpu_seconds()
        got = as_user("agent1", act)
        self.assertTrue(got.startswith(b"HTTP/1.1 200 "), got)
        self.assertEqual(b"x" * 20_000, self.up.requests[-1].body)
        self.assertLess(self.cpu_seconds() - before, 2 if is_release() else 20)

    def test_PP11_many_headers_and_fields_are_refused(self):
        many = "".join(f"x-{n}: a\r\n" for n in range(5000)).encode()
        for lines in (many, b"x: " + b"a" * (1 << 20) + b"\r\n", b"x-" + b"a" * (1 << 20) + b": 1\r\n"):
            got = self.raw("agent1", HEALTH[:-2] + lines + b"\r\n", timeout=20)
            self.assertTrue(got.startswith(b"HTTP/1.1 431 "), got[:100])
        got = self.raw("agent1", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nhost: a\r\n\r\n", timeout=20)
        self.assertIn(int(got.split()[1]), (414, 431))
        self.assertRefused(self.call(headers=[(f"x-{n}", "a") for n in range(5000)]))
        status, answer = self.call(method="POST", multipart={f"f{n}": "a" for n in range(10_001)})
        self.assertRefused((status, answer))

    def test_PP13_base64_has_one_spelling(self):
        for text in ("YQ", "YQ=", "YR==", "YQ==\n", " YQ==", "YQ==YQ==", "YW_-", "Y Q==", "====", "YQ==%", "\u00ff"):
            with self.subTest(text):
                self.assertRefused(self.call(method="POST", bodyB64=text), "invalid_request")
                self.assertRefused(self.call(method="POST", multipartFiles=[{"field": "f", "dataB64": text}]), "invalid_request")
        self.assertEqual(200, self.call(method="POST", bodyB64=base64.b64encode(b"a").decode())[0])

    def test_PP14_messages_of_a_daemon_are_no_requests(self):
        for data in (b'{"type":"chunk","bodyB64":"YQ=="}', b'{"type":"end"}', b'{"ok":true,"value":{}}', b'{"ok":false}',
                     b'{"type":"error","error":"x"}', b'{"op":"chunk"}'):
            got = self.frame(data)
            self.assertIn(b'"ok":false', got)
            self.assertIn(b"invalid request JSON", got)
        for data in (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"SSH-2.0-x\r\n"):
            got = self.raw("agent1", data, end=True, timeout=20)
            self.assertFalse(got and not got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")), got)
        self.assertNothingSent()

    def test_PP15_internal_names_tell_nothing(self):
        answers = set()
        for name in ("__aivault/status", "__aivault/version", "__aivault/shutdown", "__aivault/../x", "__aivault", "aivault/health",
                     "none/none"):
            status, answer = self.call(capability=name)
            self.assertEqual((404, "capability_not_found"), (status, answer["error"]), name)
            answers.add(json.dumps(answer).replace(name, ""))
        self.assertEqual(1, len(answers), answers)
        got = self.frame(json.dumps({"op": "execute_envelope", "envelope": {
            "capability": "__aivault/health", "request": {"method": "GET", "path": "/", "headers": []}}}).encode())
        self.assertEqual({"ok": True, "value": {"capability": "__aivault/health", "ok": True}}, json.loads(got))

    def test_PP17_answers_come_whole_and_in_order(self):
        def reply(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            for _ in range(50):
                exchange.chunk(b"a" * 1000)
            exchange.end()
        type(self).reply = staticmethod(reply)

        def act():
            with HttpSocket(SOCKET) as door:
                body = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}).encode()
                door.send(post(body) + HEALTH + post(body) + HEALTH)
                return [(answer.status, len(answer.body)) for answer in (door.answer() for _ in range(4))]
        answers = as_user("agent1", act)
        self.assertEqual([(200, 50_000), (200, answers[1][1]), (200, 50_000), (200, answers[1][1])], answers)
        self.assertLess(answers[1][1], 1000)


if __name__ == "__main__":
    world.run()

"""Envelopes, body modes and the address of the caller, as docs/conformance.md says, through the socket."""

import base64
import json
import os
import sys

from lib.conformance import PLACE, Conformance
from lib.scenario import main

REQUEST = {"method": "POST", "path": PLACE}
WHOLE = {"capability": "openai/transcription", "request": REQUEST}
SHAPE = "IR invalid envelope JSON"


def with_request(**members):
    return {**WHOLE, "request": {**REQUEST, **members}}


def nested(levels):
    return json.dumps(with_request(url=0)).replace('"url": 0', '"url": ' + "[" * levels + "]" * levels)


# Objects are sent as JSON, text as it stands.
REFUSED = [
    (1, {"request": REQUEST}, SHAPE), (1, {"capability": "openai/transcription"}, SHAPE),
    (1, {**WHOLE, "request": {"path": PLACE}}, SHAPE), (1, {**WHOLE, "request": {"method": "POST"}}, SHAPE),
    (2, {**WHOLE, "x": 1}, SHAPE), (2, with_request(x=1), SHAPE),
    (2, with_request(headers=[{"name": "x-a", "value": "b", "x": 1}]), SHAPE),
    (2, with_request(multipartFiles=[{"field": "f", "size": 1, "x": 1}]), SHAPE),
    (3, with_request(body_file_path="/etc/shadow"), SHAPE),
    (4, with_request(headers=None), SHAPE), (4, with_request(multipartFiles=None), SHAPE),
    (6, with_request(body={"a": 1}), SHAPE), (6, with_request(multipart={"n": 5}), SHAPE),
    (6, with_request(bodyB64="YQ"), SHAPE),
    (7, json.dumps(WHOLE)[:-3], SHAPE), (7, json.dumps(WHOLE) + " x", SHAPE),
    (7, json.dumps(WHOLE).replace('"path"', '"path": "/v1/files", "path"'), SHAPE),
    (7, json.dumps(with_request(multipart={"a": "1"})).replace('"a"', '"a": "2", "a"'), SHAPE),
    (8, [WHOLE], SHAPE), (8, {**WHOLE, "request": [REQUEST]}, SHAPE), (8, with_request(headers=[["x-a", "b"]]), SHAPE),
    (9, {"capability": "  ", "request": {"method": "", "path": "   "}}, "IR capability is required"),
    (9, {**WHOLE, "request": {"method": "", "path": "   "}}, "IR request.method is required"),
    (9, with_request(path="   "), "IR request.path is required"),
    (10, with_request(url="https://evil.com"), "PV request.url is not allowed"),
    (11, with_request(body="x", multipart={"a": "1"}), "PV only one request body mode"),
    (11, with_request(body="x", bodyFilePath="/x"), "PV only one request body mode"),
    (11, with_request(multipartFiles=[{"field": "f", "size": 1}], bodyFilePath="/x"), "PV only one request body mode"),
    (11, with_request(body="x", multipart={}), "PV only one request body mode"),
    (17, nested(33), SHAPE), (17, with_request(headers=[{"name": f"x-{i}", "value": "v"} for i in range(101)]), "IR "),
    (17, with_request(path="/" + "a" * 8192), "IR "), (17, with_request(path=PLACE + "?a=" + "b" * 32768), "IR "),
]
ACCEPTED = [
    (5, {**with_request(body=None, multipart=None, bodyFilePath=None, url=None), "credential": None}, b""),
    (13, with_request(multipartFiles=[], body="text"), b"text"),
    (13, WHOLE, b""),
]


class Envelope(Conformance):
    # Cases 1-11, 13, 17.
    def test_shapes(self):
        self.stage()
        for case, given, expected in REFUSED:
            with self.subTest(case=case, given=str(given)[:120]):
                self.check(case, given, expected, self.raw(given if isinstance(given, str) else json.dumps(given)))
        self.assertEqual(0, self.up.connections)
        for case, given, body in ACCEPTED:
            with self.subTest(case=case):
                self.check(case, given, "ok", self.ask(given))
                self.assertEqual(body, self.up.requests[-1].body)

    # Cases 12 and 136.
    def test_fields_and_files_are_one_body(self):
        self.stage()
        data = bytes(range(256)) * 3
        boundaries = set()
        for _ in range(2):
            envelope = with_request(
                headers=[{"name": "content-type", "value": "text/plain"}], multipart={"model": "whisper-1", "x": "y"},
                multipartFiles=[{"field": "one", "filename": "a\"b.bin", "dataB64": base64.b64encode(data).decode()},
                                {"field": "two", "size": 5}])
            self.check(12, "multipart", "ok", self.send_framed(envelope, b"12345"))
            seen = self.up.requests[-1]
            self.assertRegex(seen.one("content-type"), r"^multipart/form-data; boundary=aivault-[0-9a-f]{32}$")
            boundary = seen.one("content-type").split("=")[1].encode()
            boundaries.add(boundary)
            parts = seen.body.split(b"--" + boundary)
            self.assertEqual((b"", b"--"), (parts[0], parts[-1].strip()))
            names = [b'name="model"', b'name="x"', b'name="one"; filename="a%22b.bin"', b'name="two"; filename="file"']
            self.assertEqual(len(names), len(parts) - 2)
            for name, part, content in zip(names, parts[1:], (b"whisper-1", b"y", data, b"12345")):
                head, _, body = part.partition(b"\r\n\r\n")
                self.assertIn(name, head)
                self.assertEqual(content + b"\r\n", body)
        self.assertEqual(2, len(boundaries))

    # Case 14.
    def test_the_daemon_opens_no_file(self):
        self.stage()
        trap = self.v.base / "trap"
        os.mkfifo(trap)  # Who opens it for reading waits; nobody may.
        for given in (with_request(bodyFilePath=str(trap)),
                      with_request(multipartFiles=[{"field": "f", "path": str(trap)}])):
            self.check(14, given, "IR file paths are not accepted", self.ask(given))
            with self.assertRaises(OSError):
                os.open(trap, os.O_WRONLY | os.O_NONBLOCK)
        self.assertEqual(0, self.up.connections)

    # Cases 15 and 16.
    def test_the_command_line_opens_the_file(self):
        self.stage()
        data = os.urandom(70000)
        file = self.v.base / "mine.bin"
        file.write_bytes(data)
        file.chmod(0o600)
        call = ("invoke", "openai/transcription", "--method", "POST", "--path", PLACE)
        self.v.ok(*call, "--body-file-path", file)
        self.assertEqual((data, 1), (self.up.requests[-1].body, len(self.up.requests)))
        self.v.fails("bodyFilePath not accessible", *call, "--body-file-path", self.v.base / "missing")
        payload = {"capability": "openai/transcription", "request": {**REQUEST, "bodyFilePath": str(self.v.base / "no")}}
        self.v.fails("bodyFilePath not accessible", "invoke", "openai/transcription", "--request", json.dumps(payload))
        self.assertEqual(1, len(self.up.requests))

    # Case 18.
    def test_announced_bytes(self):
        self.stage()
        for size, expected in ((10, "ok"), (9, "IR "), (11, "IR ")):
            answer = self.send_framed(with_request(bodyStream={"size": 10}), b"x" * size)
            self.check(18, size, expected, answer)
            if expected != "ok":
                self.assertEqual("body_length", answer.json()["reason"])
                self.fresh_door()

    # Case 24.
    def test_the_address_of_the_caller(self):
        self.stage()
        for given, expected in (("8.8.8.8", "PV non-loopback clients are rejected by default"), ("::1", "ok"),
                                ("127.0.0.1", "ok"), ("nonsense", "IR invalid clientIp")):
            with self.subTest(given):
                self.fresh_door()
                before = len(self.up.requests)
                self.check(24, given, expected, self.ask(WHOLE, [("x-aivault-client-ip", given)]))
                self.assertEqual(before + (expected == "ok"), len(self.up.requests))


if __name__ == "__main__":
    sys.exit(main())

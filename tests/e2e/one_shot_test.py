"""One JSON request per connection, as clients of version 0.1 write it."""

import base64
import json
import socket
import sys

from lib.conformance import PLACE, SECRET, Conformance
from lib.scenario import main


class OneShot(Conformance):
    def frame(self, text, end=True):
        """Everything the daemon answers to `text`, which is the whole request unless `end` is false."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(30)
            client.connect(str(self.v.socket))
            client.sendall(text if isinstance(text, bytes) else json.dumps(text).encode())
            if end:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := client.recv(1 << 16):
                answer += piece
        return answer

    def request(self, op="execute_envelope", client_ip="127.0.0.1", capability="openai/transcription", more=(), **request):
        envelope = {"capability": capability, "credential": None,
                    "request": {"method": "POST", "path": PLACE, "headers": [], "body": None, "multipart": None,
                                "multipartFiles": [], "bodyFilePath": None, "url": None, **request}}
        return {"op": op, "envelope": envelope, "client_ip": client_ip, **dict(more)}

    def failure(self, request):
        answer = json.loads(self.frame(request))
        self.assertEqual(({"ok", "error"}, False), (set(answer), answer["ok"]))
        return answer["error"]

    # Case 228.
    def test_an_answer_in_one_document(self):
        def answer(exchange):
            exchange.read_body()
            exchange.reply(201, "Grüße, " + SECRET, [("x-vendor", "1"), ("content-type", "text/plain")])
        self.stage(answer)
        text = self.frame(self.request(body="hello", more={"timeoutMs": 9000, "workspace_id": None, "from_a_later_client": 1}))
        self.assertFalse(text.endswith(b"\n"))
        got = json.loads(text)
        self.assertEqual(["ok", "value"], list(got))
        self.assertEqual(["planned", "response"], list(got["value"]))
        self.assertEqual({"capability": "openai/transcription", "credential": "openai", "method": "POST",
                          "url": "https://api.openai.com" + PLACE}, got["value"]["planned"])
        response = got["value"]["response"]
        self.assertEqual(["bodyB64", "bodyUtf8", "headers", "status"], list(response))
        self.assertEqual((201, "Grüße, [REDACTED]"), (response["status"], response["bodyUtf8"]))
        self.assertEqual("Grüße, [REDACTED]", base64.b64decode(response["bodyB64"]).decode())
        self.assertIn({"name": "x-vendor", "value": "1"}, response["headers"])
        self.assertFalse([h for h in response["headers"] if h["name"].startswith("x-aivault")])
        self.assertEqual(b"hello", self.up.requests[-1].body)
        self.assertEqual(["ok", "started"], sorted(row["outcome"] for row in self.v.calls()))

    # Case 228.
    def test_other_bytes_have_no_text(self):
        body = bytes(range(256)) * 700

        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, body, [("content-type", "image/png")])
        self.stage(answer)
        response = json.loads(self.frame(self.request()))["value"]["response"]
        self.assertIsNone(response["bodyUtf8"])
        self.assertEqual(body, base64.b64decode(response["bodyB64"]))

    # Case 228.
    def test_lines_of_a_stream(self):
        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            for _ in range(3):
                exchange.chunk(b"x" * 20000)
            exchange.end()
        self.stage(answer)
        lines = self.frame(self.request("execute_envelope_stream")).splitlines()
        chunks = [json.loads(line) for line in lines]
        self.assertEqual({"type": "end"}, chunks.pop())
        self.assertEqual({"chunk"}, {chunk["type"] for chunk in chunks})
        pieces = [base64.b64decode(chunk["bodyB64"]) for chunk in chunks]
        self.assertEqual(b"x" * 60000, b"".join(pieces))
        self.assertLessEqual(max(map(len, pieces)), 16384)
        refused = json.loads(self.frame(self.request("execute_envelope_stream", method="GET")))
        self.assertEqual({"type": "error", "error": "PolicyViolation: method not allowed by capability"}, refused)

    # Case 228.
    def test_health_without_the_vault(self):
        self.stage()
        self.v.run("lock")
        health = self.request(capability="__aivault/health", client_ip="8.8.8.8")
        self.assertEqual(b'{"ok":true,"value":{"capability":"__aivault/health","ok":true}}', self.frame(health))

    # Case 225.
    def test_refusals(self):
        self.stage()
        for request, text in (
                (self.request(method="GET"), "PolicyViolation: method not allowed by capability"),
                (self.request(capability="openai/nothing"), "CapabilityNotFound: capability not found"),
                (self.request(client_ip="8.8.8.8"), "PolicyViolation: non-loopback clients are rejected by default"),
                (self.request(client_ip="nonsense"), "InvalidRequest: invalid clientIp"),
                (self.request(bodyFilePath="/etc/passwd"), "InvalidRequest: file paths are not accepted"),
                (self.request(bodyStream={"size": 3}), "InvalidRequest: "),
                (self.request(body_file_path="x"), "InvalidRequest: invalid envelope JSON"),
                (self.request(more={"group_id": "g"}), "InvalidRequest: --workspace-id is required"),
                ({"op": "execute_envelope"}, "invalid request JSON: "),
                ({"op": "rotate_master", "envelope": {}}, "invalid request JSON: "),
                (b'{"op"', "invalid request JSON: "), (b'{"op":1}x', "invalid request JSON: ")):
            with self.subTest(request=request):
                self.assertTrue(self.failure(request).startswith(text), self.failure(request))
        self.assertEqual(0, self.up.connections)

    def test_a_request_that_does_not_end(self):
        self.stage()
        self.assertEqual({"ok": False, "error": "InvalidRequest: request incomplete"},
                         json.loads(self.frame(b'{"op":', end=False)))


if __name__ == "__main__":
    sys.exit(main())

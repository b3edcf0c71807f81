"""Answers, connections, records and errors, as docs/conformance.md says, through the socket."""

import base64
import json
import re
import sys
import threading
import urllib.parse

from lib.conformance import PLACE, SECRET, Conformance
from lib.scenario import main
from lib.vault import wait_until

CALL = ("invoke", "openai/transcription", "--method", "POST", "--path", PLACE)


class Answers(Conformance):
    # Case 193.
    def test_an_echo_of_the_header(self):
        def answer(exchange):
            exchange.read_body()
            sent = exchange.request.one("authorization")
            exchange.reply(200, "you sent " + sent, [("content-type", "text/plain"), ("x-echo", sent)])
        self.stage(answer)
        got = self.ask(self.envelope())
        self.assertEqual((b"you sent Bearer [REDACTED]", "Bearer [REDACTED]"), (got.body, got.header("x-echo")))

    # Case 194.
    def test_an_echo_in_another_spelling(self):
        value = "sk+test/0001~&x y<z>=="
        raw = value.encode()
        spellings = [base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b64encode(raw).rstrip(b"="), raw.hex().encode(),
                     base64.b64encode(b"x:" + raw), urllib.parse.quote(value, safe="").encode(), urllib.parse.quote_plus(value).encode(),
                     urllib.parse.quote(value, safe="").lower().encode(),
                     "".join(f"\\u{ord(c):04x}" for c in value).encode(), json.dumps(value)[1:-1].replace("/", "\\/").encode()]
        current = []

        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, b"[" + current[0] + b"]", [("content-type", "text/plain")])
        self.stage(answer, secrets=(("OPENAI_API_KEY", value),))
        for spelling in spellings:
            with self.subTest(spelling):
                current[:] = [spelling]
                body = self.ask(self.envelope()).body
                self.assertIn(b"[REDACTED]", body)
                # Of a pair, its first characters do not depend on the key alone.
                self.assertIn(body, (b"[[REDACTED]]", b"[" + spelling[:3] + b"[REDACTED]]"))

    # Case 195.
    def test_every_pair_of_cuts(self):
        whole = f"<{SECRET}|{SECRET[:-1]}|sk-test-00001|{SECRET}>".encode()
        cuts = [0, 0]

        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            first, second = cuts
            for piece in (whole[:first], whole[first:second], whole[second:]):
                if piece:
                    exchange.chunk(piece)
            exchange.end()
        self.stage(answer)
        expected = f"<[REDACTED]|{SECRET[:-1]}|sk-test-00001|[REDACTED]>".encode()
        for first in range(0, len(whole), 3):
            for second in range(first, len(whole), 5):
                cuts[:] = [first, second]
                self.assertEqual(expected, self.ask(self.envelope()).body, cuts)

    # Case 202.
    def test_a_lost_connection_repeats_nothing(self):
        broken = threading.Event()

        def answer(exchange):
            exchange.read_body()
            if broken.is_set():
                exchange.hang_up()
            else:
                exchange.reply(200, "{}")
        self.stage(answer, secrets=())
        self.add_own("acme")
        for method in ("GET", "POST"):
            broken.clear()
            self.check(202, method, "ok", self.ask(self.envelope("/x", method, "acme/call")))
            before = len(self.up.requests)
            broken.set()
            got = self.ask(self.envelope("/x", method, "acme/call", body=... if method == "GET" else "data"))
            self.check(202, method, "UU ", got)
            self.assertEqual(("connection_lost", before + 1), (got.json()["reason"], len(self.up.requests)))

    # Case 203.
    def test_a_caller_that_leaves(self):
        started, ended = threading.Event(), threading.Event()

        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            exchange.chunk("first\n")
            started.set()
            try:
                exchange.connection.fill()
            finally:
                ended.set()
        self.stage(answer)
        text = json.dumps(self.envelope()).encode()
        self.door.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                       % len(text) + text)
        self.assertTrue(started.wait(20))
        self.door.socket.close()
        self.assertTrue(ended.wait(20))
        row = wait_until(lambda: [row for row in self.v.calls() if row["outcome"] == "error"], what="the end row")[0]
        self.assertIn("cancelled", row["note"])

    # Case 204.
    def test_a_hundred_calls_share_one_connection(self):
        self.stage()
        for _ in range(100):
            self.assertEqual("ok", self.outcome(self.ask(self.envelope())))
        self.assertEqual((1, 1, 100), (self.up.connections, self.up.handshakes, len(self.up.requests)))

    # Case 205.
    def test_an_early_answer(self):
        def answer(exchange):
            exchange.reply(413, "too much", [("connection", "close")], reason="No")
            exchange.hang_up()
        self.stage(answer)
        outcome = self.v.ok(*CALL, "--body-file-path", "-", "--include", stdin=b"x" * (8 << 20))
        self.assertTrue(outcome.text.startswith("HTTP/1.1 413"), outcome.text[:200])
        self.assertTrue(outcome.text.endswith("too much"))

    # Case 224.
    def test_requests_that_are_none(self):
        self.stage()
        body = json.dumps(self.envelope()).encode()
        both = (b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                b"transfer-encoding: chunked\r\n\r\n" % len(body)) + body
        huge = b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 70000 + b"\r\n\r\n"
        answer = self.door.request("POST", "/aivault/proxy", body, [("content-type", "text/plain")])
        self.assertEqual((415, "content_type"), (answer.status, answer.json()["reason"]))
        for data, status in ((both, 400), (huge, 431)):
            self.fresh_door()
            self.door.send(data)
            self.assertEqual(status, self.door.answer().status)
        self.assertEqual(0, self.up.connections)

    # Case 225.
    def test_errors_over_http_and_on_the_command_line(self):
        self.stage()
        self.add_own("acme")
        self.v.ok("credential", "create", "second", "--provider", "acme", "--auth", "header", "--secret-ref",
                  self.second_ref(), "--host", self.up.authority,
                  "--allow-private-network")
        rows = [
            ("invalid_request", "InvalidRequest", 400, self.envelope("/v1 x")),
            ("policy_violation", "PolicyViolation", 403, self.envelope("/v1/chat")),
            ("capability_not_found", "CapabilityNotFound", 404, self.envelope(capability="openai/none")),
            ("credential_not_found", "CredentialNotFound", 404, {**self.envelope(), "credential": "nobody"}),
            ("credential_ambiguous", "CredentialAmbiguous", 409, self.envelope("/x", "GET", "acme/call")),
        ]
        for code, name, status, envelope in rows:
            with self.subTest(code):
                answer = self.ask(envelope)
                error = answer.json()
                self.assertEqual((status, code, code), (answer.status, error["error"], answer.header("x-aivault-error")))
                self.assertEqual(("application/json", "no-store"), (answer.header("content-type"), answer.header("cache-control")))
                self.assertRegex(answer.header("x-aivault-request-id"), r"^[0-9a-z]{26}$")
                self.assertLessEqual({"error", "message"}, set(error))
                self.assertLessEqual(set(error), {"error", "message", "reason"})
                self.v.fails(f"{name}: {error['message']}", "invoke", envelope["capability"], "--request", json.dumps(envelope))
        self.up.close()
        answer = self.ask(self.envelope())
        self.assertEqual((502, "upstream_unreachable"), (answer.status, answer.json()["error"]))
        self.v.fails("UpstreamUnreachable: ", *CALL)

    def second_ref(self):
        return f"vault:secret:{self.v.add_secret('SECOND_KEY', 'second-key-0001')['secretId']}"

    # Case 226.
    def test_rows_of_calls(self):
        self.stage()
        self.ask(self.envelope())
        self.ask(self.envelope("/v1/chat?key=query-text"))
        rows = wait_until(lambda: (rows := self.v.calls()) and len(rows) >= 3 and rows, what="the rows")
        outcomes = sorted(row["outcome"] for row in rows)
        self.assertEqual(["denied", "ok", "started"], outcomes)
        by = {row["outcome"]: row for row in rows}
        self.assertEqual(by["ok"]["requestId"], by["started"]["requestId"])
        self.assertEqual(("path_not_allowed", "/v1/chat"), (by["denied"]["reason"], by["denied"]["path"]))
        self.assertEqual(200, by["ok"]["status"])
        self.assertNotIn("query-text", json.dumps(rows))
        self.assertIsNone(re.search(SECRET, json.dumps(rows)))


if __name__ == "__main__":
    sys.exit(main())

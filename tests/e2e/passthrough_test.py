"""/v/{credential}/...: a vendor's own client calls through the daemon, and nothing of the call but its key changes."""

import sys
import threading
import time

from lib.conformance import PLACE, SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.scenario import main


class Passthrough(Conformance):
    def native(self, target, method="POST", body=None, headers=(), door=None):
        return (door or self.door).request(method, target, body, headers)

    # Case 206.
    def test_a_vendors_path_reaches_its_capability(self):
        self.stage()
        answer = self.native("/v/openai" + PLACE, body=b"audio", headers=[("content-type", "audio/wav")])
        self.assertEqual((200, {"ok": True}), (answer.status, answer.json()))
        self.assertEqual(("openai/transcription", "openai"),
                         (answer.header("x-aivault-capability"), answer.header("x-aivault-credential")))
        seen = self.up.requests[-1]
        self.assertEqual(("POST", PLACE, "api.openai.com", f"Bearer {SECRET}"),
                         (seen.method, seen.target, seen.one("host"), seen.one("authorization")))
        record = self.v.calls()[0]
        self.assertEqual(("openai/transcription", "openai", PLACE), (record["capability"], record["credential"], record["path"]))

    # Case 207.
    def test_targets_that_name_no_account_or_no_path(self):
        self.stage()
        markers = {"/v//x": "must include credential", "/v/openai": "must include credential",
                   "/v/openai/": "must include credential", "/v/openai/?x=1": "must include credential",
                   "/v/%20/x": "must include credential", "/v": "must start with /v/", "/v/%zz/x": "percent-encoded",
                   "/x/openai/y": "unknown endpoint"}
        for target, marker in markers.items():
            with self.subTest(target=target):
                self.check(207, target, f"IR {marker}", self.native(target, "GET"))
        self.assertEqual(0, self.up.connections)

    # Case 208.
    def test_what_matches_nothing(self):
        self.stage()
        self.check(208, "nobody", "KNF credential not found", self.native("/v/nobody/v1/models", "GET"))
        for method, path in (("GET", "/v1/nothing"), ("DELETE", PLACE), ("GET", "/v1"), ("PROPFIND", "/v1/models")):
            with self.subTest(method=method, path=path):
                self.check(208, path, "CNF no passthrough capability matched", self.native("/v/openai" + path, method))
        self.assertEqual(0, self.up.connections)
        self.assertEqual("no_match", self.v.calls()[0]["reason"])

    # Case 209.
    def test_the_most_specific_capability_serves(self):
        self.stage(secrets=())
        self.add_own("acme", paths=("/",))
        for name, path in (("acme/narrow", "/v1/things"), ("acme/also", "/v1/things"), ("acme/deep", "/v1/things/parts")):
            self.v.add_capability(name, "acme", ("GET",), (path,))
        for path, expected in (("/v1/things/parts/1", "acme/deep"), ("/v1/things/1", "acme/also"), ("/v2", "acme/call")):
            answer = self.native("/v/acme" + path, "GET")
            self.assertEqual((200, expected), (answer.status, answer.header("x-aivault-capability")), path)
        notes = [record.get("note") or "" for record in self.v.calls() if record["path"] == "/v1/things/1"]
        self.assertIn("matches acme/also, acme/call, acme/narrow", notes)

    # Case 210.
    def test_a_capability_outside_the_list_of_the_credential_is_no_candidate(self):
        self.stage(secrets=(("POSTMARK_SERVER_TOKEN", "server-token-01"),), hosts=("api.postmarkapp.com",))
        self.assertEqual(200, self.native("/v/postmark/stats/outbound", "GET").status)
        # Domains are served with the token of the account alone.
        self.check(210, "not listed", "CNF no passthrough capability matched", self.native("/v/postmark/domains", "GET"))
        self.assertEqual(1, len(self.up.requests))

    # Case 211.
    def test_names_of_accounts(self):
        self.stage(secrets=())
        secret = self.v.add_secret("ACME_KEY", "own-key-00001")
        self.v.ok("credential", "create", "acme:main", "--provider", "acme", "--secret-ref", f"vault:secret:{secret['secretId']}",
                  "--host", self.up.authority, "--allow-private-network", "--tls-ca-file", self.ca, "--auth", "header")
        self.v.add_capability("acme/call", "acme:main", ("GET",), ("/v1",))
        for segment in ("acme:main", "acme%3Amain", "acme"):
            answer = self.native(f"/v/{segment}/v1/x", "GET")
            self.assertEqual((200, "acme:main"), (answer.status, answer.header("x-aivault-credential")), segment)
        self.check(211, "twice decoded", "KNF credential not found", self.native("/v/acme%253Amain/v1/x", "GET"))

    # Case 213.
    def test_a_clients_own_key_is_refused(self):
        self.stage()
        for name, value in (("authorization", "Bearer sk-other"), ("x-api-key", "sk-other"), ("cookie", "a=b")):
            answer = self.native("/v/openai" + PLACE, body=b"x", headers=[(name, value)])
            self.check(213, name, "PV caller-supplied auth headers are not allowed", answer)
            self.fresh_door()
        self.assertEqual(0, self.up.connections)

    # Case 214.
    def test_bodies_pass_byte_for_byte(self):
        sent = bytes(range(256)) * 5000

        def answer(exchange):
            exchange.read_body()
            exchange.reply(207, sent[::-1], [("content-type", "image/png"), ("x-vendor", "yes"), ("set-cookie", "a=b")])
        self.stage(answer)
        got = self.native("/v/openai" + PLACE, body=sent, headers=[("content-type", "multipart/form-data; boundary=x")])
        self.assertEqual((207, sent[::-1], "image/png", "yes", None),
                         (got.status, got.body, got.header("content-type"), got.header("x-vendor"), got.header("set-cookie")))
        seen = self.up.requests[-1]
        self.assertEqual((sent, "multipart/form-data; boundary=x", str(len(sent))),
                         (seen.body, seen.one("content-type"), seen.one("content-length")))
        self.door.send(b"POST /v/openai" + PLACE.encode() + b" HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
                       b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(207, self.door.answer().status)
        self.assertEqual((b"abcde", "chunked"), (self.up.requests[-1].body, self.up.requests[-1].one("transfer-encoding")))

    # Case 133.
    def test_repeated_headers_are_joined(self):
        self.stage()
        self.native("/v/openai" + PLACE, body=b"x", headers=[("anthropic-beta", "a"), ("x-k", "1"), ("Anthropic-Beta", "b")])
        self.assertEqual("a, b", self.up.requests[-1].one("anthropic-beta"))
        answer = self.native("/v/openai" + PLACE, body=b"x", headers=[("content-type", "text/a"), ("content-type", "text/b")])
        self.check(133, "content-type", "PV duplicate headers are not allowed", answer)

    # Case 135.
    def test_headers_of_the_connection_stay(self):
        self.stage()
        self.native("/v/openai" + PLACE, body=b"x", headers=[
            ("connection", "keep-alive, x-foo"), ("x-foo", "1"), ("te", "trailers"), ("x-aivault-timeout-ms", "9000"),
            ("x-aivault-complete", "1"), ("x-ok", "1")])
        self.assertEqual({"host", "content-type", "content-length", "x-ok", "accept", "user-agent", "accept-encoding", "authorization"},
                         {name.lower() for name, _ in self.up.requests[-1].headers})

    # Case 142.
    def test_the_parameter_of_the_credential_is_replaced(self):
        self.stage(secrets=())
        self.add_own("acme", flags=("--auth", "query", "--query-param", "api_key"))
        for query, expected in (("?a=1&api_key=mine&b=2", "?a=1&b=2&api_key=own-key-00001"), ("?API%5FKEY=x", "?api_key=own-key-00001"),
                                ("", "?api_key=own-key-00001")):
            self.native("/v/acme/v1" + query, "GET")
            self.assertEqual("/v1" + expected, self.up.requests[-1].target)

    def test_head_and_options(self):
        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, b"" if exchange.request.method == "HEAD" else b"{}", [("content-length", "2")])
        self.stage(answer, secrets=())
        self.add_own("acme", methods=("GET", "HEAD", "OPTIONS"))
        self.door.send(b"HEAD /v/acme/v1 HTTP/1.1\r\nhost: x\r\n\r\nGET /v/acme/v1 HTTP/1.1\r\nhost: x\r\n\r\n")
        head = self.door._until(b"\r\n\r\n")
        self.assertIn(b"content-length: 2", head)
        self.assertEqual(b"{}", self.door.answer().body)
        self.assertEqual(200, self.native("/v/acme/v1", "OPTIONS").status)
        self.assertEqual(["HEAD", "GET", "OPTIONS"], [request.method for request in self.up.requests])
        # A refusal of HEAD has no body either, so the next answer begins where it should.
        self.door.send(b"HEAD /v/nobody/v1 HTTP/1.1\r\nhost: x\r\n\r\nGET /v/acme/v1 HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertIn(b" 404 ", self.door._until(b"\r\n\r\n"))
        self.assertEqual(b"{}", self.door.answer().body)

    def test_pages_of_other_origins_and_contexts(self):
        self.stage()
        answer = self.native("/v/openai/v1/models", "GET", headers=[("origin", "https://evil.example")])
        self.assertEqual(403, answer.status)
        self.check(223, "origin", "PV origin not allowed", answer)
        self.check(60, "group alone", "IR --workspace-id is required",
                   self.native("/v/openai/v1/models", "GET", headers=[("x-aivault-group", "g")]))
        self.check(24, "client", "PV non-loopback",
                   self.native("/v/openai/v1/models", "GET", headers=[("x-aivault-client-ip", "8.8.8.8")]))
        self.assertEqual(0, self.up.connections)

    def test_traversal_and_the_limits_of_the_policy(self):
        self.stage()
        self.check(92, "..", "PV path traversal", self.native("/v/openai/v1/audio/../models", "GET"))
        self.v.ok("capability", "policy", "set", "--capability", "openai/transcription", "--max-request-body-bytes", 4)
        answer = self.native("/v/openai" + PLACE, body=b"12345")
        self.assertEqual(413, answer.status)
        self.fresh_door()
        self.v.ok("capability", "disable", "openai/transcription")
        self.check(44, "disabled", "CNF no passthrough capability matched", self.native("/v/openai" + PLACE, body=b"1"))
        self.assertEqual(0, len(self.up.requests))

    # Cases 214, 216, 217.
    def test_events_come_as_they_are_sent(self):
        go_on = threading.Event()

        def answer(exchange):
            exchange.read_body()
            if exchange.request.method == "GET":
                return exchange.reply(200, "{}")
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk(b"data: one\n\n")
            go_on.wait(20)
            exchange.chunk(b"data: " + SECRET.encode() + b"\n\n")
            exchange.end()
        self.stage(answer)
        self.door.send(b"POST /v/openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        began = time.monotonic()
        head = self.door._until(b"\r\n\r\n")
        self.assertIn(b"text/event-stream", head)
        self.assertEqual(b"b\r\ndata: one\n\n\r\n", self.door._exactly(16))
        with HttpSocket(self.v.socket) as other:
            self.assertEqual(200, self.native("/v/openai/v1/models", "GET", door=other).status)
        self.assertLess(time.monotonic() - began, 20, "the second event was not waited for")
        go_on.set()
        rest = self.door._until(b"0\r\n\r\n")
        self.assertIn(b"data: [REDACTED]\n\n", rest)


if __name__ == "__main__":
    sys.exit(main())

"""Headers of callers and the auth that is added, as docs/conformance.md says: what the server received."""

import re
import sys

from lib.conformance import Conformance
from lib.scenario import main

MANAGED = "PV caller-supplied auth headers are not allowed"
TWICE = "PV duplicate headers are not allowed"
PARAM = "PV query auth parameter is broker-managed"

REFUSED = [
    *((128, [(name, "x")], MANAGED) for name in ("Authorization", "AUTHORIZATION", " authorization ", "Proxy-Authorization")),
    *((130, [(name, "x")], MANAGED) for name in ("cookie", "x-auth-token", "x-authorization", "x-api-key", "x-goog-api-key")),
    (132, [("x-ok", "1"), ("X-OK", "2")], TWICE),
    (134, [("x-a", "1\r\nx-b: 2")], "IR invalid header value"), (134, [("x-a", "caf\u00e9")], "IR invalid header value"),
    (134, [("x a", "1")], "IR invalid header name"),
]
DROPPED = ("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length",
           "sec-websocket-key", "x-forwarded-for")

# Flags of the credential, key, path asked for, and what arrives: a header and its value, or the target.
INJECTED = [
    (141, ("--auth", "header"), "sk-test-0001", "/v1", "authorization", "Bearer sk-test-0001"),
    (142, ("--auth", "query", "--query-param", "api_key"), "k e/y-000001", "/v1?x=1", None, "/v1?x=1&api_key=k%20e%2Fy-000001"),
    (144, ("--auth", "basic"), '{"username":"u","password":"p"}', "/v1", "authorization", "Basic dTpw"),
    (144, ("--auth", "basic"), "u:p", "/v1", "authorization", "Basic dTpw"),
    (145, ("--auth", "path", "--path-prefix-template", "/bot{{secret}}"), "123:abc", "/sendMessage", None, "/bot123:abc/sendMessage"),
]


def headers(*pairs):
    return [{"name": name, "value": value} for name, value in pairs]


class Headers(Conformance):
    def own(self, number, flags, value, methods=("GET", "POST")):
        name = f"own{number}"
        self.add_own(name, methods=methods, flags=flags, value=value)
        return f"{name}/call"

    # Cases 128, 130, 132, 134.
    def test_headers_that_are_refused(self):
        self.stage()
        self.judge(REFUSED, lambda given: self.envelope(headers=headers(*given)))

    # Case 129.
    def test_the_header_of_the_credential_is_managed(self):
        self.stage(secrets=())
        capability = self.own(1, ("--auth", "header", "--header-name", "x-thing", "--value-template", "{{secret}}"), "own-key-00001")
        rows = [(129, [("X-Thing", "1")], MANAGED), (129, [("x_thing", "1")], MANAGED), (129, [("x-other", "1")], "ok")]
        self.judge(rows, lambda given: self.envelope("/v1", "GET", capability, headers=headers(*given)))
        self.assertEqual("own-key-00001", self.up.requests[-1].one("x-thing"))

    # Cases 131, 132, 139.
    def test_headers_that_are_dropped(self):
        self.stage()
        given = [(name, "x") for name in DROPPED] + [("te", "y"), ("x-ok", "kept")]
        self.check(131, given, "ok", self.ask(self.envelope(headers=headers(*given))))
        seen = self.up.requests[-1]
        self.assertEqual({"host", "x-ok", "accept", "user-agent", "accept-encoding", "authorization", "content-length"},
                         {name.lower() for name, _ in seen.headers})
        self.assertEqual(("api.openai.com", "kept", "0"), (seen.one("host"), seen.one("x-ok"), seen.one("content-length")))
        self.assertTrue(re.fullmatch(r"aivault/\d+\.\d+\.\d+", seen.one("user-agent")), seen.one("user-agent"))
        self.ask(self.envelope(headers=headers(("User-Agent", "mine/1"))))
        self.assertEqual("mine/1", self.up.requests[-1].one("user-agent"))

    # Cases 137 and 138.
    def test_headers_of_an_answer(self):
        names = ("connection", "set-cookie", "www-authenticate", "access-control-allow-origin", "x-aivault-error",
                 "sec-websocket-accept", "keep-alive", "alt-svc", "authorization", "x-gone")

        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain"), ("x-trace-id", "t1"), ("connection", "x-gone"),
                                 *((name, "v") for name in names if name != "connection")])
            exchange.chunk("hello sk-test-0001")
            exchange.end()
        self.stage(answer)
        got = self.ask(self.envelope())
        self.assertEqual([], [name for name in names if got.header(name) is not None])
        self.assertEqual(("text/plain", "t1", b"hello [REDACTED]"),
                         (got.header("content-type"), got.header("x-trace-id"), got.body))
        self.assertIn(got.header("content-length"), (None, str(len(got.body))))

    # Case 140.
    def test_default_headers_of_a_provider(self):
        self.stage(secrets=(("ANTHROPIC_API_KEY", "sk-ant-000001"),), hosts=("api.anthropic.com",))
        for given, expected in ((), "2023-06-01"), ((("anthropic-version", "2099-01-01"),), "2099-01-01"):
            self.check(140, given, "ok", self.ask(self.envelope("/v1/messages", "POST", "anthropic/messages",
                                                                headers=headers(*given))))
            self.assertEqual(expected, self.up.requests[-1].one("anthropic-version"))

    # Cases 141, 142, 144, 145.
    def test_auth_arrives(self):
        self.stage(secrets=())
        for number, (case, flags, value, path, name, expected) in enumerate(INJECTED):
            with self.subTest(case=case, flags=flags):
                capability = self.own(number, flags, value)
                self.check(case, flags, "ok", self.ask(self.envelope(path, "GET", capability)))
                seen = self.up.requests[-1]
                self.assertEqual(expected, seen.one(name) if name else seen.target)
                if not name:
                    self.assertIsNone(seen.one("authorization"))

    # Case 142.
    def test_the_query_parameter_is_managed(self):
        self.stage(secrets=())
        capability = self.own(1, ("--auth", "query", "--query-param", "api_key"), "own-key-00001")
        rows = [(142, f"/v1?{query}", PARAM) for query in ("api_key=x", "API_KEY=x", "api%5Fkey=x", "api%255Fkey=x", "a=1;api_key=x")]
        rows.append((142, "/v1?my_api_key=x", "ok", "/v1?my_api_key=x&api_key=own-key-00001"))
        self.judge(rows, lambda path: self.envelope(path, "GET", capability))

    # Case 145.
    def test_a_path_that_imitates_the_credential(self):
        self.stage(secrets=())
        flags = ("--auth", "path", "--path-prefix-template", "/bot{{secret}}")
        good = self.own(1, flags, "123:abc-def")
        self.judge([(145, "/botattacker/x", "PV broker-managed auth prefix")], lambda path: self.envelope(path, "GET", good))
        # Seen when the credential was made; what slips in later is refused by the signer.
        for number, value in enumerate(("aaa/bbb", "..", "aaa%2fbbb"), 2):
            capability = self.own(number, flags, value)
            self.judge([(145, value, "VU path auth secret contains invalid characters")],
                       lambda _, capability=capability: {**self.envelope("/x", "GET", capability),
                                                         "credential": capability.split("/")[0]})

    # Case 146.
    def test_a_capability_of_telegram_reaches_its_own_method_alone(self):
        self.stage(secrets=(("TELEGRAM_BOT_TOKEN", "123456789:" + "a" * 35),), hosts=("api.telegram.org",))
        rows = [(146, "/setWebhook", "PV path not allowed by capability"),
                (146, "/getMe", "ok", "/bot123456789:" + "a" * 35 + "/getMe")]
        self.judge(rows, lambda path: self.envelope(path, "POST", "telegram/get-me"))

    # Case 148.
    def test_a_key_that_would_break_a_header(self):
        self.stage(secrets=())
        capability = self.own(1, ("--auth", "header"), "first-line\nsecond: line")
        answer = self.ask(self.envelope("/v1", "GET", capability))
        self.assertEqual(("KNF", 0), (self.outcome(answer).split(" ")[0], self.up.connections))
        self.assertNotIn("first-line", answer.body.decode())

    # Case 159.
    def test_what_is_shown_of_a_url(self):
        self.stage(secrets=())
        query = self.own(1, ("--auth", "query", "--query-param", "api_key"), "own-key-00001")
        path = self.own(2, ("--auth", "path", "--path-prefix-template", "/bot{{secret}}"), "123:abc-def")
        for capability, asked, shown in ((query, "/v1?x=1", "/v1?x=1&api_key=REDACTED"), (path, "/getMe", "/botREDACTED/getMe")):
            answer = self.ask(self.envelope(asked, "GET", capability))
            self.assertEqual(f"https://{self.up.authority}{shown}", answer.header("x-aivault-url"))

    # Case 160.
    def test_a_connection_that_fails_shows_no_key(self):
        self.stage(secrets=())
        keys = {"query": "query-key-000001", "path": "path-key-000001"}
        query = self.own(1, ("--auth", "query", "--query-param", "api_key"), keys["query"])
        path = self.own(2, ("--auth", "path", "--path-prefix-template", "/bot{{secret}}"), keys["path"])
        self.up.close()
        texts = b""
        for capability in (query, path):
            answer = self.ask(self.envelope("/x", "GET", capability))
            self.check(160, capability, "UU ", answer)
            self.assertEqual("connect", answer.json()["reason"])
            texts += answer.body
        texts += self.v.log.read_bytes() + str(self.v.calls()).encode()
        for key in keys.values():
            self.assertNotIn(key.encode(), texts)
            self.assertEqual([], self.v.occurrences(key.encode()))


if __name__ == "__main__":
    sys.exit(main())

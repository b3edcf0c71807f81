"""What a capability does not allow never leaves the machine; what it allows is sent byte for byte."""

import sys

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

PV, IR = "PolicyViolation: ", "InvalidRequest: "
TRAVERSAL, SYNTAX = PV + "path traversal is not allowed", IR

REFUSED = [
    ("/v1/foobar", PV + "path not allowed by capability"),
    ("/v1/foo-bar", PV + "path not allowed by capability"),
    ("/v1/foo.json", PV + "path not allowed by capability"),
    ("/v1/foo;x=1", PV + "path not allowed by capability"),
    ("/v1/foo%2Fbar", PV + "path not allowed by capability"),
    ("/V1/Foo", PV + "path not allowed by capability"),
    ("/v1/%66oo", PV + "path not allowed by capability"),
    ("/v1//foo", PV + "path not allowed by capability"),
    ("/v1/foo/../bar", TRAVERSAL), ("/v1/foo/./bar", TRAVERSAL), ("/v1/foo/..", TRAVERSAL),
    ("/v1/foo/%2e%2e/x", TRAVERSAL), ("/v1/foo/%252e%252e/x", TRAVERSAL), ("/v1/foo/..%2f..%2fadmin", TRAVERSAL),
    ("/v1/foo\\..\\..\\admin", TRAVERSAL), ("/v1/foo/a%5Cb", TRAVERSAL), ("/v1/foo/..;/x", TRAVERSAL),
    ("/v1/foo/..%20/x", TRAVERSAL), ("/v1/foo/report%2epdf", TRAVERSAL),
    ("/v1/foo/%00", SYNTAX), ("/v1/foo/%0d%0ax", SYNTAX), ("/v1/foo#x", SYNTAX), ("/v1/foo?a=1#x", SYNTAX),
    ("/v1/foo/a b", SYNTAX), ("/v1/foo/%zz", SYNTAX), ("/v1/foo/%c0%ae%c0%ae/x", SYNTAX),
    ("/v1/foo?a=%zz", SYNTAX), ("/v1/foo?a=%ff", SYNTAX), ("v1/foo", SYNTAX),
    ("https://evil.com/v1/foo", SYNTAX), ("//evil.com/v1/foo", SYNTAX),
]
SENT = [
    ("/v1/foo", "/v1/foo"), ("/v1/foo/", "/v1/foo/"), ("  /v1/foo ", "/v1/foo"),
    ("/v1/foo//bar", "/v1/foo//bar"), ("/v1/foo/a..b", "/v1/foo/a..b"), ("/v1/foo/...", "/v1/foo/..."),
    ("/v1/foo/a%2Fb", "/v1/foo/a%2Fb"), ("/v1/foo/é", "/v1/foo/%C3%A9"),
    ("/v1/foo?q=has%3Aattachment&label=a%26b&space=a+b", "/v1/foo?q=has%3Aattachment&label=a%26b&space=a+b"),
    ("/v1/foo?q=two words", "/v1/foo?q=two%20words"), ("/v1/foo?flag&&x=1", "/v1/foo?flag&x=1"),
    ("/v1/foo?", "/v1/foo"), ("/v1/foo?x=../..&y=%2e", "/v1/foo?x=../..&y=%2e"),
]


class Policy(Scenario):
    def ready(self, **options):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary(), paths=("/v1/foo",), **options)
        vault.start_daemon()
        return vault, upstream

    def call(self, door, method, path, headers=(), **parts):
        request = {"method": method, "path": path,
                   "headers": [{"name": n, "value": v} for n, v in headers], **parts}
        return door.call({"capability": "acme/call", "request": request})

    # Cases 92-104, 107-109.
    def test_paths(self):
        vault, upstream = self.ready()
        with HttpSocket(vault.socket) as door:
            for path, text in REFUSED:
                with self.subTest(path):
                    answer = self.call(door, "GET", path)
                    self.assertGreaterEqual(answer.status, 400)
                    error = answer.json()
                    name = {"policy_violation": PV, "invalid_request": IR}[error["error"]]
                    self.assertTrue((name + error["message"]).startswith(text), error)
            self.assertEqual(([], 0), (upstream.requests, upstream.connections))
            for path, wire in SENT:
                with self.subTest(path):
                    self.assertEqual(200, self.call(door, "GET", path).status)
                    self.assertEqual(wire, upstream.requests[-1].target)

    def test_control_bytes_in_a_path(self):
        vault, upstream = self.ready()
        with HttpSocket(vault.socket) as door:
            for byte in ("\t", "\r", "\n", "\0", "\x7f"):
                self.assertEqual(400, self.call(door, "GET", f"/v1/foo/a{byte}b").status)
        self.assertEqual(0, upstream.connections)

    # Case 88.
    def test_methods(self):
        vault, upstream = self.ready(methods=("GET",))
        with HttpSocket(vault.socket) as door:
            self.assertEqual(200, self.call(door, "get", "/v1/foo").status)
            for method in ("POST", "DELETE", "CONNECT", "TRACE", "GET ", "G\rET", "GET / HTTP/1.1\r\nX:"):
                answer = self.call(door, method, "/v1/foo")
                if method == "GET ":
                    continue  # trimmed or refused: never sent otherwise than as GET
                self.assertEqual("method_not_allowed", answer.json()["reason"], method)
        self.assertEqual({"GET"}, {request.method for request in upstream.requests})

    # Cases 120, 128, 130-132, 134.
    def test_headers_of_the_caller(self):
        vault, upstream = self.ready()
        refused = ["authorization", "AUTHORIZATION", " authorization ", "Proxy-Authorization", "cookie", "x-api-key",
                   "x-auth-token", "x-http-method-override", "x-original-url", "x-rewrite-url",
                   "x-amz-target", "x-goog-api-key"]
        with HttpSocket(vault.socket) as door:
            for name in refused:
                with self.subTest(name):
                    answer = self.call(door, "GET", "/v1/foo", [(name, "x")])
                    self.assertEqual((403, "auth_header_rejected"), (answer.status, answer.json().get("reason")))
            for name, value in (("a b", "x"), ("x-a", "line\r\nbreak"), ("x-a", "é"), ("x-a", "\u560a")):
                self.assertEqual(400, self.call(door, "GET", "/v1/foo", [(name, value)]).status)
            twice = self.call(door, "GET", "/v1/foo", [("x-a", "1"), ("X-A", "2")])
            self.assertEqual("duplicate_header", twice.json()["reason"])
            self.assertEqual(0, upstream.connections)
            dropped = [("Host", "evil.com"), ("connection", "x-gone"), ("x-gone", "1"), ("te", "a"), ("te", "b"),
                       ("transfer-encoding", "chunked"), ("content-length", "5"), ("x-forwarded-for", "1.1.1.1"),
                       ("upgrade", "h2c"), ("sec-websocket-key", "k"), ("x-aivault-token", "t"), ("expect", "x"),
                       ("x-ok", "kept")]
            self.assertEqual(200, self.call(door, "GET", "/v1/foo", dropped).status)
        seen = dict((name.lower(), value) for name, value in upstream.requests[-1].headers)
        self.assertEqual({"host", "authorization", "x-ok", "accept", "accept-encoding", "user-agent"}, set(seen))
        self.assertEqual((upstream.authority, "kept", "identity"), (seen["host"], seen["x-ok"], seen["accept-encoding"]))

    # Case 142.
    def test_query_that_the_broker_manages(self):
        vault, upstream = self.ready(flags=("--auth", "query", "--query-param", "api_key"))
        with HttpSocket(vault.socket) as door:
            for query in ("api_key=x", "API_KEY=x", "api%5Fkey=x", "a=1;api_key=x", "api%255Fkey=x"):
                answer = self.call(door, "GET", f"/v1/foo?{query}")
                self.assertEqual("query_param_managed", answer.json()["reason"], query)
        self.assertEqual(0, upstream.connections)

    def test_placeholders_of_a_caller_are_only_text(self):
        vault, upstream = self.ready()
        with HttpSocket(vault.socket) as door:
            answer = self.call(door, "POST", "/v1/foo?q={{secret}}", [("x-a", "{{secret}}")], body="{{secret}}")
            self.assertEqual(200, answer.status)
        seen = upstream.requests[-1]
        self.assertEqual(("/v1/foo?q=%7B%7Bsecret%7D%7D", "{{secret}}", b"{{secret}}"),
                         (seen.target, seen.one("x-a"), seen.body))

    # Cases 113-115.
    def test_hosts_that_are_not_public(self):
        vault, upstream = self.vault(), self.upstream()
        secret = vault.add_secret("ACME_KEY", canary())
        for number, host in enumerate(("169.254.169.254", "127.0.0.1", "10.0.0.1", "localhost", "127.1", "0x7f.1",
                                       "2130706433", "[::1]", "[::ffff:127.0.0.1]", "metadata.google.internal",
                                       "a.localhost", "100.64.0.1", "intranet")):
            with self.subTest(host):
                name = f"c{number}"
                vault.ok("credential", "create", name, "--provider", name, "--auth", "header", "--secret-ref",
                         f"vault:secret:{secret['secretId']}", "--host", host)
                vault.ok("capability", "create", f"{name}/x", "--credential", name, "--method", "GET", "--path", "/v1")
                vault.fails("PolicyViolation: upstream host blocked by SSRF guard", "invoke", f"{name}/x")
        vault.ok("credential", "create", "of-the-cloud", "--provider", "of-the-cloud", "--auth", "header", "--secret-ref",
                 f"vault:secret:{secret['secretId']}", "--host", "169.254.169.254", "--allow-private-network")
        vault.ok("capability", "create", "of-the-cloud/x", "--credential", "of-the-cloud", "--method", "GET", "--path", "/v1")
        vault.fails("PolicyViolation: upstream host blocked by SSRF guard", "invoke", "of-the-cloud/x")

    # Cases 124, 125.
    def test_certificates_that_do_not_fit(self):
        other = self.authority.issue("other", ("DNS:other.test",))
        expired = self.authority.issue("expired", expired=True)
        lonely = self.authority.self_signed()
        for number, certificate in enumerate((other, expired, lonely)):
            vault, upstream = self.vault(), self.upstream(certificate=certificate)
            vault.add_api(upstream, self.ca, canary())
            failed = vault.fails("UpstreamUnreachable", "invoke", "acme/call", "--method", "GET", "--path", "/v1")
            self.assertIn("certificate", failed.errors)
            self.assertEqual([], upstream.requests)
        # The private CA counts for the credential that names it and for no other.
        vault, upstream = self.vault(), self.upstream()
        secret = vault.add_api(upstream, self.ca, canary())
        vault.ok("credential", "create", "plain", "--provider", "plain", "--auth", "header", "--secret-ref",
                 f"vault:secret:{secret['secretId']}", "--host", upstream.authority, "--allow-private-network")
        vault.add_capability("plain/x", "plain", ("GET",))
        vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        vault.fails("UpstreamUnreachable", "invoke", "plain/x")

    # Cases 121, 138.
    def test_redirects_and_response_headers(self):
        vault, elsewhere = self.vault(), self.upstream()

        def answer(exchange):
            exchange.reply(302, "moved", [("location", f"https://{elsewhere.authority}/x"), ("set-cookie", "a=b"),
                                          ("www-authenticate", "Basic"), ("access-control-allow-origin", "*"),
                                          ("x-aivault-error", "fake"), ("x-trace-id", "t1")])
        vault.add_api(self.upstream(answer), self.ca, canary())
        printed = vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1", "--include").text
        self.assertTrue(printed.startswith("HTTP/1.1 302\r\n"))
        for name in ("set-cookie", "www-authenticate", "access-control", "x-aivault-error"):
            self.assertNotIn(name, printed.split("\r\n\r\n")[0].lower())
        self.assertIn("x-trace-id: t1", printed)
        self.assertIn(f"location: https://{elsewhere.authority}/x", printed)
        self.assertEqual(0, elsewhere.connections)

    # Case 123.
    def test_proxy_variables_have_no_effect(self):
        vault, upstream, proxy = self.vault(), self.upstream(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        there = f"http://{proxy.authority}"
        vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1",
                 env={name: there for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")})
        self.assertEqual((1, 0), (len(upstream.requests), proxy.connections))

    # Cases 46, 49.
    def test_choice_of_the_credential(self):
        vault, upstream = self.vault(), self.upstream()
        first = vault.add_api(upstream, self.ca, "first-" + canary())
        vault.ok("credential", "create", "second", "--provider", "acme", "--auth", "header", "--secret-ref",
                 f"vault:secret:{first['secretId']}", "--host", upstream.authority, "--allow-private-network",
                 "--tls-ca-file", self.ca, "--header-name", "x-second", "--value-template", "{{secret}}")
        call = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        failed = vault.fails("CredentialAmbiguous: multiple credentials available; pass credential id", *call)
        self.assertIn("second", failed.errors)
        vault.ok(*call, "--credential", "second")
        self.assertIsNotNone(upstream.requests[-1].one("x-second"))
        vault.fails("CredentialNotFound: credential not found", *call, "--credential", "none")
        vault.fails("CapabilityNotFound: capability not found", "invoke", "acme/none", "--method", "GET", "--path", "/v1")
        self.assertEqual(1, len(upstream.requests))


if __name__ == "__main__":
    sys.exit(main())

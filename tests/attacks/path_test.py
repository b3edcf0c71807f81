"""Attacks on paths, hosts and policies (PH)."""

import json

import world
from world import Attack, canary

ENCODED_DOTS = ("/v1/%2e%2e/admin", "/v1/%2E./admin", "/v1/.%2e/admin", "/v1/%2e/x", "/v1/%252e%252e/admin",
                "/v1/%25252e./admin")
FOREIGN_ENCODINGS = ("/v1/..%2fadmin", "/v1/a%5c..%5cadmin", "/v1/%c0%af/admin", "/v1/%c0%ae%c0%ae/admin",
                     "/v1/%u002fadmin", "/v1/%e0%80%af", "/v1/%ff")
NEAR_PREFIXES = ("/v1/models-admin", "/v1/modelsX", "/v1/models;x", "/v1/models%20", "/v1/models%2fx", "/v1/models.json",
                 "/V1/models", "/v1//models", "/v1/model", "/v1/%6dodels")
DOUBLE_SLASHES = ("//evil.test/x", "///", "/\\evil.test", "\\\\evil.test\\x", "/.//evil.test", "https://evil.test/v1",
                  "evil.test/v1", "/v1/models@evil.test/../..", "//")
MANAGED = ("api_key=x", "API_KEY=x", "api%5Fkey=x", "a=1;api_key=x", "a=1&api_key", "api_key=x&api_key=y",
           "api%255Fkey=x", "%61pi_key=x", "+api_key=x&api_key=", "A%50I_KEY=x", "api_key[]=x")
METHODS = ("G\rET", "GET / HTTP/1.1\r\nX: y", "TRACE", "CONNECT", "DELETE", "GET\t/", "G ET", "\u0047\u0045\u0422", "",
           "GET\0", "X" * 5000)
HOSTS = ("https://api.test", "user@api.test", "api.test/x", "api.test:0", "api.test:99999", "api .test", "\u0430pi.test",
         "api.test\nx", "api..test", "-.test\\", "a" * 300 + ".test", "api.test?x", "api.test#x", "[::1", "*.api.test")
WILDCARDS = ("*", "*.com", "*.co.uk", "*.github.io", "api.*.test", "a*.test", "*api.test", "**.test")
PRIVATE = ("127.0.0.1", "0.0.0.0", "[::ffff:10.0.0.1]", "169.254.169.254", "100.64.0.1", "[fd00::1]",
           "[64:ff9b::7f00:1]", "localhost", "127.1", "2130706433", "0x7f.1", "metadata.google.internal", "[::1]")
# Names that the system's own resolver answers with addresses that are not public, and one that is half public.
NAMES = {"inner.attack.test": ("10.0.0.1",), "loop.attack.test": ("127.0.0.1",), "zero.attack.test": ("0.0.0.0",),
         "meta.attack.test": ("169.254.169.254",), "carrier.attack.test": ("100.64.0.1",),
         "unique.attack.test": ("fd00::1",), "mapped.attack.test": ("::ffff:10.0.0.1",),
         "nat.attack.test": ("64:ff9b::7f00:1",), "mixed.attack.test": ("93.184.215.14", "10.0.0.1")}


class Paths(Attack):
    @classmethod
    def prepare(cls):
        cls.add_api("models", cls.other_secret, paths=("/v1/models",))
        cls.add_api("query", canary(), auth=("--auth", "query", "--query-param", "api_key"))
        cls.add_api("reader", canary(), methods=("GET",))
        with open("/etc/hosts", "a") as hosts:
            for name, addresses in NAMES.items():
                hosts.writelines(f"{address} {name}\n" for address in addresses)

    def assertNativeRefused(self, path, credential="acme"):
        """The same as a vendor's own client would write it."""
        got = self.raw("agent1", f"GET /v/{credential}{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode(
            "utf-8", "surrogateescape"))
        self.assertIn(int(got.split()[1]), (400, 403, 404, 505), got)
        self.assertEqual([], self.up.requests)

    def test_PH1_backslashes_climb_nowhere(self):
        for path in ("/v1/chat/completions\\..\\..\\admin", "/v1\\..\\admin", "/v1/a%5C..%5Cadmin", "/v1/a\\b"):
            with self.subTest(path):
                self.assertRefused(self.call(path=path), "path traversal is not allowed")
                self.assertNativeRefused(path)

    def test_PH2_control_bytes_within_dots_are_refused(self):
        for byte in [chr(code) for code in range(0x20)] + ["\x7f"]:
            with self.subTest(byte):
                self.assertRefused(self.call(path=f"/v1/chat/.{byte}./.{byte}./admin"), "invalid_request")
                self.assertNativeRefused(f"/v1/chat/.{byte}./admin")
        self.assertRefused(self.call(path="/v1/chat/. ./admin"), "invalid_request")

    def test_PH3_encoded_dots_are_dots(self):
        for path in ENCODED_DOTS:
            with self.subTest(path):
                self.assertRefused(self.call(path=path), "path traversal is not allowed")
                self.assertNativeRefused(path)

    def test_PH5_foreign_encodings_of_separators_are_refused(self):
        for path in FOREIGN_ENCODINGS:
            with self.subTest(path):
                self.assertRefused(self.call(path=path))
                self.assertNativeRefused(path)
        # Full-width dots and slashes are letters like others: sent encoded, and no proxy takes them for dots.
        self.assertEqual(200, self.call(path="/v1/\uff0e\uff0e\uff0fadmin")[0])
        self.assertEqual("/v1/%EF%BC%8E%EF%BC%8E%EF%BC%8Fadmin", self.up.requests[-1].target)

    def test_PH6_a_prefix_ends_at_a_segment(self):
        for path in NEAR_PREFIXES:
            with self.subTest(path):
                self.assertRefused(self.call(capability="models/call", path=path), "path not allowed by capability")
                self.assertNativeRefused(path, "models")
        self.assertEqual(200, self.call(capability="models/call", path="/v1/models/x")[0])

    def test_PH7_no_path_names_a_host(self):
        for path in DOUBLE_SLASHES:
            with self.subTest(path):
                self.assertRefused(self.call(path=path))
                if path != "evil.test/v1":
                    self.assertNativeRefused(path)

    def test_PH9_the_managed_parameter_cannot_be_sent(self):
        for query in MANAGED:
            with self.subTest(query):
                self.assertRefused(self.call(capability="query/call", path=f"/v1?{query}"), "query_param_managed")
        # Another name is another parameter; the broker's own comes last and once.
        self.assertEqual(200, self.call(capability="query/call", path="/v1?key=x")[0])
        self.assertTrue(self.up.requests[-1].target.startswith("/v1?key=x&api_key="))
        self.assertEqual(1, self.up.requests[-1].target.count("api_key="))

    def test_PH10_what_was_judged_is_what_is_sent(self):
        for path in ("/v1?a=b+c&d=%26e&f=%2B&g=%3D%3d", "/v1/a%2Fb/%E2%82%AC?x=%25", "/v1?a=../..&b=%2e%2e%2f", "/v1?a=%00"):
            with self.subTest(path):
                self.assertEqual(200, self.call(path=path)[0])
                self.assertEqual(path, self.up.requests[-1].target)
        self.up.forget()
        self.assertRefused(self.call(path="/v1/%00"), "invalid_request")

    def test_PH11_a_method_is_a_token_of_the_list(self):
        for method in METHODS:
            with self.subTest(method):
                self.assertRefused(self.call(method=method))
        for method in ("get", "GET "):
            status, _ = self.call(method=method)
            self.assertEqual(["GET"] if status == 200 else [], [request.method for request in self.up.requests])
            self.up.forget()

    def test_PH13_look_alike_hosts_are_other_hosts(self):
        for number, host in enumerate(HOSTS):
            with self.subTest(host):
                done = self.operator("credential", "create", f"odd{number}", "--provider", f"odd{number}", "--auth", "header",
                                     "--secret-ref", self.reference(), "--host", host, code=None)
                self.assertNotEqual(0, done.returncode, done.stdout)
        # A vendor's own provider goes to the vendor's hosts.
        for host in ("api.openai.com.evil.test", "evilapi.openai.com", "api.openai.com:8443", "openai.com",
                     "\u0430pi.openai.com", "api.openai.com@evil.test"):
            with self.subTest(host):
                done = self.operator("credential", "create", "mine", "--provider", "openai", "--secret-ref",
                                     self.reference(), "--host", host, code=None)
                self.assertNotEqual(0, done.returncode, done.stdout)

    def test_PH14_wildcards_of_an_operator_are_refused(self):
        for number, host in enumerate(WILDCARDS):
            with self.subTest(host):
                done = self.operator("credential", "create", f"wild{number}", "--provider", f"wild{number}", "--auth",
                                     "header", "--secret-ref", self.reference(), "--host", host, code=None)
                self.assertNotEqual(0, done.returncode, done.stdout)
                done = self.operator("capability", "create", f"acme/wild{number}", "--credential", "acme", "--method",
                                     "GET", "--path", "/", "--host", host, code=None)
                self.assertNotEqual(0, done.returncode, done.stdout)

    def test_PH15_addresses_that_are_not_public_are_not_contacted(self):
        for number, host in enumerate((*PRIVATE, *NAMES)):
            with self.subTest(host):
                name = f"inner{number}"
                self.operator("credential", "create", name, "--provider", name, "--auth", "header", "--secret-ref",
                              self.reference(), "--host", f"{host}:{self.up.port}")
                self.operator("capability", "create", f"{name}/x", "--credential", name, "--method", "GET", "--path", "/v1")
                before = self.up.connections
                self.assertRefused(self.call(capability=f"{name}/x"), "ssrf_blocked")
                self.assertEqual(before, self.up.connections)

    def test_PH17_a_credential_that_was_not_meant_is_not_used(self):
        self.operator("credential", "create", "acme:other", "--provider", "acme", "--auth", "header", "--secret-ref",
                      self.reference(), "--host", self.up.authority, "--allow-private-network", "--tls-ca-file",
                      self.ca_file, "--workspace-id", "w1")
        for credential in ("acme:other", "models", "query", "nobody", "vault:secret:x", "*"):
            with self.subTest(credential):
                status, _, body = self.ask("agent1", "POST", "/aivault/proxy", {
                    "capability": "acme/call", "credential": credential, "request": {"method": "GET", "path": "/v1"}})
                self.assertRefused((status, json.loads(body)))
        # An agent that may use one account cannot name another, nor what it was not granted.
        self.operator("agent", "create", "narrow", "--user", "agent1", "--allow", "models/*", "--credential", "models")
        self.addCleanup(self.operator, "agent", "default-access", "open")
        self.addCleanup(self.operator, "agent", "delete", "narrow")
        self.operator("credential", "create", "models:second", "--provider", "models", "--auth", "header", "--secret-ref",
                      self.reference(), "--host", self.up.authority, "--allow-private-network", "--tls-ca-file", self.ca_file)
        self.addCleanup(self.operator, "credential", "delete", "models:second")
        for capability, credential in (("acme/call", None), ("acme/call", "acme"), ("models/call", "models:second"),
                                       ("models/call", "acme"), ("query/call", "models")):
            with self.subTest(capability=capability, credential=credential):
                status, _, body = self.ask("agent1", "POST", "/aivault/proxy", {
                    "capability": capability, "credential": credential, "request": {"method": "GET", "path": "/v1/models"}})
                self.assertRefused((status, json.loads(body)))
        self.assertEqual(200, self.call(capability="models/call", path="/v1/models")[0])
        self.assertEqual(f"Bearer {self.other_secret}", self.up.requests[-1].one("authorization"))

    def test_PH18_ids_cannot_be_glued_together(self):
        for scope in (("--workspace-id", "a:b"), ("--workspace-id", "a/b"), ("--workspace-id", "a b"),
                      ("--workspace-id", "w", "--group-id", "b:c")):
            with self.subTest(scope):
                done = self.operator("secrets", "create", "--name", "GLUED", "--value-file", "-", "--scope",
                                     "group" if len(scope) > 2 else "workspace", *scope, stdin=canary(), code=None)
                self.assertNotEqual(0, done.returncode, done.stdout)
        self.assertNotIn(b"GLUED", self.operator("secrets", "list", "-v").stdout)
        # Nor by a caller, who has no context at all.
        for headers in ([("x-aivault-workspace", "w1:g")], [("x-aivault-workspace", "w1")]):
            status, answer = self.call(control=headers)
            self.assertGreaterEqual(status, 400, answer)
        self.assertEqual([], self.up.requests)

    def test_PH19_placeholders_of_a_caller_are_text(self):
        text = "{{secret}} {{signature}} {{ secret }} {{acme}}"
        self.assertEqual(200, self.call(method="POST", path="/v1?q={{secret}}", headers=[("x-a", text)], body=text)[0])
        seen = self.up.requests[-1]
        self.assertEqual(("/v1?q=%7B%7Bsecret%7D%7D", text, text.encode()), (seen.target, seen.one("x-a"), seen.body))
        self.assertEqual(f"Bearer {self.secret}", seen.one("authorization"))

    def test_PH21_an_id_of_the_registry_cannot_be_taken(self):
        done = self.operator("capability", "create", "openai/chat-completions", "--credential", "acme", "--method", "POST",
                             "--path", "/", code=None)
        self.assertNotEqual(0, done.returncode)
        self.assertIn(b"already exists", done.stderr)
        # A credential under a name that the registry would derive is of its own provider and of no other.
        self.operator("credential", "create", "openai", "--provider", "decoy", "--auth", "header", "--secret-ref",
                      self.reference(), "--host", self.up.authority, "--allow-private-network", "--tls-ca-file",
                      self.ca_file)
        self.addCleanup(self.operator, "credential", "delete", "openai")
        self.operator("secrets", "create", "--name", "OPENAI_API_KEY", "--value-file", "-", stdin=self.other_secret)
        for credential in (None, "openai"):
            status, _, body = self.ask("agent1", "POST", "/aivault/proxy", {
                "capability": "openai/chat-completions", "credential": credential, "request": {
                    "method": "POST", "path": "/v1/chat/completions", "body": "{}"}},
                headers=[("x-aivault-timeout-ms", "1000")])
            self.assertRefused((status, json.loads(body)))

    def test_PH22_nothing_makes_it_plain_http(self):
        for path in ("http://localhost/v1", f"http://{self.up.authority}/v1"):
            self.assertRefused(self.call(path=path))
        status, _, body = self.ask("agent1", "POST", "/aivault/proxy", {"capability": "acme/call", "request": {
            "method": "GET", "path": "/v1", "url": "http://localhost/v1"}})
        self.assertRefused((status, json.loads(body)), "request.url is not allowed")
        for name, value in (("x-forwarded-proto", "http"), ("x-forwarded-port", "80"), ("x-forwarded-host", "evil.test"),
                            ("forwarded", "proto=http"), ("host", "evil.test:80")):
            self.assertEqual(200, self.call(headers=[(name, value)])[0])
            self.assertEqual(self.up.authority, self.up.requests[-1].one("host"))
            if name != "host":
                self.assertIsNone(self.up.requests[-1].one(name))
        done = self.operator("credential", "create", "plain", "--provider", "plain", "--auth", "header", "--secret-ref",
                             self.reference(), "--host", "http://localhost", code=None)
        self.assertNotEqual(0, done.returncode)

    def test_PH23_a_capability_that_reads_writes_nothing(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            self.assertRefused(self.call(capability="reader/call", method=method, body="x"), "method_not_allowed")
        # A body of a GET reaches the upstream as the body of this GET and as nothing else.
        status, _ = self.call(capability="reader/call", body="POST /v1/admin HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertServes()
        self.call(capability="reader/call")
        self.assertFalse([r for r in self.up.requests if r.method != "GET" or r.target != "/v1"])

    def reference(self):
        secrets = json.loads(self.operator("secrets", "list", "-v").stdout)
        return "vault:secret:" + next(item["secretId"] for item in secrets if item["name"] == "ACME_KEY")


if __name__ == "__main__":
    world.run()

"""The main job: a key goes into the vault, a call goes out with it, nobody sees it."""

import json
import sys

from lib.scenario import Scenario, canary, main
from lib.vault import wait_until


class MainJob(Scenario):
    def test_a_call_carries_the_key_and_the_answer_does_not(self):
        key, vault = canary(), self.vault()

        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, json.dumps({"items": [1, 2], "echo": exchange.request.one("authorization")}))
        upstream = self.upstream(answer)
        secret = vault.add_api(upstream, self.ca, key)

        outcome = vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1/items?x=1&y=a%20b")
        self.assertEqual({"items": [1, 2], "echo": "Bearer [REDACTED]"}, outcome.json())
        seen = upstream.requests[-1]
        self.assertEqual(("GET", "/v1/items?x=1&y=a%20b"), (seen.method, seen.target))
        self.assertEqual(f"Bearer {key}", seen.one("authorization"))
        self.assertEqual(upstream.authority, seen.one("host"))

        started, ended = None, None
        wait_until(lambda: len(vault.calls()) >= 2, what="the end record")
        ended, started = vault.calls("--limit", "2")
        self.assertEqual(("started", "ok"), (started["outcome"], ended["outcome"]))
        self.assertEqual(started["requestId"], ended["requestId"])
        for event in (started, ended):
            self.assertEqual("acme/call", event["capability"])
            self.assertEqual("acme", event["credential"])
            self.assertEqual(secret["secretId"], event["secretId"])
            self.assertEqual("/v1/items", event["path"])
        self.assertEqual(200, ended["status"])
        self.assertEqual(len(outcome.out), ended["responseBytes"])  # what the caller got
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])

    def test_json_shows_what_was_planned(self):
        key, vault, upstream = canary(), self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, key)
        printed = vault.ok("json", "acme/call", "--method", "GET", "--path", "/v1/x?q=1", "--include").json()
        self.assertEqual({"capability": "acme/call", "credential": "acme", "method": "GET",
                          "url": f"https://{upstream.authority}/v1/x?q=1"}, printed["planned"])
        self.assertEqual((200, {"ok": True}), (printed["response"]["status"], printed["response"]["json"]))
        self.assertIn({"name": "content-type", "value": "application/json"}, printed["response"]["headers"])

    def test_markdown_renders_the_answer(self):
        vault = self.vault()
        body = '{"user_name":"Al","tags":["a",null],"meta":{"x":1}}'

        def answer(exchange):
            exchange.reply(200, body)
        vault.add_api(self.upstream(answer), self.ca, canary())
        text = vault.ok("markdown", "acme/call", "--method", "GET", "--path", "/v1").text
        self.assertEqual("# Meta\n\n<begin meta>\n# X\n\n1\n</end meta>\n\n# Tags\n\n  - a\n  - None\n\n"
                         "# User Name\n\nAl", text)

    # Cases 141, 142, 144, 145, 159.
    def test_every_auth_kind_goes_where_it_belongs(self):
        vault, upstream = self.vault(), self.upstream()
        cases = {
            "head": (("--auth", "header", "--header-name", "x-acme-key", "--value-template", "K {{secret}}"),
                     "sesame-123456", lambda r: (r.one("x-acme-key"), "K sesame-123456")),
            "quer": (("--auth", "query", "--query-param", "key"), "sesame 1/2+3&4",
                     lambda r: (r.target, "/v1/x?a=1&key=sesame%201%2F2%2B3%264")),
            "path": (("--auth", "path", "--path-prefix-template", "/bot{{secret}}"), "123456:abcdef",
                     lambda r: (r.target, "/bot123456:abcdef/v1/x?a=1")),
            "basi": (("--auth", "basic"), "user:pass-word",
                     lambda r: (r.one("authorization"), "Basic dXNlcjpwYXNzLXdvcmQ=")),
        }
        for name, (flags, value, pair) in cases.items():
            with self.subTest(name):
                vault.add_api(upstream, self.ca, value, name, flags=flags)
                vault.ok("invoke", f"{name}/call", "--method", "GET", "--path", "/v1/x?a=1")
                seen, expected = pair(upstream.requests[-1])
                self.assertEqual(expected, seen)
        planned = vault.ok("json", "quer/call", "--method", "GET", "--path", "/v1/x?a=1").json()["planned"]
        self.assertEqual(f"https://{upstream.authority}/v1/x?a=1&key=REDACTED", planned["url"])
        planned = vault.ok("json", "path/call", "--method", "GET", "--path", "/v1/x").json()["planned"]
        self.assertEqual(f"https://{upstream.authority}/botREDACTED/v1/x", planned["url"])

    # Cases 12, 15.
    def test_bodies_go_through_in_every_form(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        call = ("invoke", "acme/call", "--method", "POST", "--path", "/v1/up")
        vault.ok(*call, "--body", '{"a":"ü"}', "--header", "content-type: application/json")
        self.assertEqual('{"a":"ü"}'.encode(), upstream.requests[-1].body)
        self.assertEqual("application/json", upstream.requests[-1].one("content-type"))
        data = bytes(range(256)) * 1000
        (vault.base / "data.bin").write_bytes(data)
        vault.ok(*call, "--body-file-path", "data.bin")
        self.assertEqual((data, str(len(data))),
                         (upstream.requests[-1].body, upstream.requests[-1].one("content-length")))
        vault.ok(*call, "--body-file-path", "-", stdin=data)
        self.assertEqual(data, upstream.requests[-1].body)
        vault.ok(*call, "--multipart-field", "purpose=batch", "--multipart-file", "file=data.bin",
                 "--header", "content-type=text/plain")
        seen = upstream.requests[-1]
        kind = seen.one("content-type")
        self.assertRegex(kind, r"^multipart/form-data; boundary=aivault-[0-9a-f]{32}$")
        boundary = kind.split("boundary=")[1].encode()
        self.assertEqual(str(len(seen.body)), seen.one("content-length"))
        first, second = seen.body.split(b"--" + boundary)[1:3]
        self.assertIn(b'name="purpose"', first)
        self.assertTrue(first.endswith(b"\r\n\r\nbatch\r\n"))
        self.assertIn(b'name="file"; filename="data.bin"', second)
        self.assertIn(data, second)
        payload = {"capability": "acme/call", "request": {"method": "POST", "path": "/v1/up", "body": "p"}}
        vault.ok("invoke", "acme/call", "--request", json.dumps(payload))
        self.assertEqual(b"p", upstream.requests[-1].body)

    def test_an_upstream_error_is_an_answer_and_fail_says_so(self):
        vault = self.vault()

        def answer(exchange):
            exchange.reply(418, "teapot", reason="I'm a teapot")
        vault.add_api(self.upstream(answer), self.ca, canary())
        call = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        self.assertEqual(b"teapot", vault.ok(*call).out)
        failed = vault.run(*call, "--fail")
        self.assertEqual((22, b"teapot"), (failed.code, failed.out))
        self.assertIn("upstream returned HTTP 418", failed.errors)
        included = vault.ok(*call, "--include").text
        self.assertTrue(included.startswith("HTTP/1.1 418\r\n"), included)
        self.assertTrue(included.endswith("\r\n\r\nteapot"), included)

    def test_streamed_bytes_are_printed_as_they_come(self):
        vault = self.vault()

        def answer(exchange):
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data: one\n\n")
            self.assertTrue(first_seen.wait(20))
            exchange.chunk("data: two\n\n")
            exchange.end()
        import threading
        first_seen = threading.Event()
        vault.add_api(self.upstream(answer), self.ca, canary())
        process = vault.start("invoke", "acme/call", "--method", "GET", "--path", "/v1", "--stream")
        process.stdin.close()
        self.assertEqual(b"data: one\n", process.stdout.readline())
        first_seen.set()
        self.assertEqual(b"\ndata: two\n\n", process.stdout.read())
        self.assertEqual(0, process.wait(20), process.stderr.read())

    def test_a_broken_answer_leaves_stdout_empty_or_ends_with_an_error(self):
        vault = self.vault()

        def answer(exchange):
            exchange.reply(200, b"only this", [("content-length", "5000")])
            exchange.hang_up()
        vault.add_api(self.upstream(answer), self.ca, canary())
        vault.fails("UpstreamUnreachable", "invoke", "acme/call", "--method", "GET", "--path", "/v1")
        wait_until(lambda: vault.calls("--outcome", "error"), what="the error record")

    def test_method_and_path_may_be_left_out_when_there_is_only_one(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary(), methods=("GET",), paths=("/v1/only",))
        vault.ok("invoke", "acme/call")
        self.assertEqual(("GET", "/v1/only"), (upstream.requests[-1].method, upstream.requests[-1].target))
        vault.add_capability("acme/two", "acme", ("GET", "POST"), ("/v1/a", "/v1/b"))
        vault.fails("--method is required because capability allows multiple methods: GET, POST",
                    "invoke", "acme/two", "--path", "/v1/a")
        vault.fails("--path is required because capability allows multiple path prefixes: /v1/a, /v1/b",
                    "invoke", "acme/two", "--method", "GET")


if __name__ == "__main__":
    sys.exit(main())

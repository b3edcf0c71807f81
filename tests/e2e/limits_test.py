"""What the operator's policy of a capability limits: rates and sizes, across daemons and restarts."""

import concurrent.futures
import sys

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

RATE = ("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute")


class Limits(Scenario):
    def ready(self, *policy, answer=None):
        vault, upstream = self.vault(), self.upstream(answer)
        vault.add_api(upstream, self.ca, canary())
        if policy:
            vault.ok("capability", "policy", "set", "--capability", "acme/call", *policy)
        return vault, upstream

    def call(self, vault, body=None):
        request = {"method": "POST", "path": "/v1/x", "headers": []}
        if body is not None:
            request["body"] = body
        with HttpSocket(vault.socket) as door:
            return door.call({"capability": "acme/call", "request": request})

    # Case 181.
    def test_a_limit_holds_across_daemons_and_restarts(self):
        vault, upstream = self.ready("--rate-limit-per-minute", "1")
        vault.start_daemon()
        self.assertEqual(200, self.call(vault).status)
        for restart in (False, True):
            if restart:
                vault.stop_daemon()
                vault.start_daemon()
            answer = self.call(vault)
            self.assertEqual(429, answer.status)
            self.assertEqual("rate_limit_exceeded", answer.json()["reason"])
            self.assertIn("capability rate limit exceeded", answer.json()["message"])
            self.assertTrue(1 <= int(answer.header("retry-after")) <= 60)
        self.assertEqual(1, len(upstream.requests))
        vault.ok(*RATE, "0")
        self.assertEqual(429, self.call(vault).status)
        vault.ok("capability", "policy", "set", "--capability", "acme/call")
        self.assertEqual(200, self.call(vault).status)

    # Case 182.
    def test_a_refused_call_takes_no_unit(self):
        vault, upstream = self.ready("--rate-limit-per-minute", "1")
        vault.start_daemon()
        with HttpSocket(vault.socket) as door:
            refused = door.call({"capability": "acme/call", "request": {"method": "GET", "path": "/v2"}})
        self.assertEqual(403, refused.status)
        self.assertEqual(200, self.call(vault).status)
        self.assertEqual(1, len(upstream.requests))

    def test_parallel_calls_never_exceed_the_limit(self):
        vault, upstream = self.ready("--rate-limit-per-minute", "20")
        vault.start_daemon()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: self.call(vault).status, range(60)))
        self.assertEqual((20, 40), (statuses.count(200), statuses.count(429)))
        self.assertEqual(20, len(upstream.requests))

    # Case 186.
    def test_request_sizes(self):
        vault, upstream = self.ready("--max-request-body-bytes", "4")
        vault.start_daemon()
        self.assertEqual(200, self.call(vault, "1234").status)
        upstream.forget()
        answer = self.call(vault, "12345")
        self.assertEqual((413, "body_too_large"), (answer.status, answer.json()["reason"]))
        self.assertEqual([], upstream.requests)

    # Case 187.
    def test_response_sizes(self):
        sizes = {"exact": 64, "over": 65, "late": None}

        def answer(exchange):
            what = exchange.request.target.rsplit("/", 1)[1]
            if sizes[what] is not None:
                exchange.reply(200, b"x" * sizes[what])
                return
            exchange.start(200)
            try:
                while True:
                    exchange.chunk(b"y" * 4096)
            except OSError:
                pass  # We hung up, as we should.

        vault, upstream = self.ready("--max-response-body-bytes", "64", answer=answer)
        vault.start_daemon()

        def get(name):
            with HttpSocket(vault.socket) as door:
                return door.call({"capability": "acme/call", "request": {"method": "GET", "path": f"/v1/{name}"}})
        exact = get("exact")
        self.assertEqual((200, 64), (exact.status, len(exact.body)))
        for name in ("over", "late"):
            upstream.forget()
            refused = get(name)
            self.assertEqual((502, "response_too_large"), (refused.status, refused.json()["reason"]), name)
            self.assertIn("response body exceeds capability size limit", refused.json()["message"])
            self.assertEqual(1, len(upstream.requests))

    # Case 188.
    def test_what_is_blocked_in_answers(self):
        body = b'{"ssn": 1, "note": "ssn 5", "key": "secret-token", "s\\u0073n": 2, "raw": "\xff"}'

        def answer(exchange):
            exchange.reply(200, body, [("content-type", "application/json")])
        vault, _ = self.ready("--response-block", "secret-token", "--response-block", "field:ssn",
                              "--response-block", " ", answer=answer)
        vault.start_daemon()
        self.assertEqual(b'{"ssn": "[REDACTED]", "note": "ssn 5", "key": "[REDACTED]", "s\\u0073n": "[REDACTED]", '
                         b'"raw": "\xff"}', self.call(vault).body)
        end = vault.calls()[0]
        self.assertIn("blocked 3", end["note"])

    def test_the_policy_is_shown(self):
        vault, _ = self.ready("--rate-limit-per-minute", "60", "--response-block", "ssn", "--scrub", "off")
        shown = vault.ok("capability", "list", "-v").json()["policies"]
        self.assertEqual([{"capabilityId": "acme/call",
                           "policy": {"maxRequestBodyBytes": None, "maxResponseBodyBytes": None,
                                      "rateLimitPerMinute": 60, "responseBodyBlocklist": ["ssn"],
                                      "scrub": "off"}}], shown)
        vault.fails("capability 'acme/none' not found", *RATE[:4], "acme/none", *RATE[5:], "1")


if __name__ == "__main__":
    sys.exit(main())

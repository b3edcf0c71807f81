"""What the operator's policy of a capability limits: rates and sizes, across daemons and restarts."""

import concurrent.futures
import sys

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

RATE = ("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute")


class Limits(Scenario):
    def ready(self, *policy):
        vault, upstream = self.vault(), self.upstream()
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

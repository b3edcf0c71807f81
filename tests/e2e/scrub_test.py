"""An upstream that echoes the credential, in every encoding and cut anywhere, gives nothing away."""

import base64
import json
import sys
import urllib.parse

from lib.scenario import Scenario, canary, main


class Scrub(Scenario):
    def make(self, answer, value, flags=()):
        vault = self.vault()
        vault.add_api(self.upstream(answer), self.ca, value, flags=flags)
        return vault

    def get(self, vault, *flags):
        return vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1", *flags)

    # Cases 193, 194.
    def test_encodings_in_body_and_headers(self):
        value = canary("sk+/=&") + '"<q>'
        raw = value.encode()
        encodings = {
            "raw": raw,
            "base64": base64.b64encode(raw),
            "base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
            "base64 shifted": base64.b64encode(b"x:" + raw + b"!"),
            "percent": urllib.parse.quote(value, safe="").encode(),
            "form": urllib.parse.quote_plus(value).lower().encode(),
            "hex": raw.hex().encode(),
            "json": json.dumps(value)[1:-1].encode(),
            "json escapes": "".join(f"\\u{ord(c):04X}" for c in value).encode(),
            "html": value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").encode(),
        }
        for name, encoded in encodings.items():
            with self.subTest(name):
                def answer(exchange):
                    exchange.reply(200, b"before " + encoded + b" after",
                                   [("content-type", "text/plain"), ("x-echo", encoded.decode())])
                vault = self.make(answer, value)
                printed = self.get(vault, "--include").out
                body = printed.split(b"\r\n\r\n", 1)[1]
                self.assertIn(b"[REDACTED]", body)
                self.assertTrue(body.startswith(b"before ") and body.endswith(b" after"), body)
                core = encoded[4:-6]
                self.assertNotIn(core, printed)

    # Case 195.
    def test_cut_at_every_byte_while_streaming(self):
        value = canary()
        whole = f"a{value}b{value[:-1]}z\n{value}".encode()

        def answer(exchange):
            cut = int(exchange.request.target.split("=")[1])
            exchange.start(200, [("content-type", "text/plain")])
            for piece in (whole[:cut], whole[cut:]):
                if piece:
                    exchange.chunk(piece)
            exchange.end()
        vault = self.make(answer, value)
        expected = f"a[REDACTED]b{value[:-1]}z\n[REDACTED]".encode()
        for cut in range(0, len(whole), 7):
            got = vault.ok("invoke", "acme/call", "--method", "GET", "--path", f"/v1?cut={cut}").out
            self.assertEqual(expected, got, cut)

    # Cases 122, 193.
    def test_basic_pair_and_query_value(self):
        def answer(exchange):
            exchange.reply(200, exchange.request.target + " " + str(exchange.request.one("authorization")),
                           [("location", f"https://x.test{exchange.request.target}")])
        vault = self.make(answer, "someuser:" + canary(), ("--auth", "basic"))
        self.assertEqual(b"/v1 Basic [REDACTED]", self.get(vault).out)
        vault = self.make(answer, canary(), ("--auth", "query", "--query-param", "key"))
        printed = self.get(vault, "--include").text
        self.assertIn("location: https://x.test/v1?key=REDACTED", printed)
        self.assertTrue(printed.endswith("/v1?key=[REDACTED] None"), printed)

    # Case 196.
    def test_an_event_is_not_held_back_by_the_scrubber(self):
        import threading
        value, released = canary(), threading.Event()

        def answer(exchange):
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk(f"data: {value[:-3]}\n\n")  # ends like the beginning of the secret
            self.assertTrue(released.wait(20))
            exchange.end()
        vault = self.make(answer, value)
        process = vault.start("invoke", "acme/call", "--method", "GET", "--path", "/v1", "--stream")
        process.stdin.close()
        self.assertEqual(f"data: {value[:-3]}\n".encode(), process.stdout.readline())
        self.assertEqual(b"\n", process.stdout.readline())
        released.set()
        self.assertEqual(0, process.wait(20))

    def test_nginx_echoes_too(self):
        value = canary()
        server = self.nginx('location / { add_header x-seen $http_authorization; '
                            'return 200 "you sent $http_authorization\\n"; }')
        vault = self.vault()
        vault.add_api(server, self.ca, value)
        printed = self.get(vault, "--include").text
        self.assertIn("x-seen: Bearer [REDACTED]", printed)
        self.assertTrue(printed.endswith("you sent Bearer [REDACTED]\n"), printed)

    # Case 200.
    def test_a_coded_answer_is_decoded_and_scrubbed(self):
        import gzip
        import zlib
        value = canary()
        codings = {"gzip": gzip.compress, "deflate": zlib.compress}
        asked = []

        def answer(exchange):
            asked.append(exchange.request.one("accept-encoding"))
            coding = exchange.request.target.split("=")[1]
            body = codings.get(coding, bytes)(f"before {value} after".encode())
            exchange.reply(200, body, [("content-encoding", coding), ("content-type", "text/plain")])
        vault = self.make(answer, value)
        for coding in codings:
            printed = vault.ok("invoke", "acme/call", "--method", "GET", "--path", f"/v1?c={coding}", "--include").out
            self.assertNotIn(b"content-encoding", printed)
            self.assertTrue(printed.endswith(b"\r\n\r\nbefore [REDACTED] after"), printed)
        vault.fails("UpstreamUnreachable", "invoke", "acme/call", "--method", "GET", "--path", "/v1?c=x-foo",
                    "--header", "accept-encoding: x-foo, br;q=0.1, gzip")
        self.assertEqual(["identity", "identity", "gzip, br"], asked)


if __name__ == "__main__":
    sys.exit(main())

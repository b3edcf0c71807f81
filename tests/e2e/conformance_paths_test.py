"""Methods, paths, queries, hosts and certificates, as docs/conformance.md says, through the socket and on the wire."""

import random
import sys
import urllib.parse

from lib.conformance import PLACE, Conformance
from lib.scenario import main

UP = "PV path traversal is not allowed"
OUT = "PV path not allowed by capability"
CONTROL, FRAGMENT, ESCAPE = "IR contains a control character", "IR must not contain a fragment", "IR invalid percent encoding"

# Behind "/v1/audio/transcriptions" unless the path begins otherwise.
PATHS = [
    (90, "/v1/chat", OUT),
    (92, PLACE + "/../files", UP), (92, PLACE + "/./x", UP), (92, PLACE + "/..", UP),
    (93, PLACE + "/%2e%2e/x", UP), (93, PLACE + "/.%2E/x", UP), (93, PLACE + "/report%2epdf", UP),
    (94, PLACE + "/...", "ok"), (94, PLACE + "/a..b", "ok"), (94, PLACE + "/..hidden", "ok"),
    (95, PLACE + "/%252e%252e/x", UP), (95, PLACE + "/%25252e%25252e/x", UP),
    (95, PLACE + "/%252525252e%252525252e/x", UP),
    (96, PLACE + "/..%2f..%2fadmin", UP), (96, PLACE + "/%2e.%5cx", UP), (96, PLACE + "/..;/x", UP),
    (96, PLACE + "/..%20/x", UP),
    (97, PLACE + "/a%2Fb", "ok", PLACE + "/a%2Fb"),
    (98, PLACE + "\\..\\..\\admin", UP), (98, PLACE + "/a%5Cb", UP),
    *((99, PLACE + f"/a{byte}b", CONTROL) for byte in "\t\r\n\0"),
    (99, PLACE + "/%00", CONTROL), (99, PLACE + "/%0d%0a", CONTROL),
    (100, PLACE + "#frag", FRAGMENT), (100, PLACE + "?a=1#x", FRAGMENT),
    (101, "v1/x", "IR must start with '/'"), (101, "https://evil.com/v1/x", "IR must start with '/'"),
    (102, PLACE + "/a b", "IR must be percent-encoded"), (102, PLACE + "/%zz", ESCAPE), (102, PLACE + "/%c0%ae", "IR utf-8"),
    (103, PLACE + "?x=../..&y=%2e", "ok", PLACE + "?x=../..&y=%2e"),
    (107, PLACE + "?q=has%3Aattachment&label=a%26b&space=a+b", "ok", PLACE + "?q=has%3Aattachment&label=a%26b&space=a+b"),
    (108, PLACE + "?a=%zz", ESCAPE), (108, PLACE + "?a=%f", ESCAPE), (108, PLACE + "?a=%ff", "IR invalid utf-8"),
    (109, PLACE + "?flag&&x=1", "ok", PLACE + "?flag&x=1"), (109, PLACE + "?q=two words", "ok", PLACE + "?q=two%20words"),
    (109, PLACE + "?", "ok", PLACE), (109, PLACE, "ok", PLACE),
]
# Prefix of an operator's own capability, path, outcome.
PREFIXES = [
    (91, "/", "/v1/anything", "ok"), (101, "/", "//evil.com/x", "IR must not start with '//'"),
    (104, "/v1/foo", "/v1/foobar", OUT), (104, "/v1/foo", "/v1/foo/bar", "ok"), (104, "/v1/foo", "/v1/foo", "ok"),
    (105, "/api/chat.", "/api/chat.postMessage", "ok"), (105, "/v1/", "/v1", OUT),
    (106, "/me", "/messages", OUT), (106, "/me", "/me", "ok"),
]
BLOCKED = [
    *((113, host) for host in ("169.254.169.254", "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "localhost",
                               "metadata.google.internal")),
    *((114, host) for host in ("127.1", "0x7f.1", "2130706433", "0177.0.0.1")),
    *((115, host) for host in ("[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
                               "[2002:7f00:1::]", "0.0.0.0", "100.64.0.1", "localhost.", "a.localhost")),
]


class Paths(Conformance):
    # Cases 88 and 89.
    def test_methods(self):
        self.stage()
        rows = [(88, ("GET", PLACE), "PV method not allowed by capability"), (88, ("post", PLACE), "ok"),
                (89, ("GET", "/v1/chat"), "PV method not allowed by capability")]
        self.judge(rows, lambda given: self.envelope(given[1], given[0]))
        self.assertEqual(["POST"], [request.method for request in self.up.requests])

    # Cases 90, 92-103, 107-109.
    def test_paths_and_queries(self):
        self.stage()
        self.judge(PATHS, self.envelope)

    # Case 109.
    def test_what_is_shown_has_no_empty_query(self):
        self.stage()
        answer = self.ask(self.envelope(PLACE + "?"))
        self.assertEqual("https://api.openai.com" + PLACE, answer.header("x-aivault-url"))

    # Cases 91, 101, 104-106.
    def test_prefixes(self):
        self.stage(secrets=())
        prefixes = sorted({row[1] for row in PREFIXES})
        self.add_own("acme", methods=("GET",), paths=prefixes[:1])
        for number, prefix in enumerate(prefixes):
            self.v.add_capability(f"acme/p{number}", "acme", ("GET",), (prefix,))
        rows = [(case, (prefix, path), expected, *([path] if expected == "ok" else []))
                for case, prefix, path, expected in PREFIXES]
        self.judge(rows, lambda given: self.envelope(given[1], "GET", f"acme/p{prefixes.index(given[0])}"))

    # Case 110.
    def test_the_server_receives_what_was_checked(self):
        self.stage(secrets=())
        self.add_own("acme", methods=("GET",))
        pieces = ["/", "a", "..", "...", "%41", "%2F", "%25", "%2541", "é", "\U0001f600", ";x=1", "+", "@", ":", "~", "|", "'",
                  "(", "*", "%20", "//", "[", "{", "%e2%82%ac", "-_.", "?", "&", "=", "%3D", "#", "\\", "%00", "%2e", " "]
        choose = random.Random(20261126)
        sent = 0
        for _ in range(600):
            path = "/" + "".join(choose.choices(pieces, k=choose.randrange(9)))
            before = len(self.up.requests)
            answer = self.ask(self.envelope(path, "GET", "acme/call"))
            if self.outcome(answer) != "ok":
                self.assertEqual(before, len(self.up.requests), path)
                continue
            sent += 1
            wire = self.up.requests[-1].target
            self.assertEqual(f"https://{self.up.authority}{wire}", answer.header("x-aivault-url"))
            form = wire.split("?")[0]
            # Only what a path may not hold was encoded, and nothing was decoded or merged.
            if path.isascii() and not set(path) & set("{|?"):
                self.assertEqual(path.strip(), form)
            for _ in range(4):
                self.assertFalse({".", ".."} & {part.split(";")[0].rstrip() for part in form.split("/")}, path)
                form = urllib.parse.unquote(form, errors="replace")
        self.assertGreater(sent, 100)

    # Cases 113-115.
    def test_hosts_that_are_not_public(self):
        self.stage(secrets=(("SOME_KEY", "some-key-00001"),))
        for number, (case, host) in enumerate(BLOCKED):
            with self.subTest(case=case, host=host):
                name = f"c{number}"
                self.v.ok("credential", "create", name, "--provider", name, "--auth", "header", "--secret-ref",
                          f"vault:secret:{self.ids['SOME_KEY']}", "--host", host)
                self.v.ok("capability", "create", f"{name}/x", "--credential", name, "--method", "GET", "--path", "/")
                self.check(case, host, "PV upstream host blocked by SSRF guard", self.ask(self.envelope("/", "GET", f"{name}/x")))
        self.assertEqual(0, self.up.connections)

    # Case 118.
    def test_ports(self):
        self.stage()
        ref = f"vault:secret:{self.ids['OPENAI_API_KEY']}"
        self.v.fails("non-default port not allowed", "credential", "create", "other", "--provider", "openai",
                     "--secret-ref", ref, "--host", "api.openai.com:8443")
        self.v.ok("credential", "create", "other", "--provider", "openai", "--secret-ref", ref, "--host", "api.openai.com:443")
        self.add_own("acme", methods=("GET",))
        self.check(118, self.up.authority, "ok", self.ask(self.envelope("/", "GET", "acme/call")))
        self.assertEqual(self.up.authority, self.up.requests[-1].one("host"))

    # Cases 120 and 121.
    def test_the_host_is_nobodys_choice(self):
        elsewhere = self.upstream()

        def answer(exchange):
            exchange.reply(302, "", [("location", f"https://{elsewhere.authority}/x")])
        self.stage(answer)
        got = self.ask(self.envelope(headers=[{"name": "Host", "value": "evil.com"}]))
        self.assertEqual((302, f"https://{elsewhere.authority}/x"), (got.status, got.header("location")))
        self.assertEqual(("api.openai.com", 0), (self.up.requests[-1].one("host"), elsewhere.connections))

    # Case 122.
    def test_a_location_that_repeats_our_parameter(self):
        def answer(exchange):
            exchange.reply(302, "", [("location", f"https://x.test{exchange.request.target}")])
        self.stage(answer, secrets=())
        self.add_own("acme", flags=("--auth", "query", "--query-param", "key"))
        got = self.ask(self.envelope("/v1?a=1", "GET", "acme/call"))
        self.assertEqual("https://x.test/v1?a=1&key=REDACTED", got.header("location"))

    # Case 124.
    def test_private_servers(self):
        self.stage(secrets=())
        secret = self.add_own("acme", methods=("GET",))
        self.check(124, "flagged", "ok", self.ask(self.envelope("/", "GET", "acme/call")))
        ref = f"vault:secret:{secret['secretId']}"
        for name, host, flags in (("plain", self.up.authority, ()), ("of-the-cloud", "169.254.169.254", ("--allow-private-network",))):
            self.v.ok("credential", "create", name, "--provider", name, "--auth", "header", "--secret-ref", ref,
                      "--host", host, *flags)
            self.v.add_capability(f"{name}/x", name, ("GET",), ("/",))
            self.check(124, name, "PV upstream host blocked by SSRF guard", self.ask(self.envelope("/", "GET", f"{name}/x")))


if __name__ == "__main__":
    sys.exit(main())

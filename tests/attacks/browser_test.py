"""Attacks of web pages and local programs on the daemon's HTTP (WB)."""

import json
import os
import pathlib

import world
from world import Attack


class Loopback(Attack):
    def test_WB5_nothing_is_upgraded(self):
        for target in ("/v/acme/v1", "/aivault/proxy", "/aivault/ws", "/"):
            for protocol in ("websocket", "h2c"):
                got = self.raw("agent1", self.head(
                    "host: a", f"upgrade: {protocol}", "connection: upgrade, close", "sec-websocket-version: 13",
                    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "origin: https://evil.test", method="GET", target=target, length=False))
                self.assertNotRegex(got, rb"^HTTP/1\.1 (101|200)", (target, protocol))
        self.assertEqual([], self.up.requests)

    def test_WB7_nothing_listens_on_the_network_unless_it_is_asked_for(self):
        for table in ("tcp", "tcp6", "udp", "udp6"):
            inodes = {os.readlink(f"/proc/{self.pid}/fd/{n}") for n in os.listdir(f"/proc/{self.pid}/fd")}
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                self.assertFalse(fields[3] in ("0A", "07") and f"socket:[{fields[9]}]" in inodes, line)

    def head(self, *lines, body=b"", method="POST", target="/aivault/proxy", length=True):
        text = [f"{method} {target} HTTP/1.1", *lines]
        if length and not any(line.lower().startswith("content-length") for line in lines):
            text.append(f"content-length: {len(body)}")
        return "\r\n".join(text).encode() + b"\r\n\r\n" + body

    ENVELOPE = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1", "headers": []}}).encode()

    def test_WB2_what_a_page_sends_is_refused(self):
        # The socket's own door, as a local proxy would open it to pages.
        for lines in (("host: a", "content-type: text/plain"), ("host: a", "content-type: application/x-www-form-urlencoded"),
                      ("host: a", "content-type: application/json", "origin: https://evil.test"),
                      ("host: a", "content-type: application/json", "origin: null")):
            got = self.raw("agent1", self.head(*lines, "connection: close", body=self.ENVELOPE))
            self.assertRegex(got, rb"^HTTP/1\.1 4\d\d", lines)
            self.assertEqual([], self.up.requests, lines)
        self.assertServes()

    def test_WB3_no_answer_allows_another_origin(self):
        for data in (self.head("host: a", "origin: https://evil.test", "access-control-request-method: POST",
                               "access-control-request-private-network: true", "connection: close", method="OPTIONS"),
                     self.head("host: a", "origin: https://evil.test", "connection: close", method="GET", target="/aivault/health")):
            got = self.raw("agent1", data)
            self.assertNotIn(b"access-control", got.lower())

    def test_WB10_targets_and_methods_of_proxies_are_refused(self):
        for method, target in (("GET", "http://evil.test/"), ("CONNECT", "evil.test:443"), ("TRACE", "/aivault/health"),
                               ("OPTIONS", "*"), ("GET", "//evil.test/"), ("PRI", "*")):
            got = self.raw("agent1", self.head("host: a", "connection: close", method=method, target=target))
            self.assertRegex(got, rb"^HTTP/1\.1 (40[0-9]|501|505)", (method, target))
        self.assertEqual([], self.up.requests)

    def test_WB11_errors_are_no_pages(self):
        for target in ("/<script>alert(1)</script>", "/aivault/%3Cscript%3E", "/aivault/capabilities/<b>x</b>"):
            got = self.raw("agent1", self.head("host: a", "connection: close", method="GET", target=target))
            self.assertRegex(got, rb"^HTTP/1\.1 4\d\d")
            self.assertNotIn(b"text/html", got.lower())
            self.assertNotIn(b"<script>", got.lower())

    def test_WB14_there_is_no_cookie(self):
        for data in (self.head("host: a", "cookie: session=1", "content-type: application/json", "connection: close", body=self.ENVELOPE),
                     self.head("host: a", "connection: close", method="GET", target="/aivault/health")):
            self.assertNotIn(b"set-cookie", self.raw("agent1", data).lower())


if __name__ == "__main__":
    world.run()

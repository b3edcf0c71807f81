"""Loopback TCP: a token of the right user, and nothing that a browser or a proxy could send."""

import json
import os
import socket
import sys

from lib.conformance import PLACE, SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.scenario import main


class TcpSocket(HttpSocket):
    def __init__(self, port, timeout=30, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.buffer = b""

    def request(self, method, target, body=None, headers=()):
        if not any(name == "host" for name, _ in headers):
            headers = [("host", "127.0.0.1"), *headers]
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines += [f"content-length: {len(body)}"]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.answer()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Tcp(Conformance):
    def tcp_stage(self):
        self.port = free_port()
        self.stage(env={"AIVAULTD_LISTEN": f"127.0.0.1:{self.port}"})
        self.token = self.mint({"capabilities": ["openai/*"], "ttlMs": 3600000, "uid": os.geteuid()})

    def mint(self, wish):
        answer = self.door.request("POST", "/aivault/tokens/proxy", wish)
        self.assertEqual(200, answer.status, answer.body)
        got = answer.json()
        return got.get("result", got)["token"]

    def tcp(self, method, target, *headers, body=None):
        client = TcpSocket(self.port)
        self.addCleanup(client.socket.close)
        answer = client.request(method, target, body, headers)
        self.assertFalse([name for name, _ in answer.headers if name.startswith("access-control-")])
        return answer

    def reason(self, answer):
        return answer.status, answer.json().get("reason", "")

    def bearer(self, token=None):
        return ("authorization", f"Bearer {token or self.token}")

    # Case 212.
    def test_calls_with_a_token(self):
        self.tcp_stage()
        for header in (self.bearer(), ("x-aivault-token", self.token), ("x-api-key", self.token)):
            answer = self.tcp("POST", "/v/openai" + PLACE, header, ("content-type", "audio/wav"), body=b"x")
            self.assertEqual(200, answer.status, answer.body)
            seen = self.up.requests[-1]
            self.assertEqual([f"Bearer {SECRET}"], seen.all("authorization"))
            self.assertEqual([], seen.all("x-api-key"))
        answer = self.tcp("POST", "/aivault/proxy", self.bearer(), ("content-type", "application/json"), body=self.envelope())
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual("tcp", self.tcp("GET", "/aivault/whoami", self.bearer()).json()["socket"])

    # Case 22.
    def test_without_a_good_token(self):
        self.tcp_stage()
        self.assertEqual({"ok": True}, self.tcp("GET", "/aivault/health").json())
        for target in ("/aivault/whoami", "/aivault/capabilities", "/v/openai/v1/models", "/aivault/endpoints"):
            self.assertEqual((401, "token_required"), self.reason(self.tcp("GET", target)), target)
        made_up = "avp_" + "A" * 43
        self.assertEqual((401, "token_unknown"), self.reason(self.tcp("GET", "/v/openai/v1/models", self.bearer(made_up))))
        # Only tokens of one user serve here, and only that user.
        for wish in ({}, {"uid": os.geteuid() + 1}):
            token = self.mint({"capabilities": ["*"], "ttlMs": 3600000, **wish})
            self.assertEqual((401, "token_binding"), self.reason(self.tcp("GET", "/v/openai/v1/models", self.bearer(token))), wish)
        self.assertEqual(0, len(self.up.requests))

    # Case 40.
    def test_two_tokens(self):
        self.tcp_stage()
        other = self.mint({"capabilities": ["openai/*"], "ttlMs": 3600000, "uid": os.geteuid()})
        answer = self.tcp("GET", "/v/openai/v1/models", self.bearer(), ("x-api-key", other))
        self.assertEqual((401, "token_conflict"), self.reason(answer))

    # Case 43.
    def test_a_token_that_would_go_upstream(self):
        self.tcp_stage()
        for target, headers in (("/v/openai/v1/models?x=" + self.token, ()), ("/v/openai/v1/models", (("x-mine", self.token),)),
                                ("/v/openai/v1/models/" + self.token, ())):
            answer = self.tcp("GET", target, self.bearer(), *headers)
            self.assertEqual((403, "auth_header_rejected"), self.reason(answer), target)
        self.assertEqual(0, len(self.up.requests))

    # Cases 23, 223.
    def test_operators_and_browsers(self):
        self.tcp_stage()
        for method, target in (("GET", "/aivault/secrets"), ("POST", "/aivault/shutdown"), ("POST", "/aivault/tokens/self")):
            answer = self.tcp(method, target, self.bearer())
            self.assertEqual((403, "operator_auth_required"), (answer.status, answer.json()["error"]), target)
        for headers in ((("host", "evil.com"),), (("host", f"127.0.0.1:{self.port + 1}"),), (("origin", "http://127.0.0.1"),),
                        (("sec-fetch-site", "cross-site"),), (("origin", "null"),)):
            for method, target in (("GET", "/v/openai/v1/models"), ("GET", "/aivault/health"), ("OPTIONS", "/v/openai/v1/models")):
                answer = self.tcp(method, target, self.bearer(), *headers)
                self.assertEqual((403, "origin_not_allowed"), self.reason(answer), (headers, target))
        for name in ("forwarded", "via", "x-forwarded-for", "x-real-ip"):
            self.assertEqual(400, self.tcp("GET", "/v/openai/v1/models", self.bearer(), (name, "1")).status, name)
        self.assertEqual(0, len(self.up.requests))

    def test_a_free_port_and_the_other_loopback(self):
        for place, host in (("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")):
            with self.subTest(place):
                self.stage(env={"AIVAULTD_LISTEN": place})
                where, _, port = self.door.request("GET", "/aivault/whoami").json()["listen"].rpartition(":")
                self.assertEqual((place.rpartition(":")[0], True), (where, int(port) > 0))
                token = self.mint({"capabilities": ["openai/*"], "ttlMs": 3600000, "uid": os.geteuid()})
                with TcpSocket(int(port), host=host) as client:
                    headers = [("host", f"{where}:{port}"), ("authorization", f"Bearer {token}")]
                    # The token is bound to a user, who is known by the kernel's table of sockets.
                    self.assertEqual(200, client.request("GET", "/v/openai/v1/models", headers=headers).status)

    def test_frames_are_for_unix_sockets(self):
        self.tcp_stage()
        with TcpSocket(self.port) as client:
            client.send(b'{"op":"execute_envelope"}\r\n\r\n')
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(400, client.answer().status)

    def test_a_unix_connection_that_says_tcp(self):
        self.stage()
        token = self.mint({"capabilities": ["openai/*"], "ttlMs": 3600000, "uid": os.geteuid()})
        answer = self.door.request("GET", "/aivault/health", headers=[("x-aivault-via", "tcp")])
        self.assertEqual(403, answer.status, "the host is none of this machine")
        door = HttpSocket(self.v.socket)
        self.addCleanup(door.socket.close)

        def ask(target, *headers):
            door.send("\r\n".join([f"GET {target} HTTP/1.1", "host: 127.0.0.1", *headers]).encode() + b"\r\n\r\n")
            return door.answer()
        self.assertEqual({"ok": True}, ask("/aivault/health", "x-aivault-via: tcp").json())
        self.assertEqual(401, ask("/v/openai/v1/models").status, "for good")
        self.assertEqual(403, ask("/aivault/secrets").status)
        self.assertEqual(200, ask("/v/openai/v1/models", f"x-api-key: {token}").status)

    def test_a_port_that_is_taken_is_shared_with_nobody(self):
        with socket.socket() as first:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            first.bind(("127.0.0.1", 0))
            first.listen()
            v = self.vault()
            v.start_daemon("--listen", f"127.0.0.1:{first.getsockname()[1]}", expect="ERROR")
            self.assertEqual(1, v.daemon.wait(20))
            v.daemon = None

    def test_places_that_are_not_ours(self):
        v = self.vault()
        for place in ("0.0.0.0:8787", "192.168.1.1:8787", "8787", "127.0.0.1:65536", "127.0.0.1:x", "[::]:8787", "::1:8787"):
            v.start_daemon("--listen", place, expect="ERROR")
            v.daemon.wait(20)
            v.daemon = None


if __name__ == "__main__":
    sys.exit(main())

"""Attacks over WebSockets (WS): from the agent's end and from the upstream's."""

import json
import threading
import time

import world
from world import SOCKET, Attack, as_user, wait_until

from lib import websocket
from lib.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, Ended, Refusal, frame

CONNECT = {"capability": "acme/call", "path": "/v1/live"}


class Sockets(Attack):
    def setUp(self):
        super().setUp()
        self.peers = []
        type(self).reply = self.upstream_end

    def upstream_end(self, exchange):
        """What a test does at the upstream's end of a WebSocket is `self.act`."""
        if exchange.request.one("upgrade") is None:
            exchange.read_body()
            return exchange.reply(200, '{"ok":true}')
        peer = websocket.accept(exchange)
        peer.socket.settimeout(20)
        self.peers.append(peer)
        try:
            self.act(peer)
        except (Ended, OSError):
            pass

    def act(self, peer):
        while True:
            opcode, payload = peer.message()
            peer.send(opcode, payload)
            if opcode == CLOSE:
                return

    def attempt(self, data=b"", target="/v/acme/v1/live", headers=(), user="agent1", timeout=20, act=None):
        """What comes to that user who sends these bytes: (messages, code of the close frame or how it ended, seconds)."""
        def run():
            began, messages = time.monotonic(), []
            try:
                peer = websocket.connect(SOCKET, target, headers, timeout=timeout)
            except Refusal as refusal:
                return [refusal.body], refusal.status, 0
            with peer.socket:
                return talk(peer, began, messages)

        def talk(peer, began, messages):
            try:
                if act:
                    act(peer)
                peer.raw(data)
            except OSError:
                pass
            try:
                while True:
                    opcode, payload, _ = peer.frame()
                    if opcode == CLOSE:
                        code = int.from_bytes(payload[:2], "big") if payload else 1005
                        return messages, code, time.monotonic() - began
                    messages.append(payload[:1000])
            except Ended:
                return messages, "ended", time.monotonic() - began
            except TimeoutError:
                return messages, "silent", time.monotonic() - began
        messages, code, took = as_user(user, run)
        type(self).outputs.append(b"\n".join(messages))
        return messages, code, took

    def door(self, message, **more):
        data = message if isinstance(message, bytes) else frame(TEXT, json.dumps(message), True, True)
        return self.attempt(data, "/aivault/ws", **more)

    def test_RL15_headers_of_a_handshake(self):
        def answer(exchange):
            lines = ["HTTP/1.1 101 S", "upgrade: websocket", "connection: Upgrade", f"x-echo: {self.secret}",
                     f"x-{self.secret.lower()}: 1", "set-cookie: a=b", "www-authenticate: x",
                     f"sec-websocket-accept: {websocket.accept_of(exchange.request.one('sec-websocket-key'))}"]
            if exchange.request.one("sec-websocket-protocol"):
                lines.append(f"sec-websocket-protocol: {self.secret}")
            exchange.send("\r\n".join(lines).encode() + b"\r\n\r\n")
            exchange.open = False
        type(self).reply = answer

        def headers():
            peer = websocket.connect(SOCKET, "/v/acme/v1/live")
            with peer.socket:
                return peer.headers
        got = as_user("agent1", headers)
        type(self).outputs.append(repr(got).encode())
        self.assertEqual("[REDACTED]", got["x-echo"])
        self.assertNotIn("set-cookie", got)
        self.assertNotIn("www-authenticate", got)
        offered = [("sec-websocket-protocol", "a, b")]
        self.assertEqual(502, self.attempt(headers=offered)[1])

    def test_WS1_the_first_message_names_no_other_target(self):
        for change in ({"targetUrl": "wss://evil.test"}, {"path": "wss://evil.test/v1"}, {"path": "//evil.test/v1"}, {"path": "/v2"},
                       {"path": "/v1/../v2"}, {"path": "/v1/%2e%2e/v2"}, {"capability": "other/call"}, {"url": "wss://evil.test"},
                       {"headers": [{"name": "host", "value": "evil.test"}, {"name": "authorization", "value": "Bearer x"}]},
                       {"method": "POST"}, {"subprotocols": ["a\r\nx: y"]}):
            messages, code, _ = self.door({**CONNECT, **change})
            self.assertEqual(1008, code, (change, messages))
            self.assertIn("error", json.loads(messages[0]))
        self.assertEqual([], self.up.requests)

    def test_WS2_first_messages_of_another_kind(self):
        for data, expected in ((frame(BINARY, json.dumps(CONNECT), True, True), 1008), (frame(TEXT, "x" * (1 << 20), True, True), 1009),
                               (frame(TEXT, "no JSON", True, True), 1008), (b"", 1008), (frame(TEXT, "{", False, True), 1008)):
            _, code, took = self.door(data, timeout=30)
            self.assertEqual(expected, code, data[:20])
            self.assertLess(took, 25)
        self.assertEqual([], self.up.requests)

    def test_WS3_a_second_first_message_is_data(self):
        second = json.dumps({"capability": "acme/call", "path": "/v1/other"})
        data = frame(TEXT, json.dumps(CONNECT), True, True) + frame(TEXT, second, True, True)
        messages, code, _ = self.door(data + frame(CLOSE, b"", True, True))
        self.assertEqual(([second.encode()], 1005), (messages, code))
        self.assertEqual(["/v1/live"], [request.target for request in self.up.requests])

    def test_WS5_text_that_is_none(self):
        for pieces in ([b"\xff"], [b"ok \xe2\x82", b"\x28"], [b"\xed", b"\xa0\x80"], [b"a" * 5000, b"\xc0\xaf"]):
            data = b"".join(frame(TEXT if at == 0 else CONTINUATION, piece, False, True) for at, piece in enumerate(pieces))
            self.assertEqual(1007, self.attempt(data)[1], pieces)
        # The broken byte is judged before its frame is complete.
        self.assertEqual(1007, self.attempt(frame(TEXT, b"\xff", True, True, length=100))[1])

    def test_WS6_the_longest_length(self):
        resident = self.resident()
        for length in ((1 << 63) - 1, 1 << 40, (16 << 20) + 1):
            self.assertEqual(1009, self.attempt(frame(BINARY, b"x", True, True, length=length))[1])
        self.assertLess(self.resident() - resident, 8 << 10)

    def resident(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(next(line for line in status if line.startswith("VmRSS")).split()[1])

    def test_WS7_compression_is_never_agreed_on(self):
        offer = [("sec-websocket-extensions", "permessage-deflate; client_no_context_takeover")]

        def look(peer):
            assert "sec-websocket-extensions" not in peer.headers, peer.headers
        self.assertEqual(1002, self.attempt(frame(TEXT, "x", True, True, reserved=4), headers=offer, act=look)[1])
        self.assertIsNone(self.up.requests[0].one("sec-websocket-extensions"))

    def test_WS9_one_side_closes_and_the_other_floods(self):
        def flood(peer):
            piece = frame(TEXT, b"x" * 10_000, True, peer.masks)
            while True:
                peer.raw(piece)
        self.act = flood
        messages, code, took = self.attempt(frame(CLOSE, (4000).to_bytes(2, "big"), True, True))
        self.assertEqual(4000, code)
        self.assertLess(took, 30)
        self.act = lambda peer: (peer.close(4001), peer.until_close())
        _, code, took = self.attempt(act=lambda peer: threading.Thread(target=self.quietly, args=(flood, peer), daemon=True).start())
        self.assertIn(code, (4001, "ended"))
        self.assertLess(took, 30)
        self.assertServes()

    @staticmethod
    def quietly(act, peer):
        try:
            act(peer)
        except OSError:
            pass

    def test_WS10_a_socket_does_not_outlive_its_right(self):
        def end_of(change, **more):
            got = []
            thread = threading.Thread(target=lambda: got.append(self.attempt(**more)))
            before = len(self.peers)
            thread.start()
            wait_until(lambda: len(self.peers) > before, what="the WebSocket")
            change()
            thread.join(timeout=30)
            return got[0][1]
        self.operator("agent", "create", "ten", "--user", "agent2", "--allow", "acme/*")
        self.assertEqual(1008, end_of(lambda: self.operator("agent", "revoke", "ten", "acme/*"), user="agent2"))
        self.operator("agent", "delete", "ten")
        self.operator("agent", "default-access", "open")
        self.assertEqual(1008, end_of(lambda: self.operator("lock")))
        self.operator("unlock")
        self.assertServes()

    def test_WS11_pings_without_end(self):
        self.assertEqual(1008, self.attempt(frame(PING, b"x", True, True) * 1000)[1])
        self.act = lambda peer: (peer.raw(frame(PING, b"x") * 1000), peer.until_close())
        self.assertEqual(1011, self.attempt()[1])
        self.assertServes()


if __name__ == "__main__":
    world.run()

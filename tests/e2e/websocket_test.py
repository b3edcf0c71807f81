"""WebSockets through the daemon: /v/{credential}/... and /aivault/ws, with ends that send every frame byte by byte."""

import base64
import json
import os
import queue
import socket
import threading
import time

from lib import websocket
from lib.conformance import SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.scenario import main
from lib.vault import wait_until
from lib.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Refusal, close_payload, frame

KEY = "own-key-00001-own-key"
CONNECT = {"capability": "acme/call", "path": "/v1/live"}


class Sockets(Conformance):
    def stage_sockets(self, *daemon, flags=(), env=None):
        """An own capability whose upstream hands each WebSocket to the test."""
        self.opened = queue.Queue()
        self.up = self.upstream(self.answer)
        self.v = self.vault()
        self.v.add_api(self.up, self.ca, KEY, flags=flags)
        self.v.start_daemon(*daemon, env=env)

    def stage_vendor(self):
        self.opened = queue.Queue()
        self.stage(self.answer)

    def answer(self, exchange):
        if exchange.request.one("upgrade") is None:
            exchange.read_body()
            exchange.reply(200, '{"ok":true}')
            return
        peer = websocket.accept(exchange, protocol=(exchange.request.one("sec-websocket-protocol") or "").split(",")[0])
        peer.request, peer.done = exchange.request, threading.Event()
        peer.socket.settimeout(20)
        self.opened.put(peer)
        self.addCleanup(peer.done.set)
        peer.done.wait(60)

    def operate(self, method, target, body=None):
        with HttpSocket(self.v.socket) as door:
            return door.request(method, target, body).json()["result"]

    def mint(self, capability, ttl=60_000, **more):
        return self.operate("POST", "/aivault/tokens/proxy", {"capabilities": [capability], "ttlMs": ttl, **more})

    def open(self, target="/v/acme/v1/live", headers=(), **more):
        """(the caller's end, the upstream's end)."""
        caller = websocket.connect(self.v.socket, target, headers, **more)
        self.addCleanup(caller.socket.close)
        return caller, self.opened.get(timeout=10)

    def door_of(self, message, headers=()):
        """The caller's end of /aivault/ws after its first message."""
        caller = websocket.connect(self.v.socket, "/aivault/ws", headers)
        self.addCleanup(caller.socket.close)
        caller.text(message if isinstance(message, (str, bytes)) else json.dumps(message))
        return caller

    def refused(self, message, headers=()):
        """(close code, error object) of a first message that opens nothing."""
        caller = self.door_of(message, headers)
        opcode, text = caller.message()
        self.assertEqual(TEXT, opcode)
        return caller.until_close()[0], json.loads(text)

    def assert_still_serves(self):
        caller, up = self.open()
        caller.text("hello")
        self.assertEqual((TEXT, b"hello"), up.message())
        up.text("hello back")
        self.assertEqual((TEXT, b"hello back"), caller.message())
        caller.close(1000)
        self.assertEqual((1000, ""), up.until_close())
        up.close(1000)
        self.assertEqual((1000, ""), caller.until_close())

    def ended(self, count=1):
        """The newest end records, once there are as many calls as that."""
        rows = []

        def are_there():
            rows[:] = [row for row in self.v.calls() if row["outcome"] in ("ok", "error")]
            return len(rows) >= count
        wait_until(are_there, what="the end record")
        return rows[:count]


class Relay(Sockets):
    # Case 220.
    def test_messages_pings_and_closes_pass_both_ways(self):
        self.stage_sockets()
        caller, up = self.open("/v/acme/v1/live?model=x", [("x-app", "1")])
        seen = up.request
        self.assertEqual(("GET", "/v1/live?model=x", f"Bearer {KEY}", "websocket", "Upgrade", "13", "1", None, None),
                         (seen.method, seen.target, *(seen.one(name) for name in (
                             "authorization", "upgrade", "connection", "sec-websocket-version", "x-app",
                             "sec-websocket-extensions", "sec-websocket-protocol"))))
        self.assertEqual(16, len(base64.b64decode(seen.one("sec-websocket-key"))))
        self.assertNotEqual(websocket.KEY, seen.one("sec-websocket-key"))
        for here, there in ((caller, up), (up, caller)):
            for opcode, payload in ((TEXT, "grüße".encode()), (BINARY, bytes(range(256))), (TEXT, b""), (BINARY, b"x" * 300_000),
                                    (PING, b"now"), (PONG, b""), (TEXT, b"y" * 65_536)):
                threading.Thread(target=here.send, args=(opcode, payload)).start()
                self.assertEqual((opcode, payload), there.message())
        caller.close(4000, "grüße")
        self.assertEqual((4000, "grüße"), up.until_close())
        up.close(4001, "and good bye")
        self.assertEqual((4001, "and good bye"), caller.until_close())
        self.assertTrue(caller.is_over())
        row = self.ended()[0]
        self.assertEqual(("ok", 101, "WS", "acme/call"), (row["outcome"], row["status"], row["method"], row["capability"]))
        self.assertIn("closed 4000 by the caller", row["note"])
        self.assertGreater(row["requestBytes"], 365_000)
        self.assertGreater(row["responseBytes"], 365_000)

    def test_the_upstream_closes_first(self):
        self.stage_sockets()
        for said, code in ((close_payload(4123, "enough"), 4123), (b"", 1005)):
            caller, up = self.open()
            up.send(CLOSE, said)
            got, reason = caller.until_close()
            self.assertEqual((code, said[2:].decode()), (got, reason))
            caller.close(1000)
            self.assertEqual((1000, ""), up.until_close())
            self.assertIn(f"closed {code} by the upstream", self.ended()[0]["note"])

    def test_fragments_keep_their_order_between_control_frames(self):
        self.stage_sockets()
        caller, up = self.open()
        for here, there in ((caller, up), (up, caller)):
            here.raw(frame(TEXT, "gr", False, here.masks) + frame(PING, "1", True, here.masks) +
                     frame(CONTINUATION, b"\xc3", False, here.masks) + frame(CONTINUATION, b"", False, here.masks) +
                     frame(PONG, "2", True, here.masks) + frame(CONTINUATION, b"\xbc", True, here.masks) +
                     frame(BINARY, b"\xff", True, here.masks))
            text, controls = b"", []
            while True:
                opcode, payload, fin = there.frame()
                if opcode in (PING, PONG):
                    controls.append((opcode, payload))
                    continue
                text += payload
                if fin:
                    break
            self.assertEqual(("grü".encode(), [(PING, b"1"), (PONG, b"2")]), (text, controls))
            self.assertEqual((BINARY, b"\xff"), there.message())

    def test_a_message_byte_by_byte(self):
        self.stage_sockets()
        caller, up = self.open()
        for here, there in ((caller, up), (up, caller)):
            for byte in frame(TEXT, "one by one", True, here.masks):
                here.raw(bytes([byte]))
            self.assertEqual((TEXT, b"one by one"), there.message())

    # Case 222.
    def test_a_vendors_realtime_with_its_subprotocol(self):
        self.stage_vendor()
        token = self.mint("openai/realtime")["token"]
        caller, up = self.open("/v/openai/v1/realtime?model=gpt-realtime", [
            ("sec-websocket-protocol", f"realtime, openai-insecure-api-key.{token}, openai-beta.realtime-v1"),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")])
        seen = up.request
        self.assertEqual(("realtime, openai-beta.realtime-v1", f"Bearer {SECRET}", "api.openai.com", None),
                         tuple(seen.one(name) for name in ("sec-websocket-protocol", "authorization", "host", "sec-websocket-extensions")))
        self.assertNotIn(token.encode(), seen.raw_head)
        self.assertEqual(("realtime", None, "openai/realtime"), (
            caller.headers["sec-websocket-protocol"], caller.headers.get("sec-websocket-extensions"),
            caller.headers["x-aivault-capability"]))
        self.assertEqual("wss://api.openai.com/v1/realtime?model=gpt-realtime", caller.headers["x-aivault-url"])
        caller.text('{"type":"session.update"}')
        self.assertEqual((TEXT, b'{"type":"session.update"}'), up.message())

    def test_only_what_may_be_upgraded_is(self):
        self.stage_vendor()
        for target in ("/v/openai/v1/models", "/v/openai/v1/audio/transcriptions", "/v/openai/v1/realtime/sessions"):
            with self.assertRaises(Refusal) as refusal:
                self.open(target)
            self.assertEqual((404, "capability_not_found"), (refusal.exception.status, refusal.exception.headers["x-aivault-error"]))
        self.assertEqual(0, self.up.connections)

    def test_a_handshake_that_is_none(self):
        self.stage_sockets()
        for target in ("/v/acme/v1/live", "/aivault/ws"):
            for more, status in (({"leave_out": ("sec-websocket-key",)}, 400), ({"leave_out": ("connection",)}, 400),
                                 ({"headers": [("sec-websocket-version", "8")]}, 426), ({"headers": [("sec-websocket-key", "eA==")]}, 400),
                                 ({"headers": [("sec-websocket-protocol", "a,,b")]}, 400), ({"headers": [("content-length", "0")]}, 400)):
                with self.subTest(target=target, more=more), self.assertRaises(Refusal) as refusal:
                    websocket.connect(self.v.socket, target, **more)
                self.assertEqual(status, refusal.exception.status)
                if status == 426:
                    self.assertEqual("13", refusal.exception.headers["sec-websocket-version"])
        with self.assertRaises(Refusal) as refusal:
            websocket.connect(self.v.socket, "/v/acme/v1/live", method="POST")
        self.assertEqual(400, refusal.exception.status)
        self.assertEqual(0, self.up.connections)

    def test_an_upstreams_plain_answer_is_the_callers(self):
        self.stage_sockets()
        self.up.answer = lambda exchange: exchange.reply(403, '{"error":"no"}', [("x-vendor", "yes")])
        with self.assertRaises(Refusal) as refusal:
            self.open()
        self.assertEqual((403, b'{"error":"no"}', "yes", None), (
            refusal.exception.status, refusal.exception.body, refusal.exception.headers["x-vendor"],
            refusal.exception.headers.get("x-aivault-error")))

    def test_an_upstreams_false_handshake_is_none(self):
        self.stage_sockets()
        good = {"upgrade": "websocket", "connection": "Upgrade"}

        def answers(accept=None, **changes):
            def answer(exchange):
                key = exchange.request.one("sec-websocket-key")
                lines = {**good, "sec-websocket-accept": accept or websocket.accept_of(key),
                         **{name.replace("_", "-"): value for name, value in changes.items()}}
                exchange.send(b"HTTP/1.1 101 S\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v).encode() + b"\r\n")
                exchange.open = False
            return answer
        for answer in (answers(accept="x"), answers(accept=websocket.accept_of("other")), answers(upgrade="h2c"), answers(upgrade=None),
                       answers(connection="close"), answers(sec_websocket_extensions="permessage-deflate"),
                       answers(sec_websocket_protocol="nobody-offered")):
            self.up.answer = answer
            with self.assertRaises(Refusal) as refusal:
                self.open()
            self.assertEqual((502, "upstream_unreachable", "protocol"), (
                refusal.exception.status, refusal.exception.headers["x-aivault-error"], json.loads(refusal.exception.body)["reason"]))
        self.up.answer = self.answer
        self.assert_still_serves()


class Door(Sockets):
    # Case 218.
    def test_the_first_message_says_what_is_opened(self):
        self.stage_sockets()
        caller = self.door_of({**CONNECT, "credential": "acme", "headers": [{"name": "x-app", "value": "1"}], "subprotocols": ["a", "b"]})
        caller.text("sent early")
        up = self.opened.get(timeout=10)
        self.assertEqual(("/v1/live", f"Bearer {KEY}", "1", "a, b"),
                         (up.request.target, *(up.request.one(name) for name in ("authorization", "x-app", "sec-websocket-protocol"))))
        self.assertEqual((TEXT, b"sent early"), up.message())
        up.text("first")
        self.assertEqual((TEXT, b"first"), caller.message())
        caller.text(json.dumps({**CONNECT, "path": "/v1/other"}))  # Data, and nothing else.
        self.assertEqual((TEXT, json.dumps({**CONNECT, "path": "/v1/other"}).encode()), up.message())
        self.assertEqual(1, self.up.connections)
        caller.close(4000, "done")
        self.assertEqual((4000, "done"), up.until_close())
        up.close(4000, "done")
        self.assertEqual((4000, "done"), caller.until_close())

    # Case 218.
    def test_what_opens_nothing(self):
        self.stage_sockets()
        self.v.add_capability("acme/post", "acme", ("POST",), ("/v1",))
        rows = (({**CONNECT, "capability": "acme/post"}, "policy_violation", "method not allowed by capability"),
                ({**CONNECT, "extra": 1}, "invalid_request", "unknown key 'extra'"),
                ({**CONNECT, "targetUrl": "wss://evil.test"}, "policy_violation", "targetUrl is not allowed"),
                ({"targetUrl": "x", "nonsense": 1}, "policy_violation", "targetUrl is not allowed"),
                ({**CONNECT, "path": "/v2"}, "policy_violation", "path not allowed by capability"),
                ({**CONNECT, "path": "wss://evil.test/v1"}, "invalid_request", ""),
                ({**CONNECT, "path": "//evil.test/v1"}, "invalid_request", ""),
                ({**CONNECT, "headers": [{"name": "authorization", "value": "Bearer x"}]}, "policy_violation", "auth headers"),
                ({**CONNECT, "subprotocols": ["a b"]}, "invalid_request", "subprotocols"),
                ({**CONNECT, "capability": "acme/none"}, "capability_not_found", ""), ({"path": "/v1"}, "invalid_request", "capability"),
                ("not JSON", "invalid_request", "invalid envelope JSON"), ("[]", "invalid_request", "invalid envelope JSON"))
        for message, code, marker in rows:
            with self.subTest(message=message):
                closed, error = self.refused(message)
                self.assertEqual((1008, code), (closed, error["error"]), error)
                self.assertIn(marker, error["message"])
        self.assertEqual(0, self.up.connections)

    # Case 218.
    def test_a_token_that_expires_before_the_first_message(self):
        self.stage_sockets()
        token = self.mint("acme/*", 1000)["token"]
        callers = [websocket.connect(self.v.socket, "/aivault/ws", [("x-aivault-token", token)]) for _ in range(2)]
        wait_until(lambda: self.is_expired(token), what="the end of the token")
        for caller, message, expected in zip(callers, ({**CONNECT, "targetUrl": "wss://x"}, CONNECT), ("policy_violation", "token_invalid")):
            caller.text(json.dumps(message))
            self.assertEqual(expected, json.loads(caller.message()[1])["error"])
            self.assertEqual(1008, caller.until_close()[0])
            caller.socket.close()

    def is_expired(self, token):
        try:
            websocket.connect(self.v.socket, "/aivault/ws", [("x-aivault-token", token)]).socket.close()
        except Refusal as refusal:
            return refusal.status == 401
        return False

    # Case 219.
    def test_no_first_message_and_no_right_to_one(self):
        self.stage_sockets()
        with self.assertRaises(Refusal) as refusal:
            websocket.connect(self.v.socket, "/aivault/ws", [("authorization", "Bearer avp_" + "A" * 43)])
        self.assertEqual((401, "token_invalid", "Bearer"), (refusal.exception.status, *(
            refusal.exception.headers[name] for name in ("x-aivault-error", "www-authenticate"))))
        caller = websocket.connect(self.v.socket, "/aivault/ws")
        self.addCleanup(caller.socket.close)
        caller.send(PING, "here")
        self.assertEqual((PONG, b"here"), caller.message())
        caller.text('{"capability":', fin=False)
        self.assertEqual(1008, caller.until_close()[0])
        self.assertEqual(0, self.up.connections)

    def test_first_messages_of_another_kind(self):
        self.stage_sockets()
        for raw, code in ((frame(BINARY, json.dumps(CONNECT), True, True), 1008), (frame(TEXT, "x" * 65_537, True, True), 1009),
                          (frame(TEXT, b"", True, True, length=(1 << 63) - 1), 1009), (frame(TEXT, "{}", True, False), 1002),
                          (frame(TEXT, b"\xff", True, True), 1007), (frame(PING, "", True, True) * 17, 1008),
                          (frame(TEXT, "{}", True, True, reserved=4), 1002)):
            caller = websocket.connect(self.v.socket, "/aivault/ws")
            caller.raw(raw)
            self.assertEqual(code, caller.until_close()[0], raw[:20])
            caller.socket.close()
        caller = websocket.connect(self.v.socket, "/aivault/ws")
        caller.close(4000, "never mind")
        self.assertEqual((4000, "never mind"), caller.until_close())
        caller.socket.close()
        self.assertEqual(0, self.up.connections)
        self.assert_still_serves()

    # Case 221.
    def test_an_upstream_that_refuses(self):
        self.stage_sockets()
        self.up.answer = lambda exchange: exchange.reply(403, f'{{"key":"{KEY}"}}')
        code, error = self.refused(CONNECT)
        self.assertEqual((1011, "upstream_unreachable", "websocket_refused"), (code, error["error"], error["reason"]))
        self.assertIn("403", error["message"])


class Secrets(Sockets):
    # Case 221.
    def test_an_echoed_secret_never_reaches_the_caller(self):
        self.stage_sockets()
        caller, up = self.open()
        encoded = base64.b64encode(KEY.encode()).decode()
        for echo, opcode in ((f"a {KEY} b", TEXT), (f"x {encoded} y {KEY.encode().hex()}", TEXT), (f"\x00 {KEY}", BINARY)):
            for size in (1, 3, 7, 1000):
                data = echo.encode()
                pieces = [data[at:at + size] for at in range(0, len(data), size)]
                up.raw(b"".join(frame(opcode if at == 0 else CONTINUATION, piece, at == len(pieces) - 1) +
                                frame(PING, str(at)) * (at < 20) for at, piece in enumerate(pieces)))
                text = b""
                while True:
                    kind, payload, fin = caller.frame()
                    if kind in (PING, PONG):
                        continue
                    text += payload
                    if fin:
                        break
                self.assertIn(b"[REDACTED]", text)
                for form in (KEY, encoded, KEY.encode().hex()):
                    self.assertNotIn(form.encode(), text)
                time.sleep(0.3)  # Pings are counted by the second.
        caller, up = self.open()
        up.send(PING, KEY)
        self.assertEqual((PING, b"[REDACTED]"), caller.message())
        up.close(4000, f"it was {KEY}")
        self.assertEqual((4000, "it was [REDACTED]"), caller.until_close())

    def test_a_secret_does_not_span_messages(self):
        self.stage_sockets()
        caller, up = self.open()
        up.text(KEY[:10])
        up.text(KEY[10:])
        self.assertEqual([(TEXT, KEY[:10].encode()), (TEXT, KEY[10:].encode())], [caller.message(), caller.message()])

    def test_what_policies_forbid_is_replaced_in_each_text(self):
        self.stage_sockets()
        self.v.ok("capability", "policy", "set", "--capability", "acme/call", "--response-block", "field:ssn")
        caller, up = self.open()
        for _ in range(2):
            up.text('{"ssn":"123","name":"x"}')
            self.assertEqual((TEXT, b'{"ssn":"[REDACTED]","name":"x"}'), caller.message())

    def test_tokens_are_never_passed_on(self):
        self.stage_sockets()
        token = self.mint("acme/*")["token"]
        basic = base64.b64encode(f":{token}".encode()).decode()
        for headers in ([("x-aivault-token", token)], [("authorization", f"Bearer {token}")], [("authorization", f"Basic {basic}")],
                        [("x-api-key", token)], [("sec-websocket-protocol", f"key.{token}")]):
            _, up = self.open(headers=headers)
            self.assertNotIn(token.encode(), up.request.raw_head)
            self.assertEqual(f"Bearer {KEY}", up.request.one("authorization"))
        with self.assertRaises(Refusal) as refusal:
            self.open(f"/v/acme/v1/live?k={token}", [("x-aivault-token", token)])
        self.assertEqual(403, refusal.exception.status)


class Correctness(Sockets):
    """What the Autobahn test suite calls its cases 1 to 7 and 9, from either side."""

    VIOLATIONS = (
        ("3.1 reserved bit 1", [(TEXT, b"x", {"reserved": 4})], 1002), ("3.2 reserved bit 2", [(TEXT, b"x", {"reserved": 2})], 1002),
        ("3.3 reserved bit 3", [(BINARY, b"x", {"reserved": 1})], 1002), ("3.5 of a ping", [(PING, b"", {"reserved": 5})], 1002),
        ("3.6 of a close", [(CLOSE, b"", {"reserved": 7})], 1002),
        *((f"4.1 opcode {opcode}", [(opcode, b"x", {})], 1002) for opcode in (3, 4, 5, 6, 7)),
        *((f"4.2 opcode {opcode}", [(opcode, b"", {})], 1002) for opcode in (11, 12, 13, 14, 15)),
        ("2.5 ping of 126", [(PING, b"x" * 126, {})], 1002), ("pong of 126", [(PONG, b"x" * 126, {})], 1002),
        ("5.1 ping in fragments", [(PING, b"a", {"fin": False}), (CONTINUATION, b"b", {})], 1002),
        ("5.2 pong in fragments", [(PONG, b"a", {"fin": False}), (CONTINUATION, b"b", {})], 1002),
        ("5.9 continuation of nothing", [(CONTINUATION, b"x", {})], 1002),
        ("5.10 unfinished continuation of nothing", [(CONTINUATION, b"x", {"fin": False})], 1002),
        ("5.15 continuation after the end", [(TEXT, b"a", {}), (CONTINUATION, b"b", {})], 1002),
        ("5.18 text in text", [(TEXT, b"a", {"fin": False}), (TEXT, b"b", {})], 1002),
        ("binary in text", [(TEXT, b"a", {"fin": False}), (BINARY, b"b", {})], 1002),
        ("6.3 invalid UTF-8", [(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", {})], 1007),
        ("6.3.2 over fragments", [(TEXT, b"\xce\xba\xe1\xbd", {"fin": False}), (CONTINUATION, b"\xed\xa0\x80", {})], 1007),
        ("6.4 fails at once", [(TEXT, b"\xf4", {"fin": False}), (CONTINUATION, b"\x90", {"fin": False})], 1007),
        ("6.6 cut off", [(TEXT, b"\xce\xba\xe1", {})], 1007), ("6.10 beyond Unicode", [(TEXT, b"\xf4\x90\x80\x80", {})], 1007),
        ("6.12 lone continuation byte", [(TEXT, b"\x80", {})], 1007), ("6.14 lone start", [(TEXT, b"\xc0 ", {})], 1007),
        ("6.16 impossible byte", [(TEXT, b"\xfe", {})], 1007), ("6.18 overlong", [(TEXT, b"\xc0\xaf", {})], 1007),
        ("6.21 surrogate", [(TEXT, b"\xed\xa0\x80", {})], 1007),
        ("7.3.2 close of one byte", [(CLOSE, b"\x03", {})], 1002), ("7.3.6 close too long", [(CLOSE, close_payload(1000, b"x" * 124), {})], 1002),
        ("7.5 reason not UTF-8", [(CLOSE, close_payload(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), {})], 1007),
        *((f"7.9 close {code}", [(CLOSE, close_payload(code), {})], 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)),
        *((f"7.13 close {code}", [(CLOSE, close_payload(code), {})], 1002) for code in (5000, 65535)),
        ("masked the wrong way", [(TEXT, b"x", {"mask": ...})], 1002),
        ("a length of 64 bits", [(BINARY, b"", {"length": 1 << 63})], 1002),
        ("the longest length", [(BINARY, b"", {"length": (1 << 63) - 1})], 1009),
        ("longer than the limit", [(BINARY, b"", {"length": (16 << 20) + 1})], 1009),
        ("a length in more bytes than it needs", [(BINARY, b"x", {"length": 1, "length_bytes": 2})], 1002),
        ("a length in eight bytes", [(BINARY, b"x" * 200, {"length_bytes": 8})], 1002),
    )

    def send_all(self, peer, frames):
        data = b""
        for opcode, payload, more in frames:
            more = {"mask": peer.masks, **more}
            if more["mask"] is ...:
                more["mask"] = not peer.masks
            data += frame(opcode, payload, **more)
        peer.raw(data)

    def test_a_caller_that_breaks_the_rules(self):
        self.stage_sockets()
        for name, frames, code in self.VIOLATIONS:
            with self.subTest(name):
                caller, up = self.open()
                self.send_all(caller, frames)
                self.assertEqual(code, caller.until_close()[0])
                self.assertEqual(1001, up.until_close()[0])
                caller.socket.close()
        self.assert_still_serves()

    def test_an_upstream_that_breaks_the_rules(self):
        self.stage_sockets()
        for name, frames, code in self.VIOLATIONS:
            with self.subTest(name):
                caller, up = self.open()
                self.send_all(up, frames)
                self.assertEqual(1009 if code == 1009 else 1011, caller.until_close()[0])
                self.assertEqual(code, up.until_close()[0])
                caller.socket.close()
        self.assert_still_serves()

    def test_what_is_allowed_passes(self):
        self.stage_sockets()
        texts = ("", "κόσμε", "\U0010ffff", "\ufffe\uffff\x00", "x" * 125, "x" * 126, "x" * 65_535, "x" * 65_536)
        closes = [close_payload(code) for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)] + [b"", close_payload(1000, "x" * 123)]
        caller, up = self.open()
        for here, there in ((caller, up), (up, caller)):
            for text in texts:
                for size in (len(text.encode()) or 1, 997):
                    data = text.encode()
                    pieces = [data[at:at + size] for at in range(0, len(data), size)] or [b""]
                    wire = b"".join(frame(TEXT if at == 0 else CONTINUATION, piece, at == len(pieces) - 1, here.masks)
                                    for at, piece in enumerate(pieces))
                    threading.Thread(target=here.raw, args=(wire,)).start()
                    self.assertEqual((TEXT, data), there.message())
            for payload in (b"", b"\x00\xff\xfe", b"p" * 125):
                here.send(PING, payload)
                self.assertEqual((PING, payload), there.message())
        for said in closes:
            for which in (0, 1):
                ends = self.open()
                here, there = ends[which], ends[1 - which]
                here.send(CLOSE, said)
                self.assertEqual((CLOSE, said), there.message())
                there.send(CLOSE, said)
                self.assertEqual((CLOSE, said), here.message())


class Limits(Sockets):
    def test_messages_of_a_policys_size(self):
        self.stage_sockets()
        self.v.ok("capability", "policy", "set", "--capability", "acme/call", "--max-request-body-bytes", "1000",
                  "--max-response-body-bytes", "2000")
        for which, size, reason in ((0, 1000, "body_too_large"), (1, 2000, "response_too_large")):
            ends = self.open()
            here, there = ends[which], ends[1 - which]
            here.send(BINARY, b"x" * size)
            self.assertEqual((BINARY, b"x" * size), there.message())
            here.send(BINARY, b"x" * (size - 1), fin=False)
            here.send(CONTINUATION, b"yz")
            self.assertEqual(1009, here.until_close()[0])
            self.assertEqual(("error", reason), tuple(self.ended()[0][key] for key in ("outcome", "reason")))

    def test_sockets_are_calls(self):
        self.stage_sockets()
        self.v.ok("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute", "2")
        self.open(), self.open()
        with self.assertRaises(Refusal) as refusal:
            self.open()
        self.assertEqual(429, refusal.exception.status)
        self.assertIn("retry-after", refusal.exception.headers)

    def test_a_reader_that_does_not_read_stops_the_writer(self):
        self.stage_sockets()
        for which in (0, 1):
            ends = self.open()
            here = ends[which]
            sent = [0]

            def flood(peer=here, count=sent):
                piece = frame(BINARY, b"x" * 60_000, True, peer.masks)
                try:
                    while True:
                        peer.raw(piece)
                        count[0] += len(piece)
                except OSError:
                    pass
            thread = threading.Thread(target=flood)
            here.socket.settimeout(2)
            thread.start()
            thread.join(timeout=30)
            self.assertFalse(thread.is_alive())
            self.assertLess(sent[0], 32 << 20)  # What kernels hold, and no more.
            for end in ends:
                end.socket.close()
        self.assert_still_serves()

    def test_one_side_closes_and_the_other_floods(self):
        self.stage_sockets()
        for which in (0, 1):
            ends = self.open()
            closes, floods = ends[which], ends[1 - which]

            def flood(peer=floods):
                piece = frame(TEXT, b"x" * 10_000, True, peer.masks)
                try:
                    while True:
                        peer.raw(piece)
                except OSError:
                    pass
            thread = threading.Thread(target=flood)
            thread.start()
            began = time.monotonic()
            closes.close(1000)
            self.assertEqual(1000, closes.until_close()[0])
            thread.join(timeout=20)
            self.assertFalse(thread.is_alive())
            self.assertLess(time.monotonic() - began, 10)
        self.assert_still_serves()

    def test_a_flood_of_pings(self):
        self.stage_sockets()
        for which in (0, 1):
            ends = self.open()
            here = ends[which]
            try:
                here.raw(frame(PING, "x", True, here.masks) * 400)
            except OSError:
                pass
            self.assertEqual(1008, here.until_close()[0])
        self.assert_still_serves()

    def test_ends_without_a_close_frame(self):
        self.stage_sockets()
        caller, up = self.open()
        up.done.set()  # The server drops the connection.
        self.assertEqual(1011, caller.until_close()[0])
        self.assertEqual(("error", "connection_lost"), tuple(self.ended()[0][key] for key in ("outcome", "reason")))
        caller, up = self.open()
        caller.socket.close()
        self.assertTrue(up.is_over())
        self.assertIn("cancelled by caller", self.ended(2)[0]["note"])
        caller, up = self.open()
        caller.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(up.is_over())

    def test_a_life_as_long_as_the_caller_wants(self):
        self.stage_sockets()
        caller, up = self.open(headers=[("x-aivault-timeout-ms", "1500")])
        up.text("still here")
        self.assertEqual((TEXT, b"still here"), caller.message())
        self.assertEqual(1001, caller.until_close()[0])
        self.assertEqual("timeout_total", self.ended()[0]["reason"])


class Endings(Sockets):
    # Case 21.
    def test_a_revoked_token_ends_its_sockets(self):
        self.stage_sockets()
        minted = self.mint("acme/*")
        caller, up = self.open(headers=[("x-aivault-token", minted["token"])])
        stays, _ = self.open()
        began = time.monotonic()
        self.operate("DELETE", f"/aivault/tokens/{minted['tokenId']}")
        self.assertEqual(1008, caller.until_close()[0])
        self.assertEqual(1001, up.until_close()[0])
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(("error", "token_invalid"), tuple(self.ended()[0][key] for key in ("outcome", "code")))
        stays.text("x")

    def test_a_token_that_expires_ends_its_sockets(self):
        self.stage_sockets()
        token = self.mint("acme/*", 3000)["token"]
        caller, _ = self.open(headers=[("x-aivault-token", token)])
        self.assertEqual(1008, caller.until_close()[0])

    def test_a_lock_ends_all_of_them(self):
        self.stage_sockets()
        caller, up = self.open()
        self.v.ok("lock")
        self.assertEqual(1008, caller.until_close()[0])
        self.assertEqual(1001, up.until_close()[0])

    def test_a_deleted_capability_ends_them(self):
        self.stage_sockets()
        caller, _ = self.open()
        self.v.ok("capability", "delete", "acme/call")
        self.assertEqual(1008, caller.until_close()[0])

    def test_the_daemons_end(self):
        self.stage_sockets()
        caller, up = self.open()
        waiting = websocket.connect(self.v.socket, "/aivault/ws")
        self.v.daemon.terminate()
        self.assertEqual(1001, caller.until_close()[0])
        self.assertEqual(1001, up.until_close()[0])
        self.assertEqual(1001, waiting.until_close()[0])
        self.assertEqual(0, self.v.stop_daemon())

    # Case 39.
    def test_an_agent_that_only_reads_opens_none(self):
        self.stage_vendor()
        self.v.ok("agent", "create", "reader", "--allow", "openai/*", "--read-only")
        token = self.v.ok("agent", "token", "reader").json()["token"]
        with self.assertRaises(Refusal) as refusal:
            self.open("/v/openai/v1/realtime?model=x", [("x-aivault-token", token)])
        self.assertEqual((403, "agent is read-only"), (refusal.exception.status, json.loads(refusal.exception.body)["message"]))
        self.assertEqual(0, self.up.connections)


class Loopback(Sockets):
    def test_over_tcp_with_a_token(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.stage_sockets("--listen", f"127.0.0.1:{port}")
        token = self.mint("acme/*", uid=os.geteuid())["token"]
        for target in ("/v/acme/v1/live", "/aivault/ws"):
            for headers, status in (((), 401), ([("origin", "http://127.0.0.1")], 403), ([("host", "evil.test")], 403)):
                with self.assertRaises(Refusal) as refusal:
                    websocket.connect(port, target, headers)
                self.assertEqual(status, refusal.exception.status, (target, headers))
        caller = websocket.connect(port, "/v/acme/v1/live", [("authorization", f"Bearer {token}")])
        self.addCleanup(caller.socket.close)
        up = self.opened.get(timeout=10)
        caller.text("over TCP")
        self.assertEqual((TEXT, b"over TCP"), up.message())
        up.close(1000)
        self.assertEqual(1000, caller.until_close()[0])
        caller.close(1000)


if __name__ == "__main__":
    main()

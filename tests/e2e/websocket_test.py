"""WebSockets through the daemon: /v/{credential}/... and /aivault/ws, with ends that send every frame byte by byte."""

import base64
import json
import threading
import time

from lib import websocket
from lib.conformance import SECRET
from lib.scenario import main
from lib.sockets import CONNECT, KEY, Sockets
from lib.vault import wait_until
from lib.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Refusal, close_payload, frame


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


if __name__ == "__main__":
    main()

"""WebSockets through the daemon: broken rules of either side, limits, and what ends a socket."""

import json
import os
import socket
import threading
import time

from lib import websocket
from lib.scenario import main
from lib.sockets import Sockets
from lib.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Refusal, close_payload, frame


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
            thread.join(timeout=60)
            self.assertFalse(thread.is_alive())
            self.assertLess(time.monotonic() - began, 30)
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
        self.assertLess(time.monotonic() - began, 30)
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

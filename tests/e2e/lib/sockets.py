"""WebSockets of a test: a vault whose upstream hands each of them over, and callers' ends."""

import json
import queue
import threading

from lib import websocket
from lib.conformance import Conformance
from lib.http_socket import HttpSocket
from lib.vault import wait_until
from lib.websocket import TEXT

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

"""What WebSockets hold counts in `limits.memory`: little while they are quiet, no more than there is when they are busy."""

import json
import sys
import threading

from lib import prometheus, websocket
from lib.http_socket import HttpSocket
from lib.scenario import main
from lib.sockets import CONNECT, Sockets
from lib.vault import wait_until
from lib.websocket import BINARY, TEXT, Refusal

QUIET = 12 << 10
OF_UID = 16 << 20  # Half of the least that can be configured.


class Memory(Sockets):
    def setUp(self):
        config = self.scratch / "limits.toml"
        config.write_text("[limits]\nmemory = '32MiB'\n")
        config.chmod(0o600)
        self.stage_sockets("--config", str(config))

    def held(self):
        return prometheus.value_of(self.v.socket, "aivault_buffer_bytes")

    def holds(self, expected):
        wait_until(lambda: self.held() == expected, 30, f"{expected} bytes are held")

    def pass_both_ways(self, caller, up, payload):
        for here, there in ((caller, up), (up, caller)):
            sender = threading.Thread(target=here.send, args=(BINARY, payload))
            sender.start()
            self.assertEqual((BINARY, payload), there.message())
            sender.join()

    def fill(self, leave):
        """An envelope that does not end and leaves this user only so much."""
        size = OF_UID - int(self.held()) - leave
        door = HttpSocket(self.v.socket)
        self.addCleanup(door.socket.close)
        # More than half of it is there: room for the whole was made.
        door.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % size +
                  b" " * (9 << 20))
        self.holds(OF_UID - leave)
        return door

    def close(self, caller, up):
        caller.close(1000)
        up.until_close()
        up.close(1000)
        caller.until_close()

    def test_what_is_held_is_given_back(self):
        pairs = [self.open() for _ in range(3)]
        self.holds(3 * QUIET)
        caller, up = pairs[0]
        up.socket.settimeout(60)
        # Nobody reads: what piles up is little, and counted.
        stalled = threading.Thread(target=caller.send, args=(BINARY, b"x" * (12 << 20)))
        stalled.start()
        wait_until(lambda: self.held() > 3 * QUIET, 30, "a busy one holds more")
        self.assertLess(self.held(), 3 * QUIET + (128 << 10))
        self.assertEqual(12 << 20, len(up.message()[1]))
        stalled.join()
        self.pass_both_ways(caller, up, b"y")
        self.pass_both_ways(caller, up, b"y")
        self.holds(3 * QUIET)
        for caller, up in pairs:
            self.close(caller, up)
        self.holds(0)

    def test_when_memory_is_gone(self):
        caller, up = self.open()
        self.holds(QUIET)
        filler = self.fill(leave=QUIET // 2)
        # What is open works on, in small pieces.
        self.pass_both_ways(caller, up, b"z" * (1 << 20))
        self.assertLessEqual(self.held(), OF_UID)
        # Nothing more is opened, and each door says so in its way.
        connections = self.up.connections
        with self.assertRaises(Refusal) as refusal:
            self.open()
        error = json.loads(refusal.exception.body)
        self.assertEqual((429, "policy_violation", "concurrency_limit"), (refusal.exception.status, error["error"], error["reason"]))
        self.assertEqual("1", refusal.exception.headers["retry-after"])
        code, error = self.refused(CONNECT)
        self.assertEqual((1013, "policy_violation", "concurrency_limit"), (code, error["error"], error["reason"]))
        self.assertEqual(connections, self.up.connections)
        self.assertEqual(["concurrency_limit"] * 2, [row["reason"] for row in self.denied(2)])
        filler.socket.close()
        self.holds(QUIET)
        self.assert_still_serves()
        caller.text("still here")
        self.assertEqual((TEXT, b"still here"), up.message())
        self.close(caller, up)
        self.holds(0)

    def denied(self, count):
        def rows():
            found = [row for row in self.v.calls() if row["outcome"] == "denied"]
            return found if sum(row.get("count", 1) for row in found) >= count else None
        return [row for row in wait_until(rows, 30, "the records") for _ in range(row.get("count", 1))]

    def test_a_first_message_counts_as_well(self):
        caller = websocket.connect(self.v.socket, "/aivault/ws")
        self.addCleanup(caller.socket.close)
        caller.send(TEXT, " " * 40_000, fin=False)
        wait_until(lambda: self.held() > 4 * 40_000, 30, "the message is held")
        caller.send(websocket.CONTINUATION, json.dumps(CONNECT))
        up = self.opened.get(timeout=30)
        self.holds(QUIET)
        self.close(caller, up)
        self.holds(0)


if __name__ == "__main__":
    sys.exit(main())

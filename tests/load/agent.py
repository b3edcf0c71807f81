"""One agent of the load tests: some connections to the daemon's socket, on each of them one call after another.
argv: a JSON object. Says `ready` when it is connected, begins at a line on stdin, and prints what it has seen."""

import collections
import json
import os
import random
import selectors
import socket
import sys
import time


class Caller:
    """One connection; its calls go round the paths."""

    def __init__(self, plan, number):
        self.plan, self.number = plan, number
        self.calls = number
        self.socket, self.buffer, self.begin, self.next = None, b"", None, 0.0
        self.is_last = False  # The answer says that the connection ends with it, as after ten minutes.

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.plan["socket"])
        self.buffer, self.is_last = b"", False

    def send(self, now):
        paths = sorted(self.plan["paths"])
        self.path = paths[self.calls % len(paths)]
        self.calls += 1
        body = json.dumps({"capability": self.plan["capability"], "request": {"method": "GET", "path": self.path}}).encode()
        self.begin = now
        self.socket.sendall(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                            b"content-length: %d\r\n\r\n%s" % (len(body), body))

    def take(self):
        """What became of the call; None while it is not answered in full."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            return "closed" if self.buffer else "closed without an answer"
        self.buffer += piece
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return None
        lines = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            if not body.endswith(b"0\r\n\r\n"):
                return None
            length = 0
            while size := int(body[:body.index(b"\r\n")], 16):
                length += size
                body = body[body.index(b"\r\n") + 2 + size + 2:]
        else:
            length = next(int(line[16:]) for line in lines if line.startswith(b"content-length: "))
            if len(body) < length:
                return None
        self.is_last = b"connection: close" in lines
        status = int(lines[0].split()[1])
        self.buffer = b""
        if status == 200 and length != self.plan["paths"][self.path]:
            return f"{length} bytes of {self.path}"
        return status


def main():
    plan = json.loads(sys.argv[1])
    os.nice(plan.get("nice", 0))
    callers = [Caller(plan, number) for number in range(plan["connections"])]
    for caller in callers:
        caller.connect()
    print("ready", flush=True)
    sys.stdin.readline()
    seen, milliseconds, pause = collections.Counter(), [], plan["pause"]
    waiting = selectors.DefaultSelector()
    start = time.monotonic()
    end = start + plan["seconds"]
    for caller in callers:
        caller.next = start + random.random() * pause
        waiting.register(caller.socket, selectors.EVENT_READ, caller)
    while (now := time.monotonic()) < end or any(caller.begin for caller in callers):
        if now > end + 60:
            seen["no answer within a minute"] += sum(1 for caller in callers if caller.begin)
            break
        for caller in callers if now < end else ():
            if caller.begin is None and caller.next <= now:
                caller.send(now)
        until = min((caller.next for caller in callers if caller.begin is None), default=now + 1)
        for key, _ in waiting.select(max(0.001, min(1, until - now))):
            caller = key.data
            outcome = caller.take()
            if outcome is None:
                continue
            now = time.monotonic()
            if caller.begin is None:  # Closed while nothing was asked.
                outcome = f"idle: {outcome}"
            seen[str(outcome)] += 1
            if outcome == 200:
                milliseconds.append((now - caller.begin) * 1000)
            if isinstance(outcome, str) or caller.is_last:
                waiting.unregister(caller.socket)
                caller.socket.close()
                caller.connect()
                waiting.register(caller.socket, selectors.EVENT_READ, caller)
            caller.begin, caller.next = None, now + pause
    print(json.dumps({"seen": seen, "milliseconds": milliseconds}))


main()

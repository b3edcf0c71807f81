"""A daemon ends with 200 streams open: each caller gets its whole answer or is told that it broke off."""

import base64
import json
import signal
import socket
import threading

import crowd
from crowd import USERS, Load
from world import SOCKET, as_user, wait_until

STREAMS = 200
EVENT = b"data: %d\n\n"
LAST = b"data: last\n\n"
KINDS = ("plain", "trailers", "frame", "own client")


def request(kind, number):
    path = f"/v1/{number}"
    get = {"method": "GET", "path": path}
    if kind == "own client":
        return f"GET /v/acme{path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()
    if kind == "frame":
        return json.dumps({"op": "execute_envelope_stream", "client_ip": "127.0.0.1",
                           "envelope": {"capability": "acme/call", "request": {**get, "headers": []}}}).encode()
    body = json.dumps({"capability": "acme/call", "request": get})
    te = "te: trailers\r\n" if kind == "trailers" else ""
    return (f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\n{te}content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}").encode()


def read_chunks(data):
    """The bytes and whether their end is there, with its trailers."""
    body = b""
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return body, True, data
        body, data = body + data[:length], data[length + 2:]
    return body, False, b""


def judge(kind, got):
    """("whole", body), or ("broken off", None): what a caller who reads the protocol understands."""
    if kind == "frame":
        lines = [json.loads(line) for line in got.split(b"\n") if line.endswith(b"}")]
        body = b"".join(base64.b64decode(line["bodyB64"]) for line in lines if line["type"] == "chunk")
        return ("whole", body) if lines and lines[-1]["type"] == "end" else ("broken off", None)
    head, _, rest = got.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        return ("refused", head[:40])
    body, ended, trailers = read_chunks(rest)
    if kind == "trailers" and ended:
        ended = b"x-aivault-outcome: ok" in trailers
        if not ended and b"x-aivault-outcome: error" not in trailers:
            return ("an end without an outcome", body)
    return ("whole", body) if ended else ("broken off", None)


def follow(numbers, say):
    """Opens these streams at once and reads each to its end; `say` is called when all have begun."""
    begun, results = threading.Barrier(len(numbers) + 1), {}

    def read(number):
        kind = KINDS[number % len(KINDS)]
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(60)
            door.connect(str(SOCKET))
            door.sendall(request(kind, number))
            if kind == "frame":
                door.shutdown(socket.SHUT_WR)
            mark = base64.b64encode(EVENT % 0)[:12] if kind == "frame" else EVENT % 0
            got, there = b"", False
            try:
                while piece := door.recv(65536):
                    got += piece
                    if not there and mark in got:
                        there = True
                        begun.wait(60)
            except ConnectionResetError:
                pass
            if not there:
                begun.abort()
            results[number] = judge(kind, got)
    threads = [threading.Thread(target=read, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    begun.wait(60)
    say()
    for thread in threads:
        thread.join()
    return results


class Restart(Load):
    def test_200_open_streams_end_whole_or_are_said_to_be_broken_off(self):
        go, over = threading.Event(), threading.Event()
        self.addCleanup(over.set)

        def reply(exchange):
            """Half of the streams end when the daemon is already leaving, the others never do."""
            exchange.read_body()
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk(EVENT % 0)
            ends = int(exchange.request.target.rsplit("/", 1)[1]) % 8 < 4
            try:
                while not over.wait(0.5):
                    if ends and go.is_set():
                        exchange.chunk(LAST)
                        return exchange.end()
                    exchange.chunk(EVENT % 1)
            except OSError:
                exchange.open = False
        type(self).reply = staticmethod(reply)
        self.replaces_daemon = True
        results, begun = {}, []

        def be_caller(user, numbers):
            ours, theirs = socket.socketpair()
            begun.append(ours)
            with theirs:
                results.update(as_user(user, lambda: follow(numbers, lambda: theirs.sendall(b"x"))))
        users = USERS[:4]
        threads = [threading.Thread(target=be_caller, args=(user, range(place, STREAMS, len(users))))
                   for place, user in enumerate(users)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(begun) == len(users), 20, "the callers")
        for each in begun:
            each.settimeout(60)
            self.assertEqual(b"x", each.recv(1))
            each.close()
        self.daemon.send_signal(signal.SIGTERM)
        wait_until(lambda: not SOCKET.exists(), 10, "the daemon leaves")
        # Its successor serves others, while the streams that end in time do so.
        leaving = self.daemon
        self.start_daemon()
        type(self).reply = None
        self.assertServes("agent1")
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual(0, leaving.wait(30))
        self.assertEqual(set(range(STREAMS)), set(results))
        for number, (outcome, body) in results.items():
            with self.subTest(number=number, kind=KINDS[number % len(KINDS)]):
                if number % 8 < 4:
                    self.assertEqual("whole", outcome)
                    self.assertTrue(body.endswith(LAST), body[-100:])
                else:
                    self.assertEqual("broken off", outcome)


if __name__ == "__main__":
    crowd.run()

"""The daemon's socket against clients that do not behave."""

import json
import socket
import sys
import time

from lib.http_socket import HttpSocket, framed
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

ENVELOPE = "application/vnd.aivault.envelope"


class Protocol(Scenario):
    def setUp(self):
        self.v, self.up = self.vault(), self.upstream()
        self.v.add_api(self.up, self.ca, canary())
        self.v.start_daemon()

    def door(self):
        return HttpSocket(self.v.socket)

    def raw(self, data):
        with self.door() as door:
            door.send(data)
            return door.answer().status

    # Case 224.
    def test_heads_that_two_parsers_could_read_differently(self):
        ok = b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n"
        self.assertEqual(200, self.raw(ok + b"\r\n"))
        bad = {
            400: [ok + b"x: 1\n\r\n", ok + b" folded\r\n\r\n", ok + b"x : 1\r\n\r\n", ok + b"x: \x00\r\n\r\n",
                  ok + b"host: b\r\n\r\n", b"GET /aivault/health HTTP/1.1\r\n\r\n",
                  b"GET http://x/aivault/health HTTP/1.1\r\nhost: a\r\n\r\n",
                  ok + b"content-length: 1\r\ncontent-length: 1\r\n\r\n",
                  ok + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                  ok + b"content-length: +1\r\n\r\n", ok + b"x\xe9: 1\r\n\r\n"],
            405: [b"CONNECT /x HTTP/1.1\r\nhost: a\r\n\r\n", b"TRACE / HTTP/1.1\r\nhost: a\r\n\r\n"],
            417: [ok + b"content-length: 1\r\nexpect: the-worst\r\n\r\n"],
            431: [ok + b"x: " + b"a" * 70000 + b"\r\n\r\n", ok + b"x: 1\r\n" * 120 + b"\r\n"],
            501: [ok + b"transfer-encoding: gzip, chunked\r\n\r\n"],
            505: [b"GET /aivault/health HTTP/1.0\r\nhost: a\r\n\r\n", b"GET /aivault/health HTTP/2.0\r\nhost: a\r\n\r\n"],
        }
        for status, requests in bad.items():
            for request in requests:
                with self.subTest(request[:80]):
                    self.assertEqual(status, self.raw(request))

    def test_unknown_routes_and_wrong_methods(self):
        with self.door() as door:
            answer = door.request("GET", "/aivault/nothing")
            self.assertEqual((404, "unknown_endpoint"), (answer.status, answer.json()["reason"]))
            answer = door.request("PUT", "/aivault/health")
            self.assertEqual(405, answer.status)
            self.assertIn("GET", answer.header("allow"))
            self.assertEqual(403, door.request("GET", "/aivault/health", headers=[("origin", "https://x")]).status)
            self.assertEqual(415, door.request("POST", "/aivault/secrets", b"{}", [("content-type", "text/plain")]).status)

    def test_bodies_of_operator_requests(self):
        with self.door() as door:
            for body in (b'{"name":"A","name":"B","value":"x"}', b'{"name":"A","value":"x","zz":1}', b'{"name":1}',
                         b'[]', b'{"name":"A","value":"x"} x', b'\xef\xbb\xbf{}', b'{"name":"\\ud800","value":"x"}',
                         b'{"a":' * 40 + b"1" + b"}" * 40):
                with self.subTest(body[:40]):
                    answer = door.request("POST", "/aivault/secrets", body)
                    self.assertEqual((400, "invalid_request"), (answer.status, answer.json()["error"]))
        self.assertEqual(["ACME_KEY"], [s["name"] for s in self.v.ok("secrets", "list", "-v").json()])

    # Case 18.
    def test_announced_bytes_must_come_exactly(self):
        envelope = {"capability": "acme/call",
                    "request": {"method": "POST", "path": "/v1", "bodyStream": {"size": 4}}}
        for data, status in ((b"1234", 200), (b"123", 400), (b"12345", 400)):
            with self.door() as door:
                body = framed(envelope, data)
                answer = door.request("POST", "/aivault/proxy", body, [("content-type", ENVELOPE)])
                self.assertEqual(status, answer.status, data)
                if status != 200:
                    self.assertEqual("body_length", answer.json()["reason"])
        complete = [r for r in self.up.requests if r.body_length]
        self.assertEqual([b"1234"], [r.body for r in complete if r.body == b"1234"])
        self.assertEqual(1, len([r for r in complete if len(r.body) >= 4]))

    def test_an_upload_of_unknown_length_is_sent_in_chunks(self):
        envelope = {"capability": "acme/call", "request": {"method": "POST", "path": "/v1", "bodyStream": {}}}
        data = framed(envelope, b"abc" * 100)
        with self.door() as door:
            door.send(f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: {ENVELOPE}\r\n"
                      "transfer-encoding: chunked\r\nte: trailers\r\n\r\n".encode())
            for piece in (data[:3], data[3:50], data[50:]):
                door.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            door.send(b"0\r\n\r\n")
            answer = door.answer()
        self.assertEqual((200, [("x-aivault-outcome", "ok")]), (answer.status, answer.trailers))
        self.assertEqual(("chunked", b"abc" * 100),
                         (self.up.requests[-1].one("transfer-encoding"), self.up.requests[-1].body))

    def test_expect_is_acknowledged_before_the_body(self):
        with self.door() as door:
            door.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                      b"content-length: 5\r\nexpect: 100-continue\r\n\r\n")
            self.assertEqual(100, door.answer().status)
            door.send(b"{bad}")
            self.assertEqual(400, door.answer().status)

    def test_many_requests_on_one_connection_and_bytes_sent_early(self):
        one = b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n"
        with self.door() as door:
            door.send(one * 50)
            self.assertEqual([200] * 50, [door.answer().status for _ in range(50)])

    def test_one_byte_at_a_time(self):
        with self.door() as door:
            for byte in b"GET /aivault/health HTTP/1.1\r\nhost: a\r\n\r\n":
                door.send(bytes([byte]))
            self.assertEqual(200, door.answer().status)

    def test_descriptors_that_are_passed_along_are_dropped(self):
        before = self.descriptors()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(self.v.socket))
            with open("/dev/null", "rb") as null:
                try:
                    for _ in range(20):
                        socket.send_fds(client, [b"G"], [null.fileno()] * 50)
                except OSError:
                    pass
        wait_until(lambda: self.descriptors() <= before, what="as many descriptors as before")

    def descriptors(self):
        import os
        return len(os.listdir(f"/proc/{self.v.daemon.pid}/fd"))

    def test_silent_clients_do_not_stop_others(self):
        silent = [self.door() for _ in range(200)]
        begin = time.monotonic()
        self.v.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        self.assertLess(time.monotonic() - begin, 20)
        for door in silent:
            door.socket.close()
        self.assertIsNone(self.v.daemon.poll())

    # Case 203.
    def test_a_caller_that_leaves_cancels_the_upstream(self):
        import threading
        cut = threading.Event()

        def answer(exchange):
            exchange.start(200)
            try:
                while True:
                    exchange.chunk("x" * 1000 + "\n")
                    time.sleep(0.01)
            except OSError:
                cut.set()
                exchange.open = False
        self.up.answer = answer
        with self.door() as door:
            door.send(self.request())
            door._until(b"x" * 1000)
        self.assertTrue(cut.wait(10))
        ended = wait_until(lambda: self.v.calls("--outcome", "error"), what="the end record")
        self.assertIn("cancelled", ended[0].get("note", ""))

    def request(self):
        body = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}).encode()
        return (b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: "
                + str(len(body)).encode() + b"\r\n\r\n" + body)

    # Case 201.
    def test_a_timeout_is_a_clear_error(self):
        self.up.answer = lambda exchange: time.sleep(3)
        failed = self.v.fails("UpstreamUnreachable", "invoke", "acme/call", "--method", "GET", "--path", "/v1",
                              "--timeout-ms", "50")
        self.assertIn("50", failed.errors)
        with self.door() as door:
            envelope = {"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}}
            answer = door.call(envelope, [("x-aivault-timeout-ms", "50")])
            self.assertEqual((504, "timeout_total"), (answer.status, answer.json()["reason"]))

    def test_an_answer_names_the_request_and_its_plan(self):
        with self.door() as door:
            answer = door.call({"capability": "acme/call", "request": {"method": "GET", "path": "/v1?a=1"}})
        self.assertRegex(answer.header("x-aivault-request-id"), "^[a-z2-7]{26}$")
        self.assertEqual(("acme/call", "acme", "GET", f"https://{self.up.authority}/v1?a=1"),
                         tuple(answer.header(f"x-aivault-{name}") for name in ("capability", "credential", "method", "url")))

    def test_tokens_are_refused_while_there_are_none(self):
        with self.door() as door:
            answer = door.call({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}},
                               [("x-aivault-token", "avp_" + "a" * 43)])
            self.assertEqual((401, "token_invalid"), (answer.status, answer.json()["error"]))

    # Case 226.
    def test_denials_are_audited_and_coalesce(self):
        with self.door() as door:
            for _ in range(5):
                door.call({"capability": "acme/call", "request": {"method": "GET", "path": "/nope"}})
        rows = wait_until(lambda: sum(row.get("count", 1) for row in self.v.calls("--outcome", "denied")) == 5
                          and self.v.calls("--outcome", "denied"), what="five denials")
        self.assertEqual({"path_not_allowed"}, {row["reason"] for row in rows})
        self.assertEqual(0, self.up.connections)


if __name__ == "__main__":
    sys.exit(main())

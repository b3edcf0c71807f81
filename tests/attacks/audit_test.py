"""Attacks on the record of what happened (AU)."""

import json
import os
import pwd
import re
import threading
import time

import world
from lib.http_socket import HttpSocket
from world import SOCKET, VAULT, Attack, as_user, canary, forms, wait_until

HASHED = re.compile(r"\.\.\.#[0-9a-f]{16}$")
ODD = ("a\nb", 'a"b', "a\\b", "a\u2028b\u2029", "a\x1b[31mb", "a\x1b]0;title\x07", "a\tb", "a\u202eb", '","outcome":"ok',
       "a\rb", "\x7f", "\U0001f600")


class Audit(Attack):
    def setUp(self):
        super().setUp()
        self.head = self.verify()["headSeq"]

    def verify(self):
        return json.loads(self.operator("audit", "verify").stdout)

    def rows(self, *flags):
        """Rows since the attack began, oldest first."""
        rows = json.loads(self.operator("audit", "--limit", "1000", "--json", *flags).stdout)
        return [row for row in reversed(rows) if int(row["seq"]) > int(self.head)]

    def test_AU2_a_flood_drives_no_row_away(self):
        first = self.rows_all()[-1]

        def flood():
            statuses = []
            with HttpSocket(SOCKET) as door:
                for number in range(1000):
                    envelope = {"capability": f"flood/{number}", "request": {"method": "GET", "path": "/v1"}}
                    statuses.append(door.call(envelope).status)
            return statuses
        begin = time.monotonic()
        statuses = as_user("agent1", flood)
        seconds = time.monotonic() - begin + 2
        self.assertEqual({404}, set(statuses))
        wait_until(lambda: sum(int(row.get("count") or 1) for row in self.rows("--outcome", "denied")) >= 1000, 20,
                   "each refusal is counted")
        self.assertLess(len(self.rows()), 15 * seconds + 20, "ten rows of a user in a second, and then a count")
        self.assertEqual(first, self.rows_all()[-1])
        self.assertTrue(self.verify()["ok"])

    def rows_all(self):
        return json.loads(self.operator("audit", "--limit", "1000", "--json").stdout)

    def test_AU3_texts_of_callers_stay_within_their_row(self):
        text = "|".join(ODD)
        self.call(capability=f"acme/{text}")
        self.call(path=f"/v1/{text}")
        self.call(method=f"GET{text}")

        def follow():
            with HttpSocket(world.OPERATOR_SOCKET) as door:
                door.send(b"GET /aivault/audit?follow=1&limit=1000 HTTP/1.1\r\nhost: a\r\n\r\n")
                got = b""
                door.socket.settimeout(3)
                try:
                    while piece := door.socket.recv(65536):
                        got += piece
                except TimeoutError:
                    pass
                return got
        stream = as_user("aivault", follow)
        type(self).outputs.append(stream)
        listed = self.rows("--outcome", "denied")
        self.assertEqual(3, len(listed))
        self.assertEqual((f"acme/{text}", f"/v1/{text}"), (listed[0]["capability"], listed[1]["path"]))
        for output in (stream, self.operator("audit", "--limit", "1000", "--json").stdout, self.operator("audit").stdout):
            for byte in (b"\x1b", b"\x07", b"\x7f", "\u202e".encode()):
                self.assertNotIn(byte, output)
        self.assertFalse([row for row in listed if row["outcome"] != "denied"])

    def test_AU6_refusals_and_garbage_leave_a_trace(self):
        agent = pwd.getpwnam("agent1")

        def act():
            got = []
            for body in (b"{bad", b'{"capability":"acme/none","request":{"method":"GET","path":"/v1"}}',
                         b'{"capability":"acme/call","request":{"method":"GET","path":"/v1/../x"}}',
                         b'{"capability":"acme/call","request":{"method":"DELETE","path":"/v1"}}'):
                with HttpSocket(SOCKET) as door:
                    got.append(door.request("POST", "/aivault/proxy", body).status)
            with HttpSocket(SOCKET) as door:
                got.append(door.request("GET", "/aivault/secrets").status)
            return os.getpid(), got
        pid, statuses = as_user("agent1", act)
        self.assertEqual([400, 404, 403, 403, 403], statuses)
        rows = wait_until(lambda: len(found := self.rows("--outcome", "denied")) >= 5 and found, 10, "the rows")
        self.assertEqual({(agent.pw_uid, "agent1", pid)}, {(row["uid"], row["user"], row["pid"]) for row in rows})
        self.assertEqual(["envelope_json", "unknown_capability", "path_traversal", "method_not_allowed"],
                         [row["reason"] for row in rows if row["kind"] == "capability.invoke"])
        self.assertEqual(1, len([row for row in rows if row["kind"] == "operator.denied"]))

    def test_AU7_a_huge_name_is_cut_and_hashed(self):
        for envelope in ({"capability": "a/" + "x" * (1 << 20)}, {"path": "/v1/../" + "y" * 8000}):
            self.call(**envelope)
        rows = wait_until(lambda: len(found := self.rows("--outcome", "denied")) >= 2 and found, 10, "the rows")
        for row in rows:
            self.assertLess(len(json.dumps(row)), 4096, row)
        self.assertRegex(rows[0]["capability"], HASHED)
        self.assertRegex(rows[1]["path"], HASHED)

    def test_AU9_who_leaves_within_a_stream_is_recorded(self):
        def reply(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/plain")])
            try:
                while True:
                    exchange.chunk(b"x" * 999 + b"\n")
                    time.sleep(0.01)
            except OSError:
                exchange.open = False
        type(self).reply = staticmethod(reply)

        def act():
            with HttpSocket(SOCKET) as door:
                body = json.dumps({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}})
                door.send(f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                          f"content-length: {len(body)}\r\n\r\n{body}".encode())
                door._until(b"x" * 999)
        as_user("agent1", act)
        row = wait_until(lambda: self.rows("--outcome", "error"), 10, "the end")[0]
        self.assertIn("cancelled", row["note"])
        self.assertGreaterEqual(row["responseBytes"], 999, row)

    def test_AU10_what_a_caller_sends_is_in_no_row(self):
        pasted = canary("pasted-")
        self.assertEqual(200, self.call(method="POST", path=f"/v1?key={pasted}", headers=[("x-note", pasted)], body=pasted)[0])
        self.call(method="POST", path=f"/v1/../x?key={pasted}", headers=[("authorization", pasted)], body=pasted)
        self.call(path=f"/v1?a=%zz{pasted}")
        self.ask("agent1", "GET", f"/aivault/whoami?token={pasted}")
        self.ask("agent1", "GET", "/aivault/whoami", headers=[("authorization", f"Bearer {pasted}")])
        texts = self.operator("audit", "--limit", "1000", "--json").stdout + self.log.read_bytes()
        stored = b"".join(file.read_bytes() for file in VAULT.rglob("*") if file.is_file())
        for key in (pasted, self.secret):
            for form in forms(key):
                self.assertNotIn(form, texts)
                self.assertNotIn(form, stored)

    def test_AU11_many_writers_leave_no_gap(self):
        def act(user):
            def one():
                with HttpSocket(SOCKET) as door:
                    for _ in range(6):
                        door.call({"capability": "acme/call", "request": {"method": "GET", "path": "/v1"}})
            threads = [threading.Thread(target=one) for _ in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        both = [threading.Thread(target=as_user, args=(user, lambda user=user: act(user))) for user in ("agent1", "agent2")]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        ended = wait_until(lambda: len(found := self.rows("--outcome", "ok", "--kind", "capability.invoke")) >= 384 and found, 30,
                           "the ends")
        self.assertEqual(384, len(ended))
        numbers = [int(row["seq"]) for row in self.rows()]
        self.assertEqual(list(range(numbers[0], numbers[0] + len(numbers))), numbers)
        self.assertTrue(self.verify()["ok"])

    def test_AU13_an_agent_reads_no_record(self):
        self.assertEqual(403, self.ask("agent1", "GET", "/aivault/audit")[0])
        self.assertEqual(403, self.ask("agent1", "GET", "/aivault/audit?follow=1")[0])
        for file in (VAULT / "vault.db", VAULT / "vault.db-wal", VAULT / "audit", VAULT):
            with self.assertRaises(world.Refused, msg=file) as refused:
                as_user("agent1", lambda file=file: os.stat(file))
            self.assertEqual("PermissionError", refused.exception.kind)

    def test_AU14_a_record_that_is_taken_away_stops_the_calls(self):
        self.replaces_daemon = True
        self.assertServes()
        aside = VAULT.parent / "aside"
        names = [file for file in VAULT.iterdir() if file.name.startswith("vault.db")]
        aside.mkdir()
        for file in names:
            file.rename(aside / file.name)
        for _ in range(3):
            status, answer = self.call()
            self.assertEqual((503, "vault_unavailable"), (status, answer["error"]), answer)
        self.assertEqual([], self.up.requests)
        self.assertIsNone(self.daemon.poll())
        self.stop_daemon()
        for file in VAULT.glob("vault.db*"):
            file.unlink()
        for file in names:
            if (aside / file.name).exists():
                (aside / file.name).rename(file)
        self.start_daemon()
        self.assertServes()
        self.assertTrue(self.verify()["ok"])


if __name__ == "__main__":
    world.run()

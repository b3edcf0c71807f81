"""Calls that wait for the operator: one decision, one call, exactly the bytes that were shown."""

import hashlib
import json
import socket
import subprocess
import sys
import threading

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until


class Approval(Scenario):
    def ready(self, *policy):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        vault.ok("capability", "policy", "set", "--capability", "acme/call", "--require-approval", *policy)
        vault.start_daemon()
        return vault, upstream

    def ask(self, vault, body="hello"):
        """Starts a call; its answer is appended to the list that is returned."""
        answers = []

        def run():
            request = {"method": "POST", "path": "/v1/x?q=1", "headers": [], "body": body}
            with HttpSocket(vault.socket) as door:
                answers.append(door.call({"capability": "acme/call", "request": request}))
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return answers, thread

    def pending(self, vault, count=1):
        def look():
            found = vault.ok("approvals", "-v").json()
            return [found] if len(found) == count else None
        return wait_until(look, 30, f"{count} pending approvals")[0]

    # Case 191.
    def test_approved_denied_and_timed_out(self):
        vault, upstream = self.ready()
        answers, thread = self.ask(vault)
        shown = self.pending(vault)[0]
        self.assertEqual(("pending", "acme/call", "POST", "/v1/x", "q=1", 5, "hello"),
                         tuple(shown[key] for key in ("state", "capability", "method", "path", "query",
                                                      "requestBytes", "bodyPreview")))
        self.assertEqual(hashlib.sha256(b"hello").hexdigest(), shown["bodySha256"])
        self.assertEqual([], upstream.requests)
        vault.fails("is not pending", "approve", shown["id"][:-1])
        self.assertEqual("approved", vault.ok("approve", shown["id"]).json()["state"])
        thread.join()
        self.assertEqual(200, answers[0].status)
        self.assertEqual(["/v1/x?q=1"], [request.target for request in upstream.requests])
        vault.fails("is not pending", "approve", shown["id"])

        answers, thread = self.ask(vault)
        vault.ok("deny", self.pending(vault)[0]["id"], "--reason", "no")
        thread.join()
        self.assertEqual((403, "approval_denied"), (answers[0].status, answers[0].json()["reason"]))

        vault.ok("capability", "policy", "set", "--capability", "acme/call", "--require-approval",
                 "--approval-timeout", "300ms")
        answers, thread = self.ask(vault)
        thread.join()
        self.assertEqual((403, "approval_timeout"), (answers[0].status, answers[0].json()["reason"]))
        self.assertEqual(1, len(upstream.requests))
        kinds = [row["kind"] for row in vault.audit("--limit", "100")]
        for kind in ("approval.request", "approval.approve", "approval.deny", "approval.expire"):
            self.assertIn(kind, kinds)

    def test_who_waits_is_told_which_approval_it_waits_for(self):
        vault, upstream = self.ready()
        process = vault.start("invoke", "acme/call", "--method", "POST", "--path", "/v1/x", "--body", "hello",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        entry = self.pending(vault)[0]["id"]
        line = process.stderr.readline().decode()
        self.assertIn(f"waiting for operator approval (ID {entry})", line)
        vault.ok("approve", entry)
        out, rest = process.communicate(timeout=30)
        self.assertEqual((0, b'{"ok":true}'), (process.returncode, out.strip()))
        self.assertNotIn(b"waiting", rest)

    def test_only_who_asks_for_it_gets_an_interim_answer(self):
        vault, upstream = self.ready()
        request = {"method": "POST", "path": "/v1/x", "headers": [], "body": "hello"}
        envelope = {"capability": "acme/call", "request": request}
        for asked in (True, False):
            with HttpSocket(vault.socket) as door:
                headers = [("x-aivault-interim", "1")] if asked else []
                entries = []

                def decide():
                    entries.append(self.pending(vault)[0]["id"])
                    vault.ok("approve", entries[0])
                thread = threading.Thread(target=decide)
                thread.start()
                first = door.call(envelope, headers)
                thread.join()
                if asked:
                    self.assertEqual((102, entries[0]), (first.status, first.header("x-aivault-approval")))
                    first = door.answer()
                self.assertEqual(200, first.status)

    def test_the_operator_can_watch_what_comes(self):
        vault, _ = self.ready()
        watch = vault.start("approvals", "--follow", "-v", stdout=subprocess.PIPE)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        seen = []
        for _ in range(2):
            answers, thread = self.ask(vault)
            seen.append(json.loads(watch.stdout.readline()))
            self.assertEqual(("pending", "acme/call"), (seen[-1]["state"], seen[-1]["capability"]))
            vault.ok("deny", seen[-1]["id"])
            thread.join()
            self.assertEqual(403, answers[0].status)
        self.assertNotEqual(seen[0]["id"], seen[1]["id"])

    def test_a_caller_that_leaves_cancels(self):
        vault, upstream = self.ready()
        with HttpSocket(vault.socket) as door:
            envelope = {"capability": "acme/call",
                        "request": {"method": "GET", "path": "/v1/x", "headers": []}}
            threading.Thread(target=lambda: self.swallow(door, envelope), daemon=True).start()
            self.pending(vault)
            door.socket.shutdown(socket.SHUT_RDWR)  # A close alone waits for the thread that reads.
        self.pending(vault, 0)
        self.assertEqual(["cancelled"], [row["state"] for row in vault.ok("approvals", "--all", "-v").json()])
        self.assertEqual([], upstream.requests)

    def test_a_daemon_that_ends_cancels(self):
        vault, upstream = self.ready()
        answers, thread = self.ask(vault)
        self.pending(vault)
        self.assertEqual(0, vault.stop_daemon(timeout=60))
        thread.join()
        self.assertEqual((503, "shutting_down"), (answers[0].status, answers[0].json()["reason"]))
        self.assertEqual([], upstream.requests)
        self.assertEqual("denied", vault.calls()[0]["outcome"])

    @staticmethod
    def swallow(door, envelope):
        try:
            door.call(envelope)
        except (OSError, EOFError, ValueError, AssertionError):
            pass

    # Case 192.
    def test_the_ninth_is_refused(self):
        vault, _ = self.ready()
        waiting = [self.ask(vault) for _ in range(8)]
        shown = self.pending(vault, 8)
        answers, thread = self.ask(vault)
        thread.join()
        self.assertEqual((429, "approval_queue_full"), (answers[0].status, answers[0].json()["reason"]))
        for one in shown:
            vault.ok("deny", one["id"])
        for _, thread in waiting:
            thread.join()

    def test_a_body_that_is_too_large_to_hold(self):
        vault, _ = self.ready()
        answers, thread = self.ask(vault, "x" * ((1 << 20) + 1))
        thread.join()
        self.assertEqual(413, answers[0].status)


if __name__ == "__main__":
    sys.exit(main())

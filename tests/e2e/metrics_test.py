"""GET /metrics: numbers for the operator alone, as Prometheus reads them, that follow what happens."""

import json
import os
import pathlib
import queue
import signal
import sys
import threading
import time

from lib import prometheus, websocket
from lib.conformance import SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.prometheus import parse
from lib.scenario import canary, main
from lib.vault import wait_until
from tcp_test import TcpSocket, free_port

class Metrics(Conformance):
    def text(self):
        return prometheus.scrape(self.v.socket)

    def value(self, name, **labels):
        return prometheus.value_of(self.v.socket, name, **labels)

    def becomes(self, expected, name, **labels):
        prometheus.await_value(self.v.socket, expected, name, **labels)

    def test_what_is_there_from_the_start(self):
        self.stage()
        families = parse(self.text())
        for name, kind in {"aivault_build_info": "gauge", "aivault_start_time_seconds": "gauge",
                           "process_cpu_seconds_total": "counter", "process_resident_memory_bytes": "gauge",
                           "process_open_fds": "gauge", "process_max_fds": "gauge", "aivault_hardening": "gauge",
                           "aivault_vault_locked": "gauge", "aivault_credentials": "gauge", "aivault_connections": "gauge",
                           "aivault_buffer_limit_bytes": "gauge", "aivault_loop_lag_seconds": "gauge"}.items():
            self.assertEqual(kind, families[name][0], name)
        self.assertEqual(0, self.value("aivault_vault_locked"))
        self.assertEqual(1, self.value("aivault_credentials", state="enabled"))
        self.assertGreater(self.value("process_resident_memory_bytes"), 1 << 20)
        self.v.ok("credential", "disable", "openai")
        self.assertEqual((0, 1), (self.value("aivault_credentials", state="enabled"),
                                  self.value("aivault_credentials", state="disabled")))

    def test_each_is_described(self):
        self.stage()
        self.assertEqual(200, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        described = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
        for name in parse(self.text()):
            self.assertIn(f"`{name}`", described)

    def test_calls_count(self):
        self.stage(lambda exchange: (exchange.read_body(), exchange.reply(200, "x" * 100)))
        for _ in range(3):
            self.assertEqual(200, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        of = {"capability": "openai/models", "outcome": "ok"}
        self.becomes(3, "aivault_calls_total", **of, **{"class": "read"})
        self.becomes(3, "aivault_call_seconds_count", kind="call")
        self.becomes(300, "aivault_call_bytes_total", direction="response")
        self.becomes(0, "aivault_calls_in_flight", kind="call")
        self.assertEqual(1, self.value("aivault_upstream_connects_total", result="ok"))
        self.assertEqual(3, self.value("aivault_upstream_seconds_count", phase="first_byte"))
        self.assertEqual(1, self.value("aivault_upstream_seconds_count", phase="tls"))
        self.assertEqual((1, 0), (self.value("aivault_upstream_connections", state="idle"),
                                  self.value("aivault_upstream_connections", state="active")))

    def test_calls_under_way(self):
        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data: one\n\n")
            exchange.connection.socket.recv(1)
        self.stage(answer)
        process = self.v.start("invoke", "openai/models", "--method", "GET", "--path", "/v1/models")
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        self.becomes(1, "aivault_calls_in_flight", kind="stream")
        self.assertEqual((0, 1), (self.value("aivault_upstream_connections", state="idle"),
                                  self.value("aivault_upstream_connections", state="active")))
        process.kill()
        process.wait()
        self.becomes(0, "aivault_upstream_connections", state="active")
        self.becomes(0, "aivault_calls_in_flight", kind="stream")
        self.becomes(1, "aivault_calls_total", capability="openai/models", outcome="error", **{"class": "read"})

    def test_the_daemons_own_part_of_a_call(self):
        def answer(exchange):
            exchange.read_body()
            time.sleep(2)
            exchange.reply(200, "{}")
        self.stage(answer)
        self.assertEqual(200, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        self.becomes(1, "aivault_call_seconds_count", kind="call")
        own, whole = self.value("aivault_call_overhead_seconds_sum"), self.value("aivault_call_seconds_sum", kind="call")
        self.assertEqual(1, self.value("aivault_call_overhead_seconds_count"))
        self.assertGreater(own, 0)
        self.assertGreater(whole, 1.9)
        self.assertLess(own, whole - 1.9)
        # A call that was refused, or found no upstream, has none.
        self.fresh_door()
        self.assertEqual(403, self.ask(self.envelope("/v2/odd", "GET", "openai/models")).status)
        self.up.close()
        self.fresh_door()
        self.assertEqual(502, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        self.becomes(1, "aivault_calls_total", capability="openai/models", outcome="error", **{"class": "read"})
        self.assertEqual(1, self.value("aivault_call_overhead_seconds_count"))

    def test_what_is_replaced_in_answers(self):
        self.stage(lambda exchange: (exchange.read_body(), exchange.reply(200, f"{SECRET} and {SECRET}, banana, banana, banana")))
        self.assertEqual((0, 0), (self.value("aivault_scrub_hits_total"), self.value("aivault_blocklist_hits_total")))
        self.assertIn(b"banana", self.ask(self.envelope("/v1/models", "GET", "openai/models")).body)
        self.becomes(2, "aivault_scrub_hits_total")
        self.v.ok("capability", "policy", "set", "--capability", "openai/models", "--response-block", "banana")
        self.fresh_door()
        self.assertNotIn(b"banana", self.ask(self.envelope("/v1/models", "GET", "openai/models")).body)
        self.becomes(4, "aivault_scrub_hits_total")
        self.becomes(3, "aivault_blocklist_hits_total")

    def test_what_is_replaced_in_a_websocket(self):
        opened = queue.Queue()

        def answer(exchange):
            peer = websocket.accept(exchange)
            peer.socket.settimeout(30)
            opened.put(peer)
            peer.until_close()
            peer.close(1000)
        self.stage(answer)
        caller = websocket.connect(self.v.socket, "/v/openai/v1/realtime?model=gpt-realtime")
        self.addCleanup(caller.socket.close)
        peer = opened.get(timeout=30)
        peer.text(f"{SECRET}, {SECRET}")
        peer.text(SECRET)
        for text in (b"[REDACTED], [REDACTED]", b"[REDACTED]"):
            self.assertEqual(text, caller.message()[1])
        self.assertEqual((1, 1), (self.value("aivault_calls_in_flight", kind="websocket"),
                                  self.value("aivault_upstream_connections", state="active")))
        caller.close(1000)
        caller.until_close()
        self.becomes(3, "aivault_scrub_hits_total")
        self.becomes(0, "aivault_calls_in_flight", kind="websocket")
        self.becomes(0, "aivault_upstream_connections", state="active")

    def test_by_which_limit_a_call_is_refused(self):
        stop = threading.Event()
        self.addCleanup(stop.set)

        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data: one\n\n")
            stop.wait(60)
            exchange.end()
        config = self.scratch / "limits.toml"
        config.write_text("[limits]\ncalls_per_identity = 1\nmemory = '32MiB'\n")
        config.chmod(0o600)
        self.stage(answer, daemon=("--config", str(config)))
        self.v.ok("agent", "create", "ci", "--allow", "openai/*", "--rate-limit-per-minute", "1")
        token = [("x-aivault-token", self.v.ok("agent", "token", "ci").json()["token"])]
        envelope = self.envelope("/v1/models", "GET", "openai/models")
        first = HttpSocket(self.v.socket)
        self.addCleanup(first.socket.close)
        body = json.dumps(envelope).encode()
        first.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-aivault-token: %s\r\n"
                   b"content-length: %d\r\n\r\n%s" % (token[0][1].encode(), len(body), body))
        self.becomes(1, "aivault_calls_in_flight", kind="stream")
        self.assertEqual(429, self.ask(envelope).status)
        self.becomes(1, "aivault_rate_limited_total", scope="identity")
        stop.set()
        self.becomes(0, "aivault_calls_in_flight", kind="stream")
        self.fresh_door()
        self.assertEqual(429, self.ask(envelope, token).status)
        self.becomes(1, "aivault_rate_limited_total", scope="agent")
        # All the memory that one user may have, in an envelope that does not end.
        held = HttpSocket(self.v.socket)
        self.addCleanup(held.socket.close)
        held.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                  b"content-length: %d\r\n\r\n" % (20 << 20))
        threading.Thread(target=self.flood, args=(held, 18 << 20), daemon=True).start()
        self.assertEqual(429, held.answer().status)
        self.becomes(1, "aivault_rate_limited_total", scope="memory")

    def flood(self, door, size):
        try:
            while size > 0:
                door.send(b" " * (1 << 16))
                size -= 1 << 16
        except OSError:
            pass  # It was refused.

    def test_the_audit_counts(self):
        self.stage()
        before = {kind: self.value("aivault_audit_rows_total", kind=kind) for kind in ("capability.invoke", "secret.create")}
        commits = self.value("aivault_audit_commit_seconds_count")
        self.v.add_secret("ANOTHER", canary())
        self.becomes(before["secret.create"] + 1, "aivault_audit_rows_total", kind="secret.create")
        self.assertEqual(200, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        self.becomes(before["capability.invoke"] + 2, "aivault_audit_rows_total", kind="capability.invoke")
        self.assertGreater(self.value("aivault_audit_commit_seconds_count"), commits)
        self.assertEqual(1, self.value("aivault_audit_writable"))
        self.assertNotIn("aivault_audit_mirror_lag_rows", self.text(), "there is no mirror")

    def test_a_mirror_that_cannot_be_written_lags(self):
        places = self.vault()
        mirror = places.base / "mirror.jsonl"
        self.stage(env={"AIVAULT_AUDIT_MIRROR": str(mirror)})
        self.becomes(0, "aivault_audit_mirror_lag_rows")
        mirror.rename(places.base / "mirror.old")
        mirror.mkdir()
        rows = self.value("aivault_audit_rows_total", kind="secret.create")
        for number in range(3):
            self.v.add_secret(f"MORE_{number}", canary())
        self.becomes(rows + 3, "aivault_audit_rows_total", kind="secret.create")
        wait_until(lambda: self.value("aivault_audit_mirror_lag_rows") >= 3, 30, "the lag")
        self.assertEqual(1, self.value("aivault_audit_writable"))
        mirror.rmdir()
        self.becomes(0, "aivault_audit_mirror_lag_rows")

    def test_secrets_and_those_that_are_due(self):
        self.stage()
        scopes = ("global", "workspace", "group")

        def there():
            return tuple(self.value("aivault_secrets", scope=scope) for scope in scopes)

        def due():
            return tuple(self.value("aivault_secrets_due", reason=reason) for reason in ("expired", "expiring", "rotation"))
        self.assertEqual(((1, 0, 0), (0, 0, 0)), (there(), due()))
        self.v.add_secret("W", canary(), "--scope", "workspace", "--workspace-id", "w")
        self.v.add_secret("G", canary(), "--scope", "group", "--workspace-id", "w", "--group-id", "g")
        soon = self.v.add_secret("SOON", canary(), "--expires", "5s")
        self.assertEqual(((2, 1, 1), 1), (there(), sum(due()[:2])))
        # Nothing but time goes by.
        wait_until(lambda: due() == (1, 0, 0), 30, "its end")
        self.v.ok("secrets", "update", "--id", soon["secretId"], "--expires", "10d")
        self.assertEqual((0, 1, 0), due())
        self.v.ok("secrets", "update", "--id", soon["secretId"], "--expires", "90d")
        self.assertEqual((0, 0, 0), due())
        self.v.ok("secrets", "delete", "--id", soon["secretId"])
        self.assertEqual((1, 1, 1), there())

    def test_lines_that_the_log_leaves_out(self):
        config = self.scratch / "changed.toml"
        config.write_text("")
        config.chmod(0o600)
        self.stage(daemon=("--config", str(config)))
        self.assertIn("aivault_log_dropped_total 0\n", self.text())
        # Each reload says that something of it needs a restart.
        config.write_text("[limits]\nmemory = '64MiB'\n")

        def too_many():
            end = time.monotonic() + 2
            while time.monotonic() < end:
                os.kill(self.v.daemon.pid, signal.SIGHUP)
            return self.value("aivault_log_dropped_total") > 0
        wait_until(too_many, 60, "more than 100 lines in a second")

    def test_refusals_and_errors_count(self):
        self.stage()
        self.assertEqual(403, self.ask(self.envelope("/v2/odd", "GET", "openai/models")).status)
        self.becomes(1, "aivault_calls_total", capability="openai/models", outcome="denied", **{"class": "read"})
        # A name that somebody made up is no label, however often it comes.
        for i in range(40):
            self.fresh_door()
            self.assertEqual(404, self.ask(self.envelope("/v1", "GET", f"made-up/{i}-{canary()}")).status)
        self.becomes(40, "aivault_denials_total", code="capability_not_found", reason="unknown_capability")
        self.becomes(40, "aivault_calls_total", capability="other", outcome="denied", **{"class": "other"})
        self.assertEqual(40, self.value("aivault_http_errors_total", status="404"))
        self.v.ok("capability", "policy", "set", "--capability", "openai/models", "--rate-limit-per-minute", "1")
        self.fresh_door()
        self.assertEqual([200, 429], [self.ask(self.envelope("/v1/models", "GET", "openai/models")).status for _ in range(2)])
        self.becomes(1, "aivault_rate_limited_total", scope="capability")
        self.v.ok("capability", "policy", "set", "--capability", "openai/models", "--rate-limit-per-minute", "100")
        self.up.close()
        self.fresh_door()
        self.assertEqual(502, self.ask(self.envelope("/v1/models", "GET", "openai/models")).status)
        self.becomes(1, "aivault_calls_total", capability="openai/models", outcome="error", **{"class": "read"})
        self.becomes(1, "aivault_upstream_connects_total", result="connect")

    def test_nobody_else_reads_them(self):
        port = free_port()
        self.stage(env={"AIVAULTD_LISTEN": f"127.0.0.1:{port}"})
        with TcpSocket(port) as client:
            answer = client.request("GET", "/metrics")
        self.assertEqual((403, "operator_auth_required"), (answer.status, answer.json()["error"]))
        token = self.v.ok("run", "--", "sh", "-c", "printf %s $AIVAULT_TOKEN").text
        answer = self.door.request("GET", "/metrics", headers=[("x-aivault-token", token)])
        self.assertEqual((403, "operator token required"), (answer.status, answer.json()["message"]))
        self.becomes(2, "aivault_operator_denied_total")
        self.fresh_door()
        self.assertEqual(405, self.door.request("POST", "/metrics").status)

    def test_agents_do_not_read_them(self):
        agents = self.scratch / "agents"
        agents.mkdir(mode=0o755)
        places = self.vault()
        env = {"AIVAULTD_SHARED_SOCKET": str(agents / "agents.sock")}
        places.start_daemon("--shared", env=env)
        with HttpSocket(agents / "agents.sock") as door:
            self.assertEqual(200, door.request("GET", "/aivault/health").status)
            answer = door.request("GET", "/metrics")
        self.assertEqual((403, "operator_auth_required"), (answer.status, answer.json()["error"]))
        self.assertNotIn(b"aivault_build_info", answer.body)
        self.assertEqual(1, prometheus.value_of(places.socket, "aivault_operator_denied_total"))

    def test_they_hold_no_secret_path_query_or_user(self):
        self.stage()
        marks = [canary() for _ in range(4)]
        own = self.add_own("acme", value=marks[0])
        self.ask(self.envelope(f"/v1/{marks[1]}?q={marks[2]}", "GET", "acme/call", headers={"x-mark": marks[3]}))
        self.ask(self.envelope(f"/v1/models/{marks[1]}?q={marks[2]}", "GET", "openai/models"))
        text = self.text()
        for word in (*marks, SECRET, "ACME_KEY", own["secretId"], str(self.v.root)):
            self.assertNotIn(word, text)
        for name, (_, samples) in parse(text).items():
            for (_, labels) in samples:
                self.assertLessEqual({key for key, _ in labels},
                                     {"le", "version", "capability", "outcome", "class", "kind", "direction", "code", "reason", "scope",
                                      "result", "state", "phase", "socket", "status", "route", "layer"}, name)

    def test_a_request_is_known_by_one_id_everywhere(self):
        self.stage()
        answer = self.ask(self.envelope("/v1/models", "GET", "openai/models"), [("x-aivault-request-id", "mine")])
        request_id = answer.header("x-aivault-request-id")
        self.assertRegex(request_id, "^[a-z2-7]{26}$")
        self.assertIsNone(self.up.requests[-1].one("x-aivault-request-id") if self.up.requests[-1].all("x-aivault-request-id") else None)
        self.fresh_door()
        outcome = self.door.request("GET", f"/aivault/requests/{request_id}").json()
        self.assertEqual((request_id, "done", "ok", 200),
                         tuple(outcome[key] for key in ("requestId", "state", "outcome", "status")))
        rows = [row for row in self.v.calls() if row["requestId"] == request_id]
        self.assertEqual({"started", "ok"}, {row["outcome"] for row in rows} | {"started"})


if __name__ == "__main__":
    sys.exit(main())

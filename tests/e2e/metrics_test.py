"""GET /metrics: numbers for the operator alone, as Prometheus reads them, that follow what happens."""

import re
import sys

from lib.conformance import SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.scenario import canary, main
from lib.vault import wait_until
from tcp_test import TcpSocket, free_port

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?[0-9][0-9.e+-]*|\+Inf|NaN)")


def parse(text):
    """Text format 0.0.4, strictly: {name: (type, {(sample name, labels): value})}."""
    assert text.endswith("\n"), "no line end at the end"
    families, name = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line[len("# HELP "):].split(" ", 1)
            assert re.fullmatch(NAME, name) and help_text and name not in families, line
            families[name] = [None, {}]
        elif line.startswith("# TYPE "):
            typed, kind = line[len("# TYPE "):].split(" ")
            assert typed == name and families[name][0] is None and kind in ("counter", "gauge", "histogram"), line
            families[name][0] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            sample, labels, value = found.groups()
            pairs = LABEL.findall(labels or "")
            assert ",".join(f'{key}="{text}"' for key, text in pairs) == (labels or ""), line
            kind, samples = families[name]
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert sample in [name + suffix for suffix in suffixes], line
            key = (sample, tuple(sorted(pairs)))
            assert key not in samples, f"twice: {line}"
            samples[key] = float(value)
    for name, (kind, samples) in families.items():
        assert samples, f"{name} has no sample"
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    for (sample, labels), count in samples.items():
        if sample != name + "_count":
            continue
        buckets = [(float(dict(of)["le"]), value) for (each, of), value in samples.items()
                   if each == name + "_bucket" and tuple(pair for pair in of if pair[0] != "le") == labels]
        values = [value for _, value in sorted(buckets)]
        assert values == sorted(values) and buckets[-1][0] == float("inf") and values[-1] == count, (name, buckets)
        assert (name + "_sum", labels) in samples, name


class Metrics(Conformance):
    def text(self):
        with HttpSocket(self.v.socket) as door:
            answer = door.request("GET", "/metrics")
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (answer.status, answer.header("content-type")))
        return answer.body.decode()

    def value(self, name, **labels):
        families = parse(self.text())
        family = families.get(re.sub("_(bucket|sum|count)$", "", name)) or families.get(name) or (None, {})
        return family[1].get((name, tuple(sorted(labels.items()))), 0)

    def becomes(self, expected, name, **labels):
        wait_until(lambda: self.value(name, **labels) == expected, what=f"{name} {labels} = {expected}: {self.text()}")

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
        self.assertEqual(1, self.value("aivault_upstream_connections", state="idle"))

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
        process.kill()
        process.wait()
        self.becomes(0, "aivault_calls_in_flight", kind="stream")
        self.becomes(1, "aivault_calls_total", capability="openai/models", outcome="error", **{"class": "read"})

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
        self.becomes(1, "aivault_rate_limited_total", scope="rate")
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

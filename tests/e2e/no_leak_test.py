"""The secret's bytes are nowhere but in the request: not on disk, in output, logs or /proc."""

import base64
import pathlib
import sys

from lib.scenario import Scenario, canary, main


def forms(value):
    raw = value.encode()
    found = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    # Base64 at the three alignments: the inner part that no neighbour changes.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        found[f"base64+{shift}"] = encoded[(0, 2, 3)[shift] + 2:-3]
    return found


class NoLeak(Scenario):
    def search(self, vault, value, pid):
        for name, needle in forms(value).items():
            self.assertGreater(len(needle), 12)
            self.assertEqual([], vault.occurrences(needle), name)
            for entry in ("environ", "cmdline"):
                self.assertNotIn(needle, pathlib.Path(f"/proc/{pid}/{entry}").read_bytes(), name)

    def test_after_create_rotate_invoke_and_delete(self):
        vault = self.vault()
        seen = []

        def answer(exchange):
            seen.append(exchange.request.one("authorization"))
            body = exchange.request.raw_head
            exchange.reply(200, body + base64.b64encode(body) + body.hex().encode(),
                           [("x-echo", exchange.request.one("authorization"))])
        upstream = self.upstream(answer)
        daemon = vault.start_daemon(env={"AIVAULTD_LOG": "debug"})
        first, second = canary(), canary()
        secret = vault.add_api(upstream, self.ca, first)
        ref = secret["secretId"]
        call = ("--method", "GET", "--path", "/v1/x")
        for command in (("invoke",), ("json",), ("markdown",), ("invoke", "--include"), ("invoke", "--stream")):
            vault.run(command[0], "acme/call", *call, *command[1:])
        self.search(vault, first, daemon.pid)
        vault.ok("secrets", "rotate", "--id", ref, "--value-file", "-", stdin=second)
        vault.ok("invoke", "acme/call", *call)
        self.search(vault, first, daemon.pid)
        self.search(vault, second, daemon.pid)
        vault.ok("secrets", "delete", "--id", ref)
        vault.run("invoke", "acme/call", *call)
        self.assertEqual([f"Bearer {first}"] * 5 + [f"Bearer {second}"], seen)
        vault.audit()
        vault.ok("status", "-v")
        self.search(vault, second, daemon.pid)
        self.assertEqual(0, vault.stop_daemon())
        for value in (first, second):
            for name, needle in forms(value).items():
                self.assertEqual([], vault.occurrences(needle), name)

    def test_a_refused_connection_names_no_secret(self):
        vault, upstream = self.vault(), self.upstream()
        value = "123456:" + canary("")
        vault.add_api(upstream, self.ca, value, flags=("--auth", "path"))
        upstream.close()
        failed = vault.fails("UpstreamUnreachable", "invoke", "acme/call", "--method", "GET", "--path", "/v1/x")
        self.assertNotIn(value, failed.errors)
        vault.audit()
        for name, needle in forms(value).items():
            self.assertEqual([], vault.occurrences(needle), name)

    def test_the_daemon_is_closed_to_other_processes_of_its_user(self):
        vault = self.vault()
        daemon = vault.start_daemon()
        status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("CapEff:\t0000000000000000", status)
        limits = pathlib.Path(f"/proc/{daemon.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        self.assertEqual(["0", "0"], core.split()[4:6])
        # An undumpable process belongs to root in /proc, whoever runs it.
        self.assertEqual(0, pathlib.Path(f"/proc/{daemon.pid}/environ").stat().st_uid)


if __name__ == "__main__":
    sys.exit(main())

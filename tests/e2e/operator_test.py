"""What an operator types, and what the programs say to what is wrong."""

import json
import os
import pty
import socketserver
import subprocess
import sys
import threading

from lib.scenario import Scenario, canary, main
from lib import vault as programs
from lib.vault import wait_until

NOBODY = "vault:secret:00000000-0000-4000-8000-000000000000"


class Operator(Scenario):
    def test_secrets(self):
        vault = self.vault()
        made = vault.ok("secrets", "create", "--name", " ACME_KEY ", "--value-file", "-", "--alias", "b", "--alias", "a",
                        "--alias", "a", stdin="value\n").json()
        self.assertEqual(["secretId", "name", "aliases", "scope", "systemManaged", "createdAtMs", "updatedAtMs",
                          "lastUsedAtMs", "revokedAtMs", "valueVersion", "attachedGroups"], list(made))
        self.assertEqual(("ACME_KEY", ["a", "b"], "global", 1), (made["name"], made["aliases"], made["scope"], made["valueVersion"]))
        ref = made["secretId"]
        vault.fails("secret name 'ACME_KEY' already exists", "secrets", "create", "--name", "ACME_KEY", "--value-file", "-", stdin="x")
        vault.fails("alias 'a' conflicts", "secrets", "create", "--name", "B", "--alias", "a", "--value-file", "-", stdin="x")
        vault.fails("secret name is required", "secrets", "create", "--name", "  ", "--value-file", "-", stdin="x")
        vault.fails("must not be empty", "secrets", "create", "--name", "C", "--value-file", "-", stdin="\n")
        vault.fails("--workspace-id is required", "secrets", "create", "--name", "C", "--scope", "workspace", "--value-file", "-", stdin="x")
        vault.fails("--workspace-id", "secrets", "create", "--name", "C", "--workspace-id", "w", "--value-file", "-", stdin="x")
        scoped = vault.ok("secrets", "create", "--name", "ACME_KEY", "--scope", "group", "--workspace-id", "w", "--group-id", "g",
                          "--value-file", "-", stdin="x").json()
        self.assertEqual({"group": {"workspace_id": "w", "group_id": "g"}}, scoped["scope"])
        self.assertEqual(["global", {"group": {"workspace_id": "w", "group_id": "g"}}],
                         [s["scope"] for s in vault.ok("secrets", "list", "-v").json()] if ref < scoped["secretId"] else
                         [s["scope"] for s in reversed(vault.ok("secrets", "list", "-v").json())])
        self.assertEqual([scoped["secretId"]], [s["secretId"] for s in vault.ok("secrets", "list", "--scope", "group", "-v").json()])
        rotated = vault.ok("secrets", "rotate", "--id", f"vault:secret:{ref}", "--value-file", "-", stdin="new").json()
        self.assertEqual(2, rotated["valueVersion"])
        renamed = vault.ok("secrets", "update", "--id", ref, "--name", "NEW", "--clear-aliases").json()
        self.assertEqual(("NEW", []), (renamed["name"], renamed["aliases"]))
        vault.fails("not both", "secrets", "update", "--id", ref, "--alias", "x", "--clear-aliases")
        expiring = vault.ok("secrets", "update", "--id", ref, "--expires", "1h", "--rotate-every", "30").json()
        self.assertEqual(30, expiring["rotateEveryDays"])
        self.assertNotIn("expiresAtMs", vault.ok("secrets", "update", "--id", ref, "--expires", "never").json())
        vault.fails("secret not found", "secrets", "rotate", "--id", NOBODY, "--value-file", "-", stdin="x")
        text = vault.ok("secrets", "list").text
        self.assertIn("Secrets", text)
        self.assertIn("2 secrets", text)
        self.assertEqual("No secrets found.", self.vault().ok("secrets", "list").text.strip())

    def test_warnings_of_a_list_go_to_stderr(self):
        vault = self.vault("home")
        pages = {"/aivault/health": {"version": "0", "state": "ready"},
                 "/aivault/whoami": {"vaultRoot": str(vault.root)},
                 "first": {"items": [], "next": "2", "warnings": ["secrets/a: MAC", "b\x1b[31m"]},
                 "second": {"items": [], "next": None, "warnings": ["secrets/a: MAC", "c"]}}

        class Daemon(socketserver.StreamRequestHandler):
            def handle(self):
                while line := self.rfile.readline():
                    while self.rfile.readline().strip():
                        pass
                    target = line.split()[1].decode()
                    if target.startswith("/aivault/secrets"):
                        target = "second" if "cursor=2" in target else "first"
                    body = json.dumps(pages[target]).encode()
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

        path = vault.base / "fake.sock"
        with socketserver.ThreadingUnixStreamServer(str(path), Daemon) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            outcome = vault.ok("secrets", "list", env={"AIVAULTD_SOCKET": str(path)})
            server.shutdown()
        self.assertEqual("No secrets found.\n", outcome.text)
        self.assertEqual(["warning: secrets/a: MAC", "warning: b\x1b[31m", "warning: c"],
                         [line for line in outcome.errors.splitlines() if line.startswith("warning")])

    def test_secrets_as_arguments(self):
        vault = self.vault()
        warned = vault.ok("secrets", "create", "--name", "A", "--value", "v-argument")
        self.assertIn("warning: --value is visible to other users of this machine", warned.errors)
        vault.fails("--value", "secrets", "create", "--name", "B", "--value", "x", code=2, env={"AIVAULT_STRICT_ARGV": "1"})
        vault.fails("not both", "secrets", "create", "--name", "B", "--value", "x", "--value-file", "-")
        vault.fails("provide --value or --value-file", "secrets", "create", "--name", "B")
        (vault.base / "value.txt").write_text("from a file\n")
        vault.ok("secrets", "create", "--name", "C", "--value-file", "value.txt")
        vault.fails("No such file", "secrets", "create", "--name", "D", "--value-file", "none.txt")
        too_big = "x" * ((1 << 20) + 1)
        vault.fails("1 MiB", "secrets", "create", "--name", "D", "--value-file", "-", stdin=too_big)
        vault.ok("secrets", "create", "--name", "D", "--value-file", "-", stdin=too_big[:-1])

    def test_a_prompt_hides_what_is_typed(self):
        vault = self.vault()
        vault.ok("status")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(programs.CLI), [str(programs.CLI), "secrets", "create", "--name", "TYPED"], vault.environment())
        shown = b""
        while b":" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, b"typed-secret-value\n")
        try:
            while piece := os.read(terminal, 1000):
                shown += piece
        except OSError:
            pass
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(0, status, shown)
        self.assertNotIn(b"typed-secret-value", shown)
        self.assertEqual(["TYPED"], [s["name"] for s in vault.ok("secrets", "list", "-v").json()])

    def test_a_prompt_obeys_no_name(self):
        vault = self.vault()
        vault.ok("status")
        pid, terminal = pty.fork()
        if pid == 0:
            name = "x\x1b[31my\u202e"
            os.execve(str(programs.CLI), [str(programs.CLI), "secrets", "create", "--name", name], vault.environment())
        shown = b""
        while b": " not in shown:
            shown += os.read(terminal, 1000)
        self.assertEqual(b"Value of x\\x1b[31my\\u{202e}: ", shown)
        os.write(terminal, b"\n")
        try:
            while piece := os.read(terminal, 1000):
                shown += piece
        except OSError:
            pass
        os.waitpid(pid, 0)
        os.close(terminal)
        self.assertNotIn(b"\x1b", shown)

    def test_a_daemon_that_cannot_start_says_why_once(self):
        vault = self.vault()
        wrong = {"AIVAULTD_LOG": "loud"}
        for env, command in ((wrong, ("status",)), (wrong, ("secrets", "list")),
                             ({**wrong, "AIVAULTD_DISABLE": "1"}, ("invoke", "a/b", "--method", "GET", "--path", "/"))):
            with self.subTest(command):
                self.assertEqual("invalid AIVAULTD_LOG 'loud'\n",
                                 vault.fails("invalid AIVAULTD_LOG", *command, env=env).errors)

    def test_a_provider_of_the_registry_decides(self):
        vault = self.vault()
        secret = vault.add_secret("SOME_KEY", "sk-" + "0" * 40)
        made = vault.ok("credential", "create", "mine", "--provider", "openai", "--secret-ref",
                        f"vault:secret:{secret['secretId']}", "--header-name", "x-evil")
        self.assertEqual("authorization", made.json()["auth"]["header"]["header_name"])
        self.assertIn("warning: --header-name is ignored: provider 'openai' is in the registry\n", made.errors)
        refused = vault.fails("--auth is required", "credential", "create", "b", "--provider", "acme", "--secret-ref",
                              f"vault:secret:{secret['secretId']}", "--header-name", "x-a")
        self.assertNotIn("registry'", refused.errors)
        self.assertNotIn("warning", refused.errors)

    def test_the_setup_of_a_provider_is_what_most_of_it_needs(self):
        text = self.vault().ok("capability", "list").text
        begin = text.index("\n  openrouter\n")
        setup = text[text.index("Setup:", begin):].splitlines()[0]
        self.assertEqual("Setup: aivault secrets create --name OPENROUTER_API_KEY --scope global", setup)

    def test_credentials(self):
        vault = self.vault()
        secret = vault.add_secret("ACME_KEY", "value-0123456789")
        ref = f"vault:secret:{secret['secretId']}"
        create = ("credential", "create")
        made = vault.ok(*create, "acme", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--host", "API.acme.test").json()
        self.assertEqual({"id": "acme", "provider": "acme", "workspaceId": None, "groupId": None,
                          "auth": {"header": {"header_name": "authorization", "value_template": "Bearer {{secret}}"}},
                          "hosts": ["api.acme.test"], "secretRef": ref}, made)
        cases = [
            (("acme", "--provider", "acme", "--secret-ref", ref), "credential 'acme' already exists"),
            (("b", "--provider", "", "--secret-ref", ref), "credential provider is required"),
            (("b", "--provider", "acme", "--secret-ref", ref), "--auth is required when provider is not in built-in registry"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "header"), "at least one --host is required when provider is not in built-in registry"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--host", "*.acme.test"), "wildcard"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--host", "https://acme.test"), "invalid host authority"),
            (("b", "--provider", "acme", "--secret-ref", "nonsense", "--auth", "header", "--host", "a.test"), "invalid secret_ref"),
            (("b", "--provider", "acme", "--secret-ref", NOBODY, "--auth", "header", "--host", "a.test"), "secret does not exist"),
            (("b", "--provider", "openai", "--secret-ref", ref, "--host", "evil.test"), "credential host is not allowed by registry provider host policy"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "path", "--path-prefix-template", "/bot", "--host", "a.test"), "exactly one {{secret}}"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--header-name", "host", "--host", "a.test"), "host"),
            (("b c", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--host", "a.test"), "credential id"),
            (("b", "--provider", "acme", "--secret-ref", ref, "--auth", "header", "--host", "a.test", "--group-id", "g"), "--workspace-id is required when --group-id is provided"),
        ]
        for arguments, text in cases:
            with self.subTest(text):
                vault.fails(text, *create, *arguments)
        vault.fails("--secret-ref", *create, "b", "--provider", "acme", code=2)
        listed = vault.ok("credential", "list", "-v").json()
        self.assertEqual((["acme"], str(vault.root / "vault.db")), ([c["id"] for c in listed["credentials"]], listed["path"]))
        self.assertIn("Hosts: api.acme.test", vault.ok("credential", "list").text)
        self.assertEqual({"id": "acme", "removed": True}, vault.ok("credential", "delete", "acme").json())
        self.assertFalse(vault.ok("credential", "delete", "acme").json()["removed"])
        self.assertEqual("No credentials found.", vault.ok("credential", "list").text.strip())

    def test_capabilities(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        create = ("capability", "create")
        cases = [
            (("acme/call", "--credential", "acme", "--method", "GET", "--path", "/v1"), "capability 'acme/call' already exists"),
            (("openai/chat-completions", "--credential", "acme", "--method", "GET", "--path", "/v1"), "already exists"),
            (("acme/b", "--credential", "acme", "--path", "/v1"), "at least one --method is required"),
            (("acme/b", "--credential", "acme", "--method", "GET"), "at least one --path is required"),
            (("acme/b", "--credential", "none", "--method", "GET", "--path", "/v1"), "credential 'none' not found"),
            (("acme/b", "--method", "GET", "--path", "/v1"), "--provider or --credential is required"),
            (("acme/b", "--provider", "acme", "--method", "GET", "--path", "/v1"), "at least one --host is required when --credential is not provided"),
            (("acme/b", "--provider", "acme", "--host", "a.test", "--host", "b.test", "--method", "GET", "--path", "/v1"), "core conformance requires allow.hosts length = 1"),
            (("acme/b", "--credential", "acme", "--method", "GET", "--path", "/v1/../x"), "path"),
            (("acme/b", "--credential", "acme", "--method", "GET", "--path", "v1"), "path"),
            (("acme/b", "--credential", "acme", "--method", "CONNECT", "--path", "/v1"), "CONNECT"),
            (("acme/*", "--credential", "acme", "--method", "GET", "--path", "/v1"), "capability id"),
        ]
        for arguments, text in cases:
            with self.subTest(text):
                vault.fails(text, *create, *arguments)
        described = vault.ok("capability", "describe", "acme/call").json()
        self.assertEqual({"allowed": {"hosts": [upstream.authority], "methods": ["GET", "POST"], "pathPrefixes": ["/v1"]},
                          "capability": "acme/call", "provider": "acme", "setup": None},
                         {key: described[key] for key in ("allowed", "capability", "provider", "setup")})
        self.assertEqual({"method": None, "path": "/v1"}, described["call"]["defaults"])
        self.assertEqual({"id": "acme/call", "removedCapability": True, "removedPolicy": False},
                         vault.ok("capability", "delete", "acme/call").json())

    def test_invoke_judges_before_it_connects(self):
        vault = self.vault()
        (vault.base / "f").write_text("x")
        cases = [
            (("invoke", "a/b", "--request", "{}", "--method", "GET"), "do not mix --request/--request-file with manual request flags"),
            (("invoke", "a/b", "--request", "{}", "--request-file", "f"), "provide only one of --request or --request-file"),
            (("invoke", "a/b", "--request", '{"zz":1}'), "invalid request payload JSON"),
            (("invoke", "a/b", "--request", '{"method":"GET","method":"GET"}'), "invalid request payload JSON"),
            (("invoke", "a/b", "--request", '{"capability":"c/d","request":{"method":"GET","path":"/"}}'), "does not match command capability"),
            (("invoke", "a/b", "--request", '{"capability":"a/b","credential":"x","request":{}}', "--credential", "y"), "credential provided in both payload and --credential"),
            (("invoke", "a/b", "--method", "", "--path", "/"), "--method cannot be empty"),
            (("invoke", "a/b", "--method", "GET", "--path", " "), "--path cannot be empty"),
            (("invoke", "a/b", "--header", "nonsense"), "invalid --header 'nonsense'"),
            (("invoke", "a/b", "--body", "x", "--body-file-path", "f"), "only one of --body, --body-file-path, or multipart flags is allowed"),
            (("invoke", "a/b", "--multipart-field", "a=1", "--multipart-field", "a=2"), "duplicate multipart field 'a'"),
            (("invoke", "a/b", "--body-file-path", "none"), "bodyFilePath not accessible"),
            (("invoke", "a/b", "--body-file-path", "."), "bodyFilePath not accessible"),
            (("invoke", "a/b", "--multipart-file", "f=none"), "multipart file path not accessible"),
            (("invoke", "a/b", "--client-ip", "zz"), "invalid --client-ip"),
            (("invoke", "a/b", "--client-ip", "8.8.8.8"), "non-loopback clients are rejected by default"),
            (("invoke", " "), "capability id required"),
            (("invoke", "a/b", "--group-id", "g"), "--workspace-id is required when --group-id is provided"),
            (("json", "a/b", "--stream"), "--stream is only supported with raw"),
            (("markdown", "a/b", "--include"), "--include is only supported with invoke and json"),
        ]
        for arguments, text in cases:
            with self.subTest(text):
                vault.fails(text, *arguments, env={"AIVAULTD_AUTOSTART": "0"})
        self.assertFalse(vault.root.exists())
        vault.fails("(thin client daemon attempt failed first: capability 'a/b' is not available locally; "
                    "pass --method/--path or use --request/--request-file)", "invoke", "a/b", env={"AIVAULTD_AUTOSTART": "0"})

    def test_json_and_markdown_refuse_what_they_cannot_show(self):
        vault = self.vault()
        bodies = {"text": b"plain text", "bytes": b"\xff\xfe\x00", "empty": b""}

        def answer(exchange):
            if exchange.request.target.endswith("/broken"):
                exchange.reply(500, "<h1>Oops</h1>", [("content-type", "text/html"), ("x-a", "caf\xe9")])
                return
            if exchange.request.target.endswith("/latin"):
                exchange.reply(200, "{}", [("x-a", "caf\xe9"), ("x-b", "\xc3\xa9"), ("x-c", "\x80\xff")])
                return
            exchange.reply(200, bodies[exchange.request.target.rsplit("/", 1)[1]], [("content-type", "text/plain")])
        vault.add_api(self.upstream(answer), self.ca, canary())
        call = ("acme/call", "--method", "GET", "--path")
        failed = vault.fails("upstream response body is not valid JSON", "json", *call, "/v1/text")
        self.assertIn("aivault invoke", failed.errors)
        self.assertIsNone(vault.ok("json", *call, "/v1/empty").json()["response"]["json"])
        self.assertEqual("plain text", vault.ok("markdown", *call, "/v1/text").text)
        vault.fails("upstream response body is not utf8 or json", "markdown", *call, "/v1/bytes")
        self.assertEqual(bodies["bytes"], vault.ok("invoke", *call, "/v1/bytes").out)
        # A failed status counts even where the body cannot be shown.
        failed = vault.fails("upstream response body is not valid JSON", "json", *call, "/v1/broken", "--fail", code=22)
        self.assertIn("\nupstream returned HTTP 500\n", failed.errors)
        vault.fails("upstream response body is not valid JSON", "json", *call, "/v1/broken")
        # A document is UTF-8 whatever bytes the headers hold.
        shown = vault.ok("json", *call, "/v1/latin", "--include").json()["response"]["headers"]
        values = {header["name"]: header["value"] for header in shown}
        self.assertEqual(("caf\xe9", "\xe9", "\x80\xff"), (values["x-a"], values["x-b"], values["x-c"]))

    def test_usage_errors_help_and_version(self):
        vault = self.vault()
        for arguments in (("nonsense",), ("secrets",), ("status", "--nope"), ("secrets", "list", "--scope", "x"),
                          ("invoke",), ("audit", "--limit", "-1"), ("audit", "--limit", "x"), ("status", "-v", "-v"),
                          ("status", "-v=1"), ("help", "-v"),
                          ("secrets", "create", "--name", "a", "--name", "b"), ("secrets", "lis"), ("credential", "create", "x")):
            with self.subTest(arguments):
                outcome = vault.run(*arguments)
                self.assertEqual((2, b""), (outcome.code, outcome.out), str(outcome))
                self.assertIn("sage:", outcome.errors)
        for arguments in (("--help",), ("help",), ("secrets", "--help"), ("help", "secrets", "create"), ("invoke", "-h"),
                          ("--version",), ("completion", "bash"), ("completion", "zsh"), ("completion", "fish")):
            with self.subTest(arguments):
                outcome = vault.ok(*arguments)
                self.assertGreater(len(outcome.out), 10)
                self.assertEqual(b"", outcome.err)
        self.assertFalse(vault.root.exists())
        shell = subprocess.run(["bash", "-n"], input=vault.ok("completion", "bash").out)
        self.assertEqual(0, shell.returncode)

    def test_doctor(self):
        vault = self.vault()
        outcome = vault.run("doctor", "-v")
        self.assertFalse(vault.root.exists(), "doctor never makes a vault")
        vault.start_daemon()
        vault.ok("status")
        report = vault.ok("doctor", "-v").json()
        self.assertTrue(report["ok"], report)
        ids = [check["id"] for check in report["checks"]]
        for wanted in ("versions", "binaries", "vault-directory", "vault-files", "key-file-mode", "kek-check", "database",
                       "daemon-reachable", "daemon-identity", "socket-paths"):
            self.assertIn(wanted, ids)
        self.assertEqual({str}, {type(check["hint"]) for check in report["checks"]})
        vault.key_file.chmod(0o644)
        outcome = vault.run("doctor")
        self.assertEqual(1, outcome.code, str(outcome))
        self.assertRegex(outcome.text, r"fail +key-file-mode")
        self.assertIn("chmod", outcome.text)
        self.assertRegex(outcome.text.rstrip().splitlines()[-1], r"^\d+ ok, \d+ warn, \d+ fail$")

    def test_doctor_judges_the_socket_path(self):
        vault = self.vault("home")
        vault.ok("status")
        (vault.base / "file").write_text("x")
        cases = [
            ("/tmp/aiv-doctor.sock", "unsafe socket directory '/tmp'", "use a socket path in a directory of your own"),
            (vault.base / ("a" * 110), "socket path too long", "choose a path of at most 107 bytes"),
            (vault.base / "file", f"'{vault.base}/file' exists and is not our socket", "remove it"),
            (vault.base / "file/x.sock", f"'{vault.base}/file' is no directory", "use a socket path"),
        ]
        for path, detail, hint in cases:
            with self.subTest(detail):
                outcome = vault.run("doctor", "-v", env={"AIVAULTD_SOCKET": str(path)})
                self.assertEqual(1, outcome.code, str(outcome))
                report = outcome.json()
                found = {check["id"]: check for check in report["checks"]}
                self.assertEqual((False, "fail"), (report["ok"], found["socket-paths"]["status"]))
                self.assertIn(detail, found["socket-paths"]["detail"])
                self.assertIn(hint, found["socket-paths"]["hint"])
                self.assertNotIn("the first call starts it", outcome.text)

    def test_a_closed_pipe_is_no_error_message(self):
        vault = self.vault()

        def answer(exchange):
            exchange.start(200)
            try:
                for _ in range(2000):
                    exchange.chunk("y" * 65536)
                exchange.end()
            except OSError:
                exchange.open = False
        vault.add_api(self.upstream(answer), self.ca, canary())
        process = vault.start("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        process.stdin.close()
        process.stdout.read(10)
        process.stdout.close()
        self.assertEqual(-13, process.wait(60))
        self.assertEqual(b"", process.stderr.read())
        process.stderr.close()

    def test_an_interrupted_call_is_cancelled_upstream(self):
        import signal
        begun, gone = threading.Event(), threading.Event()

        def answer(exchange):
            begun.set()
            try:
                exchange.connection.socket.settimeout(20)
                gone.set() if exchange.connection.socket.recv(1) == b"" else None
            except OSError:
                gone.set()
            exchange.open = False
        vault = self.vault("home")
        vault.add_api(self.upstream(answer), self.ca, canary())
        process = vault.start("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        process.stdin.close()
        self.assertTrue(begun.wait(30))
        process.send_signal(signal.SIGINT)
        self.assertEqual(-2, process.wait(20))
        self.assertTrue(gone.wait(10))
        wait_until(lambda: vault.calls("--outcome", "error"), what="the end record")
        process.stdout.close()
        process.stderr.close()


if __name__ == "__main__":
    sys.exit(main())

"""The command line against a daemon that a test plays: what it sends, what it makes of answers."""

import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time

from lib import scripted_daemon
from lib import vault as programs
from lib.scenario import Scenario, main
from lib.scripted_daemon import ScriptedDaemon, Stream, send_error, send_json

ARCHIVE = b"archive" * 30_000
STATUS = {"enabled": True, "providerType": "passphrase", "locked": True, "kekId": None}
STRONG = "correct horse battery"


def secret_of(index):
    return {"secretId": f"id-{index}", "name": f"NAME_{index:06}", "aliases": [], "scope": "global",
            "revokedAtMs": None, "attachedGroups": []}


class Client(Scenario):
    def setUp(self):
        self.vault = programs.Vault()
        self.addCleanup(self.vault.close)
        version = subprocess.run([str(programs.CLI), "--version"], capture_output=True, text=True, check=True)
        scripted_daemon.VERSION = version.stdout.split()[1]

    def daemon(self, answer):
        daemon = ScriptedDaemon(self.vault.socket, self.vault.root, answer)
        self.addCleanup(daemon.close)
        return daemon

    def backup(self, *flags, **options):
        return self.vault.run("backup", "--output", "a.aivb", "--passphrase-file", "-", *flags, stdin=STRONG + "\n",
                              **options)

    def files(self):
        return sorted(p.name for p in self.vault.base.iterdir() if ".aivb" in p.name)

    # backup

    def test_a_backup_is_what_the_daemon_sent(self):
        def answer(_, connection):
            stream = Stream(connection)
            stream.write(ARCHIVE[:1000])
            stream.write(ARCHIVE[1000:])
            stream.end(outcome="ok", sha256=hashlib.sha256(ARCHIVE).hexdigest(), secrets=3)
        daemon = self.daemon(answer)
        outcome = self.backup("--without-key")
        self.assertEqual(0, outcome.code, outcome)
        self.assertEqual({"passphrase": STRONG, "withoutKey": True}, daemon.requests[0].json())
        path = self.vault.base / "a.aivb"
        self.assertEqual(ARCHIVE, path.read_bytes())
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        report = outcome.json()
        self.assertEqual((len(ARCHIVE), 3, False, str(path)),
                         (report["bytes"], report["secrets"], report["includesKey"], report["output"]))

    def test_a_bad_backup_leaves_no_file(self):
        def wrong_hash(connection):
            stream = Stream(connection)
            stream.write(ARCHIVE)
            stream.end(outcome="ok", sha256="0" * 64, secrets=3)

        def error(connection):
            stream = Stream(connection)
            stream.write(ARCHIVE)
            stream.end(outcome="error", error="vault_unavailable", reason="io_error", message="io%20error%3A%20full")

        def cut(connection):
            stream = Stream(connection)
            stream.write(ARCHIVE)
            connection.shutdown(2)

        for play, marker in ((wrong_hash, "is not what the daemon sent"), (error, "io error: full"), (cut, "was lost")):
            with self.subTest(marker):
                self.vault.socket.unlink(missing_ok=True)
                daemon = self.daemon(lambda _, connection, play=play: play(connection))
                outcome = self.backup()
                self.assertEqual((1, b""), (outcome.code, outcome.out), outcome)
                self.assertIn(marker, outcome.errors)
                self.assertEqual([], self.files())
                daemon.close()

    def test_an_existing_file_is_refused_before_anything_is_asked(self):
        daemon = self.daemon(lambda *_: None)
        (self.vault.base / "a.aivb").write_text("old")
        outcome = self.backup()
        self.assertEqual(1, outcome.code)
        self.assertIn("exists; --force replaces it", outcome.errors)
        self.assertEqual([], daemon.requests)

    # secrets list

    def test_a_list_is_printed_page_by_page(self):
        may_go_on = threading.Event()

        def answer(request, connection):
            if "cursor" in request.target:
                may_go_on.wait(60)
                send_json(connection, {"items": [secret_of(2)], "next": None})
            else:
                send_json(connection, {"items": [secret_of(i) for i in range(100)], "next": "c",
                                       "warnings": ["the vault is locked: records are unverified"]})
        self.daemon(answer)
        process = self.vault.start("secrets", "list", "--json")
        ready, _, _ = select.select([process.stdout], [], [], 60)
        self.assertTrue(ready, "nothing was printed before the second page")
        may_go_on.set()
        out, err = process.communicate(timeout=60)
        self.assertEqual(101, len(json.loads(out)))
        self.assertEqual(b"warning: the vault is locked: records are unverified\n", err)

    def test_both_forms_of_a_list_are_as_documented(self):
        self.daemon(lambda _, connection: send_json(connection, {"items": [secret_of(1)], "next": None}))
        self.assertEqual("Secrets\n  NAME_000001\n      ID: id-1\n      Scope: global\n\n1 secret\n"
                         "Use --verbose for the whole records as JSON.\n", self.vault.ok("secrets", "list").text)
        text = self.vault.ok("secrets", "list", "-v").text
        self.assertEqual(json.dumps([secret_of(1)], indent=2) + "\n", text)

    # audit --follow

    def test_events_are_printed_as_they_come_until_nobody_reads(self):
        def answer(_, connection):
            stream = Stream(connection, "application/x-ndjson")
            stream.write(b'{"seq":1}\n')
            time.sleep(60)
        daemon = self.daemon(answer)
        process = self.vault.start("audit", "--follow", "--kind", "secret.*")
        self.assertEqual(b'{"seq":1}\n', process.stdout.readline())
        self.assertEqual("/aivault/audit?limit=10&kind=secret.%2A&follow=1", daemon.requests[0].target)
        process.stdout.close()
        self.assertEqual(-signal.SIGPIPE, process.wait(60))
        process.stdin.close()
        process.stderr.close()

    def test_an_interrupt_ends_following(self):
        def answer(_, connection):
            Stream(connection, "application/x-ndjson").write(b'{"seq":1}\n')
            time.sleep(60)
        self.daemon(answer)
        process = self.vault.start("audit", "--follow")
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(-signal.SIGINT, process.returncode)

    # secrets import

    def test_many_entries_go_in_requests_of_a_size_that_is_taken(self):
        def answer(request, connection):
            names = [entry["name"] for entry in request.json()["entries"]]
            send_json(connection, {"notices": [], "result": {
                "created": names[:1], "failed": [], "rotated": names[1:], "skipped": []}})
        daemon = self.daemon(answer)
        lines = "".join(f"KEY_{i:05}=value-{i}\n" for i in range(2500))
        outcome = self.vault.run("secrets", "import", "--env-file", "-", "--scope", "workspace", "--workspace-id", "w1",
                                 stdin=lines + "hunter2\n")
        self.assertEqual(1, outcome.code, outcome)
        self.assertEqual([1000, 1000, 500], [len(r.json()["entries"]) for r in daemon.requests])
        first = daemon.requests[0].json()
        self.assertEqual(("workspace", "w1"), (first["scope"], first["workspaceId"]))
        self.assertEqual({"name": "KEY_00000", "valueB64": "dmFsdWUtMA=="}, first["entries"][0])
        report = outcome.json()
        self.assertEqual((3, 2497), (len(report["created"]), len(report["rotated"])))
        self.assertEqual([{"error": "expected KEY=VALUE", "name": "stdin:2501"}], report["failed"])
        self.assertNotIn("hunter2", outcome.text + outcome.errors)

    def test_the_last_value_of_a_name_wins_files_first(self):
        result = {"created": ["A"], "failed": [], "rotated": [], "skipped": []}
        daemon = self.daemon(lambda _, c: send_json(c, {"notices": [], "result": result}))
        outcome = self.vault.ok("secrets", "import", "--entry", "A=two", "--env-file", "-", stdin="A=one\n")
        self.assertEqual([{"name": "A", "valueB64": "dHdv"}], daemon.requests[0].json()["entries"])
        self.assertIn("warning: --entry is visible", outcome.errors)

    def test_nothing_to_import_is_an_empty_result(self):
        self.assertEqual({"created": [], "failed": [], "rotated": [], "skipped": []},
                         self.vault.ok("secrets", "import").json())

    def test_a_malformed_entry_is_refused_without_its_text(self):
        for entry, marker in (("hunter2", "expected KEY=VALUE"), (" =hunter2", "entry key cannot be empty")):
            outcome = self.vault.fails(marker, "secrets", "import", "--entry", entry)
            self.assertNotIn("hunter2", outcome.errors)

    # unlock, and prompts

    def passphrase_header(self):
        self.vault.root.mkdir(exist_ok=True)
        (self.vault.root / "vault.json").write_text('{"provider":{"type":"passphrase","kdf":{}}}')

    def test_unlock_starts_nothing_without_a_vault(self):
        self.vault.fails("vault not enabled", "unlock", "--passphrase-file", "-", stdin=STRONG)
        self.assertFalse(self.vault.socket.exists())

    def test_unlock_hands_the_passphrase_over(self):
        self.passphrase_header()
        def answer(request, connection):
            result = STATUS if request.method == "GET" else {"notices": [], "result": {**STATUS, "locked": False}}
            send_json(connection, result)
        daemon = self.daemon(answer)
        outcome = self.vault.ok("unlock", "--passphrase-file", "-", "--for", "8h", stdin='p"\\ß\n')
        self.assertFalse(outcome.json()["locked"])
        self.assertEqual({"passphrase": 'p"\\ß', "forMs": 28_800_000}, daemon.requests[1].json())

    def test_unlock_needs_a_daemon_that_stays(self):
        self.passphrase_header()
        for variable, value in (("AIVAULTD_DISABLE", "1"), ("AIVAULTD_AUTOSTART", "0")):
            self.vault.fails("unlock needs a running aivaultd", "unlock", "--passphrase-file", "-", stdin=STRONG,
                             env={variable: value})

    def test_a_locked_vault_points_to_unlock(self):
        self.daemon(lambda _, c: send_error(c, "vault_unavailable", "vault_locked", "vault locked"))
        outcome = self.vault.fails("vault locked", "audit", "verify")
        self.assertIn("aivault unlock", outcome.errors)

    def on_terminal(self, arguments, entries):
        """(exit status, everything printed); each entry answers one prompt."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(programs.CLI), ["aivault", *arguments], self.vault.environment())
        printed, waiting = b"", list(entries)
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            printed += piece
            if waiting and piece.endswith(b": "):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed.decode()

    def test_a_new_passphrase_is_asked_for_twice(self):
        # The state of the vault is asked for before the person at the keyboard is.
        daemon = self.daemon(lambda request, c: send_json(
            c, {**STATUS, "locked": False} if request.method == "GET" else {"notices": [], "result": STATUS}))
        code, printed = self.on_terminal(["rotate-master", "--provider", "passphrase"], [STRONG, "another"])
        self.assertEqual(1, code)
        self.assertIn("the two entries differ", printed)
        self.assertEqual(["GET"], [request.method for request in daemon.requests])
        code, printed = self.on_terminal(["rotate-master", "--provider", "passphrase"], [STRONG, STRONG])
        self.assertEqual(0, code, printed)
        self.assertEqual({"provider": "passphrase", "newPassphrase": STRONG}, daemon.requests[-1].json())
        self.assertNotIn(STRONG, printed)

    # two sources, and secrets in arguments

    def test_two_sources_of_one_secret_are_refused(self):
        for words, marker in (
                (("secrets", "create", "--name", "A", "--value", "a", "--value-file", "f"),
                 "provide either --value or --value-file, not both"),
                (("init", "--provider", "passphrase", "--passphrase", "a", "--passphrase-file", "f"),
                 "provide either --passphrase or --passphrase-file, not both"),
                (("rotate-master", "--new-key", "a", "--new-passphrase", "b"), "provide only one of --new-key"),
                (("import", "--from", "d", "--key-file", "f", "--key-env", "V"), "provide only one of --key-file")):
            self.vault.fails(marker, *words)

    def test_secrets_in_arguments_are_refused_where_that_is_asked_for(self):
        for words, hint in ((("secrets", "create", "--name", "A", "--value=hunter2"), "--value-file"),
                            (("secrets", "import", "--entry", "A=hunter2"), "--env-file"),
                            (("init", "--passphrase", "hunter2"), "--passphrase-file"),
                            (("unlock", "--passphrase", "hunter2"), "--passphrase-file"),
                            (("rotate-master", "--new-key", "hunter2"), "--new-key-file"),
                            (("rotate-master", "--new-passphrase", "hunter2"), "--new-passphrase-file")):
            outcome = self.vault.fails(hint, *words, code=2, env={"AIVAULT_STRICT_ARGV": "1"})
            self.assertNotIn("hunter2", outcome.errors)
            self.assertFalse(self.vault.root.exists())

    def test_a_passphrase_without_a_source_names_the_flags(self):
        for words, marker in ((("init", "--provider", "passphrase"), "--passphrase is required for --provider passphrase"),
                              (("backup", "--output", "o"), "provide --passphrase-file")):
            self.vault.fails(marker, *words)


if __name__ == "__main__":
    sys.exit(main())

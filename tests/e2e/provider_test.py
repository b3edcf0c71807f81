"""Providers that operators bring: the newcomer's path, and what a file can never do."""

import json
import pathlib
import sqlite3
import sys

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "registry/meta/template.json"


def made_ours(text):
    """The template as an operator's file: every id begins with x-."""
    return text.replace('"provider": "acme"', '"provider": "x-acme"').replace('"acme/', '"x-acme/')


class Provider(Scenario):
    def setUp(self):
        self.vendors = self.authority.issue("acme", ("DNS:api.acme.example", "DNS:api.openai.com"))

    def stage(self, layout="dir"):
        vault, upstream = self.vault(layout), self.upstream(certificate=self.vendors)
        hosts = ("api.acme.example", "api.openai.com")
        self.env = {"AIVAULT_DEV_RESOLVE": ",".join(f"{host}=127.0.0.1:{upstream.port}" for host in hosts),
                    "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)}
        return vault, upstream

    def file(self, vault, text, name="x-acme.json"):
        path = vault.base / name
        path.write_text(text)
        return path

    def added(self, vault, text=None):
        return vault.ok("provider", "add", self.file(vault, text or made_ours(TEMPLATE.read_text())))

    CALL = ("invoke", "x-acme/tickets", "--method", "GET", "--path", "/v1/tickets/7")

    def test_the_path_of_a_newcomer(self):
        vault, upstream = self.stage()
        # The template as it is, half filled in: every fault at once, with its place.
        text = made_ours(TEMPLATE.read_text()).replace('"class": "destructive"', '"class": "write"')
        text = text.replace("ACME_API_KEY", "OPENAI_API_KEY").replace('"api.acme.example"', '"https://api.acme.example"')
        path = self.file(vault, text)
        judged = vault.run("provider", "check", path)
        self.assertEqual(1, judged.code, judged)
        report = judged.json()
        self.assertFalse(report["ok"])
        lines = text.splitlines()
        for code, word in (("HOST-1", "https://"), ("SET-1", "OPENAI_API_KEY"), ("CAP-3", '"class": "write"')):
            error = next(error for error in report["errors"] if error["code"] == code)
            self.assertIn(word, lines[error["line"] - 1])
            self.assertIn(f"{path}:{error['line']}:{error['column']}: error {code}: {error['text']}", judged.errors)
        refused = vault.run("provider", "add", path)
        self.assertEqual((1, b""), (refused.code, refused.out))
        self.assertIn("the provider file has errors; nothing was changed", refused.errors)
        self.assertIn("error CAP-3", refused.errors)
        self.assertEqual([], vault.ok("provider", "list").json()["files"])
        # Put right.
        self.file(vault, made_ours(TEMPLATE.read_text()))
        self.assertTrue(vault.ok("provider", "check", path).json()["ok"])
        added = vault.ok("provider", "add", path)
        self.assertEqual((True, False), (added.json()["added"], added.json()["replaced"]))
        self.assertIn("destructive  x-acme/tickets: GET POST PUT DELETE /v1/tickets", added.errors)
        self.assertIn("Next: aivault secrets create --name ACME_API_KEY", added.errors)
        key = canary("acme-")
        made = vault.ok("secrets", "create", "--name", "ACME_API_KEY", "--value-file", "-", stdin=key)
        self.assertIn("Secret created: ACME_API_KEY (pinned to provider: x-acme)", made.errors)
        self.assertIn("Credential auto-provisioned: x-acme (1 capability enabled)", made.errors)
        described = vault.ok("capability", "describe", "x-acme/tickets").json()
        self.assertEqual("Read, create, change and delete tickets", described["summary"])
        self.assertIn("x-acme/tickets", vault.ok("capability", "list", "--ready").text)
        vault.ok(*self.CALL, env=self.env)
        seen = upstream.requests[-1]
        self.assertEqual(("/v1/tickets/7", f"Bearer {key}", "api.acme.example"),
                         (seen.target, seen.one("authorization"), seen.one("host")))
        for path, method in (("/v1/ticketsx", "GET"), ("/v1/api_keys", "GET"), ("/v1/tickets", "PATCH")):
            vault.fails("PolicyViolation", "invoke", "x-acme/tickets", "--method", method, "--path", path, env=self.env)
        self.assertEqual(1, len(upstream.requests))

    def test_a_file_from_stdin_and_back(self):
        vault, _ = self.stage()
        text = made_ours(TEMPLATE.read_text())
        self.assertTrue(vault.ok("provider", "check", "-", stdin=text).json()["ok"])
        vault.ok("provider", "add", "-", stdin=text)
        self.assertEqual(text, vault.ok("provider", "export", "x-acme").text)
        shown = vault.ok("provider", "show", "x-acme").json()
        self.assertEqual(["api.acme.example"], shown["hosts"])
        # A known provider's file is one to start from.
        exported = vault.ok("provider", "export", "openai").text
        self.assertEqual((TEMPLATE.parents[1] / "openai.json").read_text(), exported)
        self.assertIn("OPENAI_API_KEY", vault.ok("provider", "show", "openai").json()["secrets"])
        vault.fails("provider 'x-none' not found", "provider", "export", "x-none")
        vault.fails("is larger than 256 KiB", "provider", "check", "-", stdin=" " * 300_000)
        vault.fails("cannot read provider file", "provider", "check", vault.base / "nowhere.json")

    def test_check_needs_no_vault_and_no_daemon(self):
        vault, _ = self.stage("home")
        vault.ok("provider", "check", "-", stdin=made_ours(TEMPLATE.read_text()))
        self.assertFalse(vault.root.exists())
        self.assertEqual([], vault.daemons())

    def test_nothing_that_is_known_can_be_claimed(self):
        vault, _ = self.stage()
        template = made_ours(TEMPLATE.read_text())
        for marker, text in (
                ("begins with x-", TEMPLATE.read_text()),
                ("invalid capability id 'openai/models'", template.replace('"x-acme/tickets"', '"openai/models"')),
                ("invalid capability id 'openai/x'", template.replace(
                    '"setup"', '"aliases": {"openai/x": "x-acme/tickets"}, "setup"')),
                ("invalid capability id 'openai/x'", template.replace(
                    '"setup"', '"retired": {"openai/x": {"reason": "r", "release": "1"}}, "setup"')),
                ("duplicate vault secret name 'GITHUB_TOKEN'", template.replace("ACME_API_KEY", "GITHUB_TOKEN")),
                ("invalid secret name '__X'", template.replace("ACME_API_KEY", "__X")),
                ("callers may not send the header 'x-goog-api-key'", template.replace(
                    '"never"', '"request_headers": ["x-goog-api-key"], "never"')),
                ("unknown key 'adapter'", template.replace('"host": "api",', '"host": "api", "adapter": "plaid",'))):
            with self.subTest(marker):
                refused = vault.run("provider", "add", "-", stdin=text)
                self.assertEqual(1, refused.code, refused)
                self.assertIn(marker, refused.errors)
        self.assertEqual([], vault.ok("provider", "list").json()["files"])
        vault.fails("is no file of yours", "provider", "remove", "openai")

    def test_a_file_for_the_host_of_another_provider_gets_none_of_its_secrets(self):
        vault, upstream = self.stage()
        theirs = vault.add_secret("OPENAI_API_KEY", canary("sk-"))
        self.added(vault, made_ours(TEMPLATE.read_text()).replace("api.acme.example\"]", "api.openai.com\"]"))
        vault.fails("pinned to provider 'openai'", "credential", "create", "thief", "--provider", "x-acme",
                    "--secret-ref", f"vault:secret:{theirs['secretId']}")
        vault.fails("CredentialNotFound", *self.CALL, env=self.env)
        self.assertEqual([], upstream.requests)

    def test_replacing_prints_the_difference(self):
        vault, _ = self.stage()
        self.added(vault)
        vault.fails("provider 'x-acme' already exists", "provider", "add", vault.base / "x-acme.json")
        self.file(vault, made_ours(TEMPLATE.read_text()).replace('"GET", "POST", "PUT", "DELETE"', '"GET", "POST", "DELETE"'))
        replaced = vault.ok("provider", "add", vault.base / "x-acme.json", "--replace")
        self.assertTrue(replaced.json()["replaced"])
        self.assertIn("- destructive  x-acme/tickets: GET POST PUT DELETE /v1/tickets", replaced.errors)
        self.assertIn("+ destructive  x-acme/tickets: GET POST DELETE /v1/tickets", replaced.errors)

    def test_a_provider_lives_as_long_as_its_vault(self):
        vault, upstream = self.stage("home")
        key = canary("acme-")
        vault.start_daemon(env=self.env)
        # What one process adds, a daemon that runs already knows with the next call.
        private = {"AIVAULTD_DISABLE": "1"}
        vault.ok("provider", "add", self.file(vault, made_ours(TEMPLATE.read_text())), env=private)
        vault.ok("secrets", "create", "--name", "ACME_API_KEY", "--value-file", "-", stdin=key, env=private)
        vault.ok(*self.CALL)
        self.assertEqual(f"Bearer {key}", upstream.requests[-1].one("authorization"))
        vault.stop_daemon()
        vault.start_daemon(env=self.env)
        vault.ok(*self.CALL)
        self.assertEqual(2, len(upstream.requests))
        # And in the archive.
        archive = vault.base / "v.aivb"
        vault.ok("backup", "--output", archive, "--passphrase-file", "-", stdin="correct horse battery")
        vault.ok("provider", "remove", "x-acme", env=private)
        vault.fails("CapabilityNotFound", *self.CALL)
        vault.stop_daemon()
        vault.ok("restore", "--input", archive, "--force", "--passphrase-file", "-", stdin="correct horse battery")
        vault.start_daemon(env=self.env)
        vault.ok(*self.CALL)
        self.assertEqual(3, len(upstream.requests))

    def test_removing_switches_its_credentials_off(self):
        vault, upstream = self.stage()
        self.added(vault)
        vault.add_secret("ACME_API_KEY", canary("acme-"))
        vault.ok(*self.CALL, env=self.env)
        self.assertEqual({"id": "x-acme", "removed": True}, vault.ok("provider", "remove", "x-acme").json())
        self.assertEqual({"id": "x-acme", "removed": False}, vault.ok("provider", "remove", "x-acme").json())
        vault.fails("CapabilityNotFound", *self.CALL, env=self.env)
        kept = vault.ok("credential", "list", "-v").json()["credentials"]
        self.assertEqual([("x-acme", True)], [(entry["id"], entry.get("disabled")) for entry in kept])
        self.assertEqual([], vault.ok("status", "-v").json()["problems"])
        self.added(vault)
        vault.fails("disabled", *self.CALL, env=self.env)
        vault.ok("credential", "enable", "x-acme")
        vault.ok(*self.CALL, env=self.env)
        self.assertEqual(2, len(upstream.requests))

    def test_a_damaged_row_is_refused_alone(self):
        vault, upstream = self.stage()
        self.added(vault)
        vault.add_secret("ACME_API_KEY", canary("acme-"))
        vault.add_secret("OPENAI_API_KEY", canary("sk-"))
        with sqlite3.connect(vault.root / "vault.db") as database:
            database.execute("UPDATE providers SET body = replace(body, '/v1/tickets', '/v1/anything')")
        vault.fails("row integrity check failed", *self.CALL, env=self.env)
        vault.fails("row integrity", "invoke", "x-acme/tickets", "--method", "GET", "--path", "/v1/anything", env=self.env)
        vault.ok("invoke", "openai/models", "--method", "GET", env=self.env)
        self.assertEqual(1, len(upstream.requests))
        problems = vault.ok("status", "-v").json()["problems"]
        self.assertIn(("provider", "x-acme"), [(problem["kind"], problem["id"]) for problem in problems])
        listed = vault.ok("provider", "list").json()["files"]
        self.assertEqual([("x-acme", False)], [(file["id"], file["enabled"]) for file in listed])
        self.assertEqual(1, vault.run("doctor").code)
        vault.ok("provider", "add", vault.base / "x-acme.json", "--replace")
        vault.ok(*self.CALL, env=self.env)

    def test_a_provider_of_the_own_network(self):
        vault, upstream = self.vault(), self.upstream()
        text = made_ours(TEMPLATE.read_text()).replace("api.acme.example\"]", "{own}\"]")
        vault.ok("provider", "add", "-", stdin=text)
        secret = vault.add_secret("ACME_API_KEY", canary("acme-"))
        vault.ok("credential", "create", "lab", "--provider", "x-acme", "--secret-ref", f"vault:secret:{secret['secretId']}",
                 "--host", upstream.authority, "--allow-private-network", "--tls-ca-file", self.ca)
        vault.ok(*self.CALL)
        self.assertEqual("/v1/tickets/7", upstream.requests[-1].target)
        vault.fails("not available for registry providers", "credential", "create", "o", "--provider", "openai",
                    "--secret-ref", f"vault:secret:{secret['secretId']}", "--allow-private-network")

    def test_changes_are_on_record_and_no_daemon_judges_files_for_others(self):
        vault, _ = self.stage("home")
        self.added(vault)
        vault.ok("provider", "remove", "x-acme")
        kinds = [event["kind"] for event in vault.audit()]
        self.assertIn("provider.add", kinds)
        self.assertIn("provider.remove", kinds)
        vault.start_daemon()
        with HttpSocket(str(vault.socket)) as door:
            # Judged in a process of the caller's own, never by a daemon that serves others.
            answer = door.request("POST", "/aivault/providers/check", json.dumps({"text": "{}"}).encode())
            self.assertGreaterEqual(answer.status, 400)


if __name__ == "__main__":
    sys.exit(main())

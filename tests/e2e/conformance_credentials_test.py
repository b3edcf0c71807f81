"""Which credential, secret and capability serve a call, as docs/conformance.md says, through the socket."""

import json
import sys

from lib.conformance import Conformance
from lib.scenario import main

IN_W = [("x-aivault-workspace", "w")]
IN_V = [("x-aivault-workspace", "v")]
IN_G = [*IN_W, ("x-aivault-group", "g")]
IN_VG = [*IN_V, ("x-aivault-group", "g")]
W = ("--scope", "workspace", "--workspace-id", "w")
G = ("--scope", "group", "--workspace-id", "w", "--group-id", "g")
NOT_OPEN = "PV secret not accessible"


class Credentials(Conformance):
    def own_secret(self, name, *scope):
        return f"vault:secret:{self.v.add_secret(name.upper() + '_KEY', 'key-of-' + name, *scope)['secretId']}"

    def own_credential(self, name, ref, provider="acme", *flags):
        self.v.ok("credential", "create", name, "--provider", provider, "--auth", "header", "--secret-ref", ref,
                  "--host", self.up.authority, "--allow-private-network", "--tls-ca-file", self.ca, *flags)

    def arrives(self, case, expected, headers=(), credential=..., capability="acme/call"):
        """A call in the context of these headers carries this key, or is refused like this."""
        envelope = self.envelope("/v1", "GET", capability)
        if credential is not ...:
            envelope["credential"] = credential
        before = len(self.up.requests)
        answer = self.ask(envelope, headers)
        if expected.startswith("key-of-"):
            self.check(case, (headers, credential), "ok", answer)
            self.assertEqual("Bearer " + expected, self.up.requests[-1].one("authorization"), case)
        else:
            self.check(case, (headers, credential), expected, answer)
            self.assertEqual(before, len(self.up.requests), "something was sent")
        return answer

    # Case 44.
    def test_disabled_and_retired_capabilities(self):
        self.stage()
        self.v.ok("capability", "delete", "openai/transcription")
        self.check(44, "disabled", "PV capability is disabled", self.ask(self.envelope()))
        self.v.ok("capability", "enable", "openai/transcription")
        self.check(44, "enabled", "ok", self.ask(self.envelope()))
        answer = self.ask(self.envelope(capability="openai/assistants"))
        self.check(44, "retired", "CNF is retired", answer)
        self.assertIn("openai/responses", answer.json()["message"])

    # Cases 45, 46, 49, 50, 53, 54.
    def test_naming_a_credential(self):
        self.stage()
        ref = self.own_secret("one")
        self.own_credential("acme", ref)
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.arrives(45, "key-of-one")
        self.arrives(54, "key-of-one", credential="  ")
        self.arrives(49, "KNF credential not found", credential="nobody")
        self.arrives(49, "PV credential provider does not match capability provider", credential="openai")
        self.own_credential("second", self.own_secret("two"))
        answer = self.arrives(46, "AMB multiple credentials available; pass credential id")
        for name in ("acme", "second"):
            self.assertIn(name, answer.json()["message"])
        self.assertEqual(409, answer.status)
        self.arrives(53, "AMB multiple credentials available")
        self.arrives(53, "key-of-two", credential="second")
        self.v.ok("credential", "delete", "second")
        self.v.ok("credential", "delete", "acme")
        self.arrives(50, "KNF no credential for capability provider")

    # Cases 51 and 52.
    def test_an_alternative_serves_what_it_lists(self):
        self.stage(secrets=(("POSTMARK_SERVER_TOKEN", "server-token-01"), ("POSTMARK_ACCOUNT_TOKEN", "account-token-1")),
                   hosts=("api.postmarkapp.com",))
        answer = self.ask(self.envelope("/domains", "GET", "postmark/domains"))
        self.check(51, "domains", "ok", answer)
        seen = self.up.requests[-1]
        self.assertEqual(("postmark:account", "account-token-1", None), (
            answer.header("x-aivault-credential"), seen.one("x-postmark-account-token"), seen.one("x-postmark-server-token")))
        answer = self.ask(self.envelope("/stats/outbound", "GET", "postmark/stats"))
        self.check(52, "stats", "ok", answer)
        seen = self.up.requests[-1]
        self.assertEqual(("postmark", "server-token-01", None), (
            answer.header("x-aivault-credential"), seen.one("x-postmark-server-token"), seen.one("x-postmark-account-token")))
        self.judge([(52, "postmark", "PV credential is not scoped to this capability")],
                   lambda name: {**self.envelope("/domains", "GET", "postmark/domains"), "credential": name})

    # Cases 72 and 73.
    def test_a_tenant_host(self):
        tenant = "acme.zendesk.com"
        self.stage(secrets=(("ZENDESK_EMAIL", "me@x.test"), ("ZENDESK_API_TOKEN", "zendesk-token-1"),
                            ("OPENAI_API_KEY", "sk-test-0001")), hosts=(tenant, "api.openai.com"))
        views = self.envelope("/api/v2/views", "GET", "zendesk/macros-views")
        answer = self.ask(views)
        self.assertEqual("KNF", self.outcome(answer).split(" ")[0])
        self.assertIn(answer.json()["reason"], ("needs_host", "needs_param"))
        self.check(73, "others", "ok", self.ask(self.envelope()))
        self.assertRegex(self.v.run("status", "-v").text, r"zendesk[^}]*(host|param)")
        secrets = {entry["name"]: entry for entry in self.v.ok("secrets", "list", "-v").json()}
        pair = next(entry for entry in secrets.values() if entry["systemManaged"])
        create = ("credential", "create", "tenant", "--provider", "zendesk", "--secret-ref", f"vault:secret:{pair['secretId']}")
        for host in ("evil.com", "zendesk.com", "acme.zendesk.com.evil.io"):
            self.v.fails("credential host is not allowed by registry provider host policy", *create, "--host", host)
        self.v.ok(*create, "--host", tenant)
        self.check(72, tenant, "ok", self.ask(views))
        self.assertEqual((tenant, "Basic bWVAeC50ZXN0L3Rva2VuOnplbmRlc2stdG9rZW4tMQ=="),
                         (self.up.requests[-1].one("host"), self.up.requests[-1].one("authorization")))

    # Cases 55-59.
    def test_the_narrower_level_wins(self):
        self.stage(secrets=())
        for name, scope in (("acme", ()), ("acme-w", W), ("acme-g", G)):
            self.own_credential(name, self.own_secret(name, *scope), "acme", *scope[2:])
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        for secret in self.v.ok("secrets", "list", "-v").json():
            if secret["name"] == "ACME_KEY":
                self.v.ok("secrets", "attach-group", "--id", secret["secretId"], "--workspace-id", "w", "--group-id", "g")
        self.arrives(55, "key-of-acme-w", IN_W)
        self.arrives(56, "key-of-acme-g", IN_G)
        self.arrives(57, "key-of-acme")
        self.arrives(57, "key-of-acme", IN_V)
        self.v.ok("credential", "delete", "acme")
        self.arrives(58, "KNF no credential for capability provider")
        self.arrives(58, "KNF no credential for capability provider", IN_V)
        self.arrives(59, "key-of-acme-w", [*IN_W, ("x-aivault-group", "other")])

    # Case 60.
    def test_a_group_needs_its_workspace(self):
        self.stage()
        answer = self.ask(self.envelope(), [("x-aivault-group", "g")])
        self.check(60, "group alone", "IR --workspace-id is required", answer)
        self.assertEqual(0, self.up.connections)

    # Case 61.
    def test_a_global_secret_reaches_a_group_where_it_is_attached(self):
        self.stage(secrets=())
        ref = self.own_secret("one")
        self.own_credential("acme", ref)
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.arrives(61, NOT_OPEN, IN_G, credential="acme")
        self.arrives(61, "KNF no credential for capability provider", IN_G)
        self.v.ok("secrets", "attach-group", "--id", ref.removeprefix("vault:secret:"), "--workspace-id", "w", "--group-id", "g")
        self.arrives(61, "key-of-one", IN_G, credential="acme")
        self.arrives(61, "key-of-one", IN_G)

    # Case 62.
    def test_a_derived_global_credential_serves_every_context(self):
        self.stage()
        for headers in ((), IN_W, IN_G):
            self.check(62, headers, "ok", self.ask(self.envelope(), headers))

    # Case 63.
    def test_a_secret_of_a_workspace_opens_only_there(self):
        self.stage(secrets=())
        self.own_credential("acme", self.own_secret("one", *W))
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.arrives(63, NOT_OPEN, credential="acme")
        self.arrives(63, NOT_OPEN, IN_VG, credential="acme")
        self.arrives(63, "key-of-one", IN_W, credential="acme")
        self.arrives(63, "key-of-one", IN_G, credential="acme")

    # Case 65.
    def test_a_derived_credential_is_switched_off_and_on(self):
        self.stage()
        self.v.ok("credential", "delete", "openai")
        self.check(65, "disabled", "KNF ", self.ask(self.envelope()))
        self.v.ok("credential", "enable", "openai")
        self.check(65, "enabled", "ok", self.ask(self.envelope()))

    # Case 67.
    def test_a_binding_counts_in_its_context(self):
        self.stage(secrets=())
        own, other = self.own_secret("own"), self.own_secret("bound", *G)
        self.own_credential("acme", own)
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.v.ok("secrets", "attach-group", "--id", own.removeprefix("vault:secret:"), "--workspace-id", "w", "--group-id", "g")
        self.v.ok("capability", "bind", "--capability", "acme/call", "--secret-ref", other, *G)
        self.arrives(67, "key-of-bound", IN_G)
        self.arrives(67, "key-of-own", IN_W)
        self.arrives(67, "key-of-own")

    # Cases 68, 69, 70, 71, 74, 75, 77, 85, 87, 179.
    def test_what_cannot_be_made(self):
        self.stage()
        ref = ("--secret-ref", self.own_secret("one"))
        pinned = ("--secret-ref", f"vault:secret:{self.ids['OPENAI_API_KEY']}")
        self.own_credential("acme", ref[1])
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        create, header = ("credential", "create"), ("--auth", "header")
        capability = ("capability", "create", "acme/new", "--credential", "acme", "--method", "GET", "--path")
        rows = [
            (68, "pinned to provider", ("capability", "bind", "--capability", "acme/call", *pinned)),
            (69, "--auth is required when provider is not in built-in registry", (*create, "n", "--provider", "n", *ref, "--host", "h.test")),
            (69, "at least one --host is required", (*create, "n", "--provider", "n", *ref, *header)),
            (70, "already exists", (*create, "acme", "--provider", "acme", *ref, *header, "--host", "h.test")),
            (70, "already exists", ("capability", "create", "acme/call", "--credential", "acme", "--method", "GET", "--path", "/")),
            (71, "wildcard hosts are invalid for core conformance", (*create, "n", "--provider", "n", *ref, *header, "--host", "*.example.com")),
            (74, "credential hosts are required", (*create, "n", "--provider", "n", *ref, *header, "--host", "", "--host", "")),
            (75, "allow.hosts length = 1", ("capability", "create", "n/x", "--provider", "n", "--host", "a.test", "--host", "b.test",
                                            "--method", "GET", "--path", "/")),
            *((77, "invalid path prefix", (*capability, prefix)) for prefix in ("v1/x", "/v1/../x", "/a?b", "/a%2fb", "/a//b")),
            (87, "not available for registry providers", (*create, "n", "--provider", "openai", *pinned, "--allow-private-network")),
            (179, "pinned to provider", (*create, "n", "--provider", "github", *pinned)),
        ]
        for case, marker, words in rows:
            with self.subTest(case=case, words=words):
                self.v.fails(marker, *words)
        made = self.v.ok(*create, "spaced", "--provider", "spaced", *ref, *header, "--host", " API.x.com ", "--host", "api.x.com",
                         "--host", "").json()
        self.assertEqual(["api.x.com"], made["hosts"])
        outcome = self.v.ok(*create, "again", "--provider", "openai", *pinned, "--auth", "query")
        self.assertIn("authorization", json.dumps(outcome.json()))
        self.assertNotEqual("", outcome.errors)

    # Case 86.
    def test_a_secret_that_does_not_fit(self):
        self.stage()
        ref = self.own_secret("abc")
        outcome = self.v.ok("credential", "create", "acme", "--provider", "acme", "--auth", "basic", "--secret-ref",
                            ref, "--host", self.up.authority, "--allow-private-network")
        self.assertIn("basic secret must be JSON with username/password", outcome.errors + outcome.text)
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.arrives(86, "VU ", credential="acme")
        self.arrives(86, "KNF ")
        self.check(86, "others", "ok", self.ask(self.envelope()))

    # Cases 178 and 180.
    def test_a_broken_row_affects_itself_alone(self):
        self.stage()
        self.own_credential("acme", self.own_secret("one"))
        self.v.add_capability("acme/call", "acme", ("GET",), ("/v1",))
        self.v.stop_daemon()
        with self.v.database() as database:
            self.assertEqual(1, database.execute("UPDATE credentials SET body = '{}' WHERE id = 'acme'").rowcount)
        database.close()
        self.v.start_daemon(env={"AIVAULT_DEV_RESOLVE": f"api.openai.com=127.0.0.1:{self.up.port}",
                                 "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)})
        self.fresh_door()
        answer = self.ask({**self.envelope("/v1", "GET", "acme/call"), "credential": "acme"})
        self.assertIn("acme", answer.json()["message"])
        self.check(178, "broken", "KNF row integrity check failed", answer)
        self.check(180, "others", "ok", self.ask(self.envelope()))
        self.assertIn("acme", self.v.run("status", "-v").text)


if __name__ == "__main__":
    sys.exit(main())

"""Which key arrives: by the scope of secrets and credentials, by groups, and by bindings."""

import os
import pwd
import sys

from lib.scenario import Scenario, canary, main

GLOBAL, WORKSPACE, GROUP = (), ("--scope", "workspace", "--workspace-id", "w"), (
    "--scope", "group", "--workspace-id", "w", "--group-id", "g")
NONE, IN_W, IN_G = (), ("--workspace-id", "w"), ("--workspace-id", "w", "--group-id", "g")
CONTEXTS = (NONE, IN_W, IN_G)
DENIED = "secret not accessible"


class Scopes(Scenario):
    def ready(self):
        vault, upstream = self.vault(), self.upstream()
        self.own_key = canary()
        self.own = vault.add_api(upstream, self.ca, self.own_key)
        vault.start_daemon()
        return vault, upstream

    def add(self, vault, *scope):
        key = canary()
        secret = vault.add_secret(f"KEY_{key[-12:].upper()}", key, *scope)
        return key, f"vault:secret:{secret['secretId']}"

    def attach(self, vault, ref, step="attach-group"):
        vault.ok("secrets", step, "--id", ref.removeprefix("vault:secret:"), *IN_G)

    def arrived(self, vault, upstream, context):
        """The key that the upstream got, or what the caller was told."""
        before = len(upstream.requests)
        outcome = vault.run("invoke", "acme/call", "--method", "GET", "--path", "/v1/x", *context)
        if outcome.code == 0:
            self.assertEqual(before + 1, len(upstream.requests))
            return upstream.requests[-1].one("authorization").removeprefix("Bearer ")
        self.assertEqual(before, len(upstream.requests), "a refused call was sent")
        return DENIED if DENIED in outcome.errors else outcome.errors

    def bind(self, vault, ref, *flags):
        vault.ok("capability", "bind", "--capability", "acme/call", "--secret-ref", ref, *flags)

    def unbind(self, vault, *flags):
        return vault.ok("capability", "unbind", "--capability", "acme/call", *flags)

    # Cases 61, 63.
    def test_table_of_scopes(self):
        vault, upstream = self.ready()
        self.attach(vault, f"vault:secret:{self.own['secretId']}")
        other_w = ("--scope", "workspace", "--workspace-id", "v")
        other_g = ("--scope", "group", "--workspace-id", "w", "--group-id", "h")
        # Opened without context, in w, in w/g; first as made, then attached to w/g.
        table = [(GLOBAL, "yyn", "yyy"), (WORKSPACE, "nyy", "nyy"), (other_w, "nnn", "nny"),
                 (GROUP, "nny", "nny"), (other_g, "nnn", "nny")]
        for scope, made, attached in table:
            key, ref = self.add(vault, *scope)
            self.bind(vault, ref)
            for expected in (made, attached):
                for context, opens in zip(CONTEXTS, expected):
                    with self.subTest(scope=scope, context=context, attached=expected is attached):
                        self.assertEqual(key if opens == "y" else DENIED,
                                         self.arrived(vault, upstream, context))
                self.attach(vault, ref)
            self.attach(vault, ref, "detach-group")
            self.assertEqual(made[2] == "y", self.arrived(vault, upstream, IN_G) == key)

    # Case 67.
    def test_narrower_bindings_win(self):
        vault, upstream = self.ready()
        self.attach(vault, f"vault:secret:{self.own['secretId']}")
        user = pwd.getpwuid(os.getuid()).pw_name
        keys = {}
        for scope in (GLOBAL, WORKSPACE, GROUP):
            for consumer in ((), ("--consumer", user), ("--consumer", "somebody-else")):
                keys[scope, consumer], ref = self.add(vault, *scope)
                self.bind(vault, ref, *scope, *consumer)
        self.assertEqual(9, len(vault.ok("capability", "bindings", "-v").json()))
        mine = ("--consumer", user)
        for context, scope in zip(CONTEXTS, (GLOBAL, WORKSPACE, GROUP)):
            self.assertEqual(keys[scope, mine], self.arrived(vault, upstream, context))
            self.unbind(vault, *scope, *mine)
            self.assertEqual(keys[scope, ()], self.arrived(vault, upstream, context))
        self.unbind(vault, *GROUP)
        self.assertEqual(keys[WORKSPACE, ()], self.arrived(vault, upstream, IN_G))
        self.unbind(vault, *GLOBAL)
        self.assertEqual(self.own_key, self.arrived(vault, upstream, NONE))

    def test_the_record_names_what_was_bound(self):
        vault, upstream = self.ready()
        key, ref = self.add(vault)
        self.bind(vault, ref)
        self.assertEqual(key, self.arrived(vault, upstream, NONE))
        call = vault.calls()[0]
        self.assertEqual(ref, "vault:secret:" + call["secretId"])
        self.assertEqual(pwd.getpwuid(os.getuid()).pw_name, call["consumer"])
        self.assertEqual(["capability.bind"], [e["kind"] for e in vault.audit("--kind", "capability.bind")])

    def test_a_deleted_secret_takes_its_bindings_along(self):
        vault, upstream = self.ready()
        key, ref = self.add(vault)
        self.bind(vault, ref)
        self.bind(vault, ref, *GROUP)
        self.assertEqual(key, self.arrived(vault, upstream, NONE))
        vault.ok("secrets", "delete", "--id", ref.removeprefix("vault:secret:"))
        self.assertEqual([], vault.ok("capability", "bindings", "-v").json())
        self.assertEqual(self.own_key, self.arrived(vault, upstream, NONE))
        vault.fails("secret does not exist", "capability", "bind", "--capability", "acme/call",
                    "--secret-ref", ref)

    # Case 68.
    def test_an_expired_or_pinned_secret_is_no_way_back_to_the_own_one(self):
        vault, upstream = self.ready()
        _, ref = self.add(vault)
        self.bind(vault, ref)
        vault.ok("secrets", "update", "--id", ref.removeprefix("vault:secret:"), "--expires", "2020-01-01T00:00:00Z")
        self.assertIn("secret expired", self.arrived(vault, upstream, NONE))
        pinned = vault.add_secret("OPENAI_API_KEY", canary())
        vault.fails("secret is pinned to provider 'openai' and cannot be bound to capability 'acme/call'",
                    "capability", "bind", "--capability", "acme/call",
                    "--secret-ref", f"vault:secret:{pinned['secretId']}")


if __name__ == "__main__":
    sys.exit(main())

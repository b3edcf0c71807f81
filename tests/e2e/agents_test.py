"""Agents, tokens and the default access, with real OS users: what each of them may do, and when it ends."""

import itertools
import os
import re
import sys
import threading
import time
import unittest

from lib.as_user import AsUser
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.users import TemporaryUser, may_make_users
from lib.vault import wait_until

NUMBERS = itertools.count()
TOKEN = re.compile(r"avp_[A-Za-z0-9_-]{43}")


def envelope(capability="acme/call", method="GET", path="/v1/x"):
    return {"capability": capability, "request": {"method": method, "path": path}}


def error_of(answer):
    found = answer.json()
    return found["error"], found.get("reason"), found["message"]


class Operator:
    """Each request on a connection of its own: one that is refused early ends its connection."""

    def __init__(self, path):
        self.path = path

    def request(self, *words):
        with HttpSocket(self.path) as door:
            return door.request(*words)

    def call(self, what, headers=()):
        return self.request("POST", "/aivault/proxy", what, headers)


@unittest.skipUnless(may_make_users(), "making users needs root")
class Agents(Scenario):
    def setUp(self):
        number = chr(ord("a") + next(NUMBERS) % 26)
        self.owner = self.enterContext(TemporaryUser(f"aivo{os.getpid()}{number}"))
        self.user = self.enterContext(TemporaryUser(f"aiva{os.getpid()}{number}"))
        self.v, self.up, self.key = self.vault("home", self.owner), self.upstream(), canary()
        self.v.base.chmod(0o755)
        ca_copy = self.v.base / "ca.pem"
        ca_copy.write_bytes(self.ca.read_bytes())
        self.v.add_api(self.up, ca_copy, self.key)
        self.v.start_daemon(env={"AIVAULTD_SOCKET_MODE": "0660", "AIVAULTD_SOCKET_DIR_MODE": "0750"})
        # The operator's socket, shared by hand.
        for path in (self.v.base / ".aivault", self.v.socket.parent):
            path.chmod(0o755)
        self.v.socket.chmod(0o666)
        self.agent = AsUser(self, self.user, self.v.socket)
        self.door = Operator(self.v.socket)

    def create(self, *flags, name="ci", user=True):
        named = ("--user", self.user.name) if user else ()
        return self.v.ok("agent", "create", name, *named, *flags).json()

    def operate(self, method, target, body=None):
        answer = self.door.request(method, target, body)
        self.assertLess(answer.status, 300, answer.body)
        found = answer.json()
        return found["result"] if set(found) == {"notices", "result"} else found

    def mint(self, **wish):
        return self.operate("POST", "/aivault/tokens/proxy", {"ttlMs": 60000, "capabilities": ["acme/*"], **wish})

    def reason(self, answer):
        return "ok" if answer.header("x-aivault-error") is None else answer.json().get("reason")

    def test_the_first_agent_closes_the_door_to_everybody_else(self):
        self.assertEqual("ok", self.reason(self.agent.call(envelope())))
        self.assertEqual({"defaultAccess": "open"}, self.v.ok("agent", "default-access").json())
        done = self.v.ok("agent", "create", "other", "--allow", "acme/*")
        self.assertIn("Default access is now closed", done.errors)
        self.assertIn("by token only", done.errors)
        refused = self.agent.call(envelope())
        self.assertEqual(("policy_violation", "agent_not_registered", "caller is not a registered agent"),
                         error_of(refused))
        self.assertEqual(403, refused.status)
        self.assertEqual("closed", self.agent.request("GET", "/aivault/whoami").json()["defaultAccess"])
        self.v.ok("agent", "default-access", "open")
        self.assertEqual("ok", self.reason(self.agent.call(envelope())))

    # Cases 36, 37 and 38.
    def test_an_agent_may_do_what_it_is_granted_and_learns_of_nothing_else(self):
        shape = self.create("--allow", "acme/call")
        self.assertEqual(["name", "user", "uid", "workspaceId", "groupId", "capabilities", "readOnly",
                          "rateLimitPerMinute", "createdAtMs", "updatedAtMs", "expiresAtMs", "tokens"], list(shape))
        self.assertEqual(("ci", self.user.name, self.user.uid, ["acme/call"], []),
                         tuple(shape[key] for key in ("name", "user", "uid", "capabilities", "tokens")))
        self.assertEqual("ok", self.reason(self.agent.call(envelope())))
        hidden, missing = self.agent.call(envelope("openai/models")), self.agent.call(envelope("openai/nothing"))
        self.assertEqual((404, 404), (hidden.status, missing.status))
        self.assertEqual(hidden.json()["message"].replace("models", "nothing"), missing.json()["message"])
        seen = self.agent.request("GET", "/aivault/capabilities").json()
        self.assertEqual((["acme/call"], [], [], None), ([c["id"] for c in seen["capabilities"]],
                         seen["registryCapabilities"], seen["policies"], seen["path"]))
        self.assertEqual(404, self.agent.request("GET", "/aivault/capabilities/openai%2Fmodels").status)
        who = self.agent.request("GET", "/aivault/whoami").json()
        self.assertEqual(("ci", ["acme/call"], False), (who["agent"]["name"], who["agent"]["capabilities"],
                                                        who["operator"]))
        self.v.ok("agent", "revoke", "ci", "acme/call")
        self.assertEqual("unknown_capability", self.reason(self.agent.call(envelope())))
        self.v.ok("agent", "grant", "ci", "acme/*", "--expires", "1ms")
        wait_until(lambda: self.reason(self.agent.call(envelope())) == "agent_expired")
        records = self.v.calls("--uid", self.user.uid)
        self.assertEqual({"ci"}, {call["agent"] for call in records if "agent" in call})
        self.assertIn("agent_not_granted", {call.get("reason") for call in records})

    def test_records_are_checked_before_they_are_kept(self):
        self.create("--allow", "acme/*")
        for words, message in (
                (("create", "ci"), "agent 'ci' already exists"),
                (("create", "two", "--user", self.user.name), f"user '{self.user.name}' already has agent 'ci'"),
                (("create", "two", "--user", "nobody-here"), "user 'nobody-here' does not exist"),
                (("create", "a b"), "agent name"), (("create", "two", "--allow", "a*b"), "one final '*'"),
                (("create", "two", "--group-id", "g"), "--workspace-id is required"),
                (("create", "two", "--allow-group", "g"), "--workspace-id is required"),
                (("create", "two", "--credential", "nothing"), "credential not found"),
                (("show", "two"), "agent 'two' not found"), (("grant", "two", "x/*"), "agent 'two' not found"),
                (("grant", "ci"), "nothing to grant"), (("revoke", "ci"), "is required"),
                (("revoke", "ci", "--token", "t0"), "token 't0' not found"),
                (("token", "two"), "agent 'two' not found"), (("token", "ci", "--ttl", "366d"), "exceeds the maximum"),
                (("grant", "ci", "--read-only", "--no-read-only"), "not both")):
            with self.subTest(words=words):
                self.v.fails(message, "agent", *words)
        self.assertEqual(["ci"], [agent["name"] for agent in self.v.ok("agent", "list", "-v").json()])
        self.assertEqual({"name": "nothing", "removed": False},
                         self.v.ok("agent", "delete", "nothing").json())

    # Case 39.
    def test_a_read_only_agent_only_reads(self):
        self.create("--allow", "acme/*", "--read-only")
        self.assertEqual("ok", self.reason(self.agent.call(envelope())))
        self.assertEqual("agent_read_only", self.reason(self.agent.call(envelope(method="POST"))))
        self.v.ok("agent", "grant", "ci", "--no-read-only")
        self.assertEqual("ok", self.reason(self.agent.call(envelope(method="POST"))))

    # Case 184.
    def test_an_agent_has_a_rate_of_its_own(self):
        self.create("--allow", "acme/*", "--rate-limit-per-minute", "2")
        outcomes = [self.agent.call(envelope()) for _ in range(3)]
        self.assertEqual(["ok", "ok", "rate_limit_exceeded"], [self.reason(each) for each in outcomes])
        self.assertIn("agent rate limit exceeded", outcomes[2].json()["message"])
        self.assertGreaterEqual(int(outcomes[2].header("retry-after")), 1)
        self.assertEqual("ok", self.reason(self.door.call(envelope())))

    # Case 64.
    def test_a_context_that_is_not_the_agents_own_is_refused(self):
        self.create("--allow", "acme/*", "--workspace-id", "A", "--allow-group", "G")
        # A group has the secrets that were attached to it, and here none was.
        for headers, expected in ((("x-aivault-workspace", "A"),), "ok"), \
                ((("x-aivault-group", "G"),), "none_for_provider"), \
                ((("x-aivault-workspace", "B"),), "context_not_allowed"), \
                ((("x-aivault-group", "H"),), "context_not_allowed"):
            self.assertEqual(expected, self.reason(self.agent.call(envelope(), headers)), headers)

    # Cases 19, 20, 21, 26 and 33.
    def test_tokens_are_shown_once_and_end(self):
        self.create("--allow", "acme/*")
        one, two = (self.v.ok("agent", "token", "ci").json() for _ in range(2))
        self.assertEqual(["agent", "expiresAtMs", "token", "tokenId"], list(one))
        self.assertRegex(one["token"], TOKEN)
        self.assertNotEqual(one["token"], two["token"])
        for path in self.v.root.rglob("*"):
            if path.is_file():
                self.assertNotIn(one["token"].encode(), path.read_bytes(), path)
        shown = ("x-aivault-token", one["token"])
        self.assertEqual("ok", self.reason(self.agent.call(envelope(), [shown])))
        self.assertEqual("ok", self.reason(self.agent.call(envelope(), [("authorization", f"Bearer {one['token']}")])))
        self.assertEqual("token_conflict", self.reason(self.agent.call(envelope(), [
            shown, ("authorization", f"Bearer {two['token']}")])))
        made_up = self.agent.call(envelope(), [("x-aivault-token", "avp_" + "A" * 43)])
        self.assertEqual((401, "token_unknown", "Bearer"),
                         (made_up.status, self.reason(made_up), made_up.header("www-authenticate")))
        who = self.agent.request("GET", "/aivault/whoami", headers=[shown]).json()
        self.assertEqual(one["tokenId"], who["token"]["tokenId"])
        listed = self.v.ok("agent", "show", "ci", "-v").json()["tokens"]
        self.assertEqual({one["tokenId"], two["tokenId"]}, {token["tokenId"] for token in listed})
        self.v.ok("agent", "revoke", "ci", "--token", one["tokenId"])
        self.assertEqual("token_revoked", self.reason(self.agent.call(envelope(), [shown])))
        short = self.mint(ttlMs=1)
        wait_until(lambda: self.reason(self.door.call(envelope(), [("x-aivault-token", short["token"])])) ==
                   "token_expired")
        self.assertEqual("token_unknown", self.reason(self.agent.call(envelope("acme/call"), [
            ("x-aivault-token", "avp_" + "B" * 43), ("x-aivault-client-ip", "8.8.8.8")])))
        call = [each for each in self.v.calls("--uid", self.user.uid) if each.get("tokenId") == one["tokenId"]]
        self.assertTrue(call)
        self.v.ok("agent", "delete", "ci")
        self.assertEqual("token_unknown", self.reason(self.agent.call(envelope(), [("x-aivault-token",
                                                                                   two["token"])])))

    # Case 23.
    def test_a_token_reaches_no_operator_route(self):
        shown = [("x-aivault-token", self.mint()["token"])]
        for method, target, body in (("GET", "/aivault/secrets", None), ("GET", "/aivault/agents", None),
                                     ("POST", "/aivault/tokens/proxy", {"ttlMs": 1000}),
                                     ("POST", "/aivault/tokens/self", {"ttlMs": 1000}),
                                     ("GET", "/aivault/tokens", None), ("PUT", "/aivault/access",
                                                                        {"defaultAccess": "open"})):
            answer = self.door.request(method, target, body, shown)
            self.assertEqual((403, "operator_auth_required", "operator token required"),
                             (answer.status, answer.json()["error"], answer.json()["message"]), target)

    # Cases 30 and 35.
    def test_a_token_narrows_and_belongs_to_one_user(self):
        self.create("--allow", "acme/*")
        narrow = self.mint(capabilities=["acme/other"])
        self.assertEqual("token_scope", self.reason(self.door.call(envelope(), [("x-aivault-token",
                                                                                narrow["token"])])))
        bound = self.mint(uid=self.user.uid)
        self.assertEqual("ok", self.reason(self.agent.call(envelope(), [("x-aivault-token", bound["token"])])))
        self.assertEqual("token_binding", self.reason(self.door.call(envelope(), [("x-aivault-token",
                                                                                  bound["token"])])))
        self.v.ok("agent", "revoke", "ci", "acme/*")
        self.assertEqual("agent_not_granted", self.reason(self.agent.call(envelope(), [("x-aivault-token",
                                                                                       bound["token"])])))

    # Cases 27, 28, 29 and 31.
    def test_a_mint_says_what_it_cannot_be(self):
        beta = self.v.add_secret("BETA_KEY", canary())
        self.v.add_credential("beta", beta, self.up, self.v.base / "ca.pem")
        self.v.add_capability("beta/call", "beta")
        for wish, expected in (
                ({"ttlMs": 0}, ("token_request", "ttlMs must be positive")),
                ({"ttlMs": -1}, ("token_request", "ttlMs must be positive")),
                ({"ttlMs": 86400001}, ("token_request", "ttlMs exceeds the maximum")),
                ({}, ("token_request", "ttlMs is required")),
                ({"ttlMs": 9, "credential": "none"}, ("unknown_credential", "credential not found")),
                ({"ttlMs": 9, "credentials": ["none"]}, ("unknown_credential", "credential not found")),
                ({"ttlMs": 9, "credential": "acme", "capabilities": ["acme/none"]},
                 ("unknown_capability", "capability not found")),
                ({"ttlMs": 9, "credential": "acme", "capabilities": ["beta/call"]},
                 ("provider_mismatch", "capability provider does not match credential provider")),
                ({"ttlMs": 9, "credential": "acme", "capabilities": ["*"]},
                 ("provider_mismatch", "capability provider does not match credential provider")),
                ({"ttlMs": 9, "agent": "none"}, ("not_found", "agent 'none' not found")),
                ({"ttlMs": 9, "context": {"groupId": "g"}}, (None, "--workspace-id is required")),
                ({"ttlMs": 9, "context": {"k": "v" * 257}}, ("token_request", "256 bytes")),
                ({"ttlMs": 9, "capabilities": ["a*b"]}, ("record_invalid", "final '*'"))):
            with self.subTest(wish=wish):
                answer = self.door.request("POST", "/aivault/tokens/proxy", wish)
                self.assertGreaterEqual(answer.status, 400)
                if expected[0]:
                    self.assertEqual(expected[0], self.reason(answer))
                self.assertIn(expected[1], answer.json()["message"])
        free = self.mint(capabilities=["acme/none"])
        shown = [("x-aivault-token", free["token"])]
        self.assertEqual("unknown_capability", self.reason(self.door.call(envelope("acme/none"), shown)))
        self.assertEqual("unknown_capability", self.reason(self.door.call(envelope("beta/none"), shown)))
        empty = self.mint(capabilities=[])
        self.assertEqual("token_scope", self.reason(self.door.call(envelope(), [("x-aivault-token", empty["token"])])))

    # Cases 25, 40 and 43.
    def test_a_token_goes_nowhere_else(self):
        token, other = self.mint()["token"], self.mint()["token"]
        shown = ("x-aivault-token", token)
        before = len(self.up.requests)
        for request in ({"path": "/v1/" + token}, {"path": "/v1/x?k=" + token}, {"path": "/v1/x?k=%61" + token[1:]},
                        {"headers": [{"name": "x-note", "value": "my " + token}]}):
            with self.subTest(request=list(request)):
                what = envelope()
                what["request"].update(request)
                self.assertEqual("auth_header_rejected", self.reason(self.door.call(what, [shown])))
        self.assertEqual("token_conflict",
                         self.reason(self.door.call(envelope(), [shown, ("authorization", "Bearer " + other)])))
        self.assertEqual("ok", self.reason(self.door.call(envelope(), [shown, ("authorization", "Bearer " + token)])))
        self.assertEqual(before + 1, len(self.up.requests))
        for head in (request.raw_head for request in self.up.requests):
            self.assertNotIn(token.encode(), head)
        unknown = self.door.call(envelope(), [("x-aivault-token", "avp_" + "A" * 43),
                                              ("x-aivault-client-ip", "8.8.8.8")])
        self.assertEqual("token_unknown", self.reason(unknown))

    # Cases 47 and 48.
    def test_a_token_pins_a_credential(self):
        second = self.v.add_secret("SECOND_KEY", canary())
        self.v.ok("credential", "create", "second", "--provider", "acme", "--secret-ref",
                  "vault:secret:" + second["secretId"], "--host", self.up.authority, "--allow-private-network",
                  "--tls-ca-file", self.v.base / "ca.pem", "--auth", "header")
        self.assertEqual("credential_ambiguous", self.door.call(envelope()).json()["error"])
        shown = [("x-aivault-token", self.mint(credentials=["second"])["token"])]
        answer = self.door.call(envelope(), shown)
        self.assertEqual(("ok", "second"), (self.reason(answer), answer.header("x-aivault-credential")))
        first = {**envelope(), "credential": "acme"}
        self.assertEqual(("policy_violation", "token_credential",
                          "token credential scope does not allow requested credential"),
                         error_of(self.door.call(first, shown)))

    # Case 34.
    def test_a_token_outlives_the_daemon(self):
        minted = self.mint()
        self.v.stop_daemon()
        self.v.start_daemon()
        with HttpSocket(self.v.socket) as door:
            self.assertEqual("ok", self.reason(door.call(envelope(), [("x-aivault-token", minted["token"])])))

    # Cases 41 and 42.
    def test_a_caller_mints_for_itself_at_most_what_it_has(self):
        self.create("--allow", "acme/*")
        beyond = self.agent.request("POST", "/aivault/tokens/self", {"capabilities": ["openai/*"], "ttlMs": 1000})
        self.assertEqual("agent_not_granted", self.reason(beyond))
        for ttl, message in ((0, "must be positive"), (86400001, "exceeds the maximum")):
            wrong = self.agent.request("POST", "/aivault/tokens/self", {"capabilities": [], "ttlMs": ttl})
            self.assertEqual("token_request", self.reason(wrong))
            self.assertIn(message, wrong.json()["message"])
        wish = {"capabilities": ["acme/call"], "ttlMs": 60000, "hold": True}
        held = self.agent.request("POST", "/aivault/tokens/self", wish, door="held").json()["result"]
        shown = [("x-aivault-token", held["token"])]
        self.assertEqual("ok", self.reason(self.agent.call(envelope(), shown)))
        self.assertEqual("token_binding", self.reason(self.door.call(envelope(), shown)))
        mine = self.agent.request("GET", "/aivault/tokens").json()["items"]
        self.assertEqual([(held["tokenId"], "ci", self.user.uid, True)],
                         [(token["tokenId"], token["agent"], token["uid"], token["hold"]) for token in mine])
        self.agent.hang_up("held")
        wait_until(lambda: self.reason(self.agent.call(envelope(), shown)) == "token_revoked")
        free = self.agent.request("POST", "/aivault/tokens/self", {"capabilities": ["*"], "ttlMs": 60000})
        self.assertEqual("agent_not_granted", self.reason(free))
        free = self.agent.request("POST", "/aivault/tokens/self",
                                  {"capabilities": ["acme/*"], "ttlMs": 60000}).json()["result"]
        gone = self.agent.request("DELETE", "/aivault/tokens/" + free["tokenId"]).json()
        self.assertEqual({"removed": True, "tokenId": free["tokenId"]}, gone["result"])
        other = self.mint()
        self.assertEqual(404, self.agent.request("DELETE", "/aivault/tokens/" + other["tokenId"]).status)
        for _ in range(64):
            self.agent.request("POST", "/aivault/tokens/self", {"capabilities": [], "ttlMs": 60000})
        self.assertEqual("token_request", self.reason(self.agent.request(
            "POST", "/aivault/tokens/self", {"capabilities": [], "ttlMs": 60000})))

    def test_deleting_an_agent_says_what_applies_then(self):
        self.create("--allow", "acme/*")
        done = self.v.ok("agent", "delete", "ci")
        self.assertIn("Default access is closed", done.errors)
        self.assertEqual("agent_not_registered", self.reason(self.agent.call(envelope())))
        self.create("--allow", "openai/*")
        self.v.ok("agent", "default-access", "open")
        self.assertEqual("unknown_capability", self.reason(self.agent.call(envelope())))
        done = self.v.ok("agent", "delete", "ci")
        self.assertIn("Default access is open", done.errors)

    def test_what_is_taken_back_ends_running_streams(self):
        released = threading.Event()
        self.addCleanup(released.set)

        def trickle(exchange):
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data:\n")
            released.wait(60)
            exchange.hang_up()

        for what in ("grant", "agent"):
            with self.subTest(what=what):
                self.up.answer = trickle
                before = len(self.up.requests)
                self.create("--allow", "acme/*")
                self.agent.begin(envelope(), door=what)
                wait_until(lambda: len(self.up.requests) > before)
                began = time.monotonic()
                if what == "grant":
                    self.v.ok("agent", "revoke", "ci", "acme/*")
                else:
                    self.v.ok("agent", "delete", "ci")
                answer = self.agent.finish(door=what)
                self.assertLess(time.monotonic() - began, 30)
                self.assertEqual("error", dict(answer.trailers)["x-aivault-outcome"])
                self.assertIn(dict(answer.trailers)["x-aivault-reason"],
                              ("unknown_capability", "agent_not_registered"))
                self.v.ok("agent", "delete", "ci")


if __name__ == "__main__":
    sys.exit(main())

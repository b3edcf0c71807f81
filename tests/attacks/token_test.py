"""Attacks with tokens that were stolen, kept or widened (TT)."""

import json
import pwd
import socket

import world
from world import Attack, as_user


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Tokens(Attack):
    port = free_port()
    daemon_arguments = ("--shared", "--listen", f"127.0.0.1:{port}")

    def setUp(self):
        super().setUp()
        self.operator("agent", "create", "one", "--user", "agent1", "--allow", "acme/*")
        self.operator("agent", "create", "two", "--user", "agent2", "--allow", "acme/*")
        self.minted = json.loads(self.operator("agent", "token", "one", "--ttl", "10m").stdout)
        self.token = self.minted["token"]
        type(self).outputs.clear()  # It was shown once, to the operator.

    def tearDown(self):
        for name in ("one", "two"):
            self.operator("agent", "delete", name)
        self.operator("agent", "default-access", "open")
        everything = b"\n".join(self.outputs) + self.log.read_bytes() + self.operator("audit", "--limit", "200").stdout
        self.assertNotIn(self.token.encode(), everything)
        super().tearDown()

    def show(self, user, token=None):
        return self.call(user, control=[("x-aivault-token", token or self.token)])

    def over_tcp(self, user, target, *lines, method="GET"):
        """One request to the port as that user; the whole answer."""
        def act():
            with socket.socket() as door:
                door.settimeout(20)
                door.connect(("127.0.0.1", self.port))
                text = [f"{method} {target} HTTP/1.1", f"host: 127.0.0.1:{self.port}", "connection: close", *lines]
                door.sendall("\r\n".join(text).encode() + b"\r\n\r\n")
                got = b""
                while piece := door.recv(65536):
                    got += piece
                return got
        return as_user(user, act)

    def test_TT1_a_token_of_another_user_serves_nobody_else(self):
        self.assertEqual(200, self.show("agent1")[0])
        self.up.forget()
        for user in ("agent2", "aivault"):
            self.assertRefused(self.show(user), "token_binding")

    def test_TT2_a_stolen_token_serves_no_other_user_over_tcp(self):
        bearer = f"authorization: Bearer {self.token}"
        self.assertIn(b"200", self.over_tcp("agent1", "/v/acme/v1", bearer).split(b"\r\n")[0])
        self.assertEqual(1, len(self.up.requests))
        for user in ("agent2", "other1", "aivault"):
            self.assertIn(b"401", self.over_tcp(user, "/v/acme/v1", bearer).split(b"\r\n")[0], user)
        for user in ("agent1", "other1"):
            self.assertIn(b"401", self.over_tcp(user, "/v/acme/v1").split(b"\r\n")[0], user)
        self.assertEqual(1, len(self.up.requests))

    def test_TT3_a_token_that_was_revoked_stays_so_after_a_restart(self):
        self.assertEqual(200, self.show("agent1")[0])
        self.operator("agent", "revoke", "one", "--token", self.minted["tokenId"])
        self.up.forget()
        self.assertRefused(self.show("agent1"), "token_revoked")
        self.replaces_daemon = True
        self.stop_daemon()
        self.start_daemon()
        self.assertRefused(self.show("agent1"), "token_revoked")

    def test_TT5_a_token_opens_no_operator_route_and_the_try_is_recorded(self):
        for method, target in (("GET", "/aivault/secrets"), ("POST", "/aivault/shutdown"), ("GET", "/aivault/audit")):
            status, _, body = self.ask("agent1", method, target, {} if method == "POST" else None, [("x-aivault-token", self.token)])
            self.assertEqual((403, "operator_auth_required"), (status, json.loads(body)["error"]))
            answer = self.over_tcp("agent1", target, f"authorization: Bearer {self.token}", "content-length: 0", method=method)
            self.assertIn(b"403", answer.split(b"\r\n")[0])
        self.assertTrue(self.audit("--kind", "operator.denied"))

    def test_TT6_a_token_in_the_query_is_refused(self):
        for target in (f"/v/acme/v1?token={self.token}", f"/v/acme/v1?x-aivault-token={self.token}"):
            self.assertIn(b"401", self.over_tcp("agent1", target).split(b"\r\n")[0])
            got = self.over_tcp("agent1", target, f"authorization: Bearer {self.token}")
            self.assertIn(b"403", got.split(b"\r\n")[0])
        self.assertEqual([], self.up.requests)

    def test_TT7_a_token_never_goes_upstream(self):
        self.assertIn(b"200", self.over_tcp("agent1", "/v/acme/v1", f"authorization: Bearer {self.token}").split(b"\r\n")[0])
        self.call("agent1", control=[("authorization", f"Bearer {self.token}")])
        self.assertEqual(2, len(self.up.requests))
        for request in self.up.requests:
            self.assertNotIn(self.token.encode(), request.raw_head)
            self.assertEqual([f"Bearer {self.secret}"], request.all("authorization"))

    def test_TT9_a_lifetime_is_neither_nothing_nor_for_ever(self):
        for ttl in ("0", "-1", "1000000000000000000", "366d", "0s", "x", "1e3"):
            self.assertNotEqual(0, self.operator("agent", "token", "one", f"--ttl={ttl}", code=None).returncode, ttl)

    def mint(self, **wish):
        """A token that an operator makes for agent1."""
        wish = {"ttlMs": 600000, "uid": pwd.getpwnam("agent1").pw_uid, **wish}
        status, _, body = self.ask("aivault", "POST", "/aivault/tokens/proxy", wish, where=world.OPERATOR_SOCKET)
        type(self).outputs.pop()
        self.assertIn(status, (200, 201), body)
        made = json.loads(body)
        return made.get("result", made)["token"]

    def test_TT10_a_token_for_one_capability_serves_no_path_of_another(self):
        narrow = self.mint(capabilities=["acme/other"])
        self.assertRefused(self.show("agent1", narrow), "token_scope")
        self.assertNotIn(b"200", self.over_tcp("agent1", "/v/acme/v1", f"authorization: Bearer {narrow}").split(b"\r\n")[0])
        self.assertEqual([], self.up.requests)

    def test_TT11_a_token_for_one_credential_serves_no_other(self):
        self.add_api("pinned", self.other_secret)
        pinned = self.mint(credentials=["pinned"])
        self.assertRefused(self.call("agent1", credential="acme", control=[("x-aivault-token", pinned)]))
        self.assertRefused(self.call("agent1", control=[("x-aivault-token", pinned)]))


if __name__ == "__main__":
    world.run()

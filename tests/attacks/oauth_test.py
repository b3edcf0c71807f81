"""Attacks on tokens that come over the network (OA), and what sizes and times tell (TM)."""

import json
import pathlib
import pwd
import threading
import time

import world
from world import Attack, as_user
from lib.http_socket import HttpSocket
from lib.token_endpoint import TokenEndpoint


class OAuth(Attack):
    def setUp(self):
        super().setUp()
        self.before += 40  # pooled connections, one for each credential and caller
        self.endpoint = TokenEndpoint()
        type(self).reply = self.endpoint
        self.name = self.id().rsplit(".", 1)[-1].split("_")[1].lower()
        self.make(self.name)

    def make(self, name):
        secret = json.dumps({"clientId": "client-1", "clientSecret": self.other_secret, "refreshToken": "refresh-token-0000"})
        made = json.loads(self.operator("secrets", "create", "--name", f"{name}_O", "--value-file", "-", stdin=secret).stdout)
        body = {"id": name, "provider": name, "secretRef": f"vault:secret:{made['secretId']}", "hosts": [self.up.authority],
                "allowPrivateNetwork": True, "tlsCaPem": self.ca.read_text(),
                "auth": {"o_auth2": {"grant_type": "refresh_token", "token_endpoint": f"https://{self.up.authority}/token",
                                     "scopes": ["s1"]}}}
        status, _, answer = self.ask("aivault", "POST", "/aivault/credentials", body, where=world.OPERATOR_SOCKET)
        self.assertIn(status, (200, 201), answer)
        self.operator("capability", "create", f"{name}/call", "--credential", name, "--method", "GET", "--method", "POST",
                      "--path", "/v1")
        return made

    def oauth(self, **options):
        return self.call(capability=f"{self.name}/call", **options)

    def test_OA1_many_calls_at_once_ask_for_one_token(self):
        self.endpoint.delay = 0.3
        envelope = {"capability": f"{self.name}/call", "request": {"method": "GET", "path": "/v1", "headers": []}}

        def act():
            statuses = []

            def one():
                with HttpSocket(world.SOCKET) as door:
                    statuses.append(door.call(envelope).status)
            threads = [threading.Thread(target=one) for _ in range(30)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            return statuses
        self.assertEqual([200] * 30, as_user("agent1", act))
        self.assertEqual(1, len(self.endpoint.asked))

    def test_OA3_odd_lifetimes_are_survived(self):
        for number, given in enumerate((-1, 0, 1 << 63, "3600", None, 1.5, True, [], 10 ** 30)):
            self.name = f"oa3x{number}"
            self.make(self.name)
            answer = {"access_token": f"token-of-odd-life-{number}", "token_type": "bearer", "expires_in": given}
            if number == 8:
                answer.pop("expires_in")
            self.endpoint.answers = [(200, json.dumps(answer))]
            self.oauth()
            self.assertIn(self.oauth()[0], (200, 401, 409, 502, 503))
        self.name = "oa3y"
        self.make(self.name)
        self.endpoint.answers = [(200, '{"access_token":"token-of-no-number","token_type":"bearer","expires_in":1e309}')]
        self.oauth()
        type(self).reply = None
        self.assertServes()

    def test_OA5_a_token_that_is_no_header_value_is_not_sent(self):
        for number, token in enumerate(("a\r\nx-evil: 1", "a\0b", "a\nb", "t" * (1 << 20), "tok\u00e9n", "", " ")):
            self.name = f"oa5x{number}"
            self.make(self.name)
            self.endpoint.called.clear()
            self.endpoint.answers = [(200, json.dumps({"access_token": token, "token_type": "bearer", "expires_in": 3600}))]
            status, answer = self.oauth()
            with self.subTest(token[:20]):
                self.assertEqual([], self.endpoint.called)
                self.assertGreaterEqual(status, 400, answer)

    def test_OA6_an_empty_refresh_token_keeps_the_old_one(self):
        answer = {"access_token": "first-access-token", "token_type": "bearer", "expires_in": 1, "refresh_token": ""}
        self.endpoint.answers = [(200, json.dumps(answer))]
        self.oauth()
        time.sleep(1.1)  # The lifetime that the endpoint gave.
        self.oauth()
        self.assertEqual("refresh-token-0000", self.endpoint.form()["refresh_token"])

    def test_OA7_answers_of_401_ask_for_one_token_in_a_minute(self):
        self.endpoint.refused.add("*")
        for _ in range(10):
            self.assertEqual(401, self.oauth()[0])
        self.assertLessEqual(len(self.endpoint.asked), 2)

    def test_OA9_a_caller_adds_nothing_to_the_request_for_a_token(self):
        self.oauth(method="POST", body="grant_type=password&scope=admin", path="/v1?grant_type=password&scope=admin&resource=x",
                   headers=[("x-scope", "admin")])
        for request in self.endpoint.asked:
            form = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
            self.assertEqual("refresh_token", form["grant_type"])
            self.assertNotIn("admin", request.raw_head.decode() + request.body.decode())
            self.assertNotIn("resource", form)
        self.assertTrue(self.endpoint.asked)

    def test_RL5_what_the_endpoint_says_reaches_nobody_with_the_secret(self):
        self.endpoint.answers = [(400, json.dumps({"error": "invalid_grant", "error_description": self.other_secret,
                                                   "body": "internal-detail"}))]
        status, answer = self.oauth()
        self.assertGreaterEqual(status, 400)
        self.assertNotIn(self.other_secret, json.dumps(answer))
        self.assertNotIn("internal-detail", json.dumps(answer))


if __name__ == "__main__":
    world.run()

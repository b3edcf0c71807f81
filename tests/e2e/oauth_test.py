"""Credentials whose token comes over the network: when it is asked for, kept, replaced and missed."""

import base64
import json
import subprocess
import time

from lib import prometheus
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, main
from lib.token_endpoint import TokenEndpoint
from lib.vault import wait_until

CLIENT = {"clientId": "client-1", "clientSecret": "client-secret-0001", "refreshToken": "refresh-token-0000"}


def now_ms():
    return int(time.time() * 1000)


class OAuth(Scenario):
    def make(self, endpoint=None, secret=None, auth=None, kind=None):
        """A vault with a daemon, the credential `acme` and the capability `acme/call`."""
        self.endpoint = endpoint or TokenEndpoint()
        names = ("DNS:localhost", "DNS:oauth2.googleapis.com", "DNS:api.github.com")
        self.server = self.upstream(self.endpoint, self.authority.issue("vendors", names))
        vault = self.vault()
        there = f"127.0.0.1:{self.server.port}"
        self.environment = {"AIVAULT_DEV_CA_CERT_PATH": str(self.ca), "AIVAULT_DEV_RESOLVE":
                            f"oauth2.googleapis.com={there},api.github.com={there}"}
        vault.start_daemon(env=self.environment)
        record = vault.add_secret("ACME_OAUTH", json.dumps(CLIENT if secret is None else secret))
        self.secret = record["secretId"]
        if kind is None:
            kind = self.oauth2(auth or {})
        body = {"id": "acme", "provider": "acme", "secretRef": f"vault:secret:{self.secret}",
                "hosts": [self.server.authority], "allowPrivateNetwork": True,
                "tlsCaPem": open(self.ca).read(), "auth": kind}
        with HttpSocket(vault.socket) as door:
            answer = door.request("POST", "/aivault/credentials", body)
            self.assertIn(answer.status, (200, 201), answer.body)
        vault.add_capability("acme/call", "acme")
        return vault

    def oauth2(self, auth):
        config = {"grant_type": "refresh_token", "token_endpoint": f"https://{self.server.authority}/token",
                  "scopes": ["s1"], **(auth or {})}
        return {"o_auth2": config}

    def counted(self, vault, *results):
        return tuple(prometheus.value_of(vault.socket, "aivault_oauth_refresh_total", result=result) for result in results)

    def call(self, vault, *flags):
        return vault.run("invoke", "acme/call", "--method", "POST", "--path", "/v1/x", *flags)

    def works(self, vault, bearer):
        outcome = self.call(vault)
        self.assertEqual(0, outcome.code, str(outcome))
        # What the server echoes is scrubbed; what it saw is the bearer.
        self.assertIn("[REDACTED]", outcome.text)
        self.assertEqual(f"Bearer {bearer}", self.endpoint.bearers()[-1])

    def fails(self, vault, marker):
        outcome = self.call(vault)
        self.assertNotEqual(0, outcome.code, str(outcome))
        self.assertIn(marker, outcome.errors)
        return outcome

    # Case 161.
    def test_one_token_serves_until_it_ends_also_after_a_restart(self):
        vault = self.make()
        self.works(vault, "access-token-0001")
        request = self.endpoint.asked[0]
        self.assertEqual("Basic Y2xpZW50LTE6Y2xpZW50LXNlY3JldC0wMDAx", request.one("authorization"))
        self.assertEqual({"client_id": "client-1", "grant_type": "refresh_token",
                          "refresh_token": "refresh-token-0000", "scope": "s1"}, self.endpoint.form())
        vault.stop_daemon()
        vault.start_daemon(env=self.environment)
        self.works(vault, "access-token-0001")
        self.assertEqual(1, len(self.endpoint.asked))
        (refresh,) = [event for event in vault.audit() if event["kind"] == "oauth.refresh"]
        self.assertEqual(("broker", "acme", self.secret, "localhost", "ok"), tuple(
            refresh[key] for key in ("actor", "credential", "secretId", "host", "outcome")))
        self.assertIn("value version 2", refresh["note"])
        self.assertNotIn("secret.rotate", [event["kind"] for event in vault.audit()])
        self.assertEqual([], vault.occurrences(b"access-token-0001"))

    # Case 162.
    def test_a_public_client_sends_no_authorization(self):
        vault = self.make(secret={"client_id": "client-1", "refresh_token": "refresh-token-0000"})
        self.works(vault, "access-token-0001")
        self.assertIsNone(self.endpoint.asked[0].one("authorization"))

    # Case 163.
    def test_other_grants(self):
        vault = self.make(auth={"grant_type": "client_credentials"})
        self.works(vault, "access-token-0001")
        self.assertNotIn("refresh_token", self.endpoint.form())
        vault = self.make(auth={"grant_type": "client_credentials"}, secret={"clientId": "client-1"})
        self.fails(vault, "missing oauth2 client secret")
        vault = self.make(auth={"grant_type": "account_credentials"}, secret={**CLIENT, "accountId": "account-7"})
        self.works(vault, "access-token-0001")
        self.assertEqual("account-7", self.endpoint.form()["account_id"])

    def rsa_key(self):
        if not hasattr(OAuth, "pem"):
            OAuth.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                       capture_output=True, check=True).stdout.decode()
        return OAuth.pem

    def claims(self, token):
        """Of a token that OpenSSL finds signed with our key."""
        head, claims, signature = token.split(".")
        decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key, proof = self.scratch / "key.pem", self.scratch / "proof"
        key.write_text(self.rsa_key())
        proof.write_bytes(decode(signature))
        subprocess.run(["openssl", "dgst", "-sha256", "-prverify", key, "-signature", proof],
                       input=f"{head}.{claims}".encode(), check=True, capture_output=True)
        return json.loads(decode(head)), json.loads(decode(claims))

    # Case 157.
    def test_a_google_key_file_is_exchanged(self):
        file = {"type": "service_account", "client_email": "robot@acme.test", "private_key_id": "key-7",
                "private_key": self.rsa_key(), "token_uri": "https://oauth2.googleapis.com/token"}
        vault = self.make(secret=file, kind={"jwt": {"scopes": ["scope-a", "scope-b"]}})
        self.works(vault, "access-token-0001")
        self.works(vault, "access-token-0001")
        self.assertEqual(1, len(self.endpoint.asked))
        self.assertEqual("urn:ietf:params:oauth:grant-type:jwt-bearer", self.endpoint.form()["grant_type"])
        head, claims = self.claims(self.endpoint.form()["assertion"])
        self.assertEqual(("RS256", "key-7"), (head["alg"], head["kid"]))
        self.assertEqual(("robot@acme.test", "scope-a scope-b", "https://oauth2.googleapis.com/token", 3600),
                         (claims["iss"], claims["scope"], claims["aud"], claims["exp"] - claims["iat"]))
        vault = self.make(secret={**file, "token_uri": "https://evil.example/token"},
                          kind={"jwt": {"scopes": ["scope-a"]}})
        self.fails(vault, "token_uri is not the Google token endpoint")
        self.assertEqual(0, self.server.connections)

    # Case 158.
    def test_a_github_app_gets_tokens_of_its_installation(self):
        secret = {"appId": "4711", "installationId": "7", "privateKeyPem": self.rsa_key()}
        vault = self.make(secret=secret, kind={"github_app": {}})
        self.works(vault, "access-token-0001")
        self.works(vault, "access-token-0001")
        self.assertEqual(["/app/installations/7/access_tokens"], [r.target for r in self.endpoint.asked])
        request = self.endpoint.asked[0]
        self.assertEqual("2022-11-28", request.one("x-github-api-version"))
        _, claims = self.claims(request.one("authorization").removeprefix("Bearer "))
        self.assertEqual(("4711", 600), (claims["iss"], claims["exp"] - claims["iat"]))
        vault = self.make(TokenEndpoint(lifetime=0), secret=secret, kind={"github_app": {}})
        self.works(vault, "access-token-0001")
        self.works(vault, "access-token-0002")  # The first was good for one call.
        vault = self.make(secret=secret, kind={"github_app": {}})
        self.endpoint.answers = [(403, '{"message":"private words"}')]
        outcome = self.fails(vault, "returned 403")
        self.assertNotIn("private words", outcome.errors)

    # Case 163.
    def test_a_signed_assertion_is_a_grant(self):
        vault = self.make(secret={"privateKey": self.rsa_key(), "client_email": "robot@acme.test"},
                          auth={"grant_type": "jwt_bearer", "assertion": {"audience": "acme"}})
        self.works(vault, "access-token-0001")
        _, claims = self.claims(self.endpoint.form()["assertion"])
        self.assertEqual(("robot@acme.test", "acme"), (claims["iss"], claims["aud"]))

    # Case 164.
    def test_a_token_that_is_not_taken_is_replaced_once(self):
        vault = self.make(secret={**CLIENT, "accessToken": "access-token-0000",
                                  "accessTokenExpiresAtMs": now_ms() + 3_600_000})
        self.endpoint.refused = {"access-token-0000"}
        self.works(vault, "access-token-0001")
        self.assertEqual(["Bearer access-token-0000", "Bearer access-token-0001"], self.endpoint.bearers())
        self.assertEqual(1, len(self.endpoint.asked))
        # At most one such refresh in a minute: the next 401 is the answer.
        self.endpoint.refused = {"*"}
        outcome = self.call(vault, "--include")
        self.assertIn("401", outcome.text.splitlines()[0])
        self.assertEqual((3, 1), (len(self.endpoint.called), len(self.endpoint.asked)))

    # Case 164.
    def test_the_second_401_is_the_answer(self):
        vault = self.make()
        self.endpoint.refused = {"*"}
        outcome = self.call(vault, "--include")
        self.assertIn("401", outcome.text.splitlines()[0])
        self.assertEqual(2, len(self.endpoint.called))
        self.assertEqual(2, len(self.endpoint.asked))

    def test_both_tokens_of_a_replay_are_scrubbed_whoever_asked_for_the_second(self):
        theirs = {**CLIENT, "accessToken": "access-token-theirs", "accessTokenExpiresAtMs": now_ms() + 3_600_000}

        class Echo(TokenEndpoint):
            def api(endpoint, exchange):
                bearer = exchange.request.one("authorization").removeprefix("Bearer ")
                endpoint.called.append(exchange.request)
                if len(endpoint.called) == 1:  # Meanwhile another process gets a token.
                    vault.ok("secrets", "rotate", "--id", self.secret, "--value-file", "-", stdin=json.dumps(theirs))
                    exchange.reply(401, "stale")
                else:
                    exchange.reply(200, f"not access-token-0000 but {bearer}")
        vault = self.make(Echo(), secret={**CLIENT, "accessToken": "access-token-0000",
                                          "accessTokenExpiresAtMs": now_ms() + 3_600_000})
        outcome = self.call(vault)
        self.assertEqual("not [REDACTED] but [REDACTED]", outcome.text, str(outcome))
        self.assertEqual([], self.endpoint.asked)
        self.assertEqual(["Bearer access-token-0000", "Bearer access-token-theirs"], self.endpoint.bearers())

    # Case 174.
    def test_a_refresh_takes_no_unit_of_the_rate(self):
        vault = self.make()
        vault.ok("capability", "policy", "set", "--capability", "acme/call", "--rate-limit-per-minute", "2")
        self.endpoint.refused = {"access-token-0001"}
        self.works(vault, "access-token-0002")  # A token, a 401, another token and the call again: one unit.
        self.assertEqual((2, 2), (len(self.endpoint.asked), len(self.endpoint.called)))
        self.works(vault, "access-token-0002")
        self.fails(vault, "capability rate limit exceeded")

    # Case 78.
    def test_a_grant_that_needs_a_person_is_none_for_a_broker(self):
        vault = self.make()
        with HttpSocket(vault.socket) as door:
            answer = door.request("POST", "/aivault/credentials", {
                "id": "other", "provider": "acme", "secretRef": f"vault:secret:{self.secret}",
                "hosts": [self.server.authority], "auth": self.oauth2({"grant_type": "authorization_code"})})
        self.assertEqual(("policy_violation", "oauth2 consent/setup flow must happen outside broker"),
                         (answer.json()["error"], answer.json()["message"]))

    # Case 165.
    def test_a_streamed_body_is_sent_again_whole(self):
        vault = self.make()
        self.endpoint.refused = {"access-token-0001"}
        body = vault.base / "body"
        body.write_bytes(bytes(range(256)) * 2000)
        outcome = self.call(vault, "--body-file-path", body)
        self.assertEqual(0, outcome.code, str(outcome))
        self.assertNotIn("stale", outcome.text)
        self.assertEqual([512000, 512000], [request.body_length for request in self.endpoint.called])
        self.assertEqual(1, len({request.body_sha256 for request in self.endpoint.called}))

    # Case 166.
    def test_a_large_body_is_not_sent_again(self):
        vault = self.make()
        self.endpoint.refused = {"access-token-0001"}
        body = vault.base / "body"
        body.write_bytes(b"x" * (5 << 20))
        outcome = self.call(vault, "--include", "--body-file-path", body)
        self.assertIn("401", outcome.text.splitlines()[0])
        self.assertEqual(1, len(self.endpoint.called))
        self.works(vault, "access-token-0002")
        self.assertEqual(2, len(self.endpoint.called))

    # Case 167.
    def test_a_token_that_ends_soon_is_renewed_or_used(self):
        def old(left):
            return {**CLIENT, "accessToken": "access-token-0000", "accessTokenExpiresAtMs": now_ms() + left,
                    "accessTokenObtainedAtMs": now_ms() + left - 3_600_000}
        vault = self.make(secret=old(120_000))
        self.works(vault, "access-token-0001")
        vault = self.make(secret=old(120_000))
        self.endpoint.answers = [(503, "busy")]
        self.works(vault, "access-token-0000")
        end = wait_until(lambda: [e for e in vault.calls() if e["outcome"] == "ok"], what="the end record")[0]
        self.assertIn("could not be renewed", json.dumps(end))
        vault = self.make(secret=old(5_000))
        self.endpoint.answers = [(503, "busy", [("retry-after", "20")])]
        self.fails(vault, "oauth2 token endpoint returned 503")
        self.fails(vault, "oauth2 token endpoint returned 503")
        self.assertEqual(1, len(self.endpoint.asked))  # Left alone for a while.
        self.assertEqual((1, 0), self.counted(vault, "transient", "ok"))

    # Case 168.
    def test_an_endpoint_elsewhere_is_refused(self):
        for url, marker in (("http://localhost/token", "must use https"),
                            ("https://localhost:1/token", "non-default port not allowed"),
                            ("https://evil.example/token", "host is not allowed by credential hosts")):
            vault = self.make(auth={"token_endpoint": url})
            self.fails(vault, marker)
            self.assertEqual(0, self.server.connections)

    # Case 169.
    def test_a_login_that_is_over_is_not_tried_again(self):
        vault = self.make()
        refusal = {"error": "invalid_grant", "error_description": "unknown refresh-token-0000"}
        self.endpoint.answers = [(400, json.dumps(refusal))]
        outcome = self.fails(vault, "oauth2 token endpoint returned 400 (invalid_grant): unknown [REDACTED]")
        self.assertNotIn("refresh-token-0000", outcome.errors)
        (failed,) = [event for event in vault.audit() if event["kind"] == "oauth.refresh"]
        self.assertEqual(("error", "auth_failed", "oauth_invalid_grant", "localhost"), tuple(
            failed[key] for key in ("outcome", "code", "reason", "host")))
        self.fails(vault, "log in again")
        self.assertIn("needs login", vault.ok("status", "-v").text)
        self.assertEqual(1, len(self.endpoint.asked))
        self.assertEqual((1, 0), self.counted(vault, "login_required", "ok"))
        changed = {**CLIENT, "refreshToken": "refresh-token-9999"}
        vault.ok("secrets", "rotate", "--id", self.secret, "--value-file", "-", stdin=json.dumps(changed))
        self.works(vault, "access-token-0002")
        self.works(vault, "access-token-0002")
        self.assertEqual((1, 1), self.counted(vault, "login_required", "ok"))

    # Case 170.
    def test_odd_answers(self):
        for body, marker in (('{"token":"x"}', "missing access_token"), ("<html>", "must be JSON")):
            vault = self.make()
            self.endpoint.answers = [(200, body)]
            self.fails(vault, marker)
        vault = self.make(TokenEndpoint(lifetime=None))
        self.works(vault, "access-token-0001")
        self.works(vault, "access-token-0001")

    # Case 171.
    def test_a_new_refresh_token_is_kept(self):
        vault = self.make(TokenEndpoint(lifetime=0, rotating=True),
                          secret={"note": "mine", "client_id": "client-1", "refresh_token": "refresh-token-0000"})
        self.works(vault, "access-token-0001")
        self.works(vault, "access-token-0002")  # Of no lifetime: good for one call.
        self.assertEqual("refresh-token-0001", self.endpoint.form()["refresh_token"])

    # Case 172.
    def test_twenty_calls_of_two_daemons_ask_once(self):
        vault = self.make(TokenEndpoint(delay=1.0, rotating=True))
        other = vault.environment({"AIVAULTD_SOCKET": str(vault.base / "nobody.sock")})
        processes = []
        for number in range(20):
            env = other if number % 2 else None
            processes.append(vault.start("invoke", "acme/call", "--method", "POST", "--path", "/v1/x", env=env))
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertEqual(0, process.returncode, err)
            self.assertIn(b"[REDACTED]", out)
        self.assertEqual(1, len(self.endpoint.asked))
        self.assertEqual(["Bearer access-token-0001"] * 20, self.endpoint.bearers())

    # Case 173.
    def test_a_rotation_during_a_refresh_wins(self):
        vault = self.make()
        mine = {**CLIENT, "accessToken": "access-token-mine", "accessTokenExpiresAtMs": now_ms() + 3_600_000}

        def rotate():
            self.endpoint.on_ask = None
            vault.ok("secrets", "rotate", "--id", self.secret, "--value-file", "-", stdin=json.dumps(mine))
        self.endpoint.on_ask = rotate
        self.works(vault, "access-token-mine")
        self.works(vault, "access-token-mine")
        self.assertEqual(1, len(self.endpoint.asked))

    def test_a_caller_who_leaves_does_not_lose_the_token(self):
        vault = self.make(TokenEndpoint(delay=1.0, rotating=True))
        process = vault.start("invoke", "acme/call", "--method", "POST", "--path", "/v1/x")
        wait_until(lambda: self.endpoint.asked, what="the token request")
        process.kill()
        process.communicate()
        wait_until(lambda: any(e["kind"] == "oauth.refresh" for e in vault.audit()), what="the stored token")
        self.works(vault, "access-token-0001")

    def test_the_command_line_describes_a_credential_with_tokens(self):
        vault = self.vault()
        secret = vault.add_secret("ACME_OAUTH", json.dumps({"clientId": "c", "clientSecret": "s", "refreshToken": "r"}))
        made = vault.ok("credential", "create", "acme", "--provider", "acme", "--secret-ref",
                        f"vault:secret:{secret['secretId']}", "--host", "api.acme.test", "--auth", "oauth2",
                        "--token-endpoint", "https://id.acme.test/token", "--scope", "read", "--scope", "write").json()
        auth = made["auth"]["o_auth2"]
        self.assertEqual(("https://id.acme.test/token", ["read", "write"]), (auth["token_endpoint"], auth["scopes"]))


if __name__ == "__main__":
    main()

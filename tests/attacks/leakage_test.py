"""Attacks by which an answer, an error or a view would tell what it should not (RL)."""

import base64
import json
import random
import urllib.parse

import world
from world import OPERATOR_SOCKET, VAULT, Attack, canary, forms

# Other spellings than those that every attack is searched for.
REPLY_HEADERS = [("set-cookie", "sid=%s"), ("authorization", "Bearer %s"), ("www-authenticate", "Basic realm=%s"),
                 ("x-auth-token", "%s"), ("x-request-id", "%s"), ("server", "%s"), ("x-echo", "%s"), ("etag", '"%s"'),
                 ("content-disposition", "attachment; filename=%s"), ("link", "<https://x.test/?k=%s>"),
                 ("access-control-allow-origin", "*"), ("x-aivault-error", "%s"), ("alt-svc", "h3=\":443\"")]
WITHHELD = {"set-cookie", "authorization", "www-authenticate", "x-auth-token", "access-control-allow-origin",
            "x-aivault-error", "alt-svc"}


def spellings(secret):
    raw = secret.encode()
    return {*forms(secret), raw.hex().upper().encode(), base64.b64encode(b"user:" + raw), base64.b64encode(b"x" + raw),
            "".join(f"\\u{ord(c):04x}" for c in secret).encode(), "".join(f"%{ord(c):02X}" for c in secret).encode(),
            "".join(f"&#{ord(c)};" for c in secret).encode(),
            urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe="").encode()}


class Leakage(Attack):
    @classmethod
    def prepare(cls):
        cls.query_key, cls.path_key = canary(), "123456:" + canary("")
        cls.add_api("query", cls.query_key, auth=("--auth", "query", "--query-param", "key"))
        cls.add_api("bot", cls.path_key, auth=("--auth", "path", "--path-prefix-template", "/bot{{secret}}"), paths=("/",))
        cls.pair = canary("pw-")
        cls.add_api("basic", "someuser:" + cls.pair, auth=("--auth", "basic"))
        # Two credentials of the same host.
        cls.add_api("twin", cls.other_secret)

    def says(self, status=200, body=b"", headers=(), pieces=None):
        def reply(exchange):
            exchange.read_body()
            if pieces is None:
                exchange.reply(status, body, list(headers))
                return
            exchange.start(status, list(headers))
            for piece in pieces:
                if piece:
                    exchange.chunk(piece)
            exchange.end()
        type(self).reply = staticmethod(reply)

    def assertNoneOf(self, secret, *texts):
        for form in spellings(secret):
            for text in texts:
                self.assertNotIn(form, text)

    def test_RL1_an_echo_is_redacted_in_every_spelling_and_cut(self):
        choose = random.Random(20261127)
        plain = {"content-type": "text/plain"}.items()
        for spelling in spellings(self.secret):
            whole = b"before\n" + spelling + b" and " + spelling + b"\nafter"
            for status in (200, 401, 500):
                self.says(status, whole, plain)
                got, _, body = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
                self.assertEqual((status, True), (got, body.startswith(b"before\n") and body.endswith(b"after")))
                self.assertNoneOf(self.secret, body)
            for _ in range(12):
                cuts = sorted(choose.sample(range(len(whole)), 3))
                self.says(200, headers=plain, pieces=[whole[a:b] for a, b in zip([0, *cuts], [*cuts, None])])
                _, _, body = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
                self.assertNoneOf(self.secret, body)
                self.assertIn(b"[REDACTED]", body)
        for name, key in (("query", self.query_key), ("bot", self.path_key), ("basic", self.pair)):
            def reply(exchange):
                exchange.reply(200, exchange.request.raw_head, plain)
            type(self).reply = staticmethod(reply)
            _, headers, body = self.ask("agent1", "POST", "/aivault/proxy", self.envelope(f"{name}/call"))
            self.assertIn(b"[REDACTED]", body)
            self.assertNoneOf(key, body, repr(headers).encode())

    def envelope(self, capability="acme/call", method="GET", path="/v1", **more):
        return {"capability": capability, "request": {"method": method, "path": path, **more}}

    def test_RL2_headers_of_an_answer_carry_nothing(self):
        self.says(200, "x", [(name, value.replace("%s", self.secret)) for name, value in REPLY_HEADERS])
        status, headers, _ = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
        self.assertEqual(200, status)
        self.assertFalse(WITHHELD & {name for name, _ in headers}, headers)
        self.assertNoneOf(self.secret, repr(headers).encode())
        for value in spellings(self.secret):
            self.says(200, "x", [("x-echo", value.decode())])
            _, headers, _ = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
            self.assertIn("[REDACTED]", dict(headers)["x-echo"])

    def test_RL3_a_redirect_is_not_followed_and_shows_no_key(self):
        for status in (301, 302, 303, 307, 308):
            def reply(exchange):
                exchange.read_body()
                exchange.reply(status, "", [("location", exchange.request.target), ("refresh", f"0; url={exchange.request.target}")])
            type(self).reply = staticmethod(reply)
            for name, key in (("query", self.query_key), ("bot", self.path_key)):
                self.up.forget()
                got, headers, _ = self.ask("agent1", "POST", "/aivault/proxy", self.envelope(f"{name}/call"))
                self.assertEqual((status, 1), (got, len(self.up.requests)))
                self.assertIn("REDACTED", dict(headers)["location"])
                self.assertNoneOf(key, repr(headers).encode())

    def test_RL5_what_a_token_endpoint_says_stays_inside(self):
        refresh = canary("rt-")

        def answer(exchange):
            body = exchange.read_body()
            exchange.reply(400, b'{"error":"invalid_request","error_description":"you sent ' + body + b'","token":"'
                           + refresh.encode() + b'"}')
        type(self).reply = staticmethod(answer)
        token = json.dumps({"clientId": "id", "clientSecret": self.other_secret, "refreshToken": refresh})
        made = json.loads(self.operator("secrets", "create", "--name", "TOKENS_KEY", "--value-file", "-", stdin=token).stdout)
        status, _, body = self.ask("aivault", "POST", "/aivault/credentials", {
            "id": "tokens", "provider": "tokens", "secretRef": f"vault:secret:{made['secretId']}", "hosts": [self.up.authority],
            "auth": {"o_auth2": {"grant_type": "refresh_token", "token_endpoint": f"https://{self.up.authority}/token"}},
            "allowPrivateNetwork": True, "tlsCaPem": self.ca_file.read_text()}, where=OPERATOR_SOCKET)
        self.assertEqual(200, status, body)
        self.operator("capability", "create", "tokens/call", "--credential", "tokens", "--method", "GET", "--path", "/v1")
        for _ in range(2):
            status, answer = self.call(capability="tokens/call")
            self.assertEqual((502, "auth_failed"), (status, answer["error"]), answer)
            self.assertNoneOf(refresh, json.dumps(answer).encode())
            self.assertNoneOf(self.other_secret, json.dumps(answer).encode())
        self.assertNoneOf(refresh, self.log.read_bytes())

    def test_RL6_a_planned_url_is_built_without_the_key(self):
        for name, key, path, shown in (("query", self.query_key, "/v1?a=1", "/v1?a=1&key=REDACTED"),
                                       ("bot", self.path_key, "/v1/x", "/botREDACTED/v1/x")):
            _, headers, _ = self.ask("agent1", "POST", "/aivault/proxy", self.envelope(f"{name}/call", path=path))
            self.assertEqual(f"https://{self.up.authority}{shown}", dict(headers)["x-aivault-url"])
            frame = {"op": "execute_envelope", "client_ip": "127.0.0.1", "envelope": self.envelope(f"{name}/call", path=path)}
            frame["envelope"]["request"]["headers"] = []
            got = self.raw("agent1", json.dumps(frame).encode(), end=True)
            self.assertEqual(f"https://{self.up.authority}{shown}", json.loads(got)["value"]["planned"]["url"])
            self.assertNoneOf(key, got)

    def test_RL7_one_bad_byte_does_not_switch_redaction_off(self):
        for junk in (b"\xff", b"\xc0", b"\x80", b"\xed\xa0\x80", b"\0", b"\xfe\xff"):
            for kind in ("text/plain", "application/json", "text/event-stream", "x/y", "text/html; charset=utf-16"):
                whole = junk + b"{" + self.secret.encode() + b"}" + junk + self.secret.encode() + junk
                self.says(200, whole, [("content-type", kind)])
                _, _, body = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
                self.assertEqual(2, body.count(b"[REDACTED]"), (junk, kind))

    def test_RL9_what_is_absent_and_what_is_not_ones_own_look_alike(self):
        self.operator("secrets", "create", "--name", "HIDDEN_KEY", "--value-file", "-", "--scope", "workspace", "--workspace-id",
                      "w9", stdin=canary())
        hidden = next(item["secretId"] for item in json.loads(self.operator("secrets", "list", "-v").stdout)
                      if item["name"] == "HIDDEN_KEY")
        self.operator("credential", "create", "hidden", "--provider", "hidden", "--auth", "header", "--secret-ref",
                      f"vault:secret:{hidden}", "--workspace-id", "w9", "--host", self.up.authority)
        answers = set()
        for name in ("hidden", "absent"):
            status, _, body = self.ask("agent1", "POST", "/aivault/proxy", {**self.envelope(), "credential": name})
            answers.add((status, body.replace(name.encode(), b"X")))
        self.assertEqual(1, len(answers), answers)
        answers = set()
        for target in ("/aivault/secrets/" + hidden, "/aivault/secrets/absent", "/aivault/credentials/hidden",
                       "/aivault/credentials/absent"):
            status, headers, body = self.ask("agent1", "GET", target)
            answers.add((status, body))
        self.assertEqual(1, len(answers), answers)
        for target in ("/aivault/capabilities", "/aivault/whoami", "/aivault/endpoints"):
            _, _, body = self.ask("agent1", "GET", target)
            for word in (b"hidden", b"HIDDEN", b"w9", hidden.encode()):
                self.assertNotIn(word, body)
        # The end of somebody else's call is as unknown as that of no call.
        _, headers, _ = self.ask("agent1", "POST", "/aivault/proxy", self.envelope())
        number = dict(headers)["x-aivault-request-id"]
        self.assertEqual(200, self.ask("agent1", "GET", f"/aivault/requests/{number}")[0])
        foreign = self.ask("agent2", "GET", f"/aivault/requests/{number}")
        absent = self.ask("agent2", "GET", f"/aivault/requests/{'a' * len(number)}")
        self.assertEqual((404, foreign[2]), (foreign[0], absent[2]))
        # What exists and was not granted is like what does not exist.
        self.operator("agent", "create", "narrow", "--user", "agent2", "--allow", "twin/*")
        self.addCleanup(self.operator, "agent", "default-access", "open")
        self.addCleanup(self.operator, "agent", "delete", "narrow")
        answers = set()
        for name in ("acme/call", "acme/none", "query/call", "none/none"):
            for capability in (name, "openai/chat-completions"):
                status, headers, body = self.ask("agent2", "POST", "/aivault/proxy", self.envelope(capability))
                answers.add((status, body.replace(capability.encode(), b"X")))
            status, _, body = self.ask("agent2", "GET", f"/aivault/capabilities/{urllib.parse.quote(name, safe='')}")
            answers.add((status, body.replace(name.encode(), b"X")))
        self.assertEqual(2, len(answers), answers)  # of the two doors
        _, _, body = self.ask("agent2", "GET", "/aivault/capabilities")
        self.assertEqual(["twin/call"], [item["id"] for item in json.loads(body)["capabilities"]])

    def test_RL10_an_agent_sees_its_capabilities_and_no_more(self):
        words = [b".aivault/data", b".aivault/keys", b"kek.key", b"vault.db", b"ACME_KEY", b"vault:secret", str(self.ca_file).encode()]
        secrets = json.loads(self.operator("secrets", "list", "-v").stdout)
        words += [item["secretId"].encode() for item in secrets]
        for command in (("status",), ("status", "-v"), ("capability", "list"), ("capability", "list", "-v"),
                        ("capability", "describe", "acme/call"), ("capability", "describe", "acme/call", "-v"),
                        ("capability", "describe", "absent/call")):
            with self.subTest(command):
                done = self.run_as("agent1", "aivault", *command, code=None, env={"AIVAULTD_AUTOSTART": "0"})
                for word in words:
                    self.assertNotIn(word, done.stdout + done.stderr)
        for command in (("secrets", "list"), ("credential", "list"), ("audit",), ("approvals",), ("lock",)):
            with self.subTest(command):
                done = self.run_as("agent1", "aivault", *command, code=None,
                                   env={"AIVAULTD_AUTOSTART": "0", "AIVAULTD_SOCKET": str(world.SOCKET)})
                for word in words:
                    self.assertNotIn(word, done.stdout + done.stderr)

    def test_RL11_interim_answers_and_trailers_are_dropped_and_a_cut_is_an_error(self):
        def reply(exchange):
            exchange.read_body()
            exchange.send(b"HTTP/1.1 103 Early Hints\r\nlink: <" + self.secret.encode() + b">\r\n\r\n")
            exchange.send(b"HTTP/1.1 102 Processing\r\nx-a: 1\r\n\r\n")
            exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-key\r\ncontent-type: text/plain\r\n\r\n"
                          b"2\r\nok\r\n0\r\nx-key: " + self.secret.encode() + b"\r\nset-cookie: a=b\r\n\r\n")
        type(self).reply = staticmethod(reply)
        got = self.raw("agent1", self.post(self.envelope(), "te: trailers", "connection: close"))
        self.assertTrue(got.startswith(b"HTTP/1.1 200 "))
        for word in (b" 103 ", b" 102 ", b"x-key", b"set-cookie", self.secret.encode()):
            self.assertNotIn(word, got)
        self.assertTrue(got.endswith(b"0\r\nx-aivault-outcome: ok\r\n\r\n"), got)

        def cut(exchange):
            exchange.read_body()
            exchange.send(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nab")
            exchange.hang_up()
        type(self).reply = staticmethod(cut)
        status, answer = self.call()
        self.assertEqual((502, "connection_lost"), (status, answer["reason"]))

        def no_goodbye(exchange):
            exchange.read_body()
            exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nab")
            exchange.hang_up()
        type(self).reply = staticmethod(no_goodbye)
        got = self.raw("agent1", self.post(self.envelope(), "te: trailers", "connection: close"))
        self.assertNotIn(b"x-aivault-outcome: ok", got)

    def post(self, envelope, *lines):
        body = json.dumps(envelope).encode()
        return "\r\n".join(["POST /aivault/proxy HTTP/1.1", "host: a", "content-type: application/json",
                            f"content-length: {len(body)}", *lines]).encode() + b"\r\n\r\n" + body

    def test_RL13_connections_are_not_shared_across_credentials_or_callers(self):
        numbers = {}

        def reply(exchange):
            exchange.read_body()
            key = exchange.request.one("authorization")
            numbers.setdefault(exchange.connection_number, set()).add((key, exchange.request.one("x-who")))
            exchange.reply(200, "{}")
        type(self).reply = staticmethod(reply)
        for _ in range(3):
            for user in ("agent1", "agent2"):
                for capability in ("acme/call", "twin/call"):
                    self.assertEqual(200, self.call(user, capability, headers=[("x-who", user)])[0])
        self.assertEqual(4, len(set().union(*numbers.values())))
        self.assertTrue(all(len(seen) == 1 for seen in numbers.values()), numbers)

    def test_RL14_no_log_holds_a_key(self):
        self.replaces_daemon = True
        self.stop_daemon()
        keys = [self.secret, self.other_secret, self.query_key, self.path_key, self.pair]
        type(self).daemon_environment = {"AIVAULTD_LOG": "debug"}
        self.addCleanup(setattr, type(self), "daemon_environment", {})
        self.start_daemon()

        def reply(exchange):
            exchange.reply(500, exchange.request.raw_head, [("x-echo", exchange.request.target)])

        def garble(exchange):
            exchange.send(exchange.request.raw_head + b"\r\n")
            exchange.hang_up()
        for behave in (reply, lambda exchange: exchange.hang_up(), garble):
            type(self).reply = staticmethod(behave)
            for name in ("acme", "twin", "query", "bot", "basic"):
                self.call(capability=f"{name}/call")
                self.run_as("agent1", "aivault", "invoke", f"{name}/call", "--method", "GET", "--path", "/v1", code=None)
        self.operator("doctor", code=None)
        self.operator("status", "-v")
        self.operator("audit", "--limit", "1000")
        self.stop_daemon()
        logged = self.log.read_bytes() + b"".join(self.outputs)
        stored = b"".join(file.read_bytes() for file in VAULT.rglob("*") if file.is_file())
        for key in keys:
            self.assertNoneOf(key, logged)
            self.assertNoneOf(key, stored)
        self.start_daemon()

    def test_RL17_asking_otherwise_shows_nothing_more(self):
        for method in ("HEAD", "OPTIONS", "PROPFIND", "PATCH"):
            for path in ("/v1", "/v1/../admin", "/admin", "/"):
                self.assertRefused(self.call(method=method, path=path))
        for name, value in (("if-none-match", "*"), ("if-match", "x"), ("if-modified-since", "x")):
            self.assertRefused(self.call(path="/admin", headers=[(name, value)]), "path not allowed")
        got = self.raw("agent1", b"HEAD /v/acme/admin HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        self.assertEqual((404, b""), (int(got.split()[1]), got.split(b"\r\n\r\n", 1)[1]))
        self.assertEqual([], self.up.requests)


if __name__ == "__main__":
    world.run()

"""`oauth login` and `oauth setup` against a small provider that also does what a bad one would do."""

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from lib import prometheus
from lib.scenario import Scenario, canary, main


ID = "id.provider.test"


class Provider:
    """Authorization codes with PKCE, and device codes, by the book."""

    def __init__(self, scenario):
        self.codes, self.device_answers, self.device_times = {}, [], []
        self.refresh, self.access = canary("rt-"), canary("at-")
        self.forms = []
        self.server = scenario.upstream(self.answer, scenario.authority.issue(ID, (f"DNS:{ID}",)))

    def answer(self, exchange):
        form = dict(urllib.parse.parse_qsl(exchange.read_body().decode()))
        self.forms.append((exchange.request.target, form, exchange.request.one("authorization")))
        if exchange.request.target == "/device":
            body = {"device_code": self.access + "-device", "user_code": "WDJB-MJHT", "expires_in": 60,
                    "verification_uri": f"https://{ID}/activate", "interval": 1}
            return exchange.reply(200, json.dumps(body))
        if form.get("grant_type") == "authorization_code":
            challenge = self.codes.pop(form.get("code"), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
                return exchange.reply(400, '{"error":"invalid_grant"}')
        elif form.get("grant_type", "").endswith("device_code"):
            self.device_times.append(time.monotonic())
            error = self.device_answers.pop(0)
            if error:
                return exchange.reply(400, json.dumps({"error": error}))
        tokens = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 3600,
                  "token_type": "Bearer"}
        return exchange.reply(200, json.dumps(tokens))

    def approve(self, url):
        """What the person and the browser do; returns the query of the redirect."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        code = canary("code-")
        self.codes[code] = query["code_challenge"]
        return query, {"code": code, "state": query["state"]}


class OAuthLogin(Scenario):
    def setUp(self):
        self.provider = Provider(self)
        self.box = self.vault()
        self.env = {"AIVAULT_DEV_RESOLVE": f"{ID}=127.0.0.1:{self.provider.server.port}",
                    "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)}
        self.box.start_daemon(env=self.env)

    FLAGS = ("--provider", "acme", "--client-id", "cli-1", "--name", "ACME_OAUTH", "--token-endpoint",
             f"https://{ID}/token")

    def start(self, *flags):
        process = self.box.start("oauth", "login", *self.FLAGS, "--auth-url", f"https://{ID}/auth?p=1",
                                 "--scope", "a", "--scope", "b c", "--no-browser", *flags, env=self.env)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        text = b""
        while b"is awaited on" not in text:
            piece = os.read(process.stderr.fileno(), 4096)
            self.assertTrue(piece, text)
            text += piece
        url = re.search(rb"https://\S+", text).group().decode()
        return process, url

    def counted(self):
        _, samples = prometheus.parse(prometheus.scrape(self.box.socket)).get("aivault_oauth_logins_total", (None, {}))
        return {dict(labels)["result"]: count for (_, labels), count in samples.items()}

    def visit(self, redirect_uri, query, host=None):
        place = urllib.parse.urlsplit(redirect_uri)
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
        connection.request("GET", place.path + "?" + urllib.parse.urlencode(query),
                           headers={"host": host or place.netloc})
        answer = connection.getresponse()
        page = answer.read()
        connection.close()
        self.assertEqual("text/plain; charset=utf-8", answer.getheader("content-type"))
        return answer.status, page

    def finish(self, process):
        out, err = process.communicate(timeout=60)
        self.box.outputs += [out, err]
        return process.returncode, out, err.decode()

    # Case 175.
    def test_login_by_redirect(self):
        process, url = self.start()
        asked, good = self.provider.approve(url)
        self.assertTrue(url.startswith(f"https://{ID}/auth?p=1&response_type=code&client_id=cli-1&"), url)
        self.assertEqual(("a b c", "S256"), (asked["scope"], asked["code_challenge_method"]))
        self.assertEqual((43, 43), (len(asked["state"]), len(asked["code_challenge"])))
        # A wrong state gets 400 and changes nothing.
        status, _ = self.visit(asked["redirect_uri"], {**good, "state": "x" * 43})
        self.assertEqual(400, status)
        self.assertEqual([], self.provider.forms)
        self.assertEqual([], self.box.ok("secrets", "list", "-v").json())
        # Nor does what is no redirect, or comes under another name of this machine.
        self.assertEqual(404, self.visit(asked["redirect_uri"], {"code": "c"})[0])
        self.assertEqual(404, self.visit(asked["redirect_uri"], good, "evil.test")[0])
        status, page = self.visit(asked["redirect_uri"], good)
        self.assertEqual(200, status, page)
        code, out, errors = self.finish(process)
        self.assertEqual(0, code, errors)
        result = json.loads(out)
        self.assertEqual(["credential", "expiresAtMs", "provider", "secret"], list(result))
        self.assertEqual(("acme", "ACME_OAUTH", 1), (result["provider"], result["secret"]["name"],
                                                     result["secret"]["valueVersion"]))
        target, form, authorization = self.provider.forms[0]
        self.assertEqual(("/token", None), (target, authorization))
        self.assertEqual({"client_id", "grant_type", "code", "redirect_uri", "code_verifier"}, set(form))
        # No token is printed, nor lies anywhere in the clear.
        for secret in (self.provider.access, self.provider.refresh, good["code"], form["code_verifier"]):
            self.assertEqual([], self.box.occurrences(secret.encode()))
        row = self.box.audit("--kind", "oauth.login")[0]
        self.assertEqual(("ok", result["secret"]["secretId"], ID), (row["outcome"], row["secretId"], row["host"]))

    def test_second_login_rotates_and_keeps_other_keys(self):
        self.box.add_secret("ACME_OAUTH", json.dumps({"client_id": "cli-1", "note": "mine",
                                                      "client_secret": "shh-client-secret"}))
        process, url = self.start()
        asked, good = self.provider.approve(url)
        self.assertEqual(200, self.visit(asked["redirect_uri"], good)[0])
        code, out, errors = self.finish(process)
        self.assertEqual(0, code, errors)
        self.assertEqual(2, json.loads(out)["secret"]["valueVersion"])
        # The secret of the client that was there authenticates it.
        expected = base64.b64encode(b"cli-1:shh-client-secret").decode()
        self.assertEqual(f"Basic {expected}", self.provider.forms[0][2])
        self.assertNotIn("client_secret", self.provider.forms[0][1])

    def test_denied(self):
        process, url = self.start()
        asked, good = self.provider.approve(url)
        status, _ = self.visit(asked["redirect_uri"], {"error": "access_denied", "state": good["state"]})
        self.assertEqual(400, status)
        code, out, errors = self.finish(process)
        self.assertEqual((1, b""), (code, out))
        self.assertIn("login was denied (access_denied)", errors)
        row = self.box.audit("--kind", "oauth.login")[0]
        self.assertEqual(("error", "auth_failed", "login_denied"), (row["outcome"], row["code"], row["reason"]))
        self.assertEqual([], self.box.ok("secrets", "list", "-v").json())

    def test_answer_of_another_issuer(self):
        process, url = self.start()
        asked, good = self.provider.approve(url)
        self.assertEqual(400, self.visit(asked["redirect_uri"], {**good, "iss": "https://evil.test"})[0])
        code, _, errors = self.finish(process)
        self.assertEqual(1, code)
        self.assertIn("another issuer", errors)
        self.assertEqual([], self.provider.forms)
        self.assertEqual({"denied": 1}, self.counted())

    def test_window_passes(self):
        process, _ = self.start("--timeout", "1s")
        code, _, errors = self.finish(process)
        self.assertEqual(1, code)
        self.assertIn("the time for the login is over", errors)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_peer_of_another_user(self):
        process, url = self.start()
        asked, good = self.provider.approve(url)
        place = urllib.parse.urlsplit(asked["redirect_uri"])
        target = place.path + "?" + urllib.parse.urlencode(good)
        script = ("import http.client,sys;c=http.client.HTTPConnection('127.0.0.1',int(sys.argv[1]));"
                  "c.request('GET',sys.argv[2]);print(c.getresponse().status)")
        other = subprocess.run(["python3", "-c", script, str(place.port), target], user=65533, group=65533,
                               extra_groups=[], capture_output=True, cwd="/", timeout=30)
        self.assertEqual(b"403", other.stdout.strip(), other.stderr)
        self.assertEqual([], self.provider.forms)
        self.assertEqual(200, self.visit(asked["redirect_uri"], good)[0])
        self.assertEqual(0, self.finish(process)[0])

    def test_silent_and_endless_guests_do_not_keep_the_browser_out(self):
        process, url = self.start()
        asked, good = self.provider.approve(url)
        port = urllib.parse.urlsplit(asked["redirect_uri"]).port
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as endless:
            endless.sendall(b"GET /callback?code=" + b"a" * (17 << 10))
            self.assertIn(b" 400 ", endless.recv(4096))
        self.assertEqual(200, self.visit(asked["redirect_uri"], good)[0])
        self.assertEqual(0, self.finish(process)[0])
        for guest in silent:
            guest.close()

    # Case 176.
    def test_login_on_a_device(self):
        self.provider.device_answers = ["authorization_pending", "slow_down", None]
        outcome = self.box.ok("oauth", "login", *self.FLAGS, "--device", "--device-url",
                              f"https://{ID}/device", "--scope", "a", env=self.env)
        self.assertIn("WDJB-MJHT", outcome.errors)
        self.assertIn(f"https://{ID}/activate", outcome.errors)
        self.assertEqual("ACME_OAUTH", outcome.json()["secret"]["name"])
        first, second, third = self.provider.device_times
        self.assertGreaterEqual(second - first, 0.9)
        self.assertGreaterEqual(third - second, 5.9)
        self.assertEqual({"client_id": "cli-1", "scope": "a"}, self.provider.forms[0][1])
        self.assertEqual({"ok": 1}, self.counted())
        for secret in (self.provider.access, self.provider.refresh):
            self.assertEqual([], self.box.occurrences(secret.encode()))

    def test_device_that_says_no_or_nothing(self):
        flags = (*self.FLAGS, "--device", "--device-url", f"https://{ID}/device")
        for answers, marker, more in ((["access_denied"], "login was denied", ()),
                                      (["expired_token"], "the time for the login is over", ()),
                                      (["invalid_client"], "returned 400 (invalid_client)", ()),
                                      (["authorization_pending"] * 9, "the time for the login is over",
                                       ("--timeout", "2s"))):
            self.provider.device_answers = list(answers)
            outcome = self.box.run("oauth", "login", *flags, *more, env=self.env)
            self.assertEqual((1, b""), (outcome.code, outcome.out), str(outcome))
            self.assertIn(marker, outcome.errors)
        self.assertEqual([], self.box.ok("secrets", "list", "-v").json())
        self.assertEqual({"denied": 1, "expired": 2, "failed": 1}, self.counted())

    def test_endpoints_that_are_refused(self):
        good = {"--auth-url": f"https://{ID}/auth", "--token-endpoint": f"https://{ID}/token"}
        for flag, url, marker in (("--token-endpoint", f"http://{ID}/token", "must use https"),
                                  ("--token-endpoint", f"https://{ID}:8443/token", "non-default port"),
                                  ("--token-endpoint", "https://127.0.0.1/token", "SSRF guard"),
                                  ("--auth-url", f"http://{ID}/auth", "must use https"),
                                  ("--auth-url", "", "--auth-url is required")):
            words = [word for name, value in {**good, flag: url}.items() for word in (name, value) if value]
            self.box.fails(marker, "oauth", "login", "--provider", "acme", "--client-id", "c", "--name", "N",
                           "--no-browser", *words, env=self.env)
        self.assertEqual([], self.provider.forms)

    def test_redirects_go_to_this_machine_only(self):
        from lib.http_socket import HttpSocket
        body = {"provider": "acme", "flow": "pkce", "clientId": "c", "name": "N",
                "authUrl": f"https://{ID}/auth", "tokenEndpoint": f"https://{ID}/token"}
        with HttpSocket(self.box.socket) as connection:
            for uri in ("https://evil.test/callback", "http://127.0.0.1:1@evil.test/callback",
                        "http://127.0.0.1:80x/callback", "http://127.0.0.1/callback", ""):
                answer = connection.request("POST", "/aivault/oauth/login", {**body, "redirectUri": uri})
                self.assertEqual(400, answer.status, uri)
            good = {**body, "redirectUri": "http://127.0.0.1:8080/callback"}
            ids = [connection.request("POST", "/aivault/oauth/login", good).json()["result"]["loginId"]
                   for _ in range(4)]
            # Four at a time; a cancelled one makes room.
            self.assertEqual(429, connection.request("POST", "/aivault/oauth/login", good).status)
            target = f"/aivault/oauth/login/{ids[0]}"
            self.assertEqual({"state": "pending"}, connection.request("GET", target + "?waitMs=1").json())
            self.assertEqual(200, connection.request("DELETE", target).status)
            self.assertEqual(404, connection.request("GET", target).status)
            self.assertEqual(200, connection.request("POST", "/aivault/oauth/login", good).status)
            self.assertEqual(400, connection.request("GET", target + "?waitMs=60001").status)
        self.assertEqual({"cancelled": 1}, self.counted())
        self.assertEqual(1, prometheus.value_of(self.box.socket, "aivault_rate_limited_total", scope="logins"))

    def test_state_works_once(self):
        from lib.http_socket import HttpSocket
        body = {"provider": "acme", "flow": "pkce", "clientId": "c", "name": "N",
                "authUrl": f"https://{ID}/auth", "tokenEndpoint": f"https://{ID}/token",
                "redirectUri": "http://127.0.0.1:8080/callback"}
        with HttpSocket(self.box.socket) as connection:
            started = connection.request("POST", "/aivault/oauth/login", body).json()["result"]
            _, good = self.provider.approve(started["authUrl"])
            target = f"/aivault/oauth/login/{started['loginId']}/callback"
            self.assertEqual(200, connection.request("POST", target, good).status)
            self.assertEqual(404, connection.request("POST", target, good).status)
        self.assertEqual(1, len(self.provider.forms))

    def test_private_child_serves_a_login(self):
        self.box.stop_daemon()
        self.env = {**self.env, "AIVAULTD_DISABLE": "1"}
        process, url = self.start()
        asked, good = self.provider.approve(url)
        self.assertEqual(200, self.visit(asked["redirect_uri"], good)[0])
        self.assertEqual(0, self.finish(process)[0])


class OAuthSetup(Scenario):
    def test_prints_the_consent_address(self):
        box = self.vault()
        flags = ("--provider", "demo", "--auth-url", "https://a.test/auth", "--client-id", "x",
                 "--redirect-uri", "http://127.0.0.1/cb")
        result = box.ok("oauth", "setup", *flags, "--scope", "a", "--scope", "b", "--state", "s").json()
        self.assertEqual("https://a.test/auth?response_type=code&client_id=x&redirect_uri="
                         "http%3A%2F%2F127.0.0.1%2Fcb&scope=a%20b&state=s", result["consentUrl"])
        self.assertEqual((True, 3, "demo"), (result["exchangeOutsideBroker"], len(result["notes"]),
                                             result["provider"]))
        box.fails("provider, auth_url, client_id, and redirect_uri are required", "oauth", "setup",
                  *flags[:-1], " ")
        self.assertFalse(box.root.exists())


if __name__ == "__main__":
    main()

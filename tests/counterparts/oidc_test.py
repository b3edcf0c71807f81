"""OAuth against a certified OpenID provider (npm oidc-provider): the test plays the browser."""

import base64
import html
import http.client
import http.cookies
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import unittest
import urllib.parse

import npm

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lib.http_socket import HttpSocket  # noqa: E402
from lib.scenario import Scenario, main  # noqa: E402

HOST = "id.provider.test"
ISSUER = f"https://{HOST}"


class LocalName(http.client.HTTPSConnection):
    """HTTPS to a name that only the test knows the address of."""

    def __init__(self, port, ca):
        self.tls = ssl.create_default_context(cafile=ca)
        super().__init__(HOST, 443, timeout=30, context=self.tls)
        self.real_port = port

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.real_port), timeout=30)
        self.sock = self.tls.wrap_socket(raw, server_hostname=HOST)


class Browser:
    """Follows redirects, keeps cookies, fills the provider's forms."""

    def __init__(self, port, ca):
        self.port, self.ca, self.cookies = port, ca, {}

    def request(self, method, url, form=None):
        place = urllib.parse.urlsplit(url)
        assert (place.scheme, place.netloc) in (("https", HOST), ("", "")), url
        connection = LocalName(self.port, self.ca)
        path = place.path + ("?" + place.query if place.query else "")
        headers = {"host": HOST, "cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urllib.parse.urlencode(form) if form is not None else None, headers)
        answer = connection.getresponse()
        page = answer.read().decode()
        for header in answer.headers.get_all("set-cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(header).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        connection.close()
        return answer.status, answer.headers.get("location"), page

    def go(self, url, fill):
        """To the first page without a form, or the first address elsewhere."""
        method, form = "GET", None
        for _ in range(20):
            status, location, page = self.request(method, url, form)
            method, form = "GET", None
            if status in (302, 303):
                if location.startswith("http://127.0.0.1"):
                    return location
                url = urllib.parse.urljoin(f"https://{HOST}", location)
                continue
            assert status == 200, (status, page)
            action = re.search(r'<form[^>]*action="([^"]*)"', page)
            if not action:
                return page
            form = {}
            for field in re.findall(r"<input[^>]*>", page):
                name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
                if name:
                    form[name[1]] = fill.get(name[1], html.unescape(value[1]) if value else "")
            method, url = "POST", html.unescape(action[1])
        raise AssertionError("the provider never came to an end")


@unittest.skipUnless(shutil.which("npm") and shutil.which("node"), "needs node and npm")
class OpenIdProvider(Scenario):
    PERSON = {"login": "alice", "password": "any"}

    def setUp(self):
        certificate, key = self.authority.issue(HOST, (f"DNS:{HOST}",))
        self.process = subprocess.Popen(["node", "provider.mjs", str(certificate), str(key), ISSUER],
                                        cwd=npm.installed(HERE / "oidc"), stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        line = b""
        while not line.strip().isdigit():  # It says first what it thinks of being a test.
            line = self.process.stdout.readline()
            self.assertTrue(line, "the provider did not start")
        self.port = int(line)
        self.browser = Browser(self.port, self.ca)
        self.box = self.vault()
        self.env = {"AIVAULT_DEV_RESOLVE": f"{HOST}=127.0.0.1:{self.port}",
                    "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)}
        self.box.start_daemon(env=self.env)

    def use(self, secret, grant="refresh_token", **more):
        """A credential for the provider's own API, and the capability to call it."""
        with HttpSocket(self.box.socket) as connection:
            made = connection.request("POST", "/aivault/credentials", {
                "id": "acme", "provider": "acme", "secretRef": f"vault:secret:{secret['secretId']}",
                "hosts": [HOST],
                "auth": {"o_auth2": {"grant_type": grant, "token_endpoint": f"{ISSUER}/token", **more}}})
            self.assertEqual(200, made.status, made.body)
        self.box.add_capability("acme/call", "acme", ("GET", "POST", "DELETE"), ("/me", "/machine"))

    def whoami(self):
        return self.box.ok("json", "acme/call", "--method", "GET", "--path", "/me", env=self.env).json()

    def prove_refresh(self, secret):
        self.use(secret)
        expires = self.box.ok("secrets", "list", "-v").json()[0]["valueVersion"]
        seen = set()
        for _ in range(3):  # Access tokens live two seconds, refresh tokens for one use.
            answer = self.whoami()
            self.assertEqual({"sub": "alice"}, answer["response"]["json"], answer)
            seen.add(self.box.ok("secrets", "list", "-v").json()[0]["valueVersion"])
            time.sleep(2.1)  # What passes here is the provider's clock, which nothing else shows.
        self.assertGreater(len(seen), 1)
        self.assertGreaterEqual(max(seen), expires + 2)
        refreshed = [row for row in self.box.audit("--kind", "oauth.refresh") if row["actor"] == "broker"]
        self.assertGreaterEqual(len(refreshed), 2, refreshed)

    def test_login_with_pkce_then_refresh(self):
        process = self.box.start("oauth", "login", "--provider", "acme", "--client-id", "native-app", "--name",
                                 "ACME_OAUTH", "--auth-url", f"{ISSUER}/auth", "--token-endpoint",
                                 f"{ISSUER}/token", "--scope", "openid", "--no-browser", env=self.env)
        text = b""
        while b"is awaited on" not in text:
            piece = os.read(process.stderr.fileno(), 4096)
            self.assertTrue(piece, text)
            text += piece
        url = re.search(rb"https://\S+", text).group().decode()
        back = urllib.parse.urlsplit(self.browser.go(url, self.PERSON))
        # The provider says who it is (RFC 9207), and that is checked.
        self.assertEqual([ISSUER], urllib.parse.parse_qs(back.query).get("iss"))
        page = http.client.HTTPConnection("127.0.0.1", back.port, timeout=30)
        page.request("GET", f"{back.path}?{back.query}", headers={"host": back.netloc})
        self.assertEqual(200, page.getresponse().status)
        page.close()
        out, err = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, err)
        self.prove_refresh(json.loads(out)["secret"])

    def test_login_on_a_device_then_refresh(self):
        process = self.box.start("oauth", "login", "--provider", "acme", "--client-id", "native-app", "--name",
                                 "ACME_OAUTH", "--device", "--device-url", f"{ISSUER}/device/auth",
                                 "--token-endpoint", f"{ISSUER}/token", "--scope", "openid", env=self.env)
        text = b""
        while not (found := re.search(rb"Open (https://\S+).*?\n\n  (\S+)\n", text, re.S)):
            piece = os.read(process.stderr.fileno(), 4096)
            self.assertTrue(piece, text)
            text += piece
        page = self.browser.go(found[1].decode(), {**self.PERSON, "user_code": found[2].decode()})
        self.assertIn("Sign-in Success", page)
        out, err = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, err)
        self.prove_refresh(json.loads(out)["secret"])

    def test_client_credentials(self):
        machine = {"clientId": "machine", "clientSecret": "machine-secret-of-32-characters!"}
        secret = self.box.add_secret("MACHINE", json.dumps(machine))
        self.use(secret, "client_credentials")
        # The provider judges the token that was injected; a form needs a body, so it goes as one.
        answer = self.box.run("invoke", "acme/call", "--method", "GET", "--path", "/me", env=self.env)
        # Asked who the user is, it refuses a machine's token; that it was a token of its own, asked for once and
        # once more after the refusal, the secret shows.
        self.assertIn("invalid_token", answer.text + answer.errors)
        self.assertEqual(3, self.box.ok("secrets", "list", "-v").json()[0]["valueVersion"])
        granted = json.loads(self._introspect(self._token(machine), machine))
        self.assertTrue(granted["active"], granted)

    def machine(self, client, secret):
        secret = self.box.add_secret("MACHINE", json.dumps({"clientId": client, "clientSecret": secret}))
        self.use(secret, "client_credentials", scopes=["things"])

    def ask_machine(self, method="GET"):
        """The status and the body that the provider's API for machines gives, and which value of the secret was used."""
        answer = self.box.ok("json", "acme/call", "--method", method, "--path", "/machine", env=self.env).json()
        version = self.box.ok("secrets", "list", "-v").json()[0]["valueVersion"]
        return answer["response"]["status"], answer["response"]["json"], version

    def test_a_machines_token_is_accepted_and_replaced_once_the_provider_has_ended_it(self):
        self.machine("machine", "machine-secret-of-32-characters!")
        own = {"client_id": "machine", "scope": "things"}
        # One token serves, which the secret shows, until the provider ends it; then the next serves the same call.
        for method, version in (("GET", 2), ("GET", 2), ("DELETE", 2), ("GET", 3), ("GET", 3)):
            self.assertEqual((200, own, version), self.ask_machine(method))
        # Of tokens that are none, and of calls without one, the same address makes no such answer.
        for headers in ({}, {"authorization": "Bearer wrong"}):
            connection = LocalName(self.port, self.ca)
            connection.request("GET", "/machine", headers={"host": HOST, **headers})
            self.assertEqual(401, connection.getresponse().status)
            connection.close()

    def test_a_machines_token_that_has_run_out_is_replaced(self):
        self.machine("brief-machine", "brief-secret-of-32-characters!!!")
        versions = []
        for _ in range(3):  # Its tokens live two seconds.
            status, body, version = self.ask_machine()
            self.assertEqual((200, {"client_id": "brief-machine", "scope": "things"}), (status, body))
            versions.append(version)
            time.sleep(2.1)  # What passes here is the provider's clock, which nothing else shows.
        self.assertEqual(3, len(set(versions)), versions)

    def _post(self, path, form, machine):
        connection = LocalName(self.port, self.ca)
        pair = base64.b64encode(f"{machine['clientId']}:{machine['clientSecret']}".encode()).decode()
        connection.request("POST", path, urllib.parse.urlencode(form),
                           {"host": HOST, "authorization": f"Basic {pair}",
                            "content-type": "application/x-www-form-urlencoded"})
        body = connection.getresponse().read()
        connection.close()
        return body

    def _token(self, machine):
        return json.loads(self._post("/token", {"grant_type": "client_credentials"}, machine))["access_token"]

    def _introspect(self, token, machine):
        return self._post("/token/introspection", {"token": token}, machine)

    def test_machine_with_a_wrong_secret(self):
        secret = self.box.add_secret("MACHINE", json.dumps({"clientId": "machine", "clientSecret": "wrong-secret"}))
        self.use(secret, "client_credentials")
        outcome = self.box.run("invoke", "acme/call", "--method", "GET", "--path", "/me", env=self.env)
        self.assertEqual(1, outcome.code, str(outcome))
        self.assertIn("AuthFailed: oauth2 token endpoint returned 401 (invalid_client)", outcome.errors)


if __name__ == "__main__":
    main()

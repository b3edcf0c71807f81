"""For every provider file: the example of each capability, with each way to present the secret, puts
the secret exactly where the file says and nowhere else, and a path just outside is refused."""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

REGISTRY = pathlib.Path(__file__).resolve().parents[2] / "registry"
SIMPLE = {"header", "multi_header", "query", "multi_query", "path", "basic"}
MINTED = {"o_auth2", "key_file", "github_app"}   # whose token comes over the network first
SIGNED = {"aws_sig_v4", "jwt"}
GRANTS = {"jwt_bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer"}


def tag_of(kind):
    """Of the auth config; a JWT that Google exchanges for a token is a thing of its own."""
    (tag, config), = kind["config"].items()
    return "key_file" if tag == "jwt" and config.get("scopes") else tag


def filled(text, values, braces=("{", "}")):
    for name, value in values.items():
        text = text.replace(braces[0] + name + braces[1], value)
    return text


def segment_fits(pattern, segment):
    if pattern.startswith("{") and "}" in pattern:
        ending = pattern[pattern.index("}") + 1:]
        return len(segment) > len(ending) and segment.endswith(ending)
    if pattern.endswith("*") and len(pattern) > 1:
        return segment.startswith(pattern[:-1])
    return segment == pattern


def fits(pattern, path):
    """The path grammar of docs/registry.md once more, for plain paths."""
    exact, wanted = pattern.endswith("$"), pattern.rstrip("$").strip("/").split("/")
    parts = path.strip("/").split("/")
    if wanted == [""]:
        return not exact or path == "/"
    if len(parts) < len(wanted) or (exact and len(parts) != len(wanted)):
        return False
    return all(map(segment_fits, wanted, parts))


def outside(capability):
    """The example's path with one segment changed, as far to the right as it leaves what is allowed."""
    patterns = [path for rule in capability["allow"] for path in rule["paths"]]
    parts = capability["example"]["path"].strip("/").split("/")
    for i in reversed(range(len(parts))):
        changed = "/" + "/".join([*parts[:i], "zz-" + parts[i], *parts[i + 1:]])
        if not any(fits(pattern, changed) for pattern in patterns):
            return changed
    return None


class Wire:
    """What a kind adds to a request."""

    def __init__(self, kind, values):
        (tag, config), = kind["config"].items()
        fill = lambda text: filled(text, values, ("{{", "}}"))
        self.headers, self.query, self.prefix = {}, [], ""
        if tag == "header":
            self.headers[config["header_name"]] = fill(config["value_template"])
        elif tag == "multi_header":
            self.headers = {h["header_name"]: fill(h["value_template"]) for h in config}
        elif tag == "query":
            self.query = [f"{config['param_name']}={values['secret']}"]
        elif tag == "multi_query":
            self.query = [f"{p['param_name']}={fill(p['value_template'])}" for p in config]
        elif tag == "path":
            self.prefix = fill(config["prefix_template"])
        elif tag == "basic":
            pair = fill(config["username_template"]) + ":" + fill(config["password_template"])
            self.headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()


class Smoke(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = [json.loads(path.read_text()) for path in sorted(REGISTRY.glob("*.json"))]

    @staticmethod
    def hosts_of(file):
        """The host of each slot: the default, or one that a customer might bind."""
        values = {name: param["example"] for name, param in file.get("params", {}).items()}
        values["own"] = f"{file['provider']}.smoke.acme.com"
        return {slot: next((h for h in hosts if "{" not in h and "*" not in h), filled(hosts[0], values))
                for slot, hosts in file["hosts"].items()}

    def ready(self, tags=SIMPLE, answer=None, more_hosts=()):
        """A vault with every secret that kinds of these tags take, and an upstream that is every host."""
        self.tags = tags
        self.hosts = {file["provider"]: self.hosts_of(file) for file in self.files}
        names = sorted({host for slots in self.hosts.values() for host in slots.values()} | set(more_hosts))
        certificate = self.authority.issue("vendors", tuple(f"DNS:{name}" for name in names))
        upstream, vault = self.upstream(answer, certificate), self.vault()
        vault.start_daemon(env={
            "AIVAULT_DEV_RESOLVE": ",".join(f"{name}=127.0.0.1:{upstream.port}" for name in names),
            "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)})
        self.values, secrets = {}, {}
        for file in self.files:
            for kind in self.kinds(file):
                for name, placeholder in kind["secrets"].items():
                    if name not in secrets:
                        self.values[name] = self.value_for(kind, placeholder)
                        secrets[name] = vault.add_secret(name, self.values[name])
        return vault, upstream

    def value_for(self, kind, placeholder):
        """What stands in the secret of a kind, or in one of its several secrets."""
        if placeholder in ("privateKey", "privateKeyPem"):
            return self.rsa_key()
        if placeholder in ("appId", "installationId"):
            return "88776655"
        if self.tags != MINTED or len(kind["secrets"]) > 1:
            return canary("")
        if tag_of(kind) == "key_file":
            return json.dumps({"type": "service_account", "client_email": "robot@acme.test",
                               "private_key": self.rsa_key(), "token_uri": "https://oauth2.googleapis.com/token"})
        if kind["config"]["o_auth2"]["grant_type"] == "jwt_bearer":
            return json.dumps({"issuer": "app-1", "subject": "robot@acme.test", "privateKey": self.rsa_key()})
        return json.dumps({"clientId": "client-1", "clientSecret": canary(""), "refreshToken": canary(""),
                           "tenantId": "tenant-1"})

    def rsa_key(self):
        if not hasattr(Smoke, "pem"):
            Smoke.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                       capture_output=True, check=True).stdout.decode()
        return Smoke.pem

    def kinds(self, file):
        return [kind for kind in file["auth"] if tag_of(kind) in self.tags]

    def bind(self, vault):
        """Providers that have a host of each customer's own: their params are bound to the examples."""
        listed = {entry["id"]: entry for entry in vault.ok("credential", "list", "-v").json()["credentials"]}
        self.bound = {}
        for file in self.files:
            flags = [word for name, param in file.get("params", {}).items()
                     for word in ("--param", f"{name}={param['example']}")]
            if all(hosts[0] == "{own}" for hosts in file["hosts"].values()):
                flags += ["--host", next(iter(self.hosts[file["provider"]].values()))]
            has_own = any("{" in header["value"].replace("{version}", "") for header in file.get("headers", [])) or any(all("{" in host or "*" in host for host in hosts) for hosts in file["hosts"].values())
            has_own = has_own or any("{" in value for endpoint in file.get("token_endpoints", {}).values()
                                     for value in endpoint.get("extra", {}).values())
            for kind in self.kinds(file) if flags and has_own else ():
                name = file["provider"] + ("" if kind.get("base") else f":{kind['name']}")
                reference = listed[name]["secretRef"]
                own = f"smoke-{file['provider']}-{kind['name']}"
                vault.ok("credential", "create", own, "--provider", file["provider"], "--secret-ref",
                         reference, *flags)
                self.bound[name] = own

    def request_of(self, example):
        query = "?" + example["query"] if "query" in example else ""
        request = {"method": example["method"], "path": example["path"] + query, "headers": []}
        if "body" in example:
            request["headers"] = [{"name": "content-type", "value": "application/json"}]
            request["body"] = example["body"]
        return request

    def check(self, door, upstream, file, kind, capability):
        values = {placeholder: self.values[name] for name, placeholder in kind["secrets"].items()}
        wire = Wire(kind, values)
        credential = file["provider"] + ("" if kind.get("base") else f":{kind['name']}")
        envelope = {"capability": capability["id"], "credential": self.bound.get(credential, credential),
                    "request": self.request_of(capability["example"])}
        upstream.forget()
        answer = door.call(envelope)
        self.assertEqual(200, answer.status, answer.body[:500])
        seen = upstream.requests[-1]
        example = capability["example"]
        query = "&".join([*([example["query"]] if "query" in example else []), *wire.query])
        self.assertEqual(example["method"], seen.method)
        self.assertEqual(wire.prefix + kind.get("path_prefix", "") + example["path"] + ("?" + query if query else ""),
                         seen.target)
        self.assertEqual(self.hosts[file["provider"]][capability["host"]], seen.one("host"))
        for name, value in wire.headers.items():
            self.assertEqual(value, seen.one(name), name)
        head = seen.raw_head.decode()
        for value in [*wire.headers.values(), *wire.query, *([wire.prefix] if wire.prefix else [])]:
            head = head.replace(value, "", 1)
        for value in self.values.values():
            self.assertNotIn(value, head)
        params = {name: param["example"] for name, param in file.get("params", {}).items()}
        for header in file.get("headers", ()):
            value = filled(header["value"], params)
            if "{version}" not in value:
                self.assertEqual(value, seen.one(header["name"]))
        beside = outside(capability)
        if beside is None:
            return 0
        upstream.forget()
        envelope["request"] = {**envelope["request"], "path": beside}
        answer = door.call(envelope)
        self.assertEqual(("policy_violation", "path not allowed by capability"),
                         (answer.json()["error"], answer.json()["message"][:30]), beside)
        self.assertEqual([], upstream.requests)
        return 1

    def test_every_example_with_every_kind(self):
        vault, upstream = self.ready()
        self.bind(vault)
        calls = refusals = sockets = 0
        with HttpSocket(vault.socket, 60) as door:
            for file in self.files:
                for kind in self.kinds(file):
                    for capability in file["capabilities"]:
                        if not self.serves(kind, capability):
                            continue
                        if capability["example"]["method"] == "WS":
                            sockets += 1
                            continue
                        with self.subTest(capability["id"], kind=kind["name"]):
                            refusals += self.check(door, upstream, file, kind, capability)
                            calls += 1
        print(f"{len(self.files)} providers: {calls} calls, {refusals} refusals, {sockets} WebSockets left out",
              file=sys.stderr)
        self.assertGreater(calls, 4 * len(self.files))
        self.assertGreater(refusals, calls * 9 // 10)

    def serves(self, kind, capability):
        named = capability.get("auth")
        allowed = kind.get("methods") or [capability["example"]["method"]]
        limited = named is None and capability["host"] not in kind.get("hosts", [capability["host"]])
        return (kind["name"] in named if named else not kind.get("named_only")) and not limited and (
            capability["example"]["method"] in allowed)

    def served(self, file, kind):
        for capability in file["capabilities"]:
            if self.serves(kind, capability) and capability["example"]["method"] != "WS":
                yield capability

    def endpoint_of(self, file, kind):
        """Host and path that the kind's tokens come from."""
        (tag, config), = kind["config"].items()
        if tag_of(kind) == "key_file":
            return "oauth2.googleapis.com", "/token"
        if tag == "github_app":
            return "api.github.com", "/app/installations/88776655/access_tokens"
        url = file["token_endpoints"][config["endpoint"]]["token"].replace("{{tenantId}}", "tenant-1")
        url = url.replace("{{host}}", next(iter(self.hosts[file["provider"]].values())))
        url = urllib.parse.urlsplit(filled(url, self.params_of(file)))
        return url.hostname, url.path

    def params_of(self, file):
        return {name: param["example"] for name, param in file.get("params", {}).items()}

    # What each kind asks for a token, and what it does with it.
    def test_tokens_come_from_the_endpoint_and_go_to_the_api_alone(self):
        self.minted, self.tokens = {}, {}

        def answer(exchange):
            exchange.read_body()
            request = exchange.request
            if (request.one("host"), request.target) not in self.endpoints:
                exchange.reply(200, '{"ok":true}')
                return
            token = canary("")
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            self.minted[request.one("host"), request.target] = token
            exchange.reply(200, json.dumps({"access_token": token, "expires_in": 3600, "token": token,
                                            "expires_at": ends}))

        self.tags, self.hosts = MINTED, {file["provider"]: self.hosts_of(file) for file in self.files}
        self.endpoints = {self.endpoint_of(file, kind) for file in self.files for kind in self.kinds(file)}
        vault, upstream = self.ready(MINTED, answer, {host for host, _ in self.endpoints})
        self.bind(vault)
        calls = tokens = 0
        with HttpSocket(vault.socket, 60) as door:
            for file in self.files:
                for kind in self.kinds(file):
                    for capability in self.served(file, kind):
                        with self.subTest(capability["id"], kind=kind["name"]):
                            tokens += self.check_minted(door, upstream, file, kind, capability)
                            calls += 1
        print(f"{calls} calls with tokens, {tokens} tokens", file=sys.stderr)
        self.assertGreater(calls, 150)
        self.assertGreater(tokens, 40)

    def check_minted(self, door, upstream, file, kind, capability):
        (tag, config), = kind["config"].items()
        credential = file["provider"] + ("" if kind.get("base") else f":{kind['name']}")
        envelope = {"capability": capability["id"], "credential": self.bound.get(credential, credential),
                    "request": self.request_of(capability["example"])}
        upstream.forget()
        answer = door.call(envelope)
        self.assertEqual(200, answer.status, answer.body[:500])
        *asked, seen = upstream.requests
        place = self.endpoint_of(file, kind)
        for request in asked:
            self.assertEqual(place, (request.one("host"), request.target))
            is_json = "json" in (config.get("request_format"), config.get("grant_type", "").split("_")[0])
            form = json.loads(request.body) if is_json else dict(urllib.parse.parse_qsl(request.body.decode()))
            fixed = file["token_endpoints"][config["endpoint"]].get("extra", {}) if tag == "o_auth2" else {}
            for name, value in fixed.items():
                self.assertEqual(filled(value, self.params_of(file)), form[name])
            if config.get("grant_type") == "json_exchange":
                self.assertEqual({placeholder: self.values[name] for name, placeholder in kind["secrets"].items()}, form)
            elif tag == "o_auth2":
                self.assertEqual(GRANTS.get(config["grant_type"], config["grant_type"]), form["grant_type"])
                self.assertEqual(" ".join(config.get("scopes", [])), form.get("scope", ""))
        self.assertEqual(self.hosts[file["provider"]][capability["host"]], seen.one("host"))
        self.assertEqual(capability["example"]["path"], seen.target.split("?")[0])
        if asked:  # The token belongs to the secret: members of a family share it.
            self.tokens[tuple(kind["secrets"])] = self.minted[place]
        token, head = self.tokens[tuple(kind["secrets"])], seen.raw_head.decode()
        values = {**{placeholder: self.values[name] for name, placeholder in kind["secrets"].items()},
                  "access_token": token}
        fixed = [{"header_name": "authorization", "value_template": "Bearer {{access_token}}"}]
        for header in config.get("inject", fixed):
            value = filled(header["value_template"], values, ("{{", "}}"))
            self.assertEqual(value, seen.one(header["header_name"]))
            head = head.replace(value, "", 1)
        for value in [token, *self.values.values()]:
            self.assertNotIn(value, head)
        return len(asked)

    def test_requests_are_signed_without_the_secret(self):
        vault, upstream = self.ready(SIGNED)
        self.bind(vault)
        calls = 0
        with HttpSocket(vault.socket, 60) as door:
            for file in self.files:
                for kind in self.kinds(file):
                    for capability in self.served(file, kind):
                        with self.subTest(capability["id"]):
                            self.check_signed(door, upstream, file, kind, capability)
                            calls += 1
        self.assertGreater(calls, 10)

    def check_signed(self, door, upstream, file, kind, capability):
        credential = file["provider"] + ("" if kind.get("base") else f":{kind['name']}")
        envelope = {"capability": capability["id"], "credential": self.bound.get(credential, credential),
                    "request": self.request_of(capability["example"])}
        upstream.forget()
        answer = door.call(envelope)
        self.assertEqual(200, answer.status, answer.body[:500])
        seen, = upstream.requests
        signature, values = seen.one("authorization"), {p: self.values[n] for n, p in kind["secrets"].items()}
        if tag_of(kind) == "aws_sig_v4":
            self.assertRegex(signature, f"^AWS4-HMAC-SHA256 Credential={values['access_key_id']}/")
        else:
            head, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in
                               signature.removeprefix("Bearer ").split("."))
            self.assertEqual(kind["config"]["jwt"]["algorithm"], json.loads(head)["alg"])
            for name, value in kind["config"]["jwt"].get("claims", {}).items():
                self.assertEqual(filled(value, values, ("{{", "}}")), json.loads(claims)[name])
        for placeholder, value in values.items():
            if placeholder not in kind.get("public", ()):
                self.assertNotIn(value, seen.raw_head.decode())

    def test_the_matcher_of_this_test(self):
        self.assertTrue(fits("/v1/chat", "/v1/chat/completions"))
        self.assertFalse(fits("/v1/chat$", "/v1/chat/completions"))
        self.assertTrue(fits("/v*/{id}:run$", "/v1/a:run"))
        self.assertFalse(fits("/v1/{id}.json", "/v1/a.xml"))


if __name__ == "__main__":
    sys.exit(main())

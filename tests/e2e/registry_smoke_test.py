"""For every provider file: the example of each capability, with each way to present the secret, puts
the secret exactly where the file says and nowhere else, and a path just outside is refused."""

import base64
import json
import pathlib
import sys

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main

REGISTRY = pathlib.Path(__file__).resolve().parents[2] / "registry"
SIMPLE = {"header", "multi_header", "query", "multi_query", "path", "basic"}


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

    def ready(self):
        """A vault with every secret that a simple kind takes, and an upstream that is every host."""
        self.hosts = {}     # provider -> slot -> host
        for file in self.files:
            params = {name: param["example"] for name, param in file.get("params", {}).items()}
            self.hosts[file["provider"]] = {
                slot: next((h for h in hosts if "{" not in h and "*" not in h), filled(hosts[0], params))
                for slot, hosts in file["hosts"].items()}
        names = sorted({host for slots in self.hosts.values() for host in slots.values()})
        certificate = self.authority.issue("vendors", tuple(f"DNS:{name}" for name in names))
        upstream, vault = self.upstream(certificate=certificate), self.vault()
        vault.start_daemon(env={
            "AIVAULT_DEV_RESOLVE": ",".join(f"{name}=127.0.0.1:{upstream.port}" for name in names),
            "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)})
        self.values, secrets = {}, {}
        for file in self.files:
            for kind in self.kinds(file):
                for name in kind["secrets"]:
                    if name not in secrets:
                        self.values[name] = canary("")
                        secrets[name] = vault.add_secret(name, self.values[name])
        return vault, upstream

    @staticmethod
    def kinds(file):
        return [kind for kind in file["auth"] if next(iter(kind["config"])) in SIMPLE]

    def bind(self, vault):
        """Providers that have a host of each customer's own: their params are bound to the examples."""
        listed = {entry["id"]: entry for entry in vault.ok("credential", "list", "-v").json()["credentials"]}
        self.bound = {}
        for file in self.files:
            flags = [word for name, param in file.get("params", {}).items()
                     for word in ("--param", f"{name}={param['example']}")]
            has_own = any("{" in header["value"].replace("{version}", "") for header in file.get("headers", [])) or any(all("{" in host or "*" in host for host in hosts) for hosts in file["hosts"].values())
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
                        named = capability.get("auth")
                        serves = kind["name"] in named if named else not kind.get("named_only")
                        if not serves:
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

    def test_the_matcher_of_this_test(self):
        self.assertTrue(fits("/v1/chat", "/v1/chat/completions"))
        self.assertFalse(fits("/v1/chat$", "/v1/chat/completions"))
        self.assertTrue(fits("/v*/{id}:run$", "/v1/a:run"))
        self.assertFalse(fits("/v1/{id}.json", "/v1/a.xml"))


if __name__ == "__main__":
    sys.exit(main())

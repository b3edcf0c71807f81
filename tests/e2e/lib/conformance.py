"""The stage of the conformance tests: OpenAI's transcription with a known key, and a recording server in its place."""

from lib.http_socket import HttpSocket, framed
from lib.scenario import Scenario

SECRET = "sk-test-0001"
PLACE = "/v1/audio/transcriptions"
ENVELOPE = "application/vnd.aivault.envelope"
TEXT_NAMES = {"invalid_request": "IR", "policy_violation": "PV", "capability_not_found": "CNF",
              "credential_not_found": "KNF", "credential_ambiguous": "AMB", "vault_unavailable": "VU",
              "upstream_unreachable": "UU", "token_invalid": "TI"}


class Conformance(Scenario):
    """A row of inputs is (case, input, outcome); an outcome is "ok" or "PV marker of the message"."""

    def stage(self, answer=None, secrets=(("OPENAI_API_KEY", SECRET),), hosts=("api.openai.com",), env=None, daemon=()):
        """A vault with these secrets behind a daemon, which takes `upstream` for all these hosts."""
        certificate = self.authority.issue("vendors", tuple(f"DNS:{host}" for host in (*hosts, "localhost")))
        self.v, self.up = self.vault(), self.upstream(answer, certificate)
        self.ids = {name: self.v.add_secret(name, value)["secretId"] for name, value in secrets}
        self.v.start_daemon(*daemon, env={"AIVAULT_DEV_RESOLVE": ",".join(f"{host}=127.0.0.1:{self.up.port}" for host in hosts),
                                          "AIVAULT_DEV_CA_CERT_PATH": str(self.ca), **(env or {})})
        self.fresh_door()

    def fresh_door(self):
        """Another connection: the daemon closes one after a request that it did not read to its end."""
        self.door = HttpSocket(self.v.socket)
        self.addCleanup(self.door.socket.close)

    def add_own(self, name, paths=("/",), methods=("GET", "POST"), flags=(), value="own-key-00001"):
        """An operator's own provider on the recording server, with the capability NAME/call."""
        return self.v.add_api(self.up, self.ca, value, name, methods, paths, flags)

    def envelope(self, path=PLACE, method="POST", capability="openai/transcription", **request):
        request = {"method": method, "path": path, **request}
        return {"capability": capability, "request": {k: v for k, v in request.items() if v is not ...}}

    def ask(self, envelope, headers=()):
        return self.door.call(envelope, headers)

    def send_framed(self, envelope, data):
        return self.door.request("POST", "/aivault/proxy", framed(envelope, data), [("content-type", ENVELOPE)])

    def outcome(self, answer):
        """"ok", or the short code and the message of the error."""
        if answer.header("x-aivault-error") is None:
            return "ok"
        error = answer.json()
        self.assertEqual(answer.header("x-aivault-error"), error["error"])
        self.assertLessEqual(set(error), {"error", "message", "reason"})
        return f"{TEXT_NAMES[error['error']]} {error['message']}"

    def check(self, case, given, expected, answer):
        """What came back is what the row says; a refusal opened no connection."""
        got = self.outcome(answer)
        code, _, marker = expected.partition(" ")
        self.assertEqual(code, got.split(" ")[0], f"case {case}: {given!r}: {got}")
        self.assertIn(marker, got, f"case {case}: {given!r}")

    def judge(self, rows, make):
        """Each row (case, input, outcome[, target]) through `make(input)`, which gives an envelope."""
        for case, given, expected, *target in rows:
            with self.subTest(case=case, given=given):
                before = self.up.connections, len(self.up.requests)
                answer = self.ask(make(given))
                self.check(case, given, expected, answer)
                if expected == "ok":
                    self.assertEqual(before[1] + 1, len(self.up.requests))
                else:
                    self.assertEqual(before, (self.up.connections, len(self.up.requests)), "something was sent")
                if target:
                    self.assertEqual(target[0], self.up.requests[-1].target)

    def raw(self, text):
        """A body as it stands, which may be no JSON at all."""
        return self.door.request("POST", "/aivault/proxy", text if isinstance(text, bytes) else text.encode())


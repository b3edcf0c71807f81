"""The npm package `ws`, as client and as server over TLS, with the daemon between them."""

import json
import pathlib
import subprocess
import sys

import npm

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lib.http_socket import HttpSocket  # noqa: E402
from lib.scenario import Scenario, canary, main  # noqa: E402


class Websockets(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = npm.installed(HERE / "clients")

    EXPECTED = {
        "protocol": "second", "extensions": "", "echoes": [True] * 10, "text": ["grüße ☂", False],
        "fragments": ["meanwhile", "one two three"], "pinged": "pong are you there", "many": 1000, "closed": [4000, "enough"],
        "closedByServer": [4321, "as you wish"], "killed": 1011, "refused": {"refused": 404, "error": "capability_not_found"}}

    def test_a_client_and_a_server_of_others_understand_each_other(self):
        key = canary()
        certificate, private = self.certificate
        server = subprocess.Popen(["node", "websocket.mjs", "server", str(certificate), str(private), f"Bearer {key}"], cwd=self.packages,
                                  stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        port = int(server.stdout.readline())
        box = self.vault()
        secret = box.add_secret("ACME_KEY", key)
        box.ok("credential", "create", "acme", "--provider", "acme", "--secret-ref", f"vault:secret:{secret['secretId']}",
               "--host", f"localhost:{port}", "--allow-private-network", "--tls-ca-file", self.ca, "--auth", "header")
        box.add_capability("acme/live", "acme", ("GET",), ("/v1/live",))
        box.start_daemon()
        with HttpSocket(box.socket) as door:
            token = door.request("POST", "/aivault/tokens/proxy", {"capabilities": ["acme/live"], "ttlMs": 600_000}).json()["result"]["token"]
        client = ["node", str(self.packages / "websocket.mjs"), "client", "/v/acme/v1/live"]
        done = subprocess.run([*client, str(box.socket), token], stdout=subprocess.PIPE, timeout=120)
        self.assertEqual(0, done.returncode)
        self.assertEqual(self.EXPECTED, json.loads(done.stdout))
        # The same over the loopback listener of `aivault run`, with the token of the program.
        outcome = box.run("run", "--allow", "acme/*", "--", *client)
        self.assertEqual(0, outcome.code, str(outcome))
        self.assertEqual(self.EXPECTED, outcome.json())


if __name__ == "__main__":
    sys.exit(main())

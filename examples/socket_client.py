"""python3 socket_client.py: the standard library's HTTP client over the daemon's unix socket."""

import http.client
import json
import os
import socket


class Vault(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("aivault", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


vault = Vault(os.environ.get("AIVAULTD_SOCKET") or os.path.expanduser("~/.aivault/run/aivaultd.sock"))
vault.request("GET", "/v/openai/v1/models")
answer = vault.getresponse()
body = json.load(answer)
if answer.getheader("x-aivault-error"):
    raise SystemExit(f"refused: {body['message']}")
for model in body["data"]:
    print(model["id"])

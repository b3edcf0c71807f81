"""What the benchmarks of calls start from: nginx as an upstream that asks for a key, and a vault of the release build
that holds it behind `acme/call`."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
BIN = ROOT / "build/release/bin"
os.environ["AIVAULT_BIN"] = str(BIN)

from lib.certificates import Authority  # noqa: E402
from lib.nginx import Nginx  # noqa: E402
from lib.vault import Vault  # noqa: E402

BODY = '{"ok":true,"items":["anvil","rocket skates"]}'
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
NATIVE = b"GET /v/acme/v1/items HTTP/1.1\r\nhost: a\r\n\r\n"


def build():
    subprocess.run([ROOT / "scripts/build", "release", "-DBUILD_TESTING=OFF", "aivault", "aivaultd", "aivault_load"],
                   check=True, stdout=subprocess.DEVNULL)


def load(socket, request, connections, requests):
    done = subprocess.run([BIN / "aivault_load", socket, request, str(connections), str(requests)],
                          stdout=subprocess.PIPE)
    result = json.loads(done.stdout)
    assert result["errors"] == 0 and result["requests"] == requests, result
    return result


class Stage:
    """While it is entered, the daemon serves `vault.socket`."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="aiv-bench-", dir="/tmp")
        self.scratch = pathlib.Path(self.directory.name)
        self.scratch.chmod(0o755)
        self.authority = Authority(self.scratch / "ca")
        self.certificate = self.authority.issue()
        self.upstream = Nginx(
            self.scratch / "upstream", self.certificate,
            f"location / {{ if ($http_authorization != 'Bearer {KEY}') {{ return 401; }} return 200 '{BODY}'; }}",
            "access_log off;")
        self.vault = Vault("home")
        self.vault.add_api(self.upstream, self.authority.ca, KEY, methods=("GET",), paths=("/v1",))
        self.vault.start_daemon()
        return self

    def __exit__(self, *_):
        self.vault.close()
        self.upstream.close()
        self.directory.cleanup()

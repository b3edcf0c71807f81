"""The class every end-to-end test derives from, and its command line."""

import argparse
import functools
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
import unittest

from lib.verdict import RELEASE, run_tests


def canary(prefix="sk-live-"):
    """A secret no other byte sequence on the machine equals."""
    return prefix + secrets.token_hex(24)


class Scenario(unittest.TestCase):
    longMessage = True
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        from lib.certificates import Authority
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="aiv-e2e-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.scratch.chmod(0o755)
        cls.authority = Authority(cls.scratch / "ca")
        cls.certificate = cls.authority.issue()
        cls.ca = cls.authority.ca

    def upstream(self, answer=None, certificate=None):
        from lib.tls_upstream import TlsUpstream, accept_everything
        server = TlsUpstream(certificate or self.certificate, answer or accept_everything)
        self.addCleanup(server.close)
        self.addCleanup(lambda: self.assertEqual([], server.problems))
        return server

    def nginx(self, locations, http="", **options):
        from lib.nginx import Nginx
        directory = tempfile.mkdtemp(prefix="nginx-", dir=self.scratch)
        server = Nginx(directory, self.certificate, locations, http, **options)
        self.addCleanup(server.close)
        return server

    def vault(self, layout="dir", user=None):
        from lib.vault import Vault
        vault = Vault(layout, user)
        self.addCleanup(vault.close)
        return vault


def is_release():
    return os.environ.get("AIVAULT_BUILD") == "release"


def needs_release(reason):
    """Decides when the test runs: what is built is known only then."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            if not is_release():
                self.skipTest(RELEASE + reason)
            test(self)
        return run
    return decorate


def main():
    parser = argparse.ArgumentParser(description="one end-to-end test file against built programs")
    parser.add_argument("--bin", required=True, help="directory of aivault and aivaultd")
    parser.add_argument("--build", choices=("dev", "release"), default="dev")
    options, rest = parser.parse_known_args()
    binaries = pathlib.Path(options.bin).resolve()
    for program in ("aivault", "aivaultd"):
        if not (binaries / program).exists():
            sys.exit(f"{binaries / program} is missing; build it first: scripts/build {options.build}")
    # Set before lib.vault is imported; a spawned helper inherits them.
    os.environ["AIVAULT_BIN"], os.environ["AIVAULT_BUILD"] = str(binaries), options.build
    if "lib.vault" in sys.modules:
        module = sys.modules["lib.vault"]
        module.BIN, module.CLI, module.DAEMON = binaries, binaries / "aivault", binaries / "aivaultd"
    run_tests([sys.argv[0], *rest], is_release())

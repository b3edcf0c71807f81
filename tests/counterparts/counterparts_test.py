"""Signatures and tokens of ours against libraries that others use: aws4, @smithy/signature-v4, jose."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

import npm

HERE = pathlib.Path(__file__).parent
OPTIONS = None
KEYS = {
    "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EdDSA": ["-algorithm", "ED25519"],
}


def run(*command, stdin=b""):
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=OPTIONS.work)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Counterparts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        OPTIONS.work.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "judge.mjs", "verify.mjs"):
            shutil.copy(HERE / name, OPTIONS.work / name)
        npm.install(OPTIONS.work)

    # Case 150.
    def test_two_libraries_sign_the_same(self):
        samples = run(OPTIONS.samples, "300")
        seen = json.loads(run("node", "judge.mjs", stdin=samples))
        self.assertEqual([], seen["examples"])
        self.assertEqual((300, 300), (seen["samples"], seen["smithy"]))
        self.assertEqual(300, seen["aws4"] + seen["left_out"])
        self.assertGreaterEqual(seen["aws4"], 200)

    # Case 156.
    def test_jose_verifies_tokens_of_every_algorithm(self):
        for algorithm, how in KEYS.items():
            with self.subTest(algorithm):
                key = run("openssl", "genpkey", *how)
                public = OPTIONS.work / f"{algorithm}.pem"
                public.write_bytes(run("openssl", "pkey", "-pubout", stdin=key))
                token = run(OPTIONS.samples, "jwt", algorithm, stdin=key).decode().strip()
                header, claims = json.loads(run("node", "verify.mjs", algorithm, token, public))
                self.assertEqual({"alg": algorithm, "typ": "JWT", "kid": "key-1"}, header)
                self.assertEqual({"iss": "app", "sub": "me"}, claims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

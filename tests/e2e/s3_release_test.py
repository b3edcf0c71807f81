"""Bodies for S3: small ones are signed, a gigabyte is streamed as UNSIGNED-PAYLOAD, and no other service may do that."""

import hashlib
import hmac
import json
import re
import sys
import threading
import time

from lib.scenario import Scenario, canary, is_release, main
from lib.tls_upstream import Request

MIB = 1 << 20
PIECE = bytes(range(256)) * 4096  # 1 MiB, without the secret
AWS = re.compile(r"AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?"
                 r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")


def expected_signature(request, secret_key):
    """What S3 itself computes from a request that arrived: its path as it is, its headers, its word on the payload."""
    _, date, region, service, names, _ = AWS.fullmatch(request.one("authorization")).groups()
    path, _, query = request.target.partition("?")
    pairs = sorted(tuple((pair + "=").split("=")[:2]) for pair in query.split("&") if pair)
    headers = "".join(f"{name}:{request.one(name).strip()}\n" for name in names.split(";"))
    canonical = "\n".join([request.method, path, "&".join("=".join(pair) for pair in pairs), headers, names,
                           request.one("x-amz-content-sha256")])
    text = "\n".join(["AWS4-HMAC-SHA256", request.one("x-amz-date"), f"{date}/{region}/{service}/aws4_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret_key).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


class S3(Scenario):
    def setUp(self):
        self.assertTrue(is_release(), "memory is measured on the release build")
        self.key = canary()
        self.server = self.upstream()

    def ready(self, service, *flags):
        self.v = self.vault("home")
        value = json.dumps({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": self.key})
        self.v.add_api(self.server, self.ca, value, methods=("PUT",),
                       flags=("--auth", "aws-sigv4", "--aws-service", service, "--aws-region", "eu-west-1", *flags))
        self.v.start_daemon()

    def put(self, path, *more):
        return ("invoke", "acme/call", "--method", "PUT", "--path", "/v1/bucket/a%20key?x-id=PutObject&partNumber=1",
                "--body-file-path", path, *more)

    def file(self, size):
        """Its path and digest."""
        path, digest = self.scratch / "big", hashlib.sha256()
        with open(path, "wb") as file:
            for begin in range(0, size, MIB):
                piece = PIECE[:size - begin]
                file.write(piece)
                digest.update(piece)
        self.addCleanup(path.unlink, missing_ok=True)
        return path, digest.hexdigest()

    def grown(self, action):
        """By how many KiB the daemon's largest resident size exceeds the one before."""
        before, stop, peak = self.v.resident_kib(), threading.Event(), [0]

        def look():
            while not stop.is_set():
                peak[0] = max(peak[0], self.v.resident_kib())
                time.sleep(0.02)
        thread = threading.Thread(target=look)
        thread.start()
        try:
            action()
        finally:
            stop.set()
            thread.join()
        return peak[0] - before

    def check(self, payload, size, digest):
        """The last request says `payload` of its body, the signature covers that, and the body arrived whole."""
        request = self.server.requests[-1]
        found = AWS.fullmatch(request.one("authorization") or "")
        self.assertTrue(found, request.raw_head)
        self.assertEqual(("AKIDEXAMPLE", "eu-west-1", "s3"), found.group(1, 3, 4))
        self.assertLessEqual({"host", "x-amz-date", "x-amz-content-sha256"}, set(found[5].split(";")))
        self.assertEqual(payload, request.one("x-amz-content-sha256"))
        self.assertEqual(expected_signature(request, self.key), found[6])
        self.assertEqual((size, digest), (request.body_length, request.body_sha256))
        return request

    def test_the_check_itself_finds_what_aws_has_published(self):
        """The example of GET Object in "Signature Calculations for the Authorization Header" of the S3 API."""
        lines = ["GET /test.txt HTTP/1.1", "host: examplebucket.s3.amazonaws.com", "range: bytes=0-9",
                 f"x-amz-content-sha256: {hashlib.sha256().hexdigest()}", "x-amz-date: 20130524T000000Z",
                 "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                 "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                 "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"]
        request = Request("\r\n".join(lines).encode())
        self.assertEqual("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                         expected_signature(request, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))

    # Case 153.
    def test_a_gigabyte_is_streamed_as_unsigned_payload(self):
        self.ready("s3")
        self.v.ok(*self.put("-"), stdin=b"warm")
        path, digest = self.file(1024 * MIB)
        grown = self.grown(lambda: self.v.ok(*self.put(path), timeout=300))
        request = self.check("UNSIGNED-PAYLOAD", 1024 * MIB, digest)
        self.assertEqual((str(1024 * MIB), None), (request.one("content-length"), request.one("transfer-encoding")))
        self.assertLess(grown, 16 * 1024, "KiB grown")

    def test_a_body_is_signed_up_to_1_mib_of_known_size(self):
        self.ready("s3")
        for size in (0, MIB, MIB + 1):
            with self.subTest(size):
                path, digest = self.file(size)
                self.v.ok(*self.put(path))
                self.check(digest if size <= MIB else "UNSIGNED-PAYLOAD", size, digest)
        # Of a stream nobody knows the size beforehand.
        self.v.ok(*self.put("-"), stdin=b"short")
        request = self.check("UNSIGNED-PAYLOAD", 5, hashlib.sha256(b"short").hexdigest())
        self.assertEqual("chunked", request.one("transfer-encoding"))

    # Case 153.
    def test_no_other_service_gets_an_unsigned_body(self):
        self.ready("dynamodb")
        path, _ = self.file(1024 * MIB)
        refused = ("request body too large to sign", *self.put(path))
        self.v.fails(*refused)
        self.assertLess(self.grown(lambda: self.v.fails(*refused)), 16 * 1024, "KiB grown")
        # Without a size that is announced it shows at 32 MiB: these are held, and copied once while they grow.
        grown = self.grown(lambda: self.v.fails(refused[0], *self.put("-"), stdin=PIECE * 256))
        self.assertLess(grown, 64 * 1024, "KiB grown")
        self.assertEqual([], self.server.requests)


if __name__ == "__main__":
    sys.exit(main())

"""What hmac auth signs, judged by the program `openssl` from nothing but what the server received and the key."""

import copy
import json
import pathlib
import random
import subprocess
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lib.http_socket import HttpSocket, framed  # noqa: E402
from lib.scenario import Scenario, main  # noqa: E402

ENVELOPE = "application/vnd.aivault.envelope"
DIGITS = {"sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
PAYLOADS = ("canonical", "body", "timestamp")
METHODS = ("POST", "PUT", "PATCH", "DELETE")
WAYS = ("length", "chunks", "framed", "text")  # in which a body comes
# Shorter than a block of the hash, a block of either size, and longer.
KEY_SIZES = (8, 32, 64, 65, 128, 200)
MOST = 1 << 16
BODY_SIZES = (0, 1, 64, MOST)  # and four between them, as chance has it


def digest(algorithm, data, *flags):
    done = subprocess.run(["openssl", "dgst", f"-{algorithm}", "-r", *flags], input=data, capture_output=True, check=True)
    return done.stdout.split()[0].decode()


def signature(algorithm, key, text):
    return digest(algorithm, text, "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}")


def signed(payload, request):
    """What the mode says is signed, of a request as the server received it."""
    if payload == "body":
        return request.body
    path, _, query = request.target.partition("?")
    pairs = sorted(f"{name}={value}".encode() for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True))
    line = b"\n".join([request.method.encode(), path.encode(), b"&".join(pairs)])
    if payload == "canonical":
        return line
    return b"\n".join([request.one("x-timestamp").encode(), line, digest("sha256", request.body).encode()])


class Hmac(Scenario):
    def setUp(self):
        self.choose = random.Random(20261128)
        self.up, self.box = self.upstream(), self.vault()
        self.box.start_daemon()
        self.door = HttpSocket(self.box.socket)
        self.addCleanup(self.door.socket.close)

    def changed(self, data):
        """One bit of one byte is another."""
        if not data:
            return b"\0"
        place = self.choose.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << self.choose.randrange(8)]) + data[place + 1:]

    def words(self, alphabet, least=1):
        return "".join(self.choose.choices(alphabet, k=self.choose.randrange(least, 9)))

    def target(self):
        """A path and a query with repeated, bare and empty parameters, out of order and in all ways of writing."""
        path = "/v1/" + "/".join(urllib.parse.quote(self.words("abXY09-_~ é☂:@!$"), safe=self.choose.choice(("", ":@!$")))
                                 for _ in range(self.choose.randrange(4)))
        pairs = []
        for _ in range(self.choose.randrange(6)):
            quote = self.choose.choice((urllib.parse.quote, urllib.parse.quote_plus))
            name, value = quote(self.words("ab-")), quote(self.words("ab 1&=+/?é☂%\n", 0))
            pairs.append(self.choose.choice((f"{name}={value}", f"{name}={value}", f"{name}=", name)))
        return path + ("?" + "&".join(pairs) if pairs else "")

    def send(self, way, account, method, target, body):
        if way == "length":
            return self.door.request(method, f"/v/{account}{target}", body, [("content-type", "application/octet-stream")])
        if way == "chunks":
            self.door.send(f"{method} /v/{account}{target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode())
            while body:
                size = self.choose.randrange(1, 20000)
                piece, body = body[:size], body[size:]
                self.door.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.door.send(b"0\r\n\r\n")
            return self.door.answer()
        envelope = {"capability": f"{account}/call", "request": {"method": method, "path": target}}
        if way == "text":
            envelope["request"]["body"] = body.decode()
            return self.door.call(envelope)
        envelope["request"]["bodyStream"] = {"size": len(body)}
        return self.door.request("POST", "/aivault/proxy", framed(envelope, body), [("content-type", ENVELOPE)])

    def body(self, way, size):
        if way == "text":
            return json.dumps({"a": "é☂" * ((size - 9) // 5)}, ensure_ascii=False).encode()
        return self.choose.randbytes(size)

    def test_openssl_makes_every_signature_that_a_server_received(self):
        seen = 0
        for algorithm, digits in DIGITS.items():
            for payload in PAYLOADS:
                account = algorithm + payload
                key = "".join(self.choose.choices("abcXYZ019+/=é☂", k=self.choose.choice(KEY_SIZES)))
                template = f"{algorithm}={{{{signature}}}}"
                self.box.add_api(self.up, self.ca, key, account, METHODS, flags=(
                    "--auth", "hmac", "--hmac-algorithm", algorithm, "--hmac-payload", payload, "--value-template", template))
                for size in (*BODY_SIZES, *(self.choose.randrange(MOST) for _ in range(4))):
                    way = WAYS[(seen + seen // 8) % 4]  # Every size comes in every way.
                    method, target, body = self.choose.choice(METHODS), self.target(), self.body(way, size)
                    before = int(time.time())
                    with self.subTest(account, way=way, method=method, target=target, size=len(body)):
                        answer = self.send(way, account, method, target, body)
                        self.assertEqual(200, answer.status, answer.body)
                        request = self.up.requests[-1]
                        self.assertEqual((body, method), (request.body, request.method))
                        if payload == "timestamp":
                            self.assertIn(int(request.one("x-timestamp")), range(before, int(time.time()) + 1))
                        else:
                            self.assertIsNone(request.one("x-timestamp"))
                        self.judge(algorithm, payload, key.encode(), request, request.one("x-signature"), digits)
                        seen += 1
                    self.assertEqual(seen, len(self.up.requests))
        self.assertEqual(len(DIGITS) * len(PAYLOADS) * 8, seen)

    def judge(self, algorithm, payload, key, request, sent, digits):
        text = signed(payload, request)
        self.assertRegex(sent, f"^{algorithm}=[0-9a-f]{{{digits}}}$")
        made = sent.partition("=")[2]
        self.assertEqual(signature(algorithm, key, text), made)
        # One bit of what is signed, or of the key, is enough for another; of the body only where the body is signed.
        self.assertNotEqual(signature(algorithm, key, self.changed(text)), made)
        self.assertNotEqual(signature(algorithm, self.changed(key), text), made)
        forged = copy.copy(request)
        forged.body = self.changed(request.body)
        self.assertEqual(payload == "canonical", signature(algorithm, key, signed(payload, forged)) == made)


if __name__ == "__main__":
    sys.exit(main())

"""Every way of putting a secret into a request, as the upstream server sees it."""

import base64
import hashlib
import hmac
import json
import re
import subprocess

from lib.scenario import Scenario, canary, main


class Auth(Scenario):
    def call(self, value, *flags, method="GET", path="/v1", more=()):
        """What the upstream got: the request, and its body."""
        seen = []

        def answer(exchange):
            seen.append((exchange.request, exchange.read_body()))
            exchange.reply(200, "fine")
        vault = self.vault()
        vault.add_api(self.upstream(answer), self.ca, value, flags=flags)
        vault.ok("invoke", "acme/call", "--method", method, "--path", path, *more)
        return seen[0]

    # Case 147.
    def test_several_headers_from_fields(self):
        value = json.dumps({"api_key": canary("a-"), "tokens": {"access": canary("b-")}})
        request, _ = self.call(value, "--auth", "multi-header", "--auth-header", "x-key={{api_key}}",
                               "--auth-header", "x-app=app {{ tokens.access }}")
        self.assertTrue(request.one("x-key").startswith("a-"))
        self.assertTrue(request.one("x-app").startswith("app b-"))

    # Case 143.
    def test_several_parameters_in_their_order(self):
        value = json.dumps({"k": "a b/c&d-000000", "t": "token-00000001"})
        request, _ = self.call(value, "--auth", "multi-query", "--auth-query", "token={{t}}",
                               "--auth-query", "key={{k}}", path="/v1?x=1")
        self.assertEqual("/v1?x=1&token=token-00000001&key=a%20b%2Fc%26d-000000", request.target)

    # Case 154.
    def test_hmac_signs_and_does_not_send_the_key(self):
        key = canary()
        for payload in ("canonical", "body", "timestamp"):
            with self.subTest(payload):
                request, body = self.call(key, "--auth", "hmac", "--hmac-payload", payload, method="POST",
                                          path="/v1?b=2&a=1", more=("--body", '{"a":1}'))
                self.assertEqual(b'{"a":1}', body)
                line = b"POST\n/v1\na=1&b=2"
                time = request.one("x-timestamp")
                text = {"canonical": line, "body": body,
                        "timestamp": b"\n".join([(time or "").encode(), line,
                                                 hashlib.sha256(body).hexdigest().encode()])}[payload]
                expected = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
                self.assertEqual("sha256=" + expected, request.one("x-signature"))
                self.assertEqual(payload == "timestamp", time is not None)
                self.assertFalse(any(key in value for _, value in request.headers))

    # Case 150.
    def test_aws_signature_of_what_is_on_the_wire(self):
        secret_key = canary()
        value = json.dumps({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": secret_key,
                            "sessionToken": canary("token-")})
        for service, path in (("execute-api", "/v1/a%2fb//c:d/~?b=1+2&flag&a=%2f&b=1"), ("s3", "/v1//k%20/+?x")):
            with self.subTest(service):
                request, body = self.call(value, "--auth", "aws-sigv4", "--aws-service", service, "--aws-region",
                                          "eu-west-1", method="POST", path=path, more=("--body", "hello"))
                self.assertEqual(b"hello", body)
                self.check_signature(request, body, service, secret_key)

    def check_signature(self, request, body, service, secret_key):
        """The signature as AWS documents it, from the wire alone."""
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8}/eu-west-1/[a-z0-9-]+/aws4_request), "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", request.one("authorization"))
        self.assertTrue(found, request.one("authorization"))
        scope, names, signature = found.groups()
        self.assertIn("x-amz-security-token", names.split(";"))
        path, _, query = request.target.partition("?")
        if service != "s3":
            path = re.sub("/+", "/", path).replace("%", "%25")
        else:
            self.assertEqual(hashlib.sha256(body).hexdigest(), request.one("x-amz-content-sha256"))
        pairs = sorted(tuple(pair.split("=")) for pair in query.split("&"))
        canonical = "\n".join(
            [request.method, path, "&".join("=".join(pair) for pair in pairs)]
            + [f"{name}:{request.one(name)}" for name in names.split(";")]
            + ["", names, hashlib.sha256(body).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", request.one("x-amz-date"), scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + secret_key.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        self.assertEqual(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature)

    # Case 153.
    def test_a_body_too_large_to_sign(self):
        vault = self.vault()
        value = json.dumps({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": canary()})
        upstream = self.upstream(lambda exchange: exchange.reply(200, "no"))
        vault.add_api(upstream, self.ca, value, flags=("--auth", "aws-sigv4", "--aws-service", "dynamodb"))
        big = str(vault.root / "big")
        with open(big, "wb") as file:
            file.truncate(33 << 20)
        vault.fails("request body too large to sign", "invoke", "acme/call", "--method", "POST", "--path", "/v1",
                    "--body-file-path", big)

    def test_signatures_are_scrubbed_where_the_upstream_repeats_them(self):
        aws = json.dumps({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": canary()})
        for name, value, flags in (("x-signature", canary(), ("--auth", "hmac")),
                                   ("authorization", aws, ("--auth", "aws-sigv4", "--aws-service", "execute-api"))):
            with self.subTest(name):
                seen = []

                def answer(exchange):
                    exchange.read_body()
                    sent = exchange.request.one(name)
                    seen.append(sent)
                    signature = sent.rsplit("=", 1)[1].encode()
                    coded = base64.b64encode(signature).decode().rstrip("=")
                    exchange.reply(200, f"{sent} {coded}", [("x-echo", sent)])
                vault = self.vault()
                vault.start_daemon()
                vault.add_api(self.upstream(answer), self.ca, value, flags=flags)
                for path in ("/v1/a", "/v1/b"):
                    out = vault.ok("invoke", "acme/call", "--method", "POST", "--path", path, "--include").text
                    self.assertEqual(3, out.count("[REDACTED]"), out)
                    self.assertNotIn(seen[-1].rsplit("=", 1)[1], out)
                    self.assertNotIn(seen[-1].rsplit("=", 1)[1], json.dumps(vault.audit()))
                self.assertNotEqual(seen[0], seen[1])

    # Case 156.
    def test_signed_token_is_reused_and_scrubbed(self):
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True, capture_output=True).stdout
        seen = []

        def answer(exchange):
            seen.append(exchange.request.one("authorization"))
            exchange.reply(200, seen[-1])
        vault = self.vault()
        vault.start_daemon()
        vault.add_api(self.upstream(answer), self.ca, pem.decode(),
                      flags=("--auth", "jwt", "--jwt-algorithm", "EdDSA", "--jwt-issuer", "me",
                             "--jwt-audience", "https://acme.test"))
        for _ in range(2):
            out = vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1").text
            self.assertEqual("Bearer [REDACTED]", out)
        self.assertEqual(seen[0], seen[1])
        claims = json.loads(base64.urlsafe_b64decode(seen[0].split(".")[1] + "=="))
        self.assertEqual(["iss", "aud", "iat", "exp", "jti"], list(claims))
        self.assertEqual(300, claims["exp"] - claims["iat"])


main()

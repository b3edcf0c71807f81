"""Attacks of upstreams and whoever stands in between: TLS (TL)."""

import json
import os
import pathlib
import socket
import ssl
import threading
import time

import world
from world import Attack
from lib.certificates import CURVE, Authority, openssl
from lib.tls_upstream import TlsUpstream


class Tls(Attack):
    @classmethod
    def prepare(cls):
        cls.evil = Authority(cls.scratch / "evil", "Evil CA")
        cls.servers = 0

    def api(self, server):
        """A new credential for that server; the name of its capability."""
        type(self).servers += 1
        name = f"tl{self.servers}"
        self.add_api(name, self.other_secret, host=getattr(server, "authority", server))
        return f"{name}/call"

    def serve(self, certificate, **context):
        server = TlsUpstream(certificate)
        self.addCleanup(server.close)
        for key, value in context.items():
            if key == "ciphers":
                server.context.set_ciphers(value)
            else:
                setattr(server.context, key, value)
        return server

    def refuse(self, server, *texts):
        outcome = self.call(capability=self.api(server))
        self.assertRefused(outcome, *texts)
        if isinstance(server, TlsUpstream):
            self.assertEqual([], server.requests)
        ends = [row for row in self.audit("--kind", "capability.invoke") if row.get("outcome") != "started"]
        self.assertTrue(ends)

    def odd_certificate(self, name, key=None, extensions="subjectAltName=DNS:localhost", digest="-sha256", authority=None):
        authority = authority or self.authority
        directory = self.scratch / name
        directory.mkdir()
        openssl("req", *(key or CURVE), "-subj", "/CN=localhost", "-keyout", directory / "key", "-out", directory / "csr")
        (directory / "ext").write_text(extensions + "\n")
        openssl("x509", "-req", digest, "-in", directory / "csr", "-CA", authority.ca, "-CAkey", authority.key, "-CAcreateserial",
                "-days", 2, "-extfile", directory / "ext", "-out", directory / "pem")
        return directory / "pem", directory / "key"

    def test_TL1_certificates_that_do_not_vouch_for_the_host_get_no_byte(self):
        constrained = Authority(self.scratch / "constrained", "Constrained CA")
        directory = constrained.directory
        (directory / "ext").write_text("basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:other.test\n")
        openssl("req", *CURVE, "-subj", "/CN=Constrained", "-keyout", directory / "key", "-out", directory / "csr")
        openssl("x509", "-req", "-in", directory / "csr", "-CA", self.authority.ca, "-CAkey", self.authority.key, "-CAcreateserial",
                "-days", 2, "-extfile", directory / "ext", "-out", directory / "ca.pem")
        constrained.key = directory / "key"
        leaf, key = self.odd_certificate("breach", authority=constrained)
        chain = directory / "chain.pem"
        chain.write_bytes(leaf.read_bytes() + (directory / "ca.pem").read_bytes())
        for certificate in (self.authority.self_signed("tl1"), self.evil.issue(),
                            self.odd_certificate("wrong-name", extensions="subjectAltName=DNS:other.test"),
                            self.odd_certificate("common-name-alone", extensions="basicConstraints=CA:FALSE"),
                            self.authority.issue("old", expired=True), (chain, key),
                            self.odd_certificate("client-only",
                                                 extensions="subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth")):
            with self.subTest(str(certificate[0])):
                self.refuse(self.serve(certificate), "certificate")

    def test_TL2_old_versions_and_weak_keys_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.subTest(version):
                self.refuse(self.serve(self.certificate, ciphers="ALL:@SECLEVEL=0", minimum_version=version, maximum_version=version))
        weak = self.odd_certificate("weak", key=["-newkey", "rsa:1024", "-nodes"])
        sha1 = self.odd_certificate("sha1", digest="-sha1")
        for certificate in (weak, sha1):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.load_cert_chain(*map(str, certificate))
            server = self.serve(self.certificate)
            server.context = context
            with self.subTest(str(certificate[0])):
                self.refuse(server)
        self.refuse(self.serve(self.certificate, ciphers="AES128-SHA:@SECLEVEL=0", maximum_version=ssl.TLSVersion.TLSv1_2))

    def test_TL3_no_tls_on_the_port_is_an_error_in_time(self):
        for greeting in (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", os.urandom(2000), b"\x16\x03\x03\xff\xff" + b"x" * 100):
            listener = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(listener.close)

            def greet(listener=listener, greeting=greeting):
                try:
                    while True:
                        connection, _ = listener.accept()
                        connection.sendall(greeting)
                        connection.settimeout(5)
                        got = b""
                        try:
                            while piece := connection.recv(4096):
                                got += piece
                        except OSError:
                            pass
                        self.heard.append(got)
                        connection.close()
                except OSError:
                    pass
            self.heard = []
            threading.Thread(target=greet, daemon=True).start()
            begun = time.monotonic()
            self.assertRefused(self.call(capability=self.api(f"localhost:{listener.getsockname()[1]}")))
            self.assertLess(time.monotonic() - begun, 60)
            self.assertFalse([got for got in self.heard if self.other_secret.encode() in got])

    def test_TL7_no_variable_or_file_of_a_user_adds_an_authority(self):
        (pathlib.Path("/home/agent1/ca.pem")).write_bytes(self.evil.ca.read_bytes())
        secret = json.loads(self.operator("secrets", "create", "--name", "TRUSTED_KEY", "--value-file", "-", stdin=self.other_secret).stdout)
        server = self.serve(self.evil.issue())
        self.operator("credential", "create", "trusted", "--provider", "trusted", "--secret-ref", f"vault:secret:{secret['secretId']}",
                      "--host", server.authority, "--allow-private-network", "--auth", "header")
        self.operator("capability", "create", "trusted/call", "--credential", "trusted", "--method", "GET", "--path", "/v1")
        trust = {"SSL_CERT_FILE": "/home/agent1/ca.pem", "SSL_CERT_DIR": "/home/agent1", "CURL_CA_BUNDLE": "/home/agent1/ca.pem",
                 "REQUESTS_CA_BUNDLE": "/home/agent1/ca.pem"}
        # A daemon of its own for this call, with such an environment, in such a directory.
        for user in ("aivault", "agent1"):
            done = self.run_as(user, "aivault", "invoke", "trusted/call", "--method", "GET", "--path", "/v1", code=1,
                               env={**trust, **({"AIVAULTD_DISABLE": "1"} if user == "aivault" else {})})
            self.assertIn(b"certificate", done.stderr)
        self.assertEqual([], server.requests)
        (pathlib.Path("/home/agent1/ca.pem")).unlink()

    def test_TL9_a_huge_chain_is_bounded(self):
        leaf, key = self.authority.issue("chain")
        chain = self.scratch / "huge.pem"
        chain.write_bytes(leaf.read_bytes() + self.evil.ca.read_bytes() * 300)
        begun = time.monotonic()
        server = self.serve((chain, key))
        status, _ = self.call(capability=self.api(server))
        # Certificates that lead nowhere may be left out of account, or end the call.
        self.assertIn(status, (200, 502, 504))
        self.assertLess(time.monotonic() - begun, 60)
        self.assertServes()

    def test_TL11_a_client_certificate_that_fits_no_key_is_refused(self):
        certificate, _ = self.authority.issue("mine")
        _, other = self.authority.issue("theirs")
        encrypted = self.scratch / "encrypted.key"
        openssl("pkey", "-in", other, "-aes128", "-passout", "pass:secret", "-out", encrypted)
        for number, key in enumerate((other, encrypted)):
            secret = json.dumps({"certPem": certificate.read_text(), "keyPem": key.read_text()})
            made = json.loads(self.operator("secrets", "create", "--name", f"TL11_{number}", "--value-file", "-", stdin=secret).stdout)
            done = self.operator("credential", "create", f"tl11-{number}", "--provider", f"tl11-{number}", "--secret-ref",
                                 f"vault:secret:{made['secretId']}", "--host", self.up.authority, "--allow-private-network",
                                 "--tls-ca-file", self.ca_file, "--auth", "mtls", code=None)
            if done.returncode == 0:  # Then at the first call, before anything is sent.
                self.operator("capability", "create", f"tl11-{number}/call", "--credential", f"tl11-{number}", "--method", "GET",
                              "--path", "/v1")
                self.assertRefused(self.call(capability=f"tl11-{number}/call"))


if __name__ == "__main__":
    world.run()

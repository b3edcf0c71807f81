"""Mutual TLS: the credential's own certificate, on connections that nobody else uses."""

import json
import ssl

from lib.certificates import Authority, openssl
from lib.scenario import Scenario, main

WHO = 'location / { return 200 \'{"who":"$ssl_client_s_dn","by":"$ssl_client_verify","connection":"$connection"}\'; }'


class Mtls(Scenario):
    def setUp(self):
        self.clients = Authority(self.scratch / self.id().rsplit(".", 1)[-1], "Client CA")

    def identity(self, name, authority=None, **names):
        certificate, key = (authority or self.clients).issue(name)
        fields = {"certPem": certificate.read_text(), "keyPem": key.read_text()}
        return json.dumps({names.get(k, k): v for k, v in fields.items()})

    def asking(self, locations=WHO):
        return self.nginx(f"ssl_client_certificate {self.clients.ca};\nssl_verify_client on;\n{locations}")

    def strict(self):
        """A server that breaks off without a certificate it trusts, in either version of TLS."""
        servers = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            server = self.upstream()
            server.context.minimum_version = server.context.maximum_version = version
            server.context.verify_mode = ssl.CERT_REQUIRED
            server.context.load_verify_locations(self.clients.ca)
            servers.append(server)
        return servers

    # Case 155.
    def test_the_server_sees_our_certificate_and_every_credential_has_its_own_connections(self):
        server, vault = self.asking(), self.vault()
        for name in ("alice", "bob"):
            vault.add_api(server, self.ca, self.identity(name), name=name, flags=("--auth", "mtls"))
        seen = {}
        for name in ("alice", "bob", "alice", "bob"):
            answer = vault.ok("invoke", f"{name}/call", "--method", "GET", "--path", "/v1").json()
            seen.setdefault(name, []).append(answer)
        for name, answers in seen.items():
            for answer in answers:
                self.assertEqual((f"CN={name}", "SUCCESS"), (answer["who"], answer["by"]))
        with_daemon = self.vault()
        for name in ("alice", "bob"):
            with_daemon.add_api(server, self.ca, self.identity(name + "2"), name=name, flags=("--auth", "mtls"))
        with_daemon.start_daemon()
        connections = {}
        for name in ("alice", "bob") * 3:
            answer = with_daemon.ok("invoke", f"{name}/call", "--method", "GET", "--path", "/v1").json()
            self.assertEqual(f"CN={name}2", answer["who"])
            connections.setdefault(name, set()).add(answer["connection"])
        self.assertEqual([1, 1], [len(each) for each in connections.values()], "pooled")
        self.assertFalse(connections["alice"] & connections["bob"])

    # Case 155.
    def test_a_server_that_rejects_ours_is_named(self):
        stranger = Authority(self.scratch / "stranger", "Nobody's CA")
        for server in self.strict():
            with self.subTest(server.context.minimum_version.name):
                vault = self.vault()
                vault.add_api(server, self.ca, self.identity("mallory", stranger), flags=("--auth", "mtls"))
                refused = vault.run("invoke", "acme/call", "--method", "POST", "--path", "/v1", "--body", "x" * 100000)
                self.assertIn("AuthFailed", refused.errors)
                self.assertIn("refused the client certificate", refused.errors)
                self.assertEqual([], server.requests)
                end = vault.audit()
                self.assertIn("tls_client_certificate", json.dumps(end))

    def test_a_server_that_wants_one_where_we_have_none_is_named(self):
        for server in self.strict():
            with self.subTest(server.context.minimum_version.name):
                vault = self.vault()
                vault.add_api(server, self.ca, "sk-plain-0123456789")
                refused = vault.run("invoke", "acme/call", "--method", "GET", "--path", "/v1")
                self.assertIn("UpstreamUnreachable", refused.errors)
                self.assertIn('"tls"', json.dumps(vault.calls()))
                self.assertEqual([], server.requests)

    def test_a_rotated_certificate_is_shown_by_the_next_call(self):
        server, vault = self.asking(), self.vault()
        secret = vault.add_api(server, self.ca, self.identity("old"), flags=("--auth", "mtls"))
        vault.start_daemon()
        call = ("invoke", "acme/call", "--method", "GET", "--path", "/v1")
        first = vault.ok(*call).json()
        vault.ok("secrets", "rotate", "--id", secret["secretId"], "--value-file", "-", stdin=self.identity("new"))
        second = vault.ok(*call).json()
        self.assertEqual(["CN=old", "CN=new"], [first["who"], second["who"]])
        self.assertNotEqual(first["connection"], second["connection"])

    def test_a_chain_is_sent_and_other_spellings_are_taken(self):
        directory = self.scratch / "middle"
        middle = Authority.__new__(Authority)
        middle.directory = directory
        directory.mkdir(exist_ok=True)
        middle.ca, middle.key = directory / "middle.pem", directory / "middle.key"
        request, extensions = directory / "middle.csr", directory / "middle.ext"
        extensions.write_text("basicConstraints=critical,CA:TRUE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Middle",
                "-keyout", middle.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.clients.ca, "-CAkey", self.clients.key,
                "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", middle.ca)
        fields = json.loads(self.identity("leaf", middle, certPem="cert", keyPem="key"))
        server = self.asking("ssl_verify_depth 3;\n" + WHO)
        for spelling in ({**fields, "chainPem": middle.ca.read_text()},
                         {**fields, "cert": fields["cert"] + middle.ca.read_text()}):
            vault = self.vault()
            vault.add_api(server, self.ca, json.dumps(spelling), flags=("--auth", "mtls"))
            answer = vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1").json()
            self.assertEqual(("CN=leaf", "SUCCESS"), (answer["who"], answer["by"]))

    def test_a_key_that_does_not_belong_is_refused_before_anything_is_sent(self):
        server, vault = self.asking(), self.vault()
        mixed = {**json.loads(self.identity("one")), "keyPem": json.loads(self.identity("two"))["keyPem"]}
        made = vault.add_secret("ACME_KEY", json.dumps(mixed))
        warned = vault.ok("credential", "create", "acme", "--provider", "acme", "--secret-ref",
                          f"vault:secret:{made['secretId']}", "--host", server.authority, "--auth", "mtls",
                          "--tls-ca-file", str(self.ca), "--allow-private-network")
        self.assertIn("do not match", warned.errors)
        vault.add_capability("acme/call", "acme")
        refused = vault.fails("certificate and private key do not match", "invoke", "acme/call",
                              "--method", "GET", "--path", "/v1")
        self.assertNotIn("BEGIN", refused.errors + refused.text)
        self.assertEqual("", server.access_log.read_text())


if __name__ == "__main__":
    main()

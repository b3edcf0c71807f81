"""Providers that aivault knows: one secret makes a whole API callable, rightly injected."""

import json
import sys

from lib.scenario import Scenario, canary, main


class Registry(Scenario):
    HOSTS = ("api.openai.com", "api.anthropic.com", "api.telegram.org", "api.twilio.com", "api.github.com",
             "www.googleapis.com", "hub.docker.com")

    def ready(self, *secrets):
        certificate = self.authority.issue("vendors", tuple(f"DNS:{host}" for host in self.HOSTS))
        vault, upstream = self.vault(), self.upstream(certificate=certificate)
        self.env = {"AIVAULT_DEV_RESOLVE": ",".join(f"{h}=127.0.0.1:{upstream.port}" for h in self.HOSTS),
                    "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)}
        self.notices = [vault.ok("secrets", "create", "--name", name, "--value-file", "-", stdin=value).errors
                        for name, value in secrets]
        return vault, upstream

    def call(self, vault, capability, *flags):
        return vault.ok("invoke", capability, *flags, env=self.env)

    def test_openai_with_a_header(self):
        key = "sk-proj-" + canary("")
        vault, upstream = self.ready(("OPENAI_API_KEY", key))
        self.assertIn("Secret created: OPENAI_API_KEY (pinned to provider: openai)", self.notices[0])
        self.assertIn("Credential auto-provisioned: openai (", self.notices[0])
        self.call(vault, "openai/chat-completions", "--method", "POST", "--header", "content-type=application/json", "--body", '{"model":"x"}')
        seen = upstream.requests[-1]
        self.assertEqual(("POST", "/v1/chat/completions", f"Bearer {key}", "api.openai.com"),
                         (seen.method, seen.target, seen.one("authorization"), seen.one("host")))

    def test_a_key_that_only_reads(self):
        vault, upstream = self.ready(("YOUTUBE_API_KEY", canary("AIza")))
        self.call(vault, "youtube/playlists", "--method", "GET", "--path", "/youtube/v3/playlists")
        self.assertTrue(upstream.requests[-1].one("x-goog-api-key"))
        write = ("invoke", "youtube/playlists", "--method", "POST", "--path", "/youtube/v3/playlists")
        vault.fails("CredentialNotFound: no credential for capability provider", *write, env=self.env)
        vault.fails("PolicyViolation", *write, "--credential", "youtube", env=self.env)
        self.assertEqual(1, len(upstream.requests))

    def test_docker_hub_exchanges_two_secrets_for_a_token(self):
        token = canary("")
        vault, upstream = self.ready(("DOCKERHUB_USERNAME", "octo-cat"), ("DOCKERHUB_TOKEN", "dckr_pat_" + canary("")))
        tokens = []

        def answer(exchange):
            body = exchange.read_body()
            if exchange.request.target == "/v2/auth/token":
                tokens.append(json.loads(body))
                return exchange.reply(200, json.dumps({"access_token": token}))
            return exchange.reply(200, exchange.request.one("authorization"))
        upstream.answer = answer
        vault.start_daemon(env=self.env)
        call = ("dockerhub/repositories", "--method", "GET", "--path", "/v2/namespaces/octo/repositories")
        for _ in range(2):
            self.assertEqual("Bearer [REDACTED]", self.call(vault, *call).text)
        self.assertEqual(f"Bearer {token}", upstream.requests[-1].one("authorization"))
        (asked,) = tokens
        self.assertEqual(["identifier", "secret"], sorted(asked))
        self.assertEqual("octo-cat", asked["identifier"])

    # Case 140.
    def test_anthropic_with_default_headers(self):
        key = "sk-ant-" + canary("")
        vault, upstream = self.ready(("ANTHROPIC_API_KEY", key))
        self.call(vault, "anthropic/messages", "--method", "POST", "--body", "{}")
        seen = upstream.requests[-1]
        self.assertEqual((key, "2023-06-01"), (seen.one("x-api-key"), seen.one("anthropic-version")))
        self.call(vault, "anthropic/messages", "--method", "POST", "--body", "{}", "--header", "anthropic-version=2099-01-01")
        self.assertEqual("2099-01-01", upstream.requests[-1].one("anthropic-version"))

    # Cases 145, 146.
    def test_telegram_with_the_path(self):
        vault, upstream = self.ready(("TELEGRAM_BOT_TOKEN", "123456789:" + canary("")[:35]))
        self.call(vault, "telegram/get-me")
        self.assertRegex(upstream.requests[-1].target, r"^/bot123456789:[0-9a-f]{35}/getMe$")
        vault.fails("PolicyViolation: path not allowed by capability", "invoke", "telegram/get-me", "--path", "/setWebhook",
                    env=self.env)

    # Cases 66, 144.
    def test_twilio_with_two_secrets(self):
        sid, token = "AC" + canary("")[:32], canary("")[:32]
        vault, upstream = self.ready(("TWILIO_ACCOUNT_SID", sid), ("TWILIO_AUTH_TOKEN", token))
        self.assertIn("Waiting for TWILIO_AUTH_TOKEN to complete twilio credential", self.notices[0])
        self.assertIn("Credential auto-provisioned: twilio (", self.notices[1])
        import base64
        listed = vault.ok("capability", "list", "-v").json()
        ids = [c["id"] for c in listed["capabilities"] if c["id"].startswith("twilio/")]
        described = vault.ok("capability", "describe", ids[0]).json()
        method, path = described["example"]["method"], described["example"]["path"]
        extra = ("--body", "x") if method in ("POST", "PUT") else ()
        self.call(vault, ids[0], "--method", method, "--path", path, *extra)
        self.assertEqual("Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode(),
                         upstream.requests[-1].one("authorization"))
        managed = [s for s in vault.ok("secrets", "list", "-v").json() if s["systemManaged"]]
        self.assertEqual(1, len(managed))
        vault.fails("secret is system-managed", "secrets", "delete", "--id", managed[0]["secretId"])
        rotated = canary("")[:32]
        which = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "TWILIO_AUTH_TOKEN")
        vault.ok("secrets", "rotate", "--id", which["secretId"], "--value-file", "-", stdin=rotated)
        self.call(vault, ids[0], "--method", method, "--path", path, *extra)
        self.assertEqual("Basic " + base64.b64encode(f"{sid}:{rotated}".encode()).decode(),
                         upstream.requests[-1].one("authorization"))
        vault.ok("secrets", "delete", "--id", which["secretId"])
        vault.fails("CredentialNotFound", "invoke", ids[0], "--method", method, "--path", path, env=self.env)

    # Case 179.
    def test_pins_hold(self):
        vault, _ = self.ready(("OPENAI_API_KEY", "sk-" + canary("")))
        secret = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "OPENAI_API_KEY")
        self.assertEqual("openai", secret["pinnedProvider"])
        vault.fails("pinned to provider", "credential", "create", "evil", "--provider", "evil", "--auth", "header",
                    "--host", "evil.example", "--secret-ref", f"vault:secret:{secret['secretId']}")
        vault.fails("pinned to provider", "credential", "create", "gh", "--provider", "github", "--secret-ref",
                    f"vault:secret:{secret['secretId']}")

    # Cases 44, 65.
    def test_disabled_stays_disabled(self):
        vault, upstream = self.ready(("OPENAI_API_KEY", "sk-" + canary("")))
        self.assertTrue(vault.ok("credential", "delete", "openai").json()["disabled"])
        vault.fails("CredentialNotFound", "invoke", "openai/models", "--method", "GET", "--path", "/v1/models", env=self.env)
        secret = next(s for s in vault.ok("secrets", "list", "-v").json() if s["name"] == "OPENAI_API_KEY")
        vault.ok("secrets", "rotate", "--id", secret["secretId"], "--value-file", "-", stdin="sk-" + canary(""))
        vault.fails("CredentialNotFound", "invoke", "openai/models", "--method", "GET", "--path", "/v1/models", env=self.env)
        vault.ok("credential", "enable", "openai")
        vault.ok("capability", "delete", "openai/models")
        vault.fails("PolicyViolation: capability is disabled", "invoke", "openai/models", "--method", "GET",
                    "--path", "/v1/models", env=self.env)
        self.assertEqual(0, upstream.connections)

    def test_list_and_describe(self):
        vault = self.vault()
        listed = vault.ok("capability", "list", "-v").json()
        self.assertEqual([], listed["capabilities"])
        ids = [c["id"] for c in listed["registryCapabilities"]]
        self.assertEqual(sorted(ids), ids)
        for provider in ("openai", "anthropic", "telegram", "twilio", "gemini", "openrouter", "github", "slack", "discord",
                         "stripe", "notion", "linear", "resend", "sendgrid"):
            self.assertTrue(any(i.startswith(provider + "/") for i in ids), provider)
        described = vault.ok("capability", "describe", "openai/chat-completions").json()
        self.assertEqual(["aivault secrets create --name OPENAI_API_KEY --scope global"], described["setup"]["commands"])
        vault.fails("capability 'no/such' not found", "capability", "describe", "no/such")


if __name__ == "__main__":
    sys.exit(main())

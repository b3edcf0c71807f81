"""Vendors' own SDKs (npm), unmodified, under `aivault run` against a server that checks what they send."""

import base64
import json
import pathlib
import sys

import npm

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lib.conformance import Conformance  # noqa: E402
from lib.memory import children_of, found_in_environment, found_in_memory  # noqa: E402
from lib.scenario import canary, main  # noqa: E402

ACCOUNT = "AC" + "0" * 32
PAGE = "59833787-2cf9-4fdf-8782-e53db20768a5"


def events(*items, names=False):
    return "".join((f"event: {item['type']}\n" if names else "") + "data: " + (item if isinstance(item, str) else json.dumps(item)) + "\n\n"
                   for item in items)


def bearer(key):
    return {"authorization": f"Bearer {key}"}


class Vendor:
    """One vendor: its secrets, its host, what is allowed, how its key arrives, and what its API answers."""

    def __init__(self, host, secrets, allowed, auth, call, answer, stream=None):
        self.host, self.secrets, self.allowed, self.auth, self.call, self.answer, self.stream = (
            host, secrets, allowed, auth, call, answer, stream)


def vendors(key):
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None,
               "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    candidate = [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}]
    basic = base64.b64encode(f"{ACCOUNT}:{key}".encode()).decode()
    return {
        "openai": Vendor(
            "api.openai.com", {"OPENAI_API_KEY": key}, "openai/chat-completions", bearer(key), "hello",
            {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-x",
             "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]},
            events({**chunk, "choices": [{"index": 0, "delta": {"content": "hel"}}]},
                   {**chunk, "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]}, "[DONE]")),
        "anthropic": Vendor(
            "api.anthropic.com", {"ANTHROPIC_API_KEY": key}, "anthropic/messages", {"x-api-key": key}, "hello",
            {**message, "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"},
            events({"type": "message_start", "message": message},
                   {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                   {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
                   {"type": "content_block_stop", "index": 0},
                   {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}},
                   {"type": "message_stop"}, names=True)),
        "gemini": Vendor(
            "generativelanguage.googleapis.com", {"GEMINI_API_KEY": key}, "gemini/models", {"x-goog-api-key": key}, "hello",
            {"candidates": candidate}, events({"candidates": candidate})),
        "stripe": Vendor(
            "api.stripe.com", {"STRIPE_SECRET_KEY": key}, "stripe/customers", bearer(key), "a@example.com",
            {"id": "cus_1", "object": "customer", "email": "a@example.com"}),
        "github": Vendor(
            "api.github.com", {"GITHUB_TOKEN": key}, "github/repos", bearer(key), "o/r", {"id": 1, "full_name": "o/r"}),
        "slack": Vendor(
            "slack.com", {"SLACK_BOT_TOKEN": key}, "slack/chat", bearer(key), "1.2", {"ok": True, "channel": "C1", "ts": "1.2"}),
        "notion": Vendor(
            "api.notion.com", {"NOTION_TOKEN": key}, "notion/pages", bearer(key), PAGE, {"object": "page", "id": PAGE}),
        "resend": Vendor(
            "api.resend.com", {"RESEND_API_KEY": key}, "resend/emails", bearer(key), "e1", {"id": "e1"}),
        "twilio": Vendor(
            "api.twilio.com", {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": key}, "twilio/messages",
            {"authorization": f"Basic {basic}"}, "SM1", {"sid": "SM1", "status": "queued", "account_sid": ACCOUNT}),
        "linear": Vendor(
            "api.linear.app", {"LINEAR_API_KEY": key}, "linear/graphql", {"authorization": key}, "Olga",
            {"data": {"viewer": {"id": "u1", "name": "Olga"}}}),
    }


class Sdks(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = npm.installed(HERE / "clients")

    def play(self, name):
        key = canary()
        vendor = vendors(key)[name]
        wrong, looked = [], []
        # The control: what a program was given is found in it.
        given = canary("given-")
        needles = {"key": key.encode(), "given": given.encode()}

        def look():
            """While the SDK waits for its answer: what do the programs under `aivault run` hold?"""
            for pid in children_of(self.running.pid):
                looked.append((found_in_environment(pid, needles), found_in_memory(pid, needles)))

        def answer(exchange):
            body = exchange.read_body()
            look()
            seen = exchange.request
            for header, value in vendor.auth.items():
                if seen.all(header) != [value]:
                    wrong.append((header, seen.all(header)))
            if b"avp_" in seen.raw_head or b"avp_" in body:
                wrong.append(seen.raw_head)
            streams = b'"stream":true' in body or "streamGenerateContent" in seen.target
            if streams:
                exchange.start(200, [("content-type", "text/event-stream")])
                for piece in vendor.stream.split("\n\n")[:-1]:
                    exchange.chunk(piece + "\n\n")
                return exchange.end()
            exchange.reply(200, json.dumps(vendor.answer))
        self.stage(answer, secrets=tuple(vendor.secrets.items()), hosts=(vendor.host,))
        self.running = self.v.start("run", "--allow", vendor.allowed, "--", "node", str(self.packages / "sdk.mjs"), name, cwd=self.packages,
                                    env={**vendor.secrets, "NO_COLOR": "1", "GIVEN": given})
        out, errors = self.running.communicate(timeout=120)
        self.assertEqual(0, self.running.returncode, (out, errors))
        got = json.loads(out.splitlines()[-1])
        self.assertTrue(looked)
        for environment, memory in looked:
            self.assertEqual(({"given"}, {"given"}), (environment, memory))
        self.assertEqual([], wrong)
        self.assertEqual({"ok": vendor.call}, got["call"])
        if vendor.stream:
            self.assertEqual({"ok": "hello"}, got["stream"])
        denied = got["denied"]
        self.assertIn("error", denied, denied)
        shown = json.dumps(denied)
        self.assertTrue("no passthrough capability matched" in shown or "capability_not_found" in shown or "404" in shown, denied)
        self.assertEqual(2 if vendor.stream else 1, len(self.up.requests), "the refused call reached the vendor")
        self.assertNotIn(key.encode(), out + errors)
        return denied

    # Case 215.
    def test_openai(self):
        self.play("openai")

    # Case 215.
    def test_anthropic(self):
        self.assertIn("no passthrough capability matched", self.play("anthropic")["message"])

    def test_google_genai(self):
        self.assertIn("no passthrough capability matched", self.play("gemini")["message"])

    def test_stripe(self):
        self.play("stripe")

    def test_octokit(self):
        self.assertIn("no passthrough capability matched", self.play("github")["message"])

    def test_slack(self):
        self.play("slack")

    def test_notion(self):
        self.play("notion")

    def test_resend(self):
        self.assertIn("no passthrough capability matched", self.play("resend")["message"])

    def test_twilio(self):
        self.assertIn("no passthrough capability matched", self.play("twilio")["message"])

    def test_linear(self):
        self.play("linear")


if __name__ == "__main__":
    sys.exit(main())

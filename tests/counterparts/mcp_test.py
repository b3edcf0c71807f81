"""The official MCP client (npm @modelcontextprotocol/sdk) drives `aivault mcp` as agents' programs do."""

import json
import pathlib
import subprocess
import sys
import time

import npm

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from lib.conformance import SECRET, Conformance  # noqa: E402
from lib import vault as programs  # noqa: E402
from lib.scenario import main  # noqa: E402
from lib.vault import wait_until  # noqa: E402


class McpClient(Conformance):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = npm.installed(HERE / "clients")

    def begin(self, *flags):
        client = self.packages / "mcp_client.mjs"
        self.client = subprocess.Popen(["node", str(client), str(programs.CLI), "mcp", *flags], env=self.v.environment(),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.packages)
        self.addCleanup(self.client.stdout.close)
        self.addCleanup(self.client.kill)

    def ask(self, what, **rest):
        self.client.stdin.write(json.dumps({"ask": what, **rest}).encode() + b"\n")
        self.client.stdin.flush()
        return json.loads(self.client.stdout.readline())

    def test_it_lists_calls_and_reads(self):
        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, '{"data":[{"id":"gpt-x"}]}')
        self.stage(answer)
        self.begin()
        server = self.ask("server")["ok"]
        self.assertEqual("aivault", server["version"]["name"])
        self.assertTrue(server["instructions"])
        tools = {tool["name"]: tool for tool in self.ask("tools")["ok"]["tools"]}
        self.assertIn("openai__models", tools)
        got = self.ask("call", name="openai__models", args={"method": "GET", "path": "/v1/models"})["ok"]
        self.assertEqual({"json": {"data": [{"id": "gpt-x"}]}, "status": 200}, got["structuredContent"])
        self.assertEqual(f"Bearer {SECRET}", self.up.requests[-1].one("authorization"))
        refused = self.ask("call", name="openai__models", args={"method": "GET", "path": "/v1/secret"})["ok"]
        self.assertTrue(refused["isError"])
        self.assertIn("PolicyViolation", refused["content"][0]["text"])
        self.assertEqual(-32602, self.ask("call", name="nobody__nothing", args={})["code"])
        self.assertEqual(2, len(self.ask("resources")["ok"]["resources"]))
        whoami = json.loads(self.ask("read", uri="aivault://whoami")["ok"]["contents"][0]["text"])
        self.assertIn("uid", whoami)
        self.assertEqual(-32002, self.ask("read", uri="aivault://nothing")["code"])
        self.assertEqual({}, self.ask("ping")["ok"])
        self.client.stdin.close()
        self.assertEqual(0, self.client.wait(30))

    def test_it_cancels_a_call(self):
        def answer(exchange):
            exchange.read_body()
            if exchange.request.target.endswith("slow"):
                time.sleep(1000)
            exchange.reply(200, "{}")
        self.stage(answer)
        self.begin()
        got = self.ask("cancelled", name="openai__models", args={"method": "GET", "path": "/v1/models/slow"}, after=1500)
        self.assertIn("enough", got["message"])
        wait_until(lambda: any(row["outcome"] == "error" for row in self.v.calls()), what="the end of the call")

    def test_it_hears_which_approval_a_call_waits_for(self):
        self.stage()
        self.v.ok("capability", "policy", "set", "--capability", "openai/models", "--require-approval")
        self.begin()
        call = {"name": "openai__models", "args": {"method": "GET", "path": "/v1/models"}}
        for ask, decision in (("waiting", "approve"), ("call", "deny")):
            self.client.stdin.write(json.dumps({"ask": ask, **call}).encode() + b"\n")
            self.client.stdin.flush()
            pending = wait_until(lambda: self.v.ok("approvals", "-v").json(), what="an approval")[0]["id"]
            self.v.ok(decision, pending)
            got = json.loads(self.client.stdout.readline())["ok"]
            if ask == "waiting":
                self.assertEqual([{"progress": 1, "message": f"waiting for operator approval '{pending}'"}], got["told"])
                self.assertEqual(200, got["result"]["structuredContent"]["status"])
            else:
                # Whoever asks for no progress gets none, which the client would take for a fault.
                self.assertIn("request denied by operator", got["content"][0]["text"])

    def test_pages_hold_every_tool_once(self):
        names = ("GITHUB_TOKEN", "STRIPE_SECRET_KEY", "SLACK_BOT_TOKEN", "NOTION_TOKEN", "LINEAR_API_KEY", "CLOUDFLARE_API_TOKEN")
        self.stage()
        for name in names:
            self.v.run("secrets", "create", "--name", name, "--value-file", "-", stdin=f"value-of-{name}-000000000000")
        ready = [entry["id"] for entry in self.v.ok("capability", "list", "--json").json()["capabilities"]]
        self.begin()
        seen, cursor = [], None
        while True:
            page = self.ask("tools", cursor=cursor)["ok"]
            self.assertLessEqual(len(page["tools"]), 200)
            seen += [tool["title"] for tool in page["tools"]]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        self.assertEqual(sorted(ready), sorted(seen))


if __name__ == "__main__":
    sys.exit(main())

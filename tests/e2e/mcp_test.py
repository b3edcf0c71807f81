"""`aivault mcp`: capabilities as tools of the Model Context Protocol, spoken by hand."""

import json
import select
import sys
import time

from lib.conformance import SECRET, Conformance
from lib.scenario import main
from lib.vault import wait_until


class Mcp(Conformance):
    def begin(self, *flags, initialize=True):
        """A server and, unless the test does that itself, an initialized session."""
        self.server = self.v.start("mcp", *flags)
        self.addCleanup(self.server.kill)
        self.addCleanup(lambda: [stream.close() for stream in (self.server.stdin, self.server.stdout, self.server.stderr)])
        self.number = 0
        if initialize:
            result = self.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
            self.tell("notifications/initialized")
            return result

    def send(self, text):
        self.server.stdin.write(text if isinstance(text, bytes) else json.dumps(text).encode() + b"\n")
        self.server.stdin.flush()

    def receive(self, seconds=30):
        ready, _, _ = select.select([self.server.stdout], [], [], seconds)
        self.assertTrue(ready, "nothing came")
        return json.loads(self.server.stdout.readline())

    def tell(self, method, params=None):
        self.send({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def request(self, method, params=None):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, **({"params": params} if params else {})})
        return self.number

    def answer(self, method, params=None):
        number = self.request(method, params)
        answer = self.receive()
        self.assertEqual(("2.0", number), (answer["jsonrpc"], answer["id"]))
        return answer

    def ask(self, method, params=None):
        answer = self.answer(method, params)
        self.assertIn("result", answer, answer)
        return answer["result"]

    def refused(self, method, params=None):
        return self.answer(method, params)["error"]["code"]

    def call(self, name, **arguments):
        return self.ask("tools/call", {"name": name, "arguments": arguments})

    def test_a_session_begins_in_order(self):
        self.stage()
        self.begin(initialize=False)
        self.assertEqual(-32600, self.refused("tools/list"))
        self.assertEqual({}, self.ask("ping"))
        self.assertEqual(-32602, self.refused("initialize", {}))
        result = self.ask("initialize", {"protocolVersion": "1999-01-01", "capabilities": {}})
        self.assertEqual("2025-06-18", result["protocolVersion"])
        self.assertEqual("aivault", result["serverInfo"]["name"])
        self.assertEqual(-32600, self.refused("tools/list"))
        self.tell("notifications/initialized")
        self.assertTrue(self.ask("tools/list")["tools"])
        self.assertEqual(-32600, self.refused("initialize", {"protocolVersion": "2025-06-18"}))
        self.server.stdin.close()
        self.assertEqual(0, self.server.wait(20))

    def test_older_versions_are_kept(self):
        self.stage()
        for version in ("2025-03-26", "2024-11-05"):
            self.begin(initialize=False)
            self.assertEqual(version, self.ask("initialize", {"protocolVersion": version})["protocolVersion"])
            self.server.stdin.close()
            self.server.wait(20)

    def test_what_is_no_request(self):
        self.stage()
        self.begin()
        for text, code in ((b"{\n", -32700), (b"[]\n", -32600), (b'{"jsonrpc":"2.0","id":[],"method":"ping"}\n', -32600),
                           (b'{"id":1,"method":"ping"}\n', -32600), (b"\xff\xfe\n", -32700)):
            self.send(text)
            answer = self.receive()
            self.assertEqual((code, None if code == -32700 or b'"id":1' not in text else 1), (answer["error"]["code"], answer["id"]), text)
        self.send(b"\n  \r\n")
        self.assertEqual(-32601, self.refused("tools/destroy"))
        self.assertEqual(-32601, self.refused("sampling/createMessage"))
        self.send(b"x" * (9 << 20) + b"\n")
        self.assertEqual(-32600, self.receive()["error"]["code"])
        self.assertEqual({}, self.ask("ping"))

    def test_tools_are_what_the_caller_may_invoke(self):
        self.stage()
        self.begin("--allow", "openai/models", "--allow", "openai/chat*")
        tools = {tool["name"]: tool for tool in self.ask("tools/list")["tools"]}
        self.assertIn("openai__models", tools)
        self.assertIn("openai__chat-completions", tools)
        self.assertNotIn("openai__files", tools)
        models = tools["openai__models"]
        self.assertEqual("openai/models", models["title"])
        self.assertFalse(models["inputSchema"]["additionalProperties"])
        self.assertEqual(-32602, self.refused("tools/call", {"name": "openai__files", "arguments": {}}))
        self.assertEqual(-32602, self.refused("tools/call", {"name": "openai__models", "arguments": {"url": "https://evil"}}))
        self.assertEqual(-32602, self.refused("tools/call", {"arguments": {}}))
        self.assertEqual(-32602, self.refused("tools/list", {"cursor": "x"}))

    def test_a_call_and_its_refusals(self):
        def answer(exchange):
            exchange.read_body()
            if exchange.request.target.startswith("/v1/models/none"):
                return exchange.reply(404, '{"error":"none"}')
            exchange.reply(200, '{"echo":"' + exchange.request.one("authorization") + '"}')
        self.stage(answer)
        self.begin()
        result = self.call("openai__models", method="GET", path="/v1/models", query={"limit": "2"})
        self.assertEqual({"json": {"echo": "Bearer [REDACTED]"}, "status": 200}, result["structuredContent"])
        self.assertEqual([{"type": "text", "text": '{"echo":"Bearer [REDACTED]"}'}], result["content"])
        self.assertNotIn("isError", result)
        self.assertEqual("/v1/models?limit=2", self.up.requests[-1].target)
        self.call("openai__chat-completions", method="POST", path="/v1/chat/completions", body={"model": "x"})
        seen = self.up.requests[-1]
        self.assertEqual((b'{"model":"x"}', "application/json", f"Bearer {SECRET}"),
                         (seen.body, seen.one("content-type"), seen.one("authorization")))
        missing = self.call("openai__models", method="GET", path="/v1/models/none")
        self.assertEqual((True, 404), (missing["isError"], missing["structuredContent"]["status"]))
        refused = self.call("openai__models", method="GET", path="/v1/nothing")
        self.assertTrue(refused["isError"])
        self.assertEqual("PolicyViolation: path not allowed by capability", refused["content"][0]["text"])
        self.assertEqual({"error": "policy_violation", "message": "path not allowed by capability", "reason": "path_not_allowed"},
                         refused["structuredContent"])

    def test_resources(self):
        self.stage()
        self.begin()
        self.assertEqual(["aivault://whoami", "aivault://capabilities"],
                         [resource["uri"] for resource in self.ask("resources/list")["resources"]])
        self.assertEqual("aivault://capability/{id}", self.ask("resources/templates/list")["resourceTemplates"][0]["uriTemplate"])
        described = self.ask("resources/read", {"uri": "aivault://capability/openai/models"})["contents"][0]
        self.assertEqual("openai/models", json.loads(described["text"])["capability"])
        for uri in ("aivault://secrets", "file:///etc/passwd", "aivault://capability/", "aivault://capability/none/none"):
            self.assertEqual(-32002, self.refused("resources/read", {"uri": uri}), uri)

    def test_calls_run_beside_each_other_and_can_be_cancelled(self):
        def answer(exchange):
            exchange.read_body()
            if exchange.request.target.endswith("slow"):
                time.sleep(1000)
            exchange.reply(200, "{}")
        self.stage(answer)
        self.begin()
        slow = self.request("tools/call", {"name": "openai__models", "arguments": {"method": "GET", "path": "/v1/models/slow"}})
        wait_until(lambda: self.up.requests, what="the slow call")
        self.assertEqual(200, self.call("openai__models", method="GET", path="/v1/models")["structuredContent"]["status"])
        self.tell("notifications/cancelled", {"requestId": slow})
        wait_until(lambda: any(row["outcome"] == "error" and "cancelled" in (row.get("note") or "") for row in self.v.calls()),
                   what="the end of the cancelled call")
        self.assertEqual({}, self.ask("ping"), "no answer follows a cancelled call")

    def test_a_changed_list_is_announced(self):
        self.stage()
        self.begin()
        self.ask("tools/list")
        self.v.ok("capability", "disable", "openai/models")
        self.assertEqual({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}, self.receive(60))
        self.assertNotIn("openai__models", [tool["name"] for tool in self.ask("tools/list")["tools"]])


if __name__ == "__main__":
    sys.exit(main())

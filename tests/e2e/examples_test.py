"""Every file of examples/ does what it says, as it stands, against a server in the vendor's place."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lib import vault as programs
from lib import websocket
from lib.conformance import SECRET, Conformance
from lib.scenario import main

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(ROOT / "tests" / "counterparts"))
import npm  # noqa: E402

MODELS = {"object": "list", "data": [{"id": "gpt-x", "object": "model"}, {"id": "gpt-y", "object": "model"}]}
PIECE = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}


def realtime(exchange):
    """A conversation, the answer to which is what was said, piece by piece."""
    peer = websocket.accept(exchange)
    peer.socket.settimeout(60)
    said = ""
    while True:
        opcode, payload = peer.message()
        if opcode == websocket.CLOSE:
            return peer.send(opcode, payload)
        event = json.loads(payload)
        if event["type"] == "session.update":
            assert event["session"] == {"type": "realtime", "output_modalities": ["text"]}, event
        elif event["type"] == "conversation.item.create":
            (said,) = (part["text"] for part in event["item"]["content"])
        elif event["type"] == "response.create":
            for piece in ("You said: ", said, " (and the key is ", SECRET, ")"):
                peer.text(json.dumps({"type": "response.output_text.delta", "delta": piece}))
            peer.text(json.dumps({"type": "response.done", "response": {"status": "completed"}}))


def answer(exchange):
    """OpenAI, as far as the examples know it."""
    if exchange.request.one("upgrade"):
        return realtime(exchange)
    exchange.read_body()
    if exchange.request.target != "/v1/chat/completions":
        return exchange.reply(200, json.dumps(MODELS))
    exchange.start(200, [("content-type", "text/event-stream")])
    for text in ("Hel", "lo ", "there"):
        exchange.chunk("data: " + json.dumps({**PIECE, "choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n")
    exchange.chunk("data: [DONE]\n\n")
    exchange.end()


class Examples(Conformance):
    def setUp(self):
        self.stage(answer)
        self.bin = pathlib.Path(programs.CLI).resolve().parent
        self.environment = {**self.v.environment(), "PATH": f"{self.bin}:{os.environ['PATH']}", "AIVAULTD_SOCKET": str(self.v.socket)}

    def example(self, name):
        return EXAMPLES / name

    def run_it(self, *words, allow=None, **options):
        command = ["aivault", "run", "--allow", allow, "--"] if allow else []
        options.setdefault("cwd", EXAMPLES)
        done = subprocess.run([*command, *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=120, **options)
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        self.assertNotIn(SECRET, done.stdout)
        self.assertEqual(f"Bearer {SECRET}", self.up.requests[-1].one("authorization"))
        return done.stdout

    def test_curl(self):
        self.assertEqual(MODELS, json.loads(self.run_it(self.example("curl.sh"), allow="openai/models")))
        self.assertEqual(MODELS, json.loads(self.run_it(self.example("curl-socket.sh"))))

    def test_python(self):
        self.assertEqual("Hello there\n", self.run_it("python3", self.example("chat.py"), "Hello", allow="openai/chat-completions"))
        self.assertIn(b'"content": "Hello"', self.up.requests[-1].body)
        self.assertEqual("gpt-x\ngpt-y\n", self.run_it("python3", self.example("socket_client.py")))

    def test_node(self):
        self.assertEqual("gpt-x\ngpt-y\n", self.run_it("node", self.example("fetch.mjs"), allow="openai/models"))

    def beside_packages(self, program):
        """Where a copy of it finds packages; Node looks for them beside the program."""
        packages = npm.installed(ROOT / "tests" / "counterparts" / "clients")
        there = tempfile.mkdtemp(prefix="example-", dir=packages)
        self.addCleanup(shutil.rmtree, there)
        shutil.copy(program, there)
        return there

    def test_node_websocket(self):
        there = self.beside_packages(self.example("realtime.mjs"))
        self.assertEqual("You said: Hello (and the key is [REDACTED])\n",
                         self.run_it("node", "realtime.mjs", "Hello", allow="openai/realtime", cwd=there))
        self.assertEqual("/v1/realtime?model=gpt-realtime", self.up.requests[-1].target)

    def test_node_websocket_that_is_refused(self):
        there = self.beside_packages(self.example("realtime.mjs"))
        done = subprocess.run(["aivault", "run", "--allow", "openai/models", "--", "node", "realtime.mjs"], env=self.environment,
                              capture_output=True, text=True, timeout=120, cwd=there)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("refused: 40", done.stderr)
        self.assertEqual(0, self.up.connections)

    def test_node_sdk(self):
        there = self.beside_packages(self.example("sdk.mjs"))
        self.assertEqual("Hello there\n", self.run_it("node", "sdk.mjs", "Hello", allow="openai/chat-completions", cwd=there))

    def test_sandboxed(self):
        made = subprocess.run(["unshare", "--user", "--map-current-user", "--net", "--mount", "true"], capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest(f"this machine: user namespaces are forbidden: {made.stderr.strip()}")
        self.environment["WORK"] = "/var/tmp"
        listed = self.run_it(self.example("sandboxed.sh"), "python3", "-c",
                             "import os, socket, urllib.request as u\n"
                             "r = u.Request(os.environ['OPENAI_BASE_URL'] + '/models', headers={'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY']})\n"
                             "print(u.urlopen(r, timeout=60).status, [name for _, name in socket.if_nameindex()])")
        self.assertEqual("200 ['lo']\n", listed)

    def test_ci_job(self):
        self.assertEqual("2 models\n", self.run_it(self.example("ci-job.sh")))

    def test_mcp(self):
        server = json.loads(self.example("mcp.json").read_text())["mcpServers"]["aivault"]
        lines = [{"method": "initialize", "id": 1, "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}},
                 {"method": "notifications/initialized"}, {"method": "tools/list", "id": 2}]
        done = subprocess.run([server["command"], *server["args"]], env=self.environment, capture_output=True, text=True, timeout=60,
                              input="".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines))
        self.assertEqual(0, done.returncode, done.stderr)
        tools = json.loads(done.stdout.splitlines()[-1])["result"]["tools"]
        self.assertEqual(["openai__models"], [tool["name"] for tool in tools])

    def test_systemd_unit(self):
        unit = self.example("agent.service")
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        # The program and the user are those of another machine.
        text = unit.read_text().replace("/usr/share/doc/aivault/examples", str(EXAMPLES)).replace("User=agent", "User=root")
        there = pathlib.Path(tempfile.mkdtemp(dir=self.scratch)) / unit.name
        there.write_text(text.replace("Wants=aivaultd-shared.service\n", "").replace("After=aivaultd-shared.service\n", ""))
        done = subprocess.run(["systemd-analyze", "verify", str(there)], capture_output=True, text=True, timeout=60)
        self.assertEqual((0, []), (done.returncode, [line for line in done.stderr.splitlines() if "agent.service" in line]), done.stderr)

    def test_compose_file(self):
        text = self.example("compose.yaml").read_text()
        # Read with a real parser where there is one.
        try:
            import yaml
        except ImportError:
            yaml = None
        if yaml:
            service = yaml.safe_load(text)["services"]["agent"]
            self.assertIn("/run/aivault:/run/aivault", service["volumes"])
            self.assertEqual("none", service["network_mode"])
        self.assertTrue((EXAMPLES / re.search(r"\./(\S+?):/agent.py", text)[1]).exists())
        self.assertNotIn("KEY", text)

    def test_none_is_left_out(self):
        here = pathlib.Path(__file__).read_text()
        listed = (EXAMPLES / "README.md").read_text()
        for path in EXAMPLES.iterdir():
            if path.name != "README.md":
                self.assertIn(f'self.example("{path.name}")', here)
                self.assertIn(f"`{path.name}`", listed)


if __name__ == "__main__":
    sys.exit(main())

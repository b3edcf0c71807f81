"""`run` and `mcp` without any shared daemon (AIVAULTD_DISABLE): one private aivaultd, to which its parent
passes connections."""

import array
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import textwrap
import time

from lib import vault as programs
from lib.conformance import SECRET, Conformance
from lib.http_socket import HttpSocket
from lib.scenario import main
from lib.vault import wait_until

# Each argument is a path below OPENAI_BASE_URL; "!" before it asks from a thread of its own.
CLIENT = textwrap.dedent("""
    import os, sys, threading, urllib.error, urllib.request
    def ask(path):
        request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + path,
                                         headers={"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        print(answer.status, answer.read().decode(), flush=True)
    threads = [threading.Thread(target=ask, args=(word[1:],)) for word in sys.argv[1:] if word[0] == "!"]
    for thread in threads: thread.start()
    for word in sys.argv[1:]:
        if word[0] != "!": ask(word)
    for thread in threads: thread.join()
""")


class PrivateDaemon(Conformance):
    def stage(self, answer=None):
        super().stage(answer)
        self.v.stop_daemon()
        self.alone = {"AIVAULTD_DISABLE": "1", "AIVAULT_DEV_RESOLVE": f"api.openai.com=127.0.0.1:{self.up.port}",
                      "AIVAULT_DEV_CA_CERT_PATH": str(self.ca)}

    def children(self, of=None):
        """Private daemons that run: children of the process `of`, or of nobody in particular."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                status = (entry / "stat").read_text().rsplit(")", 1)[1].split() if words else []
            except OSError:
                continue
            if words and words[0].endswith(b"aivaultd") and b"--stdio" in words and status[0] != "Z":
                if of is None or int(status[1]) == of:
                    found.append(int(entry.name))
        return found

    # run

    def test_calls_of_a_program(self):
        self.stage()
        outcome = self.v.ok("run", "--", "python3", "-c", CLIENT, "/models", "/models?limit=1", env=self.alone)
        self.assertEqual('200 {"ok":true}\n' * 2, outcome.text)
        self.assertEqual(["/v1/models", "/v1/models?limit=1"], [seen.target for seen in self.up.requests])
        self.assertEqual(f"Bearer {SECRET}", self.up.requests[0].one("authorization"))
        self.assertEqual(1, self.up.connections, "two calls of one daemon share a connection")
        self.assertNotIn(SECRET, outcome.text + outcome.errors)
        self.assertFalse(self.v.socket.exists())
        self.assertEqual([], self.v.daemons())
        self.assertEqual({"started", "ok"}, {row["outcome"] for row in self.v.calls()})

    def test_a_hundred_calls_at_once(self):
        self.stage()
        outcome = self.v.ok("run", "--", "python3", "-c", CLIENT, *["!/models"] * 100, env=self.alone)
        self.assertEqual(100, outcome.text.count('200 {"ok":true}'), str(outcome))

    def test_what_was_not_allowed_and_whom_it_acts_for(self):
        self.stage()
        self.v.ok("agent", "create", "reader", "--allow", "openai/models", env=self.alone)
        for flags in (("--allow", "openai/models"), ("--agent", "reader")):
            outcome = self.v.ok("run", *flags, "--", "python3", "-c", CLIENT, "/models", "/files", env=self.alone)
            first, second = outcome.text.splitlines()
            self.assertEqual('200 {"ok":true}', first)
            self.assertEqual(("404", "capability_not_found"), (second[:3], json.loads(second[4:])["error"]))

    def test_it_ends_with_its_command(self):
        self.stage()
        self.assertEqual(7, self.v.run("run", "--", "sh", "-c", "exit 7", env=self.alone).code)
        process = self.v.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000", env=self.alone)
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        self.assertEqual(b"ready\n", process.stdout.readline())
        child, = self.children(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: child not in self.children(), what="the end of the private daemon")

    def test_in_a_sandbox(self):
        self.stage()
        work = self.scratch / "work"
        work.mkdir()
        outcome = self.v.run("run", "--sandbox", "--", "python3", "-c", CLIENT, "/models", cwd=work, env=self.alone)
        self.assertEqual((0, '200 {"ok":true}\n'), (outcome.code, outcome.text), str(outcome))

    def test_one_that_cannot_start_says_why_once(self):
        self.stage()
        outcome = self.v.fails("invalid AIVAULTD_LOG", "run", "--", "true", env={**self.alone, "AIVAULTD_LOG": "loud"})
        self.assertEqual("invalid AIVAULTD_LOG 'loud'\n", outcome.errors)

    def on_terminal(self, command, entry):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(programs.CLI), ["aivault", *command], self.v.environment(self.alone))
        printed = b""
        with open(terminal, "rb+", buffering=0) as screen:
            try:
                while piece := screen.read(4096):
                    printed += piece
                    if printed.endswith(b"vault: "):
                        screen.write(entry.encode() + b"\n")
            except OSError:
                pass
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed.decode()

    def test_a_passphrase_is_asked_for_at_the_terminal(self):
        self.stage()
        self.v.ok("rotate-master", "--provider", "passphrase", "--new-passphrase-file", "-", stdin="correct horse battery", env=self.alone)
        command = ("run", "--", "python3", "-c", CLIENT, "/models")
        self.v.fails("vault locked", *command, env=self.alone)  # Nobody to ask.
        code, printed = self.on_terminal(command, "wrong horse battery")
        self.assertEqual(1, code, printed)
        self.assertIn("wrong passphrase", printed)
        self.assertEqual(0, len(self.up.requests))
        code, printed = self.on_terminal(command, "correct horse battery")
        self.assertEqual(0, code, printed)
        self.assertIn('200 {"ok":true}', printed)
        self.assertNotIn("horse", printed)

    # mcp

    def mcp(self):
        server = self.v.start("mcp", env=self.alone)
        self.addCleanup(server.kill)
        self.addCleanup(lambda: [stream.close() for stream in (server.stdin, server.stdout, server.stderr)])
        self.number = 0

        def ask(method, params=None):
            self.number += 1
            server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params or {}}).encode() + b"\n")
            server.stdin.flush()
            while (answer := json.loads(server.stdout.readline())).get("id") != self.number:
                pass
            self.assertIn("structuredContent" if method == "tools/call" else "", str(answer))
            return answer["result"]
        ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})
        server.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        return server, ask

    def test_tools(self):
        self.stage()
        server, ask = self.mcp()
        call = {"name": "openai__models", "arguments": {"method": "GET", "path": "/v1/models"}}
        for _ in range(3):
            self.assertEqual(200, ask("tools/call", call)["structuredContent"]["status"])
        self.assertEqual(1, self.up.connections, "the calls of one daemon share a connection")
        first, = self.children(server.pid)
        os.kill(first, signal.SIGKILL)  # Another one takes its place, also of one that is dying yet.
        self.assertEqual(200, ask("tools/call", call)["structuredContent"]["status"])
        second, = self.children(server.pid)
        self.assertNotEqual(first, second)
        server.stdin.close()
        self.assertEqual(0, server.wait(30))
        wait_until(lambda: second not in self.children(), what="the end of the private daemon")

    # The door of the daemon itself.

    def private(self):
        """(the process, the parent's end of descriptor 0)"""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen([str(programs.DAEMON), "--stdio"], env=self.v.environment({**self.alone, "AIVAULTD_DISABLE": None, "AIVAULTD_LOG": "info"}),
                                   stdin=theirs, stderr=subprocess.PIPE, cwd="/")
        theirs.close()
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(ours.close)
        return process, ours

    @staticmethod
    def connect(parent):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            socket.send_fds(parent, [b"c"], [theirs.fileno()])
        return HttpSocket(ours)

    def test_each_connection_is_one_of_its_own(self):
        self.stage()
        for path in self.v.socket.parent.iterdir():  # Of the daemon that set the stage.
            path.unlink()
        _, parent = self.private()
        with self.connect(parent) as first, self.connect(parent) as second:
            for door in (second, first, second):
                who = door.request("GET", "/aivault/whoami").json()
                self.assertEqual((os.geteuid(), True), (who["uid"], who["operator"]))
            # What comes in by a loopback port is no operator, whoever passed it on.
            first.request("GET", "/aivault/health", headers=[("x-aivault-via", "tcp")])
            self.assertEqual(403, first.request("GET", "/aivault/secrets").status)
            self.assertEqual(200, second.request("GET", "/aivault/secrets").status)
        with self.connect(parent) as third:  # It stays although all have left.
            self.assertEqual(200, third.request("GET", "/aivault/whoami").status)
        self.assertEqual([], list(self.v.socket.parent.iterdir()), "it needs no path")

    def test_what_is_no_connection_is_ignored(self):
        self.stage()
        process, parent = self.private()
        reading, writing = os.pipe()
        tcp = socket.create_server(("127.0.0.1", 0))
        datagrams, _ = pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        alone = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        a, b = streams = socket.socketpair()
        parent.send(b"no descriptor")
        for passed in ([reading], [tcp.fileno()], [datagrams.fileno()], [alone.fileno()], [a.fileno(), b.fileno()], [reading] * 200):
            parent.sendmsg([b"c" * 5000], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))])
        with self.connect(parent) as door:
            self.assertEqual(200, door.request("GET", "/aivault/whoami").status)
        # Nothing of it was kept.
        kept = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()] if os.geteuid() == 0 else []
        inodes = {f"{kind}:[{os.fstat(number).st_ino}]" for kind, number in (
            ("pipe", reading), ("socket", tcp.fileno()), ("socket", datagrams.fileno()), ("socket", alone.fileno()), ("socket", a.fileno()))}
        self.assertEqual(set(), inodes & set(kept))
        for each in (tcp, *pair, alone, *streams):
            each.close()
        os.close(reading)
        os.close(writing)

    def test_the_end_of_the_parent_ends_its_calls(self):
        def answer(exchange):
            exchange.read_body()
            time.sleep(1000)
        self.stage(answer)
        process, parent = self.private()
        with self.connect(parent) as door:
            body = json.dumps(self.envelope("/v1/models", "GET", "openai/models")).encode()
            door.send(b"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: self.up.requests, what="the call")
            parent.close()
            self.assertEqual(0, process.wait(60))
        said = process.stderr.read().decode()
        self.assertIn(" daemon.break_off calls=1", said)
        self.assertNotIn(" daemon.drain", said)  # Which would give them ten seconds.


if __name__ == "__main__":
    sys.exit(main())

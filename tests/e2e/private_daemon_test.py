"""`run` and `mcp` without any shared daemon (AIVAULTD_DISABLE): one private aivaultd, to which its parent
passes connections."""

import array
import json
import os
import pathlib
import pty
import signal
import socket
import sys
import textwrap
import time

from lib import vault as programs
from lib.conformance import SECRET, Conformance
from lib.private_door import PrivateDoor
from lib.scenario import canary, main
from lib.users import TemporaryUser, may_make_users
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


def descriptors_of(pid):
    """What they are, as root sees them."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir() if os.geteuid() == 0 else ():
        try:
            found.append(os.readlink(entry))
        except OSError:  # Closed meanwhile.
            continue
    return found


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

    def test_its_program_goes_on_without_it_but_no_call_does(self):
        self.stage()
        process = self.v.start("run", "--", "python3", "-c", "print('ready', flush=True); input()\n" + CLIENT, "/models", env=self.alone)
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        self.assertEqual(b"ready\n", process.stdout.readline())
        child, = self.children(process.pid)
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: child not in self.children(), what="its end")
        out, errors = process.communicate(b"\n", timeout=60)
        self.assertNotEqual(0, process.returncode)
        self.assertNotIn(b"200", out)
        self.assertIn(b"Error", errors)  # Of the program: a connection that is closed.
        self.assertEqual(([], []), (self.children(process.pid), self.up.requests))

    def test_nobody_could_approve(self):
        self.stage()
        self.v.ok("capability", "policy", "set", "--capability", "openai/models", "--require-approval", env=self.alone)
        outcome = self.v.ok("run", "--", "python3", "-c", CLIENT, "/models", env=self.alone)
        self.assertEqual("403", outcome.text[:3])
        self.assertEqual(("policy_violation", "approval_denied"), tuple(json.loads(outcome.text[4:])[key] for key in ("error", "reason")))
        self.v.fails("no operator reaches this private aivaultd (AIVAULTD_DISABLE)", "invoke", "openai/models", "--method", "GET",
                     "--path", "/v1/models", env=self.alone)
        self.assertEqual([], self.up.requests)
        self.assertEqual({"denied"}, {row["outcome"] for row in self.v.calls()})

    def test_the_program_cannot_look_into_its_command(self):
        """Which holds the doors to the daemon, and the vault's key where that comes in a variable."""
        if not may_make_users():
            self.skipTest("only root makes users")
        with TemporaryUser("aivprivate") as user:
            vault = self.vault(user=user)
            vault.ok("secrets", "list")
            look = "cat /proc/$PPID/environ; ls /proc/$PPID/fd; cat /proc/$PPID/mem; tr '\\0' ' ' < /proc/$PPID/cmdline"
            for env in ({}, {"AIVAULTD_DISABLE": "1"}):
                outcome = vault.run("run", "--", "sh", "-c", look, env=env)
                self.assertIn("aivault run -- sh", outcome.text)  # It is the one that is meant.
                self.assertEqual(3, outcome.errors.count("ermission denied"), str(outcome))

    def test_a_user_without_privileges(self):
        """Whose command hides its memory, and still has to know the uid of whoever connects to its port."""
        if not may_make_users():
            self.skipTest("only root makes users")
        with TemporaryUser("aivprivate") as user:
            vault, upstream, value = self.vault(user=user), self.upstream(), canary()
            ca = vault.base / "ca.pem"
            ca.write_bytes(self.ca.read_bytes())
            ca.chmod(0o644)
            vault.add_api(upstream, ca, value)
            code = ("import os, urllib.request as u; r = u.Request(os.environ['AIVAULT_BASE_URL'] + '/v/acme/v1',"
                    " headers={'authorization': 'Bearer ' + os.environ['AIVAULT_TOKEN']}); print(u.urlopen(r, timeout=60).status)")
            for env in ({}, {"AIVAULTD_DISABLE": "1"}):
                outcome = vault.ok("run", "--", "/usr/bin/python3", "-c", code, env=env)
                self.assertEqual("200\n", outcome.text, str(outcome))
            self.assertEqual([f"Bearer {value}"] * 2, [seen.one("authorization") for seen in upstream.requests])

    # mcp

    def mcp(self, *flags):
        server = self.v.start("mcp", *flags, env=self.alone)
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
        os.kill(second, signal.SIGTERM)  # And of one that drains: no call fails, whenever it comes.

        def another():
            self.assertEqual(200, ask("tools/call", call)["structuredContent"]["status"])
            return [pid for pid in self.children(server.pid) if pid != second]
        third, = wait_until(another, what="another one")
        server.stdin.close()
        self.assertEqual(0, server.wait(30))
        wait_until(lambda: third not in self.children(), what="the end of the private daemon")

    def test_tools_of_an_agent_end_with_the_daemon_that_holds_its_token(self):
        self.stage()
        self.v.ok("agent", "create", "reader", "--allow", "openai/models", env=self.alone)
        server, ask = self.mcp("--agent", "reader")
        call = {"name": "openai__models", "arguments": {"method": "GET", "path": "/v1/models"}}
        self.assertEqual(["openai__models"], [tool["name"] for tool in ask("tools/list")["tools"]])
        self.assertEqual(200, ask("tools/call", call)["structuredContent"]["status"])
        child, = self.children(server.pid)
        os.kill(child, signal.SIGKILL)
        for _ in range(3):
            refused = ask("tools/call", call)
            self.assertTrue(refused["isError"])
            self.assertIn("the private aivaultd has ended; start the command again", refused["content"][0]["text"])
        self.assertEqual([], self.children(server.pid))
        self.assertEqual(1, len(self.up.requests))

    # The door of the daemon itself.

    def private(self):
        door = PrivateDoor(self.v, env={**self.alone, "AIVAULTD_DISABLE": None, "AIVAULTD_LOG": "info"})
        self.addCleanup(door.close)
        return door

    def test_each_connection_is_one_of_its_own(self):
        self.stage()
        for path in self.v.socket.parent.iterdir():  # Of the daemon that set the stage.
            path.unlink()
        private = self.private()
        with private.connect() as first, private.connect() as second:
            for door in (second, first, second):
                who = door.request("GET", "/aivault/whoami").json()
                self.assertEqual((os.geteuid(), True), (who["uid"], who["operator"]))
            # What comes in by a loopback port is no operator, whoever passed it on.
            first.request("GET", "/aivault/health", headers=[("x-aivault-via", "tcp")])
            self.assertEqual(403, first.request("GET", "/aivault/secrets").status)
            self.assertEqual(200, second.request("GET", "/aivault/secrets").status)
            # Those that name paths are for one command of an operator.
            self.assertEqual(403, second.request("POST", "/aivault/providers/check", {"text": ""}).status)
        with private.connect() as third:  # It stays although all have left.
            self.assertEqual(200, third.request("GET", "/aivault/whoami").status)
        self.assertEqual([], list(self.v.socket.parent.iterdir()), "it needs no path")

    def test_what_is_no_connection_is_ignored(self):
        self.stage()
        private = self.private()
        process, parent = private.process, private.parent
        reading, writing = os.pipe()
        tcp = socket.create_server(("127.0.0.1", 0))
        datagrams, _ = pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        alone = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        a, b = streams = socket.socketpair()
        parent.send(b"no descriptor")
        for passed in ([reading], [tcp.fileno()], [datagrams.fileno()], [alone.fileno()], [a.fileno(), b.fileno()], [reading] * 200):
            parent.sendmsg([b"c" * 5000], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))])
        with private.connect() as door:
            self.assertEqual(200, door.request("GET", "/aivault/whoami").status)
        # Nothing of it was kept.
        kept = descriptors_of(process.pid)
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
        private = self.private()
        process, parent = private.process, private.parent
        with private.connect() as door:
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

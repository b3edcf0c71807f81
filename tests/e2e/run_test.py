"""`aivault run`: a program reaches APIs through the vault, with a token that ends with it and without a key."""

import json
import os
import pathlib
import signal
import sys
import textwrap
import time

from lib.conformance import SECRET, Conformance
from lib.scenario import main
from lib.vault import wait_until

# What a vendor's SDK does, in a few lines.
CLIENT = textwrap.dedent("""
    import json, os, sys, urllib.error, urllib.request
    request = urllib.request.Request(sys.argv[1], data=sys.argv[2].encode() if len(sys.argv) > 2 else None,
                                     headers={"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            print(json.dumps([answer.status, answer.read().decode()]))
    except urllib.error.HTTPError as error:
        print(json.dumps([error.code, error.read().decode()]))
""")


class Run(Conformance):
    def program(self, *words, flags=(), env=None):
        return self.v.run("run", *flags, "--", *words, env=env)

    def client(self, target, *body, flags=()):
        outcome = self.program("python3", "-c", CLIENT.replace("sys.argv[1]", f"os.environ['OPENAI_BASE_URL'] + {target!r}").replace(
            "sys.argv[2]", "sys.argv[1]").replace("> 2", "> 1"), *body, flags=flags)
        self.assertEqual(0, outcome.code, str(outcome))
        return json.loads(outcome.out)

    def status_with(self, token):
        self.fresh_door()
        return self.ask(self.envelope("/v1/models", "GET", "openai/models"), [("x-aivault-token", token)]).status

    def test_the_environment_of_the_program(self):
        self.stage()
        canaries = {"OPENAI_API_KEY": "sk-mine", "STRIPE_SECRET_KEY": "sk-stripe", "AIVAULT_KEY": "a-key",
                    "CREDENTIALS_DIRECTORY": "/nowhere", "KEPT": "yes"}
        outcome = self.program("env", "-0", env=canaries)
        seen = dict(line.split("=", 1) for line in outcome.text.split("\0") if line)
        self.assertEqual("yes", seen["KEPT"])
        self.assertRegex(seen["AIVAULT_TOKEN"], r"^avp_[A-Za-z0-9_-]{43}$")
        self.assertRegex(seen["AIVAULT_BASE_URL"], r"^http://127\.0\.0\.1:\d+$")
        self.assertEqual((seen["AIVAULT_BASE_URL"] + "/v/openai/v1", seen["AIVAULT_TOKEN"]),
                         (seen["OPENAI_BASE_URL"], seen["OPENAI_API_KEY"]))
        self.assertFalse({"STRIPE_SECRET_KEY", "AIVAULT_KEY", "CREDENTIALS_DIRECTORY"} & set(seen))
        self.assertNotIn(SECRET, outcome.text)

    # Cases 212, 215.
    def test_calls_of_the_program(self):
        self.stage()
        self.assertEqual([200, '{"ok":true}'], self.client("/models?limit=1"))
        seen = self.up.requests[-1]
        self.assertEqual(("/v1/models?limit=1", f"Bearer {SECRET}", "api.openai.com"),
                         (seen.target, seen.one("authorization"), seen.one("host")))
        self.assertEqual([200, '{"ok":true}'], self.client("/chat/completions", '{"model":"x"}'))
        self.assertEqual(b'{"model":"x"}', self.up.requests[-1].body)
        record = self.v.calls()[0]
        self.assertTrue(record["tokenId"], record)

    def test_what_was_not_allowed(self):
        self.stage()
        status, body = self.client("/models", flags=("--allow", "openai/chat-completions"))
        self.assertEqual((404, "capability_not_found"), (status, json.loads(body)["error"]))
        self.assertEqual(0, len(self.up.requests))
        self.v.fails("--ttl is more than 0 and at most 24h", "run", "--ttl", "25h", "--", "true")
        self.assertEqual(2, self.v.run("run").code)
        self.assertEqual(2, self.v.run("run", "--").code)

    def test_its_end_is_ours(self):
        self.stage()
        self.assertEqual(7, self.program("sh", "-c", "exit 7").code)
        self.assertEqual(128 + 9, self.program("sh", "-c", "kill -9 $$").code)
        self.assertEqual(127, self.program("no-such-program-here").code)
        self.assertEqual(126, self.program("/etc/passwd").code)
        self.assertEqual(b"in", self.v.run("run", "--", "cat", stdin="in").out)
        self.assertEqual(b"--value x --\n", self.program("echo", "--value", "x", "--").out)

    # Case 42.
    def test_the_token_ends_with_it(self):
        self.stage()
        token = self.program("sh", "-c", "printf %s $AIVAULT_TOKEN").text
        self.assertEqual(401, self.status_with(token))
        # However aivault ends: its program is told to end as well.
        process = self.v.start("run", "--", "sh", "-c", "echo $AIVAULT_TOKEN $$; exec sleep 1000")
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        token, pid = process.stdout.readline().decode().split()
        self.assertEqual(200, self.status_with(token))
        process.kill()
        process.wait()
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or
                   "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3], what="the end of the program")
        wait_until(lambda: self.status_with(token) == 401, what="the end of the token")

    def test_signals_go_to_the_program(self):
        self.stage()
        process = self.v.start("run", "--", "sh", "-c", "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
        self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
        self.assertEqual(b"ready\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(b"told\n", process.stdout.readline())
        self.assertEqual(5, process.wait(20))

    # Case 216.
    def test_events_come_as_they_are_sent(self):
        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data: one\n\n")
            time.sleep(1.2)
            exchange.chunk("data: two\n\n")
            exchange.end()
        self.stage(answer)
        code = ("import os,time,urllib.request as u\n"
                "r=u.Request(os.environ['OPENAI_BASE_URL']+'/chat/completions',data=b'{}',headers={'authorization':'Bearer '+os.environ['OPENAI_API_KEY']})\n"
                "a=u.urlopen(r,timeout=30); first=a.readline(); t=time.monotonic(); a.readline(); second=a.readline()\n"
                "print(first,second,time.monotonic()-t>0.5)")
        outcome = self.program("python3", "-c", code)
        self.assertEqual("b'data: one\\n' b'data: two\\n' True\n", outcome.text, str(outcome))

    def test_a_program_that_goes_away_ends_its_call(self):
        def answer(exchange):
            exchange.read_body()
            exchange.start(200, [("content-type", "text/event-stream")])
            exchange.chunk("data: one\n\n")
            time.sleep(1000)
        self.stage(answer)
        code = ("import os,urllib.request as u\n"
                "r=u.Request(os.environ['OPENAI_BASE_URL']+'/chat/completions',data=b'{}',headers={'authorization':'Bearer '+os.environ['OPENAI_API_KEY']})\n"
                "a=u.urlopen(r,timeout=30); a.readline(); a.close()\n"
                "import time; time.sleep(3)")
        self.assertEqual(0, self.program("python3", "-c", code).code)
        wait_until(lambda: any(row["outcome"] == "error" for row in self.v.calls()), what="the end of the call")

    def test_its_port_serves_only_its_own_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        self.stage()
        # What Python loads late may be in a directory that the other user cannot read.
        code = ("import os,socket,sys,encodings.idna\n"
                "'localhost'.encode('idna')\n"
                "port=int(os.environ['AIVAULT_BASE_URL'].rsplit(':',1)[1])\n"
                "pid=os.fork()\n"
                "if pid==0:\n"
                "    os.setgid(65533); os.setuid(65533)\n"
                "    s=socket.create_connection(('127.0.0.1',port),10); s.settimeout(10)\n"
                "    try:\n"
                "        s.sendall(b'GET /aivault/health HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\n\\r\\n'); got=s.recv(100)\n"
                "    except OSError:\n"
                "        got=b''\n"
                "    os._exit(0 if got==b'' else 9)\n"
                "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))")
        self.assertEqual(0, self.program("python3", "-c", code).code)


if __name__ == "__main__":
    sys.exit(main())

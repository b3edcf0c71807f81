"""Attacks on terminals and on what programs print (LT)."""

import json
import os
import pathlib
import pty
import pwd

import world
from world import Attack

NASTY = ("\x1b]0;owned\x07 \x1b]52;c;ZWNobw==\x07 \x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\ \x1b[31mred \x1b[2J \x1b[21t \x9b31m \x90q\x9c "
         "\x08\x08 \r overwritten \u202e reversed \u2066 isolated").encode()


class Terminals(Attack):
    def on_terminal(self, *words, user="agent1"):
        """What a program shows to a terminal."""
        entry = pwd.getpwnam(user)
        pid, terminal = pty.fork()
        if pid == 0:
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            os.chdir("/")
            os.execve("/usr/local/bin/aivault", ["aivault", *words],
                      {"PATH": world.PATH, "HOME": entry.pw_dir, "LANG": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1",
                       "ASAN_OPTIONS": "detect_leaks=0"})
        shown = b""
        try:
            while piece := os.read(terminal, 65536):
                shown += piece
        except OSError:
            pass
        os.waitpid(pid, 0)
        os.close(terminal)
        self.outputs.append(shown)
        return shown

    def assertHarmless(self, shown):
        # The terminal itself makes CR LF of a line's end; heads have such ends already.
        text = shown.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").decode(errors="surrogateescape")
        bad = [each for each in text if (each < " " and each not in "\n\t") or "\x7f" <= each <= "\x9f" or "\udc80" <= each <= "\udc9f"
               or each in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"]
        self.assertEqual([], bad, shown[:600])

    CALL = ("--method", "GET", "--path", "/v1")

    def answers(self, body, kind="text/plain; charset=utf-8"):
        def answer(exchange):
            exchange.read_body()
            exchange.reply(200, body, [("content-type", kind), ("x-nasty", "a\x9b31mb")])
        type(self).reply = answer

    def test_LT1_a_body_is_harmless_on_a_terminal_and_exact_in_a_pipe(self):
        for body in (NASTY, NASTY + b"\xff\xfe\x80", bytes(range(256)) * 4):
            self.answers(body)
            for words in (("invoke", "acme/call", *self.CALL), ("invoke", "acme/call", *self.CALL, "--include"),
                          ("invoke", "acme/call", *self.CALL, "--stream")):
                self.assertHarmless(self.on_terminal(*words))
            self.assertEqual(body, self.run_as("agent1", "aivault", "invoke", "acme/call", *self.CALL).stdout)

    def test_LT2_names_and_errors_are_harmless(self):
        nasty = NASTY.decode()
        for words in (("invoke", nasty, *self.CALL), ("invoke", "acme/call", "--method", nasty, "--path", "/v1"),
                      ("invoke", "acme/call", "--method", "GET", "--path", nasty), (nasty,), ("invoke", "--" + nasty),
                      ("invoke", "acme/call", "--method", "POST", "--path", "/v1", "--body-file-path", nasty)):
            self.assertHarmless(self.on_terminal(*words))
        name = "N\x1b[31m\u202ex"
        self.operator("secrets", "create", "--name", name, "--value-file", "-", stdin="a value of some length", code=None)
        self.call(capability=nasty)
        for words in (("secrets", "list"), ("secrets", "list", "-v"), ("audit",), ("status",), ("capability", "list"),
                      ("credential", "list"), ("doctor",)):
            self.assertHarmless(self.on_terminal(*words, user="aivault"))

    def test_LT3_names_that_turn_the_reading_around_are_shown_escaped(self):
        for name in ("safe\u202eevil", "a\u2066b", "zero\u200bwidth", "\u0430cme"):
            self.operator("secrets", "create", "--name", name, "--value-file", "-", stdin="a value of some length", code=None)
        shown = self.on_terminal("secrets", "list", user="aivault")
        self.assertHarmless(shown)

    def test_LT6_json_output_is_json_whatever_comes(self):
        for body in (b"\xff\xfe\xfa", NASTY, b"\x00" * 10, b'{"a":"\xed\xa0\x80"}', bytes(range(256))):
            for kind in ("text/plain; charset=utf-8", "application/octet-stream", "application/json"):
                self.answers(body, kind)
                done = self.run_as("agent1", "aivault", "json", "acme/call", *self.CALL, code=None)
                if done.returncode == 0:
                    json.loads(done.stdout.decode())
                else:
                    self.assertEqual(b"", done.stdout)
        json.loads(self.operator("audit").stdout.decode())

    def test_LT7_a_line_without_end_ends_nothing(self):
        self.answers(b"x" * (1 << 20))
        shown = self.on_terminal("invoke", "acme/call", *self.CALL)
        self.assertHarmless(shown)
        long = "n" * 10000
        self.assertLess(len(self.on_terminal("invoke", "acme/" + long, *self.CALL)), 65536)
        self.assertServes()


if __name__ == "__main__":
    world.run()

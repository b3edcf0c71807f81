"""Attacks on what operators type: arguments that others can read, prompts, values (AR)."""

import json
import os
import pathlib
import pty
import pwd
import subprocess
import tempfile
import threading

import world
from world import Attack, as_user, wait_until


class Arguments(Attack):
    def watched(self, act):
        """What another user saw of all command lines while `act` ran."""
        place = pathlib.Path(tempfile.mkdtemp(dir="/var/lib"))
        place.chmod(0o777)
        begun, stop = place / "begun", place / "stop"
        secrets = [self.other_secret, *self.typed]

        def poll():
            seen, rounds = set(), 0
            begun.write_text("")
            while not stop.exists() or rounds < 3:
                rounds += 1
                for name in os.listdir("/proc"):
                    if name.isdigit():
                        try:
                            with open(f"/proc/{name}/cmdline", "rb") as file:
                                words = file.read()
                        except OSError:
                            continue
                        seen.update(secret for secret in secrets if secret.encode() in words)
            return seen, rounds
        result = []
        watching = threading.Thread(target=lambda: result.append(as_user("other1", poll)))
        watching.start()
        # A process that is forked later would keep ends of the pipes to the programs.
        wait_until(begun.exists, 20, "watching")
        try:
            act()
        finally:
            stop.write_text("")
            watching.join()
        seen, rounds = result[0]
        self.assertGreater(rounds, 2)
        return seen

    typed = ()

    def test_AR1_a_value_that_is_piped_or_read_is_never_in_a_command_line(self):
        file = pathlib.Path("/home/aivault/value")
        file.write_text(self.other_secret)
        os.chown(file, pwd.getpwnam("aivault").pw_uid, -1)
        file.chmod(0o600)

        def act():
            for number in range(10):
                self.operator("secrets", "create", "--name", f"AR1_{number}", "--value-file",
                              file if number % 2 else "-", stdin=b"" if number % 2 else self.other_secret)
        self.assertEqual(set(), self.watched(act))
        file.unlink()

    def test_AR1_a_value_in_an_argument_is_refused_where_that_is_asked_for_and_named_otherwise(self):
        strict = {"AIVAULT_STRICT_ARGV": "1"}
        refused = self.operator("secrets", "create", "--name", "AR1_STRICT", "--value", "typed-value", code=2, env=strict)
        self.assertNotIn(b"typed-value", refused.stdout + refused.stderr)
        warned = self.operator("secrets", "create", "--name", "AR1_WARNED", "--value", "typed-value")
        self.assertIn(b"visible to other users", warned.stderr)
        names = [secret["name"] for secret in json.loads(self.operator("secrets", "list", "-v").stdout)]
        self.assertIn("AR1_WARNED", names)
        self.assertNotIn("AR1_STRICT", names)

    def test_AR1_a_program_that_waits_shows_no_value_any_more(self):
        # The daemon of this vault is stopped: the command hangs with its arguments for all to see.
        os.kill(self.pid, 19)
        try:
            waiting = subprocess.Popen(["setpriv", "--reuid=aivault", "--regid=aivault", "--init-groups", "aivault", "secrets",
                                        "create", "--name", "AR1_LATE", "--value", "typed-late-value"], cwd="/",
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env={"PATH": world.PATH, "HOME": "/home/aivault", "ASAN_OPTIONS": "detect_leaks=0"})

            def cleared():
                words = pathlib.Path(f"/proc/{waiting.pid}/cmdline").read_bytes()
                return b"AR1_LATE" in words and b"xxxxxxxxxxxxxxxx" in words and b"typed-late-value" not in words
            wait_until(cleared, 20, "the value is gone from the arguments")
        finally:
            os.kill(self.pid, 18)
        self.assertEqual(0, waiting.wait(30))

    def test_AR2_every_other_secret_flag_is_refused_alike(self):
        strict = {"AIVAULT_STRICT_ARGV": "1"}
        for words in (("init", "--provider", "passphrase", "--passphrase"), ("unlock", "--passphrase"),
                      ("rotate-master", "--new-passphrase"), ("rotate-master", "--new-key"),
                      ("secrets", "import", "--entry"), ("secrets", "rotate", "--id", "x", "--value")):
            given = "K=" + "typed-other" if words[-1] == "--entry" else "typed-other"
            for form in ([*words, given], [*words[:-1], f"{words[-1]}={given}"]):
                refused = self.operator(*form, code=2, env=strict)
                self.assertNotIn(b"typed-other", refused.stdout + refused.stderr)

        def act():
            for _ in range(5):
                self.operator("secrets", "import", "--env-file", "-", stdin=f"AR2={self.other_secret}\n")
        self.assertEqual(set(), self.watched(act))

    def test_AR5_without_a_terminal_there_is_an_error_and_no_echo(self):
        done = self.operator("secrets", "create", "--name", "AR5", code=1)
        self.assertIn(b"provide --value or --value-file", done.stderr)
        # A terminal whose other end is gone.
        control, terminal = pty.openpty()
        user = pwd.getpwnam("aivault")
        child = os.fork()
        if child == 0:
            os.close(control)
            os.setsid()
            os.initgroups("aivault", user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            for stream in (0, 1, 2):
                os.dup2(terminal, stream)
            os.execve("/usr/local/bin/aivault", ["aivault", "secrets", "create", "--name", "AR5"],
                      {"PATH": world.PATH, "HOME": "/home/aivault", "ASAN_OPTIONS": "detect_leaks=0"})
        os.close(terminal)
        shown = b""
        while b":" not in shown:
            shown += os.read(control, 1000)
        os.close(control)
        _, status = os.waitpid(child, 0)
        self.assertNotEqual(0, status)
        self.assertNotIn("AR5", [each["name"] for each in json.loads(self.operator("secrets", "list", "-v").stdout)])

    def received(self):
        """What the upstream gets as the key, or the refusal."""
        self.up.forget()
        status, answer = self.call(capability="bytes/call")
        if self.up.requests:
            return self.up.requests[-1].one("authorization")
        self.assertGreaterEqual(status, 400)
        return answer["error"]

    def test_AR6_values_are_taken_byte_by_byte_but_for_one_newline(self):
        made = self.add_api("bytes", "first")
        for given, expected in ((b"value-of-ar6\n", "Bearer value-of-ar6"), (b"value-of-ar6", "Bearer value-of-ar6"),
                                (b"value-of-ar6\n\n", None), (b"value\0of-ar6", None), (b"value-of\r\nar6", None),
                                (b"value of ar6", "Bearer value of ar6")):
            self.operator("secrets", "rotate", "--id", made["secretId"], "--value-file", "-", stdin=given)
            got = self.received()
            if expected:
                self.assertEqual(expected, got, given)
            else:
                self.assertNotIn("Bearer", got, given)
        for size, code in ((1 << 20, 0), ((1 << 20) + 1, 1)):
            self.operator("secrets", "rotate", "--id", made["secretId"], "--value-file", "-", stdin=b"x" * size, code=code)
        self.operator("secrets", "rotate", "--id", made["secretId"], "--value-file", "-", stdin=b"", code=1)

    def test_AR7_what_looks_like_an_option_or_a_file_is_data(self):
        for text in ("@/etc/shadow", "--body-file-path", "-", "--", "@-", "$(id)", "`id`"):
            type(self).reply = None
            self.up.forget()
            self.run_as("agent1", "aivault", "invoke", "acme/call", "--method", "POST", "--path", "/v1", f"--body={text}",
                        stdin="from stdin")
            self.assertEqual(text.encode(), self.up.requests[-1].body)
        self.up.forget()
        self.run_as("agent1", "aivault", "invoke", "acme/call", "--method", "GET", "--path", "/v1", "--header", "x-a=@/etc/passwd")
        self.assertEqual("@/etc/passwd", self.up.requests[-1].one("x-a"))
        self.up.forget()
        for identifier in ("-x", "--help", "--", "@/etc/passwd", "-rf", "../x"):
            for words in (("secrets", "delete", f"--id={identifier}"), ("credential", "delete", "--", identifier),
                          ("capability", "describe", "--", identifier)):
                done = self.operator(*words, code=None)
                self.assertTrue(done.returncode in (1, 2) or b'"removed": false' in done.stdout, (words, done))
        # Nothing was deleted.
        self.assertServes()


if __name__ == "__main__":
    world.run()

"""Attacks on the daemon's process and its environment (EP)."""

import base64
import ctypes
import errno
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import world
from world import KEY, SOCKET, Attack, Refused, as_user, wait_until
from lib.memory import kernel_has_secret_memory, mappings
from lib.scenario import needs_release

HOSTILE = {"SSL_CERT_FILE": "/home/agent1/ca.pem", "SSL_CERT_DIR": "/home/agent1",
           "SSLKEYLOGFILE": "/home/aivault/keylog", "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
           "ALL_PROXY": "http://127.0.0.1:9", "HOSTALIASES": "/home/agent1/hosts", "RES_OPTIONS": "ndots:5",
           "LOCALDOMAIN": "evil.test", "OPENSSL_CONF": "/home/agent1/openssl.cnf", "MALLOC_ARENA_MAX": "1",
           "GCONV_PATH": "/home/agent1", "GLIBC_TUNABLES": "glibc.malloc.check=3"}


def look(pid, name):
    """Opens and reads one entry of a process; what a symbolic link says counts as reading."""
    def act():
        place = f"/proc/{pid}/{name}"
        if os.path.isdir(place) or name == "fd":
            return os.listdir(place)
        with open(place, "rb") as file:
            return file.read(64)
    return act


class Processes(Attack):
    @classmethod
    def start_daemon(cls):
        # Whoever starts the daemon may have such an environment.
        before = subprocess.Popen

        def start(*words, **options):
            options["env"] = {**options["env"], **HOSTILE}
            return before(*words, **options)
        subprocess.Popen = start
        try:
            super().start_daemon()
        finally:
            subprocess.Popen = before

    def refuse_looks(self, user):
        for name in ("environ", "maps", "fd", "mem", "auxv", "smaps", "stack", "io"):
            with self.subTest(name=name, user=user), self.assertRaises(Refused) as refused:
                as_user(user, look(self.pid, name))
            self.assertIn(refused.exception.errno, (errno.EACCES, errno.EPERM))

    def test_EP1_an_agent_sees_nothing_of_the_daemon(self):
        self.refuse_looks("agent1")
        self.refuse_looks("other1")

    def test_EP2_the_daemons_own_user_sees_as_little(self):
        self.refuse_looks("aivault")

    def test_EP3_nobody_traces_or_reads_it(self):
        libc = ctypes.CDLL(None, use_errno=True)
        pid = self.pid

        class Piece(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

        def seize():
            if libc.ptrace(0x4206, pid, None, None) == 0:
                return "seized"
            return ctypes.get_errno()

        def attach():
            if libc.ptrace(16, pid, None, None) == 0:
                return "attached"
            return ctypes.get_errno()

        def read_memory():
            buffer = ctypes.create_string_buffer(8)
            here = Piece(ctypes.cast(buffer, ctypes.c_void_p), 8)
            there = Piece(0x400000, 8)
            if libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) >= 0:
                return "read"
            return ctypes.get_errno()

        def take_descriptor():
            handle = os.pidfd_open(pid)
            if libc.syscall(438, handle, 3, 0) >= 0:  # pidfd_getfd
                return "taken"
            return ctypes.get_errno()
        for user in ("aivault", "agent1"):
            for act in (seize, attach, read_memory, take_descriptor):
                self.assertEqual(errno.EPERM, as_user(user, act), (user, act.__name__))
        if shutil.which("gdb"):
            done = self.run_as("aivault", "gdb", "-p", pid, "-batch", "-ex", "info threads", code=None)
            self.assertIn(b"not permitted", done.stdout + done.stderr)
        self.assertServes()

    def test_EP5_a_crash_leaves_no_core(self):
        self.replaces_daemon = True
        for number in (signal.SIGABRT, signal.SIGSEGV):
            self.assertServes()
            pid = self.daemon.pid
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")
            as_user("aivault", lambda pid=pid, number=number: os.kill(pid, number))
            self.daemon.wait(timeout=60)
            for place in ("/", "/home/aivault", "/run/aivault", "/var/lib", "/tmp"):
                found = [name for name in os.listdir(place) if re.fullmatch(rf"core(\.{pid})?", name)]
                self.assertEqual([], found, place)
            self.start_daemon()
        self.assertServes()

    def test_EP6_an_autostarted_daemon_gets_no_setting_of_the_loader(self):
        user = pwd.getpwnam("other1")
        place = pathlib.Path("/home/other1")
        done = self.run_as("other1", "aivault", "invoke", "none/none", "--method", "GET", "--path", "/v1", code=None,
                           env={**{name: value for name, value in HOSTILE.items() if not name.startswith("GLIBC")},
                                "LD_LIBRARY_PATH": "/home/agent1", "AIVAULTD_SOCKET": "/home/other1/run/d.sock"})
        started = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    # Undumpable processes belong to root in /proc.
                    fields = (entry / "status").read_text()
                    if (entry / "comm").read_text() == "aivaultd\n" and f"Uid:\t{user.pw_uid}\t" in fields:
                        started.append(entry)
                except OSError:
                    pass
        self.assertEqual(1, len(started), done)
        environment = (started[0] / "environ").read_bytes()
        os.kill(int(started[0].name), signal.SIGTERM)
        wait_until(lambda: not started[0].exists() or "Z (zombie)" in (started[0] / "status").read_text(), 30,
                   "the daemon ends")
        for name in (*HOSTILE, "LD_LIBRARY_PATH", "LD_PRELOAD"):
            self.assertNotIn(b"\0" + name.encode() + b"=", b"\0" + environment)
        subprocess.run(["rm", "-rf", place / ".aivault"], check=True)

    def test_EP6_the_shared_daemon_starts_with_nobody_but_its_operator(self):
        # An agent's command neither starts it nor one that takes its place.
        done = self.run_as("agent1", "aivaultd", "--shared", code=1)
        self.assertNotIn(b"READY", done.stdout)
        self.assertServes()
        subprocess.run(["rm", "-rf", "/home/agent1/.aivault"], check=True)

    def test_EP7_variables_that_redirect_trust_or_names_have_no_effect(self):
        self.assertServes()
        environment = pathlib.Path(f"/proc/{self.pid}/environ").read_bytes()
        for name, value in HOSTILE.items():
            # The loader has read its own before the program begins, and leaves what it read where it was.
            if name != "GLIBC_TUNABLES":
                self.assertNotIn(f"{name}={value}".encode(), environment)
        self.assertFalse(os.path.exists(HOSTILE["SSLKEYLOGFILE"]))

    @needs_release("development builds have such variables")
    def test_EP9_a_release_has_no_development_switch(self):
        for variable in ("AIVAULT_DEV_RESOLVE", "AIVAULT_DEV_CA_CERT_PATH", "AIVAULT_DEV_ALLOW_SECRET_ECHO"):
            for user, words in (("agent1", ("aivault", "invoke", "acme/call", "--method", "GET", "--path", "/v1")),
                                ("aivault", ("aivaultd", "--shared"))):
                refused = self.run_as(user, *words, code=1, env={variable: f"localhost=127.0.0.1:{self.up.port}"})
                self.assertIn(b"is disabled in release builds", refused.stderr)
        self.assertEqual([], self.up.requests)

    @needs_release("sanitizers lock no memory")
    def test_EP10_keys_are_on_locked_pages_that_are_left_out_of_dumps(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        self.assertGreater(int(re.search(r"VmLck:\s+(\d+)", status)[1]), 0)
        flags = re.findall(r"VmFlags: (.*)", pathlib.Path(f"/proc/{self.pid}/smaps").read_text())
        locked = [each.split() for each in flags if "lo" in each.split()]
        self.assertTrue(locked)
        self.assertFalse([each for each in locked if "dd" not in each], "locked pages go into dumps")

    @needs_release("sanitizers keep copies")
    def test_EP10_the_master_key_is_hidden_even_from_root(self):
        self.assertServes()
        if not kernel_has_secret_memory():
            self.skipTest("this machine: its kernel has no secret memory")
        self.assertEqual("memfd_secret", json.loads(self.operator("status", "--json").stdout)["daemon"]["hardening"]["secretMemory"])
        seen = list(mappings(self.pid))
        memory = b"".join(data for _, data in seen)
        self.assertIn(str(SOCKET).encode(), memory)  # It is the daemon's.
        self.assertEqual({b""}, {data for name, data in seen if "secretmem" in name})
        text = KEY.read_bytes().strip()
        for form in (text, base64.b64decode(text)):
            for place in range(0, len(form) - 15):
                self.assertNotIn(form[place:place + 16], memory, "a part of the master key is where root can read it")

    def test_EP11_a_started_program_gets_a_fixed_environment_and_no_descriptor(self):
        # The daemon starts none; what it holds is closed on exec all the same.
        for entry in pathlib.Path(f"/proc/{self.pid}/fdinfo").iterdir():
            if int(entry.name) > 2:
                flags = int(re.search(r"flags:\s+(\d+)", entry.read_text())[1], 8)
                self.assertTrue(flags & os.O_CLOEXEC, (entry.name, os.readlink(f"/proc/{self.pid}/fd/{entry.name}")))
        self.assertEqual("", pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())

    @needs_release("a build with sanitizers has no sandbox")
    def test_EP13_a_daemon_that_was_taken_over_reaches_no_risky_call(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        self.assertIn("NoNewPrivs:\t1", status)
        if self.self_test()["io-uring"] == "pass":
            self.assertIn("Seccomp:\t2", status)

    @needs_release("a build with sanitizers has no sandbox")
    def test_EP14_a_daemon_that_was_taken_over_reaches_no_foreign_file_and_runs_nothing(self):
        self.self_test()

    def self_test(self):
        result = json.loads(self.run_as("aivault", "aivaultd", "--self-test", "sandbox").stdout)
        # A layer that this kernel lacks is skipped by name.
        results = {test["id"]: test["result"] for test in result["tests"]}
        self.assertEqual({}, {name: each for name, each in results.items() if each not in ("pass", "skip")})
        self.assertTrue(result["ok"])
        return results


if __name__ == "__main__":
    world.run()

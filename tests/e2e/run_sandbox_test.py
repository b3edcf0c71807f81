"""`aivault run --sandbox`: what the program tries from inside: only the vault's calls get out."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import unittest

from lib.conformance import SECRET, Conformance
from lib.scenario import main
from lib.users import TemporaryUser, may_make_users
from lib import vault as programs
from lib.vault import wait_until
from lib.verdict import MACHINE

# Each attempt prints its name and "done", or what stopped it. The world is a JSON object on stdin.
PROBE = textwrap.dedent("""
    import ctypes, errno, fcntl, json, os, signal, socket, sys, urllib.error, urllib.request
    world = json.load(sys.stdin)
    libc = ctypes.CDLL(None, use_errno=True)
    def attempt(action):
        try:
            action()
            return "done"
        except OSError as error:
            return errno.errorcode.get(error.errno, type(error).__name__)
    def call(target):
        request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + target,
                                         headers={"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [answer.status, answer.read().decode()]
        except urllib.error.HTTPError as error:
            return [error.code, json.loads(error.read())["error"]]
    def system(*words):
        if libc.syscall(*words) < 0:
            raise OSError(ctypes.get_errno(), "system call")
    def connect(family, address, kind=socket.SOCK_STREAM):
        with socket.socket(family, kind) as s:
            s.settimeout(20)
            s.connect(address)
    def send(address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"out", address)
    def read(path):
        return lambda: open(path, "rb").read(1)
    def write(path):
        return lambda: open(path, "ab").close()
    def names(path):
        if not os.listdir(path):
            raise FileNotFoundError(errno.ENOENT, "nothing to see")
    def disks():
        for device in [d for d in os.listdir("/dev") if d[:2] in ("vd", "sd", "nv", "lo")] or ["no-disk-here"]:
            open("/dev/" + device, "rb").read(1)
    def of_process(name):
        return read(f"/proc/{world['outside']}/{name}")
    outcome = {"call": call("/models"), "denied": call("/files")}
    for name, action in {
        "tcp to a listener of the machine": lambda: connect(socket.AF_INET, ("127.0.0.1", world["port"])),
        "tcp to the world": lambda: connect(socket.AF_INET, ("192.0.2.1", 443)),
        "tcp6 to the world": lambda: connect(socket.AF_INET6, ("2001:db8::1", 443)),
        "udp to the world": lambda: send(("192.0.2.1", 53)),
        "udp to the machine": lambda: send(("127.0.0.1", world["udp"])),
        "name service": lambda: socket.getaddrinfo("example.com", 443),
        "abstract socket": lambda: connect(socket.AF_UNIX, "\\0" + world["abstract"]),
        "socket in the file system": lambda: connect(socket.AF_UNIX, world["socket"]),
        "socket of the vault": lambda: connect(socket.AF_UNIX, world["vault_socket"]),
        "socket with odd upper bits": lambda: system(41, ctypes.c_long(1 | 1 << 40), 1, 0),
        "hypervisor": lambda: socket.socket(40, socket.SOCK_STREAM).close(),
        "ring": lambda: system(425, 1, ctypes.byref(ctypes.create_string_buffer(256))),
        "keyring": lambda: system(250, 0, -3, 0),
        "vault database": read(world["vault"] + "/vault.db"),
        "vault key": read(world["key"]),
        "names in the vault": lambda: names(world["vault"]),
        "mode of the vault": lambda: os.chmod(world["vault"], 0o777),
        "file beside the vault": write(world["vault"] + "/new"),
        "other home": read(world["home"] + "/private"),
        "names in the other home": lambda: names(world["home"]),
        "memory outside": of_process("mem"),
        "environment outside": of_process("environ"),
        "root of a process outside": read(f"/proc/{world['outside']}/root" + world["key"]),
        "directory of a process outside": lambda: names(f"/proc/{world['outside']}/cwd"),
        "signal outside": lambda: os.kill(world["outside"], signal.SIGTERM),
        "signal to aivault": lambda: os.kill(os.getppid(), signal.SIGTERM),
        "trace outside": lambda: system(101, 16, world["outside"], 0, 0),
        "raw disk": disks,
        "mount": lambda: system(165, b"none", world["vault"].encode(), b"tmpfs", 0, 0),
        "unmount": lambda: system(166, world["vault"].encode(), 2),
        "network of process 1": lambda: fcntl.fcntl(os.open("/proc/1/ns/net", os.O_RDONLY), 1),
        "inherited descriptor": lambda: os.fstat(world["descriptor"]),
        "write at home": write(os.environ["HOME"] + "/.profile"),
        "write in /etc": write("/etc/aivault-was-here"),
        "words for the terminal": lambda: fcntl.ioctl(0, 0x5412, b"x"),
        "write where it works": write("here"),
        "write a temporary file": write(os.environ["TMPDIR"] + "/t"),
        "read a program": read("/usr/bin/env"),
        "socket pair": lambda: [s.close() for s in socket.socketpair()],
        "own listener": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "device": write("/dev/null"),
    }.items():
        outcome[name] = attempt(action)
    # A nested user namespace has capabilities of its own; they reach nothing outside either.
    pid = os.fork()
    if pid == 0:
        entered = libc.unshare(0x10000000 | 0x20000) == 0
        nested = attempt(lambda: system(166, world["vault"].encode(), 2)) == "done" or \\
            attempt(lambda: system(165, b"none", b"/tmp", b"tmpfs", 0, 0)) == "done" or \\
            attempt(read(world["key"])) == "done"
        os._exit(9 if nested else 0)
    outcome["nested namespace"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    outcome["kernel"] = {key: status[key].split()[0] for key in ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd", "Uid")}
    outcome["interfaces"] = sorted(name for _, name in socket.if_nameindex())
    print(json.dumps(outcome))
""")

# A datagram to one's own loopback leaves without an error; what matters is that nobody gets it.
GOES = {"udp to the machine", "write where it works", "write a temporary file", "read a program", "socket pair", "own listener", "device"}


def why_impossible(user):
    """What this machine lacks for a sandbox of that user; None: nothing."""
    who = {} if user is None else user.popen_arguments()
    made = subprocess.run(["unshare", "--user", "--map-current-user", "--net", "--mount", "true"],
                          capture_output=True, text=True, **who)
    if made.returncode != 0:
        return f"user namespaces are forbidden here: {made.stderr.strip()}"
    landlock = subprocess.run(["python3", "-c", "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"],
                              capture_output=True, text=True)
    return "the kernel has no Landlock" if int(landlock.stdout) < 1 else None


class Sandbox(Conformance):
    user = None

    def setUp(self):
        lack = why_impossible(self.user)
        if lack:
            self.skipTest(MACHINE + lack)
        self.stage()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="aiv-work-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        (self.work / "tmp").mkdir()
        for path in (self.work, self.work / "tmp"):
            if self.user:
                os.chown(path, self.user.uid, self.user.gid)

    def vault(self, layout="dir", user=None):
        return super().vault(layout, user or self.user)

    def sandboxed(self, *words, **options):
        options.setdefault("env", {"TMPDIR": str(self.work / "tmp")})
        return self.v.run("run", "--sandbox", "--", *words, cwd=self.work, **options)

    def outside(self):
        """A process of the same user outside of the sandbox."""
        who = {} if self.user is None else self.user.popen_arguments()
        process = subprocess.Popen(["sleep", "1000"], env={"CANARY": SECRET}, cwd="/", **who)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def world(self, home):
        listener = socket.create_server(("127.0.0.1", 0))
        abstract, named = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        abstract.bind("\0aiv-" + self.work.name)
        named.bind(str(self.work / "s"))
        os.chmod(self.work / "s", 0o777)
        for each in (abstract, named, listener):
            self.addCleanup(each.close)
            each.listen()
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.datagrams.close)
        self.datagrams.bind(("127.0.0.1", 0))
        self.datagrams.setblocking(False)
        return {"udp": self.datagrams.getsockname()[1], "port": listener.getsockname()[1], "abstract": "aiv-" + self.work.name, "socket": str(self.work / "s"),
                "vault_socket": str(self.v.socket), "vault": str(self.v.root), "key": str(self.v.key_file),
                "home": str(home), "outside": self.outside().pid}

    def probe(self, world, sandboxed=True, **options):
        (self.work / "probe.py").write_text(PROBE)
        flags = ("--sandbox",) if sandboxed else ()
        outcome = self.v.run("run", *flags, "--allow", "openai/models", "--", "python3", "probe.py", cwd=self.work,
                             stdin=json.dumps(world), env={"TMPDIR": str(self.work / "tmp")}, **options)
        self.assertEqual(0, outcome.code, str(outcome))
        return json.loads(outcome.text)

    def test_what_gets_out_of_it(self):
        home = pathlib.Path(tempfile.mkdtemp(prefix="aiv-home-", dir="/home"))
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        home.chmod(0o755)
        (home / "private").write_text("of somebody else, and readable by all")
        world = self.world(home)
        kept = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, kept)
        world["descriptor"] = kept
        got = self.probe(world, pass_fds=(kept,))
        self.assertEqual(([200, '{"ok":true}'], [404, "capability_not_found"]), (got.pop("call"), got.pop("denied")))
        kernel, interfaces, nested = got.pop("kernel"), got.pop("interfaces"), got.pop("nested namespace")
        self.assertEqual({"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0" * 16, "CapBnd": "0" * 16,
                          "Uid": str(self.user.uid if self.user else os.geteuid())}, kernel)
        self.assertEqual((["lo"], 0), (interfaces, nested))
        self.assertEqual(GOES, {name for name, how in got.items() if how == "done"}, got)
        self.assertRaises(BlockingIOError, self.datagrams.recv, 10)
        # Not because there was nothing: the same attempts without a sandbox.
        control = self.probe(world, sandboxed=False, pass_fds=(kept,))
        for name in ("tcp to a listener of the machine", "abstract socket", "socket in the file system",
                     "socket of the vault", "vault database", "vault key", "names in the vault", "other home",
                     "names in the other home", "environment outside", "root of a process outside",
                     "directory of a process outside", "inherited descriptor", "write at home", "mode of the vault"):
            self.assertEqual("done", control[name], name)
        self.assertEqual(b"out", self.datagrams.recv(10))
        self.v.root.chmod(0o700)

    def test_its_end_is_ours(self):
        self.assertEqual(7, self.sandboxed("sh", "-c", "exit 7").code)
        self.assertEqual(128 + 9, self.sandboxed("sh", "-c", "kill -9 $$").code)
        self.assertEqual(127, self.sandboxed("no-such-program-here").code)
        self.assertEqual(126, self.sandboxed("/etc/passwd").code)
        self.assertEqual(b"in", self.sandboxed("cat", stdin="in").out)
        self.assertEqual(f"{self.work}\n", self.sandboxed("pwd").text)

    def test_signals_and_the_death_of_aivault_reach_it(self):
        def start(script):
            process = self.v.start("run", "--sandbox", "--", "sh", "-c", script, cwd=self.work)
            self.addCleanup(lambda: [stream.close() for stream in (process.stdin, process.stdout, process.stderr)])
            return process
        process = start("trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
        self.assertEqual(b"ready\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(b"told\n", process.stdout.readline())
        self.assertEqual(5, process.wait(20))
        process = start("echo $$; exec sleep 1000")
        pid = int(process.stdout.readline())
        process.kill()
        process.wait()
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or
                   pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z", what="its end")

    def test_many_calls_at_once(self):
        code = ("import os,threading,urllib.request as u\n"
                "def one():\n"
                "    r=u.Request(os.environ['OPENAI_BASE_URL']+'/models',headers={'authorization':'Bearer '+os.environ['OPENAI_API_KEY']})\n"
                "    for _ in range(4):\n"
                "        assert u.urlopen(r,timeout=60).read()==b'{\"ok\":true}'; print('ok',flush=True)\n"
                "all=[threading.Thread(target=one) for _ in range(8)]\n"
                "[t.start() for t in all]; [t.join() for t in all]")
        outcome = self.sandboxed("python3", "-c", code)
        self.assertEqual(32, outcome.text.count("ok"), str(outcome))

    def test_refuses_before_the_program_starts(self):
        marker = self.work / "started"
        program = ("--", "touch", str(marker))
        # Where the vault could not be hidden.
        for place in (self.v.base, self.v.root, "/"):
            self.v.fails("which is to be hidden, hold one another", "run", "--sandbox", *program, cwd=place)
        # Where there can be no namespace: the limit is one of a user namespace around it.
        who = {} if self.user is None else self.user.popen_arguments()
        outcome = subprocess.run(
            ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
             'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"', "sh", str(pathlib.Path(programs.CLI).resolve()), "run", "--sandbox", *program],
            env=self.v.environment(), cwd=self.work, capture_output=True, text=True, timeout=60, **who)
        self.assertEqual((1, ""), (outcome.returncode, outcome.stdout), outcome.stderr)
        self.assertIn("--sandbox is not possible here: cannot make a user and a network namespace", outcome.stderr)
        self.assertFalse(marker.exists())


class SandboxOfAnotherUser(Sandbox):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not may_make_users():
            raise unittest.SkipTest("only root makes users")
        cls.user = cls.enterClassContext(TemporaryUser("aivsandbox"))


if __name__ == "__main__":
    sys.exit(main())

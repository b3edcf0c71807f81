"""What every attack starts from: a shared daemon of the release build under a user of its own, an agent, a second
agent, a user outside the group, an upstream, and canaries where secrets are."""

import base64
import json
import os
import pathlib
import pickle
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from lib import machine  # noqa: E402
from lib.http_socket import HttpSocket  # noqa: E402
from lib.scenario import Scenario, canary, main  # noqa: E402,F401
from lib.vault import wait_until  # noqa: E402

SOCKET = pathlib.Path("/run/aivault/aivaultd.sock")
OPERATOR_SOCKET = pathlib.Path("/home/aivault/.aivault/run/aivaultd.sock")
VAULT = pathlib.Path("/home/aivault/.aivault/data/vault")
KEY = pathlib.Path("/home/aivault/.aivault/keys/kek.key")
USERS = ("aivault", "agent1", "agent2", "other1")
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


def forms(secret):
    """The encodings in which a canary would be recognised."""
    raw = secret.encode()
    return {raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"="),
            urllib.parse.quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()}


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def fork_without_end(request, seconds):
    """A fork bomb of the lowest priority. Each of its processes that cannot fork asks the daemon."""
    os.nice(19)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.fork()
        except OSError:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(20)
                try:
                    door.connect(str(SOCKET))
                    door.sendall(request)
                    door.recv(100)
                except OSError:
                    pass
    os._exit(0)


def as_user(name, act, groups=True):
    """Runs `act` in a process of that user and returns what it returns; an exception of it is raised here."""
    entry = pwd.getpwnam(name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            (os.initgroups(name, entry.pw_gid) if groups else os.setgroups([]))
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            os.environ.clear()
            os.environ.update(HOME=entry.pw_dir, PATH=PATH, LANG="C.UTF-8")
            os.chdir("/")
            try:
                result = (True, act())
            except BaseException as problem:  # noqa: B036
                result = (False, (type(problem).__name__, str(problem), getattr(problem, "errno", None),
                                  traceback.format_exc()))
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(result, pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    good, value = pickle.loads(data)
    if good:
        return value
    kind, text, number, trace = value
    raise Refused(kind, text, number, trace)


class Refused(Exception):
    """What the other user's process ran into."""

    def __init__(self, kind, text, number, trace):
        super().__init__(f"{kind}: {text}\n{trace}")
        self.kind, self.text, self.errno = kind, text, number


class Attack(Scenario):
    """One world for a class of attacks. After each of them the daemon is the same, its descriptors are back where
    they were, and no canary is anywhere it can be read."""

    daemon_arguments = ("--shared",)
    daemon_environment = {}
    daemon_prefix = ()              # of its command line, a program that becomes it
    policy = ()                     # flags of `capability policy set` for acme/call
    methods = ("GET", "POST")

    @classmethod
    def setUpClass(cls):
        if not machine.is_inside():
            raise unittest.SkipTest("two real users need root and a mount namespace of one's own")
        super().setUpClass()
        machine.furnish(os.environ["AIVAULT_BIN"])
        os.chmod("/run", 0o755)
        cls.outputs = []            # every byte that a program or an answer gave
        cls.secret, cls.other_secret = canary(), canary()
        for user in USERS:
            subprocess.run(["useradd", "-m", "-s", "/bin/bash", user], check=True)
        for agent in ("agent1", "agent2"):
            cls.run_as("root", "aivault", "setup", "agent-access", "--agent-user", agent, "--daemon-user", "aivault")
        from lib.tls_upstream import TlsUpstream
        cls.up = TlsUpstream(cls.certificate, lambda exchange: cls.answer(exchange))
        cls.addClassCleanup(cls.up.close)
        cls.reply = None
        cls.ca_file = pathlib.Path("/etc/upstream-ca.pem")
        cls.ca_file.write_bytes(cls.ca.read_bytes())
        cls.add_api("acme", cls.secret)
        cls.prepare()
        cls.start_daemon()

    @classmethod
    def prepare(cls):
        """More of a world, before the daemon starts."""

    @classmethod
    def tearDownClass(cls):
        cls.stop_daemon()
        super().tearDownClass()

    @classmethod
    def answer(cls, exchange):
        if cls.reply is not None:
            cls.reply(exchange)
            return
        exchange.read_body()
        exchange.reply(200, '{"ok":true}')

    # The operator's side.

    @classmethod
    def run_as(cls, user, *words, code=0, stdin=b"", env=None):
        entry = pwd.getpwnam(user)
        environment = {"PATH": PATH, "HOME": entry.pw_dir, "LANG": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=0",
                       **(env or {})}
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={entry.pw_gid}", "--init-groups"]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([*become, *map(str, words)], input=stdin, capture_output=True, env=environment, cwd="/",
                              timeout=120)
        cls.outputs += [done.stdout, done.stderr]
        if code is not None and done.returncode != code:
            raise AssertionError(f"{user}: {' '.join(map(str, words))}: exit {done.returncode}\n"
                                 f"{done.stdout[-2000:]!r}\n{done.stderr[-2000:]!r}")
        return done

    @classmethod
    def operator(cls, *words, **options):
        return cls.run_as("aivault", "aivault", *words, **options)

    @classmethod
    def add_api(cls, name, secret, methods=None, paths=("/v1",), auth=("--auth", "header"), policy=None, host=None):
        made = json.loads(cls.operator("secrets", "create", "--name", f"{name.upper()}_KEY", "--value-file", "-",
                                       stdin=secret).stdout)
        cls.operator("credential", "create", name, "--provider", name, "--secret-ref",
                     f"vault:secret:{made['secretId']}", "--host", host or cls.up.authority,
                     "--allow-private-network", "--tls-ca-file", cls.ca_file, *auth)
        flags = [word for method in methods or cls.methods for word in ("--method", method)]
        flags += [word for path in paths for word in ("--path", path)]
        cls.operator("capability", "create", f"{name}/call", "--credential", name, *flags)
        if policy or cls.policy:
            cls.operator("capability", "policy", "set", "--capability", f"{name}/call", *(policy or cls.policy))
        return made

    @classmethod
    def start_daemon(cls):
        cls.log = pathlib.Path("/var/lib/daemon.log")
        entry = pwd.getpwnam("aivault")
        reading, writing = os.pipe()
        with open(cls.log, "ab") as log:
            cls.daemon = subprocess.Popen(
                [*cls.daemon_prefix, "/usr/local/bin/aivaultd", *cls.daemon_arguments], cwd="/", stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, pass_fds=[writing], user=entry.pw_uid, group=entry.pw_gid,
                extra_groups=os.getgrouplist("aivault", entry.pw_gid),
                env={"PATH": PATH, "HOME": entry.pw_dir, "AIVAULTD_READY_FD": str(writing),
                     "ASAN_OPTIONS": "detect_leaks=0", **cls.daemon_environment})
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read().decode()
        if not report.startswith("READY"):
            raise AssertionError(f"{report!r}\n{cls.log.read_text()}")

    @classmethod
    def stop_daemon(cls, how=signal.SIGTERM):
        if cls.daemon.poll() is None:
            cls.daemon.send_signal(how)
        cls.daemon.wait(timeout=30)

    # Before and after each attack.

    def setUp(self):
        type(self).reply = None
        self.up.forget()
        self.replaces_daemon = False
        self.pid, self.before = self.daemon.pid, descriptors(self.daemon.pid)

    def tearDown(self):
        if not self.replaces_daemon:
            self.assertIsNone(self.daemon.poll(), f"the daemon ended\n{self.log.read_text()[-3000:]}")
            self.assertEqual(self.pid, self.daemon.pid)
            # Pooled connections to the upstream may stay for their 30 s.
            wait_until(lambda: descriptors(self.pid) <= self.before + 4, 45, "the descriptors are back")
        self.check_canaries()

    def check_canaries(self):
        places = {"outputs": b"\n".join(self.outputs), "log": self.log.read_bytes()}
        for base in ("/home/agent1", "/home/agent2", "/home/other1", "/run", "/tmp/aivault-machine/none"):
            for file in pathlib.Path(base).rglob("*"):
                if file.is_file() and not file.is_symlink() and file.stat().st_size < 64 << 20:
                    places[str(file)] = file.read_bytes()
        for secret in (self.secret, self.other_secret):
            for form in forms(secret):
                for name, content in places.items():
                    self.assertNotIn(form, content, f"a canary is in {name}")

    # The attacker's side.

    def ask(self, user, method, target, body=None, headers=(), where=SOCKET):
        """One request over the socket as that user; (status, headers, body)."""
        def act():
            with HttpSocket(where) as door:
                answer = door.request(method, target, body, headers)
                return answer.status, answer.headers, answer.body
        status, answered, content = as_user(user, act)
        type(self).outputs.append(content + repr(answered).encode())
        return status, answered, content

    def call(self, user="agent1", capability="acme/call", method="GET", path="/v1", headers=(), control=(), **request):
        """One call through the envelope door as that user; (status, error object or body)."""
        envelope = {"capability": capability, "request": {"method": method, "path": path, "headers": [
            {"name": name, "value": value} for name, value in headers], **request}}
        status, _, content = self.ask(user, "POST", "/aivault/proxy", envelope, control)
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content

    def raw(self, user, data, where=SOCKET, limit=1 << 20, timeout=30, end=False):
        """Writes bytes to the socket, or loopback port, as that user and returns what comes until the daemon closes or
        falls silent."""
        def act():
            tcp = isinstance(where, int)
            with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as door:
                door.settimeout(timeout)
                door.connect(("127.0.0.1", where) if tcp else str(where))
                try:
                    door.sendall(data)
                    if end:
                        door.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                got = b""
                while len(got) < limit:
                    try:
                        piece = door.recv(65536)
                    except (TimeoutError, ConnectionResetError):
                        break
                    if not piece:
                        break
                    got += piece
                return got
        got = as_user(user, act)
        type(self).outputs.append(got)
        return got

    def assertRefused(self, outcome, *texts):
        """An outcome of `call` that never reached the upstream."""
        status, answer = outcome
        self.assertGreaterEqual(status, 400, answer)
        self.assertIn("error", answer)
        for text in texts:
            self.assertIn(text, json.dumps(answer))
        self.assertEqual([], self.up.requests)

    def assertServes(self, user="agent1"):
        """After an attack others are served."""
        self.assertEqual(200, self.call(user)[0])
        self.up.forget()

    def audit(self, *flags):
        return json.loads(self.operator("audit", "--limit", "200", *flags).stdout)


def run():
    machine.enter()
    main()

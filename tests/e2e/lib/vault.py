"""A vault in a directory of its own, and the two programs run against it."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass

BIN = pathlib.Path(os.environ.get("AIVAULT_BIN", "build/dev/bin"))
CLI = BIN / "aivault"
DAEMON = BIN / "aivaultd"


@dataclass
class Outcome:
    arguments: list
    code: int
    out: bytes
    err: bytes

    @property
    def text(self):
        return self.out.decode()

    @property
    def errors(self):
        return self.err.decode(errors="replace")

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return (f"aivault {' '.join(map(str, self.arguments))}\n  exit {self.code}\n"
                f"  stdout: {self.out[:2000]!r}\n  stderr: {self.err[:2000]!r}")


def base_environment(home):
    """Nothing of the caller's environment but where programs are."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home), "LANG": "C.UTF-8",
            # An undumpable process cannot be looked at by LeakSanitizer's own tracer.
            "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Vault:
    """layout "dir": everything below AIVAULT_DIR; "home": the places a person's own vault has."""

    def __init__(self, layout="dir", user=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="aiv-", dir="/tmp"))
        self.user = user
        if user:
            os.chown(self.base, user.uid, user.gid)
        self.layout = layout
        self.root = self.base / "v" if layout == "dir" else self.base / ".aivault/data/vault"
        self.key_file = self.root / "kek.key" if layout == "dir" else self.base / ".aivault/keys/kek.key"
        self.socket = (self.root if layout == "dir" else self.base / ".aivault") / "run/aivaultd.sock"
        self.log = self.base / "daemon.log"
        self.daemon = None
        self.daemon_prefix = ()  # of the command line of a daemon that is started: what becomes it
        self.outputs = []   # every byte the programs printed, for searches

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop_daemon()
        for pid in self.daemons():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.base, ignore_errors=True)

    def environment(self, extra=None):
        environment = base_environment(self.base)
        if self.layout == "dir":
            environment["AIVAULT_DIR"] = str(self.root)
        environment.update(extra or {})
        return {name: value for name, value in environment.items() if value is not None}

    def start(self, *arguments, env=None, **popen):
        """The command line as a running process with pipes."""
        if self.user and "user" not in popen:
            popen.update(self.user.popen_arguments())
        for stream in ("stdin", "stdout", "stderr"):
            popen.setdefault(stream, subprocess.PIPE)
        popen.setdefault("cwd", self.base)
        return subprocess.Popen([str(CLI), *map(str, arguments)], env=self.environment(env), **popen)

    def run(self, *arguments, stdin=b"", env=None, timeout=120, **popen):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        process = self.start(*arguments, env=env, **popen)
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"timed out: {Outcome(list(arguments), -1, out, err)}") from None
        self.outputs += [out, err]
        return Outcome(list(arguments), process.returncode, out, err)

    def ok(self, *arguments, **options):
        outcome = self.run(*arguments, **options)
        assert outcome.code == 0, str(outcome)
        return outcome

    def fails(self, marker, *arguments, code=1, **options):
        """The command ends with `code`, says `marker` on stderr and nothing on stdout."""
        outcome = self.run(*arguments, **options)
        assert outcome.code == code and marker in outcome.errors and not outcome.out, (
            f"expected exit {code} and {marker!r}\n{outcome}")
        return outcome

    # What an operator does before the first call.

    def add_secret(self, name, value, *flags):
        return self.ok("secrets", "create", "--name", name, "--value-file", "-", *flags,
                       stdin=value).json()

    def add_credential(self, name, secret, upstream, ca, *flags):
        auth = () if "--auth" in flags else ("--auth", "header")
        return self.ok("credential", "create", name, "--provider", name, "--secret-ref",
                       f"vault:secret:{secret['secretId']}", "--host", upstream.authority,
                       "--allow-private-network", "--tls-ca-file", ca, *auth, *flags).json()

    def add_capability(self, name, credential, methods=("GET", "POST"), paths=("/v1",)):
        flags = [word for method in methods for word in ("--method", method)]
        flags += [word for path in paths for word in ("--path", path)]
        return self.ok("capability", "create", name, "--credential", credential, *flags).json()

    def add_api(self, upstream, ca, value, name="acme", methods=("GET", "POST"), paths=("/v1",),
                flags=()):
        """Secret, credential and capability NAME/call in one go; returns the secret's record."""
        secret = self.add_secret(f"{name.upper()}_KEY", value)
        self.add_credential(name, secret, upstream, ca, *flags)
        self.add_capability(f"{name}/call", name, methods, paths)
        return secret

    # The daemon.

    def start_daemon(self, *arguments, env=None, expect="READY"):
        """A lasting daemon; returns once it reports itself ready."""
        reading, writing = os.pipe()
        environment = self.environment({"AIVAULTD_READY_FD": str(writing), **(env or {})})
        user = self.user.popen_arguments() if self.user else {}
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen([*self.daemon_prefix, str(DAEMON), *arguments], env=environment, cwd="/",
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           pass_fds=[writing], **user)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read().decode()
        assert report.startswith(expect), f"{report!r}\n{self.log.read_text()}"
        return self.daemon

    def stop_daemon(self, how=signal.SIGTERM, timeout=20):
        if self.daemon is None:
            return None
        process, self.daemon = self.daemon, None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon did not end\n{self.log.read_text()}") from None

    def daemons(self):
        """Processes of our aivaultd that serve this vault, however they were started."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue
            if words and words[0].endswith(b"aivaultd") and str(self.socket).encode() in words:
                found.append(int(entry.name))
        if self.daemon and self.daemon.poll() is None and self.daemon.pid not in found:
            found.append(self.daemon.pid)
        return found

    def resident_kib(self, pid=None):
        status = pathlib.Path(f"/proc/{pid or self.daemon.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def audit(self, *flags):
        return self.ok("audit", *flags).json()

    def calls(self, *flags):
        return self.audit("--kind", "capability.invoke", *flags)

    def database(self):
        return sqlite3.connect(self.root / "vault.db")

    def files(self):
        return [path for path in self.base.rglob("*") if path.is_file() and not path.is_symlink()]

    def occurrences(self, needle):
        """Files of the vault, and captured outputs, that hold these bytes."""
        places = [str(path) for path in self.files() if needle in path.read_bytes()]
        return places + ["output"] * any(needle in output for output in self.outputs)


def wait_until(condition, seconds=10, what="the condition", exactly=False):
    """For `seconds` and longer, however busy the machine is: only what never comes true shall fail.
    `exactly`: where what comes true later is another thing."""
    seconds = seconds if exactly else max(seconds, 60)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")

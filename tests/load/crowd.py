"""What every load test starts from: the world of the attacks (a shared daemon of the release build under a user of its
own), eight more users, and agents that are processes of theirs."""

import collections
import json
import os
import pathlib
import pwd
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/attacks"))

import world  # noqa: E402
from lib.nginx import Nginx  # noqa: E402
from world import PATH, SOCKET, Attack  # noqa: E402

USERS = tuple(f"load{number}" for number in range(8))
SMALL = b'{"ok":true,"items":["anvil","rocket skates"]}'
PATHS = {"/v1/small": len(SMALL), "/v1/big": 64 << 10}
PYTHON = "/usr/bin/python3"  # The one that runs the tests may be out of other users' reach.
HERE = pathlib.Path(__file__).parent


class Seen:
    """What some agents saw together."""

    def __init__(self, results):
        self.outcomes = sum((collections.Counter(result["seen"]) for result in results), collections.Counter())
        self.milliseconds = sorted(time for result in results for time in result["milliseconds"])

    @property
    def answered(self):
        return self.outcomes["200"]

    def percentile(self, part):
        return self.milliseconds[min(len(self.milliseconds) - 1, int(len(self.milliseconds) * part))]

    def __str__(self):
        if not self.milliseconds:
            return str(dict(self.outcomes))
        return (f"{dict(self.outcomes)}, p50 {self.percentile(0.5):.1f} ms, p99 {self.percentile(0.99):.1f} ms, "
                f"most {self.milliseconds[-1]:.1f} ms")


class Agents:
    """Processes of one user that call when they are told to."""

    def __init__(self, user, processes, connections, seconds, pause, nice=0, paths=PATHS, capability="load/call",
                 program="agent.py", **more):
        entry = pwd.getpwnam(user)
        plan = {"socket": str(SOCKET), "connections": connections, "seconds": seconds, "pause": pause, "nice": nice,
                "paths": paths, "capability": capability, **more}
        # Its text, as other users may not read the file.
        text = (HERE / program).read_text()
        self.processes = [subprocess.Popen(
            [PYTHON, "-I", "-S", "-c", text, json.dumps(plan)], cwd="/", env={"PATH": PATH}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=entry.pw_uid, group=entry.pw_gid,
            extra_groups=os.getgrouplist(user, entry.pw_gid)) for _ in range(processes)]

    def begin(self):
        for process in self.processes:
            line = process.stdout.readline()
            if line != "ready\n":
                raise AssertionError(f"an agent is not ready: {line!r}")
        for process in self.processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return self

    def end(self):
        for process in self.processes:
            process.kill()
            process.communicate()

    def results(self):
        results = []
        for process in self.processes:
            out, _ = process.communicate()
            if process.returncode != 0:
                raise AssertionError(f"an agent ended with {process.returncode}")
            results.append(json.loads(out))
        return results


def together(*groups):
    """They begin when all of them are connected; what each group saw."""
    for group in groups:
        group.begin()
    return [Seen(group.results()) for group in groups]


class Load(Attack):
    @classmethod
    def prepare(cls):
        for user in USERS:
            subprocess.run(["useradd", "-m", "-G", "aivault", user], check=True)
        cls.add_upstream("load", cls.other_secret)

    @classmethod
    def add_upstream(cls, name, secret):
        """An upstream of its own behind NAME/call."""
        directory = pathlib.Path(cls.scratch, name)
        directory.mkdir()
        (directory / "big").write_bytes((b"x" * 63 + b"\n") * 1024)
        server = Nginx(directory, cls.certificate,
                       f"location /v1/small {{ return 200 '{SMALL.decode()}'; }}\n"
                       f"location /v1/big {{ alias {directory}/big; }}", "access_log off;", connections=4096)
        cls.addClassCleanup(server.close)
        cls.add_api(name, secret, host=server.authority)

    def status_kib(self, name):
        status = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))

    def assertOnly200(self, seen):
        self.assertEqual({"200"}, set(seen.outcomes), str(seen))


run = world.run

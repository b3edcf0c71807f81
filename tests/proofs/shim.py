"""A private aivaultd whose calls on files are counted, and which dies or meets an error at the N-th."""

import errno
import mmap
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from lib.http_socket import HttpSocket  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def build_shim(directory):
    target = pathlib.Path(directory) / "fault_shim.so"
    subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-Wall", "-o", str(target),
                    str(HERE / "fault_shim.c"), "-ldl"], check=True)
    return target


class Connected(HttpSocket):
    """The same conversation over a socket that is connected already."""

    def __init__(self, connected, timeout=60):
        self.socket, self.buffer = connected, b""
        self.socket.settimeout(timeout)


class Fault:
    """`kind`: "KILL" or the name of an errno; `at`: 0 only counts; `stays`: True, or how many calls."""

    def __init__(self, kind="KILL", at=0, stays=False):
        self.kind, self.at, self.stays = kind, at, stays

    def variables(self):
        number = "KILL" if self.kind == "KILL" else str(getattr(errno, self.kind))
        return {"SHIM_AT": str(self.at), "SHIM_FAULT": number, "SHIM_STAYS": str(int(self.stays)),
                "SHIM_OPENS": str(int(self.kind == "EMFILE"))}

    def __str__(self):
        return f"{self.kind} {'from' if self.stays else 'at'} call {self.at}"


class Died(Exception):
    """The child ended before it answered."""


class Child:
    """aivaultd --stdio for the vault of `root`, with the shim before everything else."""

    def __init__(self, daemon, shim, root, fault, extra_environment=None):
        self.page = tempfile.TemporaryFile()
        self.page.write(bytes(mmap.PAGESIZE))
        self.page.flush()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(pathlib.Path(root).parent), "LANG": "C.UTF-8",
                       "AIVAULT_DIR": str(root), **({"LD_PRELOAD": str(shim)} if shim else {}),
                       "SHIM_STATE": f"/proc/self/fd/{self.page.fileno()}", **fault.variables(),
                       **(extra_environment or {})}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(daemon), "--stdio"], stdin=theirs, stdout=subprocess.DEVNULL,
                                        stderr=self.errors, env=environment, cwd="/",
                                        pass_fds=[self.page.fileno()])
        theirs.close()
        self.door = Connected(ours)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.page.close()
        self.errors.close()

    def request(self, method, target, body=None, headers=()):
        """(status, answer); Died if the child is gone."""
        try:
            answer = self.door.request(method, target, body, headers)
            while answer.status == 100:
                answer = self.door.answer()
        except (EOFError, BrokenPipeError, ConnectionResetError) as gone:
            raise Died(str(gone)) from None
        return answer.status, answer

    def end(self):
        self.door.socket.close()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the child did not end") from None

    @property
    def count(self):
        self.page.seek(0)
        return struct.unpack("<q", os.pread(self.page.fileno(), 8, 0))[0]

    @property
    def hit(self):
        return os.pread(self.page.fileno(), 64, 8).split(b"\0")[0].decode()

    @property
    def syncs(self):
        return struct.unpack("<q", os.pread(self.page.fileno(), 8, 72))[0]

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

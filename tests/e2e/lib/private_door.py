"""A private daemon and the parent's end of its descriptor 0, over which connections are passed to it."""

import socket
import subprocess

from lib import vault as programs
from lib.http_socket import HttpSocket


class PrivateDoor:
    def __init__(self, vault, *arguments, env=None):
        self.parent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen([str(programs.DAEMON), "--stdio", *map(str, arguments)], env=vault.environment(env), stdin=theirs,
                                            stderr=subprocess.PIPE, cwd="/")

    def connect(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            socket.send_fds(self.parent, [b"c"], [theirs.fileno()])
        return HttpSocket(ours)

    def close(self):
        self.parent.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

"""A unix socket that answers operator requests as a test says, and keeps what it was sent."""

import json
import os
import socket
import threading


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def json(self):
        return json.loads(self.body)


class ScriptedDaemon:
    """`answer(request, connection)` is called for everything but health and whoami; it sends bytes."""

    def __init__(self, path, root, answer):
        self.root, self.answer, self.requests = str(root), answer, []
        path.parent.mkdir(parents=True, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while request := self.read(connection, stream):
                    self.reply(request, connection)
        except OSError:
            pass  # The command line went away: many tests end it.

    def read(self, connection, stream):
        line = stream.readline().decode()
        if not line:
            return None
        method, target, _ = line.split(" ")
        headers = {}
        while (line := stream.readline().decode().strip()):
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        if headers.get("expect") == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, target, headers, stream.read(int(headers.get("content-length", 0))))

    def reply(self, request, connection):
        if request.target == "/aivault/health":
            send_json(connection, {"status": "ok", "version": VERSION, "state": "serving"})
        elif request.target == "/aivault/whoami":
            send_json(connection, {"vaultRoot": self.root, "uid": os.getuid(), "pid": os.getpid()})
        else:
            self.requests.append(request)
            self.answer(request, connection)


VERSION = "0"


def send_json(connection, value, status="200 OK"):
    body = json.dumps(value).encode()
    connection.sendall(f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
                       f"content-length: {len(body)}\r\n\r\n".encode() + body)


def send_error(connection, error, reason, message, status="503 Unavailable"):
    send_json(connection, {"error": error, "reason": reason, "message": message}, status)


class Stream:
    """A chunked answer with trailers."""

    def __init__(self, connection, kind="application/octet-stream"):
        self.connection = connection
        connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n"
                           "transfer-encoding: chunked\r\n\r\n".encode())

    def write(self, data):
        self.connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self, **trailers):
        lines = "".join(f"x-aivault-{name}: {value}\r\n" for name, value in trailers.items())
        self.connection.sendall(b"0\r\n" + lines.encode() + b"\r\n")

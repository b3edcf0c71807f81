"""A TLS server that records every byte a client sends and answers as a test tells it to."""

import hashlib
import socket
import ssl
import threading

KEPT_BODY = 8 << 20  # of longer bodies only length and digest are kept


class Request:
    def __init__(self, raw_head):
        self.raw_head = raw_head
        lines = raw_head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if line]
        self.body = b""
        self.body_length = 0
        self.body_sha256 = hashlib.sha256().hexdigest()

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


class Exchange:
    """One request on one connection, and the means to answer it."""

    def __init__(self, upstream, connection, request, number):
        self.upstream, self.connection, self.request = upstream, connection, request
        self.connection_number = number
        self.body_read = False
        self.open = True

    def read_body(self):
        """Reads the request body to its end; `request.body` holds its first 8 MiB."""
        if self.body_read:
            return self.request.body
        self.body_read = True
        digest, kept = hashlib.sha256(), []
        for piece in self._pieces():
            digest.update(piece)
            if self.request.body_length < KEPT_BODY:
                kept.append(piece)
            self.request.body_length += len(piece)
        self.request.body = b"".join(kept)
        self.request.body_sha256 = digest.hexdigest()
        return self.request.body

    def _pieces(self):
        if self.request.one("transfer-encoding") == "chunked":
            while True:
                size = int(self.connection.line().split(b";")[0], 16)
                if size == 0:
                    while self.connection.line():
                        pass
                    return
                yield from self.connection.exactly(size)
                assert self.connection.line() == b""
        length = int(self.request.one("content-length") or 0)
        yield from self.connection.exactly(length)

    def reply(self, status=200, body=b"", headers=(), reason="OK"):
        if isinstance(body, str):
            body = body.encode()
        names = [name.lower() for name, _ in headers]
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
        if "content-length" not in names and "transfer-encoding" not in names:
            lines.append(f"content-length: {len(body)}")
        if "content-type" not in names:
            lines.append("content-type: application/json")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def start(self, status=200, headers=()):
        """Head of a chunked answer; `chunk` and `end` follow."""
        self.reply(status, b"", [*headers, ("transfer-encoding", "chunked")])

    def chunk(self, data):
        if isinstance(data, str):
            data = data.encode()
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self):
        self.send(b"0\r\n\r\n")

    def send(self, data):
        self.connection.socket.sendall(data)

    def hang_up(self):
        """Drops the connection without a TLS goodbye."""
        self.open = False
        self.connection.drop()


class Connection:
    def __init__(self, tls):
        self.socket = tls
        self.buffer = bytearray()

    def fill(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError
        return piece

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.fill()
        end = self.buffer.index(b"\r\n\r\n") + 2
        head = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        return head

    def line(self):
        while b"\r\n" not in self.buffer:
            self.buffer += self.fill()
        end = self.buffer.index(b"\r\n")
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 2]
        return line

    def exactly(self, count):
        if self.buffer and count:
            piece = bytes(self.buffer[:count])
            del self.buffer[:len(piece)]
            count -= len(piece)
            yield piece
        while count:
            piece = self.socket.recv(min(count, 1 << 18))
            if not piece:
                raise EOFError
            count -= len(piece)
            yield piece

    def drop(self):
        raw = self.socket
        try:
            raw.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        raw.close()


def accept_everything(exchange):
    exchange.read_body()
    exchange.reply(200, '{"ok":true}')


class TlsUpstream:
    def __init__(self, certificate, answer=accept_everything):
        self.answer = answer
        self.requests = []          # in the order their heads arrived
        self.connections = 0        # TCP connections accepted
        self.handshakes = 0         # of them, those that finished TLS
        self.problems = []          # exceptions of `answer`
        self.lock = threading.Lock()
        self.live = set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, certificate))
        self.context.set_alpn_protocols(["http/1.1"])
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.authority = f"localhost:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A blocked accept() wakes up on shutdown, not on close.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.live):
            connection.drop()

    def forget(self):
        with self.lock:
            self.requests.clear()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(raw, number), daemon=True).start()

    def _serve(self, raw, number):
        try:
            tls = self.context.wrap_socket(raw, server_side=True)
        except (OSError, ssl.SSLError):
            raw.close()
            return
        connection = Connection(tls)
        with self.lock:
            self.handshakes += 1
            self.live.add(connection)
        try:
            while True:
                request = Request(connection.head())
                with self.lock:
                    self.requests.append(request)
                exchange = Exchange(self, connection, request, number)
                self.answer(exchange)
                if not exchange.open:
                    break
                exchange.read_body()
        except (EOFError, OSError, ssl.SSLError, ValueError):
            pass
        except Exception as problem:  # a test's own mistake: shown by Scenario.tearDown
            self.problems.append(problem)
        finally:
            with self.lock:
                self.live.discard(connection)
            connection.drop()

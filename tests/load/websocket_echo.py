"""A TLS server that opens a WebSocket to everybody and sends every frame back. argv: certificate, key. Prints its port.
Ends with its stdin."""

import asyncio
import base64
import hashlib
import resource
import ssl
import struct
import sys

CLOSE = 8


def frame(first, payload):
    size = len(payload)
    if size < 126:
        return struct.pack(">BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack(">BBH", first, 126, size) + payload
    return struct.pack(">BBQ", first, 127, size) + payload


async def echo(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        writer.write(f"HTTP/1.1 101 S\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n".encode())
        while True:
            first, size = await reader.readexactly(2)
            size &= 0x7F
            if size >= 126:
                wide = 2 if size == 126 else 8
                size = int.from_bytes(await reader.readexactly(wide), "big")
            mask = await reader.readexactly(4)
            payload = await reader.readexactly(size)
            key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
            writer.write(frame(first, (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")))
            await writer.drain()
            if first & 0x0F == CLOSE:
                break
    except (asyncio.IncompleteReadError, OSError, ssl.SSLError):
        pass  # The other side has gone; that is seen there.
    finally:
        writer.close()


async def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context, backlog=1024, limit=1 << 18)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())

"""Requests that another OS user makes: a helper process of that user, told what to do line by line."""

import json
import pathlib
import shutil
import subprocess

from lib.http_socket import Answer

HELPER = """
import json, sys
sys.path.insert(0, sys.argv[2])
from lib.http_socket import HttpSocket
doors = {}
for line in sys.stdin:
    order = json.loads(line)
    name = order["door"]
    if order["do"] == "close":
        doors.pop(name).socket.close()
        print("null", flush=True)
        continue
    if name not in doors:
        doors[name] = HttpSocket(sys.argv[1])
    door = doors[name]
    if order["do"] == "begin":
        body = json.dumps(order["body"]).encode()
        lines = ["POST /aivault/proxy HTTP/1.1", "host: aivault", "content-type: application/json",
                 "te: trailers", f"content-length: {len(body)}", *(f"{n}: {v}" for n, v in order["headers"])]
        door.send("\\r\\n".join(lines).encode() + b"\\r\\n\\r\\n" + body)
        print("null", flush=True)
        continue
    if order["do"] == "finish":
        answer = door.answer()
    else:
        answer = door.request(order["method"], order["target"], order["body"], order["headers"])
    if answer.header("connection") == "close" and order["door"] == "main":
        doors.pop(name).socket.close()
    print(json.dumps([answer.status, answer.headers, answer.body.decode("latin-1"), answer.trailers]), flush=True)
"""


class AsUser:
    def __init__(self, scenario, user, socket):
        library = pathlib.Path(scenario.scratch) / "lib"
        if not library.exists():
            shutil.copytree(pathlib.Path(__file__).resolve().parent, library)
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", HELPER, str(socket), str(scenario.scratch)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", text=True,
                                        env={"PATH": "/usr/bin:/bin"}, **user.popen_arguments())
        scenario.addCleanup(self.close)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def _tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("the helper has ended")
        found = json.loads(line)
        return found and Answer(found[0], [tuple(pair) for pair in found[1]], found[2].encode("latin-1"),
                                [tuple(pair) for pair in found[3]])

    def request(self, method, target, body=None, headers=(), door="main"):
        return self._tell(do="request", door=door, method=method, target=target, body=body, headers=list(headers))

    def call(self, envelope, headers=(), door="main"):
        return self.request("POST", "/aivault/proxy", envelope, headers, door)

    def begin(self, envelope, headers=(), door="stream"):
        """Sends a call and does not wait for its answer."""
        self._tell(do="begin", door=door, body=envelope, headers=list(headers))

    def finish(self, door="stream"):
        return self._tell(do="finish", door=door)

    def hang_up(self, door):
        self._tell(do="close", door=door)

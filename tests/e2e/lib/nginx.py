"""nginx as a TLS upstream: a second, independent implementation of HTTP."""

import pathlib
import shutil
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    def __init__(self, directory, certificate, locations, http="", workers=1, connections=1024):
        """`locations`: the inside of the server block; `http`: of the http block."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self.port = free_port()
        self.authority = f"localhost:{self.port}"
        self.access_log = self.directory / "access.log"
        paths = "".join(f"  {kind}_temp_path {self.directory}/{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = self.directory / "nginx.conf"
        config.write_text(
            f"pid {self.directory}/pid;\nerror_log {self.directory}/error.log;\ndaemon off;\n"
            f"worker_processes {workers};\nevents {{ worker_connections {connections}; }}\n"
            f"http {{\n{paths}  access_log {self.access_log};\n"
            f"  default_type application/json;\n  keepalive_requests 1000000;\n{http}\n"
            f"  server {{\n    listen 127.0.0.1:{self.port} ssl backlog=1024;\n"
            f"    ssl_certificate {certificate[0]};\n    ssl_certificate_key {certificate[1]};\n"
            f"{locations}\n  }}\n}}\n")
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-p", f"{self.directory}/", "-c", str(config)],
                                        stderr=subprocess.PIPE)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(self.process.stderr.read().decode()) from None
                time.sleep(0.05)
        raise RuntimeError("nginx did not listen within 5 s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)
        self.process.stderr.close()

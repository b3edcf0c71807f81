"""The daemon under a service manager: sockets that are passed to it, and what it tells (sd_listen_fds, sd_notify)."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading

from lib import vault as programs
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until

PASS_ON = ("import os,sys\n"
           "os.environ.setdefault('LISTEN_PID', str(os.getpid()))\n"
           "os.environ['WATCHDOG_PID'] = str(os.getpid())\n"
           "os.execv(sys.argv[1], sys.argv[1:])")


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(20)

    def next(self):
        return self.socket.recv(4096).decode().split("\n")

    def until(self, line):
        said = []
        while line not in said:
            said += self.next()
        return said


class Service(Scenario):
    def setUp(self):
        self.v = self.vault()
        self.directory = tempfile.mkdtemp(dir=self.v.base)
        self.manager = Manager(self.directory)
        self.addCleanup(self.manager.socket.close)

    def listening(self, path, backlog=64):
        door = socket.socket(socket.AF_UNIX)
        self.addCleanup(door.close)
        door.bind(str(path))
        door.listen(backlog)
        return door

    def start(self, passed=(), names="", flags=("--shared",), env=None):
        """A daemon that finds these sockets at descriptor 3 and on."""
        environment = {**programs.base_environment(self.v.base), "AIVAULT_DIR": str(self.v.root),
                       "NOTIFY_SOCKET": self.manager.path, "AIVAULTD_SHARED_SOCKET": self.directory + "/agents", **(env or {})}
        if passed:
            environment |= {"LISTEN_FDS": str(len(passed)), "LISTEN_FDNAMES": names}
        # Above everything that is to be placed, so that no descriptor is overwritten before it is placed itself.
        copies = [os.dup2(each.fileno(), 100 + index) for index, each in enumerate(passed)]

        def place():
            for index, copy in enumerate(copies):
                os.dup2(copy, 3 + index)

        daemon = subprocess.Popen(["/usr/bin/env", "python3", "-c", PASS_ON, str(programs.DAEMON), *flags], env=environment,
                                  close_fds=False, preexec_fn=place, stderr=subprocess.PIPE)
        for copy in copies:
            os.close(copy)
        self.addCleanup(daemon.stderr.close)
        self.addCleanup(daemon.wait, 20)
        self.addCleanup(daemon.terminate)
        return daemon

    def whoami(self, path):
        with HttpSocket(path) as door:
            return door.request("GET", "/aivault/whoami").json()

    def test_a_passed_socket_is_served_and_left_in_its_place(self):
        for names, flags in (("agent", ()), ("agent", ("--shared",)), ("aivaultd-shared.socket", ("--shared",)), ("", ("--shared",))):
            with self.subTest(names=names, flags=flags):
                path = pathlib.Path(self.directory, "agents")
                door = self.listening(path)
                before = path.stat()
                # Somebody connects before anybody serves, and is answered once there is a daemon.
                early = HttpSocket(path)
                daemon = self.start([door], names, flags)
                self.assertIn("STATUS=serving; there is no vault yet", self.manager.until("READY=1"))
                self.assertEqual("agent", early.request("GET", "/aivault/whoami").json()["socket"])
                early.socket.close()
                self.assertEqual("agent", self.whoami(path)["socket"])
                self.assertEqual("operator", self.whoami(self.v.socket)["socket"])
                daemon.terminate()
                self.manager.until("STOPPING=1")
                self.assertEqual(0, daemon.wait(20))
                self.assertEqual((before.st_ino, before.st_mode), (path.stat().st_ino, path.stat().st_mode))
                path.unlink()

    def test_connections_wait_while_a_daemon_follows_another(self):
        path = pathlib.Path(self.directory, "agents")
        door = self.listening(path)
        for _ in range(3):
            waiting = [HttpSocket(path) for _ in range(20)]
            daemon = self.start([door], "agent")
            for each in waiting:
                self.assertEqual(200, each.request("GET", "/aivault/whoami").status)
                each.socket.close()
            daemon.terminate()
            self.assertEqual(0, daemon.wait(20))

    def test_no_call_is_refused_or_lost_while_daemons_follow_one_another(self):
        upstream = self.upstream()
        self.v.add_api(upstream, self.ca, canary())
        path = pathlib.Path(self.directory, "agents")
        door = self.listening(path, 1024)
        call = {"capability": "acme/call", "request": {"method": "POST", "path": "/v1/x"}}
        over, outcomes = threading.Event(), []

        def caller():
            while not over.is_set():
                try:
                    with HttpSocket(path) as caller_door:
                        outcomes.append(caller_door.call(call).status)
                except OSError as problem:
                    outcomes.append(repr(problem))
                except EOFError as problem:
                    outcomes.append(repr(problem))
        daemon = self.start([door], "agent")
        self.manager.until("READY=1")
        callers = [threading.Thread(target=caller) for _ in range(8)]
        for each in callers:
            each.start()
        for _ in range(5):
            seen = len(outcomes)
            wait_until(lambda seen=seen: len(outcomes) > seen + 16, 30, "calls between two restarts")
            daemon.terminate()
            self.manager.until("STOPPING=1")
            daemon.stderr.read()
            self.assertEqual(0, daemon.wait(20))
            daemon = self.start([door], "agent")
            self.manager.until("READY=1")
        over.set()
        for each in callers:
            each.join()
        self.assertEqual({200}, set(outcomes))
        self.assertEqual(len(outcomes), len(upstream.requests))

    def test_what_is_no_listening_socket_is_refused(self):
        connected, _ = socket.socketpair()
        self.addCleanup(connected.close)
        self.addCleanup(_.close)
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        abstract = self.listening("\0aivault-test")
        network = socket.create_server(("0.0.0.0", 0))
        self.addCleanup(network.close)
        for passed, reason in ((connected, "is not a listening stream socket"), (datagrams, "is not a listening stream socket"),
                               (abstract, "is neither a unix socket with a path nor on the loopback"),
                               (network, "is neither a unix socket with a path nor on the loopback")):
            daemon = self.start([passed], "agent")
            self.assertEqual(1, daemon.wait(20))
            self.assertIn(f"descriptor 3 of the service manager {reason}", daemon.stderr.read().decode())
        unsafe = pathlib.Path(self.directory, "unsafe")
        unsafe.mkdir()
        door = self.listening(unsafe / "agents")
        unsafe.chmod(0o777)
        daemon = self.start([door], "agent")
        self.assertEqual(1, daemon.wait(20))
        self.assertIn(f"unsafe socket directory '{unsafe}': writable by group or others", daemon.stderr.read().decode())

    def test_a_passed_port_of_the_loopback_is_served(self):
        for family, host, shown in ((socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")):
            with self.subTest(host):
                port = socket.create_server((host, 0), family=family)
                self.addCleanup(port.close)
                number = port.getsockname()[1]
                daemon = self.start([port], "http")
                self.manager.until("READY=1")
                self.assertEqual(f"{shown}:{number}", self.whoami(self.v.socket)["listen"])
                with socket.create_connection((host, number)) as client:
                    client.sendall(f"GET /aivault/health HTTP/1.1\r\nhost: {shown}:{number}\r\n\r\n".encode())
                    self.assertIn(b'{"ok":true}', client.recv(4096))
                daemon.terminate()
                self.assertEqual(0, daemon.wait(20))

    def test_sockets_for_another_process_are_not_taken(self):
        daemon = self.start([self.listening(self.directory + "/other")], "agent", env={"LISTEN_PID": "1"})
        self.manager.until("READY=1")
        self.assertEqual("agent", self.whoami(self.directory + "/agents")["socket"])
        daemon.terminate()

    def test_the_manager_hears_that_the_daemon_lives(self):
        daemon = self.start(env={"WATCHDOG_USEC": "200000"})
        self.manager.until("READY=1")
        for _ in range(3):
            self.manager.until("WATCHDOG=1")
        daemon.send_signal(signal.SIGHUP)
        said = self.manager.until("RELOADING=1")
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in said + self.manager.until("READY=1")), said)
        # One that stands still says nothing.
        daemon.send_signal(signal.SIGSTOP)
        self.manager.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            while True:
                self.manager.next()
        daemon.send_signal(signal.SIGCONT)
        self.manager.socket.settimeout(20)
        self.manager.until("WATCHDOG=1")

    def test_a_restart_is_the_managers(self):
        daemon = self.start()
        self.manager.until("READY=1")
        self.assertEqual(202, HttpSocket(self.v.socket).request("POST", "/aivault/shutdown", {"mode": "restart"}).status)
        self.manager.until("STOPPING=1")
        self.assertEqual(75, daemon.wait(20))


if __name__ == "__main__":
    main()

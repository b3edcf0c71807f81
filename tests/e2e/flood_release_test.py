"""Unfinished requests of many megabytes cannot take the daemon's memory."""

import socket
import sys
import threading

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, is_release, main

MIB = 1 << 20


class Flood(Scenario):
    def test_unfinished_envelopes_stay_within_the_budget(self):
        self.assertTrue(is_release(), "memory is measured on the release build")
        vault = self.vault("home")
        vault.ok("status")
        vault.start_daemon()
        before = vault.resident_kib()
        head = (f"POST /aivault/proxy HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                f"content-length: {32 * MIB}\r\n\r\n").encode()
        open_sockets, sent = [], []

        def send():
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.settimeout(10)
            client.connect(str(vault.socket))
            open_sockets.append(client)
            total = 0
            try:
                client.sendall(head + b'{"capability":"')
                for _ in range(28):  # of 32 MiB: the request is never complete
                    client.sendall(b"x" * MIB)
                    total += 1
            except OSError:
                pass  # refused and closed
            sent.append(total)
        threads = [threading.Thread(target=send) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        grown = vault.resident_kib() - before
        # 24 x 28 MiB were offered; one uid may hold 64 MiB.
        self.assertEqual(24, len(sent))
        self.assertLess(len([total for total in sent if total == 28]), 24, "somebody was refused")
        self.assertLess(grown, 160 * 1024, "KiB grown")
        with HttpSocket(vault.socket) as door:
            self.assertEqual(200, door.request("GET", "/aivault/health").status)
        for client in open_sockets:
            client.close()
        vault.ok("secrets", "list")  # an operator is served as before
        self.assertIsNone(vault.daemon.poll())


if __name__ == "__main__":
    sys.exit(main())

"""A gigabyte either way passes while the daemon's memory stays where it is."""

import hashlib
import subprocess
import sys
import threading
import time

from lib import vault as programs
from lib.scenario import Scenario, canary, is_release, main

GIB = 1 << 30
PIECE = bytes(range(256)) * 4096  # 1 MiB, without the secret


class BigBodies(Scenario):
    def setUp(self):
        self.assertTrue(is_release(), "memory is measured on the release build")
        self.v = self.vault("home")

    def watch(self, pid):
        """The largest resident size while the block runs, in KiB."""
        peak, stop = [0], threading.Event()

        def look():
            while not stop.is_set():
                peak[0] = max(peak[0], self.v.resident_kib(pid))
                time.sleep(0.02)
        thread = threading.Thread(target=look)
        thread.start()

        def end():
            stop.set()
            thread.join()
            return peak[0]
        return end

    def test_upload(self):
        upstream = self.upstream()
        self.v.add_api(upstream, self.ca, canary())
        self.v.start_daemon()
        call = ("invoke", "acme/call", "--method", "POST", "--path", "/v1/up", "--body-file-path")
        self.v.ok(*call, "-", stdin=b"warm")
        big = self.scratch / "big"
        digest = hashlib.sha256()
        with open(big, "wb") as file:
            for _ in range(1024):
                file.write(PIECE)
                digest.update(PIECE)
        before = self.v.resident_kib()
        end = self.watch(self.v.daemon.pid)
        self.v.ok(*call, big, timeout=300)
        grown = end() - before
        seen = upstream.requests[-1]
        self.assertEqual((GIB, digest.hexdigest(), str(GIB)),
                         (seen.body_length, seen.body_sha256, seen.one("content-length")))
        self.assertLess(grown, 16 * 1024, "KiB grown")
        big.unlink()

    # Case 197.
    def test_download(self):
        def answer(exchange):
            exchange.reply(200, b"", [("content-length", str(GIB)), ("content-type", "application/octet-stream")])
            for _ in range(1024):
                exchange.send(PIECE)
        upstream = self.upstream(answer)
        self.v.add_api(upstream, self.ca, canary())
        self.v.start_daemon()
        self.v.ok("status")
        before = self.v.resident_kib()
        end = self.watch(self.v.daemon.pid)
        process = subprocess.Popen([str(programs.CLI), "invoke", "acme/call", "--method", "GET", "--path", "/v1"],
                                   env=self.v.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        digest, size, cli_peak = hashlib.sha256(), 0, 0
        while piece := process.stdout.read(1 << 20):
            digest.update(piece)
            size += len(piece)
            if size < GIB * 3 // 4 and size % (64 << 20) < len(piece):
                cli_peak = max(cli_peak, self.v.resident_kib(process.pid))
        self.assertEqual(0, process.wait(60), process.stderr.read())
        process.stderr.close()
        process.stdout.close()
        grown = end() - before
        expected = hashlib.sha256()
        for _ in range(1024):
            expected.update(PIECE)
        self.assertEqual((GIB, expected.hexdigest()), (size, digest.hexdigest()))
        self.assertLess(grown, 16 * 1024, "KiB grown")
        self.assertLess(cli_peak, 32 * 1024, "KiB of the command line")

    def test_idle_memory(self):
        self.v.ok("status")
        self.v.start_daemon()
        time.sleep(0.5)
        self.assertLess(self.v.resident_kib(), 20 * 1024)


if __name__ == "__main__":
    sys.exit(main())

"""What only the shipped build can show: development variables are refused, the programs are hardened."""

import os
import subprocess
import sys

from lib import vault as programs
from lib.scenario import Scenario, canary, main


class Shipped(Scenario):
    # Case 126.
    def test_development_variables_are_refused(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        for name in ("RESOLVE", "CA_CERT_PATH", "ALLOW_NON_DEFAULT_PORTS", "HTTP1_ONLY", "ALLOW_HTTP_LOCAL",
                     "ALLOW_REMOTE_CLIENTS", "ALLOW_SECRET_ECHO", "FORCE_DEFAULT_FILE_PROVIDER"):
            variable = f"AIVAULT_DEV_{name}"
            with self.subTest(variable):
                vault.fails("is disabled in release builds", "invoke", "acme/call", "--method", "GET", "--path", "/v1",
                            env={variable: "1"})
                failed = subprocess.run([str(programs.DAEMON)], env=vault.environment({variable: "1"}), capture_output=True)
                self.assertEqual(f"{variable} is disabled in release builds\n",
                                 vault.fails("", "status", env={variable: "1"}).errors)
                self.assertEqual(1, failed.returncode)
                self.assertIn(b"is disabled in release builds", failed.stderr)
        self.assertEqual(0, upstream.connections)
        vault.ok("invoke", "acme/call", "--method", "GET", "--path", "/v1", env={"AIVAULT_DEV_RESOLVE": "  "})

    def test_version_says_no_overrides(self):
        for program, name in ((programs.CLI, "aivault"), (programs.DAEMON, "aivaultd")):
            printed = subprocess.run([str(program), "--version"], capture_output=True, text=True)
            self.assertEqual(0, printed.returncode)
            self.assertRegex(printed.stdout, rf"^{name} \d+\.\d+\.\d+\n$")

    def test_the_programs_are_linked_as_promised(self):
        head = subprocess.run(["readelf", "-lW", str(programs.CLI)], capture_output=True, text=True).stdout
        self.assertNotIn("INTERP", head)  # static
        self.assertIn("DYN", subprocess.run(["readelf", "-hW", str(programs.CLI)], capture_output=True, text=True).stdout)  # pie
        head = subprocess.run(["readelf", "-lW", str(programs.DAEMON)], capture_output=True, text=True).stdout
        self.assertIn("INTERP", head)
        for program in (programs.CLI, programs.DAEMON):
            segments = subprocess.run(["readelf", "-lW", str(program)], capture_output=True, text=True).stdout
            stack = next(line for line in segments.splitlines() if "GNU_STACK" in line)
            self.assertNotIn("E", stack.split()[-2])
            self.assertIn("GNU_RELRO", segments)

    def test_the_command_line_starts_like_a_small_program(self):
        # A ratio in one run: python's start-up is the yardstick, some 10 ms.
        def cost(command):
            before = os.times()
            for _ in range(50):
                subprocess.run(command, capture_output=True, check=True)
            after = os.times()
            return after.elapsed - before.elapsed
        ours, yardstick = cost([str(programs.CLI), "--version"]), cost([sys.executable, "-c", "pass"])
        self.assertLess(ours, 0.7 * yardstick)


if __name__ == "__main__":
    sys.exit(main())

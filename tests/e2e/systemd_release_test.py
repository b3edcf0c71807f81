"""The units of `aivault setup systemd` under a real systemd, on a machine that is booted for the test: what docs/linux-servers.md
says of them, with real users."""

import json
import pathlib
import re
import socket
import subprocess
import threading
import time
import unittest

from lib.booted import BootedMachine, CannotBoot
from lib import machine
from lib.memory import kernel_has_secret_memory
from lib.scenario import Scenario, canary, main
from lib.verdict import MACHINE

SOCKET = "/run/aivault/aivaultd.sock"
SERVICE = "aivaultd-shared.service"
CALL = "aivault invoke acme/call --method POST --path /v1/x"
# Calls one after another, eight at a time, until a file is there; prints how often each outcome was seen.
CALLERS = f"""
import collections, json, os, sys, threading
sys.path.insert(0, "/opt/test")
from http_socket import HttpSocket
seen, lock = collections.Counter(), threading.Lock()
def call():
    while not os.path.exists("/tmp/over"):
        try:
            with HttpSocket("{SOCKET}") as door:
                outcome = door.call({{"capability": "acme/call", "request": {{"method": "POST", "path": "/v1/x"}}}}).status
        except (OSError, EOFError) as problem:
            outcome = repr(problem)
        with lock:
            seen[str(outcome)] += 1
threads = [threading.Thread(target=call) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
print(json.dumps(seen))
"""


@unittest.skipUnless(machine.is_inside(), "a machine of one's own needs root and a mount namespace")
class Systemd(Scenario):
    def setUp(self):
        try:
            self.machine = BootedMachine()
            self.addCleanup(self.machine.close)
            self.machine.furnish()
            self.machine.boot()
        except CannotBoot as reason:
            self.skipTest(f"{MACHINE}cannot boot another: {reason}")
        import lib.vault
        for program in ("aivault", "aivaultd"):
            self.put(lib.vault.BIN / program, f"/usr/local/bin/{program}", "0755")
        self.put(pathlib.Path(__file__).parent / "lib/http_socket.py", "/opt/test/http_socket.py")
        self.put(self.ca, "/etc/vendor-ca.pem")
        self.up, self.key = self.upstream(), canary()

    def put(self, source, place, mode="0644"):
        subprocess.run(["install", "-D", "-m", mode, str(source), str(self.machine.path(place))], check=True)

    def sh(self, line, code=0, **options):
        return self.machine.sh(line, code, **options)

    def as_agent(self, line, code=0):
        return self.sh(f"runuser -u agent -- {line}", code)

    def as_operator(self, line, code=0, **options):
        return self.sh(f"runuser -u aivault -- {line}", code, **options)

    def make_users(self):
        self.sh("useradd -m -s /bin/bash aivault; useradd -m -s /bin/bash agent")

    def add_api(self):
        made = json.loads(self.as_operator("aivault secrets create --name ACME_KEY --value-file -", stdin=self.key.encode()))
        self.as_operator(f"aivault credential create acme --provider acme --secret-ref vault:secret:{made['secretId']} --auth header "
                         f"--host {self.up.authority} --allow-private-network --tls-ca-file /etc/vendor-ca.pem")
        self.as_operator("aivault capability create acme/call --credential acme --method POST --path /v1")

    def set_up(self):
        self.make_users()
        self.add_api()
        self.sh("aivault setup agent-access --agent-user agent --daemon-user aivault")
        return self.sh("aivault setup systemd --daemon-user aivault")

    def check_call(self, by=None):
        before = len(self.up.requests)
        (by or self.as_agent)(CALL)
        self.assertEqual(before + 1, len(self.up.requests))
        self.assertIn(self.key, self.up.requests[-1].one("authorization"))

    def show(self, name, unit=SERVICE):
        return self.sh(f"systemctl show --value -p {name} {unit}").strip()

    def wait_for(self, condition, what):
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"not in time: {what}\n" + self.sh("journalctl -b -n 30 --no-pager -u " + SERVICE, code=None))

    def test_set_up_in_two_commands(self):
        self.make_users()
        self.add_api()
        self.sh("aivault setup agent-access --agent-user agent --daemon-user aivault")
        # Somebody tried it by hand before.
        self.sh("setsid runuser -u aivault -- aivaultd --shared >/dev/null 2>&1 </dev/null &")
        self.wait_for(lambda: self.machine.path(SOCKET).exists(), "the daemon by hand")
        self.check_call()
        said = self.sh("aivault setup systemd --daemon-user aivault")
        self.assertIn(f"Unit: /etc/systemd/system/{SERVICE}\nShared socket: {SOCKET}\n", said)
        for unit in ("aivaultd-shared.socket", SERVICE):
            self.assertEqual("active\nenabled\n", self.sh(f"systemctl is-active {unit}; systemctl is-enabled {unit}"))
        first = self.show("MainPID")
        self.assertEqual([first], self.sh("pgrep -x aivaultd").split(), "the one by hand has made way")
        self.assertEqual("660 aivault aivault\n2750 aivault aivault\n", self.sh(f"stat -c '%a %U %G' {SOCKET} /run/aivault"))
        self.check_call()
        self.check_call(by=self.as_operator)
        self.assertEqual(first, self.show("MainPID"), "no daemon was started beside it")

        hardening = json.loads(self.as_operator("aivault status --json"))["daemon"]["hardening"]
        self.assertLessEqual({"supervisor": "systemd", "coreDumps": "off", "dumpable": False, "memoryLocked": True, "noNewPrivs": True,
                              "sandboxMode": "enforce", "seccomp": "on"}.items(), hardening.items())
        self.assertEqual("on", hardening["landlock"]["state"])
        if kernel_has_secret_memory():
            self.assertEqual("memfd_secret", hardening["secretMemory"])
        if len(pathlib.Path("/proc/swaps").read_text().splitlines()) == 1:
            self.assertEqual("none", hardening["swap"])
        # What the kernel says of the process, beyond what the daemon says of itself.
        status = self.sh(f"cat /proc/{first}/status")
        for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"):
            self.assertIn(line, status)
        homes = self.sh(f"nsenter -t {first} -m sh -c 'ls /home; ls -A /home/aivault /root /home/agent 2>&1'", code=None)
        self.assertRegex(homes, r"(?s)\Aaivault\n.*/home/aivault:\n\.aivault\n")
        self.assertNotIn(".bash", homes)

        own = json.loads(self.as_operator("aivault doctor --json"))
        self.assertEqual([], [check for check in own["checks"] if check["status"] == "fail"])
        self.assertEqual("ok", {check["id"]: check["status"] for check in own["checks"]}["unit"])
        tried = json.loads(self.sh("aivault doctor --as agent --json"))
        self.assertEqual({"ok"}, {check["status"] for check in tried["checks"]}, tried)

        # Again: nothing changes, and nothing is restarted.
        self.sh("aivault setup agent-access --agent-user agent --daemon-user aivault")
        self.sh("aivault setup systemd --daemon-user aivault")
        self.assertEqual(first, self.show("MainPID"))

    def test_no_call_is_lost_in_restarts(self):
        self.set_up()
        outcomes = []
        callers = threading.Thread(target=lambda: outcomes.append(json.loads(
            self.machine.run("runuser", "-u", "agent", "--", "python3", "-", stdin=CALLERS.encode(), timeout=300).stdout)))
        callers.start()
        self.addCleanup(callers.join)
        self.addCleanup(self.sh, "touch /tmp/over")
        pids = {self.show("MainPID")}

        def after(line):
            seen = len(self.up.requests)
            self.wait_for(lambda: len(self.up.requests) > seen + 50, "calls between two restarts")
            before = self.show("MainPID")
            self.sh(line)
            self.wait_for(lambda: self.show("MainPID") not in (before, "0") and self.show("ActiveState") == "active", line)
            pids.add(self.show("MainPID"))
        for _ in range(2):
            after(f"systemctl try-restart {SERVICE}")
        after("runuser -u aivault -- aivault restart")
        self.assertEqual("1", self.show("NRestarts"), "it ended with 75, which is no failure and asks for the next one")
        self.assertNotIn("Failed with", self.sh(f"journalctl -b --no-pager -o cat -u {SERVICE}"))
        # Its own settings are read anew, and nobody is disturbed.
        kept = self.show("MainPID")
        self.sh("install -d /etc/aivault; echo 'limits.calls = 100' > /etc/aivault/aivaultd.toml")
        self.sh(f"systemctl reload {SERVICE}")
        self.wait_for(lambda: "daemon.reload" in self.sh(f"journalctl -b --no-pager -o cat -u {SERVICE}"), "the reload")
        seen = len(self.up.requests)
        self.wait_for(lambda: len(self.up.requests) > seen + 50, "calls after a reload")
        self.assertEqual(kept, self.show("MainPID"))
        self.sh("touch /tmp/over")
        callers.join()
        self.assertEqual(["200"], list(outcomes[0]), outcomes)
        self.assertEqual(outcomes[0]["200"], len(self.up.requests))
        self.assertEqual(4, len(pids))

    def test_it_comes_back_when_it_dies_or_hangs(self):
        self.set_up()
        first = self.show("MainPID")
        self.sh(f"systemctl kill -s KILL {SERVICE}")
        self.check_call()  # Waits in the socket's queue meanwhile.
        second = self.show("MainPID")
        self.assertNotEqual(first, second)
        self.sh("mkdir -p /etc/systemd/system/aivaultd-shared.service.d; "
                "printf '[Service]\\nWatchdogSec=6\\n' > /etc/systemd/system/aivaultd-shared.service.d/watchdog.conf; "
                f"systemctl daemon-reload; systemctl restart {SERVICE}")
        third = self.show("MainPID")
        time.sleep(8)
        self.assertEqual(third, self.show("MainPID"), "it tells the watchdog that it lives")
        self.sh(f"kill -STOP {third}")
        self.check_call()
        self.assertNotEqual(third, self.show("MainPID"))
        self.assertIn("watchdog", self.sh(f"journalctl -b --no-pager -u {SERVICE}").lower())

    def test_after_a_reboot_it_serves_before_anybody_logs_in(self):
        self.set_up()
        self.machine.reboot()
        self.check_call()
        self.assertLess(int(self.show("ActiveEnterTimestampMonotonic", "aivaultd-shared.socket")),
                        int(self.show("ActiveEnterTimestampMonotonic")))
        self.assertEqual("0", self.show("NRestarts"))
        # A passphrase is nowhere on the disk: after a reboot somebody has to enter it.
        self.as_operator("aivault rotate-master --provider passphrase --new-passphrase 'correct horse battery staple'")
        self.check_call()
        self.machine.reboot()
        self.assertIn("vault locked", self.as_agent(CALL, code=1))
        self.as_operator("aivault unlock --passphrase 'correct horse battery staple'")
        self.check_call()

    def test_a_key_sealed_for_this_machine(self):
        self.sh("useradd -m -s /bin/bash agent")
        # The user of the vault is made by it, with a home that nobody logs in to.
        self.sh("aivault setup systemd --daemon-user aivault --kek-credential")
        self.assertIn("aivault:/var/lib/aivault:/usr/sbin/nologin", self.sh("getent passwd aivault | cut -d: -f1,6,7"))
        self.sh("aivault setup agent-access --agent-user agent --daemon-user aivault")
        self.add_api()
        self.check_call()
        self.assertEqual("", self.sh("find /var/lib/aivault -name '*.key'"))
        self.assertEqual("600 root\n", self.sh("stat -c '%a %U' /etc/credstore.encrypted/aivault-kek"))
        self.assertEqual("systemd_creds", json.loads(self.as_operator("aivault status --json"))["status"]["providerType"])
        # KP11: neither what systemd unseals for the service nor what is sealed is the agent's to read.
        unsealed = f"/run/credentials/{SERVICE}/aivault-kek"
        for path in (unsealed, "/etc/credstore.encrypted/aivault-kek"):
            self.sh("test -s " + path)
            self.assertIn("ermission denied", self.sh(f"runuser -u agent -- cat {path} 2>&1", code=1))
        self.assertIn("ermission denied", self.sh(f"runuser -u agent -- ls /run/credentials/{SERVICE} 2>&1", code=2))
        tried = {check["id"]: check for check in json.loads(self.sh("aivault doctor --as agent --json"))["checks"]}
        self.assertEqual("ok", tried["key-file"]["status"], tried)
        self.assertRegex(tried["key-file"]["detail"], "aivault-kek: Permission denied")
        self.machine.reboot()
        self.check_call()
        # Without the unit there is no key, and that is said.
        self.sh("systemctl stop aivaultd-shared.socket " + SERVICE)
        self.assertIn("start the daemon's unit", self.as_operator("aivault secrets list", code=1))

    def test_a_vault_moves_to_a_sealed_key(self):
        self.set_up()
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/linux-servers.md").read_text()
        for line in re.search(r"moves to a sealed key.*?```sh\n(.*?)```", guide, re.S).group(1).splitlines():
            self.sh(re.sub(r"\bsudo -u (\w+) -H\b", r"runuser -u \1 --", line).replace("sudo ", ""))
        self.assertEqual("systemd_creds", json.loads(self.as_operator("aivault status --json"))["status"]["providerType"])
        self.check_call()
        self.machine.reboot()
        self.check_call()
        self.assertEqual("", self.sh("find /home/aivault /root /run /tmp -name '*kek*' ! -path '*/credentials/*'"))

    def test_the_rest_of_the_guide_and_other_doors(self):
        self.set_up()
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/linux-servers.md").read_text()
        # A mirror of the audit, with the directory named in a drop-in.
        self.sh("install -d -o aivault -m 0700 /var/log/aivault; mkdir -p /etc/systemd/system/aivaultd-shared.service.d; "
                "printf '[Service]\\nReadWritePaths=/var/log/aivault\\n' > /etc/systemd/system/aivaultd-shared.service.d/mirror.conf; "
                "systemctl daemon-reload")
        for line in re.search(r"sandbox.require = true` makes.*?```sh\n(.*?)```", guide, re.S).group(1).splitlines():
            self.sh(re.sub(r"\bsudo -u (\w+) -H\b", r"runuser -u \1 --", line).replace("sudo ", ""))
        self.check_call()
        mirror = re.search(r'audit_mirror = "[^"]*"', guide).group(0)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.sh(f"printf '{mirror}\\nlisten = \"127.0.0.1:{port}\"\\n' >> /etc/aivault/aivaultd.toml; systemctl restart {SERVICE}")
        self.check_call()
        self.wait_for(lambda: "acme/call" in self.sh("cat /var/log/aivault/audit.jsonl", code=None), "the mirror")
        # TCP, by a token that is bound to the caller's uid: the kernel's table says whose socket it is.
        self.as_operator("aivault agent create worker --user agent --allow acme/call")
        token = json.loads(self.as_operator("aivault agent token worker"))["token"]
        ask = f"curl -s -o /dev/null -w '%{{http_code}}' -X POST -H 'authorization: Bearer {token}' http://127.0.0.1:{port}/v/acme/v1/x"
        self.assertEqual("200", self.as_agent(ask))
        self.sh("useradd other")
        self.assertEqual("401", self.sh("runuser -u other -- " + ask))
        # A program that knows nothing of it.
        before = len(self.up.requests)
        self.as_agent("aivault run -- sh -c 'curl -sf -X POST -H \"authorization: Bearer $AIVAULT_TOKEN\" "
                      "$AIVAULT_BASE_URL/v/acme/v1/x'")
        self.assertEqual(before + 1, len(self.up.requests))
        # The vault is put back; the daemon makes way for that, and the next call starts it.
        self.sh("echo 'a passphrase of archives' > /home/aivault/p; chown aivault /home/aivault/p; chmod 600 /home/aivault/p")
        self.as_operator("aivault backup --output /home/aivault/b --passphrase-file /home/aivault/p")
        self.as_operator("aivault capability delete acme/call")
        self.as_agent(CALL, code=1)
        self.as_operator("aivault restore --input /home/aivault/b --passphrase-file /home/aivault/p --force")
        self.check_call()
        self.assertEqual("active\n", self.sh(f"systemctl is-active {SERVICE}"))

    def test_programs_that_are_copied_over(self):
        self.set_up()
        before = self.show("MainPID")
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/linux-servers.md").read_text()
        self.sh("cp /usr/local/bin/aivault /usr/local/bin/aivaultd /opt")
        for line in re.search(r"## A new version.*?```sh\n(.*?)```", guide, re.S).group(1).splitlines():
            line = line.split("#")[0].replace("install -m 0755 aivault aivaultd", "install -m 0755 /opt/aivault /opt/aivaultd")
            self.sh(re.sub(r"\bsudo -u (\w+) -H\b", r"runuser -u \1 --", line).replace("sudo ", ""))
        self.assertNotEqual(before, self.show("MainPID"))
        self.assertNotIn("(deleted)", self.sh(f"readlink /proc/{self.show('MainPID')}/exe"))
        self.check_call()

    def test_a_home_elsewhere(self):
        self.sh("useradd -m -d /srv/vault -s /bin/bash aivault; useradd -m -s /bin/bash agent")
        self.add_api()
        self.sh("aivault setup agent-access --agent-user agent --daemon-user aivault; aivault setup systemd --daemon-user aivault")
        self.assertIn("ReadWritePaths=/srv/vault/.aivault", self.sh(f"systemctl cat {SERVICE}"))
        self.check_call()

    def test_undone_as_the_guide_says(self):
        self.set_up()
        self.check_call()
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/linux-servers.md").read_text()
        for line in ("systemctl disable --now aivaultd-shared.socket aivaultd-shared.service",
                     "rm /etc/systemd/system/aivaultd-shared.* /etc/sysusers.d/aivault.conf", "gpasswd -d agent aivault",
                     "rm /etc/tmpfiles.d/aivault.conf", "rm -r /run/aivault"):
            self.assertIn(line, guide)
            self.sh(line)
            if line.startswith("systemctl"):
                self.assertIn("aivaultd not running at shared socket", self.as_agent(CALL, code=1))
        self.machine.reboot()
        self.assertEqual("", self.sh("pgrep -x aivaultd", code=1))
        self.assertFalse(self.machine.path("/run/aivault").exists())
        self.assertIn("ACME_KEY", self.as_operator("aivault secrets list"), "the vault stays")


if __name__ == "__main__":
    machine.enter()
    main()

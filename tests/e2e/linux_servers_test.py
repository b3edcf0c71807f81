"""The guide for Linux servers (docs/linux-servers.md), command by command as printed, with real users."""

import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import time
import unittest

from lib import machine
from lib.scenario import Scenario, canary, is_release, main

SOCKET = pathlib.Path("/run/aivault/aivaultd.sock")
CALL = ("aivault invoke openai/chat-completions --method POST --path /v1/chat/completions "
        """--body '{"model":"m","messages":[]}'""")
NO_OVERRIDES = {"AIVAULT_DEV_RESOLVE": "", "AIVAULT_DEV_CA_CERT_PATH": ""}
SYSTEMCTL = """#!/bin/sh
echo "$@" >> /run/systemctl.log
case "$*" in
  "is-active --quiet aivaultd-shared.service") [ -e /run/aivault-service.pid ] ;;
  "reload aivaultd-shared.service") kill -HUP "$(cat /run/aivault-service.pid)" ;;
  is-enabled*) [ -e /run/aivault-service.pid ] ;;
  enable*)
    mkdir -p /run/aivault
    LISTEN=/run/aivault/aivaultd.sock python3 /run/start_service.py ;;
esac
"""
# What systemd does for the two units, as far as the daemon sees of it.
START_SERVICE = """
import grp, json, os, pwd, socket
user, group = pwd.getpwnam("aivault"), grp.getgrnam("aivault")
os.chmod("/run/aivault", 0o2750)
path = os.environ["LISTEN"]
if os.path.exists(path): os.unlink(path)
listening = socket.socket(socket.AF_UNIX)
os.umask(0o117)
listening.bind(path)
os.chown(path, user.pw_uid, group.gr_gid)
listening.listen(1024)
child = os.fork()
if child == 0:
    os.setsid()
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    null = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2): os.dup2(null, stream)
    os.setgroups([]); os.setgid(group.gr_gid); os.setuid(user.pw_uid)
    os.execve("/usr/local/bin/aivaultd", ["aivaultd", "--shared"],
              {**json.load(open("/run/service_environment.json")), "LISTEN_PID": str(os.getpid()),
               "LISTEN_FDS": "1", "LISTEN_FDNAMES": "agent"})
open("/run/aivault-service.pid", "w").write(str(child))
"""


def running(name="aivaultd"):
    """Pids of the daemons in this namespace's /home or service."""
    own = os.readlink("/proc/self/ns/mnt")
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() == name and os.readlink(entry / "ns/mnt") == own:
                found.append(int(entry.name))
        except OSError:
            pass
    return found


@unittest.skipUnless(machine.is_inside(), "a machine of one's own needs root and a mount namespace")
class LinuxServers(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        machine.furnish(os.environ["AIVAULT_BIN"])
        os.chmod("/run", 0o755)

    def setUp(self):
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": "/root", "LANG": "C.UTF-8",
                            "ASAN_OPTIONS": "detect_leaks=0"}
        certificate = self.authority.issue("vendor", ("DNS:api.openai.com", "DNS:localhost"))
        self.up, self.key = self.upstream(certificate=certificate), canary()
        ca = pathlib.Path("/etc/vendor-ca.pem")
        ca.write_bytes(self.ca.read_bytes())
        if not is_release():
            self.environment |= {"AIVAULT_DEV_RESOLVE": f"api.openai.com=127.0.0.1:{self.up.port}",
                                 "AIVAULT_DEV_CA_CERT_PATH": str(ca)}
        self.started = []
        self.sh("sudo useradd -m -s /bin/bash aivault")
        self.sh("sudo useradd -m -s /bin/bash agent")
        self.sh("useradd -m -s /bin/bash person")

    def tearDown(self):
        for process in self.started:
            process.terminate()
            process.wait(timeout=20)
        for pid in running():
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + 20
        while running() and time.monotonic() < limit:
            time.sleep(0.05)
        for user in ("aivault", "agent", "person"):
            subprocess.run(["userdel", "-rf", user], capture_output=True)
        subprocess.run(["groupdel", "aivault"], capture_output=True)
        subprocess.run("rm -rf /run/aivault* /run/systemd /run/systemctl.log /etc/tmpfiles.d/aivault.conf "
                       "/etc/sysusers.d/aivault.conf /etc/aivault /etc/systemd/system/aivaultd-shared.* /var/lib/aivault",
                       shell=True, check=True)

    def sh(self, line, expected=0, env=None):
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, cwd="/", env={**self.environment, **(env or {})})
        self.assertIn(done.returncode, (expected, done.returncode if expected is None else expected), f"{line}\n{done.stdout[-2000:]!r}\n{done.stderr[-2000:]!r}")
        return done.stdout.decode() + done.stderr.decode()

    def doctor(self, expected=0):
        """What the checks say, by their ids."""
        report = self.sh("sudo -u aivault -H aivault doctor --json", expected, NO_OVERRIDES)
        return {check["id"]: check for check in json.loads(re.sub(r"\}\n[^{}]*$", "}", report))["checks"]}

    def as_person(self, line, env=None):
        """Typed by somebody who has a vault of their own."""
        return self.sh("runuser -u person -- env HOME=/home/person sh -c " + shlex.quote("cd; " + line), env=env)

    def start(self, line, env=None, serves=SOCKET):
        process = subprocess.Popen(["/bin/sh", "-c", "exec " + line], cwd="/", env={**self.environment, **(env or {})},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        self.wait_for(lambda: subprocess.run(
            ["curl", "-sf", "--unix-socket", str(serves), "http://aivault/aivault/health"], capture_output=True).returncode == 0,
            f"{line} serves {serves}")
        return process

    def wait_for(self, condition, what):
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"not in time: {what}")

    def add_key(self):
        self.sh(f'sudo -u aivault -H aivault secrets create --name OPENAI_API_KEY --value "{self.key}" --scope global')

    def check_call(self, line):
        before = len(self.up.requests)
        self.sh(line)
        self.assertEqual(before + 1, len(self.up.requests))
        self.assertIn(("authorization", f"Bearer {self.key}"),
                      [(name.lower(), value) for name, value in self.up.requests[-1].headers])

    def test_the_first_vault_of_a_person(self):
        self.as_person("aivault status")
        key = pathlib.Path("/home/person/.aivault/keys/kek.key")
        self.assertEqual(0o600, stat.S_IMODE(key.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(key.parent.stat().st_mode))

    def test_a_user_for_the_vault_and_one_for_agents(self):
        self.sh("sudo -u aivault -H aivault status")
        self.add_key()
        self.assertRegex(self.sh("sudo -u aivault -H ls -la /home/aivault/.aivault/keys"), r"drwx------ .* \.\n")
        self.assertRegex(self.sh("sudo -u aivault -H ls -la /home/aivault/.aivault/keys/kek.key"), r"^-rw-------")
        self.sh("sudo -u agent -H cat /home/aivault/.aivault/keys/kek.key", expected=1)
        self.check_call("sudo -u aivault -H " + CALL)  # Starts a daemon for itself.
        self.assertEqual(1, len(running()))

        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        facts = SOCKET.parent.stat()
        self.assertEqual(0o2750, stat.S_IMODE(facts.st_mode))
        self.assertEqual("d /run/aivault 2750 aivault aivault -\n", pathlib.Path("/etc/tmpfiles.d/aivault.conf").read_text())
        # Nobody serves yet: the agent learns who has to do what, and gets no vault of its own.
        self.assertIn("start it as the operator with `aivaultd --shared`", self.sh("sudo -u agent -H " + CALL, expected=1))

        # That daemon makes way.
        self.start("sudo -u aivault -H aivaultd --shared")
        self.assertEqual(0o660, stat.S_IMODE(SOCKET.stat().st_mode))
        self.assertEqual(facts.st_gid, SOCKET.stat().st_gid)
        self.assertEqual(0o2750, stat.S_IMODE(SOCKET.parent.stat().st_mode))
        self.check_call("sudo -u agent -H " + CALL)
        # Calls of the vault's own user are told, because nothing isolates those.
        own = f"callers under uid {pwd.getpwnam('aivault').pw_uid} are not isolated from the vault"
        self.assertNotIn(own, self.sh("sudo -u aivault -H aivault status"))
        self.check_call("sudo -u aivault -H " + CALL)
        self.assertIn("Isolation: " + own, self.sh("sudo -u aivault -H aivault status"))
        self.assertEqual(("warn", own), tuple(self.doctor(1)["isolation"][key] for key in ("status", "detail")))
        for how in ("runuser -u agent -- ", "setpriv --reuid=agent --regid=agent --init-groups "):
            with self.subTest(how=how):
                self.check_call(how + CALL)
        with self.subTest(how="su"):
            self.check_call("su agent -s /bin/sh -c " + shlex.quote(CALL))

        # A capability of the operator's own, as a whole request in an argument and in a file that only the agent can read.
        self.sh("sudo -u aivault -H aivault capability create acme/chat --provider openai --credential openai --method POST "
                "--path /v1/chat/completions")
        request = '{"method":"POST","path":"/v1/chat/completions","body":"{}"}'
        self.check_call(f"sudo -u agent -H aivault invoke acme/chat --request '{request}'")
        self.sh(f"sudo -u agent -H sh -c {shlex.quote('umask 077; cat > /home/agent/request.json')} <<'EOF'\n{request}\nEOF")
        self.check_call("cd /home/agent; sudo -u agent -H aivault invoke acme/chat --request-file request.json")
        self.check_call("sudo -u agent -H aivault invoke acme/chat --method POST --path /v1/chat/completions --body '{}'")

        # Two sockets, two powers.
        self.assertIn("OperatorAuthRequired: operator token required", self.sh("sudo -u agent -H aivault secrets list", expected=1))
        for user in ("agent", "aivault", "root"):
            answer = self.sh(f"sudo -u {user} -H curl -s -w '%{{http_code}}' --unix-socket {SOCKET} http://aivault/aivault/secrets")
            self.assertIn('"operator token required"', answer, user)
            self.assertIn("403", answer, user)
        self.assertFalse(pathlib.Path("/home/agent/.aivault").exists())
        denied = json.loads(self.sh("sudo -u aivault -H aivault audit --limit 200 --kind operator.denied"))
        self.assertEqual({"agent", "aivault", "root"}, {event["user"] for event in denied})

        # restart keeps both sockets.
        self.sh("sudo -u aivault -H aivault restart")
        self.check_call("sudo -u agent -H " + CALL)
        self.assertIn("is already running", self.sh("sudo -u aivault -H aivaultd --shared"))

    def test_the_daemon_is_started_in_each_printed_way(self):
        self.sh("sudo -u aivault -H aivault status")
        self.add_key()
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/linux-servers.md").read_text()
        lines = re.search(r"Then one of\n\n```sh\n(.*?)```", guide, re.S).group(1).splitlines()
        self.assertEqual(["sudo", "runuser", "setpriv", "su"], [line.split()[0] for line in lines])
        for line in lines:
            with self.subTest(line=line):
                process = self.start(line)
                self.check_call("sudo -u agent -H " + CALL)
                pid, = running()
                uids = re.search(r"Uid:\t(\d+)\t(\d+)\t(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).groups()
                self.assertEqual({str(pwd.getpwnam("aivault").pw_uid)}, set(uids))
                os.kill(pid, signal.SIGTERM)
                process.wait(30)
                self.assertFalse(SOCKET.exists())

    def test_modes_of_socket_and_directory_are_those_that_were_asked_for(self):
        self.sh("sudo -u aivault -H aivault status")
        for directory, socket_mode in (("0700", "0600"), ("0750", "0660"), ("2750", "0660")):
            with self.subTest(directory=directory, socket=socket_mode):
                place = pathlib.Path("/home/aivault", "made" + directory)
                process = self.start(f"sudo -u aivault -H env AIVAULTD_SOCKET_DIR_MODE={directory} AIVAULTD_SOCKET_MODE={socket_mode} "
                                     f"aivaultd --socket {place}/d.sock", serves=place / "d.sock")
                self.assertEqual((int(directory, 8), int(socket_mode, 8)),
                                 (stat.S_IMODE(place.stat().st_mode), stat.S_IMODE((place / "d.sock").stat().st_mode)))
                pid, = running()
                os.kill(pid, signal.SIGTERM)
                process.wait(30)

    def test_who_is_not_in_the_group_learns_what_to_run(self):
        self.sh("sudo useradd -m visitor")
        self.addCleanup(subprocess.run, ["userdel", "-r", "visitor"], capture_output=True)
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        self.start("sudo -u aivault -H aivaultd --shared")
        message = self.sh("sudo -u visitor -H " + CALL, expected=1)
        self.assertIn("aivault setup agent-access --agent-user visitor --daemon-user aivault", message)
        self.assertFalse(pathlib.Path("/home/visitor/.aivault").exists())

    def test_a_lasting_daemon_is_no_shared_one(self):
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        process = subprocess.Popen(["/bin/sh", "-c", "exec sudo -u aivault -H aivaultd"], env=self.environment, cwd="/",
                                   stderr=subprocess.DEVNULL)
        self.started.append(process)
        self.wait_for(lambda: pathlib.Path("/home/aivault/.aivault/run/aivaultd.sock").exists(), "the daemon serves")
        self.assertIn("is already running at '/home/aivault/.aivault/run/aivaultd.sock' without the shared socket",
                      self.sh("sudo -u aivault -H aivaultd --shared", expected=1))

    def test_directories_that_a_shared_socket_refuses(self):
        message = self.sh("sudo -u aivault -H aivaultd --shared", expected=1)
        self.assertIn("shared socket directory '/var/run/aivault' does not exist; run: sudo aivault setup agent-access "
                      "--agent-user USER --daemon-user aivault", message)
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        for change, reason in (("chmod 2770 /run/aivault", "writable by group or others"),
                               ("chmod 2750 /run/aivault; chown agent /run/aivault", "it belongs to uid")):
            self.sh(change)
            self.assertIn(f"unsafe socket directory '/run/aivault': {reason}",
                          self.sh("sudo -u aivault -H aivaultd --shared", expected=1))
        self.sh("chown aivault /run/aivault; sudo -u aivault -H touch /run/aivault/aivaultd.sock")
        self.assertIn("exists and is not our socket", self.sh("sudo -u aivault -H aivaultd --shared", expected=1))

    def test_agent_access_is_idempotent_and_can_be_tried(self):
        line = "aivault setup agent-access --agent-user agent --daemon-user aivault"
        self.assertIn("this command requires sudo/root", self.sh("sudo -u agent -H " + line, expected=1))
        tried = self.sh(f"sudo -u agent -H {line} --dry-run")
        self.assertEqual(["$ usermod -aG aivault agent", "$ install -d -m 2750 -o aivault -g aivault /run/aivault",
                          "Would write: /etc/tmpfiles.d/aivault.conf", "d /run/aivault 2750 aivault aivault -",
                          "Dry run: nothing was changed."], [x for x in tried.splitlines() if not x.startswith("warning")])
        self.assertFalse(SOCKET.parent.exists())
        first = self.sh(line)
        self.assertIn("Next steps:", first)
        self.assertEqual(first, self.sh(line))
        self.sh("chown root:root /run/aivault; chmod 0755 /run/aivault")
        self.sh(line)
        self.assertEqual(0o2750, stat.S_IMODE(SOCKET.parent.stat().st_mode))
        self.assertIn("Dry run", self.sh(line + " --dry-run"))
        for wrong, reason in ((line.replace("agent-user agent", "agent-user nobody9"), "user 'nobody9' does not exist"),
                              (line.replace("agent-user agent", "agent-user root"), "may not be root"),
                              (line.replace("agent-user agent", "agent-user aivault"), "a user of its own"),
                              (line.replace("agent-user agent", "agent-user ' '"), "--agent-user is required"),
                              (line.replace("agent-user agent", "agent-user 'a b'"), "invalid user name")):
            self.assertIn(reason, self.sh(wrong, expected=1))
        self.sh("rm -r /run/aivault; ln -s /etc /run/aivault")
        self.assertIn("exists and is not a directory", self.sh(line, expected=1))
        self.sh("rm /run/aivault; install -d -o agent /run/aivault")
        self.assertIn("belongs to uid", self.sh(line, expected=1))

    def test_doctor_tries_it_as_the_agent(self):
        self.sh("printf sk-1 | sudo -u aivault -H aivault secrets create --name OPENAI_API_KEY --value-file -")
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        self.start("sudo -u aivault -H aivaultd --shared")
        report = json.loads(self.sh("sudo aivault doctor --as agent --json"))
        tried = {check["id"]: check for check in report["checks"]}
        self.assertEqual({"key-file", "vault-read", "vault-write", "vault-list", "socket-replace", "daemon-environ", "daemon-mem",
                          "daemon-maps", "daemon-files", "daemon-ptrace", "daemon-signal", "operator-socket", "operator-api",
                          "operator-shutdown", "other-scope", "groups"}, set(tried))
        self.assertEqual({"ok"}, {check["status"] for check in report["checks"]}, tried)
        self.assertIn("operator token required", tried["operator-api"]["detail"])
        self.assertTrue(report["ok"])
        # The scope is the reason, and not that there is nothing to call.
        self.assertIn("context not granted", tried["other-scope"]["detail"])
        self.assertIn("/home/aivault/.aivault/keys/kek.key: Permission denied", tried["key-file"]["detail"])
        # What is open is found.
        self.sh("chmod 755 /home/aivault /home/aivault/.aivault /home/aivault/.aivault/keys; "
                "chmod 644 /home/aivault/.aivault/keys/kek.key; groupadd -f sudo; usermod -aG sudo agent")
        report = json.loads(re.sub(r"\}\n[^{}]*$", "}", self.sh("sudo aivault doctor --as agent --json", expected=1)))
        self.assertEqual({"key-file", "groups"}, {check["id"] for check in report["checks"] if check["status"] == "fail"})
        self.sh("gpasswd -d agent sudo")
        # Wherever the key is, and what is not there proves nothing.
        self.sh("chmod 600 /home/aivault/.aivault/keys/kek.key; install -d -o aivault -m 755 /srv/aivault-keys")
        self.addCleanup(shutil.rmtree, "/srv/aivault-keys", ignore_errors=True)
        self.sh("sudo -u aivault -H aivault rotate-master --provider file --file-path /srv/aivault-keys/other.key")

        def key_file():
            text = re.sub(r"\}\n[^{}]*$", "}", self.sh("sudo aivault doctor --as agent --json", expected=None))
            return {check["id"]: (check["status"], check["detail"]) for check in json.loads(text)["checks"]}["key-file"]
        self.assertEqual(("ok", "read /srv/aivault-keys/other.key: Permission denied"), key_file())
        self.sh("chmod 644 /srv/aivault-keys/other.key")
        self.assertEqual(("fail", "read /srv/aivault-keys/other.key: succeeded"), key_file())
        self.sh("mv /srv/aivault-keys/other.key /srv/aivault-keys/gone.key")
        self.assertEqual(("warn", "read /srv/aivault-keys/other.key: No such file or directory"), key_file())
        self.assertIn("this command requires sudo/root", self.sh("sudo -u agent -H aivault doctor --as agent", expected=1))
        self.assertIn("user 'nobody9' does not exist", self.sh("sudo aivault doctor --as nobody9", expected=1))

    def test_doctor_looks_at_the_shared_socket(self):
        self.sh("sudo -u aivault -H aivault status")
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        for name, text in self.units().items():
            pathlib.Path("/etc/systemd/system", name).write_text(text)

        def checks(expected=0):
            return {name: check["status"] for name, check in self.doctor(expected).items()}

        wanted = {"socket-directory": "ok", "socket-group": "ok", "agent-groups": "ok", "boot-directory": "ok", "unit": "ok"}
        self.assertLessEqual(wanted.items(), checks().items())
        for change, check, status in (
                ("echo '# mine' >> /etc/systemd/system/aivaultd-shared.service", "unit", "warn"),
                ("rm /etc/tmpfiles.d/aivault.conf", "boot-directory", "warn"),
                ("groupadd -f docker; usermod -aG docker agent", "agent-groups", "warn"),
                ("gpasswd -d agent aivault", "socket-group", "warn"),
                ("chmod 0777 /run/aivault", "socket-directory", "fail")):
            with self.subTest(change=change):
                self.sh(change)
                self.assertEqual(status, checks(1 if status == "fail" else 0)[check])

    def units(self):
        text = self.sh("aivault setup systemd --daemon-user aivault --dry-run")
        found = dict(re.findall(r"Would write: /etc/systemd/system/(\S+)\n(# Written.*?)(?=^\$|^Would|^Dry)", text, re.M | re.S))
        self.assertEqual({"aivaultd-shared.socket", "aivaultd-shared.service"}, set(found))
        return found

    def test_the_units_are_hardened(self):
        service = self.units()["aivaultd-shared.service"]
        self.assertIn("\nExecStart=/usr/local/bin/aivaultd --shared\n", service)
        self.assertIn("\nProtectHome=tmpfs\nBindPaths=/home/aivault/.aivault\n", service)
        self.assertNotIn("PrivateUsers", service)
        if not pathlib.Path("/usr/bin/systemd-analyze").exists():
            self.skipTest("systemd-analyze is not installed")
        for name, text in self.units().items():
            pathlib.Path("/etc/systemd/system", name).write_text(text)
        report = self.sh("systemd-analyze security --offline=true /etc/systemd/system/aivaultd-shared.service")
        score = float(re.search(r"Overall exposure level for aivaultd-shared.service: ([0-9.]+)", report).group(1))
        self.assertLessEqual(score, 1.5, report)

    def test_setup_systemd_on_a_machine_with_systemd(self):
        self.assertIn("systemd is not running on this machine", self.sh("aivault setup systemd --daemon-user aivault", expected=1))
        self.sh("sudo -u aivault -H aivault status")
        self.add_key()
        self.sh("sudo aivault setup agent-access --agent-user agent --daemon-user aivault")
        self.start("sudo -u aivault -H aivaultd --shared")
        # A manager of this test's own in the place of systemd's.
        pathlib.Path("/run/systemd/system").mkdir(parents=True)
        pathlib.Path("/run/start_service.py").write_text(START_SERVICE)
        pathlib.Path("/run/service_environment.json").write_text(json.dumps(
            {name: value for name, value in self.environment.items() if name.startswith(("AIVAULT", "ASAN"))}))
        fake = pathlib.Path("/etc/systemctl")
        fake.write_text(SYSTEMCTL)
        fake.chmod(0o755)
        self.sh("mount --bind /etc/systemctl /usr/bin/systemctl")
        self.addCleanup(subprocess.run, ["umount", "/usr/bin/systemctl"])
        said = self.sh("sudo aivault setup systemd --daemon-user aivault")
        self.assertEqual("Unit: /etc/systemd/system/aivaultd-shared.service\nShared socket: /run/aivault/aivaultd.sock\n",
                         said[said.index("Unit:"):])
        self.assertIn("daemon-reload\n", pathlib.Path("/run/systemctl.log").read_text())
        self.assertIn("enable --now aivaultd-shared.socket aivaultd-shared.service\n",
                      pathlib.Path("/run/systemctl.log").read_text())
        self.assertEqual("g aivault -\n", pathlib.Path("/etc/sysusers.d/aivault.conf").read_text())
        self.assertEqual(1, len(running()), "the daemon that ran without systemd has made way")
        self.check_call("sudo -u agent -H " + CALL)
        # What /etc says is taken over by a reload.
        self.sh("sudo install -d -m 0755 /etc/aivault")
        self.sh(r"printf 'limits.calls = 100\nsandbox.require = true\n' | sudo tee /etc/aivault/aivaultd.toml")
        shown = json.loads(self.sh("sudo -u aivault -H aivaultd --check-config"))
        self.assertEqual((100, True), (shown["limits"]["calls"], shown["sandbox"]["require"]))
        self.sh("sudo systemctl reload aivaultd-shared.service")

        def config():
            found = self.doctor(1)  # The daemon was started with overrides of development, which is a failure.
            self.assertEqual(["dev-overrides"], [name for name, check in found.items() if check["status"] == "fail"])
            return found["config"]["detail"]
        self.wait_for(lambda: config() == "changed since the start: sandbox.require", "the reload, and what needs a restart")
        self.sh("sudo rm /etc/aivault/aivaultd.toml")
        self.assertEqual("changed since it was read: limits.calls", config())
        # Again: nothing to do.
        before = pathlib.Path("/run/systemctl.log").read_text().count("daemon-reload")
        self.sh("sudo aivault setup systemd --daemon-user aivault")
        self.assertEqual(before, pathlib.Path("/run/systemctl.log").read_text().count("daemon-reload"))

    def test_the_other_keys(self):
        self.as_person("aivault status")
        self.as_person('aivault init --provider passphrase --passphrase "your-passphrase"')
        self.as_person('aivault unlock --passphrase "your-passphrase"')
        self.assertEqual(1, len(running()))
        self.as_person("aivault capability policy set --capability openai/chat-completions --rate-limit-per-minute 60 "
                       "--max-request-body-bytes 1048576 --max-response-body-bytes 10485760")
        self.as_person("aivault audit --limit 200")

    def test_a_daemon_has_the_key_and_the_application_does_not(self):
        key = self.sh("openssl rand -base64 32").strip()
        held = {"AIVAULT_KEY": key}
        self.as_person("aivault init --provider env --env-var AIVAULT_KEY", env=held)
        self.as_person(f"aivault secrets create --name OPENAI_API_KEY --value '{self.key}'", env=held)
        before = len(self.up.requests)
        self.as_person("(aivaultd --socket ~/.aivault/run/aivaultd.sock >/dev/null 2>&1 &)\n"
                       "while ! test -S ~/.aivault/run/aivaultd.sock; do sleep 0.05; done\n"
                       "unset AIVAULT_KEY\nexport AIVAULTD_AUTOSTART=0\nexec " + CALL, env=held)
        self.assertEqual(before + 1, len(self.up.requests))
        daemon, = running()
        self.assertNotIn(key.encode(), pathlib.Path(f"/proc/{daemon}/environ").read_bytes())


if __name__ == "__main__":
    machine.enter()
    main()

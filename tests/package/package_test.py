"""The Debian package: what is in it, lintian, reproducibility, and its life on a machine."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from lib.booted import BootedMachine, CannotBoot  # noqa: E402
from lib.verdict import MACHINE, run_tests  # noqa: E402

USER = "aivpkg"


def run(*words, code=0, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def build():
    return ROOT / run(ROOT / "scripts/package", "--built", cwd=ROOT).stdout.strip()


class Machine:
    """This machine, copy-on-write: nothing that happens in it stays."""

    def __init__(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="aiv-machine-", dir="/tmp"))
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "infinity"])
        self.root = self.place / "root"
        script = f"""
            set -e
            mount -t tmpfs none {self.place}
            mkdir {self.place}/upper {self.place}/work {self.root}
            mount -t overlay none -o lowerdir=/,upperdir={self.place}/upper,workdir={self.place}/work {self.root}
            mount -t tmpfs none {self.root}/tmp && chmod 1777 {self.root}/tmp
            mount -t tmpfs none {self.root}/run && chmod 755 {self.root}/run
            mount --rbind /proc {self.root}/proc && mount --rbind /dev {self.root}/dev
        """
        # The namespace exists as soon as the holder is another program than ours.
        while os.readlink(f"/proc/{self.holder.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            if self.holder.poll() is not None:
                raise AssertionError("unshare --mount failed: the test needs root")
        self._enter("sh", "-c", script)

    def _enter(self, *words, **options):
        return run("nsenter", "-t", self.holder.pid, "-m", *words, **options)

    def do(self, *words, code=0, **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        return self._enter("chroot", self.root, *words, code=code, env=environment, **options)

    def put(self, file, name):
        self._enter("cp", file, f"{self.root}/tmp/{name}")
        return f"/tmp/{name}"

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.place.rmdir()


class Package(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.package = build()
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="aiv-package-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.kept = cls.scratch / cls.package.name
        shutil.copy(cls.package, cls.kept)
        cls.tree = cls.scratch / "tree"
        run("dpkg-deb", "--raw-extract", cls.kept, cls.tree)
        cls.newer = cls.make_newer()

    def test_holds_programs_pages_completions_and_nothing_that_starts(self):
        files = {str(path.relative_to(self.tree)) for path in self.tree.rglob("*") if path.is_file()}
        expected = {"usr/bin/aivault", "usr/bin/aivaultd", "usr/share/man/man1/aivault.1.gz",
                    "usr/share/man/man8/aivaultd.8.gz", "usr/share/bash-completion/completions/aivault",
                    "usr/share/zsh/vendor-completions/_aivault", "usr/share/fish/vendor_completions.d/aivault.fish",
                    "usr/lib/sysusers.d/aivault.conf", "etc/aivault/aivaultd.toml", "usr/share/doc/aivault/copyright",
                    "usr/share/doc/aivault/changelog.gz", "usr/share/doc/aivault/changelog.Debian.gz",
                    "usr/share/doc/aivault/sbom.spdx.json"}
        self.assertLessEqual(expected, files)
        self.assertEqual(["etc/aivault/aivaultd.toml"],
                         [name for name in files if "systemd/system" in name or name.startswith("etc/")])
        self.assertEqual("/etc/aivault/aivaultd.toml\n", (self.tree / "DEBIAN/conffiles").read_text())
        self.check_configuration(self.tree / "etc/aivault/aivaultd.toml")
        for path in self.tree.rglob("*"):
            self.assertFalse(path.stat().st_mode & 0o7022 and not path.is_symlink(), f"mode of {path}")

    def check_configuration(self, file):
        """It changes nothing, and each line that one could uncomment is understood."""
        def effective(text):
            copy = self.scratch / "aivaultd.toml"
            copy.write_text(text)
            done = run(self.tree / "usr/bin/aivaultd", "--check-config", "--config", copy,
                       env={"PATH": "/usr/bin:/bin", "AIVAULT_DIR": "/nonexistent/v"})
            return json.loads(done.stdout)
        text = file.read_text()
        plain = effective("")
        self.assertEqual(plain, effective(text))
        all_set = effective("\n".join(line[1:] if line.startswith("#") and " = " in line else line for line in text.splitlines()))
        changed = {key for key in plain if plain[key] != all_set[key]}
        self.assertEqual({"socket", "listen", "audit_mirror"}, changed)

    def test_is_clean_for_lintian(self):
        found = run("lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning", self.kept,
                    code=None, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual((0, ""), (found.returncode, found.stdout), found.stderr)

    def test_is_the_same_when_made_again_and_holds_no_path_of_the_build(self):
        again = build()
        self.assertEqual(hashlib.sha256(self.kept.read_bytes()).hexdigest(),
                         hashlib.sha256(again.read_bytes()).hexdigest())
        for program in ("aivault", "aivaultd"):
            content = (self.tree / "usr/bin" / program).read_bytes()
            self.assertNotIn(str(ROOT).encode() + b"/", content)

    def test_the_bill_of_materials_names_what_is_loaded_and_linked(self):
        document = json.loads((self.tree / "usr/share/doc/aivault/sbom.spdx.json").read_text())
        self.assertEqual("SPDX-2.3", document["spdxVersion"])
        names = {entry["name"] for entry in document["packages"]}
        self.assertLessEqual({"aivault", "aivaultd", "libssl3", "libsodium23", "libsqlite3-0", "libboost1.81-dev"}, names)
        kinds = {(each["spdxElementId"], each["relationshipType"]) for each in document["relationships"]}
        self.assertIn(("SPDXRef-aivaultd", "DYNAMIC_LINK"), kinds)
        self.assertNotIn(("SPDXRef-aivault", "DYNAMIC_LINK"), kinds)
        for entry in document["packages"]:
            self.assertTrue(entry["versionInfo"], entry["name"])

    @classmethod
    def make_newer(cls):
        """The same package under a higher version."""
        tree = cls.scratch / "newer"
        shutil.copytree(cls.tree, tree, symlinks=True)
        control = tree / "DEBIAN/control"
        control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9:"))
        package = cls.scratch / "newer.deb"
        run("dpkg-deb", "--root-owner-group", "--build", tree, package)
        return package

    def test_lives_and_goes_without_taking_a_vault_along(self):
        machine = Machine()
        self.addCleanup(machine.close)
        machine.do("useradd", "-m", USER)
        installed = machine.do("dpkg", "--force-depends", "-i", machine.put(self.kept, "first.deb"))
        self.assertNotIn("error", installed.stderr.lower())
        machine.do("getent", "group", "aivault")
        version = machine.do("aivault", "--version").stdout
        self.assertEqual(version.split()[-1], machine.do("aivaultd", "--version").stdout.split()[-1])
        self.assertIn("aivault", machine.do("man", "-w", "aivault").stdout)
        machine.do("bash", "-c", "source /usr/share/bash-completion/completions/aivault && complete -p aivault")

        as_user = ("runuser", "-u", USER, "--")
        machine.do(*as_user, "aivault", "secrets", "create", "--name", "ACME_KEY", "--value-file", "-",
                   input="sk-live-0123456789abcdef")
        vault = f"/home/{USER}/.aivault"
        listed = machine.do(*as_user, "aivault", "secrets", "list").stdout

        machine.do("dpkg", "--force-depends", "-i", machine.put(self.newer, "second.deb"))
        self.assertIn("9:", machine.do("dpkg-query", "-W", "-f", "${Version}", "aivault").stdout)
        self.assertEqual(listed, machine.do(*as_user, "aivault", "secrets", "list").stdout)

        machine.do("useradd", "-m", "aivagent")
        machine.do("aivault", "setup", "agent-access", "--agent-user", "aivagent", "--daemon-user", USER)
        ours, table, theirs = ("/etc/systemd/system/aivaultd-shared.service", "/etc/tmpfiles.d/aivault.conf",
                               "/etc/sysusers.d/aivault.conf")
        machine.do("test", "-f", table)
        machine.do("sh", "-c", "mkdir -p /etc/systemd/system /etc/sysusers.d && "
                               f"echo '# Written by aivault setup systemd; put changes into drop-ins' >{ours} && "
                               f"printf 'g aivault -\\ng mine -\\n' >{theirs}")
        machine.do("dpkg", "-r", "aivault")
        machine.do("test", "!", "-e", "/usr/bin/aivault")
        machine.do("test", "-e", ours)
        machine.do("test", "-d", vault)
        purged = machine.do("dpkg", "-P", "aivault").stdout
        self.assertIn(vault, purged)
        self.assertIn("group 'aivault'", purged)
        machine.do("test", "!", "-e", ours)
        machine.do("test", "!", "-e", table)
        machine.do("test", "-e", theirs)
        machine.do("test", "-f", f"{vault}/data/vault/vault.db")
        machine.do("test", "-f", f"{vault}/keys/kek.key")
        machine.do("getent", "passwd", USER)

    def test_a_new_version_serves_after_an_upgrade_and_no_call_is_refused(self):
        try:
            machine = BootedMachine()
            self.addCleanup(machine.close)
            machine.furnish()
            machine.boot()
        except CannotBoot as reason:
            self.skipTest(f"{MACHINE}cannot boot another: {reason}")
        for package in (self.kept, self.newer):
            shutil.copy(package, machine.path(f"/opt/{package.name}"))
        install = "dpkg --force-depends -i "
        machine.sh(f"rm -f /usr/local/bin/aivault*; {install} /opt/{self.kept.name}")
        self.assertEqual("", machine.sh("systemctl list-unit-files --no-legend 'aivault*'", code=None), "nothing starts by itself")
        machine.sh("useradd -m owner; useradd -m agent; runuser -u owner aivault status; "
                   "aivault setup agent-access --agent-user agent --daemon-user owner; aivault setup systemd --daemon-user owner")
        self.assertIn("ExecStart=/usr/bin/aivaultd --shared", machine.sh("systemctl cat aivaultd-shared.service"))
        before = machine.sh("systemctl show --value -p MainPID aivaultd-shared.service")
        # The unit of the version before was another one.
        machine.sh("sed -i 's/^TasksMax=.*/TasksMax=63/' /etc/systemd/system/aivaultd-shared.service; systemctl daemon-reload")
        # Somebody asks all the time.
        asking = ("while ! test -e /tmp/over; do curl -sf --unix-socket /run/aivault/aivaultd.sock http://a/aivault/health "
                  ">/dev/null || echo refused; echo asked; done > /tmp/asked")
        machine.sh(f"setsid runuser -u agent -- sh -c '{asking}' >/dev/null 2>&1 </dev/null &")
        machine.sh(f"{install} /opt/newer.deb")
        after = machine.sh("systemctl show --value -p MainPID aivaultd-shared.service")
        self.assertNotIn(after, (before, "0\n"))
        self.assertEqual("active\n", machine.sh("systemctl is-active aivaultd-shared.service"))
        self.assertNotIn("(deleted)", machine.sh(f"readlink /proc/{after.strip()}/exe"))
        machine.sh("touch /tmp/over; sleep 0.5")
        asked = machine.sh("cat /tmp/asked").splitlines()
        self.assertGreater(len(asked), 3)
        self.assertEqual({"asked"}, set(asked))

        # A vault that a restart would lock is left to its operator.
        machine.sh("runuser -u owner -- aivault rotate-master --provider passphrase --new-passphrase 'correct horse battery staple'")
        before = machine.sh("systemctl show --value -p MainPID aivaultd-shared.service")
        self.assertIn("aivault unlock", machine.sh(f"{install} /opt/newer.deb"))
        self.assertEqual(before, machine.sh("systemctl show --value -p MainPID aivaultd-shared.service"))
        # What somebody has stopped stays so.
        machine.sh("systemctl disable --now aivaultd-shared.socket aivaultd-shared.service")
        machine.sh(f"{install} /opt/newer.deb")
        self.assertEqual("inactive\n", machine.sh("systemctl is-active aivaultd-shared.service", code=3))
        machine.sh("systemctl enable --now aivaultd-shared.socket aivaultd-shared.service")

        machine.sh("dpkg -r aivault")
        self.assertEqual("", machine.sh("pgrep -x aivaultd", code=1))
        machine.sh("dpkg -P aivault")
        self.assertEqual("", machine.sh("ls -d /run/aivault /etc/systemd/system/aivaultd-shared.* /etc/systemd/system/*/aivaultd-shared.* "
                                        "/etc/tmpfiles.d/aivault.conf /etc/aivault 2>/dev/null", code=2))
        machine.sh("test -f /home/owner/.aivault/data/vault/vault.db")
        machine.reboot()
        self.assertEqual("", machine.sh("systemctl --failed --no-legend"))


if __name__ == "__main__":
    run_tests(sys.argv)

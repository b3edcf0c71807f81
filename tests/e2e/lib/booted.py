"""A machine with a real systemd as its first process: its own processes, mounts and control groups, over a copy-on-write
view of this machine's files. It can be booted again and keeps what was written to its disk."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

SYSTEMD = pathlib.Path("/lib/systemd/systemd")
# Which services of this machine would start is nobody's business here; sockets and targets are systemd's own.
MASKED = ("getty.target", "systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "systemd-udevd.service",
          "systemd-udev-trigger.service", "systemd-remount-fs.service", "systemd-binfmt.service", "apt-daily.timer",
          "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer", "man-db.timer")
BOOT = r"""
set -e
disk=$1 group=$2
root=$disk/root
[ -z "$group" ] || echo $$ > "$group/cgroup.procs"
mount -t overlay machine -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
# What a container may not change: the kernel's settings are this machine's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
# After this process has come into a group of its own: what is mounted now begins there.
exec unshare --cgroup sh -c '
  mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
  cd "$1"
  pivot_root . mnt
  umount -l /mnt
  # What systemd mounts for a service (its credentials) reaches it this way; outside a container systemd does it itself.
  mount --make-rshared /
  exec /lib/systemd/systemd --system --log-target=journal --show-status=0 </dev/null' sh "$root"
"""

TRIAL = r"""
set -e
mount -t overlay machine -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount -t cgroup2 cgroup2 "$1/root/mnt"
"""


class CannotBoot(Exception):
    """This machine has no way to boot another one; the text says why."""


def unified_hierarchy():
    """Where control groups of version 2 are, or None."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(place)
    return None


class BootedMachine:
    def __init__(self):
        if os.geteuid() != 0:
            raise CannotBoot("needs root")
        if not SYSTEMD.exists():
            raise CannotBoot("systemd is not installed")
        hierarchy = unified_hierarchy()
        if hierarchy is None:
            raise CannotBoot("no control groups of version 2 are mounted")
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix="aiv-boot-", dir="/tmp"))
        self.group = hierarchy / self.disk.name
        for left in hierarchy.glob("aiv-boot-*"):  # Of a test that was killed.
            self._remove_all(left)
        self.console = None
        self.init = self.holder = None
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "disk", str(self.disk)], check=True, capture_output=True)
            for name in ("upper", "work", "root"):
                (self.disk / name).mkdir(mode=0o755)
            self.group.mkdir()
            # What the kernel or a container runtime may forbid; from here on a failure is one.
            subprocess.run(["unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "sh", "-c", TRIAL, "sh", str(self.disk)],
                           check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.close()
            raise CannotBoot(f"{problem} {getattr(problem, 'stderr', b'') or b''!r}") from problem

    def path(self, inside):
        """A file of its disk while it runs, seen from here."""
        return pathlib.Path(f"/proc/{self.init}/root", str(inside).lstrip("/"))

    def furnish(self):
        """Before its first boot: nothing of this machine starts there but systemd itself, and nobody's files are seen."""
        units = self.disk / "upper/etc/systemd/system"
        units.mkdir(parents=True)
        for each in pathlib.Path("/etc/systemd/system").glob("*.wants"):
            self._hide(units / each.name)
        self._hide(self.disk / "upper/home")
        self._hide(self.disk / "upper/root", 0o700)
        for name in MASKED:
            (units / name).symlink_to("/dev/null")
        (self.disk / "upper/etc/fstab").write_text("")
        (self.disk / "upper/etc/hostname").write_text("booted\n")

    @staticmethod
    def _hide(directory, mode=0o755):
        """An opaque directory of the upper layer covers what is in the lower one."""
        directory.mkdir(mode)
        os.setxattr(directory, "trusted.overlay.opaque", b"y")

    def boot(self):
        self.console = open(self.disk / "console", "ab")  # noqa: SIM115
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-c", BOOT, "sh", str(self.disk), str(self.group)],
            env={"container": "aivault-test", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, stdin=subprocess.DEVNULL,
            stdout=self.console, stderr=self.console, start_new_session=True)
        self.console.close()
        try:
            self.init = self._first_process()
            self._wait_until_up()
        except AssertionError:
            self.close()
            raise

    def _first_process(self):
        limit = time.monotonic() + 30
        while time.monotonic() < limit and self.holder.poll() is None:
            for child in pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split():
                if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
            time.sleep(0.05)
        raise AssertionError("systemd did not start: " + (self.disk / "console").read_text()[-1000:])

    def _wait_until_up(self):
        limit = time.monotonic() + 180
        said = ""
        while time.monotonic() < limit:
            done = self.run("systemctl", "is-system-running", code=None)
            said = done.stdout.decode().strip()
            if said in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise AssertionError(f"systemd says '{said}' after 180 s: " + self.sh("systemctl list-jobs", code=None)[-1000:])

    def run(self, *words, code=0, env=None, stdin=b"", timeout=120):
        """One program there, as root."""
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8", **(env or {})}
        done = subprocess.run(["nsenter", "-t", str(self.init), "--all", "--root", "--wd", *map(str, words)],
                              capture_output=True, env=environment, input=stdin, timeout=timeout)
        if code is not None and done.returncode != code:
            raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout[-3000:].decode()}\n"
                                 f"{done.stderr[-3000:].decode()}")
        return done

    def sh(self, line, code=0, **options):
        done = self.run("/bin/sh", "-c", line, code=code, **options)
        return done.stdout.decode() + done.stderr.decode()

    def shut_down(self):
        """As `systemctl poweroff` of a container: everything is stopped in order, then its first process ends."""
        if self.holder and self.holder.poll() is None:
            if self.init:
                os.kill(self.init, signal.SIGRTMIN + 4)
            try:
                self.holder.wait(60)
            except subprocess.TimeoutExpired:
                self.holder.kill()
                self.holder.wait()
        self.init = self.holder = None

    def reboot(self):
        self.shut_down()
        self.boot()

    def close(self):
        if self.holder and self.holder.poll() is None:
            self.holder.kill()
            self.holder.wait()
        limit = time.monotonic() + 20
        while self.group.exists() and time.monotonic() < limit:
            self._remove_all(self.group)
            time.sleep(0.05)
        subprocess.run(["umount", "-l", str(self.disk)], capture_output=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    @staticmethod
    def _remove_all(group):
        for place in (*sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True), group):
            try:
                place.rmdir()
            except OSError:
                pass  # It has processes, or had them until now.

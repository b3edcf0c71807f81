"""A machine of one's own for a test: private /etc, /run, /home and the like in a mount namespace, so that real users
and real paths can be used and nothing of it stays."""

import os
import pathlib
import shutil
import subprocess
import sys

_INSIDE = "AIVAULT_TEST_MACHINE"
PLACES = ("/etc", "/run", "/home", "/var/lib")
# What sudo does for `sudo [-u USER] [-H] COMMAND`, for machines without it; HOME comes from the password database.
SUDO = """#!/bin/sh
user=root
while :; do
  case "$1" in
    -u) user=$2; shift 2 ;;
    -H) shift ;;
    *) break ;;
  esac
done
SUDO_USER=root exec /usr/sbin/runuser -u "$user" -- env -u HOME "$@"
"""


def may_enter():
    """Root, and allowed to make a mount namespace."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def enter():
    """Starts this test program again inside; returns only there."""
    if os.environ.get(_INSIDE) or not may_enter():
        return
    environment = {**os.environ, _INSIDE: "1"}
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv], env=environment)
    sys.exit(done.returncode)


def is_inside():
    return bool(os.environ.get(_INSIDE))


def copy_etc(fresh):
    """Files that useradd of another test makes for a moment may be gone before they are copied."""
    for _ in range(10):
        if subprocess.run(["cp", "-a", "/etc/.", str(fresh)], stderr=subprocess.DEVNULL).returncode == 0:
            break
    else:
        raise OSError("/etc cannot be copied")
    for left in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"):
        (fresh / f"{left}.lock").unlink(missing_ok=True)


def furnish(binaries):
    """Fresh copies of what tests change; the programs are installed as the guide says."""
    base = pathlib.Path("/tmp/aivault-machine")
    base.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "machine", str(base)], check=True)
    (base / "upper").mkdir()
    (base / "work").mkdir()
    for place in PLACES:
        fresh = base / place.strip("/").replace("/", "-")
        fresh.mkdir(mode=0o755)
        if place == "/etc":
            copy_etc(fresh)
        subprocess.run(["mount", "--bind", str(fresh), place], check=True)
    pathlib.Path("/usr/local/bin").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir=/usr/local/bin,upperdir={base}/upper,workdir={base}/work", "programs",
                    "/usr/local/bin"], check=True)
    for program in ("aivault", "aivaultd"):
        subprocess.run(["install", "-m", "0755", program, f"/usr/local/bin/{program}"], check=True, cwd=binaries)
    if not shutil.which("sudo"):
        sudo = pathlib.Path("/usr/local/bin/sudo")
        sudo.write_text(SUDO)
        sudo.chmod(0o755)

"""Packages of other makers, as the lock file beside package.json pins them. Their scripts never run."""

import fcntl
import hashlib
import subprocess
import unittest
import urllib.request

REGISTRY = "https://registry.npmjs.org/aws4"


def install(directory):
    try:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        try:
            urllib.request.urlopen(REGISTRY, timeout=20).close()
        except OSError as error:
            # A machine without that registry can say nothing about other makers' programs.
            raise unittest.SkipTest(f"this machine: NOT RUN: the npm registry cannot be reached: {error}") from None
        raise


def installed(directory):
    """The locked packages beside their package.json; scripts of packages never run."""
    lock = (directory / "package-lock.json").read_bytes()
    mark = directory / "node_modules" / ".aivault-lock"
    digest = hashlib.sha256(lock).hexdigest()
    # Tests run beside each other; an installation begins by deleting what is there.
    with open(directory / "package.json", "rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != digest:
            install(directory)
            mark.write_text(digest)
    return directory

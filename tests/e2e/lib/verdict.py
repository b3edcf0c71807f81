"""The end of a test program: a test that was skipped proves nothing, so that root, who lacks nothing, may skip only what
the machine itself cannot do."""

import os
import sys
import unittest

MACHINE = "this machine: "     # begins the reason of a skip that no package and no user would change
RELEASE = "only a release: "   # and of one that another build would not have


def run_tests(argv, is_release=False):
    result = unittest.main(argv=argv, verbosity=2, exit=False).result
    allowed = (MACHINE,) if is_release else (MACHINE, RELEASE)
    unproved = [] if os.geteuid() != 0 else [(test, why) for test, why in result.skipped if not why.startswith(allowed)]
    for test, why in unproved:
        print(f"skipped, although this is root: {test}: {why}", file=sys.stderr)
    if result.testsRun == 0 and not result.skipped:
        sys.exit("no test has run")
    sys.exit(0 if result.wasSuccessful() and not unproved else 1)

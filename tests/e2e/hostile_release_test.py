"""Hostile upstreams against the build that ships: deadlines to the second, and no memory kept."""

import sys

from hostile_test import HostileUpstreams  # noqa: F401
from lib.scenario import main

if __name__ == "__main__":
    sys.exit(main())

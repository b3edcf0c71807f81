"""The daemon is killed at random moments under load, again and again: no request reached the upstream
without a durable record of its start, the chain is whole every time, and every call that began has an
end in the record.

    audit_kill_test.py --bin build/release/bin [--kills N]"""

import argparse
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import independent_reader  # noqa: E402
from lib import vault as vault_module  # noqa: E402
from lib.certificates import Authority  # noqa: E402
from lib.http_socket import HttpSocket  # noqa: E402
from lib.tls_upstream import TlsUpstream  # noqa: E402

CALLERS = 4
VERIFY_EVERY = 100


def call_until_dead(socket, number, stop):
    """Calls with paths that occur once, as fast as they are answered."""
    try:
        with HttpSocket(socket, timeout=10) as door:
            while not stop.is_set():
                number[0] += 1
                door.call({"capability": "acme/call",
                           "request": {"method": "GET", "path": f"/v1/{threading.get_ident()}/{number[0]}"}})
    except (OSError, EOFError):
        pass


def one_life(vault, chooser):
    """A daemon, callers, and a kill within its first moments of work."""
    vault.start_daemon()
    stop, number = threading.Event(), [time.monotonic_ns()]
    callers = [threading.Thread(target=call_until_dead, args=(vault.socket, number, stop)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    time.sleep(chooser.uniform(0, 0.04))
    vault.stop_daemon(signal.SIGKILL)
    stop.set()
    for caller in callers:
        caller.join()


def check(vault, upstream):
    """Compares what arrived with what is on record; returns how many arrived."""
    contents = independent_reader.read_vault(vault.root)
    calls = [body for _, kind, body in contents.events if kind == "capability.invoke"]
    started = {body["path"] for body in calls if body["outcome"] == "started"}
    with upstream.lock:
        arrived = [request.target for request in upstream.requests]
    unrecorded = [target for target in arrived if target not in started]
    assert not unrecorded, f"{len(unrecorded)} requests without a record: {unrecorded[:5]}"
    assert len(set(arrived)) == len(arrived), "a request arrived twice"
    return len(arrived), calls


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    options.add_argument("--kills", type=int, default=1000)
    chosen = options.parse_args()
    binaries = pathlib.Path(chosen.bin).resolve()
    vault_module.BIN, vault_module.CLI, vault_module.DAEMON = (
        binaries, binaries / "aivault", binaries / "aivaultd")
    chooser = random.Random(os.environ.get("SEED", "0"))
    with vault_module.Vault() as vault:
        authority = Authority(vault.base / "ca")
        with TlsUpstream(authority.issue()) as upstream:
            vault.add_api(upstream, authority.ca, "sk-canary-0123456789")
            for life in range(1, chosen.kills + 1):
                one_life(vault, chooser)
                if life % VERIFY_EVERY == 0:
                    print(f"{life} kills, {check(vault, upstream)[0]} requests", flush=True)
            vault.start_daemon()  # Closes what the last life left open.
            assert vault.ok("audit", "verify").json()["ok"]
            vault.stop_daemon()
            arrived, calls = check(vault, upstream)
            open_calls = ({body["requestId"] for body in calls if body["outcome"] == "started"}
                          - {body["requestId"] for body in calls if body["outcome"] in ("ok", "error")})
            assert not open_calls, f"{len(open_calls)} calls have no end"
            assert arrived > chosen.kills / 2, f"only {arrived} requests arrived: no load"
            print(f"{chosen.kills} kills, {arrived} requests, every one on record")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is synced, and when the disk fails: with `strict` every call waits for the disk, with `batched`
none does; after three input/output errors in a row the vault is damaged until the daemon is started anew.

    durability_test.py --bin build/release/bin"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from lib import vault as vault_module  # noqa: E402
from lib.certificates import Authority  # noqa: E402
from lib.tls_upstream import TlsUpstream  # noqa: E402
from shim import Child, Fault, build_shim  # noqa: E402
from stories import create  # noqa: E402

CALLS = 50
SYNC_EVERY = 0.25  # Seconds, batched.
ERRORS = 3


def syncs_of_calls(daemon, shim, root, upstream, durability):
    """How often CALLS calls, one after another, synced; and how long they took."""
    with Child(daemon, shim, root, Fault(), {"AIVAULT_AUDIT_DURABILITY": durability}) as child:
        def call(number):
            answer = child.door.call({"capability": "acme/call",
                                      "request": {"method": "GET", "path": f"/v1/{number}"}})
            assert answer.status == 200, answer.body

        call("first")
        arrived = len(upstream.requests)
        before, begun = child.syncs, time.monotonic()
        for number in range(CALLS):
            call(number)
        took, after = time.monotonic() - begun, child.syncs
        assert len(upstream.requests) == arrived + CALLS
        return after - before, took


def prove_durability(daemon, shim):
    with vault_module.Vault() as vault:
        authority = Authority(vault.base / "ca")
        with TlsUpstream(authority.issue()) as upstream:
            vault.add_api(upstream, authority.ca, "sk-canary-0123456789")
            strict, _ = syncs_of_calls(daemon, shim, vault.root, upstream, "strict")
            batched, took = syncs_of_calls(daemon, shim, vault.root, upstream, "batched")
    assert strict >= CALLS, f"strict: {strict} syncs for {CALLS} calls"
    # Now and then a checkpoint adds some of its own.
    assert batched <= took / SYNC_EVERY + 5, f"batched: {batched} syncs in {took:.1f} s"
    print(f"{CALLS} calls: {strict} syncs with strict, {batched} with batched in {took:.1f} s")


def refusals(child, count):
    """(reason, calls so far) of each of `count` changes that must be refused."""
    found = []
    for number in range(count):
        status, answer = child.request(*create(f"MORE_{number}", "more-value"))
        assert status >= 300, f"change {number} was made on a disk that fails"
        found.append((answer.json()["reason"], child.count))
    return found


def copy_of(template, name):
    return pathlib.Path(shutil.copytree(template, template.parent / name)) / "v"


def prove_errors(daemon, shim, work):
    template = pathlib.Path(work) / "template"
    template.mkdir()
    with Child(daemon, shim, template / "v", Fault()) as child:
        assert child.request(*create("KEPT", "kept-value"))[0] < 300
    with Child(daemon, shim, copy_of(template, "count"), Fault()) as child:
        assert child.request("GET", "/aivault/status")[0] == 200
        start = child.count
    at = start + 1
    # A disk that fails for good: how many calls fail until it is given up?
    with Child(daemon, shim, copy_of(template, "stays"), Fault("EIO", at, True)) as child:
        assert child.request("GET", "/aivault/status")[0] == 200
        found = refusals(child, ERRORS + 2)
    reasons = [reason for reason, _ in found]
    assert reasons == ERRORS * ["not_writable"] + 2 * ["damaged"], reasons
    failing = found[ERRORS - 1][1] - at + 1
    # One that is fine again afterwards: the vault stays damaged all the same, for this daemon.
    root = copy_of(template, "passes")
    with Child(daemon, shim, root, Fault("EIO", at, failing)) as child:
        assert child.request("GET", "/aivault/status")[0] == 200
        reasons = [reason for reason, _ in refusals(child, ERRORS + 3)]
        assert reasons == ERRORS * ["not_writable"] + 3 * ["damaged"], reasons
        status, answer = child.request("GET", "/aivault/status")
        assert status == 200 and not answer.json()["status"]["writable"], answer.body
    with Child(daemon, shim, root, Fault()) as child:
        assert child.request(*create("LATER", "later-value"))[0] < 300
        names = {item["name"] for item in child.request("GET", "/aivault/secrets")[1].json()["items"]}
    assert names == {"KEPT", "LATER"}, names
    # Fewer than three, and all goes on.
    root = copy_of(template, "once")
    with Child(daemon, shim, root, Fault("EIO", at, max(2, found[0][1] - at))) as child:
        assert child.request("GET", "/aivault/status")[0] == 200
        answers = [child.request(*create(f"MORE_{number}", "more-value")) for number in range(ERRORS)]
        assert answers[0][0] >= 300 > answers[-1][0], [answer.body for _, answer in answers]
    print(f"{ERRORS} input/output errors in a row, over {failing} calls: damaged until the next start")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    binaries = pathlib.Path(options.parse_args().bin).resolve()
    vault_module.BIN, vault_module.CLI, vault_module.DAEMON = (
        binaries, binaries / "aivault", binaries / "aivaultd")
    with tempfile.TemporaryDirectory(prefix="aiv-durability-") as work:
        shim = build_shim(work)
        prove_durability(vault_module.DAEMON, shim)
        prove_errors(vault_module.DAEMON, shim, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())

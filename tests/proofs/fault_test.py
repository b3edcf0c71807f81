"""ENOSPC, EIO, EROFS, EDQUOT and EMFILE at every call of an operator's act that changes (or, for EMFILE,
opens) a file, once and from there on: an act that was refused says why and has changed nothing, one that
was acknowledged is there, nothing crashes, and the next start finds a whole vault.

    fault_test.py --bin build/release/bin [--story NAME] [--fault EIO] [--every N]"""

import argparse
import concurrent.futures
import itertools
import pathlib
import shutil
import sys
import tempfile

from kill_test import JOBS, Proof
from shim import Died, Fault, build_shim
from stories import STORIES

FAULTS = ["ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE"]


class FaultProof(Proof):
    def calls_of(self, kind):
        """How many calls the act makes, counted as they are for this fault."""
        place = self.copy(self.template, f"count-{kind}")
        try:
            with self.child(place / "v", Fault(kind, 0)) as child:
                self.story.act(child)
                child.end()
                return child.count
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def run_fault(self, kind, number, stays):
        fault = Fault(kind, number, stays)
        place = self.copy(self.template, f"{kind}-{number}-{int(stays)}")
        where = f"{self.story.name}: {fault}"
        try:
            with self.child(place / "v", fault) as child:
                status, message = None, ""
                try:
                    status, answer = self.story.act(child)
                    message = "" if status < 300 else answer.body.decode()
                except Died:
                    message = child.said()
                except (KeyError, StopIteration):
                    message = "an earlier request was refused"  # The story could not find its secret.
                code = child.end()
                hit = child.hit
                said = child.said()
            where += f" ({hit})"
            assert code is not None and code >= 0, f"{where}: ended by signal {-code}: {said[-1500:]}"
            if status is None or status >= 300:
                assert message.strip(), f"{where}: refused without a word"
            assert "internal error" not in message, f"{where}: {message}"
            # A commit is in the log before it is synced. Where the sync fails and nothing can be written
            # from then on, not even to take it back, the next start may find it (docs/vault.md).
            unknown = stays and hit in ("fsync", "fdatasync")
            self.check_fault(place, where, status is not None and status < 300, message, unknown)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def check_fault(self, place, where, acknowledged, message, unknown):
        facts = self.facts_of(place / "v")
        if acknowledged:
            assert facts == self.after, f"{where}: acknowledged, and is {facts}"
        elif facts != self.before:
            # A vault that had to be made first may be there, empty; nothing else may have changed.
            made = self.before is None and facts in ({}, self.after)
            if self.before is not None:
                made = self.story.steps(self.before, self.after, facts)
            made = made or (unknown and facts == self.after)
            assert made, f"{where}: refused with {message[:300]!r}, and is {facts}"
        self.check(place, where, acknowledged)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    options.add_argument("--story")
    options.add_argument("--fault")
    options.add_argument("--every", type=int, default=1)
    chosen = options.parse_args()
    daemon = pathlib.Path(chosen.bin).resolve() / "aivaultd"
    tried, failures = 0, []
    with tempfile.TemporaryDirectory(prefix="aiv-fault-") as work, \
            concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        shim = build_shim(work)
        for story in STORIES:
            if chosen.story and story.name != chosen.story:
                continue
            proof = FaultProof(story, daemon, shim, work)
            proof.prepare()
            runs = []
            for kind, stays in itertools.product(FAULTS, (False, True)):
                if chosen.fault and kind != chosen.fault:
                    continue
                calls = proof.calls_of(kind)
                runs += [pool.submit(proof.run_fault, kind, number, stays)
                         for number in range(1, calls + 1, chosen.every)]
            for done in concurrent.futures.as_completed(runs):
                tried += 1
                try:
                    done.result()
                except Exception as error:  # noqa: BLE001 - every point is tried, all are reported
                    failures.append(f"{type(error).__name__}: {error}")
            print(f"{story.name}: {len(runs)} faults", flush=True)
    for failure in failures[:20]:
        print("FAILED", failure[:1000], file=sys.stderr)
    print(f"{tried} faults, {len(failures)} failures")
    return 1 if failures or not tried else 0


if __name__ == "__main__":
    sys.exit(main())

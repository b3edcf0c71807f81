"""ENOSPC, EIO, EROFS, EDQUOT and EMFILE at every call of an operator's act that changes (or, for EMFILE,
opens) a file, once and from there on: an act that was refused says why and has changed nothing, one that
was acknowledged is there, nothing crashes, and the next start finds a whole vault.

    fault_test.py --bin build/release/bin [--story NAME] [--fault EIO] [--every N]"""

import argparse
import functools
import itertools
import shutil
import sys

from kill_test import Proof, run_proofs
from shim import Died, Fault

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
            return 1
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


def faults(proof, chosen):
    runs = []
    for kind, stays in itertools.product([chosen.fault] if chosen.fault else FAULTS, (False, True)):
        calls = proof.calls_of(kind)
        runs += [functools.partial(proof.run_fault, kind, number, stays)
                 for number in range(1, calls + 1, chosen.every)]
    return runs


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fault", choices=FAULTS)
    return run_proofs("fault", FaultProof, faults, options)


if __name__ == "__main__":
    sys.exit(main())

"""SIGKILL at every call of an operator's act that changes a file, and again at every such call of the
recovery: the next start opens the vault, every acknowledged change is there, no half change is.

    kill_test.py --bin build/release/bin [--story NAME] [--every N]

--every N looks at each N-th point only."""

import argparse
import concurrent.futures
import functools
import pathlib
import shutil
import sys
import tempfile

import independent_reader
from shim import Child, Died, Fault, build_shim
from stories import STORIES

JOBS = 3
SECONDS = 2  # Kills of the recovery for each kill of the act.


class Proof:
    def __init__(self, story, daemon, shim, work):
        self.story, self.daemon, self.shim, self.work = story, daemon, shim, pathlib.Path(work)
        self.template = self.work / story.name
        self.points = 0

    def child(self, root, fault):
        return Child(self.daemon, self.shim, root, fault, self.story.environment)

    def prepare(self):
        """The vault before the act; then the act once, undisturbed, to know its calls and its end."""
        root = self.template / "v"
        self.template.mkdir()
        if not self.story.is_new:
            with self.child(root, Fault()) as child:
                for request in self.story.before:
                    status, answer = child.request(*request)
                    assert status < 300, (request[:2], answer.body)
        self.before = self.facts_of(root)
        whole = self.copy(self.template, "whole")
        with self.child(whole / "v", Fault()) as child:
            status, answer = self.story.act(child)
            assert status < 300, (self.story.name, answer.body)
            child.end()
            self.calls = child.count
        self.after = self.facts_of(whole / "v")
        assert self.before != self.after, f"{self.story.name} changes nothing"
        shutil.rmtree(whole)

    def copy(self, source, name):
        target = self.work / f"{self.story.name}-{name}"
        shutil.copytree(source, target)
        return target

    def facts_of(self, root):
        if not (root / "vault.db").exists():
            return None
        passphrase = self.story.passphrase
        contents = independent_reader.read_vault(root, passphrase=passphrase and passphrase.encode())
        return self.story.facts(contents)

    def run_point(self, number):
        place = self.copy(self.template, f"at{number}")
        try:
            acknowledged = False
            with self.child(place / "v", Fault("KILL", number)) as child:
                try:
                    status, _ = self.story.act(child)
                    acknowledged = status < 300
                except Died:
                    pass
                child.end()
                hit = child.hit
            recovery_calls = self.check(place, f"killed at call {number} ({hit})", acknowledged)
            points = 1
            # The state that the first kill left, again, and a second one on the way back. Over all
            # first points every call of a recovery has its turn.
            for turn in range(SECONDS if recovery_calls else 0):
                self.run_second(number, (SECONDS * number + turn) % recovery_calls + 1, acknowledged)
                points += 1
            return points
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def run_second(self, number, second, acknowledged):
        place = self.copy(self.template, f"at{number}-{second}")
        try:
            with self.child(place / "v", Fault("KILL", number)) as child:
                try:
                    self.story.act(child)
                except Died:
                    pass
            with self.child(place / "v", Fault("KILL", second)) as child:
                try:
                    child.request("GET", "/aivault/status")
                except Died:
                    pass
            self.check(place, f"killed at call {number}, and at {second} of the recovery", acknowledged)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def check(self, place, what, acknowledged):
        """The product opens it; the other implementation finds it whole. Returns the calls of the start."""
        where = f"{self.story.name}: {what}"
        with self.child(place / "v", Fault()) as child:
            status, answer = child.request("GET", "/aivault/status")
            assert status == 200, f"{where}: {answer.body} {child.said()}"
            problems = answer.json()["problems"]
            assert not problems, f"{where}: {problems}"
            if answer.json()["status"]["locked"]:
                status, answer = child.request("POST", "/aivault/vault/unlock", {"passphrase": self.story.passphrase})
                assert status == 200, f"{where}: {answer.body}"
            status, answer = child.request("GET", "/aivault/secrets")
            assert status == 200, f"{where}: {answer.body}"
            child.end()
            calls = child.count
        facts = self.facts_of(place / "v")
        empty = {} if self.before is None else self.before
        if self.before is None and self.story.name == "first-create":
            wanted = [self.after] if acknowledged else [self.after, {}]
        else:
            wanted = [self.after] if acknowledged else [self.after, empty]
        if not acknowledged and self.story.steps(empty, self.after, facts):
            wanted.append(facts)
        assert facts in wanted, f"{where}: {facts} is neither {wanted}"
        leftovers = [path.name for path in (place / "v").iterdir()
                     if ".tmp." in path.name or path.name.endswith((".new", ".old", ".restore", "-journal"))]
        assert not leftovers, f"{where}: left behind {leftovers}"
        return calls


def run_proofs(kind, make_proof, points_of, options):
    """Every story's points in parallel; each is tried, all failures are reported. The exit status.

    `points_of(proof, chosen)`: functions that return how many points they tried."""
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    options.add_argument("--story")
    options.add_argument("--every", type=int, default=1)
    chosen = options.parse_args()
    daemon = pathlib.Path(chosen.bin).resolve() / "aivaultd"
    stories = [story for story in STORIES if chosen.story in (None, story.name)]
    if not stories:
        options.error(f"no story is called '{chosen.story}'; there are: {', '.join(s.name for s in STORIES)}")
    points, failures = 0, []
    with tempfile.TemporaryDirectory(prefix=f"aiv-{kind}-") as work, \
            concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        shim = build_shim(work)
        for story in stories:
            proof = make_proof(story, daemon, shim, work)
            proof.prepare()
            runs, tried = [pool.submit(run) for run in points_of(proof, chosen)], 0
            for done in concurrent.futures.as_completed(runs):
                try:
                    tried += done.result()
                except Exception as error:  # noqa: BLE001 - told below
                    failures.append(f"{type(error).__name__}: {error}")
            points += tried
            print(f"{story.name}: {proof.calls} calls, {tried} {kind}s", flush=True)
    for failure in failures[:20]:
        print("FAILED", failure[:1000], file=sys.stderr)
    print(f"{points} {kind}s, {len(failures)} failures")
    return 1 if failures or not points else 0


def kills(proof, chosen):
    return [functools.partial(proof.run_point, number) for number in range(1, proof.calls + 1, chosen.every)]


if __name__ == "__main__":
    sys.exit(run_proofs("kill", Proof, kills, argparse.ArgumentParser()))

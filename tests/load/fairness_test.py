"""One user floods, others call as before: their throughput and their waiting beside the flood, against the same
without it, in one run."""

import functools
import sys

import crowd
from crowd import PATHS, USERS, Agents, Load, together
from lib.measured import in_time, one_of_three
from world import canary

SECONDS = 8
FLOOD, CALM = USERS[0], USERS[1:4]
SMALL, BIG = ({path: PATHS[path]} for path in ("/v1/small", "/v1/big"))
LEAST_SHARE = 0.8        # of the throughput without the flood
MOST_TIMES_SLOWER = 50   # at the 99th percentile: alone a call takes a millisecond or two, beside floods 2 to 22 were seen
MOST_OF_A_FLOODS = 0.3   # a calm call's usual time beside a flood, of the usual time of the flood's own calls


class Fairness(Load):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.add_upstream("calm", canary())  # That another upstream is busy is no matter of the daemon either.

    def calm(self):
        return [Agents(user, 1, 8, SECONDS, 0.5, paths=SMALL, capability="calm/call") for user in CALM]

    def flood(self, **options):
        # What callers cost is no matter of the daemon: these are of the lowest priority.
        return Agents(FLOOD, 4, 63, SECONDS, 0, nice=19, **options)

    def test_a_flood_of_one_user_slows_nobody_down(self):
        together(*self.calm())  # Connections to the upstream, and everything that is made at first use.
        for name, options in (("calls", {"paths": SMALL}), ("bodies of 64 KiB", {"paths": BIG}),
                              ("refused calls", {"paths": SMALL, "capability": "load/none"})):
            with self.subTest(name):
                one_of_three(functools.partial(self.compare, name, options))

    def compare(self, name, options):
        alone = together(*self.calm())
        usual = sum(seen.answered for seen in alone) / len(alone)
        slowest = max(seen.percentile(0.99) for seen in alone)
        *beside, flooding = together(*self.calm(), self.flood(**options))
        print(f"{name}: {flooding}\n  beside it: {beside[0]}\n  alone: {alone[0]}", file=sys.stderr)
        for seen in alone + beside:
            self.assertOnly200(seen)
        in_time(flooding.outcomes.total() > 10 * usual, "no flood:", flooding)
        for seen in beside:
            in_time(seen.answered >= LEAST_SHARE * usual, seen, "usual", usual)
            in_time(seen.percentile(0.99) <= MOST_TIMES_SLOWER * slowest, seen, "slowest", slowest)
            if flooding.milliseconds:
                in_time(seen.percentile(0.5) <= MOST_OF_A_FLOODS * flooding.percentile(0.5), seen, flooding)


if __name__ == "__main__":
    crowd.run()

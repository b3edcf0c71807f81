"""No allowed path lies outside its prefix for anybody who reads it: WHATWG URL (Node) and RFC 3986, decoded 0 to 2 times."""

import argparse
import json
import pathlib
import subprocess
import sys
import unittest

JUDGE = pathlib.Path(__file__).with_name("judge_paths.mjs")
OPTIONS = None


def judged(*flags):
    oracle = subprocess.Popen([OPTIONS.oracle, *flags], stdout=subprocess.PIPE)
    judge = subprocess.run(["node", str(JUDGE)], stdin=oracle.stdout, stdout=subprocess.PIPE, check=True)
    oracle.stdout.close()
    assert oracle.wait() == 0
    return json.loads(judge.stdout)


class PathOracle(unittest.TestCase):
    # Cases 92-98, 104, 110.
    def test_nothing_that_is_allowed_lies_outside(self):
        seen = judged("--count", str(OPTIONS.count), "--seed", str(OPTIONS.seed))
        print(seen["summary"], seen["escapes"], file=sys.stderr)
        self.assertEqual([], seen["examples"])
        self.assertEqual({0}, set(seen["escapes"].values()))
        _, generated, _, allowed = seen["summary"].split()
        self.assertEqual((OPTIONS.count, seen["judged"]), (int(generated), int(allowed)))
        self.assertGreater(seen["judged"], OPTIONS.count / 20)

    def test_the_judges_find_every_way_out(self):
        seen = judged("--count", "20000", "--unchecked")
        print(seen["summary"], seen["escapes"], file=sys.stderr)
        self.assertTrue(all(seen["escapes"].values()), seen["escapes"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20261126)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)

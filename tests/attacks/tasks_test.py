"""Attacks with processes (DS15), where the kernel counts them: the agent's own and those of the daemon."""

import os
import signal
import unittest

import world
from control_group import ControlGroup
from world import Attack, as_user, fork_without_end, wait_until

OF_DAEMON = 64   # TasksMax= of its unit.
OF_BOMB = 200    # The machine that runs the tests is to survive it.
REQUEST = b"GET /aivault/capabilities HTTP/1.1\r\nhost: a\r\n\r\n"


class Tasks(Attack):
    def limited_group(self, limit, name):
        group, how = ControlGroup.make("pids", limit, name)
        print(f"DS15: {how if group else 'no control group, ' + how}", flush=True)
        if group is None:
            raise unittest.SkipTest(f"this machine: no pids controller can be had: {how}")
        self.addCleanup(group.remove)
        return group

    def as_before(self):
        self.stop_daemon()
        self.start_daemon()
        self.assertServes("agent2")

    def kill_all(self, group):
        (group.place / "pids.max").write_text("0")  # Nobody has children from now on.

        def is_empty():
            for pid in group.members():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not group.members()
        wait_until(is_empty, 60, "the bomb is over")

    def test_DS15_a_fork_bomb_meets_its_own_limit_and_the_daemon_keeps_within_its_own(self):
        ours, theirs = self.limited_group(OF_DAEMON, "daemon"), self.limited_group(OF_BOMB, "bomb")
        self.replaces_daemon = True
        self.stop_daemon()
        self.addCleanup(self.as_before)
        ours.start_daemon(type(self))
        child = os.fork()
        if child == 0:
            try:
                theirs.enter(os.getpid())
                as_user("agent1", lambda: fork_without_end(REQUEST, 60))
            finally:
                os._exit(0)
        try:
            wait_until(lambda: theirs.number("pids.current") >= OF_BOMB, 60, "as many processes as there can be")
            for _ in range(5):
                self.assertServes("agent2")
            self.operator("secrets", "list")
            used = ours.number("pids.current")
        finally:
            self.kill_all(theirs)
            os.waitpid(child, 0)
        print(f"DS15: {used} of {OF_DAEMON} tasks", flush=True)
        self.assertLess(used, OF_DAEMON)
        self.assertEqual(0, ours.number("pids.events", "max") or 0, "it never asked for one too many")
        self.assertIsNone(self.daemon.poll())
        self.assertServes("agent1")


if __name__ == "__main__":
    world.run()

"""Attacks on limits of rate (RT)."""

import json
import signal
import threading
import time

import world
from lib.http_socket import HttpSocket
from world import SOCKET, Attack, as_user, canary, wait_until

LIMIT = 30
GET = {"method": "GET", "path": "/v1", "headers": []}


def ask_often(capability, times, workers=1):
    """The statuses of `times` calls, over as many connections as workers."""
    statuses, lock = [], threading.Lock()

    def work():
        with HttpSocket(SOCKET) as door:
            for _ in range(times // workers):
                status = door.call({"capability": capability, "request": GET}).status
                with lock:
                    statuses.append(status)
    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


class Rates(Attack):
    @classmethod
    def prepare(cls):
        for name in ("many", "crash", "doors"):
            cls.add_api(name, canary(), policy=("--rate-limit-per-minute", LIMIT))
        # A wider capability of the same provider.
        cls.operator("capability", "create", "doors/wide", "--credential", "doors", "--method", "GET", "--path", "/")

    def together(self, *jobs):
        results = [None] * len(jobs)

        def run(index, user, act):
            results[index] = as_user(user, act)
        threads = [threading.Thread(target=run, args=(index, *job)) for index, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def test_RT1_many_processes_and_connections_share_one_limit(self):
        begin = time.monotonic()
        jobs = [(user, lambda: ask_often("many/call", 40, 4)) for user in ("agent1", "agent2") for _ in range(4)]
        statuses = sum(self.together(*jobs), [])
        self.assertLess(time.monotonic() - begin, 55, "all within one window")
        self.assertEqual({200: LIMIT, 429: 320 - LIMIT}, {code: statuses.count(code) for code in set(statuses)})
        self.assertEqual(LIMIT, len(self.up.requests))

    def test_RT2_a_crash_gives_nothing_back(self):
        self.replaces_daemon = True
        begin = time.monotonic()
        self.assertEqual([200] * LIMIT, as_user("agent1", lambda: ask_often("crash/call", LIMIT)))
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            self.stop_daemon(how)
            self.start_daemon()
            self.assertEqual([429] * 3, as_user("agent2", lambda: ask_often("crash/call", 3)))
        self.assertLess(time.monotonic() - begin, 55, "all within one window")
        self.assertEqual(LIMIT, len(self.up.requests))

    def test_RT5_doors_and_capabilities_share_one_limit(self):
        begin = time.monotonic()
        frame = json.dumps({"op": "execute_envelope", "client_ip": "127.0.0.1",
                            "envelope": {"capability": "doors/call", "request": GET}}).encode()
        stream = frame.replace(b'"execute_envelope"', b'"execute_envelope_stream"')
        for number in range(4 * LIMIT):
            if number % 4 == 0:
                self.call(capability="doors/call")
            elif number % 4 == 1:
                self.call("agent2", capability="doors/wide")
            elif number % 4 == 2:
                self.raw("agent1", frame if number % 8 == 2 else stream, end=True)
            else:
                self.ask("agent2", "GET", "/v/doors/v1")
        self.assertLess(time.monotonic() - begin, 55, "all within one window")
        self.assertEqual(LIMIT, len(self.up.requests))

    def test_RT9_one_user_does_not_starve_another(self):
        def flood():
            statuses = []
            end = time.monotonic() + 4
            while time.monotonic() < end:
                statuses += ask_often("acme/call", 32, 16)
            return statuses
        flooding = threading.Thread(target=as_user, args=("agent1", flood))
        flooding.start()
        wait_until(lambda: len(self.up.requests) > 50, 20, "the flood")
        waits = []
        while flooding.is_alive():
            begin = time.monotonic()
            self.assertEqual(200, self.call("agent2")[0])
            waits.append(time.monotonic() - begin)
        flooding.join()
        self.assertGreater(len(waits), 3)
        self.assertLess(sorted(waits)[len(waits) // 2], 2)


if __name__ == "__main__":
    world.run()

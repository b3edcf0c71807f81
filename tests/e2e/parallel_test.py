"""Many callers at once: nothing lost, nothing twice; and many first starts make one vault."""

import json
import sys
import threading

from lib.http_socket import HttpSocket
from lib.scenario import Scenario, canary, main
from lib.vault import wait_until


class Parallel(Scenario):
    def test_64_callers_1000_calls_each_seen_once(self):
        vault, upstream = self.vault(), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        vault.start_daemon()
        numbers, problems, lock = iter(range(1000)), [], threading.Lock()

        def work():
            with HttpSocket(vault.socket, timeout=120) as door:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    answer = door.call({"capability": "acme/call",
                                        "request": {"method": "GET", "path": f"/v1/call/{number}"}})
                    if (answer.status, answer.body) != (200, b'{"ok":true}'):
                        problems.append((number, answer.status, answer.body))
        threads = [threading.Thread(target=work) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], problems)
        self.assertEqual(sorted(f"/v1/call/{n}" for n in range(1000)), sorted(r.target for r in upstream.requests))
        wait_until(lambda: len(vault.calls("--outcome", "ok", "--limit", "2000")) == 1000, 30, "1,000 end records")
        self.assertEqual(1000, len(vault.calls("--outcome", "started", "--limit", "2000")))
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])
        # Connections are kept: far fewer handshakes than calls.
        self.assertLessEqual(upstream.handshakes, 64)

    def test_parallel_processes(self):
        vault, upstream = self.vault("home"), self.upstream()
        vault.add_api(upstream, self.ca, canary())
        processes = [vault.start("invoke", "acme/call", "--method", "GET", "--path", f"/v1/p/{n}") for n in range(48)]
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertEqual((0, b'{"ok":true}'), (process.returncode, out), err)
        self.assertEqual(sorted(f"/v1/p/{n}" for n in range(48)), sorted(r.target for r in upstream.requests))
        self.assertEqual(1, len(vault.daemons()))

    def test_100_first_starts_make_one_vault(self):
        vault = self.vault()
        processes = [vault.start("status", "-v") for _ in range(100)]
        ids = set()
        for process in processes:
            out, err = process.communicate(timeout=300)
            self.assertEqual(0, process.returncode, err)
            ids.add(json.loads(out)["status"]["kekId"])
        self.assertEqual(1, len(ids), ids)
        self.assertEqual(1, len(vault.audit("--kind", "vault.init")))
        self.assertEqual([], [p.name for p in vault.root.iterdir() if p.name.startswith("vault.db.") or ".tmp." in p.name])

    def test_parallel_changes_are_all_there(self):
        vault = self.vault()
        vault.ok("status")
        processes = [vault.start("secrets", "create", "--name", f"NAME_{n}", "--value-file", "-") for n in range(30)]
        for number, process in enumerate(processes):
            out, err = process.communicate(f"value-{number}".encode(), timeout=300)
            self.assertEqual(0, process.returncode, err)
        names = [secret["name"] for secret in vault.ok("secrets", "list", "--json").json()]
        self.assertEqual(sorted(f"NAME_{n}" for n in range(30)), sorted(names))
        self.assertTrue(vault.ok("audit", "verify").json()["ok"])


if __name__ == "__main__":
    sys.exit(main())

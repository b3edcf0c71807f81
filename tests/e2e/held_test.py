"""Whoever holds something that the daemon waits for keeps neither its keys in memory nor its mirror
from being written."""

import fcntl
import json
import os
import sys
import threading
import unittest

import lock_test
from lib.http_socket import HttpSocket
from lib.scenario import Scenario, main
from lib.vault import wait_until

PASSPHRASE = lock_test.PASSPHRASE
SOON = 9  # Seconds; a connection waits ten for another writer of the database.


@unittest.skipUnless(os.geteuid() == 0, "reads the memory of another process as root")
class Keys(Scenario):
    def setUp(self):
        self.v = self.vault()
        self.v.ok("init", "--provider", "passphrase", "--passphrase-file", "-", stdin=PASSPHRASE)
        # What is in secret memory we could not see, nor that it is wiped.
        self.v.daemon_prefix = [sys.executable, lock_test.OLDER_KERNEL]
        self.v.start_daemon()
        self.v.ok("unlock", "--passphrase-file", "-", stdin=PASSPHRASE)
        header = json.loads((self.v.root / "vault.json").read_text())
        kek = lock_test.argon2id(PASSPHRASE.encode(), header["provider"])
        names = ("wrap", "row MAC", "set", "state")
        self.needles = {"KEK": kek, **dict(zip(names, lock_test.subkeys(kek)[1:]))}
        self.assertEqual(set(self.needles), self.found())

    def found(self):
        return lock_test.found_in_memory(self.v.daemon.pid, self.needles)

    def test_lock_wipes_the_keys_while_another_process_keeps_the_writer_waiting(self):
        database = self.v.database()
        database.isolation_level = None
        database.execute("BEGIN IMMEDIATE")
        # Its refusal is to be recorded.
        call = self.v.start("invoke", "openai/x", "--method", "GET", "--path", "/v1")
        locking = threading.Thread(target=lambda: self.v.run("lock"))
        locking.start()
        wait_until(lambda: not self.found(), SOON, "a clean memory", exactly=True)
        self.assertTrue(database.in_transaction)
        database.execute("ROLLBACK")
        locking.join()
        call.communicate(timeout=60)
        self.assertTrue(self.v.ok("status", "-v").json()["status"]["locked"])

    def test_lock_does_not_wait_for_another_writer_of_the_database(self):
        database = self.v.database()
        database.isolation_level = None
        database.execute("BEGIN IMMEDIATE")
        outcome = []

        def create():
            outcome.append(self.v.run("secrets", "create", "--name", "A", "--value-file", "-", stdin="a-long-value"))
        waiting = threading.Thread(target=create)
        waiting.start()
        self.v.ok("lock")
        wait_until(lambda: not self.found(), SOON, "a clean memory", exactly=True)
        self.assertTrue(database.in_transaction)
        database.execute("ROLLBACK")
        waiting.join()
        self.assertIn("vault locked", outcome[0].errors)
        self.v.ok("unlock", "--passphrase-file", "-", stdin=PASSPHRASE)
        self.assertEqual([], self.v.ok("secrets", "list", "-v").json())
        self.v.add_secret("A", "a-long-value")
        self.assertTrue(self.v.ok("audit", "verify").json()["ok"])

    def test_a_backup_that_is_read_slowly_holds_no_keys(self):
        for number in range(4):
            self.v.add_secret(f"BIG{number}", "x" * 1_000_000)
        body = json.dumps({"passphrase": "words of the archive"}).encode()
        with HttpSocket(self.v.socket) as door:
            door.send(b"POST /aivault/vault/backup HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                      b"content-length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: self.v.audit("--kind", "vault.backup"), 60, "the backup")
            self.v.ok("lock")
            wait_until(lambda: not self.found(), 10, "a clean memory")


class Mirror(Scenario):
    def test_a_reader_that_locks_the_file_does_not_stop_it(self):
        vault = self.vault()
        vault.ok("init")
        mirror = vault.base / "mirror.jsonl"
        vault.start_daemon(env={"AIVAULT_AUDIT_MIRROR": str(mirror)})
        wait_until(mirror.exists)
        with mirror.open("rb") as reader:
            fcntl.flock(reader, fcntl.LOCK_SH)
            vault.add_secret("A", "a-long-value")
            wait_until(lambda: b"secret.create" in mirror.read_bytes(), what="the event in the mirror")
        self.assertEqual([], vault.ok("status", "-v").json()["problems"])

    def test_a_mirror_that_cannot_be_written_is_a_problem_of_the_plain_status(self):
        vault = self.vault()
        vault.ok("init")
        place = vault.base / "mirror.jsonl"
        place.mkdir()
        vault.start_daemon(env={"AIVAULT_AUDIT_MIRROR": str(place)})
        wait_until(lambda: "Problems: 1" in vault.ok("status").text, what="the problem")


if __name__ == "__main__":
    main()

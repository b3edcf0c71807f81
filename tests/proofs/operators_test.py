"""32 operator processes, each with a private daemon of its own, make 200 changes each to one vault at the
same time: every change is there, once, and the chain is whole.

    operators_test.py --bin build/release/bin [--processes N] [--changes N]"""

import argparse
import multiprocessing
import pathlib
import sys
import tempfile

import independent_reader
from shim import Child, Fault




def operate(daemon, root, who, changes, results):
    failures = []
    try:
        with Child(daemon, "", root, Fault()) as child:
            ids = []
            for number in range(changes):
                # Of every four changes: two new secrets, a new value, a new name.
                turn = number % 4
                if turn in (0, 1):
                    status, answer = child.request("POST", "/aivault/secrets", {
                        "name": f"NAME_{who}_{number}", "value": f"value-{who}-{number}-padding"})
                    if status < 300:
                        ids.append(answer.json()["result"]["secretId"])
                elif turn == 2:
                    status, answer = child.request("POST", f"/aivault/secrets/{ids[-1]}/rotate",
                                                   {"value": f"rotated-{who}-{number}"})
                else:
                    status, answer = child.request("PATCH", f"/aivault/secrets/{ids[-2]}",
                                                   {"name": f"RENAMED_{who}_{number}"})
                if status >= 300:
                    failures.append(f"{who}/{number}: {status} {answer.body[:300]!r}")
    except Exception as error:  # noqa: BLE001 - told to the parent
        failures.append(f"{who}: {type(error).__name__}: {error}")
    results.put((who, failures))


def expected(processes, changes):
    """name -> (value, version) of what must be there in the end."""
    names = {}
    for who in range(processes):
        made = []
        for number in range(changes):
            turn = number % 4
            if turn in (0, 1):
                made.append([f"NAME_{who}_{number}", f"value-{who}-{number}-padding", 1])
            elif turn == 2:
                made[-1][1:] = [f"rotated-{who}-{number}", 2]
            else:
                made[-2][0] = f"RENAMED_{who}_{number}"
        names.update({name: (value.encode(), version) for name, value, version in made})
    return names


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", required=True)
    options.add_argument("--build")
    options.add_argument("--processes", type=int, default=32)
    options.add_argument("--changes", type=int, default=200)
    chosen = options.parse_args()
    daemon = pathlib.Path(chosen.bin).resolve() / "aivaultd"
    with tempfile.TemporaryDirectory(prefix="aiv-operators-") as base:
        root = pathlib.Path(base) / "v"
        results = multiprocessing.Queue()
        workers = [multiprocessing.Process(target=operate, args=(daemon, root, who, chosen.changes, results))
                   for who in range(chosen.processes)]
        for worker in workers:
            worker.start()
        failures = [failure for _ in workers for failure in results.get(timeout=1200)[1]]
        for worker in workers:
            worker.join()
        contents = independent_reader.read_vault(root)
    assert not failures, "\n".join(failures[:20])
    there = {name: (value, version) for (_, name), (value, version, _) in contents.secrets.items()}
    wanted = expected(chosen.processes, chosen.changes)
    assert there == wanted, f"{len(there)} of {len(wanted)}; differing: {sorted(set(there.items()) ^ set(wanted.items()))[:5]}"
    kinds = contents.kinds()
    changes = sum(kinds.count(kind) for kind in ("secret.create", "secret.rotate", "secret.update"))
    total = chosen.processes * chosen.changes
    assert changes == total, f"{changes} of {total} changes are on record"
    assert kinds.count("vault.init") == 1
    print(f"{total} of {total} changes of {chosen.processes} processes, chain clean, {len(there)} secrets")
    return 0


if __name__ == "__main__":
    sys.exit(main())

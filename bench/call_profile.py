"""Where the daemon's processor time of a call goes: samples of perf with their call stacks, each given to the innermost
step that is known."""

import collections
import re
import shutil
import signal
import subprocess
import time

from stage import NATIVE, load

WRITER = ("two audit records: sealed, written and committed by the writer thread", r"vault::Writer::|CommitSignal")
# The first that fits, seen from the innermost frame outwards; of the writer thread everything is its own.
STEPS = (
    WRITER,
    ("handing records to that thread, and back", r"broker::write_record|EndQueue|OpenVault::record|eventfd_select_interrupter"),
    ("asking the database whether somebody else has changed the vault (4 times)", r"Core::generation|OpenVault::change_counter|Core::check_in_place"),
    ("opening the secret: read, decrypt", r"material_of|OpenVault::open_secret|check_unchanged"),
    ("the connection to the upstream: TLS, send, receive", r"upstream::HttpsConnection|SSL_write|SSL_read"),
    ("the upstream's answer: parse, filter, scrub", r"upstream::(Exchange|ResponseParser|Client|Pool|Deadlines)|broker::Relay|policy::Scrub|policy::.*response"),
    ("the caller's socket", r"server::Connection::"),
    ("the caller's request: parse, find and judge the call", r"http::|policy::|Impl::(decide|authority|take_native|find_native|candidates)|catalog::|server::.*(parse|call_of)"),
    ("the rest of the call's way through the broker and the door", r"aivault::(broker|server|audit|metrics|auth)::"),
    ("event loop: coroutines, timers, waiting", r"boost::asio|epoll|timerfd"),
)


def usable():
    return shutil.which("perf") is not None


def samples_of(data):
    """The stacks, innermost frame first."""
    script = subprocess.run(["perf", "script", "-i", data, "--no-inline", "-F", "ip,sym"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return [block.splitlines() for block in script.split("\n\n") if block.strip()]


def step_of(stack):
    if any(re.search(WRITER[1], frame) for frame in stack):
        return WRITER[0]
    for frame in stack:
        for name, pattern in STEPS:
            if re.search(pattern, frame):
                return name
    return "other"


def table(stage, calls=10000):
    """Lines of Markdown."""
    request, data = stage.scratch / "profiled.http", stage.scratch / "perf.data"
    request.write_bytes(NATIVE)
    load(stage.vault.socket, request, 16, calls // 10)
    recorder = subprocess.Popen(["perf", "record", "-q", "-F", "997", "--call-graph", "dwarf,16384", "-o", data, "-p",
                                 str(stage.vault.daemon.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)  # perf does not say when it has begun.
    load(stage.vault.socket, request, 16, calls)
    recorder.send_signal(signal.SIGINT)
    recorder.wait()
    counted = collections.Counter(step_of(stack) for stack in samples_of(data))
    total = counted.total()
    return ["| where the daemon's processor time of a passthrough call goes, 16 in flight | share |", "|---|---|",
            *(f"| {name} | {counted[name] / total:.0%} |" for name in (*(name for name, _ in STEPS), "other"))]

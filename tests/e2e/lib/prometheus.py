"""GET /metrics, read as strictly as the text format 0.0.4 is written."""

import re

from lib.http_socket import HttpSocket
from lib.vault import wait_until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (-?[0-9][0-9.e+-]*|\+Inf|NaN)")


def parse(text):
    """Text format 0.0.4, strictly: {name: (type, {(sample name, labels): value})}."""
    assert text.endswith("\n"), "no line end at the end"
    families, name = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line[len("# HELP "):].split(" ", 1)
            assert re.fullmatch(NAME, name) and help_text and name not in families, line
            families[name] = [None, {}]
        elif line.startswith("# TYPE "):
            typed, kind = line[len("# TYPE "):].split(" ")
            assert typed == name and families[name][0] is None and kind in ("counter", "gauge", "histogram"), line
            families[name][0] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            sample, labels, value = found.groups()
            pairs = LABEL.findall(labels or "")
            assert ",".join(f'{key}="{text}"' for key, text in pairs) == (labels or ""), line
            kind, samples = families[name]
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            assert sample in [name + suffix for suffix in suffixes], line
            key = (sample, tuple(sorted(pairs)))
            assert key not in samples, f"twice: {line}"
            samples[key] = float(value)
    for name, (kind, samples) in families.items():
        assert samples, f"{name} has no sample"
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    for (sample, labels), count in samples.items():
        if sample != name + "_count":
            continue
        buckets = [(float(dict(of)["le"]), value) for (each, of), value in samples.items()
                   if each == name + "_bucket" and tuple(pair for pair in of if pair[0] != "le") == labels]
        values = [value for _, value in sorted(buckets)]
        assert values == sorted(values) and buckets[-1][0] == float("inf") and values[-1] == count, (name, buckets)
        assert (name + "_sum", labels) in samples, name


def scrape(socket):
    """The text that the daemon at `socket` answers with."""
    with HttpSocket(socket) as door:
        answer = door.request("GET", "/metrics")
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8"), answer.body
    return answer.body.decode()


def value_in(text, name, **labels):
    """Of one sample; 0 if it has none yet."""
    families = parse(text)
    family = families.get(re.sub("_(bucket|sum|count)$", "", name)) or families.get(name) or (None, {})
    return family[1].get((name, tuple(sorted(labels.items()))), 0)


def value_of(socket, name, **labels):
    return value_in(scrape(socket), name, **labels)


def await_value(socket, expected, name, **labels):
    try:
        wait_until(lambda: value_of(socket, name, **labels) == expected, 30)
    except AssertionError:
        lines = [line for line in scrape(socket).splitlines() if line.startswith(name)]
        raise AssertionError(f"{name} {labels} did not become {expected}: {lines}") from None

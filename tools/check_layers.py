#!/usr/bin/env python3
"""Checks that the files under src/ keep to src/layers.txt. Exit status 1 on a breach."""

import pathlib
import re
import sys

SRC = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "src"
MAX_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
IO_HEADER = re.compile(r"fstream|iostream|cstdio|filesystem|thread|mutex|future|random|unistd\.h|fcntl\.h|sys/.*")
AMBIENT = re.compile(r"\b(system_clock|steady_clock)::now\b|\bgetenv\b")
# g++ 12 destroys an aggregate or a closure that is created inside a co_await expression twice.
UNNAMED = re.compile(r"\bco_await\b[^;]*?(\w\s*\{|[(,]\s*\{|\[[^\]]+\]\s*[({])")


def read_layers(path):
    sections, pure, section = {"layers": {}, "third-party": {}, "reveal": {}}, set(), "layers"
    for raw in path.read_text().splitlines():
        line, _, note = (part.strip() for part in raw.partition("#"))
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            name, _, users = (part.strip() for part in line.partition(":"))
            sections[section][name] = set(users.split())
            if note == "pure":
                pure.add(name)
    return sections["layers"], sections["third-party"], tuple(sections["reveal"]), pure


def cycle_in(graph):
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        found = next((c for dep in sorted(graph.get(node, ())) if (c := visit(dep))), None)
        path.pop()
        done.add(node)
        return found

    return next((c for node in graph if (c := visit(node))), None)


def check_file(path, layers, third_party, reveal, pure):
    name = path.relative_to(SRC).as_posix()
    module, is_test = name.split("/")[0], path.stem.endswith("_test")
    text = path.read_text()
    lines = text.splitlines()
    if module not in layers:
        yield name, 1, f"module {module} is not in layers.txt"
        return
    if path.suffix == ".h" and not (lines and lines[0].startswith("// ")):
        yield name, 1, "a header opens with the one-sentence contract of what it declares"
    if len(lines) > MAX_LINES and not is_test:
        yield name, MAX_LINES, f"{len(lines)} lines: split it by concept"
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if not include:
            if module in pure and not is_test and AMBIENT.search(line):
                yield name, number, f"{module} is pure: take the time or the environment as an argument"
            continue
        target = include.group(1)
        other = target.split("/")[0]
        if other in layers and other != module and other not in layers[module]:
            if not (is_test and other == "testing"):
                yield name, number, f"{module} may not include {other}"
        if target == "base/reveal.h" and not is_test and not name.startswith(reveal) and module != "testing":
            yield name, number, "not on the reveal list"
        for library, users in third_party.items():
            if target.startswith(library) and module not in users:
                yield name, number, f"{library} is for {', '.join(sorted(users))} only"
        if module in pure and not is_test and IO_HEADER.fullmatch(target):
            yield name, number, f"{module} is pure: no <{target}>"
    for unnamed in UNNAMED.finditer(text):
        yield name, text.count("\n", 0, unnamed.start()) + 1, "name this argument before co_await"


def main():
    layers, third_party, reveal, pure = read_layers(SRC / "layers.txt")
    problems = [f"layers.txt: {m} names unknown {d}" for m, ds in layers.items() for d in sorted(ds - layers.keys())]
    if cycle := cycle_in(layers):
        problems.append("layers.txt: cycle " + " -> ".join(cycle))
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".h", ".cc"))
    for path in files:
        problems += [f"src/{n}:{l}: {m}" for n, l, m in check_file(path, layers, third_party, reveal, pure)]
    print("\n".join(problems) or f"check_layers: {len(files)} files in {len(layers)} modules: ok")
    return 1 if problems else 0


sys.exit(main())

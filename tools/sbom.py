#!/usr/bin/env python3
"""Writes an SPDX 2.3 bill of materials of the two programs: what they load, and what is linked into them."""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

# Header-only or static parts that no loader knows of, by the Debian package that they come from.
LINKED_IN = ("libboost1.81-dev", "libboost-json1.81-dev", "libboost-container1.81-dev", "libcli11-dev",
             "libexpected-dev", "libtomlplusplus-dev")
# A static command line also holds these.
IN_STATIC_CLI = ("libc6-dev", "libstdc++-12-dev", "libsodium-dev", "libseccomp-dev")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def package_of(path):
    """The Debian package that a file belongs to; /lib may be a link to /usr/lib."""
    real = os.path.realpath(path)
    for name in dict.fromkeys((path, real, real.removeprefix("/usr"), "/usr" + real)):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0]
    sys.exit(f"sbom: no package owns {path}")


def loaded_by(program):
    # A static program has none; ldd says so and fails.
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return sorted({package_of(path) for path in re.findall(r"=> (/\S+)", listed)})


def describe(package):
    text = run("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${source:Package}\t${Architecture}\t${Homepage}",
               package)
    name, version, source, architecture, homepage = text.split("\t")
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        **({"homepage": homepage} if homepage else {}),
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}"
                                              f"&upstream={source}"}],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    made = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    packages, relations, seen = [], [], set()
    for program in options.programs:
        name, loads = pathlib.Path(program).name, loaded_by(program)
        own = f"SPDXRef-{name}"
        packages.append({"SPDXID": own, "name": name, "versionInfo": options.version,
                         "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                         "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
                         "copyrightText": "NOASSERTION"})
        relations.append(("SPDXRef-DOCUMENT", "DESCRIBES", own))
        linked = LINKED_IN if loads else LINKED_IN + IN_STATIC_CLI
        for kind, names in (("DYNAMIC_LINK", loads), ("STATIC_LINK", linked)):
            for package in names:
                entry = describe(package)
                relations.append((own, kind, entry["SPDXID"]))
                if entry["SPDXID"] not in seen:
                    seen.add(entry["SPDXID"])
                    packages.append(entry)
    content = json.dumps([packages, relations], sort_keys=True)
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(content.encode()).hexdigest())
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"aivault-{options.version}",
        "documentNamespace": f"urn:uuid:{namespace}",
        "creationInfo": {"created": made, "creators": ["Tool: aivault-sbom"]},
        "packages": packages,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }
    pathlib.Path(options.output).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env -S python3 -B
"""Writes the bill of materials of the program for one target: CycloneDX 1.5, JSON.

It names what cargo compiles in. Packages that only run meanwhile (macros, build scripts) have the scope `excluded`. The same
tree gives the same bytes; the time is SOURCE_DATE_EPOCH's.

Usage: tools/sbom.py TARGET [NAME=VERSION@LICENCE…]   with further parts that are linked in and are no packages
"""

import datetime
import json
import os
import sys
import uuid

from linked import PROGRAM, Part, compiled, known, linked


def purl(package):
    return "pkg:cargo/{}@{}".format(*package).replace("+", "%2B")


def component(package, about, scope):
    name, version = package
    what = {
        "type": "application" if name == PROGRAM else "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
    }
    if about.get("description"):
        what["description"] = " ".join(about["description"].split())
    what["scope"] = scope
    if about.get("checksum"):
        what["hashes"] = [{"alg": "SHA-256", "content": about["checksum"]}]
    if about.get("license"):
        # old packages write a slash for "or"
        what["licenses"] = [{"expression": " ".join(about["license"].replace("/", " OR ").split())}]
    what["purl"] = purl(package)
    if about.get("repository"):
        what["externalReferences"] = [{"type": "vcs", "url": about["repository"]}]
    return what


def further(part):
    ref = f"pkg:generic/{part.name}@{part.version}"
    return {
        "type": "library",
        "bom-ref": ref,
        "name": part.name,
        "version": part.version,
        "scope": "required",
        "licenses": [{"expression": part.licence}],
        "purl": ref,
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    target, parts = sys.argv[1], [further(Part(word)) for word in sys.argv[2:]]
    in_file, uses, about = linked(target), compiled(target), known(target)
    [program] = [package for package in in_file if package[0] == PROGRAM]

    described = component(program, about[program], "required")
    described["properties"] = [{"name": "target", "value": target}]
    dependencies = {purl(package): sorted(map(purl, used)) for package, used in uses.items()}
    dependencies[purl(program)] += [part["bom-ref"] for part in parts]
    time = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), datetime.timezone.utc)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "tools/sbom.py", "version": program[1]}]},
            "component": described,
        },
        "components": [
            component(package, about[package], "required" if package in in_file else "excluded")
            for package in sorted(uses)
            if package != program
        ]
        + parts,
        "dependencies": [{"ref": ref, "dependsOn": used} for ref, used in sorted(dependencies.items())]
        + [{"ref": part["bom-ref"], "dependsOn": []} for part in parts],
    }
    # the name of these very contents, not of this run
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True)).urn
    print(json.dumps(bill, indent=1, ensure_ascii=False))


main()

"""What is compiled into the program for one target, by cargo's own account: for the bill of materials and the licences."""

import json
import os
import subprocess
import sys

PROGRAM = "e2bscript"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cargo(*words):
    done = subprocess.run(["cargo", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"`cargo {' '.join(words)}` failed; its message is above")
    return done.stdout


def tree(target, edges):
    """(name, version) of each package -> those it uses, for the program alone: not for tests, other systems or the lab."""
    uses, above = {}, []
    words = ["--package", PROGRAM, "--target", target, "--edges", edges, "--prefix", "depth", "--format", " {p}"]
    for line in cargo("tree", "--locked", *words).splitlines():
        depth, name, version = line.split()[:3]
        package = (name, version.removeprefix("v"))
        uses.setdefault(package, set())
        del above[int(depth) :]
        if above:
            uses[above[-1]].add(package)
        above.append(package)
    return uses


def linked(target):
    """What is in the program's file; macros and build scripts, which run while it is compiled, are not."""
    return tree(target, "normal,no-proc-macro")


def compiled(target):
    """The same and what runs while it is compiled."""
    return tree(target, "normal,build")


def known(target):
    """(name, version) -> what the package says of itself, and its checksum by the lock file."""
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    name = version = None
    with open(os.path.join(ROOT, "Cargo.lock"), encoding="utf-8") as lock:
        for line in lock:
            key, _, value = line.strip().partition(" = ")
            value = value.strip('"')
            if key == "name":
                name = value
            elif key == "version":
                version = value
            elif key == "checksum" and (name, version) in packages:
                packages[(name, version)]["checksum"] = value
    return packages


class Part:
    """A part that is no package: NAME=VERSION@LICENCE, or NAME=VERSION@LICENCE:FILE with the licence's text."""

    def __init__(self, word):
        self.name, _, rest = word.partition("=")
        self.version, _, rest = rest.partition("@")
        self.licence, _, self.file = rest.partition(":")
        if not (self.name and self.version and self.licence):
            sys.exit(f"`{word}` is not NAME=VERSION@LICENCE[:FILE]")

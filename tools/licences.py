#!/usr/bin/env -S python3 -B
"""Writes the licences of all that is linked into the program for one target: who gives the file on gives them on with it.

Texts that are the same to the letter are there once.

Usage: tools/licences.py TARGET [NAME=VERSION@LICENCE:FILE…]   with further parts that are linked in and are no packages
"""

import os
import re
import sys

from linked import PROGRAM, Part, known, linked

TEXTS = re.compile(r"^(un)?licen[cs]e|^copying|^copyright|^notice", re.IGNORECASE)


def texts(directory):
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if TEXTS.match(name) and os.path.isfile(path):
            yield path


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.strip())
    target, parts = sys.argv[1], [Part(word) for word in sys.argv[2:]]
    about = known(target)
    rows, by_text = [], {}
    for package in sorted(linked(target)):
        if package[0] == PROGRAM:
            continue
        what = " ".join(package)
        rows.append(f"{what}: {about[package].get('license') or 'see its text'}")
        for path in texts(os.path.dirname(about[package]["manifest_path"])):
            with open(path, encoding="utf-8", errors="replace") as text:
                by_text.setdefault(text.read().strip(), []).append(what)
    for part in parts:
        what = f"{part.name} {part.version}"
        rows.append(f"{what}: {part.licence}")
        if part.file:
            with open(part.file, encoding="utf-8", errors="replace") as text:
                by_text.setdefault(text.read().strip(), []).append(what)

    print("This program is linked with the following, each under its licence. The texts that they come with are below.\n")
    print("\n".join(rows))
    for text, whose in sorted(by_text.items(), key=lambda one: one[1]):
        print(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(whose))}\n{'=' * 100}\n\n{text}")


main()

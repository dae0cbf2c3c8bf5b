"""What the groups of measurements stand on."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "e2bscript"


def expect(true, what, instead):
    if not true:
        sys.exit(f"expected {what}, got:\n{instead}")

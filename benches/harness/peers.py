"""What is measured against, where no package has it."""

import hashlib
import shutil
import subprocess
import sys

from harness import CACHE, HERE


def environment():
    """The Python of a virtual environment with the peers in it, made anew when the requirements change."""
    wanted = (HERE / "requirements.txt").read_bytes() + sys.version.encode()
    home = CACHE / f"bench-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python = home / "bin/python"
    if not (home / "complete").exists():
        print(f"installing the Python peers of benches/requirements.txt in {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([python, *install, "--requirement", HERE / "requirements.txt"], check=True)
        (home / "complete").touch()
    return python

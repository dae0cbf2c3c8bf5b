"""How things are measured: commands in turn, their times, and the rows of the table that they make."""

import contextlib
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time

from harness import HERE, ROOT, expect
from harness.lab import Lab
from harness.table import Row, seconds


class Bench:
    """Runs commands and keeps what they took; a group's functions get it, and the cluster that they need."""

    def __init__(self, options, scratch):
        self.options, self.scratch, self.rows = options, scratch, []
        self.e2bscript, self.e2blab = (str(options.bin.resolve() / name) for name in ("e2bscript", "e2blab"))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("E2B")},
            "XDG_STATE_HOME": str(scratch / "state"),
            "E2BSCRIPT_SSH_CONFIG": "none",
        }

    def alternate(self, runs, ours, peer=None, after=lambda: None):
        """Seconds of each run, ours and the peer's in turn; the first of each warms caches and does not count.

        A command that returns seconds has looked at the clock itself."""
        series = [ours, peer] if peer else [ours]
        times = [[] for _ in series]
        for turn in range(runs + 1):
            for command, seconds in zip(series, times):
                began = time.perf_counter()
                own = command()
                took = own if isinstance(own, float) else time.perf_counter() - began
                after()
                if turn:
                    seconds.append(took)
        return times if peer else times[0]

    def figure(self, name, times):
        """A figure that nothing is wanted of."""
        self.rows.append(Row(name, times, None, None, seconds(statistics.median(times)), "", True))

    def absolute(self, name, times, limit):
        middle = statistics.median(times)
        self.rows.append(Row(name, times, None, None, seconds(middle), f"≤ {seconds(limit)}", middle <= limit))

    def ratio(self, name, ours, peer_name, peer, what, limit):
        ratio = statistics.median(ours) / statistics.median(peer)
        if what == "throughput":
            ratio, met, sign = 1 / ratio, 1 / ratio >= limit, "≥"
        else:
            met, sign = ratio <= limit, "≤"
        self.rows.append(Row(name, ours, peer_name, peer, f"{ratio:.2f} × its {what}", f"{sign} {limit}", met))

    def ours(self, *arguments, env=None):
        return self.command([self.e2bscript, *arguments], env)

    def command(self, arguments, env=None):
        arguments = [str(argument) for argument in arguments]
        done = subprocess.run(
            arguments, cwd=ROOT, env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        expect(done.returncode == 0, f"`{' '.join(arguments[:3])} …` to succeed", done.stdout + done.stderr)
        return done

    @contextlib.contextmanager
    def lab(self, name, *shape):
        lab = Lab(self, name)
        try:
            lab.do("down")  # what a killed run left
            print(f"starting the rehearsal cluster {name}", file=sys.stderr)
            lab.do("up", *shape)
            lab.read()
            yield lab
        finally:
            lab.do("down")

    def versions(self):
        ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.split(",")[0]
        peers = [line.strip().replace("==", " ") for line in (HERE / "requirements.txt").open() if line.startswith("asyncssh")]
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        ours = f"{self.command([self.e2bscript, '--version']).stdout.strip()} (sources at {commit})"
        python = f"Python {platform.python_version()}"
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        return ", ".join([today, f"{os.cpu_count()} processors", ours, *peers, python, ssh])

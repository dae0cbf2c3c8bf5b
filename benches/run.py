#!/usr/bin/env python3
"""Whole commands against real peers, on rehearsal clusters that this program starts and removes.

Ours and the peer's runs alternate, so that what else the machine does meets both. `make bench` builds what is
measured and calls this; docs/benchmarks.md says what each figure means.
"""

import argparse
import contextlib
import fcntl
import pathlib
import signal
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources may be another user's

from groups import cluster, commands, nodes, platform, watch
from harness import CACHE, ROOT, peers
from harness.bench import Bench
from harness.table import table

# The groups by the cluster that they need, in the order of the table.
PLAN = [
    (None, [], {"start": commands.start}),
    ("bench32", nodes.SHAPE, {"hostname": nodes.hostname, "upload": nodes.upload, "tunnel": nodes.tunnel}),
    ("bench6", [], {
        "stage": cluster.stage, "watch": watch.watch, "services": cluster.services,
        "validate": platform.validate, "sandboxes": platform.sandboxes, "stream": platform.stream,
    }),
]

def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that labs are removed
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "bench.lock", "w") as lock, tempfile.TemporaryDirectory(prefix="e2bscript-bench-") as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would measure each other
        bench = Bench(options, pathlib.Path(scratch))
        measure(bench)
    missed = [row for row in bench.rows if not row.met]
    for row in missed:
        print(f"missed: {row.name}: {row.result}, wanted {row.target}")
    return 1 if missed and options.strict else 0

def arguments():
    groups = [name for _, _, groups in PLAN for name in groups]
    parser = argparse.ArgumentParser(description="Times e2bscript against its peers.")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target/release", help="where e2bscript and e2blab are")
    parser.add_argument("--only", action="append", choices=groups, help="this group alone; may be repeated")
    parser.add_argument("--runs", type=int, help="counted runs of each command, instead of each group's own number")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()

def measure(bench):
    only = bench.options.only
    if not only or "hostname" in only:
        bench.python = peers.environment()
    print(bench.versions(), flush=True)
    for name, shape, groups in PLAN:
        wanted = [group for title, group in groups.items() if not only or title in only]
        if not wanted:
            continue
        with bench.lab(name, *shape) if name else contextlib.nullcontext() as lab:
            for group in wanted:
                group(bench, lab)
    print(table(bench.rows))

if __name__ == "__main__":
    sys.exit(main())

"""The platform on a deployed cluster: validated, many sandboxes at once, output as it is written."""

import json
import time

from harness import HERE, expect
from harness.table import Row

SANDBOXES = 50
# The wire to the bastion, each way.
DELAY = 0.025


def validate(bench, lab):
    """What `validate-api.rhai` takes besides the time in which the services had its requests."""
    ready(bench, lab)
    own = []

    def run():
        before = lab.settled()
        began = time.perf_counter()
        stats = lab.events("validate-api.rhai", "--stats")[-1]["stats"]
        took = time.perf_counter() - began
        asked = sum(api["requests"] for api in stats["apis"] if api["api"] == "e2b")
        own.append(took - lab.served_since(before, asked))
        return took

    times = bench.alternate(bench.options.runs or 15, run)
    bench.figure("validate-api.rhai", times)
    bench.absolute("what is its own in it", own[1:], 0.150)


def sandboxes(bench, lab):
    ready(bench, lab)
    # the seed's tier allows 20
    allow = f"UPDATE public.tiers SET concurrent_instances = {SANDBOXES}"
    lab.inside("database-1", "runuser", "-u", "postgres", "--", "psql", "-qU", "superuser", "postgres", "-c", allow)
    connections = []

    def many():
        events = lab.events(HERE / "sandboxes.rhai", "--stats", "--count", SANDBOXES)
        found = next(event["value"] for event in events if event["type"] == "result")
        expect(found == {"said": [str(number) for number in range(SANDBOXES)], "left": 0}, "an answer of each, and none left", found)
        hosts = events[-1]["stats"]["hosts"]
        connections.append(next(host["connections"] for host in hosts if host["host"] == "bastion"))

    times = bench.alternate(bench.options.runs or 5, many)
    bench.figure(f"{SANDBOXES} sandboxes made, used and deleted at once", times)
    most = max(connections)
    bench.rows.append(Row("connections to the bastion in it", [], None, None, str(most), "1", most == 1))


def stream(bench, lab):
    """How late lines arrive that a process in a sandbox writes, over a wire with a round trip of 50 ms."""
    ready(bench, lab)
    late = []
    lab.do("fault", "delay", str(round(DELAY * 1000)))
    try:
        for _ in range(bench.options.runs or 3):
            late += json.loads(bench.ours(HERE / "stream.rhai", env=lab.env).stdout)
    finally:
        lab.do("fault", "heal")
    bench.absolute("first byte of a sandbox's output, round trip 50 ms", late, 2 * DELAY + 0.020)


def ready(bench, lab):
    """The services are there, a template, and a file with the keys."""
    bench.ours("deploy.rhai", "--quiet", env=lab.env)
    bench.ours("export-api-creds.rhai", "--quiet", env=lab.env)
    bench.ours("validate-api.rhai", "--quiet", env=lab.env)

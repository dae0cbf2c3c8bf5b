"""A cluster of the runbook's topology: staged, deployed, and deployed again."""

import datetime
import json
import re
import subprocess

from harness import ROOT, expect
from harness.table import Row


def stage(bench, lab):
    bench.ours("deploy.rhai", "--quiet", env=lab.env)
    trips = []

    def noop():
        lines = bench.ours("stage.rhai", "--json", env=lab.env).stdout.splitlines()
        end = json.loads(lines[-1])
        expect((end["type"], end["changed"]) == ("run_finished", 0), "a run without changes", end)
        trips.append(max(host["round_trips"] for host in end["hosts"] if host["host"] != "bastion"))

    times = bench.alternate(bench.options.runs or 9, noop)
    bench.absolute("second stage.rhai, 6 nodes", times, 1.5)
    most = max(trips)
    row = Row("round trips to a node in it", [], None, None, str(most), "≤ 4", most <= 4)
    bench.rows.append(row)


def services(bench, lab):
    """A deployment of one service again and again, watched from a server, and runs that find nothing to do."""
    bench.ours("deploy.rhai", "--quiet", env=lab.env)
    late, requests, lags = [], [], []
    for turn in range((bench.options.runs or 7) + 1):
        lab.set("API_MEMORY_MB", 64 + turn + 1)
        version = lab.newest_deployment("api")
        observer = lab.start("server-1", "sh", "-c", OBSERVER, "sh", "api", str(version))
        lines = bench.ours("deploy-services.rhai", "--json", "--stats", "--only", "api", env=lab.env).stdout.splitlines()
        healthy = int(observer.communicate(timeout=60)[0]) / 1e9
        events = [json.loads(line) for line in lines]
        said = next(event for event in events if event.get("message") == "api is healthy")
        if turn:
            late.append(datetime.datetime.fromisoformat(said["time"].replace("Z", "+00:00")).timestamp() - healthy)
            requests.append(events[-1]["stats"]["requests"])
    bench.absolute("from Nomad's \"successful\" to the flow's next step", late, 0.2)
    most = max(requests)
    bench.rows.append(Row("requests of one deployment", [], None, None, str(most), "≤ 40", most <= 40))
    lab.do("exec", "api-1", "--", "sh", "-c", "cp /opt/e2b/bin/e2b-api /root/good; printf '#!/bin/sh\\nexit 3\\n' > /root/bad; "
           "chmod 755 /root/bad; mv /root/bad /opt/e2b/bin/e2b-api")
    for turn in range(bench.options.runs or 5):
        lab.set("API_MEMORY_MB", 100 + turn)
        done = subprocess.run(
            [bench.e2bscript, "deploy-services.rhai", "--only", "api"],
            cwd=ROOT, env={**bench.environment, **lab.env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )
        known = re.search(r"known_for +([0-9.]+) s", done.stderr)
        expect(done.returncode == 1 and known, "a verdict", done.stdout + done.stderr)
        lags.append(float(known.group(1)))
    bench.absolute("from Nomad's \"unhealthy\" to the verdict of a crash", lags, 2.0)
    lab.do("exec", "api-1", "--", "mv", "/root/good", "/opt/e2b/bin/e2b-api")
    lab.set("API_MEMORY_MB", 64)
    bench.ours("restart.rhai", "api", env=lab.env)
    bench.ours("deploy.rhai", "--quiet", env=lab.env)

    def noop():
        end = json.loads(bench.ours("deploy.rhai", "--json", env=lab.env).stdout.splitlines()[-1])
        expect((end["type"], end["changed"]) == ("run_finished", 0), "a run without changes", end)

    bench.absolute("second deploy.rhai, 7 nodes", bench.alternate(bench.options.runs or 7, noop), 3.0)


# Prints the moment, in nanoseconds, in which a server first says that a newer deployment of a job is successful.
OBSERVER = """
index=1
while :; do
    answer=$(curl -s -D /tmp/observed "localhost:4646/v1/job/$1/deployments?index=$index&wait=60s")
    now=$(date +%s%N)
    case $(echo "$answer" | jq -r --argjson old "$2" 'map(select(.JobVersion > $old)) | map(.Status) | join(" ")') in
        *successful*) echo "$now"; exit;;
    esac
    index=$(tr -d '\\r' < /tmp/observed | sed -n 's/^X-Nomad-Index: //Ip')
done
"""

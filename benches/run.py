#!/usr/bin/env python3
"""Whole commands against real peers, on rehearsal clusters that this program starts and removes.

Ours and the peer's runs alternate, so that what else the machine does meets both. `make bench` builds what is
measured and calls this; docs/benchmarks.md says what each figure means.
"""

import argparse
import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "e2bscript"
UPLOAD = 512 << 20
NODES = 32


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that labs are removed
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "bench.lock", "w") as lock, tempfile.TemporaryDirectory(prefix="e2bscript-bench-") as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would measure each other
        bench = Bench(options, pathlib.Path(scratch))
        bench.run()
    missed = [row for row in bench.rows if not row.met]
    for row in missed:
        print(f"missed: {row.name}: {row.result}, wanted {row.target}")
    return 1 if missed and options.strict else 0


def arguments():
    parser = argparse.ArgumentParser(description="Times e2bscript against its peers.")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target/release", help="where e2bscript and e2blab are")
    parser.add_argument("--only", action="append", choices=GROUPS, help="this group alone; may be repeated")
    parser.add_argument("--runs", type=int, help="counted runs of each command, instead of each group's own number")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()


class Row:
    """One line of the table: a figure, its peer's where there is one, and what was wanted."""

    def __init__(self, name, ours, peer_name, peer, result, target, met):
        self.name, self.peer_name, self.result, self.target, self.met = name, peer_name, result, target, met
        self.cells = [name, spread(ours), peer_name or "", spread(peer) if peer else "", result, target, "yes" if met else "no"]


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch, self.rows = options, scratch, []
        self.e2bscript, self.e2blab = (str(options.bin.resolve() / name) for name in ("e2bscript", "e2blab"))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("E2B")},
            "XDG_STATE_HOME": str(scratch / "state"),
            "E2BSCRIPT_SSH_CONFIG": "none",
        }

    def run(self):
        groups = [group for group in GROUPS if not self.options.only or group in self.options.only]
        if "hostname" in groups:
            self.python = environment()
        print(self.versions(), flush=True)
        if "start" in groups:
            self.start()
        if {"hostname", "upload"} & set(groups):
            with self.lab("bench32", "--no-agents", "--servers=1", "--api=1", f"--clients={NODES - 2}", "--no-docker") as lab:
                if "hostname" in groups:
                    self.hostname(lab)
                if "upload" in groups:
                    self.upload(lab)
        if {"stage", "services"} & set(groups):
            with self.lab("bench6") as lab:
                if "stage" in groups:
                    self.stage(lab)
                if "services" in groups:
                    self.services(lab)
        print(table(self.rows))

    # --- what is measured

    def start(self):
        """Commands that talk to no host."""
        runs = self.options.runs or 20
        for name, limit, command in [
            ("start of an empty script", 0.015, [HERE / "empty.rhai"]),
            ("check of all built-in scripts", 0.150, ["check"]),
        ]:
            times = self.alternate(runs, lambda: self.ours(*command))
            self.absolute(name, times, limit)

    def hostname(self, lab):
        peer = [self.python, HERE / "hostname_asyncssh.py", lab.user, lab.key, lab.known_hosts, lab.bastion, *lab.hosts]

        def ours():
            said = json.loads(self.ours(HERE / "hostname.rhai", env=lab.env).stdout)
            expect(len({name.strip() for name in said}) == NODES, f"{NODES} names", said)

        def theirs():
            said = self.command(peer).stdout.split()
            expect(len(set(said)) == NODES, f"{NODES} names", said)

        times, theirs = self.alternate(self.options.runs or 9, ours, theirs)
        self.ratio(f"hostname on {NODES} nodes", times, "asyncssh", theirs, "time", 0.6)

    def upload(self, lab):
        local = self.scratch / "random"
        digest = hashlib.sha256()
        with local.open("wb") as file:
            for _ in range(UPLOAD >> 20):
                block = os.urandom(1 << 20)
                digest.update(block)
                file.write(block)
        to = "/home/ubuntu/random"

        def arrived():
            lab.inside("client-1", "sh", "-c", f"echo '{digest.hexdigest()}  {to}' | sha256sum --quiet -c && rm {to}")

        def ours():
            self.ours(HERE / "upload.rhai", "--from", local, "--to", to, env=lab.env)

        def theirs():
            self.command(["scp", "-q", "-F", lab.state / "ssh_config", local, f"client-1:{to}"])

        times, theirs = self.alternate(self.options.runs or 7, ours, theirs, after=arrived)
        self.ratio("512 MiB to a node", times, "scp", theirs, "throughput", 1.8)

    def stage(self, lab):
        self.ours("deploy.rhai", "--quiet", env=lab.env)
        trips = []

        def noop():
            lines = self.ours("stage.rhai", "--json", env=lab.env).stdout.splitlines()
            end = json.loads(lines[-1])
            expect((end["type"], end["changed"]) == ("run_finished", 0), "a run without changes", end)
            trips.append(max(host["round_trips"] for host in end["hosts"] if host["host"] != "bastion"))

        times = self.alternate(self.options.runs or 9, noop)
        self.absolute("second stage.rhai, 6 nodes", times, 1.5)
        most = max(trips)
        row = Row("round trips to a node in it", [], None, None, str(most), "≤ 4", most <= 4)
        self.rows.append(row)

    def services(self, lab):
        """A deployment of one service again and again, watched from a server, and runs that find nothing to do."""
        self.ours("deploy.rhai", "--quiet", env=lab.env)
        late, requests, lags = [], [], []
        for turn in range((self.options.runs or 7) + 1):
            lab.set("API_MEMORY_MB", 64 + turn + 1)
            version = lab.newest_deployment("api")
            observer = lab.start("server-1", "sh", "-c", OBSERVER, "sh", "api", str(version))
            lines = self.ours("deploy-services.rhai", "--json", "--stats", "--only", "api", env=lab.env).stdout.splitlines()
            healthy = int(observer.communicate(timeout=60)[0]) / 1e9
            events = [json.loads(line) for line in lines]
            said = next(event for event in events if event.get("message") == "api is healthy")
            if turn:
                late.append(datetime.datetime.fromisoformat(said["time"].replace("Z", "+00:00")).timestamp() - healthy)
                requests.append(events[-1]["stats"]["requests"])
        self.absolute("from Nomad's \"successful\" to the flow's next step", late, 0.2)
        most = max(requests)
        self.rows.append(Row("requests of one deployment", [], None, None, str(most), "≤ 40", most <= 40))
        lab.do("exec", "api-1", "--", "sh", "-c", "cp /opt/e2b/bin/e2b-api /root/good; printf '#!/bin/sh\\nexit 3\\n' > /root/bad; "
               "chmod 755 /root/bad; mv /root/bad /opt/e2b/bin/e2b-api")
        for turn in range(self.options.runs or 5):
            lab.set("API_MEMORY_MB", 100 + turn)
            done = subprocess.run(
                [self.e2bscript, "deploy-services.rhai", "--only", "api"],
                cwd=ROOT, env={**self.environment, **lab.env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            )
            known = re.search(r"known_for +([0-9.]+) s", done.stderr)
            expect(done.returncode == 1 and known, "a verdict", done.stdout + done.stderr)
            lags.append(float(known.group(1)))
        self.absolute("from Nomad's \"unhealthy\" to the verdict of a crash", lags, 2.0)
        lab.do("exec", "api-1", "--", "mv", "/root/good", "/opt/e2b/bin/e2b-api")
        lab.set("API_MEMORY_MB", 64)
        self.ours("restart.rhai", "api", env=lab.env)
        self.ours("deploy.rhai", "--quiet", env=lab.env)

        def noop():
            end = json.loads(self.ours("deploy.rhai", "--json", env=lab.env).stdout.splitlines()[-1])
            expect((end["type"], end["changed"]) == ("run_finished", 0), "a run without changes", end)

        self.absolute("second deploy.rhai, 7 nodes", self.alternate(self.options.runs or 7, noop), 3.0)

    # --- how

    def alternate(self, runs, ours, peer=None, after=lambda: None):
        """Seconds of each run, ours and the peer's in turn; the first of each warms caches and does not count."""
        series = [ours, peer] if peer else [ours]
        times = [[] for _ in series]
        for turn in range(runs + 1):
            for command, seconds in zip(series, times):
                began = time.perf_counter()
                command()
                took = time.perf_counter() - began
                after()
                if turn:
                    seconds.append(took)
        return times if peer else times[0]

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


class Lab:
    """A rehearsal cluster and what its deploy.env says."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name

    def do(self, *arguments):
        return self.bench.command([self.bench.e2blab, "--name", self.name, *arguments])

    def inside(self, node, *command):
        self.do("exec", node, "--", *command)

    def start(self, node, *command):
        """A command as root on a node, left to itself."""
        arguments = [self.bench.e2blab, "--name", self.name, "exec", node, "--", *command]
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def newest_deployment(self, job):
        """The version of the job that was deployed last."""
        ask = f"curl -sf localhost:4646/v1/job/{job}/deployments | jq 'map(.JobVersion) | max'"
        return int(self.do("exec", "server-1", "--", "sh", "-c", ask).stdout)

    def set(self, name, value):
        """Changes one line of the lab's deploy.env."""
        file = pathlib.Path(self.env["E2BSCRIPT_ENV_FILE"])
        file.write_text(re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", file.read_text()))

    def read(self):
        file = pathlib.Path(self.do("env").stdout.strip())
        self.state, self.env = file.parent, {"E2BSCRIPT_ENV_FILE": str(file)}
        values = dict(line.split("=", 1) for line in file.read_text().splitlines() if re.match(r"\w+=", line))
        self.user, self.key, self.known_hosts, self.bastion = (
            values[name] for name in ("SSH_USER", "SSH_KEY", "KNOWN_HOSTS_FILE", "BASTION_HOST")
        )
        pools = (values[f"{pool}_POOL_PRIVATE"] for pool in ("SERVER", "API", "CLIENT"))
        self.hosts = [host for pool in pools for host in pool.split(",") if host]


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


def expect(true, what, instead):
    if not true:
        sys.exit(f"expected {what}, got:\n{instead}")


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms" if value < 0.5 else f"{value:.2f} s"


def spread(times):
    return f"{seconds(statistics.median(times))} (min {seconds(min(times))}, n {len(times)})" if times else ""


def table(rows):
    head = ["what", "e2bscript: median", "peer", "peer: median", "result", "target", "met"]
    lines = [head, ["---"] * len(head), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


GROUPS = ["start", "hostname", "upload", "stage", "services"]

if __name__ == "__main__":
    sys.exit(main())

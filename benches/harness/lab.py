"""A rehearsal cluster while it is measured on."""

import json
import pathlib
import re
import subprocess
import time

from harness import expect


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

    def events(self, *arguments):
        """What a run on it tells for programs."""
        return [json.loads(line) for line in self.bench.ours(*arguments, "--json", env=self.env).stdout.splitlines()]

    def served(self):
        """By the logs of the API and the client-proxy: how many requests they had, and for how many seconds in all.

        What the API asks the client-proxy (`/v1/…`) is in the API's own times already.
        """
        logs = " ".join(f"/opt/nomad/data/alloc/*/alloc/logs/{name}.stderr.*" for name in ("api", "client-proxy"))
        said = self.do("exec", "api-1", "--", "sh", "-c", f"cat {logs}").stdout
        times = re.findall(r"(?m)^[A-Z]+ (?!/v1/)/\S* (?:\d+|cut) ([0-9.]+) ms$", said)
        return len(times), sum(map(float, times)) / 1000

    def settled(self):
        """What `served` says once the last lines are written down."""
        last = self.served()
        while True:
            time.sleep(0.5)
            now = self.served()
            if now == last:
                return now
            last = now

    def served_since(self, before, requests):
        """The seconds of the requests that came since, when that many did; Nomad takes a moment to write them down."""
        for _ in range(50):
            count, seconds = (now - then for now, then in zip(self.served(), before))
            if count >= requests:
                break
            time.sleep(0.1)
        expect(count == requests, f"{requests} requests in the logs of the services", count)
        return seconds

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

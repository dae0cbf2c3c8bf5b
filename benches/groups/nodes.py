"""Many nodes, and much data to and from one of them."""

import hashlib
import json
import os
import socket
import subprocess
import sys

from harness import HERE, expect

NODES = 32
SHAPE = ["--no-agents", "--servers=1", "--api=1", f"--clients={NODES - 2}", "--no-docker"]
MUCH = 512 << 20
# Where `tunnel.rhai --only proxy` leads to; nothing else listens there on such a cluster.
PORT = "3002"


def hostname(bench, lab):
    peer = [bench.python, HERE / "hostname_asyncssh.py", lab.user, lab.key, lab.known_hosts, lab.bastion, *lab.hosts]

    def ours():
        said = json.loads(bench.ours(HERE / "hostname.rhai", env=lab.env).stdout)
        expect(len({name.strip() for name in said}) == NODES, f"{NODES} names", said)

    def theirs():
        said = bench.command(peer).stdout.split()
        expect(len(set(said)) == NODES, f"{NODES} names", said)

    times, theirs = bench.alternate(bench.options.runs or 9, ours, theirs)
    bench.ratio(f"hostname on {NODES} nodes", times, "asyncssh", theirs, "time", 0.6)


def upload(bench, lab):
    local = bench.scratch / "random"
    digest = hashlib.sha256()
    with local.open("wb") as file:
        for _ in range(MUCH >> 20):
            block = os.urandom(1 << 20)
            digest.update(block)
            file.write(block)
    to = "/home/ubuntu/random"

    def arrived():
        lab.inside("client-1", "sh", "-c", f"echo '{digest.hexdigest()}  {to}' | sha256sum --quiet -c && rm {to}")

    def ours():
        bench.ours(HERE / "upload.rhai", "--from", local, "--to", to, env=lab.env)

    def theirs():
        bench.command(["scp", "-q", "-F", lab.state / "ssh_config", local, f"client-1:{to}"])

    times, theirs = bench.alternate(bench.options.runs or 7, ours, theirs, after=arrived)
    bench.ratio("512 MiB to a node", times, "scp", theirs, "throughput", 1.8)


def tunnel(bench, lab):
    """The same bytes through both tunnels; what is timed is the transfer, not how the tunnel comes up."""
    there = "/root/random"
    said = lab.do("exec", "api-1", "--", "sh", "-c", f"head -c {MUCH} /dev/urandom > {there} && sha256sum {there}").stdout
    server = lab.start("api-1", "perl", "-e", SERVER, PORT, there)
    expect(server.stdout.readline() == "ready\n", "a server on api-1", "nothing")
    fetch = [sys.executable, HERE / "fetch.py", MUCH]

    def seconds(fetched):
        seconds, digest = fetched.split()[-2:]
        expect(digest == said.split()[0], f"the sum {said}", fetched)
        return float(seconds)

    def ours():
        return seconds(bench.ours("tunnel.rhai", "--quiet", "--only", "proxy", "--", *fetch, env=lab.env).stdout)

    def theirs():
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # the remote command starts when the port is open, and ends with its input
        command = ["ssh", "-F", lab.state / "ssh_config", "-L", f"{port}:127.0.0.1:{PORT}", "api-1", "echo ready; exec cat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ssh:
            expect(ssh.stdout.readline() == "ready\n", "a tunnel of ssh", "nothing")
            fetched = bench.command([*fetch, f"127.0.0.1:{port}"]).stdout
            ssh.stdin.close()
        return seconds(fetched)

    times, theirs = bench.alternate(bench.options.runs or 7, ours, theirs)
    bench.ratio("512 MiB through a tunnel", times, "ssh -L", theirs, "throughput", 0.9)
    server.terminate()


# Sends a file to whoever connects.
SERVER = """
use IO::Socket::INET;
my ($port, $file) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 8, ReuseAddr => 1) or die $@;
$SIG{PIPE} = "IGNORE";
$| = 1;
print "ready\\n";
while (my $peer = $listener->accept) {
    open my $from, "<", $file or die $!;
    while (sysread $from, my $piece, 1 << 20) {
        for (my $at = 0; $at < length $piece; ) { $at += syswrite($peer, $piece, length($piece) - $at, $at) // last; }
    }
    close $peer;
}
"""

"""`hostname` on all hosts at once with asyncssh: one connection to the bastion, all others through it.

Usage: hostname_asyncssh.py USER KEY KNOWN_HOSTS BASTION HOST…
"""

import asyncio
import sys

import asyncssh


async def main(user, key, known_hosts, bastion, hosts):
    how = {"username": user, "client_keys": [key], "known_hosts": known_hosts, "config": None, "agent_path": None}

    async def hostname(host, tunnel):
        async with asyncssh.connect(host, tunnel=tunnel, **how) as connection:
            return (await connection.run("hostname", check=True)).stdout

    async with asyncssh.connect(bastion, **how) as tunnel:
        for name in await asyncio.gather(*(hostname(host, tunnel) for host in hosts)):
            print(name, end="")


user, key, known_hosts, bastion, *hosts = sys.argv[1:]
asyncio.run(main(user, key, known_hosts, bastion, hosts))

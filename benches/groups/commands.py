"""Commands that talk to no host."""

from harness import HERE


def start(bench, _):
    runs = bench.options.runs or 20
    for name, limit, command in [
        ("start of an empty script", 0.015, [HERE / "empty.rhai"]),
        ("check of all built-in scripts", 0.150, ["check"]),
    ]:
        times = bench.alternate(runs, lambda: bench.ours(*command))
        bench.absolute(name, times, limit)

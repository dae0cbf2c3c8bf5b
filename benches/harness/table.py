"""The table of what was seen."""

import statistics


class Row:
    """One line of the table: a figure, its peer's where there is one, and what was wanted."""

    def __init__(self, name, ours, peer_name, peer, result, target, met):
        self.name, self.peer_name, self.result, self.target, self.met = name, peer_name, result, target, met
        verdict = "" if not target else "yes" if met else "no"
        self.cells = [name, spread(ours), peer_name or "", spread(peer) if peer else "", result, target, verdict]


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms" if value < 0.5 else f"{value:.2f} s"


def spread(times):
    return f"{seconds(statistics.median(times))} (min {seconds(min(times))}, n {len(times)})" if times else ""


def table(rows):
    head = ["what", "e2bscript: median", "peer", "peer: median", "result", "target", "met"]
    lines = [head, ["---"] * len(head), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

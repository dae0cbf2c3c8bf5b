"""`watch` beside a staged cluster: from a save to the check's verdict, and to the end of the plan."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from harness import ROOT, expect


def watch(bench, lab):
    bench.ours("deploy.rhai", "--quiet", env=lab.env)
    project = bench.scratch / "watched"
    for folder in ("scripts", "stdlib"):
        (project / folder).mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts/stage.rhai", project / "scripts")
    tests = shutil.copy(ROOT / "stdlib/stage.test.rhai", project / "stdlib")
    configuration = project / "deploy.env"
    shutil.copy(lab.env["E2BSCRIPT_ENV_FILE"], configuration)  # with its mode
    with configuration.open("a") as file:
        file.write(f"DEPLOY_TREE={ROOT}\n")
    environment = {**bench.environment, "E2BSCRIPT_ENV_FILE": str(configuration)}
    runs = bench.options.runs or 15
    with watching(bench, project, environment) as rounds:
        saved = [rounds.after(script) for _ in range(runs + 1)][1:]
        expect(all(one.words.endswith("passed, unchanged") for one in saved), "tests that need not run", saved[0].words)
        bench.absolute("from a save to the verdict of the check", [one.verdict for one in saved], 0.150)
        bench.absolute("from a save to the plan of stage.rhai, 6 nodes", [one.plan for one in saved], 0.700)
        tested = [rounds.after(tests) for _ in range(runs + 1)][1:]
        expect(all(one.words.endswith("ms)") for one in tested), "tests that run", tested[0].words)
        bench.absolute("the same with the flow's tests in between", [one.plan for one in tested], 0.700)


@contextlib.contextmanager
def watching(bench, project, environment):
    process = subprocess.Popen(
        [bench.e2bscript, "watch", "stage.rhai", "--json"],
        cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        rounds = Rounds(process)
        rounds.read(0)
        yield rounds
    finally:
        process.terminate()
        process.communicate()


class Round:
    """What one save led to: seconds to the verdict and to the plan's end, and what was said of the tests."""

    verdict = plan = words = None


class Rounds:
    def __init__(self, process):
        self.process, self.count = process, 0

    def after(self, file):
        """Saves a file as editors do, with one more line of comment, and follows the round that comes of it."""
        self.count += 1
        file = pathlib.Path(file)
        beside = file.with_suffix(".tmp")
        beside.write_text(f"{file.read_text()}// {self.count}\n")
        time.sleep(0.1)  # whoever edits takes longer; the watch has come to rest by then
        began = time.perf_counter()
        os.replace(beside, file)
        return self.read(began)

    def read(self, began):
        """The round up to the moment in which the watch waits again."""
        seen = Round()
        for line in self.process.stdout:
            event, took = json.loads(line), time.perf_counter() - began
            message = event.get("message", "")
            if event["type"] == "log" and message.startswith("check: "):
                expect(message.startswith("check: nothing found"), "a script without mistakes", message)
                seen.verdict = took
            elif event["type"] == "log" and message.startswith("tests: "):
                seen.words = message
            elif event["type"] == "run_finished":
                expect((event["exit_code"], event["changed"]) == (0, 0), "a plan without changes", event)
                seen.plan = took
            elif message.startswith("watching "):
                return seen
        expect(False, "a watch that goes on", self.process.stderr.read())

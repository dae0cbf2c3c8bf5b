"""What a program does with the official Python SDK, from a template of its own to a sandbox's end.

It knows of the platform what the environment says (E2B_…). It ends with a word on stdout, or as an assertion fails.
"""

import pathlib
import tempfile
import uuid

from e2b import (
    CommandExitException,
    FileNotFoundException,
    FileType,
    Sandbox,
    SandboxNotFoundException,
    SandboxQuery,
    SandboxState,
    Template,
)

NAME = "sdk-python"


def build():
    """A template with files of this machine in it; built twice, the second time without sending them again."""
    with tempfile.TemporaryDirectory() as context:
        app = pathlib.Path(context, "app")
        (app / "conf").mkdir(parents=True)
        (app / "main.sh").write_text("echo from the template: $GREETING\n")
        (app / "conf/name").write_text("python\n")
        # what was sent once is not sent again, by no run
        (app / "run").write_text(str(uuid.uuid4()))
        (pathlib.Path(context) / "note.txt").write_text("a note\n")
        template = (
            Template(file_context_path=context)
            .from_image("debian:12")
            .set_envs({"GREETING": "hello"})
            .copy("app", "/opt/app", mode=0o755)
            .copy("note.txt", "/home/user/notes/", user="user")
            .run_cmd("cat /opt/app/conf/name > /opt/built-by", user="root")
            .set_start_cmd("sleep 1000", "test -f /opt/built-by")
        )
        for sent in ("Uploaded 'app'", "Skipping upload of 'app', already cached"):
            said = []
            Template.build(template, NAME, cpu_count=1, memory_mb=512, on_build_logs=lambda entry: said.append(entry.message))
            assert any(sent in line for line in said), (sent, said)
        assert Template.exists(NAME)

        broken = Template(file_context_path=context).from_image("debian:12").copy("app", "/opt/app").run_cmd("exit 3")
        try:
            Template.build(broken, f"{NAME}-broken", cpu_count=1, memory_mb=512)
        except Exception as error:
            assert "exit 3" in str(error), error
        else:
            raise AssertionError("a build whose step fails has failed")


def commands(sandbox):
    result = sandbox.commands.run("sh /opt/app/main.sh; cat /opt/built-by; ls -l /home/user/notes")
    assert result.stdout.startswith("from the template: hello\npython\n"), result
    assert "user user" in result.stdout and "note.txt" in result.stdout, result

    heard = []
    result = sandbox.commands.run(
        "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo oops >&2; echo $OWN in $PWD",
        on_stdout=lambda piece: heard.append(("out", piece)),
        on_stderr=lambda piece: heard.append(("err", piece)),
        envs={"OWN": "mine"},
        cwd="/tmp",
    )
    assert result.exit_code == 0 and result.stdout == "line 1\nline 2\nline 3\nmine in /tmp\n", result
    assert ("err", "oops\n") in heard and len(heard) >= 4, heard
    try:
        sandbox.commands.run("exit 7")
        raise AssertionError("a command that fails is an exception")
    except CommandExitException as failed:
        assert failed.exit_code == 7, failed

    reader = sandbox.commands.run("read line; echo got $line", background=True, stdin=True)
    sandbox.commands.send_stdin(reader.pid, "over stdin\n")
    assert reader.wait().stdout == "got over stdin\n"
    sleep = sandbox.commands.run("sleep 100", background=True)
    assert sleep.pid in [process.pid for process in sandbox.commands.list()]
    assert sandbox.commands.kill(sleep.pid)
    try:
        sleep.wait()
        raise AssertionError("a command that was killed is an exception")
    except CommandExitException:
        pass
    assert not sandbox.commands.kill(sleep.pid)


def files(sandbox):
    text = "über\n" * 1000
    written = sandbox.files.write("/tmp/sdk/a.txt", text)
    assert written.path == "/tmp/sdk/a.txt", written
    assert sandbox.files.read("/tmp/sdk/a.txt") == text
    assert sandbox.files.read("/tmp/sdk/a.txt", format="bytes") == text.encode()
    assert sandbox.files.make_dir("/tmp/sdk/sub") and not sandbox.files.make_dir("/tmp/sdk/sub")
    sandbox.files.write_files([{"path": "/tmp/sdk/sub/b", "data": b"\x00\xff"}, {"path": "/tmp/sdk/c", "data": "c"}])
    assert sandbox.files.read("/tmp/sdk/sub/b", format="bytes") == b"\x00\xff"
    assert sorted(entry.name for entry in sandbox.files.list("/tmp/sdk")) == ["a.txt", "c", "sub"]
    info = sandbox.files.get_info("/tmp/sdk/a.txt")
    assert (info.name, info.type, info.path) == ("a.txt", FileType.FILE, "/tmp/sdk/a.txt"), info
    assert sandbox.files.rename("/tmp/sdk/c", "/tmp/sdk/d").path == "/tmp/sdk/d"
    assert sandbox.files.exists("/tmp/sdk/d") and not sandbox.files.exists("/tmp/sdk/c")

    watch = sandbox.files.watch_dir("/tmp/sdk")
    sandbox.files.write("/tmp/sdk/seen", "x")
    assert "seen" in [event.name for event in watch.get_new_events()]
    watch.stop()
    sandbox.files.remove("/tmp/sdk/sub")
    assert not sandbox.files.exists("/tmp/sdk/sub/b")
    try:
        sandbox.files.read("/tmp/sdk/none")
        raise AssertionError("a file that is not there is an exception")
    except FileNotFoundException:
        pass


def listed(**query):
    paginator = Sandbox.list(query=SandboxQuery(metadata={"by": NAME}, **query), limit=1)
    found = []
    while paginator.has_next:
        found += paginator.next_items()
    return {info.sandbox_id for info in found}


def rests_and_goes_on(sandbox):
    """Paused and connected to again: its files are there, and it is the same."""
    sandbox.commands.run("echo kept > /home/user/kept")
    sandbox.pause()
    assert listed(state=[SandboxState.PAUSED]) == {sandbox.sandbox_id}
    again = Sandbox.connect(sandbox.sandbox_id, timeout=120)
    assert again.sandbox_id == sandbox.sandbox_id and again.is_running()
    assert again.files.read("/home/user/kept") == "kept\n"
    return again


def main():
    build()
    with Sandbox.create(NAME, timeout=120, metadata={"by": NAME}, envs={"OF_ALL": "yes"}) as sandbox:
        other = Sandbox.create(NAME, timeout=120, metadata={"by": NAME})
        assert listed() == {sandbox.sandbox_id, other.sandbox_id}
        assert other.kill()
        assert listed(state=[SandboxState.RUNNING]) == {sandbox.sandbox_id}
        assert sandbox.is_running() and sandbox.get_info().metadata == {"by": NAME}
        assert sandbox.commands.run("echo $OF_ALL").stdout == "yes\n"
        commands(sandbox)
        files(sandbox)
        sandbox.set_timeout(200)
        again = rests_and_goes_on(sandbox)
        assert again.kill() and not again.kill()
        assert not again.is_running()
    assert listed() == set()
    try:
        Sandbox.connect(sandbox.sandbox_id)
        raise AssertionError("a sandbox that was killed is no more")
    except SandboxNotFoundException:
        pass
    print("the Python SDK is content")


main()

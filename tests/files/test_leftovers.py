"""What is being written is called by its owner, and what killed processes have left is removed by the next."""

import ast
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pcneuro.errors import OutputError
from pcneuro.files import leftovers as module
from pcneuro.files import write_atomically
from pcneuro.files.leftovers import finished, scratch, unfinished
from pcneuro.studies.output import Output

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="whether a process lives is not asked there")


TWICE = """
folder = Path(sys.argv[1]) / "{name}"
folder.mkdir()
for _ in range(2):
    child = os.fork()
    if child == 0:
        write_half(folder)
        os._exit(1)
    print(("{name}", os.waitpid(child, 0)[1], os.listdir(folder)))
"""
"""In one process, which takes long to start, two of each writer that are killed after each other."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def in_another_process(code, folder):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    )


WRITERS = {
    "file": (
        """
        import os, signal, sys
        from pathlib import Path
        from pcneuro.files import write_atomically

        def write(file):
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        def write_half(folder):
            write_atomically(folder / "out", write, overwrite=False)
        """,
        lambda folder: write_atomically(folder / "out", lambda file: file.write(b"whole"), overwrite=False),
    ),
    "folder": (
        """
        import os, signal, sys
        from pathlib import Path
        from pcneuro.studies.output import Output

        def write_half(folder):
            with Output(folder / "out", "x", overwrite=False) as output:
                output.write("a.txt", lambda path: path.write_text("half"))
                output.stream("events.nc").write_text("half")
                os.kill(os.getpid(), signal.SIGKILL)
        """,
        lambda folder: committed(folder / "out"),
    ),
    "scratch": (
        """
        import os, signal, sys
        from pathlib import Path
        from pcneuro.files import scratch

        def write_half(folder):
            with scratch(folder, ".out.") as place:
                place.mkdir()
                (place / "arrived").write_text("half")
                os.kill(os.getpid(), signal.SIGKILL)
        """,
        lambda folder: (folder / "out").write_text("whole") if unfinished(folder, ".out.") else None,
    ),
}


def committed(path):
    with Output(path, "x", overwrite=False) as output:
        output.write("a.txt", lambda place: place.write_text("whole"))
        output.commit()


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder in which each writer has been killed twice, and what each of the two has told of its end."""
    folder = tmp_path_factory.mktemp("killed")
    code = "".join(textwrap.dedent(killed) + TWICE.format(name=name) for name, (killed, _) in WRITERS.items())
    process = in_another_process(code, folder)
    told, _ = process.communicate()
    assert process.returncode == 0
    return folder, [ast.literal_eval(line) for line in told.splitlines()]


@posix
@pytest.mark.parametrize(("name", "again"), [(name, again) for name, (_, again) in WRITERS.items()], ids=WRITERS)
def test_the_next_run_removes_what_a_kill_has_left(killed, name, again):
    folder, told = killed
    first, second = ((status, left) for writer, status, left in told if writer == name)
    for status, left in (first, second):
        assert (os.WTERMSIG(status), len(left)) == (signal.SIGKILL, 1)
        assert left[0].startswith(".out.")
    assert first[1] != second[1]  # the second one has removed what the first one left
    again(folder / name)
    assert names(folder / name) == ["out"]


@posix
def test_what_a_living_process_writes_is_left_alone(tmp_path):
    code = """
    import sys
    from pathlib import Path
    from pcneuro.files import unfinished

    unfinished(Path(sys.argv[1]), ".out.").write_text("half")
    print("written", flush=True)
    sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "written\n"
        before = names(tmp_path)
        write_atomically(tmp_path / "out", lambda file: file.write(b"whole"), overwrite=False)
        assert names(tmp_path) == [*before, "out"]
    finally:
        process.kill()
        process.communicate()
    write_atomically(tmp_path / "out", lambda file: file.write(b"again"), overwrite=True)
    assert names(tmp_path) == ["out"]


def test_what_this_process_has_not_finished_is_left_alone(tmp_path):
    first = unfinished(tmp_path, ".out.")
    first.write_text("half")
    with scratch(tmp_path, ".out.") as second:
        second.mkdir()
        assert names(tmp_path) == sorted([first.name, second.name])
    finished(first)
    assert names(tmp_path) == []


@posix
def test_what_cannot_be_known_to_have_ended_is_left_alone(tmp_path, monkeypatch):
    """On another machine, or of another user; and what only looks like it."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = module._machine()
    kept = [f".out.00000000-{ended.pid}-00000000", ".out.mine", f".out.{here}-{ended.pid}-0", ".out.more.txt"]
    gone = f".out.{here}-{ended.pid}-00000000"
    for name in (*kept, gone, f".out.x.{here}-{ended.pid}-00000000"):
        (tmp_path / name).touch()
    unfinished(tmp_path, ".out.")
    assert names(tmp_path) == sorted([*kept, f".out.x.{here}-{ended.pid}-00000000"])

    def refused(process, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    (tmp_path / gone).touch()
    unfinished(tmp_path, ".out.")
    assert gone in names(tmp_path)


@pytest.mark.parametrize("error", [OSError("no"), ZeroDivisionError(), KeyboardInterrupt()], ids=repr)
def test_what_fails_leaves_nothing(tmp_path, error):
    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises((OutputError, type(error))):
        write_atomically(tmp_path / "out", write, overwrite=False)
    assert names(tmp_path) == []


def test_long_and_odd_names(tmp_path):
    for name in ("a" * 250, "[ab]*?", "ü" * 120):
        write_atomically(tmp_path / name, lambda file: file.write(b"whole"), overwrite=False)
        assert names(tmp_path) == [name]
        (tmp_path / name).unlink()


@posix
def test_a_file_may_be_read_as_the_users_mask_has_it(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "out", lambda file: file.write(b"whole"), overwrite=False)
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640

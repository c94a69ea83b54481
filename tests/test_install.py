"""What `make` says while it installs: tools/install.py, with a program in pip's place."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.install import Progress, install

PIP = """
import sys, time
from pathlib import Path
print("Obtaining file:///somewhere")
print("WARNING: of something")
print("Collecting numpy>=2.2 (from pcneuro==0.2.0)")
print("  Downloading numpy-2.4.6-cp311.whl (16.6 MB)")
print("Collecting rich>=13.9 (from pcneuro==0.2.0)", flush=True)
print("Installing collected packages: rich, numpy, pcneuro", flush=True)
for name in ("rich", "numpy"):
    (Path(sys.argv[1]) / f"{name}-1.dist-info").mkdir()
if sys.argv[2] == "broken":
    print("ERROR: no such extra")
    sys.exit(3)
"""


@pytest.fixture
def packages(tmp_path):
    """A folder of packages that has two already, one of which will be there again."""
    for name in ("pip-23", "pcneuro-1"):
        (tmp_path / f"{name}.dist-info").mkdir()
    return tmp_path


def test_it_says_how_far_it_is_and_leaves_out_what_pip_says(packages, capfd):
    assert install("whole", packages, (sys.executable, "-c", PIP, str(packages))) == 0
    out, err = capfd.readouterr()
    lines = [line.split(",")[0].strip() for line in out.splitlines()]
    assert (lines[0], lines[-1], err) == ("asking what is needed", "packages installed: 3 of 3", "")


def test_where_pip_fails_all_that_it_said_is_there(packages, capfd):
    assert install("broken", packages, (sys.executable, "-c", PIP, str(packages))) == 3
    err = capfd.readouterr().err
    assert err.startswith("Obtaining file:///somewhere\n")
    assert err.endswith("ERROR: no such extra\n")


def test_progress_goes_from_what_is_needed_to_what_has_arrived(packages):
    progress = Progress(packages)
    said = [str(progress)]
    for line in ("Collecting a", "  Downloading a", "Collecting b>=1 (from a)", "Installing collected packages: a, b"):
        progress.read(line)
        said.append(str(progress))
    (packages / "b-1.dist-info").mkdir()
    assert [*said, str(progress)] == [
        "asking what is needed",
        "packages downloaded: 1",
        "packages downloaded: 1",
        "packages downloaded: 2",
        "packages installed: 0 of 2",
        "packages installed: 1 of 2",
    ]


def test_make_keeps_the_python_files_that_are_compiled_at_the_first_import(tmp_path):
    text = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    (tmp_path / "Makefile").write_text(f"{text}\nshow:\n\t@echo kept: $$PYTHONDONTWRITEBYTECODE\n")
    command = ["env", "PYTHONDONTWRITEBYTECODE=1", "make", "-C", str(tmp_path), "--no-print-directory", "show"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "kept:\n"

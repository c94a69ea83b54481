"""Wheel and sdist: what is in them, and that a wheel works in an environment of its own, without a clone."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import pcneuro as pcn

ROOT = Path(__file__).parents[1]
EXAMPLES = "pcneuro/examples/"
MOST = 3_000_000
"""Bytes of a distribution."""
UNWANTED = ("tests", "__pycache__", ".pyc", ".nbi", ".nbc", "benchmarks", "docs", "results", ".git/")


def do(*command, folder, **environment):
    """Run a command in a folder, as somebody who has no clone; returns what it printed."""
    known = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    arguments = [str(part) for part in command]
    done = subprocess.run(
        arguments, cwd=folder, env=known | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist, as `make dist` builds them."""
    folder = tmp_path_factory.mktemp("dist")
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    do(sys.executable, "-m", "hatchling", "build", "-d", folder, folder=ROOT, **paths)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The commands of an environment that the wheel is installed in, and what it needs is borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    commands = folder / "bin"
    do(
        *(sys.executable, "-m", "pip", "--python", commands / "python", "install", "--no-deps", "--no-index"),
        *("--no-compile", "--quiet", "--disable-pip-version-check", built[0]),
        folder=folder,
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if Path(path).is_dir() and Path(path).resolve() != ROOT]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return commands


def wheel_names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def files(folder, *endings):
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.name.endswith(endings)}


def test_the_wheel_has_the_package_the_examples_and_the_licence(built):
    names = set(wheel_names(built[0]))
    about = f"pcneuro-{pcn.__version__}.dist-info/"
    rest = {name for name in names if not name.startswith(about)}
    examples = {f"{EXAMPLES}{name}" for folder in ("circuits", "simulations") for name in files(folder, ".py", ".toml")}
    package = files("pcneuro", ".py", ".toml", ".csv", ".css", ".js", ".typed")
    assert {"pcneuro/py.typed", "pcneuro/version.py", "pcneuro/mapping/chips/loihi.toml"} <= package
    assert package | examples <= rest
    assert {f"{about}{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE")} <= names
    assert not [name for name in names if any(part in name for part in UNWANTED)]
    assert all(name.startswith("pcneuro/") for name in rest)


def test_the_sdist_has_what_a_wheel_is_built_of(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "PKG-INFO"}
    examples = {f"{EXAMPLES}{name}" for name in names if name.startswith(("circuits/", "simulations/"))}
    package = {name for name in names if name.startswith("pcneuro/")}
    assert needed <= names
    assert not [name for name in names if any(part in name for part in UNWANTED)]
    assert {name for name in wheel_names(built[0]) if ".dist-info/" not in name} == package | examples


def test_both_are_small(built):
    assert [path.stat().st_size < MOST for path in built] == [True, True]


def test_the_wheel_says_what_the_project_says(built):
    with zipfile.ZipFile(built[0]) as archive:
        said = message_from_bytes(archive.read(f"pcneuro-{pcn.__version__}.dist-info/METADATA"))
    assert (said["Name"], said["Version"], said["License-Expression"]) == ("pcneuro", pcn.__version__, "MIT")
    assert said["Requires-Python"] == ">=3.11"
    assert built[0].name == f"pcneuro-{pcn.__version__}-py3-none-any.whl"


def test_an_installed_wheel_runs_an_example_without_a_clone(installed, tmp_path):
    # The reference needs no compiled kernels, which take longer than all the rest.
    small = ("--set", "engine.kind=Reference", "--set", 'sweep={"arguments.length"=[3]}', "--set", "duration=50")
    do(installed / "pcneuro", "run", "chain", "--out", "out", *small, folder=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["versions"]["pcneuro"]) == ("completed", pcn.__version__)
    place = Path(do(installed / "python", "-c", "import pcneuro; print(pcneuro.__file__)", folder=tmp_path))
    assert place.is_relative_to(installed.parent)


@pytest.mark.long
def test_an_installed_wheel_runs_the_quickstart_and_a_copy_of_it(installed, tmp_path):
    pcneuro = installed / "pcneuro"
    do(pcneuro, "run", "simulations/quickstart.toml", "--out", "packaged", folder=tmp_path)
    do(pcneuro, "examples", "copy", "quickstart", "mine", folder=tmp_path)
    do(pcneuro, "run", "mine/simulations/quickstart.toml", "--out", "copied", folder=tmp_path)
    ran = [json.loads((tmp_path / folder / "summary.json").read_text()) for folder in ("packaged", "copied")]
    assert [summary["status"] for summary in ran] == ["completed", "completed"]
    losses = [summary["runs"][0]["learning"]["predictive coding"]["train_loss"] for summary in ran]
    assert losses[0] == losses[1]

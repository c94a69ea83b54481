"""Workflows for a public CI do what can be done here: their commands are targets of the Makefile, or the package's."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from pcneuro.studies import examples

ROOT = Path(__file__).parents[1]
WORKFLOWS = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
CLASSIFIERS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
PYTHONS = [each.rpartition(" ")[2] for each in CLASSIFIERS if re.search(r":: 3\.\d+$", each)]
JOBS = [(name, key, job) for name, workflow in WORKFLOWS.items() for key, job in workflow["jobs"].items()]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_there_is_one_for_style_tests_pages_and_distributions():
    assert sorted(WORKFLOWS) == ["docs", "lint", "tests", "wheels"]


@pytest.mark.parametrize(("name", "key", "job"), JOBS, ids=[f"{name}-{key}" for name, key, _ in JOBS])
def test_every_command_is_there(name, key, job):
    assert commands(job)
    for command in commands(job):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in TARGETS, command
            assert words[2:] == ["PYTHON=python"], "the Python that was set up, not the newest there is"
        elif words[:2] == ["pcneuro", "run"]:
            assert examples.find(words[2]), command
        else:
            assert words == ["pcneuro", "--version"] or words[:4] == ["python", "-m", "pip", "install"], command
    assert int(job["timeout-minutes"]) <= 60


@pytest.mark.parametrize(("name", "key"), [("tests", "tests"), ("wheels", "install")])
def test_every_python_that_the_classifiers_name_is_tried(name, key):
    assert PYTHONS[0] == "3.11"
    assert WORKFLOWS[name]["jobs"][key]["strategy"]["matrix"]["python"] == PYTHONS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_none_may_write_to_the_repository(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(("name", "key", "made"), [("docs", "docs", "docs/_build/html"), ("wheels", "build", "dist")])
def test_what_is_kept_is_what_the_target_makes(name, key, made):
    (kept,) = [step["with"] for step in WORKFLOWS[name]["jobs"][key]["steps"] if "upload" in step.get("uses", "")]
    assert kept["path"] == made
    assert made in (ROOT / "Makefile").read_text(encoding="utf-8")

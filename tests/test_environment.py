"""The files beside pyproject.toml say what it says: environment.yml and CITATION.cff."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

# conda-forge's name -> the name in pyproject, where they differ
PYPI_NAMES = {"matplotlib-base": "matplotlib"}
# in environment.yml only: what conda needs to install pcneuro itself
CONDA_ONLY = {"pip"}


def project_bounds() -> dict[str, SpecifierSet]:
    """Python, the runtime dependencies and the `data` extra, which the main job needs."""
    lines = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["data"]
    requirements = [Requirement(line) for line in lines]
    return {"python": SpecifierSet(PROJECT["requires-python"])} | {r.name: r.specifier for r in requirements}


def environment_bounds() -> dict[str, SpecifierSet]:
    """environment.yml's conda packages under their names on PyPI."""
    bounds = {}
    for line in ENVIRONMENT["dependencies"]:
        if isinstance(line, dict) or line in CONDA_ONLY:
            continue
        name, specifier = re.fullmatch(r"([\w.-]+)\s*(.*)", line).groups()
        bounds[PYPI_NAMES.get(name, name)] = SpecifierSet(specifier)
    return bounds


def test_environment_has_the_same_packages_with_the_same_bounds():
    assert environment_bounds() == project_bounds()


def test_every_dependency_has_a_lower_bound():
    without = [name for name, bound in project_bounds().items() if not any(s.operator == ">=" for s in bound)]
    assert not without


def test_environment_takes_conda_forge_alone_and_installs_this_folder():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert ENVIRONMENT["dependencies"][-1] == {"pip": ["-e ."]}


def test_citation_names_the_version_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]

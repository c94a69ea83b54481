"""The files beside pyproject.toml say what it says: environment.yml, CITATION.cff and conda/recipe.yaml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import pcneuro as pcn

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

# conda-forge's name -> the name in pyproject, where they differ
PYPI_NAMES = {"matplotlib-base": "matplotlib"}
# in environment.yml only: what conda needs to install pcneuro itself
CONDA_ONLY = {"pip"}


# What users work with beside the runtime dependencies.
WORKED_WITH = {"numpy", "numba", "brian2", "networkx", "pytest"}
OLDEST = "3.11"


def project_bounds() -> dict[str, SpecifierSet]:
    """Python, the runtime dependencies, the extras `data` and `brian2`, and pytest; those of the oldest Python.

    Conda knows no markers, so that there is one list for all.
    """
    extras = PROJECT["optional-dependencies"]
    pytest = [line for line in extras["test"] if Requirement(line).name == "pytest"]
    bounds = {"python": SpecifierSet(PROJECT["requires-python"])}
    for line in PROJECT["dependencies"] + extras["data"] + extras["brian2"] + pytest:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"python_version": OLDEST}):
            bounds[requirement.name] = bounds.get(requirement.name, SpecifierSet()) & requirement.specifier
    return bounds


def environment_bounds() -> dict[str, SpecifierSet]:
    """environment.yml's conda packages under their names on PyPI."""
    return conda_bounds([line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)])


def conda_bounds(lines: list[str]) -> dict[str, SpecifierSet]:
    """Conda's packages under their names on PyPI."""
    bounds = {}
    for line in lines:
        if line in CONDA_ONLY:
            continue
        name, specifier = re.fullmatch(r"([\w.-]+)\s*(.*)", line).groups()
        bounds[PYPI_NAMES.get(name, name)] = SpecifierSet(specifier)
    return bounds


def test_environment_has_the_same_packages_with_the_same_bounds():
    assert environment_bounds() == project_bounds()


def test_environment_has_what_users_work_with():
    assert environment_bounds().keys() >= WORKED_WITH


def test_the_oldest_python_is_the_one_that_the_bounds_are_of():
    assert OLDEST in project_bounds()["python"]
    assert "3.10" not in project_bounds()["python"]


def test_every_dependency_has_a_lower_bound():
    without = [name for name, bound in project_bounds().items() if not any(s.operator == ">=" for s in bound)]
    assert not without


def test_environment_takes_conda_forge_alone_and_installs_this_folder():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert ENVIRONMENT["dependencies"][-1] == {"pip": ["-e ."]}


def test_citation_names_the_version_and_the_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == pcn.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_has_the_version_with_the_date_of_the_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    headings = re.findall(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:2] == ["## [Unreleased]", f"## [{pcn.__version__}] - {citation['date-released']}"]


RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def filled(text: str) -> str:
    """A text of the recipe with the values of its context."""
    return re.sub(r"\$\{\{ (\w+) \}\}", lambda found: str(RECIPE["context"][found[1]]), text)


def test_the_recipe_has_the_dependencies_and_the_build_system_of_the_project():
    run = conda_bounds([filled(line) for line in RECIPE["requirements"]["run"]])
    needed = {Requirement(line).name: Requirement(line).specifier for line in PROJECT["dependencies"]}
    assert run == {"python": SpecifierSet(PROJECT["requires-python"]), **needed}
    python, *host = RECIPE["requirements"]["host"]
    assert filled(python) == f"python {OLDEST}.*", "a package for all systems is built with the oldest Python"
    built_by = {Requirement(line).name: Requirement(line).specifier for line in BUILD["requires"]}
    assert conda_bounds(host) == built_by


def test_the_recipe_has_the_version_the_licence_and_the_command_of_the_project():
    assert RECIPE["context"]["version"] == pcn.__version__
    assert (RECIPE["about"]["license"], RECIPE["about"]["license_file"]) == (PROJECT["license"], "LICENSE")
    scripts = [f"{name} = {function}" for name, function in PROJECT["scripts"].items()]
    assert RECIPE["build"]["python"]["entry_points"] == scripts
    assert (ROOT / "conda" / RECIPE["source"]["path"]).resolve() == ROOT


@pytest.mark.long
def test_rattler_build_reads_the_recipe():
    rattler_build = pytest.importorskip("rattler_build")  # `make test-long` installs it
    recipe = rattler_build.Stage0Recipe.from_file(str(ROOT / "conda" / "recipe.yaml"))
    (variant,) = recipe.render(rattler_build.VariantConfig(), rattler_build.RenderConfig())
    made = variant.recipe.to_dict()
    assert made["package"] == {"name": "pcneuro", "version": pcn.__version__}
    assert made["build"]["noarch"] == "python"
    assert made["requirements"]["run"] == [filled(line) for line in RECIPE["requirements"]["run"]]

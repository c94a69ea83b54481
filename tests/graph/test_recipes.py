"""docs/programs.md: its recipes compute what independent libraries do, and its table has every program."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal

import pcneuro as pcn

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
RECIPES = TEXT.split("## Recipes")[1].split("## Classics")[0]


@pytest.fixture(scope="module")
def names():
    """What the recipes define, run one after the other, as a reader would."""
    found: dict = {}
    for example in re.findall(r"^```python\n(.*?)^```$", RECIPES, flags=re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/programs.md", "exec"), found)
    return found


def output(graph, **inputs):
    """The output for one sample."""
    values = pcn.backprop(graph, {name: np.asarray(value)[np.newaxis] for name, value in inputs.items()}).values
    (node,) = graph.outputs.values()
    return values[node.name][0]


def test_the_solver_of_differential_equations(names):
    def slope(_, state):
        return [state[1], -9.81 * np.sin(state[0]) - 0.2 * state[1]]

    expected = solve_ivp(slope, (0, 1), [1.0, 0.5], t_eval=0.1 * np.arange(1, 11), rtol=1e-10, atol=1e-12).y.T
    np.testing.assert_allclose(output(names["ode"], state=[1.0, 0.5]), expected, atol=2e-3)


def test_the_kalman_filter(names):
    """Measurements are jointly normal: their covariance follows from that of the states."""
    A, C, (q, r) = names["A"], names["C"], np.exp([-1.0, -0.5])
    states, through = [np.eye(2)], [np.eye(2)]
    for _ in range(5):
        states.append(A @ states[-1] @ A.T + q * np.eye(2))
        through.append(A @ through[-1])
    covariance = r * np.eye(5)
    for i in range(5):
        for j in range(i + 1):
            shared = (C @ through[i - j] @ states[j + 1] @ C.T).item()
            covariance[i, j] += shared
            covariance[j, i] += shared if i != j else 0.0
    y = np.random.default_rng(0).normal(size=(5, 1))
    expected = multivariate_normal(np.zeros(5), covariance).logpdf(y[:, 0])
    assert output(names["filtered"], y=y) == pytest.approx(expected, rel=1e-10)


def test_the_gaussian_process(names):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6))
    K = 1.2**2 * np.exp(-0.5 * np.subtract.outer(x, x) ** 2 / 0.6**2) + 0.3**2 * np.eye(6)
    expected = multivariate_normal(np.zeros(6), K).logpdf(y)
    assert output(names["gp"], x=x, y=y) == pytest.approx(expected, rel=1e-10)


def test_the_hidden_markov_model(names):
    """All paths of hidden states, one after the other."""
    p = {name: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True) for name, x in names["logits"].items()}
    total = 0.0
    for path in np.ndindex(*(2,) * 5):
        ways = [p["transition"][a, b] for a, b in itertools.pairwise(path)]
        seen = [p["emission"][state, symbol] for state, symbol in zip(path, names["observed"], strict=True)]
        total += p["start"][path[0]] * np.prod(ways) * np.prod(seen)
    assert output(names["hmm"]) == pytest.approx(np.log(total), rel=1e-12)


def test_the_ray_tracer(names):
    """The ray in the middle meets the sphere where its equation says."""
    image, (centre, radius, light) = output(names["image"]), (s.value for s in names["scene"].values())
    root = np.roots([1.0, -2 * centre[2], centre @ centre - radius**2]).min()
    expected = (np.array([0, 0, root]) - centre) / radius @ light
    assert image[2, 2] == pytest.approx(max(expected, 0.05), rel=1e-12)
    assert image[0, 0] == 0


def test_the_normalising_flow(names):
    """Its density integrates to one."""
    grid = np.linspace(-12, 12, 161)
    x = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    (node,) = names["flow"].outputs.values()
    density = np.exp(pcn.backprop(names["flow"], {"x": x}).values[node.name])
    assert density.sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=0.02)


def test_the_table_has_every_program():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT.split("## Classics")[1], flags=re.MULTILINE)
    files = sorted((ROOT / "circuits" / "programs").glob("*.py"))
    docstrings = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in files)
    first_lines = (text.splitlines()[0].rstrip(".") for text in docstrings)
    assert rows == [(path.stem, line) for path, line in zip(files, first_lines, strict=True)]

"""Spaces of runs: their values, that they are made again of what they describe, and what is refused."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import qmc

import pcneuro as pcn
from pcneuro.errors import CapacityError, ConfigurationError, DataError, ParameterError
from pcneuro.files.toml import Problem
from pcneuro.studies import read
from pcneuro.studies.spaces import Csv, Grid, Joined, LatinHypercube, Listed, Range, Replicated, Sobol, Zip, space_of
from pcneuro.studies.spaces.abstract import MOST_CHECKED

A, B = "integrator.dt", "seed"
LOG = Range(0.1, 100.0, log=True)
EVERY = {
    "grid": Grid({A: [0.5, 1.0, 2.0], B: [1, 2]}),
    "zip": Zip({A: (0.5, 1.0), B: np.array([1, 2])}),
    "list": Listed([{A: 0.5}, {}, {B: 3}]),
    "latin_hypercube": LatinHypercube({A: (0.1, 1.0), B: Range(1, 9, whole=True)}, 20, seed=3),
    "sobol": Sobol({A: LOG, B: Range(1, 1000, log=True, whole=True)}, 16, seed=3),
    "joined": Joined([Grid({A: [0.5]}), Zip({B: [1, 2]})]),
    "replicated": Replicated(Grid({A: [0.5, 1.0]}), 3, first=7),
}


def runs(space):
    return [dict(space.values(number)) for number in range(len(space))]


def again(space):
    return space_of(json.loads(json.dumps(space.described())), Path("nowhere"))


@pytest.mark.parametrize("kind", EVERY)
def test_a_space_is_made_again_of_what_it_describes(kind):
    space = EVERY[kind]
    assert space.kind == kind
    assert runs(again(space)) == runs(space)
    assert again(space).described() == space.described()
    assert again(space).keys == space.keys == tuple(dict.fromkeys(key for run in runs(space) for key in run))
    for number in (-1, len(space)):
        with pytest.raises(IndexError):
            space.values(number)
    plain = {type(value) for run in runs(space) for value in run.values()}
    assert plain <= {int, float}


@pytest.mark.parametrize("kind", EVERY)
def test_every_value_of_a_key_is_met_by_a_probe(kind):
    space = EVERY[kind]
    met = {(key, repr(space.values(number)[key])) for key, number in space.probes()}
    assert met == {(key, repr(value)) for run in runs(space) for key, value in run.items()}


def test_of_many_numbers_the_ends_are_probed():
    values = [*np.linspace(-1.0, 1.0, MOST_CHECKED + 1), 3, "text"]
    probed = [number for _, number in Grid({A: values, B: [1, 2]}).probes()]
    assert probed == [0, 2 * MOST_CHECKED, 2 * MOST_CHECKED + 2, 2 * MOST_CHECKED + 4, 0, 1]
    assert len(list(Replicated(Grid({A: [1.0]}), 10**8).probes())) == MOST_CHECKED + 2


def test_runs_are_those_that_they_should_be():
    assert runs(EVERY["grid"]) == [{A: a, B: b} for a, b in product([0.5, 1.0, 2.0], [1, 2])]
    assert runs(EVERY["zip"]) == [{A: 0.5, B: 1}, {A: 1.0, B: 2}]
    assert runs(EVERY["joined"]) == [{A: 0.5}, {B: 1}, {B: 2}]
    assert runs(EVERY["replicated"]) == [{A: a, B: b} for a, b in product([0.5, 1.0], [7, 8, 9])]


def test_a_million_runs_are_not_listed():
    space = Replicated(Grid({A: np.linspace(0.1, 1.0, 1000)}), 10**5)
    assert len(space) == 10**8
    assert space.values(10**8 - 1) == {A: 1.0, B: 10**5 - 1}
    with pytest.raises(CapacityError, match="1,000,000,000 is the most"):
        Replicated(space, 100, key="arguments.seed")


def test_points_are_those_of_scipy_within_their_ranges():
    space = LatinHypercube({A: (-2.0, 6.0), "x": LOG}, 50, seed=5)
    points = qmc.LatinHypercube(2, rng=np.random.default_rng(5)).random(50)
    values = np.array([[run[A], run["x"]] for run in runs(space)])
    np.testing.assert_allclose(values[:, 0], -2.0 + 8.0 * points[:, 0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(values[:, 1], 10 ** (-1.0 + 3.0 * points[:, 1]), rtol=1e-12)
    # One in each of 50 equal parts, on both axes.
    assert sorted(np.floor((values[:, 0] + 2.0) / 8.0 * 50)) == list(range(50))
    assert sorted(np.floor((np.log10(values[:, 1]) + 1.0) / 3.0 * 50)) == list(range(50))
    sobol = qmc.Sobol(1, rng=np.random.default_rng(5)).random_base2(6)[:, 0]
    assert [run[A] for run in runs(Sobol({A: (0.0, 1.0)}, 64, seed=5))] == sobol.tolist()


def test_sobol_points_are_balanced_at_powers_of_two_and_others_say_so():
    whole = Sobol({B: Range(1, 8, whole=True)}, 64)
    assert whole.notes == ()
    assert np.unique([run[B] for run in runs(whole)], return_counts=True)[1].tolist() == [8] * 8
    part = Sobol({B: Range(1, 8, whole=True)}, 50)
    assert runs(part) == runs(whole)[:50]
    note = "a Sobol sequence of 50 runs is not balanced, as powers of two are: take 32 or 64"
    assert list(Replicated(Joined([part]), 2, key="arguments.seed").notes) == [note]


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_reach_both_ends(log):
    given = Range(2, 5, log=log, whole=True)
    taken = [given.at(share) for share in np.linspace(0.0, math.nextafter(1.0, 0.0), 1000)]
    assert sorted(set(taken)) == [2, 3, 4, 5]
    assert taken == sorted(taken)
    wide = Range(-1.7e308, 1.7e308)
    assert wide.at(0.5) == 0.0


def test_points_of_another_scipy_are_refused():
    described = {**EVERY["sobol"].described(), "digest": "0"}
    with pytest.raises(Problem, match="draws other points"):
        space_of(described, Path())


def test_a_csv_file_is_read_once(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text('integrator.dt,integrator.kind,"arguments.sizes"\n0.5,Euler,"[1, 2]"\n1,RungeKutta4,\n')
    space = Csv(path)
    path.unlink()
    expected = [
        {"integrator.dt": 0.5, "integrator.kind": "Euler", "arguments.sizes": [1, 2]},
        {"integrator.dt": 1, "integrator.kind": "RungeKutta4"},
    ]
    assert runs(space) == runs(again(space)) == expected


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", DataError, "is no CSV file"),
        ("seed\n", DataError, "has no rows below its names"),
        ("seed\nnan\n", ParameterError, "seed: NaN is no value"),
        ("seed,seed\n1,2\n", DataError, "two columns 'seed'"),
        ("seed,seed.x\n1,2\n", ParameterError, "seed.x: and seed set the same"),
        ("a b\n1\n", ParameterError, "'a b': is no key"),
        ("x" * 65_000_000, CapacityError, "has 65 MB"),
    ],
)
def test_a_wrong_csv_file_is_refused(tmp_path, text, kind, said):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(kind, match=said):
        Csv(tmp_path / "runs.csv")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Zip({A: [1.0, 2.0], B: [1]}), "seed: has 1 values, and integrator.dt has 2: a zip needs equally many"),
        (lambda: Grid({A: []}), r"integrator.dt = \[\]: needs a list of at least one value"),
        (lambda: Grid({A: 0.5}), "integrator.dt = 0.5: needs a list"),
        (lambda: Grid({}), "axes is empty: give keys and their values"),
        (lambda: Grid({A: [1.0, math.nan]}), "integrator.dt: NaN is no value"),
        (lambda: Grid({A: [1.0, None]}), "integrator.dt: None is no value"),
        (lambda: Grid({"integrator": [{"dt": 1.0}], A: [1.0]}), "integrator.dt: and integrator set the same"),
        (lambda: Joined([Grid({A: [1.0]}), Grid({"integrator": [{}]})]), "integrator: and integrator.dt set the same"),
        (lambda: Replicated(Grid({B: [1]}), 2), "seed: is set twice"),
        (lambda: Replicated(Grid({A: [1.0]}), 0), "count is 0; give a whole number of at least 1"),
        (lambda: LatinHypercube({A: (1.0, 0.1)}, 4), "integrator.dt: low is 1 and high 0.1: low has to be below high"),
        (lambda: LatinHypercube({A: (1.0, math.nan)}, 4), "integrator.dt: high is nan; needed is a finite number"),
        (lambda: Sobol({A: Range(-1.0, 1.0, log=True)}, 4), "low is -1, and has no logarithm"),
        (lambda: Sobol({A: [0.1, 0.2, 0.3]}, 4), "integrator.dt = .*: needs a range: low and high"),
        (lambda: Sobol({A: {"low": 0.1, "hihg": 1.0}}, 4), "integrator.dt: hihg: unknown key; did you mean 'high'?"),
        (lambda: Range(0.5, 2.0, whole=True), "low is 0.5; give a whole number"),
        (lambda: Listed([{A: 1.0}, 3]), r"runs\[1\] is 3; needed is a dict"),
    ],
)
def test_a_wrong_space_is_refused_in_one_line(make, said):
    with pytest.raises(ParameterError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


HEAD = 'task = "run"\ncircuit = "circuits.py:small"\nduration = 1.0\n'


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ('[sweep]\nkind = "zip"\n"integrator.dt" = [0.5, 1.0]\nseed = [3, 4]\n', [{A: 0.5, B: 3}, {A: 1.0, B: 4}]),
        ('[sweep]\nkind = "list"\nruns = [{"integrator.dt" = 0.5}, {}]\n', [{A: 0.5}, {A: 1.0}]),
        ('[sweep]\nkind = "csv"\npath = "runs.csv"\n', [{A: 0.25}]),
        ("[sweep]\nreplicates = 2\n", [{B: 0}, {B: 1}]),
        ('[sweep]\nreplicates = 2\n"integrator.dt" = [0.5, 1.0]\n', [{A: a, B: b} for a in (0.5, 1.0) for b in (0, 1)]),
        ("[[sweep]]\nreplicates = 2\n[[sweep]]\nseed = [9]\n", [{B: 0}, {B: 1}, {B: 9}]),
    ],
)
def test_spaces_of_files(tmp_path, tables, expected):
    (tmp_path / "runs.csv").write_text("integrator.dt\n0.25\n")
    (tmp_path / "x.toml").write_text(HEAD + tables)
    assert [run.swept for run in read(tmp_path / "x.toml").runs] == expected
    shifted = read(tmp_path / "x.toml", ["seed=5"])
    assert (shifted.run(0).task.seed == 5) == ("seed = [3" not in tables)


def test_a_sampled_space_of_a_file(tmp_path):
    axes = '"integrator.dt" = {low = 0.1, high = 1.0, log = true}\narguments.n = {low = 1, high = 4, whole = true}\n'
    (tmp_path / "x.toml").write_text(f'{HEAD}[sweep]\nkind = "sobol"\nruns = 5\nseed = 2\n[sweep.axes]\n{axes}')
    with pytest.warns(pcn.PcneuroWarning, match=r"x.toml: a Sobol sequence of 5 runs .* take 4 or 8"):
        plan = read(tmp_path / "x.toml")
    expected = Sobol({A: Range(0.1, 1.0, log=True), "arguments.n": Range(1, 4, whole=True)}, 5, seed=2)
    assert [run.swept for run in plan.runs] == runs(expected)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[sweep]\nkind = "gird"\nseed = [1]\n', r"\[sweep\] kind = 'gird': unknown kind; did you mean 'grid'\?"),
        ('[sweep]\nkind = "zip"\n', r"\[sweep\]: needs keys and their values"),
        (
            '[sweep]\nseed = [1]\nkind = "zip"\n"integrator.dt" = [1.0, 2.0]\n',
            r"\[sweep\] integrator.dt = .*: has 2 val",
        ),
        ('[sweep]\nkind = "csv"\npath = "no.csv"\n', r"\[sweep\]: cannot read the table of runs .*no.csv"),
        ('[sweep]\nkind = "csv"\nfile = "no.csv"\n', r"\[sweep\] file = 'no.csv': unknown key"),
        ('[sweep]\nkind = "sobol"\nruns = 4\n', r"\[sweep\] axes: is missing"),
        (
            '[sweep]\nkind = "sobol"\nruns = 1.5\naxes = {"integrator.dt" = [0.1, 1.0]}\n',
            "runs is 1.5; give a whole",
        ),
        ("[sweep]\nreplicates = 0\n", r"\[sweep\] replicates = 0: replicates is 0; give a whole number"),
        ("[sweep]\nreplicates = 2\nseed = [1]\n", r"\[sweep\] seed = \[1\]: is set twice"),
        ('[sweep]\nseed = [1]\n"seed" = [2]\n', "is no TOML"),
        ('[sweep]\n"integrator.dt" = [1.0]\nintegrator.dt = [2.0]\n', r"integrator.dt = \[1.0\]: is given twice"),
        ("[[sweep]]\nseed = [1]\n[[sweep]]\nbatch = [1]\n", r"\[sweep.1\] batch = \[1\]: cannot be swept"),
    ],
)
def test_wrong_spaces_of_files_are_refused_in_one_line(tmp_path, tables, said):
    (tmp_path / "x.toml").write_text(HEAD + tables)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read(tmp_path / "x.toml")
    assert "\n" not in str(caught.value)

"""Rules of plasticity: what they take, where they fit, how they are shown and kept."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ParameterError, ShapeError, UnknownNameError

RNG = np.random.default_rng(1)


def net(x, W1, b1, W2, z):
    h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
    return {"y": pcn.vertex(h @ W2 + z * np.ones(2), "y"), "c": pcn.vertex(x[:2] * 2.0, "c")}


@pytest.fixture(scope="module")
def graph():
    leaves = {"W1": RNG.normal(size=(3, 4)), "b1": np.zeros(4), "W2": RNG.normal(size=(4, 2))}
    return pcn.trace(net, x=pcn.Input((3,)), z=pcn.Latent(()), **{n: pcn.Parameter(a) for n, a in leaves.items()})


RULES = {
    "W1": pcn.Oja(tau=200.0),
    "b1": pcn.Homeostasis("h", target=0.2, tau=100.0, every=5.0),
    "W2": pcn.Hebbian(tau=1e3, decay=0.1, bounds=(-2.0, 2.0)),
    "h": pcn.LearnedVariance(tau=50.0),
}


def test_what_a_circuit_says_of_its_rules(graph):
    """In its table, equations and networkx graph; one rule stands for all parameters."""
    circuit = pcn.build_circuit(graph, plasticity=RULES)
    assert dict(circuit.plasticity) == {name: RULES[name] for name in ("W1", "b1", "h", "W2")}
    table = str(circuit).splitlines()
    assert any(line.split() == ["W2", "Hebbian", "1000", "0.1", "-2", "...", "2", "-"] for line in table)
    assert any(line.split()[:3] == ["h.variance", "LearnedVariance", "50"] for line in table)
    equations = circuit.equations()
    assert "# d W2/dt = (-dL/dW2 - 0.1*W2)/(1000*ms), clipped to -2 ... 2" in equations
    assert "# every 5*ms: b1 += 0.05*(0.2 - mean of h.v)" in equations
    assert "# d h.variance/dt = (mean of (h.v - h.prediction)**2 - h.variance)/(50*ms)" in equations
    assert circuit.nx.edges["h.value", "y.error", "prediction"]["plasticity"].startswith("W2: Hebbian, tau 1000 ms")
    assert "h: LearnedVariance" in circuit.nx.nodes["h.error"]["plasticity"]
    one = pcn.build_circuit(graph, plasticity=pcn.Hebbian(tau=10.0))
    assert set(one.plasticity) == {"W1", "b1", "W2"}
    assert "plasticity" not in pcn.build_circuit(graph).nx.nodes["h.error"]


def test_rules_are_saved_with_the_circuit(graph, tmp_path):
    circuit = pcn.build_circuit(graph, plasticity=RULES)
    circuit.save(tmp_path / "c.pcn")
    loaded = pcn.load_circuit(tmp_path / "c.pcn")
    assert loaded.plasticity == circuit.plasticity
    assert pcn.circuit.saving.fingerprint(loaded) == pcn.circuit.saving.fingerprint(circuit)
    other = circuit.with_plasticity(RULES | {"W1": pcn.Oja(tau=201.0)})
    assert pcn.circuit.saving.fingerprint(other) != pcn.circuit.saving.fingerprint(circuit)
    assert not circuit.with_plasticity({}).plasticity


def test_learned_variances_are_parameters_of_the_circuit(graph):
    circuit = pcn.build_circuit(graph, precision={"h": 4.0}, plasticity=RULES)
    np.testing.assert_array_equal(circuit.learned["h.variance"], np.full(4, 0.25))
    again = circuit.with_parameters({"h.variance": np.full(4, 0.5), "b1": np.ones(4)})
    np.testing.assert_array_equal(again.precision["h"], np.full(4, 2.0))
    np.testing.assert_array_equal(again.parameters["b1"], np.ones(4))
    with pytest.raises(ShapeError, match=r"'h.variance' is of shape \(3,\); needed is \(4,\)"):
        circuit.with_parameters({"h.variance": np.ones(3)})
    with pytest.raises(DataError, match=r"'h.variance' must be positive and finite, got -1"):
        circuit.with_parameters({"h.variance": -np.ones(4)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pcn.Hebbian(tau=0.0), "tau of Hebbian is 0.0; give a positive"),
        (lambda: pcn.Hebbian(tau=np.nan), "tau of Hebbian is"),
        (lambda: pcn.Hebbian(tau=1.0, decay=-1.0), "decay of Hebbian is -1.0"),
        (lambda: pcn.Hebbian(tau=1.0, bounds=(2, -1)), r"bounds of Hebbian are \(2, -1\).* such as \(-1, 2\)"),
        (lambda: pcn.Hebbian(tau=1.0, bounds=(np.nan, 1)), "give the least one first"),
        (lambda: pcn.Hebbian(tau=1.0, bounds=3), "bounds of Hebbian are 3; give a pair"),
        (lambda: pcn.Hebbian(tau=1.0, every=-1.0), "every of Hebbian is -1.0"),
        (lambda: pcn.LearnedVariance(tau=1.0, bounds=(0.0, 1.0)), "give a least variance above 0"),
        (lambda: pcn.Homeostasis("h", target=np.inf, tau=1.0), "target of Homeostasis is inf"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (3.0, "plasticity is 3.0; give a rule for all parameters"),
        (pcn.LearnedVariance(tau=1.0), "or a dict of rules by parameter or vertex"),
        ({"W3": pcn.Hebbian(tau=1.0)}, "unknown parameter in plasticity 'W3': did you mean"),
        ({"h": pcn.Hebbian(tau=1.0)}, "plasticity of 'h': Hebbian changes parameters, and that is no parameter"),
        ({"constant": pcn.Hebbian(tau=1.0)}, "plasticity of 'constant': Hebbian changes .* that is a constant"),
        ({"W1": pcn.LearnedVariance(tau=1.0)}, "LearnedVariance is of a vertex, and that is a parameter"),
        ({"z": pcn.LearnedVariance(tau=1.0)}, "'z', a latent without a prior: nothing predicts it"),
        ({"W1": 1.0}, "plasticity of 'W1' is 1.0; give a rule"),
        ({"b1": pcn.Oja(tau=1.0)}, "plasticity of 'b1': this rule is for the weights W of one dense product"),
        ({"W1": pcn.LearnedFeedback("W2", tau=1.0)}, "'W1', of shape .3, 4.: it cannot follow 'W2', of shape .4, 2."),
        ({"W1": pcn.LearnedFeedback("W9", tau=1.0)}, "unknown weights of the LearnedFeedback of 'W1' 'W9'"),
        ({"b1": pcn.Homeostasis("k", 0.0, tau=1.0)}, "unknown vertex of the Homeostasis of 'b1' 'k'"),
    ],
)
def test_rules_that_do_not_fit(graph, rules, message):
    with pytest.raises((ParameterError, ShapeError, UnknownNameError), match=message):
        pcn.build_circuit(graph, plasticity=rules)


def test_a_variance_of_another_energy(graph):
    with pytest.raises(ParameterError, match="'y', whose energy is SoftmaxCrossEntropy"):
        pcn.build_circuit(
            graph, energies={"y": pcn.SoftmaxCrossEntropy()}, plasticity={"y": pcn.LearnedVariance(tau=1.0)}
        )


def test_intervals_off_the_grid(graph):
    for every in (0.5, 2.5):
        circuit = pcn.build_circuit(graph, plasticity={"W1": pcn.Hebbian(tau=1.0, every=every)})
        with pytest.raises(ParameterError, match=f"every of the plasticity of 'W1', {every} ms: give a multiple of dt"):
            pcn.Simulator(circuit, engine=pcn.Reference())


def test_who_has_no_plasticity_says_so(graph):
    """Schedules, engines, exports and measurements; without the rules they do as ever."""
    circuit = pcn.build_circuit(graph, plasticity={"W1": pcn.Hebbian(tau=1.0)})
    no_loop = "has no plasticity in the loop, and 'W1' has a rule"
    for settings in (
        {"schedule": pcn.FastForward()},
        {"schedule": pcn.Sequential()},
        {"engine": pcn.EventDriven()},
        {"engine": pcn.EventDriven(0.0, mode=pcn.Exact())},
        {"engine": pcn.Kernel(tolerance=0.1)},
    ):
        with pytest.raises(ParameterError, match=no_loop):
            pcn.Simulator(circuit, **settings)
    for engine in (pcn.Kernel(), pcn.Reference()):
        with pytest.raises(ParameterError, match=f"a circuit with conduction delays {no_loop}"):
            pcn.Simulator(circuit.with_delays(2.0), engine=engine)
    simulator = pcn.Simulator(circuit, engine=pcn.Reference())
    with pytest.raises(ParameterError, match=r"until=Settled\(...\) with plasticity"):
        simulator.run(until=pcn.Settled(), inputs={"x": np.ones(3)})
    with pytest.raises(ParameterError, match=no_loop):
        pcn.wavefront(simulator, 10.0, inputs={"x": np.ones(3)})
    leaky = pcn.build_circuit(graph, error_tau={"h": 5.0}, plasticity={"h": pcn.LearnedVariance(tau=50.0)})
    with pytest.raises(ParameterError, match="changes what they leak by within a step of RungeKutta4"):
        pcn.Simulator(leaky, engine=pcn.Reference(), integrator=pcn.RungeKutta4(1.0))

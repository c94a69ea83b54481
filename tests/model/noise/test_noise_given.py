"""How noise is given, saved and shown, and what refuses it."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import ParameterError, PcneuroError
from tests.circuits_for_tests import mlp
from tests.model.noise.noisy_for_tests import noisy


def test_it_is_saved_and_shown(tmp_path) -> None:
    circuit, _, _ = noisy()
    circuit.save(tmp_path / "circuit.pcn")
    loaded = pcn.load_circuit(tmp_path / "circuit.pcn")
    assert dict(loaded.noise) == dict(circuit.noise)
    assert list(circuit.noise) == ["h1.value", "h1.error", "h2.value", "h2.error", "out.error"]
    bare = pcn.build_circuit(circuit.graph, error_tau={"h1": 4.0, "out": 3.0}, precision={"h1": 2.0})
    assert fingerprint(loaded) == fingerprint(circuit) != fingerprint(bare)
    assert circuit.with_parameters({}).noise == circuit.noise
    assert circuit.nx.nodes["h1.value"]["noise"] == "WhiteNoise(sigma=0.2)"
    assert "noise" not in circuit.nx.nodes["out.value"]
    circuit.write_graphml(tmp_path / "circuit.graphml")
    lines = str(circuit).splitlines()
    assert "h1.value    WhiteNoise(sigma=0.2)" in lines
    assert "h2.value    OrnsteinUhlenbeck(sigma=0.1 to 0.5, tau=7)" in lines
    assert "WhiteNoise" not in str(bare)
    text = circuit.equations()
    assert " - err)/tau + sigma_v*sqrt(2/tau)*xi_v : 1" in text
    assert "derr/dt = (at_once - err)/(precision*error_tau) + eta_err/error_tau : 1" in text
    assert "deta_v/dt = -eta_v/tau_v + sigma_v*sqrt(2/tau_v)*xi_v : 1" in text


def test_one_object_is_for_all_value_neurons() -> None:
    circuit = pcn.build_circuit(mlp((5, 7, 3)), noise=pcn.WhiteNoise(1))
    assert dict(circuit.noise) == {"h1.value": pcn.WhiteNoise(1.0), "out.value": pcn.WhiteNoise(1.0)}


WRONG = [
    (lambda: pcn.WhiteNoise(-0.1), r"^sigma of WhiteNoise must be finite and not negative, got -0\.1$"),
    (lambda: pcn.WhiteNoise(np.nan), "^sigma of WhiteNoise must be finite and not negative, got nan$"),
    (lambda: pcn.WhiteNoise("a"), "^sigma of WhiteNoise is 'a'; give a number or an array of numbers$"),
    (lambda: pcn.OrnsteinUhlenbeck(1.0, 0.0), "^tau of OrnsteinUhlenbeck must be finite and positive, got 0$"),
    (
        lambda: noise_of(pcn.WhiteNoise(np.ones(3))),
        r"noise of 'h1.value', of shape \(7,\): sigma of WhiteNoise has sha",
    ),
    (lambda: noise_of({"hh": pcn.WhiteNoise(1.0)}), "vertex or population in noise 'hh'"),
    (lambda: noise_of({"x": pcn.WhiteNoise(1.0)}), "vertex or population in noise 'x'"),
    (lambda: noise_of({"h1": 0.3}), r"noise of 'h1.value' is .*; give an object, such as pcn.WhiteNoise\(0.1\)"),
    (lambda: noise_of(0.3), r"noise is .*; give an object, such as pcn.WhiteNoise\(0.1\)"),
    (
        lambda: noise_of({"h1": pcn.WhiteNoise(1.0), "h1.value": pcn.WhiteNoise(1.0)}),
        "noise of 'h1.value' is given twi",
    ),
    (lambda: pcn.Simulator(noise_of(None), seed=-1), "seed is -1; give a whole number from 0 to 4294967295"),
]


def noise_of(noise: object) -> pcn.Circuit:
    return pcn.build_circuit(mlp((5, 7, 3)), noise=noise)


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[m[:40] for _, m in WRONG])
def test_what_is_no_noise_is_refused_in_a_line(make, message) -> None:
    with pytest.raises(PcneuroError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


REFUSED = [
    {"engine": pcn.EventDriven()},
    {"engine": pcn.EventDriven(0.0)},
    {"engine": pcn.EventDriven(mode=pcn.Exact())},
    {"schedule": pcn.FastForward()},
    {"schedule": pcn.Sequential()},
]


@pytest.mark.parametrize("settings", REFUSED, ids=str)
def test_what_has_no_noise_refuses_it(settings) -> None:
    with pytest.raises(ParameterError, match=r"has no noise, and 'h1.value' has WhiteNoise\(sigma=1\): use"):
        pcn.Simulator(noise_of({"h1": pcn.WhiteNoise(1.0)}), **settings)


def test_delays_and_settling_and_wavefronts_refuse_it() -> None:
    circuit = noise_of(pcn.WhiteNoise(1.0))
    with pytest.raises(ParameterError, match=r"Kernel\(\) with conduction delays has no noise, .* use Reference\(\)"):
        pcn.Simulator(circuit.with_delays(2.0))
    with pytest.raises(ParameterError, match=r"until=Settled\(...\) has no noise, .* give a duration instead"):
        pcn.Simulator(circuit).run(until=pcn.Settled(), inputs={"x": np.ones(5)})
    with pytest.raises(ParameterError, match=r"a wavefront has no noise"):
        pcn.wavefront(pcn.Simulator(circuit), 5.0, inputs={"x": np.ones(5)}, targets={"out": np.ones(3)})


def test_the_reference_has_it_with_delays() -> None:
    circuit = noise_of(pcn.WhiteNoise(0.5))
    data = {"inputs": {"x": np.ones((4, 5))}, "targets": {"out": np.ones((4, 3))}}
    ends = [
        pcn.Simulator(each, dynamics=pcn.Strict(), engine=pcn.Reference(), seed=3).run(1.0, **data).values["h1"]
        for each in (circuit, circuit.with_delays(3.0))
    ]
    assert np.std(ends[1] - ends[1][0]) > 0.1  # samples that are alike but for their noise
    np.testing.assert_allclose(ends[1], ends[0], atol=0.2)


def test_gradients_of_noisy_circuits_name_their_seed() -> None:
    circuit, _, _ = noisy()
    source = pcn.PredictiveCoding(pcn.Simulator(circuit, seed=5), 10.0)
    assert "seed 5" in source.settings()


def exports(circuit: pcn.Circuit) -> dict:
    from pcneuro.export import brian2, nest, nir

    data = {"inputs": {"x": np.ones(5)}, "targets": {"out": np.ones(3)}}
    return {
        "spiking": lambda: brian2.spiking(circuit, **data),
        "Brian2": lambda: pcn.check(circuit, 5.0, "brian2-rate", **data),
        "NEST": lambda: nest.network(circuit, **data),
        "NIR": lambda: nir.graph(circuit, **data),
        "PyTorch": lambda: pcn.check(circuit, 5.0, "torch", **data),
    }


@pytest.mark.parametrize("tool", ["Brian2", "spiking", "NEST", "NIR", "PyTorch"])
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_exporters_refuse_it(tool) -> None:
    pytest.importorskip(
        {"Brian2": "brian2", "spiking": "brian2", "NEST": "nest", "NIR": "nir", "PyTorch": "torch"}[tool]
    )
    with pytest.raises(ParameterError, match=rf"{tool}.* has no noise, and 'h1.value' has WhiteNoise"):
        exports(noise_of(pcn.WhiteNoise(1.0)))[tool]()

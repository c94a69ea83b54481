"""Protocols: trials in one run are the runs in a row, bit for bit, and what is recorded by trial is what was sliced."""

import numpy as np
import pandas
import pytest

import pcneuro as pcn
from pcneuro.errors import (
    CapacityError,
    DataError,
    ParameterError,
    PcneuroWarning,
    ShapeError,
    UnknownNameError,
)
from pcneuro.files import tables

RNG = np.random.default_rng(7)
W1, W2 = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3))
BANK = RNG.normal(size=(3, 5))
RECORD = [pcn.Record("h"), pcn.Record("y", "error", every=5.0)]


def net(x, W1, W2):
    h = pcn.vertex(np.tanh(x @ W1), "h")
    return pcn.vertex(h @ W2, "y")


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(pcn.trace(net, x=pcn.Input((5,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2)))


def oddball(**settings):
    table = {"x": [0, 1, 0, 2], "y": [0.5, np.nan, -1.0, 0.0], "duration": [20.0, 30.0, 10.0, 20.0]}
    delay = [5.0, 0.0, 10.0, 5.0]
    table |= {"delay": delay, "condition": ["a", "b", "a", "c"]}
    return pcn.Protocol(table, values={"x": BANK}, rest={"x": 0.1, "y": 0.2}, tail=15.0, **settings)


SEGMENTS = [(5, None), (20, 0), (30, 1), (10, None), (10, 2), (5, None), (20, 3), (15, None)]
"""Steps of each trial, and of what is between them."""


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=repr)
def test_one_run_is_the_runs_in_a_row(circuit, engine, dynamics):
    protocol = oddball(between=pcn.KeepState())
    settings = {"dynamics": dynamics, "engine": engine}
    whole = protocol.run(pcn.Simulator(circuit, **settings), record=RECORD[:1])
    simulator, rows = pcn.Simulator(circuit, **settings), []
    for duration, trial in SEGMENTS:
        x = np.full(5, 0.1) if trial is None else BANK[[0, 1, 0, 2][trial]]
        y = np.full(3, 0.2 if trial is None else [0.5, 0.2, -1.0, 0.0][trial])
        last = simulator.run(float(duration), inputs={"x": x}, targets={"y": y}, record=RECORD[:1])
        rows.append(last.records["h.value"].values[:-1])
    np.testing.assert_array_equal(whole.records["h.value"].values[:-1], np.concatenate(rows))
    np.testing.assert_array_equal(whole.gradients["W1"], last.gradients["W1"])


@pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
def test_a_trial_that_resets_is_a_simulation_of_its_own(circuit, engine, dynamics):
    settings = {"dynamics": dynamics, "engine": engine}
    protocol = oddball()
    trials = protocol.aligned(protocol.run(pcn.Simulator(circuit, **settings), record=RECORD))
    for trial, duration in enumerate(protocol.table["duration"]):
        x, y = BANK[[0, 1, 0, 2][trial]], np.full(3, [0.5, 0.2, -1.0, 0.0][trial])
        alone = pcn.Simulator(circuit, **settings).run(duration, inputs={"x": x}, targets={"y": y}, record=RECORD)
        for name, time in (("h.value", "time_1ms"), ("y.error", "time_5ms")):
            wanted = alone.records[name].values[:-1, 0]
            np.testing.assert_array_equal(trials[name].values[trial, : len(wanted)], wanted)
            assert trials[name].dims == ("trial", time, f"{name[0]}_unit")


def test_aligned_is_sliced_by_hand_and_means_are_of_that(circuit):
    protocol = oddball(repeats=3, between=pcn.KeepState())
    simulator = pcn.Simulator(circuit)
    simulator.run(7.0, inputs={"x": np.zeros(5)}, targets={"y": np.zeros(3)})
    result = protocol.run(simulator, record=RECORD[:1])
    aligned = protocol.aligned(result, before=5.0, after=12.0)
    rows = result.records["h.value"].values[:, 0]
    onsets = protocol.table["onset"].to_numpy().astype(int)
    by_hand = np.stack([rows[onset - 5 : onset + 12] for onset in onsets])
    np.testing.assert_array_equal(aligned["h.value"].values, by_hand)
    np.testing.assert_array_equal(aligned.time.values, np.arange(-5.0, 12.0))
    assert aligned["condition"].values.tolist() == ["a", "b", "a", "c"] * 3
    mean = protocol.mean(aligned)
    for row, label in enumerate("abc"):
        chosen = by_hand[aligned["condition"].values == label]
        np.testing.assert_array_equal(mean["h.value"].values[row], chosen.mean(axis=0))
        wanted = chosen.std(axis=0, ddof=1) / np.sqrt(len(chosen))
        np.testing.assert_array_equal(mean["h.value.sem"].values[row], wanted)
    assert mean["trials"].values.tolist() == [6, 3, 3]
    assert protocol.mean(aligned, by="repeat")["h.value"].shape == (3, 17, 4)
    late = protocol.aligned(result, before=-10.0, after=200.0)
    assert np.isnan(late["h.value"].values[-1, -1]).all()
    assert np.isfinite(protocol.mean(late)["h.value"].values[0, :5]).all()


def test_batches_movies_and_stimuli_on_a_disk(circuit, tmp_path):
    """Samples of their own, stimuli that change within a trial, and an array that is read as trials come."""
    movie = RNG.normal(size=(4, 5))
    per_sample = RNG.normal(size=(2, 5))
    stimuli = {"still": per_sample, "movie": pcn.TimedArray(movie, 5.0), "dark": 0.0}
    table = {"x": ["movie", "still", None, "dark"], "duration": 20.0, "delay": 0.0}
    protocol = pcn.Protocol(table, values={"x": stimuli}, rest={"x": 3.0}, between=pcn.KeepState())
    got = protocol.run(pcn.Simulator(circuit), record=[pcn.Record("h", "prediction")])
    aligned = protocol.aligned(got)
    assert aligned["h.prediction"].dims == ("trial", "time", "batch", "h_unit")
    shown = [movie[i // 5] for i in range(20)], *([x] * 20 for x in (per_sample, np.full(5, 3.0), np.zeros(5)))
    for trial, each in enumerate(shown):
        wanted = np.stack([np.broadcast_to(np.tanh(x @ W1), (2, 4)) for x in each])
        np.testing.assert_allclose(aligned["h.prediction"].values[trial], wanted, rtol=0, atol=1e-14)
    np.save(tmp_path / "bank.npy", BANK)
    table = {"x": [2, 0, np.nan], "duration": 10.0}
    ends = [
        pcn.Protocol(table, values={"x": bank}, interval=2.0).run(pcn.Simulator(circuit)).values["h"]
        for bank in (BANK, np.load(tmp_path / "bank.npy", mmap_mode="r"), BANK.tolist())
    ]
    np.testing.assert_array_equal(ends[1], ends[0])
    np.testing.assert_array_equal(ends[2], ends[0])


def test_tables_say_the_same_in_all_their_forms(circuit, tmp_path):
    columns = {"x": ["a", "b", "a"], "duration": [5.0, 6.0, 7.0], "onset": [30.0, 0.0, 10.0], "block": [1, 1, 2]}
    frame = pandas.DataFrame(columns)
    frame.to_csv(tmp_path / "trials.csv", index=False)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    seconds = frame.assign(onset=pandas.to_timedelta(frame["onset"], "ms"))
    values = {"x": {"a": BANK[0], "b": BANK[1]}}
    for table in (columns, frame, tmp_path / "trials.csv", str(tmp_path / "trials.csv"), rows, seconds):
        protocol = pcn.Protocol(table, values=values)
        assert protocol.table["onset"].tolist() == [0.0, 10.0, 30.0]
        assert protocol.table["end"].tolist() == [6.0, 17.0, 35.0]
        assert protocol.table["x"].tolist() == ["b", "a", "a"]
        assert "10.0  17.0       7.0      2       0  a" in str(protocol)
        assert repr(protocol).startswith("<Protocol of 3 trials, 35 ms")
    frame["x"] = "changed"
    assert protocol.table["x"].tolist() == ["b", "a", "a"]


def test_order_and_intervals_are_drawn_with_a_seed():
    table = {"stimulus": list("abcdefgh"), "block": [0] * 4 + [1] * 4, "duration": 10.0}
    one, same, other = (
        pcn.Protocol(table, repeats=5, shuffle=True, interval=(20.0, 31.0), grid=0.5, seed=seed).table
        for seed in (1, 1, 2)
    )
    pandas.testing.assert_frame_equal(one, same)
    assert one["stimulus"].tolist() != other["stimulus"].tolist()
    blocks = one["stimulus"].to_numpy().reshape(10, 4)
    for number, block in enumerate(blocks):
        assert sorted(block) == list("efgh" if number % 2 else "abcd")
    gaps = one["onset"].to_numpy() - np.append(0.0, one["end"].to_numpy()[:-1])
    assert gaps.min() >= 20.0
    assert gaps.max() <= 31.0
    np.testing.assert_array_equal(gaps % 0.5, 0.0)
    assert len(np.unique(gaps)) > 10
    plain = pcn.Protocol(table, interval=3.0).table
    assert plain["onset"].tolist() == [3.0 + 13.0 * k for k in range(8)]


def test_clamps_and_constants_beside_the_table(circuit):
    protocol = pcn.Protocol({"h": [1.0, 2.0], "duration": 10.0}, rest={"y": 0.5}, interval=5.0)
    result = protocol.run(pcn.Simulator(circuit), inputs={"x": BANK[0]}, record=[pcn.Record("h")])
    rows = result.records["h.value"].values[:-1, 0, 0]
    np.testing.assert_array_equal(rows, np.repeat([0.0, 1.0, 0.0, 2.0], [5, 10, 5, 10]))
    assert result.values["y"].tolist() == [[0.5] * 3]
    with pytest.raises(ParameterError, match=r"'h' is a column of the protocol and in clamp="):
        protocol.run(pcn.Simulator(circuit), inputs={"x": BANK[0]}, clamp={"h": np.zeros(4)})


def test_many_trials_are_one_run_in_little_memory(circuit):
    """A bank is read trial by trial: no course of all of a run is made."""
    protocol = pcn.Protocol(
        {"x": np.arange(3000) % 3, "duration": 60.0}, values={"x": BANK}, interval=(1.0, 9.0), repeats=2
    )
    assert protocol.duration > 3.8e5
    result = protocol.run(pcn.Simulator(circuit, dynamics=pcn.Strict()), record=[pcn.Record("h", every=1000.0)])
    assert result.stats["steps"] == protocol.duration


WRONG = [
    ({"duration": [1.0, -2.0]}, {}, DataError, "duration of trial 1 is -2 ms; give a positive"),
    ({"duration": [0.0]}, {}, DataError, "duration of trial 0 is 0 ms"),
    ({"duration": [5.0, np.nan]}, {}, DataError, "duration of trial 1 is missing"),
    ({"duration": ["long"]}, {}, DataError, "duration of trial 0 is 'long'"),
    ({"duration": 5.0, "delay": [-1.0]}, {}, DataError, "delay of trial 0 is -1 ms"),
    ({"duration": 5.0, "onset": [np.inf]}, {}, DataError, "onset of trial 0 is infinite"),
    ({"onset": [0.0]}, {}, DataError, "no column 'duration'"),
    ({"duration": []}, {}, DataError, "has no trials"),
    ({"duration": [5.0], "time": [1]}, {}, DataError, "a column 'time', which a protocol makes itself"),
    ({"duration": 5.0, "onset": [0.0], "delay": [0.0]}, {}, DataError, "both 'onset' and 'delay'"),
    ({"duration": 5.0, "onset": [0.0]}, {"interval": 3.0}, ParameterError, "interval= with a column 'onset'"),
    ({"duration": 5.0, "onset": [0.0]}, {"repeats": 2}, ParameterError, "repeats= with a column 'onset'"),
    ({"duration": 5.0, "onset": [0.0]}, {"shuffle": True}, ParameterError, "shuffle=True with a column 'onset'"),
    ({"duration": 5.0, "delay": [0.0]}, {"interval": 3.0}, ParameterError, "interval= with a column 'delay'"),
    (
        {"duration": 15.0, "onset": [20.0, 0.0, 10.0]},
        {},
        DataError,
        r"trial 1 \(0 to 15 ms\) and trial 2 \(10 to 25 ms\) overlap",
    ),
    ({"duration": 5.0, "block": [1, 2, 1]}, {"shuffle": True}, DataError, "block 1 begins again at trial 2"),
    ({"duration": [5.0]}, {"values": {"x": BANK}}, UnknownNameError, "unknown column in values= 'x'"),
    ({"duration": 5.0, "x": [3]}, {"values": {"x": BANK}}, DataError, "column 'x' of trial 0 is 3; .* of its 3 values"),
    ({"duration": 5.0, "x": [-1]}, {"values": {"x": BANK}}, DataError, "column 'x' of trial 0 is -1"),
    ({"duration": 5.0, "x": [0.5]}, {"values": {"x": BANK}}, DataError, "column 'x' of trial 0 is 0.5"),
    ({"duration": 5.0, "x": ["ca"]}, {"values": {"x": {"cat": BANK[0]}}}, UnknownNameError, "did you mean 'cat'"),
    ({"duration": 5.0, "x": [0]}, {"values": {"x": BANK * np.nan}}, DataError, "values of 'x'"),
    ({"duration": [5.0]}, {"interval": (5.0, 2.0)}, ParameterError, "interval is from 5 to 2 ms"),
    ({"duration": [5.0]}, {"interval": -1.0}, ParameterError, "interval is -1"),
    ({"duration": [5.0]}, {"repeats": 0}, ParameterError, "repeats is 0"),
    ({"duration": [5.0]}, {"repeats": 10**7}, CapacityError, "10000000 repeats of 1 trials"),
    ({"duration": [5.0]}, {"between": "state"}, ParameterError, "between is 'state'; needed is a Between object"),
    ({"duration": 5.0, "x": [np.inf]}, {"values": {"x": BANK}}, DataError, "column 'x' of trial 0 is inf"),
    ({"duration": 5.0, "x": [10**400]}, {"values": {"x": BANK}}, DataError, "trial 0 is a number of more than 30"),
    ({"duration": [10**400]}, {}, DataError, "duration of trial 0 is a number of more than 30 digits"),
    ({"duration": [1e300]}, {}, DataError, r"duration of trial 0 is 1e\+300 ms; 1e\+15 is the most"),
    ({"duration": [1j]}, {}, DataError, "duration of trial 0 is np.complex128"),
    ({"duration": [[1.0], [2.0]]}, {}, DataError, "duration of trial 0 is a list"),
    (5, {}, DataError, "the table of a Protocol is 5; give a data frame"),
    ("nowhere.csv", {}, DataError, "cannot read the table of trials nowhere.csv"),
]


@pytest.mark.parametrize(("table", "settings", "error", "match"), WRONG)
def test_wrong_tables_are_refused_in_one_line(table, settings, error, match):
    with pytest.raises(error, match=match) as told:
        pcn.Protocol(table, **settings)
    assert "\n" not in str(told.value)


WRONG_FOR_IT = [
    ({"duration": [1e13, 1.0], "x": 1.0}, {}, ParameterError, "steps of dt = 1 ms, so late that times are not told"),
    ({"duration": [5.0], "x": [1j]}, {}, DataError, "column 'x' of trial 0 is 1j, and values= has nothing"),
    ({"duration": [5.0], "x": [10**400]}, {}, DataError, "column 'x' of trial 0 is inf"),
    ({"duration": [10.0], "z": [1.0]}, {}, ParameterError, "no column of the protocol is an input"),
    ({"duration": [10.0], "x": [0]}, {"values": {"x": BANK[:, :4]}}, ShapeError, r"of 'x' has shape \(4,\); needed"),
    ({"duration": [10.0], "x": [0.0]}, {"rest": {"x": np.zeros(3)}}, ShapeError, "rest of 'x' has shape"),
    ({"duration": [10.0], "x": [0.0]}, {"rest": {"z": 1.0}}, UnknownNameError, "in rest= 'z'"),
    ({"duration": [10.0], "z": [0]}, {"values": {"z": BANK}}, UnknownNameError, "in values= 'z'"),
    ({"duration": [10.0], "x": ["cat"]}, {}, DataError, "column 'x' of trial 0 is 'cat', and values= has nothing"),
    ({"duration": 30.0, "onset": [0.0, 40.4], "x": 1.0}, {}, ParameterError, "trial 1 is at 40.4 ms, .* is 40 ms$"),
    ({"duration": [0.1, 0.25], "x": 1.0}, {}, ParameterError, "is 0 ms; durations look like seconds: .* 1000"),
    (
        {"duration": [10.0], "x": ["m"]},
        {"values": {"x": {"m": pcn.TimedArray(np.zeros((3, 5)), 2.5)}}},
        ParameterError,
        "no multiple of the integrator's 1 ms: give 2 ms",
    ),
]


@pytest.mark.parametrize(("table", "settings", "error", "match"), WRONG_FOR_IT)
def test_what_does_not_fit_a_circuit_is_refused_in_one_line(circuit, table, settings, error, match):
    simulator = pcn.Simulator(circuit)
    with pytest.raises(error, match=match) as told:
        pcn.Protocol(table, **settings).run(simulator)
    assert "\n" not in str(told.value)
    assert simulator.time == 0.0


def test_whole_seconds_are_told_of(circuit):
    with pytest.warns(PcneuroWarning, match="durations look like seconds"):
        pcn.Protocol({"duration": [1.0, 2.0], "x": 1.0}).run(pcn.Simulator(circuit))


def test_targets_have_to_be_there_between_trials(circuit):
    softmax = pcn.build_circuit(circuit.graph, energies={"y": pcn.SoftmaxCrossEntropy()})
    table = {"x": 1.0, "y": [0, 1], "duration": 10.0}
    one_hot = {"y": np.eye(3)}
    pcn.Protocol(table, values=one_hot).run(pcn.Simulator(softmax))
    with pytest.raises(DataError, match=r"target 'y' is between trials: .*; give one in rest=\{'y'"):
        pcn.Protocol(table, values=one_hot, interval=5.0).run(pcn.Simulator(softmax))
    with pytest.raises(DataError, match="a target of column 'y'"):
        pcn.Protocol({**table, "y": 0.5}, rest={"y": np.eye(3)[0]}).run(pcn.Simulator(softmax))
    pcn.Protocol(table, values=one_hot, rest={"y": np.full(3, 1 / 3)}, interval=5.0).run(pcn.Simulator(softmax))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"duration,duration\n1,2\n", "two columns 'duration'"),
        (b"duration,x\n1,2\n1,2,3,4\n", "no CSV file"),
        (b"duration,x\n1,2,0\n1,2,0\n", "2 names in its first line and 3 cells in its second"),
        (b"duration,x\n9" + b"9" * 400 + b",0\n", "duration of trial 0 is a number of more than 30 digits"),
        (b"duration,x\nTrue,0\n", "duration of trial 0 is a bool"),
        (b"", "no CSV file"),
        (b"\xff\xfe\x00\x01", "no CSV file in UTF-8"),
        (b"PK\x03\x04\x00\x00", "no column 'duration'"),
        (b"duration\n=1+1\n", "duration of trial 0 is '=1\\+1'"),
        (b"duration\n__import__('os')\n", "duration of trial 0"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, match):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=match):
        pcn.Protocol(tmp_path / "t.csv")


def test_files_that_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 100)
    (tmp_path / "t.csv").write_text("duration\n" + "1\n" * 100)
    with pytest.raises(CapacityError, match="keep stimuli in an array"):
        pcn.Protocol(tmp_path / "t.csv")


def test_tables_of_very_many_columns_are_refused(tmp_path):
    names = ",".join(f"c{k}" for k in range(tables.MOST_COLUMNS))
    (tmp_path / "t.csv").write_text(f"duration,{names}\n")
    with pytest.raises(CapacityError, match="1001 columns; 1000 is the most"):
        pcn.Protocol(tmp_path / "t.csv")


def test_names_in_files_are_those_of_a_data_frame(tmp_path):
    """Only an empty cell is empty: what pandas takes for missing elsewhere is the name of a stimulus or condition."""
    (tmp_path / "t.csv").write_text("x,condition,duration\nNA,None,5\nnull,nan,5\n,,5\n")
    protocol = pcn.Protocol(tmp_path / "t.csv", values={"x": {"NA": BANK[0], "null": BANK[1]}})
    assert protocol.table["x"].to_list()[:2] == ["NA", "null"]
    assert protocol.table["condition"].to_list()[:2] == ["None", "nan"]
    assert protocol.table["x"].isna().to_list() == [False, False, True]


def test_what_cannot_be_aligned(circuit):
    protocol = oddball()
    bare = protocol.run(pcn.Simulator(circuit))
    with pytest.raises(ParameterError, match="no records"):
        protocol.aligned(bare)
    result = protocol.run(pcn.Simulator(circuit), record=[pcn.Record("h", every=3.0)])
    with pytest.raises(ParameterError, match=r"trial 0 begins at 5 ms, .* recorded every 3 ms: record every=1"):
        protocol.aligned(result)
    with pytest.raises(ParameterError, match="there is nothing"):
        protocol.aligned(result, after=0.0)
    with pytest.raises(ParameterError, match="no dimension 'trial'"):
        protocol.mean(result.records)
    aligned = protocol.aligned(protocol.run(pcn.Simulator(circuit), record=RECORD))
    with pytest.raises(UnknownNameError, match="did you mean 'condition'"):
        protocol.mean(aligned, by="conditions")

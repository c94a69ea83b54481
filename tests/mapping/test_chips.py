"""Chips: what comes with the package, files of users, and the one line about what is wrong in them."""

import copy
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pcneuro.errors import ConfigurationError, ParameterError, UnknownNameError
from pcneuro.mapping import chips
from pcneuro.mapping.chips import CHIPS, ENERGIES, LATENCIES, Chip, chip_of, chips_table, keys_table
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.mesh import Mesh

FOLDER = Path(chips.__file__).parent
SMALL = {
    "name": "small",
    "title": "A small chip",
    "mesh": {"width": 3, "height": 2, "cores_a_tile": 4},
    "core": {"neurons": 100, "axons_in": 50, "synapse_memory_bits": 1000, "bits_a_synapse": 9},
    "messages": {"graded": True, "packets_a_graded_event": 2},
    "energy": {"synapse": {"low": 1, "high": 2.5, "source": "a book"}},
}


def with_value(keys, value):
    raw = copy.deepcopy(SMALL)
    *tables, last = keys.split(".")
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
    table[last] = value
    return raw


def test_a_chip_is_what_its_tables_say():
    chip = chip_of(SMALL)
    assert chip.mesh == Mesh(3, 2, 4)
    assert chip.limits == Limits(compartments=100, axons_in=50, synapses=1000 // 9)
    assert (chip.price("synapse").low, chip.price("synapse").high) == (1.0, 2.5)
    assert chip.price("spike") is None
    assert chip.time("synapse") is None
    assert chip.packets_an_event == 2
    assert chip.unpriced == ENERGIES[1:]
    assert not chip.counts_only
    assert chip_of(chip) is chip
    assert chip.mesh.x.size == chip.mesh.slots  # which the mesh keeps, and its tables do not have
    assert chip_of(chip.model_dump(exclude_none=True)) == chip


def test_a_file_of_a_user_works_as_those_of_the_package(tmp_path, monkeypatch):
    shipped = FOLDER / "loihi.toml"
    own = tmp_path / "own.toml"
    own.write_bytes(shipped.read_bytes())
    monkeypatch.chdir(tmp_path)
    for path in (own, str(own), "own.toml"):
        assert chip_of(path) == chip_of("loihi")


@pytest.mark.parametrize("name", CHIPS)
def test_a_chip_of_the_package_has_the_name_of_its_file_and_cites_its_sources(name):
    chip = chip_of(name)
    assert chip.name == name
    assert chip.notes
    assert "\n" not in chip.notes.strip()
    assert chip.sources or name == "generic"
    for operation in ENERGIES:
        price = chip.price(operation)
        assert price is None or re.search(r"\d{4}|SANA-FE", price.source)
    assert not set(chip.latency.model_fields_set) - set(chip.energy.model_fields_set)
    comments = [line for line in (FOLDER / f"{name}.toml").read_text().splitlines() if line.startswith("#")]
    assert all(re.findall(r"doi:\S+|arXiv:\S+|https\S+", source) for source in chip.sources)
    assert comments


def test_the_numbers_are_those_of_the_papers():
    loihi = chip_of("loihi")
    assert loihi.mesh == Mesh(8, 4, 4)
    assert loihi.mesh.slots == 128
    assert loihi.limits == Limits(1024, 4096, 4096, 1_048_576 // 18)
    energies = {what: (loihi.price(what).low, loihi.price(what).high) for what in ENERGIES}
    assert energies == {
        "synapse": (24.0, 35.5),
        "neuron_access": (51.2, 51.2),
        "neuron_update": (21.6, 21.6),
        "spike": (69.3, 69.3),
        "message_out": (111.0, 111.0),
        "message_in": (0.0, 0.0),
        "hop_east_west": (3.0, 3.0),
        "hop_north_south": (4.0, 4.2),
        "plasticity": (120.0, 120.0),
    }
    times = {what: loihi.time(what).high for what in LATENCIES}
    assert times["synapse"] == 4.7
    assert times["message_in"] == 16.0
    assert (times["hop_east_west"], times["hop_north_south"]) == (4.1, 6.5)
    assert not loihi.messages.graded
    truenorth = chip_of("truenorth")
    assert (truenorth.mesh.slots, truenorth.limits) == (4096, Limits(256, 256, 256, 65_536, 256, 1))
    assert (truenorth.price("synapse").low, truenorth.price("synapse").high) == (2.5, 26.0)
    # Power of the whole chip by its synaptic events: nothing else is paid for beside it.
    others = [truenorth.price(name) for name in ENERGIES if name not in ("synapse", "plasticity")]
    assert all(price.low == price.high == 0.0 for price in others)
    one = chip_of("spinnaker1")
    assert (one.price("synapse").low, one.price("neuron_access").low) == (13_300.0, 26_000.0)
    assert (one.bits_a_packet, one.price("hop_east_west").low) == (72, 72 * 25.0)
    two = chip_of("spinnaker2")
    assert (two.price("synapse").low, two.price("synapse").high, two.price("neuron_access").low) == (10, 450, 2190)
    assert (chip_of("brainscales2").limits.compartments, chip_of("brainscales2").limits.synapses) == (512, 131_072)
    assert chip_of("loihi2").counts_only
    assert chip_of("loihi2").messages.graded


def test_the_table_has_every_chip_and_its_numbers():
    text = chips_table()
    for name in CHIPS:
        assert text.count(f"| `{name}` |") == 2 + bool(chip_of(name).time("synapse"))
        assert all(source in text for source in chip_of(name).sources)
    assert "| 24 to 35.5 | 51.2 | 21.6 | 69.3 | 111 | 0 | 3 | 4 to 4.2 | 120 |" in text
    assert "| 3.1 to 4.7 | 6 | 3.7 | 30 | 5.1 | 16 | 4.1 | 6.5 | 6.1 |" in text
    assert "| 8 x 4 x 4 | 128 | 1,024 | 4,096 | 4,096 | 58,254 |" in text
    assert (
        "| 256 | 256 | 256 | 65,536 | 256 | 1 | 1 bit | 15 steps | binary, 32 bit |" in text
    )  # TrueNorth: an axon reaches one core


def test_the_table_of_keys_has_every_key_of_every_table():
    text = keys_table()
    chip = chip_of("loihi")
    for table, model in (("core", chip.core), ("messages", chip.messages), ("energy", chip.energy)):
        for name, field in type(model).model_fields.items():
            assert re.search(rf"\| `\[{table}\]` \| `{name}` \| \S+ \| {re.escape(field.description)} \|", text)
    assert "| `[mesh]` | `cores_a_tile` | 1 | cores of a tile |" in text
    assert "|  | `name` | needed | a short name |" in text
    assert text.count("| `source` | needed |") == 1
    assert text.count("| `[latency]` |") == 1


def test_hops_weigh_by_their_energies_or_times_or_are_alike():
    assert chip_of("loihi").hop_weights == pytest.approx((3.0, 4.1))
    assert chip_of("truenorth").hop_weights == (1.0, 1.0)  # their energy is within that of synaptic events
    assert chip_of("loihi2").hop_weights == (1.0, 1.0)
    assert chip_of(SMALL).hop_weights == (1.0, 1.0)
    slow = {
        what: {"low": low, "high": low, "source": "s"} for what, low in (("hop_east_west", 2), ("hop_north_south", 3))
    }
    assert chip_of(SMALL | {"latency": slow}).hop_weights == (2.0, 3.0)


WRONG = {
    "core.neurons = -3": "[core] neurons = -3: should be greater than or equal to 1",
    "sources = 'a paper'": "sources = 'a paper': needs a list",
    "core.axons_in = 0": "[core] axons_in = 0: should be greater than or equal to 1",
    "core.neurons = 10.0": "[core] neurons = 10.0: should be a valid integer",
    "core.neurons = true": "[core] neurons = True: should be a valid integer",
    "core.nurons = 3": "[core] nurons = 3: unknown key; did you mean 'neurons'?",
    "core.neurons = 2000000000000": "[core] neurons = 2000000000000: should be less than or equal to 1099511627776",
    "core.bits_a_synapse = 1001": "[core] bits_a_synapse = 1001: is more than the synapse_memory_bits of a core, 1,000",
    "mesh.widht = 3": "[mesh] widht = 3: unknown key; did you mean 'width'?",
    "mesh.width = 0": "[mesh] width = 0: should be greater than or equal to 1",
    "mesh.width = 100000000": "[mesh]: has 800,000,000 cores; 16,777,216 is the most",
    "mesh = 3": "mesh = 3: needs a table",
    "core = 3": "core = 3: needs a table",
    "enrgy = 3": "enrgy = 3: unknown key; did you mean 'energy'?",
    "name = 'two words'": "name = 'two words': has blanks, slashes or control characters in it: it is one word",
    "messages.graded = false": "[messages] graded = False: is false, and bits or packets of graded events are given: "
    "leave these out",
    "energy.synaps = 3": "[energy] synaps = 3: unknown key; did you mean 'synapse'?",
    "energy.synapse = 3": "[energy] synapse = 3: needs a table",
    "energy.synapse.source = ' '": "[energy.synapse] source = ' ': is empty: say where the price is published",
    "energy.synapse.low = 3": "[energy.synapse] low = 3: is more than high = 2.5: exchange them",
    "energy.synapse.low = -1": "[energy.synapse] low = -1: should be greater than or equal to 0",
    "energy.synapse.low = nan": "[energy.synapse] low = nan: should be a finite number",
    "energy.synapse.high = inf": "[energy.synapse] high = inf: should be a finite number",
    "energy.synapse.high = 1e16": "[energy.synapse] high = 1e+16: should be less than or equal to 1000000000000000",
    "latency.spike = {low = 1, high = 2}": "[latency.spike] source: is missing: where the price is published, or what "
    "it is derived from: no price without one",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_one_line_with_its_place(line):
    key, value = line.split(" = ", 1)
    with pytest.raises(ConfigurationError) as caught:
        chip_of(with_value(key, tomllib.loads(f"value = {value}")["value"]))
    assert str(caught.value) == f"the chip: {WRONG[line]}"


def test_memory_needs_the_size_of_a_synapse():
    raw = with_value("core", {"neurons": 3, "synapse_memory_bits": 100})
    with pytest.raises(ConfigurationError, match=r"\[core\] bits_a_synapse: is missing: bits of memory and bits of"):
        chip_of(raw)


def test_names_that_no_chip_has_and_what_is_none(tmp_path):
    with pytest.raises(UnknownNameError, match=r"^unknown chip 'lohi': did you mean 'loihi'\?; a chip of your own is"):
        chip_of("lohi")
    with pytest.raises(UnknownNameError, match=r"^unknown operation 'synaps': did you mean 'synapse'"):
        chip_of("loihi").price("synaps")
    with pytest.raises(UnknownNameError, match=r"^unknown operation 'hop'"):
        chip_of("loihi").time("hop")
    for wrong in (3, None, np.zeros(3), Chip, b"loihi"):
        with pytest.raises(ParameterError, match=r"^chip is .*needed is a name such as"):
            chip_of(wrong)
    with pytest.raises(ConfigurationError, match=r"^cannot read no\.toml: No such file"):
        chip_of("no.toml")
    with pytest.raises(ConfigurationError, match=r"^cannot read .*directory"):
        chip_of(tmp_path)
    (tmp_path / "no.toml").write_text("name = ")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        chip_of(tmp_path / "no.toml")
    (tmp_path / "x.toml").write_text('name = "x"')
    with pytest.raises(ConfigurationError, match=r"x\.toml: title: is missing: the name in full$"):
        chip_of(str(tmp_path / "x.toml"))


def test_a_file_of_settings_has_no_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr("pcneuro.files.toml.MOST_BYTES", 100)
    (tmp_path / "x.toml").write_text("a = 1\n" * 100)
    with pytest.raises(ConfigurationError, match=r"x\.toml has more than 100 bytes"):
        chip_of(tmp_path / "x.toml")


@pytest.mark.parametrize("key", ["name", "title", "notes", "sources", "energy.synapse.source"])
def test_texts_have_no_control_characters(key):
    text = "red\x1b[31m"
    with pytest.raises(ConfigurationError, match=r"^the chip: .*control characters in it") as refused:
        chip_of(with_value(key, [text] if key == "sources" else text))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("key", ["name", "title", "notes", "sources", "energy.synapse.source"])
def test_texts_are_no_longer_than_the_file_of_a_mapping_takes(key):
    text = "x" * 20_001
    with pytest.raises(ConfigurationError, match=r"^the chip: .*at most \d+ characters$"):
        chip_of(with_value(key, [text] if key == "sources" else text))

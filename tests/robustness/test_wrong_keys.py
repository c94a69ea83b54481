"""Wrong values for keys of simulation files: refused in one line that names the key, whatever table it is in."""

from __future__ import annotations

from tests.robustness.wrong_keys import BANKS, fault, keys


def test_what_every_key_holds_is_known():
    unknown = []
    for key in keys():
        try:
            assert key.holds in BANKS
        except KeyError:
            unknown.append(str(key))
    assert not unknown, f"say in wrong_keys.py what these hold: {', '.join(unknown)}"


def test_wrong_values_of_keys_are_refused_in_one_line():
    met = {f"{key} = {value!r}": fault(key, value) for key in keys() for value in BANKS[key.holds]}
    assert not {what: text for what, text in met.items() if text}

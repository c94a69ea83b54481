"""What operators register has one meaning a name."""

import pytest

from pcneuro import ops
from pcneuro.ops.registry import PUBLIC, at_line, public, where


def test_a_name_of_a_function_is_given_once():
    assert public(ops.relu) is ops.relu
    with pytest.raises(ValueError, match=r"two functions of pcneuro\.ops are called 'relu'"):

        @public
        def relu(x):
            return x

    assert PUBLIC["relu"] is ops.relu


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'pcneuro\.ops' has no attribute 'nothing'"):
        ops.nothing  # noqa: B018 - it is asked for


def test_lines_are_those_of_users_code():
    assert where().startswith("test_registry.py:")
    assert at_line().startswith(" (test_registry.py:")

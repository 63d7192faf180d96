"""The list of deliberate breaks keeps up with the code. Running it takes an hour or so: `make mutate`."""

import pytest

import mutate
from chapters import ROOT


@pytest.mark.parametrize("change", mutate.BREAKS, ids=lambda change: f"{change[0]}: {change[1][:30]}")
def test_break_can_still_be_made_and_is_python(change):
    compile(mutate.broken(*change), change[0], "exec")
    assert all((ROOT / path).exists() for path in mutate.test_files(change[0]))


def test_there_are_enough_breaks_and_none_twice():
    assert len(set(mutate.BREAKS)) == len(mutate.BREAKS) >= 40

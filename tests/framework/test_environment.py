"""NumPy's global generator after parts of others: as before, whatever they draw from it or put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from isacfw.base.environment import State
from isacfw.base.guard import kept_environment

RANDOM: Any = np.random


@pytest.fixture(autouse=True)
def _generator() -> Iterator[None]:
    before, state = RANDOM.get_bit_generator(), RANDOM.get_state()
    yield
    RANDOM.set_bit_generator(before)
    RANDOM.set_state(state)


def expected(prepare: Callable[[], Any]) -> list[float]:
    RANDOM.seed(5)
    prepare()
    return [RANDOM.standard_normal(), RANDOM.standard_normal(), RANDOM.random_sample()]


DEEDS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "uniform": lambda: RANDOM.random_sample(),
    "normal": lambda: RANDOM.standard_normal(),
    "many": lambda: RANDOM.standard_normal(2001),
    "seed": lambda: RANDOM.seed(1),
    "generator": lambda: RANDOM.set_bit_generator(np.random.PCG64(1)),
    "own generator": lambda: RANDOM.set_bit_generator(np.random.MT19937(1)),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("drawn", [0, 1, 2, 700, 701])
def test_what_parts_draw_changes_no_number_after_them(deed: str, drawn: int) -> None:
    def prepare() -> None:
        for _ in range(drawn):
            RANDOM.standard_normal()

    wanted = expected(prepare)

    def with_a_part() -> None:
        prepare()
        # The second time, the state is known from the first.
        for _ in range(2):
            with kept_environment():
                DEEDS[deed]()

    assert expected(with_a_part) == wanted


def test_a_generator_of_another_kind_stays_in_place() -> None:
    other = np.random.PCG64(3)
    RANDOM.set_bit_generator(other)
    with kept_environment():
        RANDOM.set_bit_generator(np.random.MT19937(1))
    assert RANDOM.get_bit_generator() is other


def test_a_state_that_is_known_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    RANDOM.seed(5)
    State.take()
    monkeypatch.setattr(np.random, "get_state", lambda: pytest.fail("read again"))
    for _ in range(3):
        State.take().restore()

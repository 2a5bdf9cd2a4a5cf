"""When a part that ends its processes is not called again: after some such calls, counted until one ends well."""

from __future__ import annotations

import pytest

from isacfw.base.errors import PartEndedError, PluginError
from isacfw.study.careful import DEATHS, DEATHS_AFTER_SUCCESS, CarefulProcesses, _Course, watch_given_up


class Scripted(CarefulProcesses):
    """Runs work whose only call of a part ends the process, as often as it is tried."""

    def _attempt(self, packed: bytes, failures: dict[int, PluginError]) -> tuple[_Course, int | None]:
        if failures or self.given_up:
            return _Course(answer=(True, None)), 0
        return _Course(running=(1, "part")), 3


@pytest.fixture
def careful() -> CarefulProcesses:
    return Scripted(None)


def deaths_until_given_up(careful: CarefulProcesses) -> int:
    for deaths in range(100):
        if careful.given_up:
            return deaths
        careful.run(print)
    raise AssertionError("it is never given up")


def test_a_part_that_never_ends_well_is_given_up(careful: CarefulProcesses) -> None:
    assert deaths_until_given_up(careful) == DEATHS
    assert careful.given_up == {
        "part": f"part ended its process {DEATHS} times in succession, and is not called again"
    }


def test_a_success_in_another_chunk_starts_the_count_again(careful: CarefulProcesses) -> None:
    for _ in range(10 * DEATHS_AFTER_SUCCESS):
        careful.run(print)
        careful.note_success(["part"])
    assert not careful.given_up


def test_a_part_that_has_ended_well_is_called_more_often(careful: CarefulProcesses) -> None:
    careful.note_success(["part", "another"])
    assert deaths_until_given_up(careful) == DEATHS_AFTER_SUCCESS


def test_calls_that_raise_have_not_ended_the_process() -> None:
    ended: set[str] = set()
    watch = watch_given_up({"third": "third is not called again"}, ended)
    with watch("first"):
        pass
    with pytest.raises(ZeroDivisionError), watch("second"):
        raise ZeroDivisionError
    with pytest.raises(PartEndedError, match="third is not called again"), watch("third"):
        pass
    assert ended == {"first", "second"}

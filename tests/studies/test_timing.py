"""Times of allocators, each measured alone."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import isacfw
from isacfw.cli.main import main
from isacfw.study.timing import measure_times, render_times


def counting(batches):
    """Return an allocator that notes the sizes of what it solves."""

    @attrs.frozen(kw_only=True)
    class Counting(isacfw.Allocator):
        name = "counting"
        vectorized = True

        def solve(self, problem):
            batches.append(problem.batch_shape)
            x = np.full((*problem.batch_shape, problem.users), 0.1)
            return isacfw.Shares(communication=x, sensing=1 - x.sum(axis=-1), status="feasible")

    return Counting()


def test_each_allocator_is_warmed_up_and_runs_as_often_as_asked(variant):
    batches = []
    parts = {"allocators": [counting(batches)], "precoders": ["mrt"], "drops": 20}
    frame = measure_times(variant({}), runs=3, **parts)
    assert batches == [()] * 5 * 4 + [(20,)] * 4
    assert frame["runs"].tolist() == [3, 3]
    assert frame.index.get_level_values("batch").tolist() == [1, 20]
    assert (frame["least_s"] <= frame["median_s"]).all()
    assert (frame["median_s"] <= frame["largest_s"]).all()
    assert "per problem in a batch of 20, median of 3 runs" in render_times(frame)


def test_an_allocator_that_does_not_solve_has_no_times(variant):
    @attrs.frozen(kw_only=True)
    class Broken(isacfw.Allocator):
        name = "broken"

        def solve(self, problem):
            raise RuntimeError("out of order")

    frame = measure_times(variant({}), allocators=[Broken()], precoders=["mrt"])
    assert frame["runs"].tolist() == [0]
    assert frame["median_s"].isna().all()
    assert "not measured" in render_times(frame)


@pytest.mark.parametrize("runs", [0, 1.5, True])
def test_the_number_of_runs_is_a_positive_integer(variant, runs):
    with pytest.raises(isacfw.InputError, match="runs must be"):
        measure_times(variant({}), runs=runs)


def test_the_command_prints_times_below_the_table_but_not_among_records(capsys):
    arguments = ["compare", "nguyen2025", "--allocators", "exact", "--drops", "3", "--timing"]
    assert main(arguments) == 0
    assert "per problem in a batch of 3" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert "in a batch" not in captured.out
    assert "in a batch" in captured.err

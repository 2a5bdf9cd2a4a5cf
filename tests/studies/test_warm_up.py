"""Allocators are warmed up once in a process before they are timed; results do not depend on it."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import compare
from isacfw.study import warm_up


@pytest.fixture
def cold(monkeypatch):
    """Return the batches that allocators are given, in a process in which none of them is warm."""
    monkeypatch.setattr(warm_up, "_WARM", set())
    batches = []
    allocate = isacfw.Allocator.allocate

    def noting(self, problem, *arguments):
        batches.append((self.name, problem.batch_shape))
        return allocate(self, problem, *arguments)

    monkeypatch.setattr(isacfw.Allocator, "allocate", noting)
    return batches


def test_an_allocator_solves_one_more_problem_before_its_first_batch(cold, variant, same):
    scenario = variant({"drops": 8, "precoders": ["mrt"], "allocators": ["exact", "equal_com"]})
    first = compare(scenario).dataset
    assert cold == [("exact", ()), ("exact", (1, 8)), ("equal_com", ()), ("equal_com", (1, 8))]
    cold.clear()
    second = compare(scenario).dataset
    assert cold == [("exact", (1, 8)), ("equal_com", (1, 8))]
    same(second, first)


@pytest.mark.parametrize(("drops", "warm"), [(warm_up.LEAST_BATCH - 1, 0), (warm_up.LEAST_BATCH, 1)])
def test_one_that_takes_problems_in_turn_does_so_only_if_that_costs_little(drops, warm, cold, variant):
    compare(variant({"drops": drops, "precoders": ["mrt"], "allocators": ["sca"]}))
    assert cold == [("sca", ())] * warm + [("sca", (1, drops))]


def test_allocators_of_others_are_called_for_results_only(cold, variant):
    @attrs.frozen(kw_only=True)
    class Other(isacfw.Allocator):
        name = "other"
        vectorized = True

        def solve(self, problem):
            x = np.full((*problem.batch_shape, problem.users), 0.1)
            return isacfw.Shares(communication=x, sensing=1 - x.sum(axis=-1), status="feasible")

    compare(variant({"drops": 8, "precoders": ["mrt"]}), allocators=[Other()])
    assert cold == [("other", (1, 8))]

"""Times of batches: a table names the number of problems over which the time of a batch is divided."""

from __future__ import annotations

import json
import re

import attrs
import h5py
import numpy as np
import pytest

import isacfw
from isacfw import Comparison, Execution, compare
from isacfw.report.html_table import html_table
from isacfw.results.batches import ATTRIBUTE, join_ranges, join_sizes, replace_range


@attrs.frozen(kw_only=True)
class Frail(isacfw.Allocator):
    """Takes batches, but fails on those of more problems than it bears."""

    name = "frail"
    vectorized = True
    bears: int = attrs.field(default=1)

    def solve(self, problem):
        if np.prod(problem.batch_shape) > self.bears:
            raise RuntimeError("too many")
        x = np.full((*problem.batch_shape, problem.users), 0.1)
        return isacfw.Shares(communication=x, sensing=1 - x.sum(axis=-1), status="feasible")


def sizes_in(comparison):
    """Return the batches of each allocator, as a file has them."""
    return json.loads(comparison.dataset["seconds"].attrs[ATTRIBUTE])


def note_in(comparison):
    """Return the lines of a table that say what its times are."""
    return [line for line in str(comparison).splitlines() if line.startswith("median time")]


def test_a_table_tells_which_times_are_those_of_batches(variant):
    found = compare(variant({"drops": 5, "allocators": ["exact", "sca", "equal_com"]}))
    assert sizes_in(found) == {"exact": [5, 5], "sca": [1, 1], "equal_com": [5, 5]}
    assert note_in(found) == ["median time: per problem in a batch of 5 (exact, equal_com)"]
    assert note_in(found)[0] in html_table(found.dataset).notes
    assert note_in(found)[0] in found._repr_html_()


@pytest.mark.parametrize(("drops", "allocator"), [(1, "exact"), (3, "sca")])
def test_times_of_single_problems_need_no_note(variant, drops, allocator):
    found = compare(variant({"drops": drops, "allocators": [allocator]}))
    assert sizes_in(found) == {allocator: [1, 1]}
    assert note_in(found) == []


def test_all_allocators_together_need_no_names(variant):
    found = compare(variant({"drops": 4, "sweep": {"snr_db": [0, 5, 10]}, "allocators": ["exact", "equal_cs"]}))
    assert note_in(found) == ["median time: per problem in a batch of 12"]


def test_problems_of_other_numbers_of_users_are_another_batch(variant):
    users = {"sweep": {"channel.users": [4, 6]}, "drops": 7, "allocators": ["exact"]}
    assert note_in(compare(variant(users))) == ["median time: per problem in a batch of 7"]


def test_what_fails_as_a_batch_is_timed_alone(variant):
    scenario = variant({"drops": 4, "precoders": ["mrt"], "sweep": {"channel.users": [4, 6]}})
    assert sizes_in(compare(scenario, allocators=[Frail()])) == {"frail": [1, 1]}
    found = compare(scenario, allocators=[Frail(bears=4), Frail(bears=1, label="alone")])
    assert sizes_in(found) == {"frail": [4, 4], "alone": [1, 1]}


def test_an_allocator_that_solves_nothing_has_no_batch(variant):
    @attrs.frozen(kw_only=True)
    class Absent(Frail):
        def why_unavailable(self):
            return "it is absent"

    found = compare(variant({"drops": 3}), allocators=["equal_com", Absent()])
    assert sizes_in(found) == {"equal_com": [3, 3], "frail": [0, 0]}
    assert note_in(found) == ["median time: per problem in a batch of 3"]


@pytest.mark.parametrize("keys", [{}, {"summary_only": True}, {"precision": "float32", "keep": []}])
def test_a_folder_keeps_the_batches_that_its_times_came_from(variant, chunk_size, out, same, keys):
    scenario = variant({"precoders": ["mrt"], "allocators": ["exact"], **keys})
    chunk_size(4)
    compare(scenario, drops=8, execution=Execution(out=out)).dataset.close()
    chunk_size(100)
    resumed = compare(scenario, drops=20, execution=Execution(out=out))
    assert sizes_in(resumed) == {"exact": [4, 12]}
    assert note_in(resumed) == ["median time: per problem in batches of 4 to 12"]
    assert note_in(Comparison.load(out / "results.nc")) == note_in(resumed)
    alone = compare(scenario, drops=20)
    assert sizes_in(alone) == {"exact": [20, 20]}
    if "sketched" not in alone.dataset.coords:  # The buckets of statistics count times, too.
        same(resumed.dataset, alone.dataset)


def test_workers_report_their_batches(variant):
    found = compare(
        variant({"precoders": ["mrt"], "allocators": ["exact", "sca"], "drops": 24}),
        execution=Execution(workers=2),
    )
    (least, largest), alone = sizes_in(found).values()
    assert 1 <= least <= largest < 24
    assert alone == [1, 1]


def test_what_is_tried_again_counts_with_its_own_batch(bed, out):
    document = bed.document({"allocators": ["probe", "equal_com"], "time_limit_s": 1.0})
    bed.told("misbehave")
    compare(document, execution=Execution(out=out)).dataset.close()
    bed.told("")
    assert sizes_in(compare(document, execution=Execution(out=out))) == {"probe": [1, 1], "equal_com": [6, 6]}


def test_ranges_are_joined():
    assert join_ranges((0, 0), (3, 5)) == join_ranges((3, 5), (0, 0)) == (3, 5)
    assert join_ranges((2, 4), (3, 5)) == (2, 5)
    assert join_sizes(((2, 4), (1, 1)), ((3, 5), (0, 0))) == ((2, 5), (1, 1))
    assert join_sizes((), ((3, 5),)) == ()
    assert replace_range(((2, 4), (3, 3)), 1, ((5, 5),)) == ((2, 4), (3, 5))
    assert replace_range((), 0, ((5, 5),)) == ()


STATISTICS = pytest.mark.parametrize("keys", [{}, {"summary_only": True}], ids=["drops", "statistics"])
HOSTILE = [
    "[]",
    "{",
    '{"exact": [1]}',
    '{"exact": [2, 1]}',
    '{"exact": [1, "2"]}',
    '{"exact": [-1, 2]}',
    "[" * 10**5,
]


@STATISTICS
def test_files_of_others_are_checked(variant, out, keys):
    scenario = variant({"precoders": ["mrt"], "allocators": ["exact"], "drops": 2, **keys})
    compare(scenario, execution=Execution(out=out)).dataset.close()
    path = out / "results.nc"
    assert note_in(Comparison.load(path)) == ["median time: per problem in a batch of 2"]
    for text in HOSTILE:
        with h5py.File(path, "r+") as file:
            del file["seconds"].attrs[ATTRIBUTE]
            file["seconds"].attrs[ATTRIBUTE] = text
        with pytest.raises(isacfw.InputError, match=re.escape("batch_sizes of seconds must")):
            Comparison.load(path)
    with h5py.File(path, "r+") as file:  # As earlier versions wrote it.
        del file["seconds"].attrs[ATTRIBUTE]
    assert note_in(Comparison.load(path)) == []

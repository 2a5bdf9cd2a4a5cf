"""Both parts fulfil their contracts and their docstrings."""

import numpy as np
from isacfw_example.equal_gain import EqualGain
from isacfw_example.max_min import MaxMin

import isacfw
from isacfw.testing import parametrize_with_checks


@parametrize_with_checks([EqualGain(), MaxMin()])
def test_conforms(part, check):
    check(part)


def test_max_min_gives_all_users_the_same_rate():
    comparison = isacfw.compare("nguyen2025", allocators=["max_min"], drops=3)
    rates = comparison.dataset["rates"].to_numpy()
    np.testing.assert_allclose(rates, np.broadcast_to(rates[..., :1], rates.shape), rtol=1e-9)

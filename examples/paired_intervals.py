"""Coverage of paired intervals: how many of 1,000 studies of 100 drops have one that holds the true difference.

Drops are independent, so blocks of 100 drops of one study are repeated studies. The true difference is the mean
over 200,000 other drops.
"""

from __future__ import annotations

from collections.abc import Iterator

import isacfw

REPEATS, DROPS, MANY = 1000, 100, 200_000
ALLOCATORS = ("exact", "equal_com", "equal_cs")


def solve(drops: int, seed: int) -> isacfw.Comparison:
    """Return a comparison of independent drops, with what tables need."""
    scenario = isacfw.load_scenario("nguyen2025", overrides=[f"seed = {seed}", "keep = []"])
    return isacfw.compare(scenario, allocators=ALLOCATORS, drops=drops)


def pairs(found: isacfw.Comparison) -> Iterator[tuple[str, float, float]]:
    """Yield each pair with the mean difference on the same drops and the half-width of its interval."""
    for reference in ALLOCATORS[:2]:
        for (precoder, allocator), row in found.paired(reference).iterrows():
            if ALLOCATORS.index(allocator) > ALLOCATORS.index(reference):
                yield f"{precoder}: {allocator} - {reference}", row["difference"], row["ci95"]
    # Precoders share the drops, too: here they take the place of allocators.
    turned = found.dataset.isel(allocator=[0]).rename(precoder="allocator", allocator="precoder")
    for (allocator, precoder), row in isacfw.Comparison(dataset=turned).paired("mrt").iterrows():
        yield f"{allocator}: {precoder} - mrt", row["difference"], row["ci95"]


def coverage(repeats: int, many: int = MANY) -> dict[str, tuple[float, float]]:
    """Return the true difference of each pair, and the share of studies whose interval holds it."""
    truth = {pair: difference for pair, difference, _ in pairs(solve(many, seed=2))}
    inside = dict.fromkeys(truth, 0)
    all_drops = solve(repeats * DROPS, seed=1).dataset
    for first in range(0, repeats * DROPS, DROPS):
        study = isacfw.Comparison(dataset=all_drops.isel({"drop": slice(first, first + DROPS)}))
        for pair, difference, half in pairs(study):
            inside[pair] += bool(abs(difference - truth[pair]) <= half)
    return {pair: (truth[pair], count / repeats) for pair, count in inside.items()}


def main() -> None:
    """Print the table."""
    print(f"{'sum rate':24s} {'difference':>12s} {'covered':>9s}")
    for pair, (difference, share) in coverage(REPEATS).items():
        print(f"{pair:24s} {difference:12.4f} {100 * share:7.1f} %")


if __name__ == "__main__":
    main()

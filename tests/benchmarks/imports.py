"""Print how long `import isacfw` takes, as a multiple of `import numpy` in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 15


def seconds(statement: str) -> float:
    """Return the wall time of a fresh interpreter that runs a statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Take turns, so that a change of the machine's load meets all alike; report medians."""
    statements = ("pass", "import numpy", "import isacfw")
    times = {statement: [] for statement in statements}
    for _ in range(REPEATS):
        for statement in statements:
            times[statement].append(seconds(statement))
    nothing, numpy, isacfw = (statistics.median(times[statement]) for statement in statements)
    ratio = (isacfw - nothing) / (numpy - nothing)
    print(f"import numpy {numpy - nothing:.3f} s, import isacfw {isacfw - nothing:.3f} s: ratio {ratio:.2f}")


if __name__ == "__main__":
    main()

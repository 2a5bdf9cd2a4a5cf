"""Studies: a scenario is divided into chunks, which are solved and kept."""

from .compare import compare

__all__ = ["compare"]

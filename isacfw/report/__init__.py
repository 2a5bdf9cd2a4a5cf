"""Reports: tables, figures, records and files produced from a data set of results."""

from .summary import mean_and_interval

__all__ = ["mean_and_interval"]

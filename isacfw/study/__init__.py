"""Studies: division of a scenario into chunks, their solution in parallel, and their storage."""

"""Run the command line: ``python -m isacfw``."""

from .cli import run

run()

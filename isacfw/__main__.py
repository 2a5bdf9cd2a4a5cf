"""Run the command line: ``python -m isacfw``."""

from .cli.main import run

run()

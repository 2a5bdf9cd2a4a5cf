"""Tests on every supported Python, and with the oldest supported dependencies: ``nox`` runs what is installed."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = ["tests", "lowest"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# Old releases of dependencies meet new ones of theirs, and each other.
OLD = ("-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; arguments after ``--`` are those of pytest."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *session.posargs)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest version of each direct dependency that the project allows."""
    # IPOPT's wheels are pre-releases.
    session.install("--resolution", "lowest-direct", "--prerelease", "allow", ".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *OLD, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build, with warnings as errors, and check that it is complete by itself."""
    session.install("-e", ".[docs,test]")
    session.run(
        "python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build", *session.posargs
    )
    session.run("python", "-m", "pytest", "-q", "tests/site", env={"ISACFW_SITE": "docs/_build"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")

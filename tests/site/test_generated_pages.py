"""Pages that are generated from the code: complete, and every message has its explanation."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import isacfw
from isacfw.host.kinds import KINDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

# These need what the site is built with.
pytest.importorskip("latex2mathml")

from isacfw_site import errors, messages, parts, rewrite_links, to_mathml  # noqa: E402
from isacfw_site.api import MODULES, by_package  # noqa: E402
from isacfw_site.command_line import commands, list_commands  # noqa: E402


def test_every_message_has_its_explanation() -> None:
    """Otherwise, add a pattern to a block of docs/errors.md, or a class with what the message means."""
    found = errors.by_section()
    assert not found.get("", ())
    assert not [title for title, some in found.items() if not some]
    assert sum(map(len, found.values())) > 500


def test_a_message_without_an_explanation_is_noticed() -> None:
    new = messages.Message("InputError", "users", "cannot fly", "isacfw.signal.channel")
    assert not any(section.has(new) for section in errors.sections())
    other = messages.Message("NewError", "", "must be 1", "isacfw.signal.channel")
    assert not any(section.has(other) for section in errors.sections())


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("InputError", "‹key› is not a known key‹hint›"),
        ("InputError", "snr_db must be given, or link_budget instead"),
        ("InputError", "snr_db cannot be combined with link_budget, which determines it, got ‹snr_db›"),
        ("PluginError", "channel ‹channel› must return ChannelStatistics, got ‹statistics›"),
        ("CheckFailed", "the class has no docstring"),
        ("printed", "interrupted‹hint›"),
    ],
)
def test_messages_of_all_forms_are_found(kind: str, line: str) -> None:
    assert (kind, line) in {(one.kind, one.line) for one in messages.messages()}


def test_messages_of_a_class_name_their_modules() -> None:
    text = errors.list_messages("Two settings exclude each other")
    assert "| targets cannot be combined with target | `isacfw.scenario.fields` |" in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_a_page_with_all_its_parts_and_options(kind: str) -> None:
    page = (DOCS / "parts" / f"{kind}.md").read_text(encoding="utf-8")
    assert f"```{{generated}} parts {kind}\n" in page
    text = parts.list_parts(kind)
    for part in parts.parts(kind):
        section = text.partition(f"## `{part.name}`\n")[2].partition("\n## ")[0]
        assert section, part.name
        for option in parts.describe(part.cls).options:
            assert f"`{option.name}`" in section
            assert option.meaning, (part.name, option.name)


def test_every_public_name_is_on_a_page() -> None:
    pages = {path.stem for path in (DOCS / "api").glob("*.md")} - {"README"}
    assert pages == {*by_package(), *MODULES}
    assert sorted(name for names in by_package().values() for name in names) == sorted(isacfw.__all__)


def test_every_command_and_option_is_on_the_page() -> None:
    text = list_commands("")
    for name, command in commands():
        section = text.partition(f"## isacfw {name}\n")[2].partition("\n## ")[0]
        options = {option for action in command._actions for option in action.option_strings} - {"-h", "--help"}
        assert not [option for option in options if f"`{option}" not in section]


def test_every_page_is_in_the_contents() -> None:
    listed = set()
    for path in DOCS.rglob("*.md"):
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            listed |= {(path.parent / f"{name}.md").resolve() for name in names}
    pages = {path for path in DOCS.rglob("*.md") if "_build" not in path.parts}
    assert {path.resolve() for path in pages} - listed == {(DOCS / "index.md").resolve()}


def test_links_lead_to_pages_of_the_site() -> None:
    text = (
        "[a](../README.md) [b](../examples/scenarios/mid_band.toml) [c](../examples/channels) [d](model.md#units)"
    )
    expected = text.replace("../README.md", "index.md").replace(
        "../examples/channels", "files.md#exampleschannels"
    )
    assert rewrite_links(text, "docs", "docs") == expected
    assert rewrite_links("[a](docs/model.md)", "", "docs") == "[a](model.md)"
    code = "```text\n[a](../README.md)\n```"
    assert rewrite_links(code, "docs", "docs") == code


def test_functions_in_formulas_are_apart_from_their_arguments() -> None:
    assert "</mi><mspace" in to_mathml(r"\sin\theta")
    assert "<mspace" not in to_mathml(r"\log_{10} x")


def test_every_fault_names_tests_that_exist() -> None:
    text = (DOCS / "faults.md").read_text(encoding="utf-8") + (DOCS / "validation.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/.]+)`", text))
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


def test_readme_begins_with_a_picture_and_fits_two_screens() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[2].startswith("![")
    assert len(lines) <= 110

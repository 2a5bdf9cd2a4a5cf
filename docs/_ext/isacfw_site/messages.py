"""The templates of all messages in the code: calls that make errors, and the text that they are made with."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "isacfw", ROOT / "plugins" / "isacfw_plugins")
BASES = {"IsacError", "IsacWarning", "ArgumentTypeError", "CheckFailed"}
"""Classes whose messages users read; those derived from them are found in the code."""
WITH_KEY = {"InputError"}
"""Classes whose first argument is the key."""
REASONS = {"refusal", "unavailable"}
"""Methods of parts that return why something cannot be done."""
_PASSED_ON = re.compile("‹[^‹›]*›")
_HINTS = {"suggestion", "nearest"}
_MOST = 12


@dataclass(frozen=True, order=True)
class Message:
    """A template of a message.

    Parameters
    ----------
    kind : str
        The class of the error, ``"refusal"`` or ``"unavailable"``, or ``"printed"``.
    key : str
        What stands before the text: the name of a parameter, or a placeholder.
    text : str
        The text, with placeholders in ``‹›``.
    module : str
        The module that has it.
    """

    kind: str
    key: str
    text: str
    module: str

    @property
    def line(self) -> str:
        """The whole message."""
        return " ".join(f"{self.key} {self.text}".split())


@dataclass(frozen=True)
class Maker:
    """A call that makes a message: positions of its key and text, if it has them."""

    kind: str
    key: int | None
    text: int


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules."""
    return {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for folder in SOURCES
        for path in sorted(folder.rglob("*.py"))
    }


def _name(node: ast.AST) -> str:
    """Return the last name of a dotted expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def error_classes() -> frozenset[str]:
    """Return the names of the classes whose messages users read."""
    found = set(BASES)
    classes = [node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {one.name for one in classes if found & {*map(_name, one.bases)}} - found:
        found |= more
    return frozenset(found)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions that are in no other."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child
        else:
            yield from _outermost(child)


@cache
def makers() -> dict[tuple[str, str], Maker]:
    """Return what makes messages by module and name; the module is empty for classes.

    A function that passes an argument of its own on as the text makes messages too.
    """
    found = {
        ("", name): Maker(name, 0, 1) if name in WITH_KEY else Maker(name, None, 0) for name in error_classes()
    }
    while True:
        more = {}
        for module, tree in trees().items():
            for function in _functions(tree):
                own = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
                for call, maker in _calls(module, function, found):
                    text = call.args[maker.text] if len(call.args) > maker.text else None
                    if isinstance(text, ast.Name) and text.id in own and function.name != "within":
                        more[module, function.name] = Maker(maker.kind, None, own.index(text.id))
        if not more.items() - found.items():
            return found
        found |= more


def _calls(module: str, node: ast.AST, known: dict[tuple[str, str], Maker]) -> Iterator[tuple[ast.Call, Maker]]:
    imported = _imported(module)
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            name = _name(call.func)
            for owner in ("", module, imported.get(name, "")):
                if (owner, name) in known:
                    yield call, known[owner, name]
                    break


@cache
def _imported(module: str) -> dict[str, str]:
    """Return the modules from which a module imports names."""
    found = {}
    for node in ast.walk(trees()[module]):
        if isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {alias.name: source for alias in node.names}
    return found


@cache
def messages() -> tuple[Message, ...]:
    """Return all templates, each once for a module."""
    found = set()
    for module, tree in trees().items():
        for function in _outermost(tree):
            known = Texts(function)
            for call, maker in _calls(module, function, makers()):
                found |= {*_of_call(module, known, call, maker)}
            found |= {*_printed(module, known, function)}
            if function.name in REASONS:
                found |= {
                    Message(function.name, "", text, module)
                    for node in ast.walk(function)
                    if isinstance(node, ast.Return) and node.value is not None
                    for text in known.of(node.value)
                    if text and not _PASSED_ON.fullmatch(text)
                }
    return tuple(sorted(found))


def _of_call(module: str, known: Texts, call: ast.Call, maker: Maker) -> Iterator[Message]:
    if len(call.args) <= maker.text:
        return
    keys = [""] if maker.key is None else known.of(call.args[maker.key])
    for key, text in itertools.product(keys, known.of(call.args[maker.text])):
        # Texts that are passed on are those of another call.
        if not text or _PASSED_ON.fullmatch(text):
            continue
        yield Message(maker.kind, key, " ".join(text.split()), module)


def _printed(module: str, known: Texts, function: ast.AST) -> Iterator[Message]:
    """Yield what is printed to standard error after the name of the program, and the errors of the parser."""
    for call in ast.walk(function):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if ast.unparse(call.func) == "self.error":
            yield from (
                Message("parser", "", text, module) for text in known.of(call.args[0]) if "‹m" not in text
            )
        elif _name(call.func) == "print":
            for text in known.of(call.args[0]):
                words = text.removeprefix("isacfw: ")
                if words != text and not _PASSED_ON.fullmatch(words):
                    yield Message("printed", "", words, module)


class Texts:
    """The texts of expressions in a function: strings with placeholders, and what its variables were assigned."""

    def __init__(self, function: ast.AST) -> None:
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.NamedExpr):
                self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, part in zip(target.elts, value.elts, strict=False):
                self._assign(one, part)

    def of(self, node: ast.expr, depth: int = 0) -> list[str]:
        """Return the texts that an expression can have."""
        if isinstance(node, ast.Constant):
            return (
                [node.value] if isinstance(node.value, str) else [""] if node.value is None else [str(node.value)]
            )
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right], depth)
        if isinstance(node, ast.IfExp):
            return [*self.of(node.body, depth), *self.of(node.orelse, depth)]
        if isinstance(node, ast.BoolOp):
            return [text for one in node.values for text in self.of(one, depth)]
        if isinstance(node, ast.FormattedValue):
            return self._value(node.value, depth)
        return self._value(node, depth)

    def _joined(self, parts: list[ast.expr], depth: int) -> list[str]:
        texts = [self.of(part, depth) for part in parts]
        return ["".join(one) for one in itertools.islice(itertools.product(*texts), _MOST)]

    def _value(self, node: ast.expr, depth: int) -> list[str]:
        if isinstance(node, (ast.IfExp, ast.BoolOp, ast.JoinedStr)):
            return self.of(node, depth)
        if isinstance(node, ast.Call) and _name(node.func) in _HINTS:
            return ["‹; did you mean …?›"]
        if isinstance(node, ast.Name):
            known = self.assigned.get(node.id, [])
            texts = [one for one in known if isinstance(one, (ast.Constant, ast.JoinedStr, ast.IfExp, ast.BinOp))]
            if texts and len(texts) == len(known) and depth < 3:
                return [text for one in texts for text in self.of(one, depth + 1)]
        return [f"‹{_placeholder(node)}›"]


def _placeholder(node: ast.expr) -> str:
    """Return a word for a value that is not known."""
    while True:
        if isinstance(node, ast.Call) and node.args:
            node = node.args[0]
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            break
    return _name(node).strip("_") or "…"

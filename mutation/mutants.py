"""Mutants: one small change of one file each. cosmic-ray knows Python; the scripts of the server are `lua`'s."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from mutation import lua

NEEDS_NAMES = ("VariableReplacer", "VariableInserter")
"""Operators of cosmic-ray that want to be told which variables to touch: they are not used."""
_INDENT = 4


@dataclass(frozen=True)
class Mutant:
    """A file with one change in it."""

    file: str
    operator: str
    line: int
    before: str
    """The line that changed."""
    after: str
    """What it became; empty if it was removed."""
    text: str
    """The whole file."""

    @property
    def name(self) -> str:
        """How it is shown."""
        return f"{self.file}:{self.line} [{self.before}] -> [{self.after}]"


def of(tree: Path, target: str) -> list[Mutant]:
    """Every mutant of a file, or of the Python and Lua files in a package, each text once.

    `target` is its path in the tree. The tools of a store are no part of it.
    """
    made: dict[tuple[str, str], Mutant] = {}
    whole = tree / target
    for path in sorted([*whole.rglob("*.py"), *whole.rglob("*.lua")]) if whole.is_dir() else [whole]:
        if path != whole and path.relative_to(whole).parts[0] in {"tools", "__main__.py"}:
            continue
        text = path.read_text("utf-8")
        changes = _python(text) if path.suffix == ".py" else lua.mutations(text)
        for operator, changed in changes:
            mutant = _mutant(str(path.relative_to(tree)), operator, text, changed)
            made.setdefault((mutant.file, changed), mutant)
    return list(made.values())


def _mutant(file: str, operator: str, text: str, changed: str) -> Mutant:
    old, new = text.splitlines(), changed.splitlines()
    # cosmic-ray takes the blank lines before a decorator with it.
    first = next(at for at, line in enumerate(old) if line.strip() and new[at : at + 1] != [line])
    after = "" if len(new) < len(old) else new[first].strip()
    return Mutant(file, operator, first + 1, old[first].strip(), after, changed)


def _python(text: str) -> Iterator[tuple[str, str]]:
    """What cosmic-ray makes of a module, less what no test can judge.

    That is: what does not compile; `|` inside an annotation, which is for the type checker; the test of TYPE_CHECKING.
    """
    spans = list(_annotations(text))
    lines = text.splitlines(keepends=True)
    # cosmic-ray reads the whole text for each mutant, so it is given a small part of the module at a time.
    for first, last, columns, body in _parts(ast.parse(text).body, 0):
        part = "".join(line[columns:] if line.strip() else line for line in lines[first:last])
        for name, changed in _of_part(part + body, first, columns, spans):
            whole = changed.removesuffix(body).splitlines(keepends=True)
            indented = [" " * columns + line if line.strip() else line for line in whole]
            yield name, "".join([*lines[:first], *indented, *lines[last:]])


def _parts(statements: Sequence[ast.stmt], columns: int) -> Iterator[tuple[int, int, int, str]]:
    """The lines of each statement, from and to, its indent, and the body that it lacks.

    A class is its head, which lacks a body, and each of its statements.
    """
    for one in statements:
        first = min([one.lineno, *(each.lineno for each in getattr(one, "decorator_list", []))]) - 1
        if isinstance(one, ast.ClassDef) and one.body[0].lineno > one.lineno:
            inside = list(_parts(one.body, columns + _INDENT))
            yield first, inside[0][0], columns, f"{' ' * _INDENT}pass\n"
            yield from inside
        else:
            yield first, one.end_lineno or one.lineno, columns, ""


def _of_part(
    text: str, above: int, columns: int, spans: list[tuple[tuple[int, int], tuple[int, int]]]
) -> Iterator[tuple[str, str]]:
    lines = text.splitlines()
    nodes = list(ast_nodes(get_ast(text)))
    for full_name in operator_names():
        name = full_name.partition("/")[2]
        if name in NEEDS_NAMES:
            continue
        operator = get_operator(full_name)()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, column) in enumerate(places):
            in_annotation = any(start <= (above + line, columns + column) < end for start, end in spans)
            if (in_annotation and "_BitOr_" in name) or "TYPE_CHECKING" in lines[line - 1]:
                continue
            try:
                changed = mutate_code(text, operator, occurrence)
            except AttributeError:  # cosmic-ray does not know a dotted name in a tuple of exceptions
                continue
            if changed is not None and changed != text and _compiles(changed):
                yield name, changed


def _annotations(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for node in ast.walk(ast.parse(text)):
        found = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(found, ast.expr):
            yield (found.lineno, found.col_offset), (found.end_lineno or 0, found.end_col_offset or 0)


def _compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # `is` with a literal is what an operator makes
            compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True

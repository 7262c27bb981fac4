"""The differences between both modes as rows of a table, the worst first."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal, TypeAlias, get_args

from reports.analyse.parity import Comparison, Difference

Group: TypeAlias = Literal["same calls", "one mode only", "odd calls"]
"""Whether both modes can meet it, only Redis mode can, or no caller would do it; in the order of the table."""

Harm: TypeAlias = Literal["lost write", "wrong answer", "exception", "another type", "another message"]
"""What it costs the caller, the worst first."""

_OF_SERVER = ("server", "foreign value", "death")
"""Kinds of differences that begin at a server. Memory mode has none."""

_HARMS: Mapping[str, Harm] = {
    "race": "lost write",
    "exception": "exception",
    "type": "another type",
    "message": "another message",
}
"""By kind. Every other kind is a wrong answer."""

_STEPS: Mapping[str, str] = {
    "race": "{calls} at the same time, then {read}",
    "argument": "{calls}, change what was passed in, then {read}",
    "result": "{calls}, change what came back, then {read}",
    "server": "{read} while the server is away",
    "foreign value": "{read} while another type is under the key",
    "death": "{read}, and its connection is lost",
    "neighbour": "{calls} in one namespace, then {read} in another",
    "process": "{calls}, then {read} in another process",
}
"""What a person does, by kind."""

_LONGEST = 60

_REQUEST = re.compile(r"#   ( *[A-H]: (?!starts|->)\S+)")
"""In a script that shows an order: a caller, and the command of its request."""

_THEN = re.compile(r"#   then store\.(\w+)\(")
"""In such a script: the read that shows what came of it."""


@dataclass(frozen=True)
class Row:
    """A difference: what a person does, and what each mode gives."""

    group: Group
    harm: Harm
    steps: str
    """What a person does: a text of the catalogue, with places for `calls` and `read`."""
    calls: tuple[str, ...]
    """The calls that make the difference, as short Python."""
    read: str
    """The operation, and the field of its result, that show the difference."""
    memory: str | None
    """What memory mode gives; None if it cannot meet this."""
    redis: str
    script: tuple[str, ...]
    order: tuple[str, ...]
    """The requests of calls at the same time, in the order that makes the difference."""

    @property
    def place(self) -> tuple[int, int]:
        """Tell where it stands in the table."""
        return get_args(Group).index(self.group), get_args(Harm).index(self.harm)


def rank(comparison: Comparison) -> tuple[Row, ...]:
    """Rank the differences between both modes: by group, then by harm, then as they were found."""
    rows = [_row(difference, comparison.stores) for difference in comparison.findings]
    return tuple(sorted(rows, key=attrgetter("place")))


def _row(difference: Difference, stores: tuple[str, str]) -> Row:
    *before, last = _calls_in(difference.script)
    is_read_back = bool(before) and len(last) == 1 and not last[0].startswith(f"{difference.operation}(")
    made = before[-1] if is_read_back else last
    reads = filter(None, map(_THEN.match, difference.script))
    read = next((found[1] for found in reads), difference.seen)
    otherwise = "{calls}, then {read}" if is_read_back else "{calls}"
    memory, redis = (_result_of(store, difference.script) for store in stores)
    can_meet = difference.kind not in _OF_SERVER
    requests = map(_REQUEST.match, difference.script)
    return Row(
        group=_group(difference),
        harm=_harm(difference, is_read_back=is_read_back),
        steps=_STEPS.get(difference.kind, otherwise),
        calls=tuple(made),
        read=read,
        memory=memory if can_meet else None,
        redis=redis,
        script=difference.script,
        order=tuple(request[1] for request in requests if request),
    )


def _group(difference: Difference) -> Group:
    if difference.is_odd:
        return "odd calls"
    return "one mode only" if difference.kind in _OF_SERVER else "same calls"


def _harm(difference: Difference, *, is_read_back: bool) -> Harm:
    if difference.kind == "exception" and is_read_back:
        return "lost write"  # a call stored something, and nobody can read it
    return _HARMS.get(difference.kind, "wrong answer")


def _calls_in(script: Sequence[str]) -> list[list[str]]:
    """Return the calls of each line of a script that makes some: several are made at the same time."""
    try:
        module = compile("\n".join(script), "script", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:  # a value may have no Python that makes it
        return [[]]
    named = {}
    lines: list[list[str]] = []
    for statement in module.body:
        if isinstance(statement, ast.Assign):
            named[ast.unparse(statement.targets[0])] = statement.value
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        made = [call for call in calls if ast.unparse(call.func).startswith("store.")]
        if made:
            lines.append([_shorten(call, named) for call in made])
    return lines or [[]]


def _shorten(call: ast.Call, named: Mapping[str, ast.expr]) -> str:
    """Write a call with the arguments that a reader of a table needs."""
    method = ast.unparse(call.func).removeprefix("store.")
    return f"{method}({', '.join(_arguments(call, named))})"


def _arguments(call: ast.Call, named: Mapping[str, ast.expr]) -> Iterator[str]:
    """Write the arguments without ids of earlier results, and those of a request in its place."""
    for keyword in call.keywords:
        value = named.get(ast.unparse(keyword.value), keyword.value)
        text = ast.unparse(value)
        if isinstance(value, ast.Call) and value.keywords:
            yield from _arguments(value, named)
        elif not text.startswith("result"):
            yield f"{keyword.arg}={text}"


def _result_of(store: str, script: Sequence[str]) -> str:
    """Return what the last call gave in a store, as the end of the script says, cut short."""
    mark = f"# {store}: "
    text = next((line.removeprefix(mark) for line in script if line.startswith(mark)), "")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

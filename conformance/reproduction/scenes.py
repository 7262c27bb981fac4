"""The script of a scene in which a store did something wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.engine.observe import raised_of
from conformance.engine.play import Player
from conformance.engine.scene import Scene
from conformance.engine.tally import Finding, Look, Tally
from conformance.harness import Harness
from conformance.reproduction.record import Block, Call, Script
from conformance.reproduction.replay import Lines, body_of, run, says_the_same, shorter


@dataclass(frozen=True)
class Shown:
    """A finding, and the statements that show it."""

    finding: Finding
    body: Lines


def reproduce(harness: Harness, scene: Scene, number: str) -> Shown | None:
    """Play a scene until it breaks a requirement, and return statements that show it; `None` if it does not any more.

    The statements are tried, and as few as a second of trying leaves.
    """
    script = Script()
    found: list[Shown] = []

    def keep(finding: Finding) -> None:
        if number in finding.requirements and finding.look is not None and not found:
            found.append(Shown(finding, _body(script, finding.look)))

    player = Player(script.harness(harness), Tally(on_finding=keep))
    asyncio.run(player.play(scene))
    if not found:
        return None
    words, body = found[0].finding.words, found[0].body
    if says_the_same(run(harness, body), words):
        body = shorter(harness, body, words)
    return Shown(found[0].finding, body)


def _body(script: Script, look: Look) -> Lines:
    """What was recorded so far, and last what prints where the finding is to be seen."""
    blocks = [*script.blocks, *script.changes()]
    last: list[Block] = []
    if look.held is not None:
        answers = [script.names.name_of(look.held)]
    else:
        at, end = _last_calls(blocks, look)
        blocks, (last, answers) = blocks[:at], _captured(blocks[at:end], look)
    return body_of([*blocks, *last, Block(_print(look, answers))], script.names.definitions)


def _last_calls(blocks: list[Block], look: Look) -> tuple[int, int]:
    """Where the calls that a finding is about begin and end: those at the same time, or the last with that answer."""
    count = look.calls
    for at in range(len(blocks) - 1, -1, -1):
        calls = blocks[at].calls
        count -= sum(not call.is_cancelled for call in calls)
        if look.kind == "together" and count <= 0:
            return at, len(blocks)
        if look.kind != "together" and calls and (look.answer is None or _find(calls, look.answer) is not None):
            return at, at + 1
    return 0, len(blocks)


def _captured(blocks: list[Block], look: Look) -> tuple[list[Block], list[str]]:
    """Blocks that keep every outcome, and what the script calls those that the finding is about."""
    kept: list[Block] = []
    named: list[tuple[Call, str]] = []
    for block in blocks:
        if len(block.calls) == 1:
            name = f"answer{len(named) + 1}"
            kept.append(Block(f"{name} = await outcome({block.calls[0].text})"))
            named.append((block.calls[0], name))
        elif block.calls:
            kept.append(Block(f"{block.name} = {block.text}"))
            named += [(call, f"{block.name}[{at}]") for at, call in enumerate(block.calls)]
    if look.kind == "together":
        stores = {f"store{on + 1}" for on in look.on}
        answered = [one for one in named if not one[0].is_cancelled][-look.calls :]
        return kept, [name for call, name in answered if call.store in stores]
    found = _find([call for call, _ in named], look.answer)
    return kept, [named[-1 if found is None else found][1]]


def _find(calls: Sequence[Call], answer: Any) -> int | None:
    """Which of the calls returned this, or raised what has this name."""
    for at, call in enumerate(calls):
        if call.outcome is answer or (isinstance(call.outcome, BaseException) and _name_of(call.outcome) == answer):
            return at
    return None


def _name_of(error: BaseException) -> str:
    return raised_of(error).error


def _print(look: Look, answers: list[str]) -> str:
    names = "".join(f', "{name}"' for name in look.names)
    if look.kind == "together":
        parts = ", ".join(f"words({answer}{names})" for answer in answers)
        return f'print("{look.head}", "; ".join([{parts}]))'
    (answer,) = answers or ["None"]
    if look.kind == "words":
        of_task = f"task_of({answer}, {look.index}{names})"
        return f'print("{look.head}", {f"words({answer}{names})" if look.index is None else of_task})'
    task = answer if look.index is None else f"{answer}.tasks[{look.index}]"
    return f'print("{look.head}", {f"field({task}{names})" if look.kind == "field" else f"{task}.{look.names[0]}"})'


def comment(finding: Finding) -> str:
    """What a script has to show."""
    return f"# {finding.words}"


def scene_of(scenes: Sequence[Scene], name: str) -> Scene | None:
    """The scene of a name."""
    return next((scene for scene in scenes if scene.name == name), None)

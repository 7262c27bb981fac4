"""The script of a readable case: the calls that it made, of which the last shows how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.engine.observe import raised_of
from conformance.engine.script import source
from conformance.harness import Harness
from conformance.reproduction.record import Block, Call, Script
from conformance.reproduction.replay import Lines, body_of, commented, making, run, says_the_same, whole
from conformance.reproduction.shown import words

_OF_TASK = ("task_id", "status", "progress", "current_step", "result_url", "video_ids", "metadata")
_OF_PAGE = ("tasks",)


def script_of(case: str, script: Script, fault: BaseException, subject: str, harness: Harness) -> Callable[[], str]:
    """What makes the script of a case that failed, when it is asked for: the calls, if they show the same again.

    Else it plays the case.
    """

    def made() -> str:
        reason = (str(fault).strip().splitlines() or [""])[0]
        said = f"{type(fault).__name__}: {reason}"
        if script.statements:
            return whole(script.statements, said, subject)
        if (found := _of_calls(script)) is not None and says_the_same(run(harness, found[0]), found[1]):
            return whole(found[0], f"{found[1]}; the case says {said}", subject)
        return _playing(case, said, subject)

    return made


def _of_calls(script: Script) -> tuple[Lines, str] | None:
    """The statements, and the words of the last outcome; `None` where nothing was called."""
    last = next((at for at in range(len(script.blocks) - 1, -1, -1) if script.blocks[at].calls), None)
    if last is None:
        return None
    block = script.blocks[last]
    *before, call = block.calls
    names = _OF_PAGE if hasattr(call.outcome, "tasks") else _OF_TASK
    named = "".join(f', "{name}"' for name in names)
    head = f"{call.text.partition('(')[0].partition('.')[2]} gave"
    if before:
        kept, answer = Block(f"{block.name} = {block.text}"), f"{block.name}[{len(before)}]"
    else:
        kept, answer = Block(f"answer = await outcome({call.text})"), "answer"
    blocks = [*script.blocks[:last], kept, Block(f'print("{head}", words({answer}{named}))')]
    return body_of(blocks, script.names.definitions), f"{head} {_words(call, names)}"


def _words(call: Call, names: tuple[str, ...]) -> str:
    return raised_words(call.outcome) if isinstance(call.outcome, BaseException) else words(call.outcome, *names)


def raised_words(error: Any) -> str:
    """An exception in words."""
    return words(error) if isinstance(error, Exception) else raised_of(error).error


def _playing(case: str, said: str, subject: str) -> str:
    imported, made = making(subject)
    return "\n".join(
        [
            "from conformance.cases import why",
            imported,
            "",
            'if __name__ == "__main__":',
            f"    {made}",
            "    with harness.running():",
            f"        print(why({source(case)}, harness))",
            f"        {commented(said)}",
        ]
    )

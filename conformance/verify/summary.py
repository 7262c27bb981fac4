"""The results of each part, added up over the processes that did a share of it: a line, a document, the failures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.verify.document import Fault, Faults, Histories, Part, Search, SubjectHistories, Walk
from conformance.verify.faults.run import CELLS
from conformance.verify.scenes import Found


@dataclass(frozen=True)
class Failure:
    """One failure of a subject: what a person reads, and the content and kind of the file that plays it again."""

    subject: str
    text: str
    replay: str
    suffix: str = ".json"


@dataclass(frozen=True)
class Summary:
    """The results of one part."""

    line: str
    part: Part
    failures: tuple[Failure, ...]


def _failures(part: str, found: Iterable[Found]) -> tuple[Failure, ...]:
    return tuple(Failure(one.difference.subject, str(one), _again(part, **one.replay)) for one in found)


def _again(part: str, **what: Any) -> str:
    return json.dumps({"part": part, **what})


def _of_search(outcomes: list[tuple[Search, list[Found]]]) -> Summary:
    every = [one for _, found in reversed(outcomes) for one in found]
    found = list({one.signature: one for one in every}.values())
    part = Search(
        passed=not found,
        decided=any(one.decided for one, _ in outcomes),
        scenes=sum(one.scenes for one, _ in outcomes),
        calls=sum(one.calls for one, _ in outcomes),
        differences=tuple(one.difference for one in found),
    )
    line = f"{part.scenes:,} scenes, {part.calls:,} calls compared with the model; {len(found)} differences"
    return Summary(line, part, _failures("search", found))


def _of_walk(outcomes: list[tuple[Walk, list[Found]]]) -> Summary:
    ((part, found),) = outcomes
    of = "" if part.share == 1 else f" of {part.sequences:,}"
    aside = "".join(f"; {name}: {reason}" for name, reason in part.not_played.items())
    line = (
        f"{part.chosen:,}{of} sequences of at most {part.length} calls, {part.played:,} played on every subject, "
        f"{part.calls:,} calls compared with the model; {len(found)} differences{aside}"
    )
    return Summary(line, part, _failures("walk", found))


def _of_histories(outcomes: list[dict[str, SubjectHistories]]) -> Summary:
    by_subject = {name: one for outcome in outcomes for name, one in outcome.items()}
    every = by_subject.values()
    found = [(name, each) for name, one in by_subject.items() for each in one.contradictions]
    unknown = sum(one.unknown for one in every)
    return Summary(
        f"{sum(one.histories for one in every):,} histories of {sum(one.calls for one in every):,} calls on "
        f"{', '.join(by_subject)}, {sum(one.across_processes for one in every):,} of them across processes; "
        f"{sum(one.explained for one in every):,} explained, {len(found)} contradictions, {unknown} unknown",
        Histories(
            passed=not found,
            decided=all(one.passed for one in every),
            subjects=by_subject,
        ),
        tuple(Failure(name, f"{each.text}\n\n{each.script}", each.history, ".jsonl") for name, each in found),
    )


def _of_faults(outcomes: list[list[Fault]]) -> Summary:
    cells = tuple(cell for outcome in outcomes for cell in outcome)
    count = Counter(cell.verdict for cell in cells)
    failed = [cell for cell in cells if cell.verdict == "fail"]
    undecided = [cell for cell in cells if cell.verdict == "not-testable"]
    aside = "".join(f"; {cell.fault} × {cell.operation}: {cell.reason}" for cell in undecided)
    return Summary(
        f"{len(cells)} of {CELLS * len(outcomes)} faults × operations on "
        f"{', '.join(dict.fromkeys(cell.subject for cell in cells))}; {count['pass']} pass, {len(failed)} fail, "
        f"{len(undecided)} not testable{aside}",
        Faults(passed=not failed, decided=bool(cells), possible=CELLS * len(outcomes), cells=cells),
        tuple(
            Failure(
                cell.subject,
                "\n".join([f"{cell.fault} × {cell.operation} on {cell.subject}: {cell.reason}", *cell.script]),
                _again("faults", fault=cell.fault, operation=cell.operation),
            )
            for cell in failed
        ),
    )


SUMMARIES: Mapping[str, Callable[[list[Any]], Summary]] = {
    "search": _of_search,
    "walk": _of_walk,
    "histories": _of_histories,
    "faults": _of_faults,
}

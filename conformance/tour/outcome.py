"""What came out of a tour, or of a part of it: the findings that are kept, and what was reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from conformance.engine.observe import MARK
from conformance.engine.tally import Finding, Tally
from conformance.engine.written import written
from conformance.tour.made_ids import about_ids

TOURED = (
    *("API-02", "API-03", "API-04", "API-05", "VAL-01", "VAL-02", "VAL-05", "VAL-06", "VAL-09", "VAL-10"),
    *("LIFE-01", "LIFE-02", "LIFE-03", "LIFE-04", "LIFE-05", "LIFE-09", "LIFE-10"),
    *("LIFE-13", "LIFE-14", "LIFE-17", "LIFE-18", "ATOM-01", "ATOM-02", "ATOM-06"),
    *("LIST-01", "LIST-03", "LIST-04", "LIST-06", "LIST-12", "LIST-13", "EXP-01", "EXP-03", "EXP-05"),
    *("ID-01", "ID-02", "ID-03", "ID-06", "DUR-01", "DUR-03", "SHARE-01", "SHARE-02"),
    *("MAINT-01", "MAINT-02", "MAINT-04"),
)
"""The requirements that the tour decides. Each has a test, and a finding breaks at least one of them."""
_ELSE = "API-02"
"""What a finding breaks that breaks none of them: the operation does not work."""
_SHOWN = 5
"""Findings of one kind that are kept whole; of the others only the scene is named."""
OUT_OF_TIME = "the time that --conformance-seconds gives was over"
"""Why scenes are left out that would begin later."""


class Found(BaseModel):
    """One kind of finding: the requirements that are broken, what was seen, and how to see it again."""

    requirements: tuple[str, ...]
    words: str
    scene: str
    lines: tuple[str, ...]
    actions: tuple[str, ...] = ()
    """The actions of the scene up to the finding, as Python that plans them again."""
    instances: int = 1
    """On how many instances of the store they are played."""
    traits: tuple[str, ...] = ()
    """What differed, if not in a call by itself."""


class Tour(BaseModel):
    """What came out of a tour, or of a part of it."""

    found: list[Found] = []
    """The findings, those with the shortest scripts first, at most five for the same requirements."""
    scenes: dict[str, list[str]] = {}
    """The names of the scenes in which a requirement was broken."""
    exercised: dict[str, int] = {}
    """How many results were compared that a requirement decides."""
    reached: dict[str, int] = {}
    """How many scenes were played, by the classes of the plan that they visit."""
    missing: dict[str, dict[str, int]] = {}
    """Why scenes were left out, by the classes that they would have visited."""
    reasons: dict[str, dict[str, int]] = {}
    """Why scenes were left out, by the requirements that they are about; `` for those that are about all."""
    planned: dict[str, int] = {}
    """How many scenes of the plan are about a requirement, whether they were played or not; `` for all."""
    calls: dict[str, dict[str, int]] = {}
    """How often an operation ended in a result, or in an exception of that name."""
    met: dict[str, dict[str, int]] = {}
    """How often an operation met a task of that status, or no task."""
    sizes: dict[str, dict[str, int]] = {}
    """How often an operation was called on a store of at least so many tasks, and less than the next size."""
    alone: list[str] = []
    """What differed, in a part, in a call by itself."""
    made_ids: list[tuple[str, str]] = []
    """The ids that the store made in a part, each after its namespace. They are judged together, in the whole."""
    seconds: float = 0.0
    """How long it took; where several processes shared it, how long it took them together."""

    def coverage(self) -> dict[str, Any]:
        """What the results say of the tour: what it reached, and why not more."""
        return self.model_dump(include={"reached", "missing", "calls", "met", "sizes", "seconds"})

    def is_out_of_time(self, number: str) -> bool:
        """Whether a scene that could break a requirement was left out for lack of time."""
        return OUT_OF_TIME in self.reasons.get(number if number in self.planned else "", {})

    def against(self, number: str) -> list[Found]:
        """The findings that break a requirement."""
        return [one for one in self.found if number in one.requirements]


def part_of(
    tally: Tally,
    findings: Iterable[Finding],
    *,
    reached: Mapping[str, int],
    missing: Mapping[tuple[str, str], int],
    reasons: Mapping[tuple[str, str], int],
    planned: Mapping[str, int],
    seconds: float,
) -> Tour:
    """A part of a tour: what was counted while its scenes were played, and the findings in the order of the plan."""
    kept, explained = _apart([_decided(one) for one in findings], tally.alone)
    return Tour(
        found=[_found_of(one) for one in _shortest(kept, of_traits=True)],
        scenes=_scenes_of(kept),
        exercised=tally.exercised + explained,
        reached=dict(reached),
        missing=_table_of(missing),
        reasons=_table_of(reasons),
        planned=dict(planned),
        calls=_table_of(tally.calls),
        met=_table_of(tally.met),
        sizes=_table_of(tally.sizes),
        alone=sorted(tally.alone),
        made_ids=tally.made_ids,
        seconds=seconds,
    )


def whole_of(parts: Sequence[Tour]) -> Tour:
    """The tour that was played in parts."""
    tally = Tally(made_ids=[one for part in parts for one in part.made_ids])
    about_all = about_ids(tally)
    scenes: dict[str, dict[str, None]] = {}
    for broken in (*(part.scenes for part in parts), _scenes_of(about_all)):
        for number, names in broken.items():
            scenes.setdefault(number, {}).update(dict.fromkeys(names))
    alone = {trait for part in parts for trait in part.alone}
    found, explained = _apart([one for part in parts for one in part.found], alone)
    return Tour(
        found=_shortest([*found, *map(_found_of, about_all)]),
        scenes={number: list(names) for number, names in scenes.items()},
        exercised=_sum([*(part.exercised for part in parts), tally.exercised, explained]),
        reached=_sum([part.reached for part in parts]),
        missing=_sum_of_tables([part.missing for part in parts]),
        reasons=_sum_of_tables([part.reasons for part in parts]),
        planned=_sum([part.planned for part in parts]),
        calls=_sum_of_tables([part.calls for part in parts]),
        met=_sum_of_tables([part.met for part in parts]),
        sizes=_sum_of_tables([part.sizes for part in parts]),
        seconds=sum(part.seconds for part in parts),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items(), key=lambda one: (int(one[0]) if one[0].isdigit() else 0, one[0])))


def _sum_of_tables(tables: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    rows = sorted({row for table in tables for row in table})
    return {row: _sum(table[row] for table in tables if row in table) for row in rows}


def _decided(finding: Finding) -> Finding:
    """The finding, with a requirement that has a test."""
    if not {*finding.requirements}.isdisjoint(TOURED):
        return finding
    return replace(finding, requirements=(*finding.requirements, _ELSE))


def _found_of(finding: Finding) -> Found:
    return Found(
        requirements=finding.requirements,
        words=finding.words,
        scene=finding.scene.name,
        lines=finding.lines,
        actions=tuple(map(written, finding.scene.actions[: finding.played])),
        instances=finding.scene.instances,
        traits=finding.traits,
    )


_AnyFound = TypeVar("_AnyFound", Finding, Found)


def _apart(findings: Iterable[_AnyFound], alone: Collection[str]) -> tuple[list[_AnyFound], Counter[str]]:
    """The findings, less those in races, after reopening and the like that show only what a call shows by itself.

    That is reported where it was seen by itself, and what a caller had changed under VAL-02. All else about those calls
    was compared and is right, so it counts for the requirements that the others would break.
    """
    kept: list[_AnyFound] = []
    explained: Counter[str] = Counter()
    for one in findings:
        if one.traits and all(trait in alone or MARK in trait for trait in one.traits):
            explained.update(one.requirements)
        else:
            kept.append(one)
    return kept, explained


def _shortest(findings: Iterable[_AnyFound], *, of_traits: bool = False) -> list[_AnyFound]:
    """The shortest findings of the same requirements; in a part, of the same traits: others may go when it is whole."""
    kept: list[_AnyFound] = []
    count: Counter[tuple[Any, ...]] = Counter()
    for one in sorted(findings, key=_length):
        kind = (one.requirements, one.traits) if of_traits else (one.requirements,)
        count[kind] += 1
        if count[kind] <= _SHOWN:
            kept.append(one)
    return kept


def _length(one: Finding | Found) -> tuple[int, int, str]:
    return len(one.lines), sum(map(len, one.lines)), one.scene if isinstance(one, Found) else one.scene.name


def _scenes_of(findings: Iterable[Finding]) -> dict[str, list[str]]:
    scenes: dict[str, dict[str, None]] = {}
    for one in findings:
        for number in one.requirements:
            scenes.setdefault(number, {})[one.scene.name] = None
    return {number: list(names) for number, names in scenes.items()}


def _table_of(counted: Mapping[tuple[str, Any], int]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (row, what), count in counted.items():
        table.setdefault(row, {})[str(what)] = count
    return table

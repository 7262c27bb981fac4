"""The report of a comparison: its verdict, and the same as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from conformance.compare.coverage import aligned
from conformance.compare.search import Search


class Status(IntEnum):
    """How a comparison ends; what stands further up counts before what stands below."""

    CRASHED = 7
    DIFFERENT = 1
    TIME_OVER = 5
    NOT_EXERCISED = 6
    KNOWN = 4
    ALIKE = 0


SUMMARIES = {
    Status.DIFFERENT: "differences",
    Status.TIME_OVER: "the time was over before the plan was gone through: give more with --seconds",
    Status.NOT_EXERCISED: "no new difference, and not everything was exercised: this is no pass",
    Status.KNOWN: "known differences only",
    Status.ALIKE: "no difference was found",
}


def status_of(search: Search) -> Status:
    """How a comparison ended."""
    if any(not finding.known for finding in search.findings):
        return Status.DIFFERENT
    if not search.coverage.is_planned:
        return Status.TIME_OVER
    if [*gaps_of(search)]:
        return Status.NOT_EXERCISED
    return Status.KNOWN if search.findings else Status.ALIKE


def gaps_of(search: Search) -> Iterator[str]:
    """What was not exercised, and known differences that no longer occur."""
    yield from search.coverage.gaps()
    if search.coverage.is_planned:
        yield from (f"known difference did not occur: {entry}" for entry in search.known if not entry.met)


def text_of(search: Search) -> Iterator[str]:
    """Lines of text: what was not exercised, the findings, the worst first, the table, and what was searched."""
    if gaps := [*gaps_of(search)]:
        yield "not exercised:"
        yield from (f"  {gap}" for gap in gaps)
        yield ""
    for number, finding in enumerate(search.findings, start=1):
        first, *others = finding.lines()
        yield f"{number}. {first}"
        yield from others
        yield ""
    yield from aligned(search.coverage.table())
    yield ""
    if search.notes:
        yield f"not tried: {'; '.join(search.notes)}"
    yield searched(search)


def searched(search: Search) -> str:
    """One line that says what was searched."""
    found, known = len(search.findings), sum(bool(finding.known) for finding in search.findings)
    causes = f"{found} difference{'' if found == 1 else 's'}" + (f", {known} of them known" if known else "")
    unsure = f"; {search.unconfirmed} that did not show again are left out" if search.unconfirmed else ""
    part = "the plan and random sequences" if search.is_random else "a part of the plan"
    return (
        f"{causes} between {' and '.join(search.names)}: {part}, {search.sequences} sequences, at most "
        f"{search.coverage.largest} entries, seed {search.seed}{unsure}. What a search does not find may be there."
    )


def document_of(search: Search) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "schema": 1,
        "stores": [*search.names],
        "seed": search.seed,
        "status": status_of(search).name.lower().replace("_", " "),
        "sequences": search.sequences,
        "not_exercised": [*gaps_of(search)],
        "findings": [
            {
                "operation": one.operation,
                "argument": one.argument,
                "classes": sorted(one.classes),
                "kind": one.kind,
                "where": one.where,
                "what": one.what,
                "consequence": one.consequence,
                "script": [*one.script],
                "also": sorted(one.others),
                "also_in": sorted(one.also_in),
                "known": one.known,
            }
            for one in search.findings
        ],
        "operations": {
            name: {
                "calls": row.calls,
                "results": row.results,
                "empty": row.empty,
                "hits": row.hits,
                "longest": row.longest,
                "exceptions": [dict(sorted(side.items())) for side in row.exceptions],
                "incomparable": sum(row.incomparable.values()),
            }
            for name, row in search.coverage.rows.items()
        },
        "not_tried": search.notes,
        "largest": search.coverage.largest,
    }


def markdown_of(search: Search) -> Iterator[str]:
    """The report for a pull request."""
    yield f"### {' / '.join(search.names)}: {SUMMARIES[status_of(search)]}"
    yield ""
    if gaps := [*gaps_of(search)]:
        yield "Not exercised:"
        yield ""
        yield from (f"- {gap}" for gap in gaps)
        yield ""
    for number, finding in enumerate(search.findings, start=1):
        yield f"{number}. **{finding.title}**" + (f" (known: {finding.known})" if finding.known else "")
        yield ""
        yield from ("   ```python", *(f"   {line}" for line in finding.script), "   ```", "")
    heading, *rows = search.coverage.table()
    yield from (f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))
    yield ""
    yield searched(search)

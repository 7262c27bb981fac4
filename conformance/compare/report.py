"""The report of a comparison: made from a search, and written as text and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from conformance.compare.document import Report, Row, Status
from conformance.compare.search import Search
from conformance.text import in_columns


def report_of(search: Search, crash: str = "") -> Report:
    """The report of a search that has ended, or was broken off."""
    gaps = [*search.coverage.gaps(), *search.gaps]
    expected = [entry for entry in search.known if not entry.may_not_occur] if search.is_planned else []
    not_met = [str(entry) for entry in expected if not entry.met]
    return Report(
        stores=search.names,
        seed=search.seed,
        status=_status_of(search, gaps + not_met, crash),
        crash=crash,
        not_exercised=gaps,
        not_met=not_met,
        findings=search.findings,
        operations=search.coverage.rows,
        not_tried=search.notes,
        declared=search.declared,
        sequences=search.sequences,
        is_planned=search.is_planned,
        largest=search.coverage.largest,
        unconfirmed=search.unconfirmed,
    )


def _status_of(search: Search, gaps: list[str], crash: str) -> Status:
    if crash:
        return Status.CRASHED
    if any(not finding.known for finding in search.findings):
        return Status.DIFFERENT
    if not search.is_planned:
        return Status.TIME_OVER
    if gaps:
        return Status.NOT_EXERCISED
    return Status.KNOWN if search.findings else Status.ALIKE


def text_of(report: Report) -> Iterator[str]:
    """Lines of text: what was not exercised, the findings (the worst first), the table, and what was searched."""
    for heading, lines in report.shortcomings():
        yield from (heading, *(f"  {line}" for line in lines), "")
    for number, finding in enumerate(report.findings, start=1):
        first, *others = finding.lines()
        yield from (f"{number}. {first}", *others, "")
    yield from in_columns(_table(report.operations))
    yield ""
    if report.not_tried:
        yield f"not tried: {'; '.join(report.not_tried)}"
    if report.declared:
        yield f"as declared: {'; '.join(report.declared)}"
    yield _searched(report)


def markdown_of(report: Report) -> Iterator[str]:
    """The report for a pull request."""
    yield from (f"### {' / '.join(report.stores)}: {report.status.summary}", "")
    for title, lines in report.shortcomings():
        yield from (title[0].upper() + title[1:], "", *(f"- {line}" for line in lines), "")
    for number, finding in enumerate(report.findings, start=1):
        yield f"{number}. **{finding.title}**" + (f" (known: {finding.known})" if finding.known else "")
        yield from ("", "   ```python", *(f"   {line}" for line in finding.script), "   ```", "")
    heading, *rows = _table(report.operations)
    yield from (f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))
    yield ""
    yield _searched(report)


def _searched(report: Report) -> str:
    """One line that says what was searched."""
    found, known = len(report.findings), sum(bool(finding.known) for finding in report.findings)
    causes = f"{found} difference{'' if found == 1 else 's'}" + (f", {known} of them known" if known else "")
    unsure = f"; {report.unconfirmed} that did not show again are left out" if report.unconfirmed else ""
    part = "the plan and random sequences" if report.is_planned else "a part of the plan"
    return (
        f"{causes} between {' and '.join(report.stores)}: {part}, {report.sequences} sequences, at most "
        f"{report.largest} entries, seed {report.seed}{unsure}. What a search does not find may be there."
    )


def _table(rows: dict[str, Row]) -> list[list[str]]:
    """A row for each operation, below the headings."""
    table = [["operation", "calls", "results", "empty", "hits", "longest list", "exceptions on each side"]]
    for name, row in rows.items():
        longest = "-" if row.longest is None else str(row.longest)
        exceptions = " / ".join(map(_all, row.exceptions)) if any(row.exceptions) else ""
        table.append([name, *map(str, (row.calls, row.results, row.empty, row.hits)), longest, exceptions])
    return table


def _all(exceptions: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(exceptions.items())) or "none"

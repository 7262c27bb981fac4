"""The findings of a search: what shows that is new is shrunk and confirmed, and joined with others of its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from conformance.compare.document import Finding
from conformance.compare.finding import Cause, Key, cause_of, finding_of, key_of, symptom_text
from conformance.compare.known import Known, apply
from conformance.compare.sequences.play import Deviation, Symptom
from conformance.compare.sequences.steps import Call, Steps, Vocabulary
from conformance.compare.shrink import Shown, shrink
from conformance.compare.values.mismatch import Kind

_TRIES = 20
"""How often a symptom of one operation is shrunk at most."""


class Findings:
    """What was found so far, one finding for each cause.

    Args:
        names: What the two stores are called.
        vocabulary: The operations, and the values of their arguments.
        known: Differences that are accepted.
        play: Plays steps on both stores.
    """

    def __init__(
        self,
        names: tuple[str, str],
        vocabulary: Vocabulary,
        known: list[Known],
        play: Callable[[Steps], list[Deviation]],
    ) -> None:
        self.sorted: list[Finding] = []
        """The findings, the worst first."""
        self.settled: set[tuple[str, ...]] = set()
        """Symptoms that show with plain values and are reported: they are passed over."""
        self.unsteady: list[str] = []
        """For each difference that did not show when the same calls were made again, its operation."""
        self._names = names
        self._vocabulary = vocabulary
        self._known = known
        self._play = play
        self._seen: set[Any] = set()
        self._tries: Counter[Any] = Counter()
        self._by_key: dict[Key, Finding] = {}

    def add(self, finding: Finding) -> None:
        """Add a finding, which is accepted if a known difference says so."""
        apply(self._known, finding)
        self.sorted = sorted([*self.sorted, finding], key=lambda one: one.severity)

    def take(self, shown: Shown) -> Finding | None:
        """Return the finding that a deviation is, if it is a new one. Otherwise what it adds to others is kept."""
        if shown.deviation.symptom in self.settled or not self._is_new(shown):
            return None
        is_hanging = shown.deviation.mismatch.kind is Kind.HANGING  # not played again: each time takes the whole limit
        if not is_hanging:
            shown = shrink(shown, self._vocabulary, self._play)
        cause = cause_of(shown.steps, shown.deviation, self._vocabulary)
        self._seen.add(_signature(shown, self._vocabulary))
        key = key_of(cause, shown.deviation, self._vocabulary)
        alike = {one: known for one, known in self._by_key.items() if one[:-1] == key[:-1]}
        same = alike.get(key) or next((known for one, known in alike.items() if _is_part(one[-1], key[-1])), None)
        if same is not None:
            self._merge(same, cause, shown)
            return None
        again = [] if is_hanging else [self._play(shown.steps) for _ in range(2)]
        if not all(shown.deviation.symptom in {one.symptom for one in found} for found in again):
            self.unsteady.append(shown.deviation.operation)
            return None
        finding = finding_of(shown.steps, cause, shown.deviation, self._names)
        for one in alike:
            if _is_part(key[-1], one[-1]):  # it was found before, with classes that do not matter
                self._absorb(finding, self._by_key.pop(one))
        self._by_key[key] = finding
        self._take_beside(finding, cause, shown)
        self.add(finding)
        return finding

    def _is_new(self, shown: Shown) -> bool:
        """Whether this is worth shrinking: by the operation before it, the classes of its arguments, and what shows."""
        deviation = shown.deviation
        same = self._by_key.get((deviation.mismatch.kind, deviation.handed))
        if deviation.handed is not None and same is not None:
            same.also_in |= {deviation.operation} - {same.operation}
            apply(self._known, same)
            return False
        signature = _signature(shown, self._vocabulary)
        if signature in self._seen or self._tries[signature[0], deviation.symptom] >= _TRIES:
            return False
        self._tries[signature[0], deviation.symptom] += 1
        self._seen.add(signature)
        return True

    def _absorb(self, finding: Finding, other: Finding) -> None:
        """Replace a finding by a more general one."""
        self.sorted = [one for one in self.sorted if one is not other]
        finding.also_in |= other.also_in
        finding.also_arguments |= other.also_arguments
        finding.also |= other.also

    def _merge(self, finding: Finding, cause: Cause, shown: Shown) -> None:
        finding.classes = finding.classes | cause.classes if finding.classes and cause.classes else set()
        finding.also_in |= {shown.deviation.operation, cause.operation} - {finding.operation}
        finding.also_arguments |= {cause.argument} - {finding.argument, ""}
        if _is_plain(shown.steps, self._vocabulary):
            self._settle(shown.deviation.symptom)
        apply(self._known, finding)

    def _take_beside(self, finding: Finding, cause: Cause, shown: Shown) -> None:
        """Everything that shows after the same step has the same cause."""
        for one in shown.beside():
            self._by_key.setdefault(key_of(cause, one, self._vocabulary), finding)
            if one.handed is None and _is_plain(shown.steps, self._vocabulary):
                self._settle(one.symptom)
            if one.operation != finding.operation:
                finding.also_in.add(one.operation)
            if (one.mismatch.kind.value, one.mismatch.what) != (finding.kind, finding.what):
                finding.also.add(symptom_text(one.symptom))

    def _settle(self, symptom: Symptom) -> None:
        self.settled.add(symptom)
        if symptom[2]:
            self.settled.add(symptom[1:])


def _signature(shown: Shown, vocabulary: Vocabulary) -> tuple[Any, ...]:
    """What shows, and the operation and the classes of arguments after which it shows."""
    step = shown.steps[shown.deviation.index]
    if not isinstance(step, Call):
        return None, shown.deviation.symptom
    pools = vocabulary.pools
    classes = {(name, pools[step.operation, name].novel(value)) for name, value in step.arguments.items()}
    return step.operation, frozenset(classes), shown.deviation.symptom


def _is_plain(steps: Steps, vocabulary: Vocabulary) -> bool:
    """Whether every argument but the entries is plain."""
    return not any(
        name != vocabulary.operations[step.operation].entry and not vocabulary.is_plain(step, name)
        for step in steps
        if isinstance(step, Call)
        for name in step.arguments
    )


def _is_part(classes: Any, others: Any) -> bool:
    """Whether a key's classes are among those of another key. The last part of a key need not be classes."""
    return isinstance(classes, frozenset) and isinstance(others, frozenset) and classes <= others

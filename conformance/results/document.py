"""The document that `--conformance-json` writes: its one definition, for whoever writes or reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field, model_validator

from conformance.files import read_file, write_file

Verdict = Literal["pass", "fail", "not-applicable", "not-testable", "harness-error", "not-run"]
Level = Literal["MUST", "SHOULD"]
Count = Annotated[int, Field(ge=1)]

SCHEMA: Literal["conformance-results/3"] = "conformance-results/3"


class _Object(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


class Suite(_Object):
    """Versions of what ran, the fingerprint of the taskstore, and the seed that repeats its examples."""

    version: str
    fingerprint: str
    python: str
    platform: str
    client: str
    seed: int


class Missing(_Object):
    """Why scenarios about a requirement were not played: something is not declared, or the harness lacks a hook."""

    reason: str
    hook: str = ""


class Found(_Object):
    """A difference that a chapter found: the requirements that it breaks, and how it shows."""

    requirements: tuple[str, ...]
    text: str


class Chapter(_Object):
    """What came of one chapter on one subject. It travels from a test to the end of the run, where all are added up."""

    subject: str
    name: str
    exercised: dict[str, int] = {}
    """How many results were compared that a requirement decides."""
    findings: tuple[Found, ...] = ()
    missing: dict[str, Missing] = {}
    error: str = ""
    """Why it did not come to its end."""


class AboutSubject(_Object):
    """What the suite was pointed at. Where no test ran on it, only the name is known."""

    name: str
    """As given; a URL without credentials."""
    mode: str = ""
    capabilities: tuple[str, ...] = ()
    facts: dict[str, str] = {}
    error: str | None = None
    """Why it could not be set up."""


class ListedRequirement(_Object):
    """One numbered requirement of the specification."""

    id: Annotated[str, Field(pattern="^[A-Z]+-[0-9]+$")]
    level: Level
    text: str
    claims: tuple[str, ...]


class Expected(_Object):
    """Why a verdict does not count against a run."""

    kind: Literal["known", "should", "missing-hook"]
    """A known failure; a SHOULD, where only a MUST fails the run; a hook that the harness is declared not to give."""
    reason: str
    link: str = ""
    version: str = ""


class Result(_Object):
    """The result of one test on one subject."""

    test: str
    """`requirement_LIST-03`: what the chapters found about a requirement; `listing.test_…`: a readable case."""
    doc: str
    requirements: Annotated[tuple[str, ...], Field(min_length=1)]
    subject: str
    verdict: Verdict
    reason: str = ""
    hooks: tuple[str, ...] = ()
    """What the harness lacks, if that is why it is not-testable."""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    exercised: int = 0
    """How many results of chapters were compared that decide it."""
    expected: Expected | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Its key among the results of a run."""
        return self.test, self.subject

    @property
    def is_failure(self) -> bool:
        """Whether it fails the run."""
        return self.verdict == "harness-error" or (self.verdict == "fail" and self.expected is None)

    @property
    def is_open(self) -> bool:
        """Whether it applies and was not decided, and nothing says that this is so on purpose.

        A pass that has a reason is one as far as a part of the chapters tells.
        """
        is_undecided = self.verdict in ("not-run", "harness-error", "not-testable")
        return (is_undecided and self.expected is None) or (self.verdict == "pass" and self.reason != "")


class KnownFailure(_Object):
    """A failure that is known, as the file of known failures lists it."""

    model_config = ConfigDict(extra="forbid")

    test: str
    subject: str = ""
    """All subjects, if it is empty."""
    reason: str
    link: str = ""
    version: str = ""

    def covers(self, test: str, subject: str) -> bool:
        """Whether it is about this test on this subject."""
        return self.test == test and self.subject in ("", subject)


class MissingHook(_Object):
    """A hook that a harness cannot give, as the file of known failures lists it."""

    model_config = ConfigDict(extra="forbid")

    hook: str
    subject: str = ""
    """All subjects, if it is empty."""
    reason: str
    link: str = ""


class Results(_Object):
    """The results of a run: every test that the suite has, for each subject, whether it was run or not."""

    version: Literal["conformance-results/3"] = Field(alias="schema")
    suite: Suite
    started: AwareDatetime
    seconds: Annotated[float, Field(ge=0)]
    exit_status: int | None
    """What the run deserves. None while it goes on, and if its process ended early."""
    subjects: tuple[AboutSubject, ...]
    requirements: tuple[ListedRequirement, ...]
    """The whole registry, whatever happened to run."""
    known: tuple[KnownFailure, ...] = ()
    missing: tuple[MissingHook, ...] = ()
    results: tuple[Result, ...]

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def complete(self) -> bool:
        """Whether everything that applies was decided, but for what hooks that are declared missing leave out."""
        return not any(result.is_open for result in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """What fails the run."""
        return tuple(result for result in self.results if result.is_failure)

    def places(self) -> Iterable[tuple[str, str]]:
        """Each test, with its subject."""
        return (result.place for result in self.results)

    def on(self, subject: str) -> dict[str, Result]:
        """The results of a subject by test."""
        return {result.test: result for result in self.results if result.subject == subject}

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        subjects = _once("subject", (subject.name for subject in self.subjects))
        requirements = _once("requirement", (requirement.id for requirement in self.requirements))
        _once("result", (f"{result.test} on {result.subject}" for result in self.results))
        for result in self.results:
            if result.subject not in subjects:
                raise ValueError(f"test {result.test} is of {result.subject}, which is not among the subjects")
            if unknown := set(result.requirements) - requirements:
                raise ValueError(f"test {result.test} decides {min(unknown)}, which is not among the requirements")
        return self

    def with_outcomes(
        self,
        subjects: Mapping[str, AboutSubject],
        outcomes: Mapping[tuple[str, str], Result],
        left: str,
        seconds: float = 0.0,
    ) -> Results:
        """The same run with what came of it; `left` is why there is no outcome of the other tests."""
        results = []
        for result in self.results:
            outcome = outcomes.get(result.place)
            results.append(result.model_copy(update={"reason": left}) if outcome is None else outcome)
        return self.model_copy(
            update={
                "subjects": tuple(subjects.get(subject.name, subject) for subject in self.subjects),
                "results": tuple(results),
                "seconds": round(seconds, 3),
            }
        )

    def to_json(self) -> str:
        """The document as JSON text."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"

    def write(self, file: Path) -> None:
        """Replace a file by this document, at one moment.

        Raises:
            conformance.files.FileError: if it cannot be written.
        """
        write_file(file, self.to_json())


def read(file: Path) -> Results:
    """Read a document.

    Raises:
        conformance.files.FileError: if the file cannot be read, or is no such document.
    """
    return read_file(file, Results.model_validate_json, "the results of the conformance suite")


def _once(what: str, names: Iterable[str]) -> set[str]:
    counts = Counter(names)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(f"{what} {name} is there {count} times")
    return set(counts)

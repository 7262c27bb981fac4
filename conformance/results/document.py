"""The document that `--conformance-json` writes: its one definition, for whoever writes or reads it."""

from os.path import commonprefix
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from conformance.files import read_file

Verdict = Literal["pass", "fail", "not-applicable", "not-testable", "harness-error", "not-run"]
Level = Literal["MUST", "SHOULD"]
_LESS_HARM = {
    "VAL": 1,  # the task is there, and a value of it or an exception is not right
    "FAIL": 1,
    "MODE": 2,  # what is stored is right
    "API": 2,
    "COST": 2,
}
"""The groups of requirements whose failures do less harm than a task that is lost, another's, or in a wrong state."""
_CONTEXT = 40
"""Characters that are shown before a difference."""


class _Object(BaseModel):
    """A JSON object. Types are exact, and fields that are not named here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


class Suite(_Object):
    """Versions of what ran, and the fingerprint of the taskstore."""

    version: str
    fingerprint: str
    python: str
    platform: str
    client: str


class AboutBackend(_Object):
    """The store that the suite was pointed at. Where no test ran on it, only the name is known."""

    name: str
    """As given; a URL without credentials."""
    mode: str = ""
    capabilities: tuple[str, ...] = ()
    facts: dict[str, str] = {}
    error: str | None = None
    """Why it could not be set up."""


class ListedRequirement(_Object):
    """One numbered requirement of the specification."""

    id: str
    level: Level
    text: str


class Failure(_Object):
    """A failure of a scenario or of a case."""

    name: str
    """What `--only` takes: a scenario such as `races-31`, or a case."""
    requirements: tuple[str, ...]
    """Those that it breaks, the nearest first."""
    came: str
    expected: str = ""
    """Nothing for a case, whose message says both."""
    script: tuple[str, ...] = ()
    instances: int = 1
    """How many stores the script begins with."""
    doc: str = ""
    """What a case tries."""
    place: str = ""
    """`file:line` in the code of the adopter where the exception was raised."""
    shows: str = ""
    """The finding of a scenario in words that are the same in every run. A case is its own finding."""

    @property
    def test(self) -> str:
        """The test that an entry of known failures names to accept it: that of its nearest requirement, or the case."""
        return f"requirement_{self.requirements[0]}" if self.shows else self.name

    @property
    def difference(self) -> str:
        """What came, and instead of what, in a few words."""
        expected, came = self.values
        return f"expected {expected}, came {came}" if expected else came

    @property
    def values(self) -> tuple[str, str]:
        """What was expected, and what came; of long texts that begin alike, from shortly before they differ."""
        start = len(commonprefix([self.expected, self.came])) - _CONTEXT  # noqa: RUF071  these are no paths
        if start < _CONTEXT:
            return self.expected, self.came
        return f"…{self.expected[start:]}", f"…{self.came[start:]}"


class Judged(_Object):
    """A verdict and its reason."""

    verdict: Verdict
    reason: str = ""
    hook: str = ""
    """The hook that the harness lacks, if that is why it is not-testable."""
    failures: tuple[Failure, ...] = ()
    """All that break it, first the one that shows it best."""

    @property
    def failure(self) -> Failure | None:
        """The failure to show."""
        return self.failures[0] if self.failures else None


class Result(Judged):
    """The result of one test on one backend."""

    test: str
    """`requirement_LIST-03`: what the groups found about a requirement; `listing.test_…`: a readable case."""
    doc: str
    requirements: tuple[str, ...]
    backend: str
    accepted: str = ""
    """The reason that the adopter has given why it does not count, such as a hook that the harness cannot give."""
    is_choice: bool = False
    """Whether only a SHOULD is broken, where only a MUST fails the run."""

    @property
    def place(self) -> tuple[str, str]:
        """Its key among the results of a run."""
        return self.test, self.backend

    @property
    def known_as(self) -> list[tuple[str, str, str]]:
        """What has to be known to accept it: each failure, or by itself what cannot decide."""
        if not self.failures:
            return [(self.hook or self.test, self.backend, "")]
        return [(failure.test, self.backend, failure.shows) for failure in self.failures]

    @property
    def weight(self) -> tuple[Any, ...]:
        """Of failures the first to show: the cause breaks this requirement before others, and does the most harm.

        Of several that do, it is one with a short script, and that much shows. Last comes what an adapter says that its
        store lacks.
        """
        if self.failure is None:
            return True, True
        script = self.failure.script
        nearest = self.failure.requirements[0]
        group, _, _ = nearest.partition("-")
        harm = _LESS_HARM.get(group, 0)
        is_lacking = self.failure.shows.startswith("adapter: ")
        return is_lacking, nearest != self.requirements[0], harm, not script, len(script), -len(self.failures)

    @property
    def is_failure(self) -> bool:
        """Whether it fails the run."""
        return self.verdict in ("fail", "harness-error") and not self.accepted and not self.is_choice

    @property
    def is_open(self) -> bool:
        """Whether it applies and was not decided, and nothing says that this is so on purpose.

        A pass that has a reason is one as far as a part of the groups tells.
        """
        is_undecided = self.verdict in ("not-run", "harness-error", "not-testable")
        return (is_undecided and not self.accepted) or (self.verdict == "pass" and self.reason != "")


class Sent(BaseModel):
    """What a report of pytest carries from the process that ran a test to the one that shows it."""

    about: AboutBackend | None
    results: list[Result]


class Results(_Object):
    """The results of a run: every test that the suite has, for each backend, whether it was run or not."""

    form: Literal["conformance-results/6"] = Field("conformance-results/6", alias="schema")
    suite: Suite
    started: AwareDatetime
    seconds: float
    exit_status: int
    """The status that the run deserves."""
    backends: tuple[AboutBackend, ...]
    requirements: tuple[ListedRequirement, ...]
    """The whole registry, whatever happened to run."""
    results: tuple[Result, ...]


def read(file: Path) -> Results:
    """Read a document.

    Raises:
        conformance.files.FileError: if the file cannot be read, or is no such document.
    """
    return read_file(file, Results.model_validate_json, "the results of the conformance suite")

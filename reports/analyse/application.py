"""What came out when the application itself was run once: its published result, and how to read it.

`docs/gallery/application/run.py` writes it. A report shows it without a checkout of the application.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmarks.document import Benchmark, Mode, Strict
from conformance.files import read_file
from conformance.results.document import Verdict
from reports.analyse.parity import Comparison
from statements.document import StatementResults

APPLICATION = Path(__file__).parents[1] / "published" / "application.json"


class Application(Strict):
    """One run of the application's own task service, in both modes."""

    form: Literal["application/1"] = Field("application/1", alias="schema")
    repository: str
    """Where it stands."""
    commit: str
    document: str
    """The path of the document in the repository."""
    service: str
    """The path of what the document describes."""
    ran: date
    versions: Mapping[str, str]
    """Of what it ran with, and on which server."""
    comparison: Comparison
    """Both modes, by `conformance compare`."""
    requirements: Mapping[str, Mapping[Mode, Verdict]]
    """What the suite says of each requirement, by mode."""
    statements: StatementResults
    """The checks of the document's statements."""
    benchmark: Benchmark
    """How long each operation took, as `python -m benchmarks` writes it."""

    def link(self, path: str) -> str:
        """Link a file where it stands, at the commit."""
        return f"{self.repository}/blob/{self.commit}/{path}"


def read_application(path: Path = APPLICATION) -> Application | None:
    """Read the published result; None if there is none.

    Raises:
        FileError: naming the file and its first fault.
    """
    if not path.exists():
        return None
    return read_file(path, Application.model_validate_json, "a result of the application")

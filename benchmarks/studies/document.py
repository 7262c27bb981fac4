"""What `python -m benchmarks` writes of the studies, in the one definition for who writes it and who reads it.

Whatever is measured is a `Series`. What follows from it alone (a median with its interval, say) is a method here.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from benchmarks.document import Depth, Mode, Seconds, Strict
from conformance.measure.estimate import Estimate, estimate

Name = Literal["distance", "load", "memory"]
Key = tuple[str, Mode, str, float]
"""A backend, its mode, what was done, and at how many tasks or callers, or milliseconds that were added."""
Measured = Mapping[Key, Mapping[str, float]]
"""What one process, or event, measured: figures by name. Times are seconds."""

SEED = 20_261_124
"""Of every order and sample: the same in every run."""
DISTANT_TASKS: Mapping[str, int] = {
    "create": 100,
    "get": 100,
    "list": 100,
    "update": 100,
    "cancel": 100,
    "list of 1,000": 1_000,
}
"""What `distance` measures besides `ping`, and among how many tasks.

Each has the figure `seconds`. `at` is the milliseconds that the proxy added, 0 too through the proxy. The n-th values
of all series are of the same process; 1,000 tasks are listed by the first processes only, and at fewer distances.
"""


class Series(Strict):
    """One thing that was measured: each figure has a value of every process, or event, that gave one."""

    study: Name
    backend: str
    mode: Mode
    what: str
    at: Annotated[float, Field(ge=0)]
    figures: dict[str, Annotated[tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...], Field(min_length=1)]]

    def estimate(self, figure: str = "seconds", scale: float = 1.0) -> Estimate | None:
        """Estimate a figure, times `scale`; None if there is none."""
        values = self.figures.get(figure)
        return estimate([value * scale for value in values]) if values else None


class Studies(Strict):
    """All of it."""

    form: Literal["benchmark-studies/7"] = Field("benchmark-studies/7", alias="schema")
    started: AwareDatetime
    depth: Depth
    seed: int
    environment: dict[str, Any]
    seconds: dict[str, Seconds]
    failures: dict[str, str]
    """Why a study that was to be made is not there."""
    series: tuple[Series, ...]

    def select(self, study: Name, **of: object) -> tuple[Series, ...]:
        """Select the series of a study whose fields have these values."""
        of_study = [series for series in self.series if series.study == study]
        return tuple(series for series in of_study if all(getattr(series, name) == value for name, value in of.items()))

    def find(self, study: Name, **of: object) -> Series | None:
        """Find the first of them; None if there is none."""
        return next(iter(self.select(study, **of)), None)


def gather(study: Name, measured: Iterable[Measured]) -> list[Series]:
    """Put together what processes, or events, measured, one after the other."""
    values: dict[Key, dict[str, list[float]]] = {}
    for part in measured:
        for key, figures in part.items():
            kept = values.setdefault(key, {})
            for name, value in figures.items():
                kept.setdefault(name, []).append(value)
    series = []
    for (backend, mode, what, at), kept in sorted(values.items()):
        fixed = {name: tuple(found) for name, found in kept.items()}
        series.append(Series(study=study, backend=backend, mode=mode, what=what, at=at, figures=fixed))
    return series

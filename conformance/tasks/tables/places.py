"""Where a call is made: on another instance, on one that was opened again, on one that was closed."""

from collections.abc import Iterator

from conformance.engine.kinds import Scenarios, closed, reopened, scenario, shared
from conformance.engine.scenario import Action, Close, Open, ReadBack
from conformance.tasks import calls as do
from conformance.tasks.calls import Id, cancel, create, get, listing, purge
from conformance.tasks.tables.tasks import BEYOND, CALLS, EXTRAS, MADE, MIXED, READS, WRITES, A, to

_KEPT = *MADE, create("c", config={"b": [1, 1.0, None, "é\x00"]}), *do.many(30, MIXED)
_AFTERWARDS = *READS[:2], listing(limit=7, offset=7), cancel(A), create("d")
_ON_A_CLOSED_ONE = *CALLS, get("nobody"), cancel("nobody")
_IN_TURN = (*MADE, *WRITES), (*MADE, *EXTRAS)
_GOES_ON = create("a"), ReadBack(), Close(), get(A, on=1), to("clipping", on=1), create(on=1)
"""An instance goes on when another one is closed."""
_BEHIND = ("a", "A", ":x", "/x", "bar", "-0")
"""What stands behind the name of a namespace in those of its neighbours."""


def scenarios() -> Scenarios:
    """All of them."""
    yield from closed(MADE, _ON_A_CLOSED_ONE, about="API-03")
    yield scenario(MADE, _neighbours(), ReadBack(), about="LIST-10")
    purged = purge(BEYOND, 1), ReadBack(), purge(BEYOND), ReadBack()
    yield scenario(MADE, _neighbours(), purged, about="LIST-10 MAINT-01")
    yield from shared(_IN_TURN, about="SHARE-01", apart="SHARE-02")
    yield from reopened(_KEPT, _AFTERWARDS, about="DUR-01", anew="DUR-03")
    yield scenario(_GOES_ON, about="SHARE-01", instances=2)
    yield scenario(_GOES_ON, about="SHARE-02", lacks="shared", instances=2)


def _neighbours() -> Iterator[Action]:
    """Yield neighbours, the task of each, and calls about it where it is not."""
    for on, text in enumerate(_BEHIND, start=1):
        yield Open(on, at="on another namespace", behind=text)
        yield create("a", on=on)
        for between in ":/":  # what stores put between the name of a namespace and the id of a task
            yield get(Id("a", f"x{between}"))
        yield cancel(A)
        yield cancel(A, on)

"""How workers of pytest-xdist share the suite under `--dist loadfile`."""

from __future__ import annotations

from collections.abc import Iterable

from xdist.scheduler import LoadFileScheduling

_PARTS = 3
"""Of the cases on one subject: so many that workers end at about the same time. Each sets the subject up once more."""


class SubjectScheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Give one worker the tour of a subject, or a part of its cases. Other tests are distributed by file.

    With one file at a time a single worker would play the tours of all subjects, and every subject would be set up
    once for each file. Units with many tests come first, and a tour decides more of them than a part of the cases.
    """

    def __init__(self, config: object, log: object, files: Iterable[str], toured: str) -> None:
        super().__init__(config, log)
        self._files = [*files]
        self._toured = toured

    def _split_scope(self, nodeid: str) -> str:
        path, _, name = nodeid.partition("::")
        file = path.replace("\\", "/").rpartition("/")[2]
        if file not in self._files or not name.endswith("]"):
            return path
        subject = name.partition("[")[2]
        return f"{subject} {'tour' if file == self._toured else self._files.index(file) % _PARTS}"

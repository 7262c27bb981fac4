"""The statuses of a task."""

from __future__ import annotations

from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task stands. The last three are final."""

    PENDING = "pending"
    ANALYZING = "analyzing"
    LLM_PASS1 = "llm_pass1"
    LLM_PASS2 = "llm_pass2"
    CLIPPING = "clipping"
    UPLOADING = "uploading"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a task of this status stays as it is."""
        return self in _FINAL


_FINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})

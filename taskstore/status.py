"""The statuses of a task."""

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

    is_final: bool
    """Whether a task of this status stays as it is."""

    def __init__(self, name: str) -> None:
        self.is_final = name in {"completed", "failed", "cancelled"}

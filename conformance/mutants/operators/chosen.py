"""Faults that are always played: what a public bug was, and one for each MUST that an operator can break."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.mutants.mutant import BOTH, On
from conformance.mutants.operators.fault import Condition, Fault
from conformance.mutants.operators.values import CHANGES_OF_TYPE


@dataclass(frozen=True)
class Chosen:
    """A fault on some subjects, and the requirement under which the tour has to report it."""

    breaks: str
    fault: Fault
    source: str = ""
    on: tuple[On, ...] = BOTH


def _type(way: str, operation: str, change: str, field: str = "config") -> Fault:
    return Fault("type", way, operation, field, list(CHANGES_OF_TYPE).index(change))


_REMEMBERS = (On.EXPIRING, On.REDIS)
_LATER = Condition("later", 3_600)
CHOSEN = (
    Chosen("VAL-01", _type("argument", "create_task", "digits are numbers"), "civitai #4839"),
    Chosen("VAL-01", _type("argument", "create_task", "None is an empty text"), "redis-om-python #254"),
    Chosen("VAL-01", _type("argument", "create_task", "floats are cut"), "nextcloud #62104"),
    Chosen("VAL-01", _type("argument", "create_task", "long integers lose digits"), "redis #7520"),
    Chosen("VAL-01", _type("argument", "create_task", "empty lists are objects"), "redis #3292"),
    Chosen("VAL-01", _type("argument", "create_task", "what is empty is None"), "flask-caching #106"),
    Chosen("VAL-02", Fault("alias", "alias", "get_task", "request"), "rails #36956"),
    Chosen("VAL-02", Fault("alias", "alias", "get_task", "metadata"), "langgraph #8835; cashews #224"),
    Chosen("VAL-02", Fault("alias", "alias", "get_task", "live"), "langgraph #8835"),
    Chosen("VAL-05", _type("argument", "create_task", "NaN is None"), "pydantic #7007"),
    Chosen("VAL-05", _type("argument", "create_task", "what is no JSON is made JSON"), "celery #2703"),
    Chosen("VAL-09", Fault("strip", "argument", "update_task_status", "current_step")),
    Chosen("VAL-10", Fault("type", "answer", "get_task", "updated_at"), "redis-om-python #815"),
    Chosen("LIFE-01", Fault("reorder", "argument", "create_task", "video_ids", 1)),
    Chosen("LIFE-02", Fault("old", "stored", "update_task_status", "status")),
    Chosen("LIFE-03", Fault("off-by-one", "answer", "cancel_task", "updated_at", 1), "backend.ai #6695"),
    Chosen(
        "LIFE-04", _type("argument", "update_task_status", "what is empty is None", "result_url"), "flask-caching #106"
    ),
    Chosen("LIFE-04", Fault("round", "argument", "update_task_status", "progress", 14), "redis #7520; sidekiq #2478"),
    Chosen("LIFE-05", Fault("drop", "argument", "update_task_status", "error_traceback")),
    Chosen("LIFE-09", Fault("default", "answer", "cancel_task", "progress")),
    Chosen(
        "LIFE-10", Fault("swallow", "error", "update_task_status", "TaskFinal task_id", 1), "celery #6090; octos #700"
    ),
    Chosen("LIFE-10", Fault("swallow", "error", "cancel_task", "TaskFinal task_id", 1), "Pixelle-Video #96"),
    Chosen("LIFE-02", Fault("swallow", "error", "update_task_status", "InvalidArgument status")),
    Chosen("ATOM-01", Fault("old", "merge", "update_task_status", "current_step"), "reinhardt-web #739, #1548"),
    Chosen("ATOM-02", Fault("stale", "check", "update_task_status"), "octos #700"),
    Chosen("ATOM-02", Fault("stale", "check", "cancel_task"), "Pixelle-Video #96"),
    Chosen("ATOM-01", Fault("stale", "outlive", "update_task_status"), "osparc-simcore #8576", _REMEMBERS),
    Chosen("ATOM-01", Fault("stale", "outlive", "cancel_task"), "arcade-mcp #828", _REMEMBERS),
    Chosen("LIST-03", Fault("off-by-one", "argument", "list_tasks", "limit", 1), "huey 3.0.2"),
    Chosen("LIST-04", Fault("duplicate", "page", "list_tasks", "tasks"), "ioredis #678"),
    Chosen("LIST-06", Fault("swallow", "error", "list_tasks", "InvalidArgument limit"), "jumpserver #6341"),
    Chosen("LIST-12", Fault("drop", "page", "list_tasks", "next"), "thunderbird appointment #1796"),
    Chosen("LIST-13", Fault("swallow", "error", "list_tasks", "InvalidArgument after")),
    Chosen("EXP-05", Fault("forget", "forget", "get_task", condition=_LATER), on=(On.MEMORY,)),
    Chosen("ID-03", Fault("strip", "argument", "get_task", "task_id", 6), "keyv #2147"),
    Chosen("ID-03", Fault("swallow", "error", "update_task_status", "TaskNotFound task_id"), "osparc-simcore #8576"),
    Chosen("MAINT-02", Fault("swallow", "error", "restore", "TaskExists task_id")),
    Chosen("ID-06", Fault("swallow", "error", "create_task", "TaskExists task_id")),
    Chosen("DUR-01", Fault("forget", "forget", "list_tasks", condition=Condition("reopened")), on=(On.REDIS,)),
    Chosen("SHARE-01", Fault("stale", "stale", "get_task", condition=Condition("second")), on=(On.REDIS,)),
    Chosen("MAINT-01", Fault("drop", "write", "purge"), "flask-limiter #4"),
    Chosen("MAINT-02", Fault("round", "stored", "restore", "created_at")),
)

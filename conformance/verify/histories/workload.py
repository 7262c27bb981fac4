"""The workload: what the clients of a contended history are going to call, drawn from a seed, round by round."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from conformance.spec.model import STATUSES
from conformance.verify.histories.history import ADVANCE, FINAL, LIST, LOOK, History, Planned

CLIENTS = 4
_HOT = 2
"""Tasks that all clients of a round work on. The next round has others, so that no final state ends a history."""
_CALLS = 6
"""Of each client in a round."""
_MOST_LOST = 3
"""Answers that are lost in a history. Each such call may take effect at any later time, which doubles the search."""
_MOST_PAUSE = 3
_NOT_FINAL = tuple(status for status in STATUSES if status not in FINAL)


@dataclass(frozen=True)
class Workload:
    """What is drawn from a seed. Client 0 prepares the tasks of the next round while the others work on this one's."""

    seed: int
    expiring: bool = False
    """Whether time passes in some rounds, in which the tasks of the round are to expire."""
    finals: bool = True
    """Whether tasks are cancelled, completed and failed."""

    def rounds(self) -> Iterator[tuple[Planned, ...]]:
        """Rounds without end; the calls of one client are in order."""
        rng, numbers, lost = random.Random(self.seed), count(1), 0  # noqa: S311  a workload is no secret
        yield self._creations(0, 0, 0)
        for turn in count(1):
            expires = self.expiring and rng.random() < 1 / 4
            late = rng.randrange(4, 12) if expires else rng.randrange(_MOST_PAUSE)
            first = [Planned(0, ADVANCE, {}, turn, late)] if expires else []
            calls = [*first, *self._creations(turn, turn, 0 if expires else late)]
            for client in range(1, CLIENTS + 1):
                for place in range(_CALLS):
                    operation, arguments = self._call(rng, f"{turn - 1}{rng.choice('ab')}", next(numbers), place)
                    gives_up = None
                    if lost < _MOST_LOST and operation not in ("get_task", LIST) and rng.random() < 1 / 20:
                        gives_up, lost = rng.randrange(4), lost + 1
                    calls.append(Planned(client, operation, arguments, turn, rng.randrange(_MOST_PAUSE), gives_up))
            yield tuple(calls)

    def _creations(self, turn: int, label: int, pause: int) -> tuple[Planned, ...]:
        labels = (f"{label}{letter}" for letter in "abcdef"[:_HOT])
        return tuple(Planned(0, "create_task", {"video_ids": [label]}, turn, pause) for label in labels)

    def _call(self, rng: random.Random, task: str, number: int, place: int) -> tuple[str, dict[str, Any]]:
        """One call. The later in the round, the more likely it makes a task final."""
        if self.finals and rng.random() < (1 / 30, 1 / 30, 1 / 20, 1 / 6, 1 / 4, 1 / 3)[place]:
            return _ending(rng, task, number)
        drawn = rng.random()
        if drawn < 1 / 4:
            return "get_task", {"task_id": task}
        if drawn < 1 / 3:
            status = rng.choice((None, None, *_NOT_FINAL, *FINAL))
            return LIST, {"status": status, "limit": rng.choice((100, 100, 2))}
        values = {"progress": number % 100, "current_step": f"step {number}", "result_url": f"url {number}"}
        fields = {name: values[name] for name in rng.sample(sorted(values), rng.choice((1, 1, 2)))}
        return "update_task_status", {"task_id": task, "status": rng.choice(_NOT_FINAL), **fields}


def _ending(rng: random.Random, task: str, number: int) -> tuple[str, dict[str, Any]]:
    match rng.choice(FINAL):
        case "completed":
            return "update_task_status", {"task_id": task, "status": "completed", "result_url": f"url {number}"}
        case "failed":
            return "update_task_status", {"task_id": task, "status": "failed", "error_message": f"error {number}"}
        case _:
            return "cancel_task", {"task_id": task}


def plan_of(history: History) -> list[Planned]:
    """The calls of a history, to be made again."""
    return with_creations(_listing(one.call) if one.call.operation == LOOK else one.call for one in history.intervals)


def _listing(look: Planned) -> Planned:
    return replace(look, operation=LIST, arguments={"status": look.arguments.get("status"), "limit": 100})


def with_creations(calls: Iterable[Planned]) -> list[Planned]:
    """The calls in the order of their rounds. A task whose creation is not among them is created first."""
    calls = list(calls)
    created = {call.task for call in calls if call.operation == "create_task"}
    missing = dict.fromkeys(call.task for call in calls if call.task and call.task not in created)
    creations = [Planned(0, "create_task", {"video_ids": [task]}, -1) for task in missing]
    return sorted([*creations, *calls], key=lambda call: call.round)

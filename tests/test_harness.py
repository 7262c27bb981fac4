"""What the cases give to the hooks of a harness is what the hooks are documented to get."""

import re
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, ClassVar

import pytest

from conformance.backends.redis import RedisHarness
from conformance.tasks.case import Backend, NotApplicable
from conformance.tasks.cases import find_cases
from conformance.tasks.cases.environment import check_hidden
from conformance.tasks.tables.failures import CONNECTIONS, scenarios
from taskstore import TaskStore
from tests.playing import played

URL = re.compile(r"redis://(default:\w+@)?127\.0\.0\.1:\d+/\d+")
COMMANDS = {"ACL SETUSER", "ACL DELUSER"}


class Recording(RedisHarness):
    urls: ClassVar[set[str]] = set()
    commands: ClassVar[set[str]] = set()

    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[TaskStore]:
        self.urls.add(url)
        return super().open_at(namespace, url, seconds)

    def administer(self, *command: str) -> Any:
        self.commands.add(" ".join(command[:2]))
        return super().administer(*command)


def test_hooks_that_need_a_server_get_what_they_say() -> None:
    harness = Recording()
    with harness.running():
        played(harness, scenarios(CONNECTIONS[-1:], harness.capabilities))
        backend = Backend("backend", harness, {})
        for name, case in find_cases().items():
            if name.startswith(("servers.", "settings.")):
                with suppress(NotApplicable):
                    case(backend)
    assert harness.urls
    assert [url for url in harness.urls if URL.fullmatch(url) is None] == []
    assert harness.commands == COMMANDS


@pytest.mark.parametrize("form", ["p@ss w\u00f6rd", "p%40ss%20w%C3%B6rd"])
def test_where_a_password_stands_is_told(form: str) -> None:
    check_hidden("p@ss w\u00f6rd", "p@ss", "by the log")
    with pytest.raises(AssertionError, match=f"shown by the log: …no route to {re.escape(form)} at"):
        check_hidden("p@ss w\u00f6rd", f"no route to {form} at 10.0.0.1", "by the log")

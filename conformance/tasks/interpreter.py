"""Python in a process of its own, which shares nothing with this one but files, servers and the environment."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from conformance.guard import HarnessFailedError
from conformance.tasks.case import Namespace

PATH = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
"""Where this process finds modules, also those in the folder that it was started in."""
_PROGRAM = """
import asyncio, json, sys
{first}
from {module} import {function} as open_store
from taskstore import TaskCreateRequest, TaskStatus
async def main():
{body}
print(json.dumps(asyncio.run(main())))
"""


async def run_elsewhere(namespace: Namespace, body: str, *, first: str = "") -> Any:
    """Run the body of a coroutine function, in which `open_store` opens the store as the application does.

    It finds the folder and the variables of this moment. Return what it returns, which is JSON.

    Args:
        namespace: what names the function of the application.
        body: the lines of the function.
        first: lines that come before anything of the store is imported.

    Raises:
        HarnessFailedError: if the other process does not find the module of the opener.
        AssertionError: if the program fails.
    """
    module, _, function = namespace.opener.partition(":")
    program = _PROGRAM.format(
        module=module,
        function=function,
        first=first,
        body=textwrap.indent(body, "    "),
    )
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": PATH, "PYTHONHASHSEED": "random"},  # tox sets one for all that it starts
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if f"No module named '{module.partition('.')[0]}" in ran.stderr:
        raise HarnessFailedError(f"another process cannot import {module}, the module of the opener")
    output = ran.stdout.strip()
    if ran.returncode:
        said = (output + ran.stderr).strip()
        raise AssertionError(f"the program failed in another process: {said[-600:]}")
    return json.loads(output.splitlines()[-1])

"""Scripts of failures as files that run as they stand."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

from conformance.files import write_file
from conformance.results.document import Result

_FILE = """\
{about}

# What fails meanwhile (a server, a connection) is not played here: `conformance run --only` does that.

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from conformance.backends.registry import find_backend
from taskstore import *

harness = find_backend({backend!r})()
namespace = "script"


async def main():
    async with AsyncExitStack() as stack:

        async def opened(url="", behind=""):
            opening = harness.open_at(namespace, url, 1.0) if url else harness.open(namespace + behind)
            return await stack.enter_async_context(opening)

{lines}


with harness.running():
    asyncio.run(main())
"""


def write_scripts(folder: Path, results: Iterable[Result]) -> None:
    """Write each failure that has a script as a file that calls the store as the scenario did.

    Raises:
        conformance.files.FileError: if one cannot be written.
    """
    for result in results:
        failure = result.failure
        if failure and failure.script:
            about = textwrap.indent(result.reason, "# ")
            places = ["", *range(2, failure.instances + 1)]
            openings = [f"store{place} = await opened()" for place in places]
            lines = textwrap.indent("\n".join([*openings, *failure.script]), " " * 8)
            text = _FILE.format(about=about, backend=result.backend, lines=lines)
            write_file(folder / f"{failure.name}.py", text)

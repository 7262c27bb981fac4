"""Lines of a comparison as programs: with a library alone where the harnesses say how it is opened, else with them."""

import asyncio
import re
import textwrap
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from conformance.backends.registry import find_backend
from conformance.compare.play import Steps
from conformance.compare.report import Line
from conformance.compare.scripts import from_data, sequence
from conformance.compare.search import Search
from conformance.files import make_folder, read_file, write_file
from conformance.harness import Harness

_LONGEST = 80
"""Letters of the name of a file."""
_WITH_HELP = re.compile(r"\(store|harness|opened\(|^# a value", re.MULTILINE)
"""What stands in a script that needs a harness: functions of it and hooks."""
_WITH_HARNESSES = """\
# {text}
#
# {script}

from pathlib import Path

from conformance.commands.scripts import show

if __name__ == "__main__":
    show(Path(__file__).with_suffix(".json"), {stores})
"""
_ALONE = """\
# {text}

import asyncio
import os

url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def script(store):
{script}


async def first():
{first}
    return store


async def second():
{second}
    return store


async def main():
    for opened in (first, second):
        try:
            print(repr(await script(await opened())))
        except Exception as error:
            print(repr(error))


asyncio.run(main())
"""


def _read(file: Path) -> Steps:
    steps: Steps = read_file(file, sequence, "a script of `conformance compare`")
    return steps


def read_scripts(folder: Path) -> list[Steps]:
    """Return the sequences that were written to a folder; none from one that is not there yet."""
    return [*map(_read, sorted(folder.glob("*.json")))]


def write_scripts(folder: Path, lines: Iterable[Line], stores: Mapping[str, Harness]) -> None:
    """Write each line as data for the next comparison, and beside it as a program that plays it on two stores.

    Races and deaths of one store are left out: a comparison of that store alone says how they are played again.
    """
    make_folder(folder)
    for line in lines:
        if not line.steps:
            continue
        file = folder / re.sub(r"\W+", "-", line.text).strip("-")[:_LONGEST]
        write_file(file.with_suffix(".py"), program(line, stores))
        write_file(file.with_suffix(".json"), line.steps)


def program(line: Line, stores: Mapping[str, Harness]) -> str:
    """Return a line as a program that prints what each store gives; of servers it takes the one at REDIS_URL."""
    openings = [getattr(harness, "standalone", "") for harness in stores.values()]
    if not all(openings) or _WITH_HELP.search("\n".join(line.script)):
        script = "\n# ".join(line.script)
        return _WITH_HARNESSES.format(text=line.text, script=script, stores=", ".join(map(repr, stores)))

    *code, last, _, _ = line.script  # what each store gives is printed
    raising = re.compile("(?m)^(.*)  # raises .*")
    script = raising.sub(r"try:\n    \1\nexcept Exception:\n    pass", "\n".join([*code, f"return {last}"]))
    first, second, script = (textwrap.indent(textwrap.dedent(part).strip(), "    ") for part in (*openings, script))
    return _ALONE.format(text=line.text, script=script, first=first, second=second)


def show(script: Path, *stores: str) -> None:
    """Play a script on two stores, and print the differences that it shows."""
    made = [(name, find_backend(name)()) for name in stores]
    with ExitStack() as stack:
        for _, harness in made:
            stack.enter_context(harness.running())
        search = Search(*made)
        for found in asyncio.run(search.play(from_data(_read(script), search.operations))):
            print(*found.line(stores).lines, sep="\n")

"""`conformance new mystore.py`: write a file to start a harness from, which runs as it is."""

import argparse
from pathlib import Path

from conformance.files import CommandFailedError

DESCRIPTION = "Write a file to start a harness from. It runs as it is, on a memory store that comes with the suite."
EPILOG = """\
examples:
  conformance new mystore.py
  conformance new mystores.py --compare

exit status:
  0  the file is written
  2  wrong usage, or the file exists and is left as it is"""
OPTIONS = {
    "file": {"metavar": "FILE.py", "type": Path, "help": "the file to write, in this folder or below it"},
    "--compare": {"action": "store_true", "help": "write two harnesses for `conformance compare`"},
}


def main(options: argparse.Namespace) -> int:
    """Write the file that is named, and print what to do next; an existing file is left as it is."""
    file: Path = options.file
    places = (*file.parent.parts, file.stem)
    if file.suffix != ".py" or not all(map(str.isidentifier, places)):
        raise CommandFailedError(f"{file} cannot be imported: name a .py file in this folder or below it")
    kind = "compare" if options.compare else "run"
    template = Path(__file__).with_name("templates") / f"{kind}.py.txt"
    text = template.read_text("utf-8").replace("MODULE", ".".join(places))
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as fault:
        raise CommandFailedError(f"{file} was not written: {fault.strerror}") from None
    print(f"{file} is written, and runs as it is; its first lines say how. Make its `open` open your store.")
    return 0

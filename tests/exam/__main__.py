"""Play the suite on each wrong and each right store of the exam: `python -m tests.exam [NAME ...]`."""

import argparse
import compileall
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.exam.entries import SOURCE, Entry, load, one_in
from tests.exam.suite import Verdict, play

CAUGHT, CITED = 0.95, 0.9


@dataclass(frozen=True)
class Result:
    """What became of an entry."""

    name: str
    requirement: str
    backend: str
    verdict: Verdict
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the suite says what is so: a wrong store is caught, a right one passes."""
        return self.verdict.has_results and bool(self.verdict.failed) == bool(self.requirement)

    @property
    def is_cited(self) -> bool:
        """Whether the requirement that the entry names is among those that failed."""
        return self.requirement in self.verdict.failed

    def __str__(self) -> str:
        word = (("MISSED", "caught") if self.requirement else ("FAILED", "passed"))[self.is_right]
        found = ", ".join(self.verdict.failed[:1])
        if self.requirement not in (found, ""):
            found += f" {self.requirement} {'too' if self.is_cited else 'is not among them'}"
        shown = "" if self.is_right else self.verdict.shown
        return f"{word}  {self.seconds:5.1f} s  {self.backend:15}  {self.name}  {found} {shown}".rstrip()


def judge(entry: Entry, *, everything: bool) -> Result:
    """Play an entry until its requirement fails, or to the end."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        entry.make(folder := Path(name))
        verdict = play(folder, entry.backend, "" if everything else entry.requirement)
    return Result(entry.name, entry.requirement, entry.backend, verdict, time.monotonic() - start)


def total(results: list[Result]) -> tuple[str, bool]:
    """Return the last line of the output, and whether the exam is passed."""
    wrong = [one for one in results if one.requirement]
    right = [one for one in results if not one.requirement]
    caught, cited = sum(one.is_right for one in wrong), sum(one.is_cited for one in wrong)
    failed = sum(not one.is_right for one in right)
    line = f"caught {caught} of {len(wrong)}, {cited} under their requirement; {failed} of {len(right)} variants failed"
    return line, caught >= CAUGHT * len(wrong) and cited >= CITED * len(wrong) and not failed


def main() -> int:
    """Read the command line, and play."""
    parser = argparse.ArgumentParser(prog="python -m tests.exam", description=__doc__)
    parser.add_argument("name", nargs="*", help="entries; all if none is given")
    parser.add_argument("--jobs", type=int, default=3, help="entries at a time (%(default)s): each waits now and then")
    parser.add_argument("--all", action="store_true", help="do not stop when the requirement of an entry has failed")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="one entry in N, chosen by the commit")
    asked = parser.parse_args()
    entries = load()
    if unknown := set(asked.name) - set(entries):
        parser.error(f"no such entry: {', '.join(sorted(unknown))}")
    names = one_in(asked.share, asked.name or [*entries])
    names.sort(key=lambda name: bool(entries[name].requirement))  # right stores take longer, and so begin
    print(f"{len(names)} of {len(entries)} entries")
    start = time.monotonic()
    compileall.compile_dir(SOURCE, quiet=1)  # once, and not again for each copy
    results = []
    with ThreadPoolExecutor(asked.jobs) as pool:  # each plays in processes of its own
        futures = [pool.submit(judge, entries[name], everything=asked.all) for name in names]
        for future in as_completed(futures):
            results.append(future.result())
            print(results[-1], flush=True)
    line, is_passed = total(results)
    print(f"{line}; {time.monotonic() - start:.0f} s")
    return 0 if is_passed else 1


if __name__ == "__main__":
    sys.exit(main())

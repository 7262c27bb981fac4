"""The versions that are compared: each installed in a folder of its own, as pip would install it for anyone."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from conformance.results.fingerprint import fingerprint

ROOT = Path(__file__).parents[2]
"""The working tree: the head."""


class NotInstalledError(Exception):
    """A version could not be had; the message says why."""


@dataclass(frozen=True)
class Version:
    """An installed version: what it was made of, where it is, and its fingerprint."""

    source: str
    folder: Path
    fingerprint: str


def install(source: str, folder: Path) -> Version:
    """Install a project's folder, a wheel, or a git revision of the working tree; nothing it depends on comes along.

    Raises:
        NotInstalledError: if there is no such thing, or pip could not install it.
    """
    if Path(source).exists():
        _pip(Path(source), folder)
    else:
        archive = _git("archive", "--format=tar", source)
        with tempfile.TemporaryDirectory() as tree, tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(tree, filter="data")
            _pip(Path(tree), folder)
    return Version(source, folder, fingerprint(folder / "taskstore"))


def find_base() -> str:
    """Find the revision that the working tree is based on: where it left `main`, or on `main` the commit before.

    Raises:
        NotInstalledError: if git cannot tell.
    """
    head = _git("rev-parse", "HEAD").decode().strip()
    fork = _git("merge-base", "HEAD", "main").decode().strip()
    changed = bool(_git("status", "--porcelain", "--", "taskstore").strip())
    return fork if changed or fork != head else _git("rev-parse", "HEAD^").decode().strip()


def _git(*arguments: str) -> bytes:
    try:
        return _told("git", "-C", str(ROOT), *arguments)
    except FileNotFoundError:
        raise NotInstalledError("there is no git: name a folder or a wheel as --base") from None


def _pip(source: Path, folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps")
    _told(*pip, "--target", str(folder), str(source.resolve()))


def _told(*command: str) -> bytes:
    ran = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  git, or pip of this Python
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip()
        raise NotInstalledError(f"{' '.join(command[:4])} … ended with status {ran.returncode}: {said}")
    return ran.stdout

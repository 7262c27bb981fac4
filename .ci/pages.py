"""Lay out the pages of the site in build/pages: the documents where they are, the reference and the published page."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from reports.__main__ import main

PAGES = Path("build/pages")
HOME = os.environ.get("GITHUB_REPOSITORY")
SOURCE = f"{os.environ['GITHUB_SERVER_URL']}/{HOME}/blob/HEAD" if HOME else Path.cwd().as_uri()
PACKAGES = ("conformance", "conformance.compare", "taskstore")

shutil.rmtree(PAGES, ignore_errors=True)
listed = subprocess.run(["git", "ls-files", "*.md", "*.svg"], check=True, capture_output=True, text=True).stdout
for name in map(Path, listed.splitlines()):

    def link(found: re.Match[str], folder: Path = name.parent) -> str:
        """What is no page of the site is shown by the repository."""
        target = (folder / found[1]).resolve().relative_to(Path.cwd())
        return found[0] if target.suffix in (".md", ".svg") else f"]({SOURCE}/{target}"

    (PAGES / name).parent.mkdir(parents=True, exist_ok=True)
    (PAGES / name).write_text(re.sub(r"\]\((?!https:|#)([^)#]+)", link, name.read_text("utf-8")), "utf-8")
(PAGES / "reference.md").write_text("\n\n".join(["# Reference", *(f"::: {name}" for name in PACKAGES)]))
main(["--from-json", "reports/published/report.json", "--out", str(PAGES / "report")])

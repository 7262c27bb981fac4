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
    text = re.sub(r"\]\((?!https:|#)([^)#]+)", link, name.read_text("utf-8"))
    if name.suffixes[:1] == [".zh-CN"]:
        text = f"---\nlanguage: zh\n---\n\n{text}"  # for `.ci/theme`
    (PAGES / name).write_text(text, "utf-8")
(PAGES / "reference.md").write_text("\n\n".join(["# Reference", *(f"::: {name}" for name in PACKAGES)]))
main(["--from-json", "reports/published/report.json", "--out", str(PAGES / "report")])
for page, home in (("index.html", "../"), ("index.zh.html", "../README.zh-CN/")):
    report = PAGES / "report" / page
    way_back = f'<li><a href="{home}">taskstore</a></li><li class="last">'
    report.write_text(report.read_text("utf-8").replace('<li class="last">', way_back), "utf-8")

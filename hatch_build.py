"""Metadata that depends on the home of the repository, which the runner of a release names. Else links are relative."""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"(!\[[^]]*\])\((?!https:)(.+?)\)")
_LINK = re.compile(r"\]\((?!https:|#)(.+?)\)")


class HomeHook(MetadataHookInterface):
    """Fills in `readme` and `urls`: an index has neither the files of the repository nor its pictures."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both fields."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["urls"] = {}
        if repository := os.environ.get("GITHUB_REPOSITORY"):
            home = f"{os.environ['GITHUB_SERVER_URL']}/{repository}"
            text = _PICTURE.sub(rf"\1({home}/raw/HEAD/\2)", text)
            text = _LINK.sub(rf"]({home}/blob/HEAD/\1)", text)
            metadata["urls"] = {
                "Source": home,
                "Issues": f"{home}/issues",
                "Changelog": f"{home}/blob/HEAD/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}

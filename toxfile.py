"""Let tox find every interpreter of pyenv. Its shims answer only for the versions that are selected."""

import os
from pathlib import Path

_PATH = os.environ.get("PATH", "").split(os.pathsep)
_VERSIONS = [
    version for folder in _PATH if folder.endswith("shims") for version in Path(folder).parent.glob("versions/*")
]
os.environ["PATH"] = os.pathsep.join([*_PATH, *(str(version / "bin") for version in sorted(_VERSIONS))])

"""Every block of code in the documents, in the order in which a reader meets them, does what it says."""

import ast
import asyncio
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

import taskstore
from conformance.backends.servers import EmbeddedServer
from conformance.commands.compare import EPILOG
from conformance.measure.claims import read_claims
from conformance.tasks.operations import operations_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_plugins")]

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README", "ADOPTING", "docs/compare", "docs/measure", "docs/store"]
FOLLOWED_ELSEWHERE = re.compile(r"python3? -m (venv|pip)|pip |redis-server ")
"""Installing: in `.ci/bare` and test_install.py."""
QUICKLY = {
    "cachelib:RedisCache": "cachelib:RedisCache --skip dec --skip inc --skip set_many --skip get_many --skip get_dict",
    "conformance run ": "conformance run --depth smoke ",
    "--claims conformance/": f"--claims {ROOT}/conformance/",
    "measure --store": "measure --entries 20 --blocks 2 --seconds 0.002 --store",
    "pytest --pyargs": "pytest --conformance-depth smoke --pyargs",
    "pytest benchmarks": "env -u PYTEST_XDIST_WORKER python -m pytest -p pytest_benchmark.plugin"  # which it would obey
    f" {ROOT}/benchmarks -k memory-get",
}
STATUS = {"--write-known": 1, "conformance diff": 1, "conformance compare": 1, "myapp.harness": 6}
APPLICATION = """
from taskstore import TaskStoreSettings, open_store

def open_tasks(url, prefix):
    return open_store(TaskStoreSettings(use_redis_for_tasks=True, redis_url=url, task_key_prefix=prefix))
"""


def blocks(document: str) -> list[tuple[str, str]]:
    text = (ROOT / document).read_text("utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


class Reader:
    """Somebody who does what a document says, in a folder with the application that it speaks of."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.said = folder, url, ""
        hosts = {f"{host}:6379/0": f"{url[8:-1]}{number}" for number, host in enumerate(("localhost", "other", "old"))}
        self.instead = QUICKLY | hosts
        shutil.copy(ROOT / "docs/examples/jobs/jobs.py", folder)
        self.write("mystore.py", blocks("ADOPTING.md")[0][1])
        self.write("myapp/tasks.py", APPLICATION)
        self.run("conformance new myapp/stores.py --compare")

    def changed(self, text: str) -> str:
        for old, new in self.instead.items():
            text = text.replace(old, new)
        return text

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(self.changed(text), "utf-8")

    def run(self, line: str, status: int = 0) -> None:
        shell = ["/bin/sh", "-c", self.changed(line)]
        ran = subprocess.run(shell, cwd=self.folder, capture_output=True, text=True, check=False)
        assert ran.returncode == status, (line, ran.stdout, ran.stderr)
        self.said += ran.stdout + ran.stderr

    def do_sh(self, text: str) -> None:
        for line in text.splitlines():
            if not FOLLOWED_ELSEWHERE.match(line):
                self.run(line, next((status for part, status in STATUS.items() if part in line), 0))

    def do_python(self, text: str) -> None:
        if named := re.match(r"# (\S+\.py)\n", text):
            self.write(named[1], text)
            if "asyncio.run(" in text:
                self.run(f"python {named[1]}")
        elif "test_parity" in text:
            is_known = (self.folder / "known.toml").exists()
            self.write("test_parity.py", text)
            self.run("python -m pytest -q -p no:cacheprovider test_parity.py", 0 if is_known else 1)
            if is_known:
                self.write("test_parity.py", text.replace("MemoryMode, RedisMode, k", "MemoryMode, MemoryMode, k"))
                self.run("python -m pytest -q -p no:cacheprovider test_parity.py", 1)
            assert ("put, type no longer shows" if is_known else "put(value: tuple) > get: tuple / list") in self.said
        else:
            scope = asyncio.run(evaluated(text, **vars(taskstore)))
            if operations := scope.get("OPERATIONS"):
                assert operations_of(type("", (), {"operations": lambda _: operations})(), "guide")

    def do_toml(self, text: str) -> None:
        known = self.folder / "known.toml"
        if "[[claim]]" in text:
            self.write("claims.toml", text)
            assert read_claims(self.folder / "claims.toml").claim
        elif not known.exists():
            self.write("known.toml", text)
        else:  # the guide shows some of what was written
            shown = re.findall(r'(?m)^(?:test|hook|backend) = "\S+"', text)
            assert [entry for entry in shown if entry not in known.read_text()] == []
            known.write_text(known.read_text().replace("TODO: say why", "it is so"))

    def do_text(self, text: str) -> None:
        if text.startswith("$ redis-cli"):
            shown = dict(re.findall(r'^\d+# "(\w+)" => "(.*)"$', text.replace("\\", ""), re.MULTILINE))
            with redis.Redis.from_url(self.url, decode_responses=True) as client:
                stored: Any = client.hgetall(re.findall("HGETALL '(.*)'", text)[0])
            times = dict.fromkeys(("created_at", "updated_at"))
            assert {**stored, **times} == {**shown, **times}
        elif text.startswith("ACL "):
            with redis.Redis.from_url(self.url) as client:
                client.execute_command(*(word for word in text.split() if "sentinel|" not in word))
        else:
            assert [line for line in text.splitlines() if line not in self.said] == []


async def evaluated(text: str, **scope: Any) -> dict[str, Any]:
    """The names after a script that may await; what its last line gives is `last`."""
    tree = ast.parse(text)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1] = ast.parse(f"last = {ast.unparse(tree.body[-1])}").body[0]
    ended = eval(compile(tree, "guide", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)  # noqa: S307  ours
    if inspect.isawaitable(ended):
        await ended
    return scope


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_does_what_it_says(
    document: str, tmp_path: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # `python` is this one
    monkeypatch.setenv("REDIS_PORT", str(urlsplit(server.url).port))
    reader = Reader(tmp_path, server.url)
    followed = {"sh": reader.do_sh, "python": reader.do_python, "toml": reader.do_toml, "": reader.do_text}
    followed["ini"] = lambda text: reader.do_sh("\n".join(re.findall("(?m)^commands = (.*)$", text)))
    followed["text"] = lambda text: reader.do_text(re.sub("(?m)^    .*\n", "", text))  # whose script is a random one
    for language, text in blocks(f"{document}.md"):
        if language in followed and "tox" not in text:  # test_action.py plays YAML
            followed[language](text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_both_languages_show_the_same_code(document: str) -> None:
    def code(name: str) -> list[tuple[str, str]]:
        return [(language, re.sub("#.*|sentence.*|title.*", "", text)) for language, text in blocks(name)]

    assert code(f"{document}.zh-CN.md") == code(f"{document}.md")


@pytest.mark.parametrize("guide", ["compare.md", "compare.zh-CN.md"])
def test_the_exit_statuses_of_the_guide_are_those_of_the_command(guide: str) -> None:
    statuses = re.findall(r"^  (\d+)  ?", EPILOG, re.MULTILINE)
    assert re.findall(r"^\| (\d+) \|", (ROOT / "docs" / guide).read_text("utf-8"), re.MULTILINE) == statuses

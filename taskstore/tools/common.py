"""What the commands share: the language of what they print, exit statuses, and the error of wrong usage.

The language is English, or Chinese where LANG or `--lang` says so.
"""

from __future__ import annotations

import os

_chosen = "en"


class UsageError(Exception):
    """What was asked for cannot be done; the text says what to change."""


def choose(language: str | None) -> None:
    """Print in `language` from now on, `en` or `zh`; by default the one of the environment."""
    global _chosen  # noqa: PLW0603  one process prints in one language
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    _chosen = language or ("zh" if locale.lower().startswith("zh") else "en")


def say(english: str, chinese: str) -> str:
    """The text in the language that is chosen."""
    return chinese if _chosen == "zh" else english


def exit_statuses(found: tuple[str, str]) -> str:
    """The paragraph of a help text; `found` says what status 1 means."""
    return say(
        f"""exit status:
  0    done
  1    {found[0]}
  2    wrong usage, settings or file
  3    Redis did not answer, or refused
  130  interrupted""",
        f"""退出状态：
  0    完成
  1    {found[1]}
  2    用法、设置或文件有误
  3    Redis 没有应答或拒绝了请求
  130  被中断""",
    )

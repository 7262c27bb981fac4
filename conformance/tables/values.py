"""The tables: ordinary, boundary and hostile values of every argument, each class with its name.

Sizes and contents vary with the seed. The classes do not.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from math import inf, nan, nextafter
from random import Random
from typing import Any

from conformance.spec.model import STATUSES

MOST_BYTES = 1024 * 1024
VISIBLE = "".join(map(chr, range(33, 127)))


class _Number(IntEnum):
    ONE = 1


class _Text(str):
    __slots__ = ()


_TEXTS = (
    *("", "x", " ", " \t a b \n", "\x00", "a\x00b", "a\nb\r\nc\rd", "\x7f\x80\x85\x9f", "aBcDeF"),
    *("null", "true", "007", "1e5", "NaN", '{"a": [1]}', "\"'`", "\\ \\n \\u0041 \\\\", "%s %d {0} {x} ${y}"),
    *("*?[a-z]",),
    *("'; DROP TABLE tasks; --", "$5\r\nhello\r\n", "<b>&amp;</b>", "../../etc/passwd", "a:b::c", "a,b;c|d"),
    "https://user@example.com:8080/a%20b/?q=1&r=%2F#x",
    *("caf\u00e9 \u212b", "cafe\u0301 A\u030a", "\ufb01 \u2460 \uff21"),
    *("\u0130\u0131 \u00df\u1e9e \u212a \u03c2\u03c3",),
    *("文字转写", "\u05e9\u05dc\u05d5\u05dd \u202eabc", "\U0001f469\u200d\U0001f469\u200d\U0001f467"),
    *("\U0001d11e\U0010ffff",),
    *("\ufeffa", "\u00a0\u2003\u2028\u2029\u3000", "\ufffe\uffff\ufffd"),
)


def texts(random: Random) -> dict[str, str]:
    """Texts that every store has to keep as they are."""
    return {
        **{ascii(one): one for one in _TEXTS},
        "controls": "".join(map(chr, range(32))),
        "a few hundred": "y" * (300 + random.randrange(100)),
        "kilobytes": "z" * (5_000 + random.randrange(1_000)),
        "over 64 KiB": "k" * (70_000 + random.randrange(10_000)),
        "long and not ASCII": "文" * (100_000 + random.randrange(1_000)),
        "most of 1 MiB": "m" * (1_000_000 + random.randrange(40_000)),
        "random": "".join(chr(random.choice(_RANGES) + random.randrange(64)) for _ in range(30)),
    }


_RANGES = (0x20, 0x40, 0xC0, 0x380, 0x4E00, 0x1F600, 0x20000)

SURROGATES = ("a\ud83d\ude00", "\ude00\ud83d", "\U0001d11e\udd1e", "x" * 70_000 + "\udc00")
"""Texts that have no UTF-8 form. In UTF-16 the first one has: there the two together are a character."""
WRONG_TEXTS: tuple[Any, ...] = (7, b"x", ["x"], True, _Text("x"), "a\ud800b", "b\udfff", *SURROGATES)


def progresses(random: Random) -> dict[str, int | float]:
    """Progress that is accepted."""
    numbers = (0, 0.0, 5e-324, 1e-7, 1, 0.1, 100 / 3, 0.29, 50, 12.5, 49.999999999, 99.99, nextafter(100, 0), 100.0)
    return {repr(one): one for one in (*numbers, 100, random.random() * 100)}


UNFINISHED: tuple[float, ...] = (0, 30, 99, 99.5, 99.99, 99.999999, nextafter(100, 0))
"""Progress that does not go with `completed`."""
WRONG_PROGRESSES: tuple[Any, ...] = (
    *(nextafter(0, -1), -1, nextafter(100, 200), 101, 1e300, 10**400, nan, inf, -inf),
    *(True, "50", Decimal(50)),
)


def deep(levels: int, inside: Any = 1, kinds: str = "{[") -> Any:
    """A value in so many objects and lists, in turn; the kind of the innermost is the first."""
    for level in range(levels):
        inside = [inside] if kinds[level % len(kinds)] == "[" else {"k": inside}
    return inside


def reordered(value: Any) -> Any:
    """The same JSON value, with the keys of its objects in the opposite order, wherever they stand in it."""
    if type(value) is dict:
        return {key: reordered(value[key]) for key in reversed(value)}
    return [*map(reordered, value)] if type(value) is list else value


def nearest(value: Any) -> Any:
    """A JSON value that differs little, at its end; a number by the smallest step."""
    if isinstance(value, list | dict) and value:
        changed = value.copy()
        last = -1 if isinstance(value, list) else [*value][-1]
        changed[last] = nearest(value[last])
        return changed
    if value is None or isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1 if value > 0 else value + 1  # it may have as many digits as an integer can
    if isinstance(value, float):
        return nextafter(value, -1 if value == 0 else 0)
    return f"{value[:-1]}{chr(ord(value[-1]) ^ 1)}" if value else [value]


_SCALARS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 0.1, 100.0, "", [], {})


def json_values(random: Random) -> dict[str, Any]:
    """Values that a config may hold, at any place; those of 98 levels and more by themselves only."""
    return {
        **{repr(one): one for one in _SCALARS},
        **{repr(one): one for one in (1e16, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 0.30000000000000004)},
        **{repr(one): one for one in (2**31, 2**53 + 1, 2**63, 2**64 - 1, -(2**63))},
        "random integer": random.getrandbits(62),
        "random float": random.uniform(-1e9, 1e9),
        "nested empties": [[], {}, [[]], [{}]],
        "list of null": [None, None],
        "mixed list": [1, 1.0, True, "1", None, [1], {"1": 1}],
        "order": [3, 1, 2, 1],
        "long list": list(range(1_200)),
        "empty key": {"": {"": 1}},
        "null in object": {"a": None, "b": {"c": None}},
        "odd keys": {"a.b": 1, "$x": 2, "__proto__": 3, "a b": 4, "0": 5, "\x00": 6, '"': 7, "é": 8},
        "keys that differ in case": {"a": 1, "A": 2, "ä": 3, "Ä": 4},
        "keys that differ in form": {"\u00e9": 1, "e\u0301": 2},
        "keys out of order": {"b": 1, "a": 2, "c": 0},
        "key of a kilobyte": {"k" * 1_100: 1},
        "many keys": {f"key{number}": number for number in range(1_100)},
        "names of fields": {"task_id": "x", "status": "failed", "webhook_url": 1, "config": {"config": 2}},
        "ten levels": deep(10),
        "50 levels": deep(50),
        "98 levels": deep(98),
        "99 levels": deep(99),
        "99 objects": deep(99, kinds="{"),
        "99 lists": deep(99, kinds="["),
        "99 levels that end otherwise": deep(99, kinds="[{"),
        "large": ["y" * 1_000] * (500 + random.randrange(50)),
    }


_WRONG_KEYS: tuple[Any, ...] = (1, None, True, 1.5, b"k", "\udfff", *SURROGATES)
WRONG_JSON: tuple[Any, ...] = (
    *((), (1, 2), {1}, b"bytes", datetime(2026, 1, 1, tzinfo=UTC), Decimal(1), OrderedDict(a=1), _Number.ONE),
    *(_Text("x"),),
    *(nan, inf, -inf, "\ud800", *SURROGATES),
    *({key: "x"} for key in _WRONG_KEYS),
    {"a": 1, 2: "x"},
    *(2**64, -(2**63) - 1, 10**40 + 1, 10**4_300, -(10**4_300)),
    *(deep(100), deep(100, kinds="{"), deep(100, kinds="["), deep(100, kinds="[{"), deep(101)),
    *(object(), int),
)
WRONG_CONFIGS: tuple[Any, ...] = ([], [["a", 1]], "{}", 7, OrderedDict(a=1), True)


def video_ids(random: Random) -> dict[str, tuple[str, ...]]:
    """Video ids that are accepted."""
    return {
        "two": ("a", "b"),
        "out of order": ("c", "a", "b"),
        "the same twice": ("a", "a", "b", "a"),
        "differ in case": ("A", "a"),
        "differ in blanks": ("a", " a", "a "),
        "differ in form": ("\u00e9", "e\u0301"),
        "an empty one": ("", "a", ""),
        "numbers": ("10", "9", "1"),
        "eleven": tuple(f"video-{number}" for number in range(11)),
        "a hundred": tuple(f"video-{random.getrandbits(40)}" for _ in range(101)),
        "a thousand": tuple(map(str, range(1_001))),
        "ten thousand": tuple(map(str, range(10_001, 0, -1))),
    }


WRONG_VIDEO_IDS: tuple[Any, ...] = (
    *((), None, "abc", ["a"], ("a", 7), (None,), (b"a",), ("a", "\ud800"), ("a\ud83d", "\ude00")),
    *(("a", text) for text in SURROGATES),
)

ALIKE_CONFIGS: tuple[Any, ...] = (
    *(None, {}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, [2]]}),
    *({"k": one} for one in (1, True, 1.0, "1", [1], {"1": 1}, 0, False, 0.0, None, "", "null", [], {}, [None])),
    *(
        {"k": one}
        for one in ("a", "A", "a ", "\u00e9", "e\u0301", "\ufb01", "fi", 2**53, 2**53 + 1, 9007199254740992.0)
    ),
    *({key: 1} for key in ("K", "k ", "\u00e9", "e\u0301", "")),
)
"""Configs that careless code takes for the same as another of them."""
ALIKE_TEXTS: tuple[str, ...] = (
    *("a", "A", "a ", " a", "a\n", "a\x00", "\u00e9", "e\u0301", "\ufb01", "fi", "\u212a", "k", "K", "\u00df"),
    *("ss", ""),
    *("None", "null", "1", "01", "1.0", "1e0", "%61", "&amp;", "&", "\\n", "\n", "\r\n", "a,b", "\u200ba"),
)
"""Texts that careless code takes for the same as another of them."""

OTHER_IDS: tuple[tuple[str, str], ...] = (
    *(("", behind) for behind in (" ", "\n", "\x00", "*", ":", "x", "\ud800", *SURROGATES)),
    *((" ", ""), ("/", ""), ("?", ""), ("[", "]"), ("{", "}")),
)
"""What is put before and behind the id of a task, so that it is the id of none."""
UNKNOWN_IDS: tuple[str, ...] = (
    *("", "*", "task_*", "task_" + "0" * 32, " ", "\ud800", *SURROGATES),
    *("文", "%", "SELECT 1", "x" * 100_000, "\x00", "None"),
)
_INTERNAL = (
    *("created", "updated", "finished", "completed_at", "index", "indexes", "ids", "all", "tasks", "task", "task_ids"),
    *("list", "queue", "records", "deadlines", "expiry", "expires", "ttl", "lock", "locks", "count", "counter"),
    *("total",),
    *("seq", "meta", "metadata", "config", "version", "partial", "status", "statuses", "by_status", "keys"),
)
INTERNAL_IDS: tuple[str, ...] = (
    *_INTERNAL,
    *STATUSES,
    *(f"{name}:{status}" for name in ("created", "status", "tasks", "index") for status in STATUSES),
)
"""Names that a store may use for what it keeps beside the tasks: as ids they are like any other."""
PARTS_OF_IDS: tuple[tuple[str, str], ...] = (
    *(("", f":{name}") for name in ("meta", "metadata", "config", "lock", "data", "status", "videos", "video_ids")),
    *(("", f":{name}") for name in ("index", "error", "result", "ttl", "created", "task")),
    *((f"{name}:", "") for name in ("task", "tasks", "meta", "config", "lock", "data", "status")),
    *(("", f".{name}") for name in ("meta", "lock")),
)
"""What a store may put before or behind an id to name what belongs to its task."""
WRONG_IDS: tuple[Any, ...] = (7, None, b"x", ["x"], 1.5)
NEW_IDS: tuple[str, ...] = (
    *("x", "0", VISIBLE, "y" * 256, "Y" * 255, "*", "task_[a-z]?", "{a}{b}", "a:b:task:c", "..", "1.2", "a/b", "%2A"),
    *("100%", "task_" + "f" * 32, "TASK_X", "\"'\\"),
)
ALIKE_IDS: tuple[tuple[str, str], ...] = (
    *(("job-a", "JOB-A"), ("a/b", "a%2Fb"), ("a+b", "a%20b"), ("1", "01"), ("1", "1.0"), ("1e3", "1000"), ("-0", "0")),
    *(("a-b", "a_b"), ("a.", "a"), ("a/", "a"), ("a/../b", "b"), ("a:", "a"), ('"a"', "a"), ("a\\n", "a")),
    *(("x" * 256, "x" * 255), ("None", "null")),
)
"""Two ids each that careless code takes for the same."""
WRONG_NEW_IDS: tuple[Any, ...] = (
    *("", " ", "a b", "a\n", "a\tb", "\x7f", "\x00", "é", "文", "\ud800", *SURROGATES, "x" * 257),
    *(7, b"x", ["x"], True),
)
_OTHER_WORDS = (
    *("canceled", "cancel", "complete", "success", "succeeded", "finished", "error", "failure", "aborted", "queued"),
    *("running", "started", "processing", "in_progress", "llm-pass1", "llm_pass_1", "llm_pass3", "TaskStatus.PENDING"),
)
"""Names that other programs have for statuses like ours."""
WRONG_STATUSES: tuple[Any, ...] = (
    *("", "PENDING", "done", "pending ", *_OTHER_WORDS, "\ud800", *SURROGATES),
    *(7, True, ["pending"], b"pending"),
)
WRONG_NUMBERS: tuple[Any, ...] = (-1, -(10**30), 1.0, 2.5, True, "10", nan, None, 10**4_300)
_TAKEN_FOR_DIGITS = ("\u0663", "\uff12", "\u00b2", "_", " ", "\u00a0", "\n", "+")
"""Characters that a lenient parser accepts in a number. No cursor has them there."""
WRONG_CURSORS: tuple[Any, ...] = (
    *("", ".", "1", "1.", ".a", "a.a", "01.a", "1e3.a", "-0.a", f"{10**18}.a", "1.\ud800", 7, b"1.a"),
    *(f"1.{text}" for text in SURROGATES),
    *(f"{one}.a" for text in _TAKEN_FOR_DIGITS for one in (f"{text}15", f"1{text}5", f"15{text}")),
)
_NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  that is what is wrong with it
WRONG_MOMENTS: tuple[Any, ...] = (None, _NAIVE, 1_700_000_000, "2026-01-01T00:00:00+00:00")
WRONG_TIMES: tuple[Any, ...] = (
    *WRONG_MOMENTS[1:],
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2201, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, 5, tzinfo=timezone(timedelta(hours=9))),  # in UTC before 1970
    datetime(2200, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),  # in UTC after 2200
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
"""What no time of a task is, the end of one that is not final apart."""
_WRONG_TEXTS_OF_JSON = (
    *("NaN", "Infinity", "-Infinity", '"\\ud800"', '{"\\udfff":1}', '["\\udc00"]', "9" * 4_301, "-" + "9" * 4_301),
    *('"\\ude00\\ud83d"', '{"\\ude00\\ud83d":1}', *(f'"{text}"' for text in SURROGATES)),
    *("[" * 101 + "]" * 101, '{"k":' * 101 + "1" + "}" * 101, "[" * 100_000 + "]" * 100_000, "01", "", "tru", "'a'"),
)
WRONG_METADATA: tuple[str, ...] = (
    *("", " ", "{", "null", "[]", "7", '"x"', "true", "{}}", "{'a':1}", '{"webhook_url":null,"config":{}'),
    *(f'{{"webhook_url":null,"config":{{"x":{one}}}}}' for one in _WRONG_TEXTS_OF_JSON),
    *(f'{{"webhook_url":null,"config":{{"x":[1,{one}]}}}}' for one in _WRONG_TEXTS_OF_JSON),
    *(f'{{"webhook_url":null,"config":{{"x":[{one},{one}]}}}}' for one in _WRONG_TEXTS_OF_JSON),
    *(f'{{"webhook_url":{one},"config":null}}' for one in _WRONG_TEXTS_OF_JSON),
)
"""Texts that are no JSON object, or hold what no config may hold."""

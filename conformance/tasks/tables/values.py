"""Ordinary, boundary and hostile values of every argument: those that a store keeps, and those that it refuses."""

import json
from datetime import datetime
from typing import Any

from conformance.operations.hostile import OTHER_VALUES, Text
from conformance.tasks.spec.model import MOST_BYTES

_TEXTS = r"""[
"", "a", "A", "a ", " a", "a\n", "a\u0000", "\u0000", " ", " \t a b \n", "a\nb\r\nc\rd", "\r\n", "\\n",
"\u007f\u0080\u0085\u009f", "null", "None", "true", "1", "01", "1.0", "007", "1e5", "NaN",
"{\"a\": [1]}", "\"'`", "\\ \\n \\u0041 \\\\", "aBcDeF",
"%s %d {0} {x} ${y}", "%61", "*?[a-z]", "'; DROP TABLE tasks; --", "$5\r\nhello\r\n", "<b>&amp;</b>", "&amp;", "&",
"../../etc/passwd", "a:b::c", "a,b", "https://user@example.com:8080/a%20b/?q=1&r=%2F#x",
"\u00e9", "e\u0301", "caf\u00e9 \u212b", "cafe\u0301 A\u030a", "\ufb01", "fi", "\u212a", "k", "\u00df", "ss",
"\u2460 \uff21", "\u0130\u0131 \u1e9e \u03c2\u03c3", "\u05e9\u05dc\u05d5\u05dd \u202eabc", "文字转写",
"\u200ba", "\ufeffa", "\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67", "\ud834\udd1e\udbff\udfff",
"\ufffe\uffff\ufffd", "\u00a0\u2003\u2028\u2029\u3000"
]"""
TEXTS = (*json.loads(_TEXTS), "".join(map(chr, range(32))), "y" * 350, "z" * 5_500)
"""Texts that every store keeps as they are. Careless code takes some for the same as one that stands near."""
LARGE_TEXTS = ("k" * 75_000, "文" * 100_000, "m" * 1_020_000)
SURROGATES = ("\ud800", "a\ud83d\ude00", "\ude00\ud83d", "\U0001d11e\udd1e", "x" * 70_000 + "\udc00")
"""Texts that have no UTF-8 form. In UTF-16 the second one has: there the two together are a character."""
_PROGRESSES = """[
0, 0.0, 5e-324, 1e-7, 1, 0.1, 33.333333333333336, 0.29, 50, 12.5, 49.999999999, 99.99, 99.99999999999999, 100.0, 100
]"""
PROGRESSES = tuple(json.loads(_PROGRESSES))


def deep(levels: int) -> Any:
    """A value in so many objects and lists, in turn."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


_JSON = r"""[
null, true, false, 0, 1, -1, 0.0, -0.0, 1.0, 0.1, 100.0, "", [], {}, 1e16, 1e22, 1e23, 5e-324, 1.7976931348623157e308,
0.30000000000000004, 2147483648, 9007199254740993, 9223372036854775808, 18446744073709551615, -9223372036854775808,
[[], {}, [[]], [{}]], [null, null], [1, 1.0, true, "1", null, [1], {"1": 1}], [3, 1, 2, 1], {"": {"": 1}},
{"a": null, "b": {"c": null}}, {"a": 1, "A": 2, "\u00e4": 3, "\u00c4": 4}, {"\u00e9": 1, "e\u0301": 2},
{"a.b": 1, "$x": 2, "__proto__": 3, "a b": 4, "0": 5, "\u0000": 6, "\"": 7}, {"b": 1, "a": 2, "c": 0},
{"task_id": "x", "status": "failed", "webhook_url": 1, "config": {"config": 2}}
]"""
JSON = (
    *json.loads(_JSON),
    [*range(1_200)],
    {"k" * 1_100: 1},
    dict.fromkeys(map(str, range(1_100)), 1),
    deep(50),
)
"""Values that a config may hold, at any place."""
DEEPEST = (deep(99), [deep(98)], ["y" * 1_000] * 500)
"""Values that a config may hold as one of its own values."""
WRONG_JSON = (
    *OTHER_VALUES,
    *SURROGATES,
    *({key: "x"} for key in (True, 1.5, b"k", *SURROGATES)),
    *(2**64, -(2**63) - 1, 10**4_300, deep(100), [deep(99)]),
)
_ALIKE = r"""[
null, {}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, [2]]},
{"k": 1}, {"k": true}, {"k": 1.0}, {"k": "1"}, {"k": [1]}, {"k": {"1": 1}}, {"k": [null]}, {"k": []}, {"k": {}},
{"k": 0}, {"k": false}, {"k": 0.0}, {"k": -0.0}, {"k": null}, {"k": ""}, {"k": "null"}, {"k": "a"}, {"k": "A"},
{"k": "\u00e9"}, {"k": "e\u0301"}, {"k": 9007199254740992}, {"k": 9007199254740993}, {"k": 9007199254740992.0},
{"K": 1}, {"k ": 1}, {"\u00e9": 1}, {"e\u0301": 1}, {"": 1}, {"k": [1.0]}, {"k": [true]}, {"k": ["1"]},
{"k": {"x": 1, "y": [0]}}, {"k": {"y": [0], "x": 1}}, {"k": {"x": 1, "y": [false]}}, {"k": {"y": {}, "x": 1}}
]"""
ALIKE_CONFIGS = tuple(json.loads(_ALIKE))
"""Configs that careless code takes for the same as one that stands near."""

_VIDEO_IDS = r"""[
["c", "a", "b"], ["b", "a", "c"], ["a", "a", "b", "a"], ["A", "a", " a", "a "], ["\u00e9", "e\u0301"], ["", "a", ""]
]"""
VIDEO_IDS = (*map(tuple, json.loads(_VIDEO_IDS)), tuple(map(str, range(10_001, 0, -1))))
_AROUND = r"""[
["", " "], ["", "\n"], ["", "\u0000"], ["", "*"], ["", ":"], ["", "x"], ["", ":meta"], ["", ":config"], ["", ":lock"],
["", ":data"], ["", "\ud800"], [" ", ""], ["/", ""], ["?", ""], ["task:", ""], ["tasks:", ""], ["[", "]"], ["{", "}"]
]"""
AROUND = json.loads(_AROUND)
"""Texts before and behind the id of a task, with which it is the id of none."""
_NAMES = """
created updated finished index ids all tasks task list queue records expiry deadlines ttl lock count total seq meta
metadata config version statuses job job:meta job:data job:lock task:job pending completed failed created:pending
status:pending index:completed
"""
INTERNAL_IDS = tuple(_NAMES.split())
"""Names that a store may use for what it keeps beside the tasks: as ids they are like any other."""
UNKNOWN_IDS = ("", " ", "\x00", "*", "task_*", "task_" + "0" * 32, "x" * 100_000, *SURROGATES, *INTERNAL_IDS)
_IDS = """
x 0 * task_[a-z]? {a}{b} .. 100% TASK_X "' job-a JOB-A a/b a%2Fb a+b a%20b 1 01 1.0 1e0 a-b a_b a a. a: a/ a/../a "a"
None null a:b:task:c
"""
NEW_IDS = (*_IDS.split(), "".join(map(chr, range(33, 127))), "y" * 256, "y" * 255, "task_" + "f" * 32)
"""Ids of every kind. Careless code takes some for the same as another of them."""
_TIMES = """
1970-01-01T00:00+00:00 2001-09-09T01:46:39.999999+00:00 2021-01-01T00:00:00.000001+00:00 2021-01-01T05:00+09:00
1969-12-31T20:00-05:00 2200-12-31T23:59:59.999999+00:00
"""
TIMES = tuple(map(datetime.fromisoformat, _TIMES.split()))
"""The first and the last that a task may have, and others that careless code puts into another order."""
NO_MOMENTS = (datetime(2026, 1, 1), 1_700_000_000)  # noqa: DTZ001
"""Values that no store takes for a time."""

_WRONG = r"""{
"config": [[], [["a", 1]], "{}", 7, true],
"video_ids": ["abc", null, ["a"]],
"webhook_url": [7, ["x"], true],
"task_id": ["", " ", "a b", "a\n", "a\tb", "\u007f", "\u0000", "é", "文", 7, ["x"], true],
"status": ["", "PENDING", "done", "pending ", "canceled", "llm-pass1", "TaskStatus.PENDING", 7, true, ["pending"]],
"progress": [-5e-324, -1, 100.00000000000001, 101, 1e300, NaN, Infinity, -Infinity, true, "50"],
"limit": [-1, -1000000000000000000000000000000, 1.0, 2.5, true, "10", NaN, null, 1000000000001],
"after": ["", ".", "1", "1.", ".a", "a.a", "01.a", "1e3.a", "-0.a", "1000000000000000000.a", 7,
  "1\u06635.a", "1\uff125.a", "1\u00b25.a", "1_5.a", "1 5.a", "1\n5.a", "1+5.a", "1.\ud800"],
"about": [7, null, ["x"], 1.5]
}"""
WRONG = json.loads(_WRONG)
"""By name of an argument or a field, values that no store takes."""
for _name in ("webhook_url", "task_id", "status"):
    WRONG[_name] += b"x", *SURROGATES
WRONG["webhook_url"] += Text("x"), "x" * MOST_BYTES
WRONG["task_id"].append("x" * 257)
WRONG["limit"].append(10**4_300)
WRONG["video_ids"] += (), ("a", 7), (None,), (b"a",), *(("a", text) for text in SURROGATES)

"""RESP, the protocol of Redis, as far as a proxy understands it: where messages end, and what a command touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from conformance.text import cut, on_one_line

_LONGEST_WORD = 40
_MOST_WORDS = 10
_LINE_END = b"\r\n"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PASSING = _names(
    "ASKING AUTH CLIENT CLUSTER COMMAND CONFIG DISCARD ECHO HELLO INFO MULTI PING QUIT READONLY READWRITE RESET ROLE"
    " SCRIPT SELECT UNWATCH"
)
"""Commands of handshakes, and others whose order with those of other clients makes no difference."""

PUSHING = _names("MONITOR PSUBSCRIBE PSYNC SSUBSCRIBE SUBSCRIBE SYNC")
"""Commands after which a connection has no requests with a reply each."""

LEADING = _names("CLUSTER SENTINEL")
"""Commands whose replies lead a client to other servers."""

_BLOCKING = _names("BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN")

_OF_ONE_KEY = _names(
    "APPEND BITCOUNT BITPOS DECR DECRBY DUMP EXPIRE EXPIREAT EXPIRETIME GEODIST GEOHASH GEOPOS GET GETBIT GETDEL GETEX"
    " GETRANGE GETSET HDEL HEXISTS HEXPIRE HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HPEXPIRE HPTTL"
    " HRANDFIELD HSCAN HSET HSETNX HSTRLEN HTTL HVALS INCR INCRBY INCRBYFLOAT JSON.DEL JSON.GET JSON.MERGE JSON.SET"
    " LINDEX LINSERT LLEN LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD"
    " PSETEX PTTL RPOP RPUSH RPUSHX SADD SCARD SET SETBIT SETEX SETNX SETRANGE SISMEMBER SMEMBERS SMISMEMBER SPOP"
    " SRANDMEMBER SREM SSCAN STRLEN TTL TYPE XACK XADD XDEL XLEN XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY"
    " ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX"
    " ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE"
)
_OF_MANY_KEYS = _names("DEL EXISTS MGET SDIFF SINTER SUNION TOUCH UNLINK WATCH")


@dataclass(frozen=True, slots=True)
class Command:
    """A whole request of a client. In another protocol it is what the client has sent."""

    raw: bytes
    words: tuple[bytes, ...]
    is_understood: bool = True

    @property
    def name(self) -> str:
        """The command, in capitals."""
        return self.words[0].decode(errors="replace").upper()

    @property
    def text(self) -> str:
        """The command as a trace shows it."""
        words = [on_one_line(word.decode(errors="backslashreplace")) for word in self.words[:_MOST_WORDS]]
        return " ".join(cut(word, _LONGEST_WORD) for word in words)

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys that it touches; None if nobody knows. A script may make others of those that it is given."""
        if self.name in _OF_ONE_KEY:
            return frozenset([self.words[1].decode(errors="replace")])
        if self.name in _OF_MANY_KEYS:
            return frozenset(key.decode(errors="replace") for key in self.words[1:])
        return None

    @property
    def blocks(self) -> bool:
        """Whether the server may hold it until another client does something."""
        return self.name in _BLOCKING or (self.name in {"XREAD", "XREADGROUP"} and b"BLOCK" in self.words)


class _Message(NamedTuple):
    size: int
    texts: tuple[bytes, ...]
    """The bulk strings in it, which are the words of a request."""


def take_command(buffer: bytearray) -> Command | None:
    """Take the first request out of a buffer; None if it is not whole yet."""
    if buffer[:1] == b"*":
        message = _read(buffer)
        if message is None:
            return None
        command = Command(bytes(buffer[: message.size]), message.texts)
    else:
        command = Command(bytes(buffer), (bytes(buffer),), is_understood=False)
    del buffer[: len(command.raw)]
    return command


def is_whole(reply: bytes | bytearray) -> bool:
    """Whether a reply has come to its end."""
    return _read(reply) is not None


def _read(data: bytes | bytearray) -> _Message | None:
    """Read the first message; None if it is not whole. Its parts are lines, which say how many parts follow."""
    texts = []
    left, place = 1, 0
    while left:
        end = data.find(_LINE_END, place)
        if end < 0:
            return None
        kind, size = data[place : place + 1], data[place + 1 : end]
        place = end + 2
        left -= 1
        if kind in b"*~>%|":
            left += max(0, int(size)) * (1 + (kind in b"%|"))
            left += kind in b">|"  # it comes before the reply, and is none
        elif kind in b"$!=" and size != b"-1":
            texts.append(bytes(data[place : place + int(size)]))
            place += int(size) + 2
    return _Message(place, tuple(texts)) if place <= len(data) else None

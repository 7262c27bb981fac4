"""RESP, the protocol of Redis, as far as a proxy understands it: where messages end, and what a command touches."""

# ruff: noqa: SIM905  the names of commands are read as a text

import re
from typing import NamedTuple

from conformance.text import cut, on_one_line

_LONGEST_WORD = 40
_MOST_WORDS = 10


PUSHING = "MONITOR PSUBSCRIBE PSYNC SSUBSCRIBE SUBSCRIBE SYNC".split()
"""Commands to which no reply belongs."""
PASSING = (
    "ASKING AUTH CLIENT CLUSTER COMMAND CONFIG DISCARD ECHO HELLO INFO MULTI PING QUIT READONLY READWRITE RESET ROLE"
    " SCRIPT SELECT UNWATCH"
).split()
"""Commands of handshakes, and others whose order with those of other clients makes no difference."""
_OF_ONE_KEY = (
    "APPEND BITCOUNT BITPOS DECR DECRBY DUMP EXPIRE EXPIREAT EXPIRETIME GEODIST GEOHASH GEOPOS GET GETBIT GETDEL GETEX"
    " GETRANGE GETSET HDEL HEXISTS HEXPIRE HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HPEXPIRE HPTTL"
    " HRANDFIELD HSCAN HSET HSETNX HSTRLEN HTTL HVALS INCR INCRBY INCRBYFLOAT JSON.DEL JSON.GET JSON.MERGE JSON.SET"
    " LINDEX LINSERT LLEN LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD"
    " PSETEX PTTL RPOP RPUSH RPUSHX SADD SCARD SET SETBIT SETEX SETNX SETRANGE SISMEMBER SMEMBERS SMISMEMBER SPOP"
    " SRANDMEMBER SREM SSCAN STRLEN TTL TYPE XACK XADD XDEL XLEN XRANGE XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY"
    " ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX"
    " ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE"
).split()
_OF_MANY_KEYS = "DEL EXISTS MGET SDIFF SINTER SUNION TOUCH UNLINK WATCH".split()
_KEYS = {**dict.fromkeys(_OF_ONE_KEY, slice(1, 2)), **dict.fromkeys(_OF_MANY_KEYS, slice(1, None))}
"""Where the keys of a command stand."""
_BLOCKING = re.compile("B.*(POP|MOVE)|XREAD.* BLOCK")
"""Commands that the server may hold until another client does something."""


class Message(NamedTuple):
    """A whole request of a client, or a reply. In another protocol it is what was sent."""

    raw: bytes
    words: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """The command, in capitals."""
        return self.words[0].decode(errors="replace").upper()

    @property
    def text(self) -> str:
        """The command as a trace shows it."""
        return " ".join(
            on_one_line(cut(word.decode(errors="backslashreplace"), _LONGEST_WORD)) for word in self.words[:_MOST_WORDS]
        )

    @property
    def keys(self) -> frozenset[bytes]:
        """The keys that it touches; none if nobody knows. A script may make others of those that it is given."""
        return frozenset(self.words[_KEYS.get(self.name, slice(0))])

    @property
    def is_resp(self) -> bool:
        """Whether its form tells where it ends, and so does that of the reply."""
        return self.raw.startswith(b"*")

    def awaits(self, reply: bytearray) -> bool:
        """Whether more than this has to come in reply."""
        return self.is_resp and read(reply) is None

    @property
    def blocks(self) -> bool:
        """Whether the server may hold it."""
        return bool(_BLOCKING.match(self.text))


def take_request(buffer: bytearray, *, by_one: bool) -> Message | None:
    """Take all out of a buffer, or the first request; None if that is not whole yet."""
    if by_one and buffer.startswith(b"*"):
        found = read(buffer)
    else:
        raw = bytes(buffer)
        found = Message(raw, (raw,))
    if found:
        del buffer[: len(found.raw)]
    return found


def read(data: bytes | bytearray) -> Message | None:
    """Read the first message; None if it is not whole. Its parts are lines, which say how many parts follow."""
    texts = []
    left, place = 1, 0
    while left:
        end = data.find(b"\r\n", place)
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
    return Message(bytes(data[:place]), tuple(texts)) if place <= len(data) else None

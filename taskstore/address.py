"""A Redis URL, taken apart: one server, nodes of a Redis Cluster, or Sentinels and the name of what they watch."""

import contextlib
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, unquote_to_bytes, urlsplit

OPTIONS = (
    "client_name, db, max_connections, password, sentinel_password, sentinel_username, socket_keepalive, username, "
    "ssl_ca_certs, ssl_ca_path, ssl_cert_reqs, ssl_certfile, ssl_check_hostname, ssl_ciphers, ssl_keyfile, "
    "ssl_min_version, ssl_password"
)
_FORM = re.compile(
    r"""(?:(?P<unix>unix)|(?:redis|valkey)(?P<tls>s?)(?P<several>\+cluster|(?P<sentinel>\+sentinel))?)://
        (?P<user>(?:[^/?#]*@)?)
        (?(unix)(?P<path>/[^?#]+)|(?P<hosts>(?(several)[^/?#\s]*|[^/?#\s,]*))(?(sentinel)/(?P<service>[^/?#]+))
        (?:/(?:(?P<db>[0-9]+)/?)?)?)
        (?:\?(?P<query>[^#]*))?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Address:
    """Where Redis is. Its text may be shown: it holds no credentials."""

    nodes: tuple[tuple[str, int], ...]
    """Host and port of the server, of nodes of its cluster, or of its Sentinels; empty for a socket."""
    service: str
    """What the Sentinels call the master; empty without Sentinels."""
    path: str
    """That of the socket; empty without one."""
    db: int
    cluster: bool
    """Whether it is said to be a cluster; a server that is not may be a node of one all the same."""
    url: str = field(repr=False)
    """The URL as redis-py reads it, without host and port. May hold a password."""

    def __str__(self) -> str:
        nodes = ",".join(f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in self.nodes)
        return "/".join(filter(None, (nodes or f"unix:{self.path}", self.service, str(self.db))))


def parse(url: str) -> Address:
    """Take a Redis URL apart.

    Raises:
        ValueError: if this package does not take it; its text does not repeat the URL.
    """
    with contextlib.suppress(ValueError):
        unquote_to_bytes(url).decode()
        if form := _FORM.fullmatch(url):
            return _read(form.groupdict(""))
    raise ValueError(
        "must look like redis://host:port/db, rediss://host:port/db, unix:///path, redis+cluster://host:port,host:port "
        "or redis+sentinel://host:port,host:port/service/db, with special characters percent-encoded; the options it "
        f"may have are {OPTIONS}"
    )


def _read(part: dict[str, str]) -> Address:
    options = parse_qs(part["query"], keep_blank_values=True)
    if options.keys() - {*OPTIONS.split(", ")}:
        raise ValueError
    port = 26379 if part["sentinel"] else 6379
    hosts = (part["hosts"] or "localhost").split(",")
    scheme = part["unix"] or f"redis{part['tls']}"
    return Address(
        nodes=() if part["path"] else tuple(_node(host, port) for host in hosts),
        service=unquote(part["service"]),
        path=unquote(part["path"]),
        db=int(options.get("db", [part["db"] or "0"])[0]),
        cluster=part["several"] == "+cluster",
        url=f"{scheme}://{part['user']}{part['path'] or '/' + part['db']}?{part['query']}",
    )


def _node(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0:
        raise ValueError
    return unquote(parts.hostname), parts.port or default

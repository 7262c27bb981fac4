"""A Redis URL, taken apart: one server, nodes of a Redis Cluster, or Sentinels and the name of what they watch."""

from __future__ import annotations

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
    r"""(?:(?P<unix>unix)|(?:redis|valkey)(?P<tls>s?)(?:\+(?P<cluster>cluster)|\+(?P<sentinel>sentinel))?)://
        (?P<user>(?:[^/?#]*@)?)
        (?(unix)(?P<path>/[^?#]+)|(?P<hosts>[^/?#]*)(?(sentinel)/(?P<service>[^/?#]+))(?:/(?:(?P<db>[0-9]{1,9})/?)?)?)
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
    tls: bool
    cluster: bool
    """Whether it is said to be a cluster; a server that is not may be a node of one all the same."""
    named: frozenset[str]
    """`username`, `password`: which of them the URL holds."""
    url: str = field(repr=False)
    """The URL as redis-py reads it, without host and port. May hold a password."""
    sentinel: dict[str, str] = field(repr=False)
    """`username` and `password` for the Sentinels, as far as the URL has them."""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}{f'?db={self.db}' if self.db else ''}"
        nodes = ",".join(f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in self.nodes)
        return f"{nodes}{f'/{self.service}' if self.service else ''}/{self.db}"


def parse(url: str) -> Address:
    """Take a Redis URL apart.

    Raises:
        ValueError: if redis-py or this package does not take it; its text does not repeat the URL.
    """
    with contextlib.suppress(ValueError):
        return _parse(url)
    raise ValueError(
        "must look like redis://host:port/db, rediss://host:port/db, unix:///path, redis+cluster://host:port,host:port "
        "or redis+sentinel://host:port,host:port/service/db, with special characters percent-encoded; the options it "
        f"may have are {OPTIONS}"
    )


def _parse(url: str) -> Address:
    unquote_to_bytes(url).decode()
    if (form := _FORM.fullmatch(url)) is None:
        raise ValueError
    part = form.groupdict("")
    options = {name: values[0] for name, values in parse_qs(part["query"], keep_blank_values=True).items()}
    db = options.get("db", part["db"] or "0")
    if options.keys() - {*OPTIONS.split(", ")} or not re.fullmatch("[0-9]{1,9}", db):
        raise ValueError
    said, path, scheme = urlsplit(f"//{part['user']}"), part["path"], part["unix"] or f"redis{part['tls']}"
    others = "&".join(option for option in part["query"].split("&") if not option.startswith("sentinel_"))
    hosts = part["hosts"].split(",") if part["cluster"] or part["sentinel"] else [part["hosts"] or "localhost"]
    return Address(
        nodes=() if path else tuple(_node(host, 26379 if part["sentinel"] else 6379) for host in hosts),
        service=unquote(part["service"]),
        path=unquote(path),
        db=int(db),
        tls=bool(part["tls"]),
        cluster=bool(part["cluster"]),
        named=frozenset(name for name in ("username", "password") if getattr(said, name) or name in options),
        url=f"{scheme}://{part['user']}{path or '/' + part['db']}?{others}",
        sentinel={name[9:]: value for name, value in options.items() if name.startswith("sentinel_")},
    )


def _node(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0 or re.search(r"\s", unquote(text)):
        raise ValueError
    return unquote(parts.hostname), parts.port or default

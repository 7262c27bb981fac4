"""Private servers that a store reaches through TLS, or as a user with the least rights."""

# ruff: noqa: D102  `EmbeddedServer` says what each method does

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from conformance.subjects.proxy import unused_port
from conformance.subjects.servers import EmbeddedServer, ServerError, find_binary

LEAST_RIGHTS = (
    "ping client|setname exists scan info evalsha eval time hmget hset unlink pttl pexpire pexpireat "
    "zadd zrem zcard zcount zscore zrangebyscore zrevrange zrevrank"
)
"""The commands that a store sends, or that its scripts call."""
_CERTIFY = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=conformance "
    "-addext subjectAltName=IP:127.0.0.1 -keyout key -out certificate"
)


def why_no_tls() -> str:
    """Why no server with TLS can be started here, or nothing."""
    if shutil.which("openssl") is None:
        return "no openssl on PATH, which makes the certificate"
    try:
        binary = find_binary()
    except ServerError as fault:
        return str(fault)
    # Without a certificate it ends at once, and says whether that is what it lacks.
    tried = subprocess.run([binary, "--port", "0", "--tls-port", "1"], capture_output=True, text=True, check=False)
    known = "Failed to configure TLS" in tried.stdout
    return "" if known else f"{binary.name} was built without TLS: install Debian's or Redis' own redis-server"


class TlsServer(EmbeddedServer):
    """A server with a certificate that is its own authority, and the client's too. The suite comes without TLS."""

    store_url = ""

    def _prepare(self) -> tuple[str, ...]:
        if reason := why_no_tls():
            raise ServerError(reason)
        port, certificate, key = str(unused_port()), str(self._folder / "certificate"), str(self._folder / "key")
        subprocess.run(_CERTIFY.split(), cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        self.store_url = (
            f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}&ssl_certfile={certificate}&ssl_keyfile={key}"
        )
        self._options = "--tls-port", port, "--tls-ca-cert-file", certificate
        self._options += "--tls-cert-file", certificate, "--tls-key-file", key
        return ()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "transport": "loopback TLS; without TLS where a case needs a proxy"}


class AclServer(EmbeddedServer):
    """A server with a user who may do what a store does, under the prefixes of the suite, and nothing else."""

    store_url = ""

    def _prepare(self) -> tuple[str, ...]:
        rights = [f"+{one}" for one in (*LEAST_RIGHTS.split(), "select")]  # a case uses another database
        self._options = "--user", "store", "on", ">least", "resetkeys", "~{conformance-*", *rights
        self.store_url = f"redis://store:least@127.0.0.1:{self._port}/0"
        return ()

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "rights": LEAST_RIGHTS}

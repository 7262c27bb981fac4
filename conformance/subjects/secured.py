"""Private servers that a store reaches through TLS, or as a user with the least rights."""

# ruff: noqa: D102  `EmbeddedServer` says what each method does

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from conformance.subjects.servers import EmbeddedServer, ServerError, find_binary, unused_port

LEAST_RIGHTS = (
    "ping client|setname exists scan info evalsha eval time hmget hset unlink pttl pexpire pexpireat "
    "zadd zrem zcard zcount zscore zrangebyscore zrevrange zrevrank"
)
"""The commands that a store sends, or that its scripts call."""
_OPENSSL = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[end]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def why_no_tls() -> str:
    """Why no server with TLS can be started here, or nothing."""
    if shutil.which("openssl") is None:
        return "no openssl on PATH, which makes the certificates"
    try:
        binary = find_binary()
    except ServerError as fault:
        return str(fault)
    # Without a certificate it ends at once, and says whether that is what it lacks.
    tried = subprocess.run([binary, "--port", "0", "--tls-port", "1"], capture_output=True, text=True, check=False)
    known = "Failed to configure TLS" in tried.stdout
    return "" if known else f"{binary.name} was built without TLS: install Debian's or Redis' own redis-server"


class TlsServer(EmbeddedServer):
    """A server with a certificate of its own authority, which asks for the client's. The suite comes without TLS."""

    store_url = ""

    def __enter__(self) -> Self:
        if reason := why_no_tls():
            raise ServerError(reason)
        return super().__enter__()

    def prepare(self, folder: Path) -> list[str]:
        Path(folder, "openssl.cnf").write_text(_OPENSSL, "utf-8")
        _certify(folder, "ca", "authority")
        for name in ("server", "client"):
            _certify(folder, name, "end", "-CA", "ca.crt", "-CAkey", "ca.key")
        port = str(unused_port())
        files = {
            name: str(folder / name) for name in ("ca.crt", "client.crt", "client.key", "server.crt", "server.key")
        }
        self.store_url = (
            f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={files['ca.crt']}"
            f"&ssl_certfile={files['client.crt']}&ssl_keyfile={files['client.key']}"
        )
        self._options = "--tls-port", port, "--tls-ca-cert-file", files["ca.crt"]
        self._options += "--tls-cert-file", files["server.crt"], "--tls-key-file", files["server.key"]
        return []

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "transport": "loopback TLS; without TLS where a case needs a proxy"}


class AclServer(EmbeddedServer):
    """A server with a user who may do what a store does, under the prefixes of the suite, and nothing else."""

    store_url = ""

    def prepare(self, folder: Path) -> list[str]:
        rights = [f"+{one}" for one in (*LEAST_RIGHTS.split(), "select")]  # a case uses another database
        self._options = "--user", "store", "on", ">least", "resetkeys", "~{conformance-*", *rights
        self.store_url = f"redis://store:least@127.0.0.1:{self._port}/0"
        return []

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "rights": LEAST_RIGHTS}


def _certify(folder: Path, name: str, kind: str, *by: str) -> None:
    key = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"
    made = "-x509", "-config", "openssl.cnf", "-extensions", kind, "-subj", f"/CN={name}", "-days", "2"
    ran = subprocess.run(
        [str(shutil.which("openssl")), "req", *key, *made, "-out", f"{name}.crt", *by],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise ServerError(f"openssl made no certificate: {ran.stderr.strip()}")

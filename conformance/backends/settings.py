"""The settings that name the server at a URL."""

from urllib.parse import unquote, urlsplit


def as_url(url: str) -> dict[str, str]:
    """All in one variable."""
    return {"REDIS_URL": url}


def variables_of(url: str) -> dict[str, str]:
    """Each part in its own variable; only a URL that has others too in one."""
    parts = urlsplit(url)
    if parts.scheme != "redis":
        return as_url(url)
    place = {"REDIS_HOST": parts.hostname, "REDIS_PORT": parts.port or 6379, "REDIS_DB": parts.path.strip("/") or 0}
    login = {"REDIS_USERNAME": parts.username, "REDIS_PASSWORD": parts.password}
    return {name: unquote(str(value)) for name, value in {**place, **login}.items() if value is not None}

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from taskstore import SettingsInvalid, StoreUnavailable, TaskStoreSettings, open_store
from taskstore.settings import address_of


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in TaskStoreSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = TaskStoreSettings.load()
    assert settings.storage_mode == "memory"
    assert (settings.redis_host, settings.redis_port, settings.redis_db) == ("localhost", 6379, 0)
    assert settings.url == "redis://localhost:6379/0"
    assert settings.lifetime == timedelta(days=7)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://:s3cret@cache.internal:7000/3", "cache.internal:7000/3"),
        ("rediss://user:s3cret@cache.internal", "cache.internal:6379/0"),
        ("redis://[::1]:7000", "[::1]:7000/0"),
        ("unix:///run/redis.sock", "unix:/run/redis.sock"),
    ],
)
def test_an_address_is_fit_to_be_shown(monkeypatch: pytest.MonkeyPatch, url: str, address: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    settings = TaskStoreSettings.load()
    assert address_of(settings.url) == address
    assert settings.url == url
    assert "s3cret" not in f"{settings} {settings!r}"


def test_each_malformed_setting_is_named_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "USE_REDIS_FOR_TASKS": "perhaps",
        "REDIS_PORT": "no port",
        "REDIS_DB": "-1",
        "REDIS_URL": "http://:s3cret@host",
        "REDIS_TIMEOUT": "0",
        "TASK_KEY_PREFIX": "{braces}",
        "TASK_TTL": "0",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings.load()
    assert [name for name, _ in refused.value.problems] == list(wrong)
    assert len(str(refused.value).splitlines()) == len(wrong) + 1
    assert "s3cret" not in f"{refused.value} {refused.value!r}"


def test_a_dotenv_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"USE_REDIS_FOR_TASKS=\xff\xfe\n")
    with pytest.raises(SettingsInvalid) as refused:
        TaskStoreSettings.load()
    assert ".env" in str(refused.value)


def test_a_line_that_stands_twice_is_said_with_its_places(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("USE_REDIS_FOR_TASKS=true\nREDIS_HOST=h\n\nUSE_REDIS_FOR_TASKS=false\n")
    with caplog.at_level(logging.WARNING, "taskstore"):
        assert TaskStoreSettings.load().storage_mode == "memory"
    assert caplog.messages == ["USE_REDIS_FOR_TASKS stands 2 times in .env (lines 1, 4): the last counts"]


def test_the_password_goes_to_the_server_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_REDIS_FOR_TASKS", "true")
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret")
    monkeypatch.setenv("REDIS_PORT", "1")

    async def use() -> None:
        async with open_store():
            pass

    with pytest.raises(StoreUnavailable) as raised:
        asyncio.run(use())
    assert "s3cret" not in f"{raised.value} {raised.value!r}"

"""The service in memory mode, as its developers test it."""

import json
from collections.abc import Iterator

import pytest
from app.main import app
from fastapi.testclient import TestClient


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_memory_mode_is_used(client: TestClient) -> None:
    assert client.get("/health").json() == {"storage_mode": "memory"}


def test_a_task_is_created_updated_and_completed(client: TestClient) -> None:
    task_id = client.post("/tasks", json={"video_ids": ["v1"]}).json()["task_id"]
    client.patch(f"/tasks/{task_id}", json={"status": "clipping", "progress": 30})
    assert client.patch(f"/tasks/{task_id}", json={"status": "completed"}).json()["progress"] == 100
    assert client.post(f"/tasks/{task_id}/cancel").status_code == 409


def test_each_test_begins_with_an_empty_store(client: TestClient) -> None:
    assert client.get("/tasks").json()["total"] == 0


def test_an_export_has_every_task(client: TestClient) -> None:
    ids = [client.post("/tasks", json={"video_ids": ["v1"]}).json()["task_id"] for _ in range(101)]
    lines = client.get("/tasks.jsonl").text.splitlines()
    assert [json.loads(line)["task_id"] for line in lines] == ids[::-1]

"""A job store of an application, with a memory mode, a Redis mode and names of its own."""

import json
import uuid
from datetime import UTC, datetime, timedelta

OVER = ("done", "failed", "cancelled")


class JobMissing(Exception):
    """There is no such job."""


class JobOver(Exception):
    """The job has ended, and cannot be changed."""

    def __init__(self, job):
        super().__init__(f"{job['id']} is {job['state']}")
        self.state = job["state"]


class Jobs:
    """Jobs in a dictionary; in Redis as JSON, for seven days."""

    def __init__(self, redis=None, prefix="jobs:"):
        self._redis, self._prefix, self._jobs = redis, prefix, {}

    async def submit(self, videos, options=None, hook=None):
        now = datetime.now(UTC).isoformat()
        job = dict.fromkeys(["result", "error", "trace", "ended"])
        job |= {"id": uuid.uuid4().hex, "state": "queued", "percent": 0.0, "step": "", "videos": videos}
        job |= {"options": options, "hook": hook, "created": now, "changed": now}
        return await self._save(job)

    async def fetch(self, job_id):
        if self._redis is None:
            return self._jobs.get(job_id)
        text = await self._redis.get(self._prefix + job_id)
        return None if text is None else json.loads(text)

    async def recent(self, state=None, count=50, start=0):
        if self._redis is None:
            jobs = list(self._jobs.values())
        else:
            keys = [key async for key in self._redis.scan_iter(match=f"{self._prefix}*")]
            jobs = [json.loads(text) for text in await self._redis.mget(keys) if text] if keys else []
        jobs = [job for job in jobs if state in (None, job["state"])]
        jobs.sort(key=lambda job: job["created"], reverse=True)
        return {"jobs": jobs[start : start + count], "total": len(jobs), "count": count, "start": start}

    async def move(self, job_id, state, **changes):
        job = await self.fetch(job_id)
        if job is None:
            raise JobMissing(job_id)
        if job["state"] in OVER:
            raise JobOver(job)
        now = datetime.now(UTC).isoformat()
        changes |= {"percent": 100.0} if state == "done" else {}
        changes |= {"state": state, "changed": now, "ended": now if state in OVER else None}
        return await self._save(job | changes)

    async def _save(self, job):
        if self._redis is None:
            self._jobs[job["id"]] = job
        else:
            await self._redis.set(self._prefix + job["id"], json.dumps(job), ex=timedelta(days=7))
        return job

"""Routes about scheduled jobs: they are kept and listed as on the Hub, but nothing runs here.

The real Hub never shows the values of a job's secrets. Here the answer has the SHA-256 of each, so that a test sees
whether a secret has the value that it should have.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.local.hub import store as stored
from curation.local.hub.access import hub_of, parameter, read_json, refuse_stranger, writer
from curation.local.hub.refusals import refusal

_JOBS = "/api/scheduled-jobs/{namespace}"
_JOB = _JOBS + "/{job}"
HARDWARE = {
    "name": "cpu-basic",
    "prettyName": "CPU Basic",
    "cpu": "2 vCPU",
    "ram": "16 GB",
    "ephemeralStorage": "20 GB",
    "accelerator": None,
    "unitCostMicroUSD": 167,
    "unitCostUSD": 0.000167,
    "unitLabel": "minute",
}
"""The price of cpu-basic as huggingface_hub's documentation shows it."""


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/api/jobs/hardware", list_hardware),
        Route(_JOBS, list_jobs),
        Route(_JOBS, create_job, methods=["POST"]),
        Route(_JOB, show_job),
        Route(_JOB, delete_job, methods=["DELETE"]),
        Route(_JOB + "/schedule", change_schedule, methods=["POST"]),
        Route(_JOB + "/suspend", suspend, methods=["POST"]),
        Route(_JOB + "/resume", suspend, methods=["POST"]),
    ]


async def list_hardware(request: Request) -> Response:
    """Answer with the kinds of hardware and their prices."""
    return JSONResponse([HARDWARE])


async def create_job(request: Request) -> Response:
    """Keep a scheduled job."""
    account, body, namespace = writer(request), await read_json(request), parameter(request, "namespace")
    refuse_stranger(account, namespace)
    spec = body.get("jobSpec")
    if not isinstance(spec, dict) or not spec.get("command") or not isinstance(body.get("schedule"), str):
        raise refusal(400, "A scheduled job needs jobSpec, with a command, and schedule.")
    given = spec.pop("secrets", {})
    spec["secrets"] = {name: hashlib.sha256(str(value).encode()).hexdigest() for name, value in given.items()}
    job = {
        "id": secrets.token_hex(12),
        "createdAt": stored.now(),
        "schedule": body["schedule"],
        "suspend": bool(body.get("suspend")),
        "concurrency": bool(body.get("concurrency")),
        "jobSpec": spec,
        "status": {},
        "owner": {"id": namespace, "name": namespace, "type": "user" if namespace == account.name else "org"},
    }
    stored.keep_job(hub_of(request).store, namespace, job["id"], json.dumps(job))
    return JSONResponse(job)


async def list_jobs(request: Request) -> Response:
    """Answer with the scheduled jobs of an account, those with a label if one is asked for ("key=value")."""
    namespace = _own_namespace(request)
    jobs = [json.loads(job) for job in stored.jobs(hub_of(request).store, namespace)]
    key, _, value = request.query_params.get("label", "").partition("=")
    return JSONResponse([job for job in jobs if not key or job["jobSpec"].get("labels", {}).get(key) == value])


async def show_job(request: Request) -> Response:
    """Answer with a scheduled job."""
    return JSONResponse(_job(request))


async def delete_job(request: Request) -> Response:
    """Remove a scheduled job."""
    job = _job(request)
    stored.remove_job(hub_of(request).store, job["id"])
    return JSONResponse({})


async def change_schedule(request: Request) -> Response:
    """Change when a job runs."""
    job, body = _job(request), await read_json(request)
    job["schedule"] = str(body.get("schedule"))
    stored.keep_job(hub_of(request).store, parameter(request, "namespace"), job["id"], json.dumps(job))
    return JSONResponse(job)


async def suspend(request: Request) -> Response:
    """Suspend a job, or let it run again."""
    job = _job(request)
    job["suspend"] = request.url.path.endswith("/suspend")
    stored.keep_job(hub_of(request).store, parameter(request, "namespace"), job["id"], json.dumps(job))
    return JSONResponse(job)


def _own_namespace(request: Request) -> str:
    namespace = parameter(request, "namespace")
    refuse_stranger(writer(request), namespace)
    return namespace


def _job(request: Request) -> dict[str, Any]:
    namespace, wanted = _own_namespace(request), parameter(request, "job")
    for text in stored.jobs(hub_of(request).store, namespace):
        job: dict[str, Any] = json.loads(text)
        if job["id"] == wanted:
            return job
    raise refusal(404, "There is no such scheduled job.")

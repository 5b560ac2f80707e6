"""Scheduled jobs of the Hub that refresh a curation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from curation.errors import PaymentError
from curation.hub import hub_errors
from curation.wording import counted

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub._jobs_api import ScheduledJobInfo

IMAGE = "python:3.12"
FLAVOR = "cpu-basic"
TIMEOUT = "30m"
LABEL = "curation"
MINUTES_OF_A_RUN = 3
"""How long a run is assumed to take. Most of it is the installation of the package."""
FREE = "What costs nothing: `--on cron` on a machine of yours, or `--on github`."


class Job(NamedTuple):
    """What a scheduled job should be. `namespace` is the account that owns and pays it.

    `name` is that of the store: two curations of one account may have the same name, but never the same store.
    """

    namespace: str
    name: str
    times: str
    command: list[str]
    environment: dict[str, str]
    secrets: dict[str, str]


class ScheduledJob(NamedTuple):
    """A scheduled job as the Hub knows it. `next_run` is when it runs next, as text; a suspended one does not run."""

    id: str
    times: str
    next_run: str | None
    suspended: bool

    @property
    def line(self) -> str:
        """When it runs, or that somebody suspended it."""
        if self.suspended:
            return f"{self.times}, suspended: `hf jobs scheduled resume {self.id}` lets it run again"
        return f"{self.times}{f', next at {self.next_run}' if self.next_run else ''}"


def list_jobs(api: HfApi, *, namespace: str, name: str) -> list[ScheduledJob]:
    """Return the scheduled jobs of a curation."""
    return [_scheduled_job(info) for info in _find(api, namespace, name)]


def remove_jobs(api: HfApi, *, namespace: str, name: str, keep: Iterable[str] = ()) -> list[str]:
    """Delete the scheduled jobs of a curation, but not those in `keep`; return their ids."""
    doomed = [info.id for info in _find(api, namespace, name) if info.id not in set(keep)]
    for job_id in doomed:
        with hub_errors(api, namespace):
            api.delete_scheduled_job(scheduled_job_id=job_id, namespace=namespace)
    return doomed


def put_job(api: HfApi, job: Job, *, renew: bool) -> tuple[ScheduledJob, bool]:
    """Make the job the only one of its curation; return it, and whether anything had to be changed.

    The Hub does not show secrets, so they cannot be compared: a job that has nothing else to change keeps its secrets
    unless `renew` is true. A job that somebody suspended stays suspended unless it has to be replaced. Raises
    PaymentError, which says what costs nothing, if the Hub wants to be paid; other errors as in `hub.hub_errors`.
    """
    try:
        same = [info for info in _find(api, job.namespace, job.name) if not renew and _is_equal(info, job)]
        with hub_errors(api, f"jobs of {job.namespace}"):
            if not same:
                changed, kept = True, _create(api, job)
            elif same[0].schedule != job.times:
                changed, kept = (
                    True,
                    api.update_scheduled_job_schedule(
                        scheduled_job_id=same[0].id, schedule=job.times, namespace=job.namespace
                    ),
                )
            else:
                changed, kept = False, same[0]
    except PaymentError as error:
        raise PaymentError(error.message, remedy=f"{error.remedy} {FREE}") from error
    # The new job is created before the old one is removed. A request that was repeated may have created two.
    removed = remove_jobs(api, namespace=job.namespace, name=job.name, keep=[kept.id])
    return _scheduled_job(kept), changed or bool(removed)


def cost_line(api: HfApi, *, runs: int) -> str:
    """Return what so many runs in a month cost, by the prices of the Hub, with what is assumed."""
    with hub_errors(api, "the prices of jobs"):
        price = next((item for item in api.list_jobs_hardware() if item.name == FLAVOR), None)
    spent = f"{counted(runs, 'run')} a month of about {MINUTES_OF_A_RUN} minutes (assumed) on {FLAVOR}"
    if price is None or price.unit_label not in {"minute", "hour"}:
        return f"{spent}: the Hub does not say what that costs; see https://huggingface.co/pricing."
    minute = price.unit_cost_usd / (1 if price.unit_label == "minute" else 60)
    return (
        f"{spent}: about ${runs * MINUTES_OF_A_RUN * minute:.2f} a month, paid from the credit of the account. Jobs "
        f"may take a paid plan. {FREE}"
    )


def _create(api: HfApi, job: Job) -> ScheduledJobInfo:
    return api.create_scheduled_job(
        image=IMAGE,
        command=job.command,
        schedule=job.times,
        concurrency=False,
        env=job.environment,
        secrets=job.secrets,
        flavor=FLAVOR,
        timeout=TIMEOUT,
        name=f"curation-{job.name}",
        labels={LABEL: job.name},
        namespace=job.namespace,
    )


def _find(api: HfApi, namespace: str, name: str) -> list[ScheduledJobInfo]:
    with hub_errors(api, f"jobs of {namespace}"):
        return api.list_scheduled_jobs(labels={LABEL: name}, namespace=namespace)


def _is_equal(info: ScheduledJobInfo, job: Job) -> bool:
    spec: Any = info.job_spec
    actual = (spec.docker_image, list(spec.command or ()), dict(spec.environment or {}), str(spec.flavor))
    return actual == (IMAGE, job.command, job.environment, FLAVOR)


def _scheduled_job(info: ScheduledJobInfo) -> ScheduledJob:
    next_run = info.status.next_job_run_at
    text = None if next_run is None else f"{next_run:%Y-%m-%d %H:%M} UTC"
    return ScheduledJob(info.id, str(info.schedule), text, bool(info.suspend))

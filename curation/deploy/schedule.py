"""schedule: has a curation refreshed at regular times, by a job of the Hub, by cron or by GitHub Actions."""

from __future__ import annotations

import ipaddress
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from curation.config import Config, Services, load_config
from curation.deploy import carried, jobs
from curation.deploy.access import asking_account
from curation.deploy.timetable import cron_times, runs_a_month
from curation.errors import ConfigError, CurationError
from curation.hub import DEFAULT_ENDPOINT
from curation.report import Report
from curation.wording import size

Runner = Literal["jobs", "cron", "github"]

WORKFLOW = """\
# .github/workflows/{name}.yml: `curation schedule` wrote it. Set the secrets of the repository: {secrets}.
name: Refresh {name}
on:
  schedule:
    - cron: "{times}"
  workflow_dispatch:
permissions: {{}}
concurrency: refresh-{name}
jobs:
  refresh:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - env:
{environment}
        run: |
{script}
"""


class ScheduleReport(Report):
    """What `schedule` did, or with `rehearsal` would do.

    `times` is when it runs, in the fields of cron. `job` is the id of the scheduled job, `runs` when it runs in words,
    `commit` what put config and package into the store: each null if there is none. `into_store` has the files that
    belong into the store, with their sizes in bytes. `text` is what the user installs, for cron and GitHub Actions;
    `cost` what a month costs, null where it costs nothing.
    """

    on: Runner
    times: str
    rehearsal: bool = False
    changed: bool = False
    job: str | None = None
    runs: str | None = None
    commit: str | None = None
    cost: str | None = None
    command: str | None = None
    text: str | None = None
    into_store: dict[str, int] = Field(default_factory=dict)

    @property
    def lines(self) -> tuple[str, ...]:
        """What runs when, what it costs, and what is still to be done."""
        stored = [f"{path} ({size(count)})" for path, count in self.into_store.items()] if self.rehearsal else []
        into_store = (f"# Into the store would go: {', '.join(stored)}.",) if stored else ()
        if self.text is not None:
            return (*into_store, self.text)
        if self.rehearsal:
            cost = () if self.cost is None else (self.cost,)
            return (*cost, *into_store, f"A job would run at {self.times}:", str(self.command))
        state = "is scheduled" if self.changed else "was scheduled already"
        carried_line = ("Config and package are in the store anew.",) if self.commit else ()
        return (f"The job {self.job} {state}: {self.runs}.", *carried_line)


class SchedulesReport(Report):
    """The scheduled jobs of a curation: their ids with when they run. `removed` are those that were deleted now.

    `emptied` says that what they ran was removed from the store.
    """

    name: str
    jobs: dict[str, str]
    removed: tuple[str, ...] = ()
    emptied: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each."""
        removed = [f"Removed the scheduled job {', '.join(self.removed)} of {self.name}."] if self.removed else []
        if self.emptied:
            removed.append(
                f"Removed the folder {carried.FOLDER}/ from its store. A workflow of GitHub Actions that runs what was "
                "in it fails from now on: delete the workflow."
            )
        if removed:
            return tuple(removed)
        return self.lines_of_jobs or (f"{self.name} has no scheduled job.",)

    @property
    def lines_of_jobs(self) -> tuple[str, ...]:
        """A line for each job: its id, and when it runs."""
        return tuple(f"{job}  {when}" for job, when in self.jobs.items())


def schedule(
    config: Path,
    *,
    on: Runner,
    every: str,
    services: Services,
    package: str | None = None,
    renew: bool = False,
    rehearsal: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> ScheduleReport:
    """Have `curation refresh` run `every` so often, for example "1h".

    A job runs the config and the package that are put into the store; so does a workflow of GitHub Actions. `package`
    is the address of another package to install, as pip takes it. For cron and GitHub Actions the report has the text
    to install. With a `rehearsal` nothing is written anywhere. Doing it again changes only what differs. `say` gets
    what a job costs before anything is written.

    Raises ConfigError if `every` is not possible, a key that the schedule needs is not set, or others may read the keys
    of cron; also if Argilla runs on this machine, where a job does not reach it.
    """
    loaded = load_config(config)
    times = cron_times(every, name=loaded.name)
    if on == "cron":
        return ScheduleReport(on=on, times=times, text=_crontab(config, loaded, times))
    account = asking_account(services)
    needed = needed_keys(loaded, services)
    cost = jobs.cost_line(account.api, runs=runs_a_month(every)) if on == "jobs" else None
    commit = None
    files = carried.schedule_files(config, package=package)
    if not rehearsal:
        if cost is not None:
            say(cost)
        commit = carried.put(account.api, loaded.store.repo_id, files)
    into_store = {path: len(content) for path, content in files.items()}
    script = carried.script(loaded.store.repo_id, package=package)
    environment = _environment(services)
    if on == "github":
        text = _workflow(loaded, times, script, environment, needed)
        return ScheduleReport(on=on, times=times, rehearsal=rehearsal, commit=commit, into_store=into_store, text=text)
    command = ["bash", "-c", script]
    report = ScheduleReport(
        on=on, times=times, rehearsal=rehearsal, cost=cost, into_store=into_store, command=shlex.join(command)
    )
    if rehearsal:
        return report
    namespace, _, name = loaded.store.repo_id.partition("/")
    job = jobs.Job(namespace, name, times, command, environment, needed)
    kept, changed = jobs.put_job(account.api, job, renew=renew)
    return report.model_copy(
        update={"job": kept.id, "runs": kept.line, "changed": changed or commit is not None, "commit": commit}
    )


def list_schedules(config: Config, *, services: Services, remove: bool = False) -> SchedulesReport:
    """Return the scheduled jobs of a curation; with `remove` delete them, and what they ran from the store.

    Lines in a crontab are not known here.
    """
    api = asking_account(services).api
    namespace, _, name = config.store.repo_id.partition("/")
    scheduled = jobs.list_jobs(api, namespace=namespace, name=name)
    removed = jobs.remove_jobs(api, namespace=namespace, name=name) if remove else []
    emptied = remove and carried.remove(api, config.store.repo_id)
    return SchedulesReport(
        name=config.name,
        jobs={job.id: job.line for job in scheduled},
        removed=tuple(removed),
        emptied=emptied,
    )


def known_schedules(config: Config, services: Services) -> tuple[tuple[str, ...], str | None]:
    """Return the scheduled jobs, a line for each, and why they are not known if they are not. No token has none."""
    if services.hub_token is None:
        return (), None
    try:
        return list_schedules(config, services=services).lines_of_jobs, None
    except CurationError as error:
        return (), str(error)


def needed_keys(config: Config, services: Services) -> dict[str, str]:
    """Return the keys that a refresh needs, by their names. Models are not asked, so theirs are not among them."""
    keys = {"HF_TOKEN": services.hub_token, "ARGILLA_API_KEY": services.argilla_api_key}
    missing = [name for name, value in keys.items() if value is None]
    if services.argilla_api_url is None:
        missing.append("ARGILLA_API_URL")
    if missing and not (config.labels.decides_without_people and services.argilla_api_url is None):
        raise ConfigError(
            f"{' and '.join(missing)} not set, and a refresh needs {'them' if len(missing) > 1 else 'it'}.",
            remedy="Export what the schedule shall use, then run the command again.",
        )
    if services.argilla_api_url and _is_here(services.argilla_api_url) and not _is_here(services.hub_endpoint):
        raise ConfigError(
            f"ARGILLA_API_URL is {services.argilla_api_url}: no other machine reaches an Argilla on this one.",
            remedy="Use `--on cron`, or export the address of a review Space.",
        )
    return {name: value for name, value in keys.items() if value is not None}


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _environment(services: Services) -> dict[str, str]:
    environment = {} if services.argilla_api_url is None else {"ARGILLA_API_URL": services.argilla_api_url}
    if services.hub_endpoint != DEFAULT_ENDPOINT:
        environment["HF_ENDPOINT"] = services.hub_endpoint
    return environment


def _crontab(config: Path, loaded: Config, times: str) -> str:
    """Return the line of a crontab, with what it needs. At a percent sign cron would end the command."""
    keys = config.resolve().parent / "curation.env"
    if keys.exists() and stat.S_IMODE(keys.stat().st_mode) & 0o077:
        raise ConfigError(f"Others on this machine may read {keys}.", remedy=f"Run: chmod 600 {shlex.quote(str(keys))}")
    folder = shlex.quote(str(config.resolve().parent))
    lock, log = (shlex.quote(f"{loaded.name}.{suffix}") for suffix in ("lock", "log"))
    command = (
        f"cd {folder} && set -a && . ./curation.env && set +a && flock -n {lock} {shlex.quote(sys.executable)} "
        f"-m curation refresh {shlex.quote(config.name)} --format quiet >> {log} 2>&1"
    ).replace("%", "\\%")
    return (
        f"# Add the line below with `crontab -e`. {config.resolve().parent}/curation.env has lines such as\n"
        "# HF_TOKEN=hf_..., ARGILLA_API_URL=... and ARGILLA_API_KEY=... Only you may read it: chmod 600\n"
        f"{times} {command}"
    )


def _workflow(config: Config, times: str, script: str, environment: dict[str, str], secrets: dict[str, str]) -> str:
    values = {
        **environment,
        **{name: f"${{{{ secrets.{name} }}}}" for name in secrets},
    }
    return WORKFLOW.format(
        name=config.name,
        times=times,
        secrets=", ".join(secrets),
        environment="\n".join(f"          {name}: {value}" for name, value in values.items()),
        script="\n".join(f"          {line}" for line in script.splitlines()),
    )

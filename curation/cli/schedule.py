"""curation schedule: makes a schedule run `curation refresh` at regular times."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import run

if TYPE_CHECKING:
    from curation.config import Config
    from curation.report import Report


class On(StrEnum):
    """What runs the schedule."""

    jobs = "jobs"
    cron = "cron"
    github = "github"


def schedule(
    config: ConfigFile,
    on: Annotated[
        On, typer.Option("--on", help="A job of the Hub, cron on a machine of yours, or GitHub Actions.")
    ] = On.jobs,
    every: Annotated[str, typer.Option("--every", help="15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d.")] = "1h",
    package: Annotated[
        str | None,
        typer.Option(
            "--package", help="Install this instead of the package that runs here: any address that pip takes."
        ),
    ] = None,
    renew_secrets: Annotated[
        bool, typer.Option("--renew-secrets", help="Give the job its keys again: a token expired, or has changed.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Only list the scheduled jobs of this curation.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the scheduled jobs of this curation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run and what it costs; write nothing.")
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Have refresh run every hour: as a job of the Hub, or with a text to install for cron or GitHub Actions."""
    from curation.config import Services
    from curation.deploy.schedule import list_schedules
    from curation.deploy.schedule import schedule as put

    def work(loaded: Config, out: Output) -> Report:
        services = Services.from_environment()
        if show or remove:
            return list_schedules(loaded, services=services, remove=remove)
        return put(
            config,
            on=on.value,
            every=every,
            services=services,
            package=package,
            renew=renew_secrets,
            rehearsal=dry_run,
            say=out.note,
        )

    run(config, format, debug, work)

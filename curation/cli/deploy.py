"""curation deploy: puts the review Space and the sync Space on the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import errors_as_sentences, print_report
from curation.cli.usage import Verbs

if TYPE_CHECKING:
    from curation.deploy.report import NewSecret

SpaceOption = Annotated[
    str | None, typer.Option("--space", help="OWNER/NAME of the Space; by default beside the store.")
]
OrgOption = Annotated[list[str] | None, typer.Option("--org", help="Members of this organisation; repeatable.")]
UserOption = Annotated[list[str] | None, typer.Option("--user", help="This account of the Hub; repeatable.")]
HardwareOption = Annotated[
    str | None, typer.Option("--hardware", help="cpu-basic (the default of a new Space), cpu-upgrade, ...")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print every call, and make none.")]

deploy = typer.Typer(cls=Verbs, help="Put the Spaces of a curation on the Hub.", no_args_is_help=True)


@deploy.command("argilla")
def deploy_argilla(
    config: ConfigFile,
    space: SpaceOption = None,
    org: OrgOption = None,
    user: UserOption = None,
    anyone: Annotated[bool, typer.Option("--anyone", help="Let in everybody with an account on the Hub.")] = False,
    hardware: HardwareOption = None,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Create the Space in which people review, or bring it up to date. Only those who are named may sign in."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        from curation.config import Services, load_config
        from curation.deploy.argilla import deploy_argilla as put
        from curation.deploy.report import Wishes
        from curation.environment import key_from

        with shown_once(out) as (tell, secrets):
            report = put(
                load_config(config),
                Wishes(space, tuple(org or ()), tuple(user or ()), anyone, hardware),
                services=Services.from_environment(),
                password=key_from("ARGILLA_PASSWORD", os.environ),
                rehearsal=dry_run,
                tell=tell,
                say=out.note,
            )
        report = report.model_copy(update={"made": secrets})
        print_report(report, out, hint=None if dry_run else f"ARGILLA_API_URL={report.url} curation check {config}")


@deploy.command("sync")
def deploy_sync(
    config: ConfigFile,
    package: Annotated[
        Path | None,
        typer.Option("--package", help="A wheel that the Space installs instead of the package that runs here."),
    ] = None,
    space: SpaceOption = None,
    org: OrgOption = None,
    user: UserOption = None,
    admin: Annotated[
        list[str] | None,
        typer.Option("--admin", help="This account sees the names of reviewers too; by default yours."),
    ] = None,
    hardware: HardwareOption = None,
    renew_secrets: Annotated[
        bool, typer.Option("--renew-secrets", help="Set the secrets again: a token expired, or has changed.")
    ] = False,
    dry_run: DryRunOption = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Create the Space that refreshes and shows how far reviewing is, or bring it up to date."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        from curation.config import Services
        from curation.deploy.report import Wishes
        from curation.deploy.sync import deploy_sync as put
        from curation.environment import key_from

        report = put(
            config,
            Wishes(space, tuple(org or ()), tuple(user or ()), hardware=hardware),
            wheel=package,
            services=Services.from_environment(),
            admins=tuple(admin or ()),
            token=key_from("CURATION_SERVE_TOKEN", os.environ),
            renew=renew_secrets,
            rehearsal=dry_run,
            say=out.note,
        )
        print_report(report, out, hint=None)


@contextmanager
def shown_once(out: Output) -> Iterator[tuple[Callable[[NewSecret], None], dict[str, str]]]:
    """Yield a function that shows a secret on stdout at once, since nobody else knows it, and all of them by name.

    With `--format json` they belong into the report, and are printed here only if an error follows.
    """
    secrets: dict[str, str] = {}

    def tell(secret: NewSecret) -> None:
        secrets[secret.name] = secret.value
        if out.format is not Format.json:
            out.data(f"{secret.name} = {secret.value}  (shown only this once)")

    try:
        yield tell, secrets
    except BaseException:
        if secrets and out.format is Format.json:
            out.data(json.dumps({"made": secrets}))
        raise

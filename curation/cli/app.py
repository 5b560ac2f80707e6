"""The verbs of the command line: each reads its arguments, calls the function of its stage and prints the report.

A verb imports its stage when it runs, in its function, so that `curation --help` loads no more than Typer. The other
modules of `curation.cli` do the same for the same reason.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curation.cli.cache import cache
from curation.cli.deploy import deploy
from curation.cli.local import local, local_extra
from curation.cli.options import AllowShrinkOption, ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.refresh import refresh
from curation.cli.reviewers import reviewers
from curation.cli.running import errors_as_sentences, print_report, run, run_over_segments
from curation.cli.schedule import schedule
from curation.cli.serve import serve
from curation.cli.start import init, recipes
from curation.cli.usage import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable

    from curation.config import Config
    from curation.report import Report

HELP = """From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub.

`curation init` writes a config file to start from. The usual order is then check, generate, push, sync, publish; status
says which comes next.

Exit codes: 0 done, or nothing to do; 1 a fault in the config or the data, or a refusal; 2 wrong arguments; 3 a
temporary problem: run the command again later.
"""
EPILOG = """Keys and addresses come from the environment: HF_TOKEN, ARGILLA_API_URL and ARGILLA_API_KEY, and for servers
of your own HF_ENDPOINT and CURATION_INFERENCE_URL.
"""

app = typer.Typer(
    cls=Verbs,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help and plain errors of usage: importing rich for its frames would double the time of `curation --help`.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(local, name="local")
app.add_typer(cache, name="cache")
app.add_typer(deploy, name="deploy")
app.add_typer(reviewers, name="reviewers")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        Output(Format.human).data(f"curation {version('curation')}")
        raise typer.Exit


@app.callback()
def curation(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Read the options that come before the command."""


app.command()(recipes)
app.command()(init)


@app.command()
def check(
    config: ConfigFile,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask every model for one token, even if that costs a little.")
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Check the config, prompts, token, repos, models and Argilla. Nothing is changed."""
    from curation.stages.check import check as look

    run(config, format, debug, lambda loaded, out: look(loaded, ask=ask))


@app.command()
def generate(
    config: ConfigFile,
    preview: Annotated[
        int | None,
        typer.Option("--preview", min=1, metavar="N", help="Show the answers to the first N prompts; store nothing."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask me: go on whatever it costs and whatever settings changed.")
    ] = False,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Ask only prompts without answers: keep those of other settings.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use the cache: ask the models again.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Ask every generator to answer every prompt, and the judge to rate the answers."""
    from curation.cli.consent import cost_consent, settings_consent
    from curation.cli.preview import preview_panels
    from curation.cli.progress import progress_shown
    from curation.stages.generate import generate as ask_all
    from curation.stages.preview import preview as ask_first

    def first_prompts(loaded: Config, out: Output) -> Report:
        report = ask_first(
            loaded,
            prompts=preview or 0,
            watch=lambda meter: progress_shown(meter, out),
            tell=lambda line: out.event("expected", {"text": line}, lines=[line]),
            use_cache=not no_cache,
        )
        if format is Format.human:
            out.show(*preview_panels(report.sets))
        return report

    def all_prompts(loaded: Config, out: Output) -> Report:
        return ask_all(
            loaded,
            ask_again=False if only_missing else settings_consent(out, yes=yes),
            confirm=cost_consent(out, yes=yes),
            watch=lambda meter: progress_shown(meter, out),
            use_cache=not no_cache,
        )

    run(config, format, debug, first_prompts if preview else all_prompts)


@app.command()
def push(
    config: ConfigFile,
    update_settings: Annotated[
        bool,
        typer.Option("--update-settings", help="Also change guidelines and min_submitted of an existing dataset."),
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Put the answers of the models into Argilla, where people review them."""
    from curation.stages.push import push as push_records

    run(config, format, debug, lambda loaded, out: push_records(loaded, update_settings=update_settings))


@app.command()
def sync(
    config: ConfigFile,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="NAME", help="Remove all answers of this reviewer for good; repeatable."),
    ] = None,
    allow_shrink: AllowShrinkOption = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Copy what reviewers answered from Argilla into the store."""
    from curation.stages.sync import sync as sync_responses

    run(
        config,
        format,
        debug,
        lambda loaded, out: sync_responses(loaded, forget=forget or (), allow_shrink=allow_shrink),
    )


@app.command()
def restore(config: ConfigFile, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Put records and answers of the last sync back into an Argilla that lost them; this needs an owner's key."""
    from curation.cli.accounts import accounts_shown
    from curation.stages.restore import restore as rebuild

    def rebuild_all(loaded: Config, out: Output) -> Report:
        with accounts_shown(out) as tell:
            return rebuild(loaded, tell=tell)

    run(config, format, debug, rebuild_all)


@app.command()
def publish(
    config: ConfigFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show which rows would be new, removed or changed.")
    ] = False,
    allow_shrink: AllowShrinkOption = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TAG", help="Put the version with this tag back, such as publish-3.")
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Make datasets of what reviewers decided, and write them to the Hub with a card."""
    from curation.stages.dry_run import dry_run as try_publish
    from curation.stages.publish import publish as publish_rows
    from curation.stages.put_back import put_back

    def publish_all(loaded: Config, watch: Callable[[int, int], None]) -> Report:
        if dry_run:
            return try_publish(loaded, watch=watch)
        return publish_rows(loaded, watch=watch, allow_shrink=allow_shrink)

    if to is not None:
        run(config, format, debug, lambda loaded, out: put_back(loaded, to, dry_run=dry_run))
    else:
        run_over_segments(config, format, debug, publish_all)


app.command()(refresh)
app.command()(serve)
app.command()(schedule)


@app.command()
def export(
    config: ConfigFile,
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to write; by default exported/NAME.")] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(
            "--chat-template", metavar="TOKENIZER", help="Write strings, made with the chat template of this tokenizer."
        ),
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Write the datasets to a folder on this machine instead of the Hub."""
    from curation.stages.export import export as export_rows

    def export_all(loaded: Config, watch: Callable[[int, int], None]) -> Report:
        return export_rows(loaded, folder or Path("exported") / loaded.name, template=chat_template, watch=watch)

    run_over_segments(config, format, debug, export_all)


@app.command()
def status(
    config: ConfigFile,
    comments: Annotated[bool, typer.Option("--comments", help="Show what reviewers wrote about records.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Show how far the curation is, and which command comes next."""
    from curation.config import Services
    from curation.deploy.schedule import known_schedules
    from curation.stages.status import status as read_status

    def work(loaded: Config, out: Output) -> Report:
        schedules, unknown = known_schedules(loaded, Services.from_environment())
        report = read_status(loaded, comments=comments)
        return report.model_copy(update={"schedules": schedules, "schedules_unknown": unknown})

    run(config, format, debug, work)


@app.command()
def verify(config: ConfigFile, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Prove that nothing got lost or doubled between prompts, answers, records, responses and rows."""
    from curation.stages.verify import verify as prove

    run_over_segments(config, format, debug, lambda loaded, watch: prove(loaded, watch=watch))


@app.command()
def explain(
    config: ConfigFile,
    query: Annotated[
        str,
        typer.Argument(metavar="ID", help="The id of a prompt, answer, record or row, or a piece of their text."),
    ],
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Tell the whole life of one prompt: its answers, each response to it in order, the verdict and its rows."""
    from curation.stages.explain import explain as tell_life

    run_over_segments(config, format, debug, lambda loaded, watch: tell_life(loaded, query, watch=watch))


@app.command()
def lint(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A file, a folder, or owner/name on the Hub.")],
    config: Annotated[str | None, typer.Option("--config", help="Look at this config of the dataset only.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Look at this split only.")] = None,
    use: Annotated[
        Literal["alignment", "domain", "iteration"],
        typer.Option("--use", help="The purpose of refusal data: it needs 100, 50 or 20 prompts."),
    ] = "alignment",
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Count tokens with this tokenizer: a folder, or owner/name on the Hub."),
    ] = None,
    max_length: Annotated[
        int,
        typer.Option(
            "--max-length", min=1, help="With --tokenizer: the most tokens that the trainer accepts in a row."
        ),
    ] = 1024,
    safety: Annotated[
        bool | None,
        typer.Option(
            "--safety/--no-safety",
            help="Apply the checklist for refusal data to all rows or none; by default to rows with its categories.",
        ),
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Look for faults in any DPO or KTO dataset. The exit code is 1 if training would fail or go wrong."""
    from curation.stages.lint import lint as lint_dataset

    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        report = lint_dataset(
            dataset,
            config=config,
            split=split,
            use=use,
            safety=safety,
            tokenizer=tokenizer,
            max_length=max_length,
        )
        print_report(report, out, hint=None)


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep the servers' data here instead of in a temporary folder.")
    ] = None,
    exit: Annotated[
        bool, typer.Option("--exit", help="Stop the servers when done; on a terminal they run on for you to look at.")
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Run all steps on this machine, with a small model and simulated reviewers."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.local.demo import run_demo

        run_demo(folder, stay=not exit and out.attended, say=out.note)


def main() -> None:
    """Run the command line; this is the `curation` command."""
    # Prompts, answers, names and comments are for nobody else on this machine, whichever library writes them.
    os.umask(0o077)
    # Progress is ours to show; tqdm reads this when a library first imports it.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Completion in a shell goes by this name, however the program was started.
    app(prog_name="curation")

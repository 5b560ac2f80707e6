"""The verbs: arguments in, one stage called, its report out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curation.cli.output import Format, Output
from curation.cli.usage import Verbs
from curation.errors import ConfigError, CurationError, RefusedError, ServiceError

if TYPE_CHECKING:
    from curation.config import Config
    from curation.generation import Estimate
    from curation.report import Report
    from curation.runs.settings_change import SettingsChange

HELP = """From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub.

Exit codes: 0 done or nothing to do, 1 config, data or refusal, 2 usage, 3 temporary (try again later).
"""
EPILOG = "Services come from HF_ENDPOINT, HF_TOKEN, ARGILLA_API_URL, ARGILLA_API_KEY and CURATION_INFERENCE_URL."

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
local = typer.Typer(cls=Verbs, help="Run a Hub, Argilla and a model server on this machine.", no_args_is_help=True)
cache = typer.Typer(cls=Verbs, help="Show or shrink the cache of model replies on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")
app.add_typer(cache, name="cache")

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The TOML file of the curation.")]
FormatOption = Annotated[Format, typer.Option("--format", help="human, json or quiet.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
FolderOption = Annotated[Path, typer.Option("--folder", help="The folder with the servers' data, ports and logs.")]
FOLDER = Path(".curation")


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


@app.command()
def check(
    config: ConfigFile,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask every model for one token, even if that costs a little.")
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Check whether config, prompts, token, repos, models and Argilla are ready, and change nothing."""
    from curation.stages.check import check as look

    _run(config, format, debug, lambda loaded, out: look(loaded, ask=ask))


@app.command()
def generate(
    config: ConfigFile,
    preview: Annotated[
        int | None,
        typer.Option("--preview", min=1, metavar="N", help="Show the answers to the first N prompts; store nothing."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask no questions: go on whatever it costs and whatever changed.")
    ] = False,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Keep answers that were made with other settings.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not use the cache: ask the models again.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Ask every generator to answer every prompt, and the judge to rate the answers."""
    from curation.cli.preview import preview_panels
    from curation.cli.progress import shown
    from curation.stages import generate as asking
    from curation.stages.preview import preview as preview_prompts

    def first_prompts(loaded: Config, out: Output) -> Report:
        report = preview_prompts(
            loaded, prompts=preview or 0, watch=lambda meter: shown(meter, out), use_cache=not no_cache
        )
        if format is Format.human:
            out.show(*preview_panels(report.sets))
        return report

    def all_prompts(loaded: Config, out: Output) -> Report:
        def confirm(estimate: Estimate, above: bool) -> bool:
            out.event("estimate", estimate.model_dump(), lines=[f"Estimate: {estimate.line}"])
            if not above or yes or not out.can_ask:
                return not above or yes
            if not out.confirm("Go on?"):
                raise RefusedError("Nothing was asked and nothing is to be paid: you said no.")
            return True

        def ask_again(change: SettingsChange) -> bool:
            if not yes and not out.can_ask:
                return asking.refuse_to_ask_again(change)
            out.event("settings_changed", change.model_dump(), lines=[change.line])
            return yes or out.confirm("Ask them again? No keeps their answers and asks the others only.")

        return asking.generate(
            loaded,
            ask_again=ask_again if not only_missing else False,
            confirm=confirm,
            watch=lambda meter: shown(meter, out),
            use_cache=not no_cache,
        )

    _run(config, format, debug, first_prompts if preview else all_prompts)


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
    """Create the records in Argilla that people review."""
    from curation.stages.push import push as push_records

    _run(config, format, debug, lambda loaded, out: push_records(loaded, update_settings=update_settings))


@app.command()
def sync(
    config: ConfigFile,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="NAME", help="Remove all answers of this reviewer for good; repeatable."),
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Copy people's answers from Argilla into the store."""
    from curation.stages.sync import sync as sync_answers

    _run(config, format, debug, lambda loaded, out: sync_answers(loaded, forget=forget or ()))


@app.command()
def publish(
    config: ConfigFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show which rows would come, go or change.")
    ] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Make datasets of the answers, and write them to the Hub with a card."""
    from curation.cli.progress import segments_shown
    from curation.stages.dry_run import dry_run as try_publish
    from curation.stages.publish import publish as publish_rows

    def publish_all(loaded: Config, out: Output) -> Report:
        with segments_shown(out) as watch:
            return (try_publish if dry_run else publish_rows)(loaded, watch=watch)

    _run(config, format, debug, publish_all)


@app.command()
def export(
    config: ConfigFile,
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to write; by default exported/NAME.")] = None,
    chat_template: Annotated[
        str | None,
        typer.Option("--chat-template", metavar="TOKENIZER", help="Apply the chat template of this tokenizer."),
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Write the datasets to a folder on this machine, as conversations or as strings."""
    from curation.cli.progress import segments_shown
    from curation.stages.export import export as export_rows

    def export_all(loaded: Config, out: Output) -> Report:
        with segments_shown(out) as watch:
            return export_rows(loaded, folder or Path("exported") / loaded.name, template=chat_template, watch=watch)

    _run(config, format, debug, export_all)


@app.command()
def status(
    config: ConfigFile,
    comments: Annotated[bool, typer.Option("--comments", help="Show what reviewers wrote about records.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Show how far the curation is, and which command comes next."""
    from curation.stages.status import status as find_status

    _run(config, format, debug, lambda loaded, out: find_status(loaded, comments=comments))


@app.command()
def lint(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A file, a folder, or owner/name on the Hub.")],
    config: Annotated[str | None, typer.Option("--config", help="Only this config.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only this split.")] = None,
    use: Annotated[
        Literal["alignment", "domain", "iteration"],
        typer.Option("--use", help="The purpose of refusal data: it needs 100, 50 or 20 prompts."),
    ] = "alignment",
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Count tokens with this tokenizer: a folder, or owner/name on the Hub."),
    ] = None,
    max_length: Annotated[
        int, typer.Option("--max-length", min=1, help="The most tokens of prompt and answer that the trainer accepts.")
    ] = 1024,
    safety: Annotated[
        bool | None,
        typer.Option(
            "--safety/--no-safety", help="The checklist for refusal data; by default, if there are categories."
        ),
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Look for faults in any DPO or KTO dataset; exit code 1 if training would fail or go wrong."""
    from curation.stages.lint import lint as lint_dataset

    out = Output(format)
    with _sentences(out, debug=debug):
        report = lint_dataset(
            dataset,
            config=config,
            split=split,
            use=use,
            safety=safety,
            tokenizer=tokenizer,
            max_length=max_length,
        )
        _say(report, out, hint=None)


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep everything here instead of a temporary folder.")
    ] = None,
    exit: Annotated[bool, typer.Option("--exit", help="Stop when done, even on a terminal.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Run all steps on this machine, with a small model and simulated reviewers."""
    out = Output(format)
    with _sentences(out, debug=debug), _local_extra():
        from curation.local.demo import run_demo

        run_demo(folder, stay=not exit and out.attended, say=out.note)


@local.command()
def up(folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Start the servers, which run until `curation local down`."""
    out = Output(format)
    with _sentences(out, debug=debug), _local_extra():
        from curation.local import Stack

        stack = Stack(folder)
        stack.up(say=out.note)
        for line in stack.describe():
            out.note(line)
        out.note(f'Next: eval "$(curation local env --folder {folder})"')


@local.command()
def down(folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Stop the servers, and keep their data."""
    out = Output(format)
    with _sentences(out, debug=debug), _local_extra():
        from curation.local import Stack

        out.note("Stopped." if Stack(folder).down() else f"No stack runs in {folder}.")


@local.command("status")
def local_status(
    folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False
) -> None:
    """Show which servers run, their addresses, and how to log in; exit code 1 if one does not run."""
    out = Output(format)
    with _sentences(out, debug=debug), _local_extra():
        from curation.local import Stack

        stack = Stack(folder)
        servers = stack.status()
        out.facts(stack.status_json(), stack.describe(), whole=True)
        if not all(server.healthy for server in servers):
            raise typer.Exit(1)


@local.command()
def env(folder: FolderOption = FOLDER, debug: DebugOption = False) -> None:
    """Print the environment variables for these servers as `export` lines, for eval in a shell."""
    out = Output(Format.human)
    with _sentences(out, debug=debug), _local_extra():
        from curation.local import Stack

        for line in Stack(folder).export_lines():
            out.data(line)


@cache.command("info")
def cache_info(format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Show how many replies are in the cache, of which models, and where it is."""
    from curation.generation.cache import RequestCache, cache_file
    from curation.wording import counted, size

    out = Output(format)
    with _sentences(out, debug=debug), RequestCache(cache_file()) as opened:
        info = opened.info()
        models = (f"  {model}: {counted(replies, 'reply', 'replies')}" for model, replies in info.models.items())
        first = f"{counted(info.replies, 'reply', 'replies')}, {size(info.bytes)} in {info.path}"
        out.facts(json.dumps(asdict(info)), [first, *models], whole=True)


@cache.command("prune")
def cache_prune(
    days: Annotated[float, typer.Option("--days", min=0, help="Delete replies older than this.")],
    debug: DebugOption = False,
) -> None:
    """Delete old replies, which are paid for again if they are needed again."""
    from curation.generation.cache import RequestCache, cache_file
    from curation.wording import counted

    out = Output(Format.human)
    with _sentences(out, debug=debug), RequestCache(cache_file()) as opened:
        out.data(f"{counted(opened.prune(older_than_days=days), 'reply', 'replies')} deleted.")


def main() -> None:
    """Run the command line; this is the `curation` command."""
    # Prompts, answers, names and comments are for nobody else on this machine, whichever library writes them.
    os.umask(0o077)
    # Progress is ours to show; tqdm reads this when a library first imports it.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # However it was started: completion in a shell is by this name.
    app(prog_name="curation")


def _run(path: Path, format: Format, debug: bool, stage: Callable[[Config, Output], Report]) -> None:
    out = Output(format)
    with _sentences(out, debug=debug):
        from curation.config import load_config

        report = stage(load_config(path), out)
        _say(report, out, hint=f"curation {report.next_verb} {path}" if report.next_verb else None)


def _say(report: Report, out: Output, *, hint: str | None) -> None:
    out.report(report, hint=hint)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


@contextmanager
def _local_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The local stack needs the package {error.name}, which is not installed.",
            remedy="Install curation with its extra: pip install 'curation[local]'",
        ) from error


class _sentences:
    """Turn errors into sentences and exit codes. The traceback is shown only with `debug`."""

    def __init__(self, out: Output, *, debug: bool) -> None:
        self.out = out
        self.debug = debug
        self._told = ExitStack()

    def __enter__(self) -> None:
        from curation.patience import telling

        self._told.enter_context(telling(self.out.note))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._told.close()
        if error is None or isinstance(error, typer.Exit):
            return
        if self.debug:
            self.out.trace(error)
        if isinstance(error, KeyboardInterrupt | typer.Abort):
            self.out.note("Interrupted. The same command goes on from where this one stopped.")
            raise typer.Exit(130) from None
        if not isinstance(error, CurationError):
            # Not one of ours: a defect. Say so in one line; the locals of a traceback may hold keys.
            error = ServiceError(f"Unexpected {type(error).__name__}: {error}", remedy="Add --debug to see where.")
        if not self.debug:
            self.out.error(error)
        raise typer.Exit(error.exit_code) from None

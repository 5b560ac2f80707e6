"""What the user agrees to before models are asked: that answered prompts are asked again, and what the run may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.config import Config
from curation.errors import RefusedError
from curation.generation import (
    Estimate,
    PromptSpool,
    estimate,
    settings_of,
    spooled,
)
from curation.runs.prompt_reader import PromptReader
from curation.runs.settings_change import SettingsChange, differences
from curation.store import Snapshot
from curation.wording import dollars

Confirm = Callable[[Estimate, bool], bool]
"""Called with the estimate, and with whether it is above `generate.confirm_above` or unknown. False ends the run."""

AskAgain = Callable[[SettingsChange], bool]
"""Called with the settings that changed. True asks the answered prompts again, False keeps their answers."""


def refuse_to_ask_again(change: SettingsChange) -> bool:
    """Raise RefusedError: nobody said what happens to answers that were made with other settings."""
    raise RefusedError(
        change.refusal,
        remedy="Add --yes to ask them again, or --only-missing to keep their answers "
        "(in Python: ask_again=True, or False).",
    )


def confirm_cost(config: Config, expected: Estimate, confirm: Confirm) -> None:
    """Raise RefusedError if `confirm` does not accept what the run may cost. It is not called if nothing is asked."""
    if not expected.rows:
        return
    limit = config.generate.confirm_above
    above = limit is not None and (expected.cost is None or expected.cost > limit)
    if not confirm(expected, above):
        raise RefusedError(
            f"Nothing was asked: {expected.line} generate.confirm_above is {dollars(limit)}.",
            remedy="Add --yes, or raise confirm_above.",
        )


def already_confirmed(expected: Estimate, above: bool) -> bool:
    """Return true: the cost of the answers was confirmed together with that of the questions or variations."""
    return True


def whether_to_ask_again(
    reader: PromptReader, config: Config, snapshot: Snapshot | None, ask_again: AskAgain | bool, *, cache: Path | None
) -> AskAgain | bool:
    """Return whether prompts with answers of other settings are asked again; `ask_again` itself if there are none.

    Call it before a model writes prompts, because it may raise RefusedError.
    """
    if isinstance(ask_again, bool):
        return ask_again
    with spooled(reader.prompts()) as spool:
        change = _settings_change(reader, config, snapshot, spool, cache=cache)
        return ask_again if change is None else ask_again(change)


@contextmanager
def prompts_to_ask(
    reader: PromptReader, config: Config, snapshot: Snapshot | None, ask_again: AskAgain | bool, *, cache: Path | None
) -> Iterator[PromptSpool]:
    """Yield the prompts to ask, on disk. Those with answers of other settings are among them if `ask_again` says so."""
    if ask_again is False:
        reader.keep_answers()
    with spooled(reader.prompts()) as spool:
        change = None if isinstance(ask_again, bool) else _settings_change(reader, config, snapshot, spool, cache=cache)
        if change is None or isinstance(ask_again, bool) or ask_again(change):
            yield spool
            return
        reader.already += change.prompts
        with spooled(prompt for prompt in spool.read() if prompt.id not in reader.answered_before) as unanswered:
            yield unanswered


def _settings_change(
    reader: PromptReader, config: Config, snapshot: Snapshot | None, spool: PromptSpool, *, cache: Path | None
) -> SettingsChange | None:
    """Return what changed for the prompts of the spool that have answers; None if there are none."""
    before = reader.answered_before
    with spooled(prompt for prompt in (spool.read() if before else ()) if prompt.id in before) as answered:
        if snapshot is None or not answered.prompts:
            return None
        newest = [before[prompt.id] for prompt in answered.read()][-1]
        known = snapshot.manifest.settings.get(newest)
        return SettingsChange(
            differences=differences(known, settings_of(config.models)) if known is not None else (),
            prompts=answered.prompts,
            estimate=estimate(answered, config.models, cache=cache),
        )

"""Finds prompts whose answers were made with other settings, and describes what changed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from pydantic import JsonValue, computed_field

from curation.config import Config
from curation.generation import Estimate, settings_id, settings_of
from curation.store import Settings, Snapshot
from curation.types import Row
from curation.wording import counted, dollars

KINDS = {"generate": "generator", "evolve": "evolver", "judge": "judge"}
LONGEST_VALUE = 40


class SettingsChange(Row):
    """The prompts that have answers made with other settings than those of the config.

    `differences` says what changed, such as "cool: max_new_tokens 512 -> 96"; it is empty if the store does not know
    the earlier settings. `estimate` is what asking these prompts again will use.
    """

    differences: tuple[str, ...]
    prompts: int
    estimate: Estimate

    @computed_field  # type: ignore[prop-decorator]
    @property
    def line(self) -> str:
        """The change as a sentence, with its cost."""
        return self._sentence("is" if self.prompts == 1 else "are")

    @property
    def refusal(self) -> str:
        """The sentence for a run that may not ask the user, and so refuses."""
        return f"Nothing was asked. {self._sentence('would be')}"

    def _sentence(self, verb: str) -> str:
        differences = f" ({'; '.join(self.differences)})" if self.differences else ""
        prompts = f"{counted(self.prompts, 'prompt')} that {'has' if self.prompts == 1 else 'have'} answers"
        at_most = "" if self.estimate.measured else "at most "
        return (
            f"Settings changed{differences}: {prompts} {verb} asked again, with {at_most}"
            f"{counted(self.estimate.requests, 'request')} and {self.estimate.tokens:,} tokens, "
            f"{dollars(self.estimate.cost)}."
        )


def answered_before(snapshot: Snapshot | None, settings: str) -> dict[str, str]:
    """Return the prompts with a complete set, but none made with `settings`: the earlier settings by prompt id."""
    if snapshot is None:
        return {}
    states = snapshot.current_states(settings)
    return {
        prompt_id: earlier
        for prompt_id, earlier, came_through in states.select("prompt_id", "settings", "came_through").iter_rows()
        if came_through and earlier != settings
    }


def settings_line(config: Config, snapshot: Snapshot) -> str | None:
    """Return a sentence about the prompts that have answers of other settings than the config's; None without any."""
    before = answered_before(snapshot, settings_id(config.models))
    if not before:
        return None
    known = snapshot.manifest.settings.get([*before.values()][-1])
    changes = "; ".join(differences(known, settings_of(config.models))) if known is not None else ""
    return (
        f"Settings changed{f' ({changes})' if changes else ''}: {counted(len(before), 'prompt')} "
        f"with answers of earlier settings. `generate` asks {'it' if len(before) == 1 else 'them'} again."
    )


def differences(before: Settings, now: Settings) -> tuple[str, ...]:
    """Return the differences of two settings, a phrase for each changed option, addition and removal.

    The same change of several models is one phrase: "cool, warm: max_new_tokens 512 -> 96".
    """
    changed: defaultdict[str, list[str]] = defaultdict(list)
    for stage in now:
        for change in _options(before[stage], now[stage]) if stage in before else ():
            changed[change].append(_name(stage))
    phrases = [f"{', '.join(names)}: {change}" for change, names in changed.items()]
    phrases += [f"{_noun(stage)} {_name(stage)} removed" for stage in before if stage not in now]
    phrases += [f"{_noun(stage)} {_name(stage)} added" for stage in now if stage not in before]
    if not phrases and list(before) != list(now):
        phrases.append("the order of the models")
    return tuple(phrases)


def _options(before: dict[str, JsonValue], now: dict[str, JsonValue]) -> Iterator[str]:
    for option in [*now, *(option for option in before if option not in now)]:
        if before.get(option) != now.get(option):
            yield f"{option} {_value_text(before.get(option))} -> {_value_text(now.get(option))}"


def _value_text(value: JsonValue) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _noun(stage: str) -> str:
    return KINDS[stage.partition(" ")[0]]


def _name(stage: str) -> str:
    return stage.partition(" ")[2]

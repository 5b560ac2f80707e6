"""The `[quality]` section, and the checks that it switches on: on prompts, on answers, on pairs.

A check is a pure predicate with a name; the name is the reason that users read in reports and in `raw`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from curation.hub import DEFAULT_ENDPOINT
from curation.quality.answers import has_ai_tell, is_empty, is_refusal, is_truncated, leaked_names
from curation.quality.contamination import NGRAM, Benchmarks
from curation.quality.duplicates import NearDuplicates
from curation.quality.language import LANGUAGES, detect_language
from curation.quality.pairs import is_identical, length_ratio
from curation.quality.pii import find_pii
from curation.quality.tokens import TokenCounter
from curation.section import Section
from curation.types import Message


class Quality(Section):
    """`[quality]`: which checks drop something, and their bounds.

    Out of the box only what is certainly wrong is dropped: empty answers, and pairs of identical ones. All else is off,
    because on some data each of these is right: a refusal where one is wanted, a name in a letter, a short answer.
    """

    near_duplicates: Annotated[float, Field(ge=0.5, le=1)] | None = None
    """Drop a prompt that is so similar to an earlier one: 0.5 to 1."""
    benchmarks: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Drop a prompt that is in one of these: files, folders, or `owner/name[:config[:split]][@revision]`."""
    ngram: Annotated[StrictInt, Field(ge=5, le=50)] = NGRAM
    """How many words in a row, 5 to 50, a prompt shares with a benchmark that it is in."""
    languages: tuple[str, ...] = ()
    """Keep prompts in these only, such as "en"; without any, all are kept."""
    pii: StrictBool = False
    """`true`: drop personal data, in prompts and answers."""
    refusals: StrictBool = False
    """`true`: drop answers that refuse."""
    ai_tells: StrictBool = False
    """`true`: drop answers that say that an AI wrote them."""
    truncated: StrictBool = False
    """`true`: drop answers that were cut off."""
    max_length_ratio: Annotated[float, Field(ge=1)] | None = None
    """Drop a pair with one answer more than so many times as long as the other: 1 or more."""
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    """Drop a prompt, or one with its answer, of more tokens. Needs `tokenizer`."""
    tokenizer: Annotated[str, Field(min_length=1)] | None = None
    """Whose tokens: a folder, or `owner/name[@revision]`. Needs `max_tokens`."""

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(languages) - LANGUAGES)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no language code that the detector knows; English is 'en'")
        return languages

    @model_validator(mode="after")
    def _tokens_are_of_a_tokenizer(self) -> Quality:
        if (self.max_tokens is None) != (self.tokenizer is None):
            there, missing = ("max_tokens", "tokenizer") if self.tokenizer is None else ("tokenizer", "max_tokens")
            raise ValueError(f"{there} needs {missing}: tokens are those of the model that will be trained")
        return self

    def lines(self) -> tuple[str, ...]:
        """Return every check with its state in words, one a line."""
        tokens = (
            f"more than {self.max_tokens} tokens of {_shown(self.tokenizer)}"
            if self.max_tokens is not None and self.tokenizer is not None
            else None
        )
        ratio = (
            f"one answer over {self.max_length_ratio:g} times as long" if self.max_length_ratio is not None else None
        )
        benchmarks = (
            f"{self.ngram} words in a row of {', '.join(map(_shown, self.benchmarks))}" if self.benchmarks else None
        )
        states = {
            "prompts: near_duplicate": f"similarity {self.near_duplicates:g} or more" if self.near_duplicates else None,
            "prompts: contaminated": benchmarks,
            "prompts: language": f"not {', '.join(self.languages)}" if self.languages else None,
            "prompts and answers: pii": "e-mail, phone, card and like numbers" if self.pii else None,
            "prompts and answers: too_long": tokens,
            "answers: empty": "nothing to read",
            "answers: refusal": "says that it will not or cannot" if self.refusals else None,
            "answers: ai_tell": "says that an AI wrote it" if self.ai_tells else None,
            "answers: model_name": "introduces itself by a model's name" if self.ai_tells else None,
            "answers: truncated": "cut off" if self.truncated else None,
            "pairs: identical": "the same text twice",
            "pairs: length_ratio": ratio,
        }
        return tuple(f"{name}: {'off' if state is None else f'dropped if {state}'}" for name, state in states.items())

    def summary(self) -> str:
        """Return which checks are on and which are off, in one sentence."""
        names = [(line.split(": ")[1], line.endswith(": off")) for line in self.lines()]
        on, off = ([name for name, is_off in names if is_off is wanted] for wanted in (False, True))
        return f"Checks: {', '.join(on)}" + (f"; off: {', '.join(off)}." if off else ".")

    def prompt_checks(self, *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None) -> PromptChecks:
        """Return fresh checks of prompts; benchmarks and the tokenizer are read here, from the Hub at `endpoint`.

        Raises what `Benchmarks.load` and `TokenCounter` raise.
        """
        return PromptChecks(
            checks=_prompt_checks(self, endpoint=endpoint, token=token),
            duplicates=None if self.near_duplicates is None else NearDuplicates(self.near_duplicates),
        )


Conversation = Callable[[], Sequence[Message]]
"""Gives the messages of a prompt: few checks of its answers need them."""


@dataclass(frozen=True, slots=True)
class Check:
    """A predicate with its name, which is the reason of what it drops.

    True is at fault. What the predicate is asked depends on its group: `PromptChecks`, `answer_checks`, `pair_checks`.
    """

    name: str
    predicate: Callable[..., bool]


@dataclass(frozen=True, slots=True)
class PromptChecks:
    """The checks of prompts, in order. They remember the prompts that passed: ask about each once, in a fixed order.

    Near-duplicates are looked for last, so that a prompt which is dropped for another reason shadows no later one.
    """

    checks: tuple[Check, ...]
    duplicates: NearDuplicates | None

    def reason(self, messages: Sequence[Message]) -> str | None:
        """Return the name of the first check that this conversation fails, None if it passes all of them."""
        failed = next((check.name for check in self.checks if check.predicate(messages)), None)
        if failed is None and self.duplicates is not None and self.duplicates.seen(spoken(messages)):
            return "near_duplicate"
        return failed


def _shown(source: str) -> str:
    """A benchmark or a tokenizer as others may read of it: of a file or folder only its name."""
    return Path(source).name if Path(source).exists() else source


def spoken(messages: Sequence[Message]) -> str:
    """Return what a conversation is compared by: its texts without the system's, which many prompts share."""
    return "\n".join(message.content for message in messages if message.role != "system")


def answer_checks(options: Quality, *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None) -> tuple[Check, ...]:
    """Return the checks of answers; a predicate is asked (prompt, answer, finish_reason)."""
    checks = [Check("empty", _empty)]
    if options.refusals:
        checks.append(Check("refusal", _refusal))
    if options.ai_tells:
        checks.append(Check("ai_tell", _ai_tell))
        checks.append(Check("model_name", _model_name))
    if options.truncated:
        checks.append(Check("truncated", _truncated))
    if options.pii:
        checks.append(Check("pii", _answer_pii))
    if options.max_tokens is not None and options.tokenizer is not None:
        counter = TokenCounter(options.tokenizer, endpoint=endpoint, token=token)
        too_long = partial(_answer_too_long, counter, options.max_tokens)
        checks.append(Check("too_long", too_long))
    return tuple(checks)


def pair_checks(options: Quality) -> tuple[Check, ...]:
    """Return the checks of pairs; a predicate is asked (chosen, rejected)."""
    identical = Check("identical", is_identical)
    if options.max_length_ratio is None:
        return (identical,)
    ratio = partial(_length_ratio_above, options.max_length_ratio)
    return (identical, Check("length_ratio", ratio))


def answer_fault(
    checks: Sequence[Check], prompt: Conversation, *, answer: str, finish_reason: str | None = None
) -> str | None:
    """Return the name of the first of `answer_checks` that an answer fails, None if it passes all."""
    for check in checks:
        if check.predicate(prompt, answer, finish_reason):
            return check.name
    return None


def pair_fault(checks: Sequence[Check], chosen: str, *, rejected: str) -> str | None:
    """Return the name of the first of `pair_checks` that a pair fails, None if it passes all."""
    for check in checks:
        if check.predicate(chosen, rejected):
            return check.name
    return None


def _prompt_checks(options: Quality, *, endpoint: str, token: str | None) -> tuple[Check, ...]:
    checks = []
    if options.languages:
        other = partial(_other_language, frozenset(options.languages))
        checks.append(Check("language", other))
    if options.pii:
        checks.append(Check("pii", _prompt_pii))
    if options.benchmarks:
        benchmarks = Benchmarks.load(options.benchmarks, ngram=options.ngram, endpoint=endpoint, token=token)
        checks.append(Check("contaminated", partial(_contaminated, benchmarks)))
    if options.max_tokens is not None and options.tokenizer is not None:
        counter = TokenCounter(options.tokenizer, endpoint=endpoint, token=token)
        too_long = partial(_prompt_too_long, counter, options.max_tokens)
        checks.append(Check("too_long", too_long))
    return tuple(checks)


# Named functions and partials of them, so that checks can be sent to another process.


def _other_language(languages: frozenset[str], messages: Sequence[Message]) -> bool:
    asked = next((message.content for message in reversed(messages) if message.role == "user"), "")
    found = detect_language(asked)
    return found is not None and found not in languages


def _prompt_pii(messages: Sequence[Message]) -> bool:
    return any(find_pii(message.content) for message in messages)


def _contaminated(benchmarks: Benchmarks, messages: Sequence[Message]) -> bool:
    return any(benchmarks.overlap(message.content) is not None for message in messages if message.role != "system")


def _prompt_too_long(counter: TokenCounter, limit: int, messages: Sequence[Message]) -> bool:
    # TRL drops a prompt that leaves no room for an answer.
    return counter.count(messages) >= limit


def _empty(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return is_empty(answer)


def _refusal(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return is_refusal(answer)


def _ai_tell(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return has_ai_tell(answer)


def _model_name(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return bool(leaked_names(answer))


def _truncated(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return is_truncated(answer, finish_reason)


def _answer_pii(prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return bool(find_pii(answer))


def _answer_too_long(
    counter: TokenCounter, limit: int, prompt: Conversation, answer: str, finish_reason: str | None
) -> bool:
    return counter.count((*prompt(), Message(role="assistant", content=answer))) > limit


def _length_ratio_above(bound: float, chosen: str, rejected: str) -> bool:
    return length_ratio(chosen, rejected) > bound

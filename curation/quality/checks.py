"""The checks that `[quality]` switches on: on prompts, on answers, on pairs.

A check is a pure predicate with a name; the name is the reason that users read in reports and in `raw`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from curation.columns import normalised
from curation.frames import pl
from curation.hub import DEFAULT_ENDPOINT
from curation.quality.answers import has_ai_tell, is_empty, is_refusal, is_truncated, leaked_names
from curation.quality.contamination import Benchmarks
from curation.quality.duplicates import NearDuplicates
from curation.quality.filters import Filter
from curation.quality.language import detect_language
from curation.quality.options import Quality
from curation.quality.pairs import length_ratio
from curation.quality.pii import find_pii
from curation.quality.presets import PRESET_NGRAM
from curation.quality.tokens import TokenCounter
from curation.types import Message

Conversation = Callable[[], Sequence[Message]]
"""Returns the messages of a prompt. It is called only by the few checks of answers that need them."""


@dataclass(frozen=True, slots=True)
class Check:
    """A predicate that returns True for a fault, and its name, which is the reason for the drop.

    The arguments of the predicate depend on its group: see `PromptChecks` and `answer_checks`. A check of answers may
    have `suspects`, which is true for every row whose `text` may have the fault. The predicate is only called for these
    rows.
    """

    name: str
    predicate: Callable[..., bool]
    suspects: pl.Expr = field(default_factory=lambda: pl.lit(value=True))


@dataclass(frozen=True, slots=True)
class PromptChecks:
    """The checks of prompts, in order. They remember the prompts that passed, so ask about each prompt only once.

    Near-duplicates are looked for last, so that a later prompt is not dropped because it is like a prompt that was
    dropped itself.
    """

    checks: tuple[Check, ...]
    duplicates: NearDuplicates | None

    def reason(self, messages: Sequence[Message]) -> str | None:
        """Return the name of the first check that this conversation fails, None if it passes all of them."""
        failed = next((check.name for check in self.checks if check.predicate(messages)), None)
        if failed is None and self.duplicates is not None and self.duplicates.repeats(spoken(messages)):
            return "near_duplicate"
        return failed


def spoken(messages: Sequence[Message]) -> str:
    """Return the text by which a conversation is compared: without system messages, which many prompts share."""
    return "\n".join(message.content for message in messages if message.role != "system")


def prompt_checks(
    options: Quality, filters: Sequence[Filter] = (), *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None
) -> PromptChecks:
    """Return fresh checks of prompts; benchmarks and the tokenizer are read here, from the Hub at `endpoint`.

    Raises what `Benchmarks.load` and `TokenCounter` raise.
    """
    rules = tuple(Check(rule.reason, partial(_prompt_breaks, rule)) for rule in filters if rule.on == "prompts")
    return PromptChecks(
        checks=_prompt_checks(options, endpoint=endpoint, token=token) + rules,
        duplicates=None if options.near_duplicates is None else NearDuplicates(options.near_duplicates),
    )


def answer_checks(
    options: Quality, filters: Sequence[Filter] = (), *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None
) -> tuple[Check, ...]:
    """Return the checks of answers; a predicate is asked (prompt, answer, finish_reason)."""
    checks = [Check("empty", _empty, suspects=~pl.col("text").str.contains("[!-~]"))]
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
    checks += [Check(rule.reason, partial(_answer_breaks, rule)) for rule in filters if rule.on == "answers"]
    return tuple(checks)


def answer_fault(
    checks: Sequence[Check], prompt: Conversation, *, answer: str, finish_reason: str | None = None
) -> str | None:
    """Return the name of the first of `answer_checks` that an answer fails, None if it passes all."""
    for check in checks:
        if check.predicate(prompt, answer, finish_reason):
            return check.name
    return None


def pair_faults(options: Quality, chosen: pl.Series, rejected: pl.Series) -> pl.Series:
    """Return for each pair of texts the name of the first check that it fails, null if it passes all."""
    bound = options.max_length_ratio
    ratios = [] if bound is None else map(length_ratio, chosen, rejected)
    checked = pl.DataFrame({"identical": normalised(chosen) == normalised(rejected)}).with_columns(
        too_long=pl.lit(value=False) if bound is None else pl.Series([*ratios], dtype=pl.Float64) > bound
    )
    fault = pl.when("identical").then(pl.lit("identical")).when("too_long").then(pl.lit("length_ratio"))
    return checked.select(fault.alias("fault")).to_series()


def _prompt_checks(options: Quality, *, endpoint: str, token: str | None) -> tuple[Check, ...]:
    checks = []
    if options.languages:
        wrong_language = partial(_other_language, frozenset(options.languages))
        checks.append(Check("language", wrong_language))
    if options.pii:
        checks.append(Check("pii", _prompt_pii))
    for sources, ngram in ((options.own_benchmarks, options.ngram), (options.presets, PRESET_NGRAM)):
        if sources:
            benchmarks = Benchmarks.load(sources, ngram=ngram, endpoint=endpoint, token=token)
            checks.append(Check("contaminated", partial(_contaminated, benchmarks)))
    if options.max_tokens is not None and options.tokenizer is not None:
        counter = TokenCounter(options.tokenizer, endpoint=endpoint, token=token)
        too_long = partial(_prompt_too_long, counter, options.max_tokens)
        checks.append(Check("too_long", too_long))
    return tuple(checks)


# Checks are named functions, or partials of them, because they are sent to other processes.


def _other_language(languages: frozenset[str], messages: Sequence[Message]) -> bool:
    language = detect_language(_question(messages))
    return language is not None and language not in languages


def _question(messages: Sequence[Message]) -> str:
    """The last message of the user."""
    return next((message.content for message in reversed(messages) if message.role == "user"), "")


def _prompt_breaks(rule: Filter, messages: Sequence[Message]) -> bool:
    return not rule.keeps(_question(messages))


def _answer_breaks(rule: Filter, prompt: Conversation, answer: str, finish_reason: str | None) -> bool:
    return not rule.keeps(answer)


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

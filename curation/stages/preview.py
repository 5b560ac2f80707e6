"""preview: asks the models about the first prompts, and estimates what all prompts would use. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import islice

from curation.config import Config, Services
from curation.generation import (
    Estimate,
    Meter,
    cache_file,
    estimate,
    generate_candidate_sets,
    spooled,
    stage_meters,
)
from curation.report import Report
from curation.runs.asking import NOTHING_ASKED, Watch
from curation.runs.prompt_reader import PromptReader
from curation.runs.questions import QuestionReport
from curation.runs.variations import VariationReport
from curation.runs.written_prompts import opened_written_prompts
from curation.types import CandidateSet, Row
from curation.wording import counted, dollars, duration

CUT = "length"
"""The finish reason of an answer that was cut off at `max_new_tokens`."""


class Extrapolation(Row):
    """What all prompts would use if they were like those of the preview.

    `cost` is in US dollars, null if it is unknown. `seconds` is the time if as many requests run at once as the config
    allows, `seconds_at_most` the time at the pace of the preview, in which fewer ran at once.
    """

    prompts: int
    requests: int
    tokens: int
    cost: float | None
    seconds: float
    seconds_at_most: float


class PreviewReport(Report):
    """The candidate sets of the first prompts. Nothing of it is in the store.

    - `tokens` and `cost` are what the preview paid. `kept` is whether the replies are in the request cache.
    - `cut` of the `answers` were cut off at `max_new_tokens`.
    - `whole` is what all prompts would use, null if there are no more prompts than these.
    - If models write prompts, `questions` (about documents) or `variations` say what became of them, and `rest` is what
      asking for all of them and for all answers would use.
    """

    source: str
    sets: tuple[CandidateSet, ...]
    kept: bool
    tokens: int
    cost: float | None
    answers: int
    cut: int
    whole: Extrapolation | None
    questions: QuestionReport | None = None
    variations: VariationReport | None = None
    rest: Estimate | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What the preview paid, and what all prompts would use. The command line shows the sets above it."""
        lines = [
            f"{counted(len(self.sets), 'prompt')} of {self.source}: {self.tokens:,} tokens, {dollars(self.cost)}. "
            "Nothing was written to the store"
            + ("; the replies are in the request cache, so they are not paid for again." if self.kept else ".")
        ]
        if self.cut:
            lines.append(
                f"{self.cut:,} of {counted(self.answers, 'answer')} cut off at max_new_tokens: raise it, or ask for "
                "shorter answers in system_prompt."
            )
        if self.whole is not None:
            whole = self.whole
            times = dict.fromkeys(map(duration, (whole.seconds, max(whole.seconds, whole.seconds_at_most))))
            lines.append(
                f"At this rate all {whole.prompts:,} prompts need {counted(whole.requests, 'request')} and "
                f"{whole.tokens:,} tokens, {dollars(whole.cost)}, {' to '.join(times)}."
            )
        written = self.questions or self.variations
        if written is not None and self.rest is not None:
            lines += [*written.lines, f"All together: {self.rest.line}"]
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """`generate`, for all prompts."""
        return "generate"


def preview(
    config: Config,
    *,
    prompts: int = 5,
    services: Services | None = None,
    watch: Watch = lambda meter: nullcontext(),
    tell: Callable[[str], None] = lambda line: None,
    use_cache: bool = True,
) -> PreviewReport:
    """Ask every model about the first prompts, and return their answers. Nothing is written to the store.

    The replies are kept in the request cache, so `generate` does not pay for them again. All prompts are read, to
    estimate what all would use. Questions or variations are only asked for the first; before that, `tell` is given a
    sentence with the number of rows or prompts that all would give.
    """
    services = services or Services.from_environment()
    meter = Meter(min_candidates=config.review.min_candidates)
    source = config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)
    cache = cache_file() if use_cache else None
    with opened_written_prompts(config, services, source, None) as written:
        # What the checks need is fetched here, so that nothing is paid for if it cannot be had.
        reader = PromptReader(config, services, source, None, written)
        if written is not None:
            tell(written.report().expected_line)
            written.ask(None, watch=watch, cache=cache, most=prompts)
        with spooled(reader.prompts()) as every, spooled(islice(every.read(), prompts)) as spool:
            order = [prompt.id for prompt in spool.read()]
            meter.start(stage_meters(config.models), prompts=spool.prompts)
            with watch(meter):
                sets = list(generate_candidate_sets(config.name, spool, models=config.models, cache=cache, meter=meter))
            seconds = estimate(every, config.models, cache=cache).seconds
        asked = written.report() if written is not None else None
        rest = written.estimate(cache=cache) if written is not None else None
    progress = meter.progress()
    paid = asked or NOTHING_ASKED
    answers = [candidate for candidate_set in sets for candidate in candidate_set.candidates]
    return PreviewReport(
        source=source,
        kept=use_cache,
        sets=tuple(sorted(sets, key=lambda candidate_set: order.index(candidate_set.prompt.id))),
        tokens=paid.tokens + progress.tokens,
        cost=None if paid.cost is None or progress.cost is None else paid.cost + progress.cost,
        answers=len(answers),
        cut=sum(candidate.finish_reason == CUT for candidate in answers),
        whole=extrapolation(sets, prompts=every.prompts, seconds=seconds, taken=progress.seconds)
        if every.prompts > len(sets) and rest is None
        else None,
        questions=asked if isinstance(asked, QuestionReport) else None,
        variations=asked if isinstance(asked, VariationReport) else None,
        rest=rest,
    )


def extrapolation(sets: Sequence[CandidateSet], *, prompts: int, seconds: float, taken: float) -> Extrapolation | None:
    """Return what `prompts` prompts would use if they are like those of the sets. None if there are no sets.

    `seconds` is the time at the limits of the config, `taken` the time that the sets took. Every request of the sets
    counts, also if its reply came from the cache.
    """
    if not sets:
        return None
    times = prompts / len(sets)
    usage = [usage for candidate_set in sets for usage in candidate_set.usage]
    costs = [request.cost for request in usage]
    return Extrapolation(
        prompts=prompts,
        requests=round(times * len(usage)),
        tokens=round(times * sum((request.input_tokens or 0) + (request.output_tokens or 0) for request in usage)),
        cost=None if None in costs else times * sum(cost for cost in costs if cost is not None),
        seconds=seconds,
        seconds_at_most=times * taken,
    )

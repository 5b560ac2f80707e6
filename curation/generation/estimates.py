"""Estimates what a run will use, from the lengths of the prompts and from earlier replies of the same models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import computed_field

from curation.generation.judge_options import MORE_ROOM, Judge
from curation.generation.options import Asked, Evolver, Generator, Models
from curation.types import Row
from curation.wording import counted, dollars, duration

BYTES_PER_TOKEN = 4
"""A rule of thumb for English prose in UTF-8 and the tokenizers of today's models."""

TEMPLATE_TOKENS = {"evolve": 250, "judge": 450}
"""The tokens of the templates of EvolQuality and UltraFeedback, measured on distilabel's templates."""

TOKENS_PER_SECOND = 50.0
"""The assumed speed of one request if nothing was measured yet."""

TEMPLATE_BYTES = {"evolve": 1300, "judge": 2700}
CHAT_TOKENS = 64
COMPLAINT_TOKENS = 500
OTHER_TOKENIZER = 2


@dataclass(frozen=True, slots=True)
class Experience:
    """The mean output tokens and seconds of a model's replies so far, None if there are none."""

    output_tokens: float | None
    seconds: float | None

    @property
    def known(self) -> bool:
        """Whether there are earlier replies."""
        return self.output_tokens is not None or self.seconds is not None


class StageEstimate(Row):
    """What one stage will use. `cost` is in US dollars, None without prices.

    `requests` are sent, and `cached` more are answered from the request cache for free. `waiting` ones were sent in a
    batch before. One request has `each` tokens
    (input and output) and costs `each_cost`. `measured` is whether the tokens of its replies are estimated from earlier
    replies; otherwise they are the most that the model may write.
    """

    stage: str
    requests: int
    cached: int = 0
    waiting: int = 0
    input_tokens: int
    output_tokens: int
    cost: float | None
    each: int
    each_cost: float | None
    seconds: float
    measured: bool


class Estimate(Row):
    """What a run will use, without the requests that the request cache answers."""

    rows: int
    stages: tuple[StageEstimate, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def requests(self) -> int:
        """The number of all requests that are sent, without retries."""
        return sum(stage.requests for stage in self.stages)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cached(self) -> int:
        """The number of all requests that the request cache answers."""
        return sum(stage.cached for stage in self.stages)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def tokens(self) -> int:
        """The number of all tokens, input and output."""
        return sum(stage.input_tokens + stage.output_tokens for stage in self.stages)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cost(self) -> float | None:
        """The cost in US dollars, None if a model has no price."""
        costs = [stage.cost for stage in self.stages]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seconds(self) -> float:
        """The time at the limits of the config. It is the time of the slowest stage, because all work at once."""
        return max((stage.seconds for stage in self.stages), default=0.0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def measured(self) -> bool:
        """Whether the tokens of every stage that sends requests are measured. If not, the figures are upper bounds."""
        return all(stage.measured or not stage.requests for stage in self.stages)

    @property
    def line(self) -> str:
        """The estimate as a sentence, such as "2 prompts need 4 requests and 2,000 tokens, $0.01, about 5 s."."""
        prompts = f"{counted(self.rows, 'prompt')} need{'s' if self.rows == 1 else ''}"
        if not self.stages:
            return f"{counted(self.rows, 'prompt')} with answers: no model is asked."
        waiting = sum(stage.waiting for stage in self.stages)
        if not self.requests:
            if waiting:
                return f"{prompts} no new request: {waiting:,} wait for results of batches, {self.cached:,} are cached."
            return f"{prompts} no request: the cache has all {self.cached:,} replies."
        most = "" if self.measured else "at most "
        cached = f" ({self.cached:,} more are in the cache)" if self.cached else ""
        return (
            f"{prompts} {most}{counted(self.requests, 'request')}{cached} and {most}{self.tokens:,} tokens, "
            f"{dollars(self.cost)}, about {duration(self.seconds)}."
        )


def estimate_run(
    models: Models,
    *,
    prompts: int,
    prompt_bytes: int,
    experience: Mapping[str, Experience],
    cached: Mapping[str, int] = MappingProxyType({}),
    waiting: Mapping[str, int] | None = None,
) -> Estimate:
    """Return the estimate for a number of prompts with `prompt_bytes` in total.

    With `waiting`, requests are sent in batches, and so many of each stage were sent before.
    `experience` is by model id. `cached` has the number of requests of each stage that the request cache answers.
    """
    if not prompts:
        return Estimate(rows=0, stages=())
    prompt_tokens = prompt_bytes / prompts / BYTES_PER_TOKEN
    stages = []
    answers_tokens = generated_tokens = 0.0
    for stage, options in models.stages.items():
        known = experience.get(options.model_id, Experience(None, None))
        reply_tokens = known.output_tokens
        output = float(options.max_new_tokens) if reply_tokens is None else min(reply_tokens, options.max_new_tokens)
        if isinstance(options, Judge):
            input_tokens = prompt_tokens + answers_tokens + TEMPLATE_TOKENS["judge"] + _tokens(models.template(options))
            input_tokens += max(map(_tokens, options.instructions), default=0.0)
        elif isinstance(options, Evolver):
            input_tokens = prompt_tokens + generated_tokens / len(models.generators) + TEMPLATE_TOKENS["evolve"]
        else:
            shown = _times_in_template(options) * prompt_tokens + _tokens(options.template)
            input_tokens = shown + _tokens(options.system_prompt) + _tokens(models.template(options))
            generated_tokens += output
        if not isinstance(options, Judge):
            answers_tokens += output
        sent = (waiting or {}).get(stage, 0)
        requests = max(0, prompts * options.requests - cached.get(stage, 0) - sent)
        estimate = _stage(stage, options, requests, input_tokens, output, known, batch=waiting is not None)
        stages.append(estimate.model_copy(update={"cached": cached.get(stage, 0), "waiting": sent}))
    return Estimate(rows=prompts, stages=tuple(stages))


def most_per_request(models: Sequence[Asked], *, longest_prompt: int) -> Iterator[tuple[float, int]]:
    """Yield for each model the most that one request may cost, in US dollars (0 without prices) and in tokens.

    Every byte of the longest prompt may be a token, and another model's tokenizer may turn one token into two. A judge
    may be asked twice, and its figure is the mean of both requests.
    """
    answer_tokens: list[int] = []
    for options in models:
        output = options.max_new_tokens
        input_tokens = longest_prompt + CHAT_TOKENS
        if isinstance(options, Judge):
            # This is the mean of two requests. The second shows the judge its own reply and what is wrong with it, and
            # allows more tokens.
            input_tokens += max((len(text.encode()) for text in options.instructions), default=0)
            input_tokens += (
                TEMPLATE_BYTES["judge"] + OTHER_TOKENIZER * sum(answer_tokens) + (output + COMPLAINT_TOKENS) // 2
            )
            output = output * (1 + MORE_ROOM) // 2
        elif isinstance(options, Evolver):
            input_tokens += TEMPLATE_BYTES["evolve"] + OTHER_TOKENIZER * max(answer_tokens)
            answer_tokens.append(output)
        else:
            input_tokens += (_times_in_template(options) - 1) * longest_prompt
            input_tokens += len((options.system_prompt or "").encode()) + len((options.template or "").encode())
            answer_tokens.append(output)
        yield options.cost(input_tokens, output) or 0.0, input_tokens + output


def _stage(
    stage: str,
    options: Asked,
    requests: int,
    input_per_request: float,
    output_per_request: float,
    known: Experience,
    *,
    batch: bool,
) -> StageEstimate:
    input_tokens, output_tokens = round(requests * input_per_request), round(requests * output_per_request)
    seconds = known.seconds if known.seconds is not None else output_per_request / TOKENS_PER_SECOND
    return StageEstimate(
        stage=stage,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=options.cost(input_tokens, output_tokens, batch=batch) if requests else 0.0,
        each=round(input_per_request + output_per_request),
        each_cost=options.cost(round(input_per_request), round(output_per_request), batch=batch),
        seconds=requests * seconds / options.max_concurrency,
        measured=known.output_tokens is not None,
    )


def _times_in_template(generator: Generator) -> int:
    """Return how often a request shows the prompt."""
    return 1 if generator.template is None else generator.template.count("{prompt}")


def _tokens(text: str | None) -> float:
    return len((text or "").encode()) / BYTES_PER_TOKEN

"""The distilabel steps that curation adds: reading prompts, answering a conversation, judging only what is there."""

import hashlib
import random
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson
from distilabel.steps import GeneratorStep, StepInput
from distilabel.steps.tasks import ChatGeneration, Task, UltraFeedback
from distilabel.steps.tasks.evol_quality.utils import MUTATION_TEMPLATES
from distilabel.typing import StepOutput
from pydantic import PrivateAttr

from curation.generation.options import MORE_ROOM
from curation.generation.ratings import complaint, parse_ratings
from curation.thinking import split_thinking, without_thinking
from curation.types import CUT_OFF, ONLY_REASONING, is_blank

EMPTY_REPLY = "empty_reply"


class LoadPrompts(GeneratorStep):  # type: ignore[misc]
    """Reads prompts from a JSONL file, row by row: nothing but the current batch is in memory."""

    path: str

    @property
    def outputs(self) -> list[str]:
        """The columns of a prompt's row."""
        return ["prompt_id", "messages", "instruction", "prompt"]

    def process(self, offset: int = 0) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """Yield batches of rows, and with each whether it is the last; the first `offset` rows are skipped."""
        batch: list[dict[str, Any]] = []
        with Path(self.path).open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if number < offset:
                    continue
                if len(batch) == self.batch_size:
                    yield batch, False
                    batch = []
                batch.append(orjson.loads(line))
        yield batch, True


class AnswerPrompt(ChatGeneration):  # type: ignore[misc]
    """One model's answer to a conversation, with the generator's own system prompt before the conversation's.

    `generation` is the answer without what the model thought before it, None if there is none: then `fault` says why,
    if it is not the request that failed. `thinking` is kept if `keep_reasoning`.
    """

    system_prompt: str | None = None
    keep_reasoning: bool = False

    @property
    def outputs(self) -> list[str]:
        """The answer, what was thought before it, and why there is none."""
        return ["generation", "thinking", "fault", "model_name"]

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer without its thoughts."""
        generation, thinking, fault = _answer(output)
        return {"generation": generation, "thinking": thinking if self.keep_reasoning else None, "fault": fault}

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages to send: at most one system message, because many chat templates refuse a second."""
        messages: list[dict[str, str]] = super().format_input(input)
        if self.system_prompt is None:
            return messages
        texts = [self.system_prompt, *(m["content"] for m in messages if m["role"] == "system")]
        return [
            {"role": "system", "content": "\n\n".join(texts)},
            *(message for message in messages if message["role"] != "system"),
        ]


class EvolveAnswer(Task):  # type: ignore[misc]
    """EvolQuality (arXiv 2312.15685) on one answer of a group: the better text is one more generation of the row.

    Which answer is rewritten and how follows from the prompt alone, not, as in distilabel's own task, from the place
    of a row in its batch. A row without any answer is passed on as it is.
    """

    methods: tuple[str, ...]

    @property
    def inputs(self) -> list[str]:
        """The prompt and its answers."""
        return [
            "prompt_id",
            "instruction",
            "generations",
            "generation_thinking",
            "generation_faults",
            "generation_models",
        ]

    @property
    def outputs(self) -> list[str]:
        """The answers with the new one at their end."""
        return ["generations", "generation_thinking", "generation_faults", "generation_models", "model_name"]

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return the request to rewrite one of the answers."""
        choice = random.Random(f"evolve {input['prompt_id']}")
        answer = choice.choice([text for text in input["generations"] if text is not None])
        template = MUTATION_TEMPLATES[choice.choice(self.methods).upper()]
        # In one pass: an answer may itself hold <RESPONSE>.
        values = {"<PROMPT>": input["instruction"], "<RESPONSE>": answer}
        return [{"role": "user", "content": re.sub("|".join(values), lambda match: values[match[0]], template)}]

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the row's answers and the new one, which is None if it failed."""
        assert input is not None
        generation, _, fault = _answer(output)
        return {
            "generations": [*input["generations"], generation],
            "generation_thinking": [*input["generation_thinking"], None],
            "generation_faults": [*input["generation_faults"], fault],
            "generation_models": [*input["generation_models"], self.llm.model_name],
            "distilabel_metadata": dict(input.get("distilabel_metadata") or {}),
        }

    def process(self, inputs: StepInput) -> StepOutput:
        """Rewrite an answer of each row that has one."""
        answered = [row for row in inputs if _answered(row)]
        evolved = iter([row for batch in super().process(answered) for row in batch] if answered else [])
        yield [next(evolved) if _answered(row) else row for row in inputs]


class JudgeAnswers(UltraFeedback):  # type: ignore[misc]
    """UltraFeedback over the answers that exist, its replies read by text number.

    Every aspect is asked about in an order that follows from the prompt, with `order = "swap"` in its reverse as well.
    A reply that cannot be read for every text is asked for once more, with what is wrong with it, and with more room if
    there was no room for an answer. What the judge thought is not read, and kept for nobody. `ratings` and
    `rationales` have one entry per generation, None for a generation that failed (it is never shown to the judge) and
    for one whose rating could not be read; `judgements` (JSON) has every reading, its faults and requests. A row with
    fewer than two answers is not judged.
    """

    aspects: tuple[str, ...]
    order: str = "shuffled"

    _templates: dict[str, Any] = PrivateAttr(default_factory=dict)

    def load(self) -> None:
        """Load the LLM and the aspects' templates, whose files distilabel 1.5.3 leaves to the garbage collector."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            for aspect in reversed(self.aspects):
                self.aspect = aspect
                super().load()
                self._templates[aspect] = self._template

    @property
    def inputs(self) -> list[str]:
        """The prompt and its answers."""
        return ["prompt_id", "instruction", "generations"]

    @property
    def outputs(self) -> list[str]:
        """What the judge adds to a row."""
        return ["ratings", "rationales", "judgements", "model_name"]

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return UltraFeedback's messages about the row's answers, in its `order` and on its `aspect` if given."""
        question = _question(input)
        template = self._templates[input.get("aspect") or self.aspects[0]]
        if template is not getattr(self, "_template", None):
            # What is private of a pydantic model takes long to set.
            self._template = template
        shown = {**input, "generations": [input["generations"][position] for position in question]}
        messages: list[dict[str, str]] = super().format_input(shown)
        return messages

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ratings, rationales and faults of one reply, aligned with the row's generations."""
        assert input is not None
        columns: dict[str, list[Any]] = {
            key: [None] * len(input["generations"]) for key in ("ratings", "rationales", "faults")
        }
        shown = _question(input)
        if output is not None and is_blank(without_thinking(output)):
            for position in shown:
                columns["faults"][position] = ONLY_REASONING
        elif output is not None:
            for position, read in zip(shown, parse_ratings(output, len(shown)), strict=True):
                columns["ratings"][position] = read.rating
                columns["rationales"][position] = read.rationale
                columns["faults"][position] = read.reason
        return dict(columns)

    def process(self, inputs: StepInput) -> StepOutput:
        """Judge every row: all its questions at once, then those again whose replies could not be read."""
        questions = [(number, question) for number, row in enumerate(inputs) for question in self._questions(row)]
        chats = [self.format_input(question) for _, question in questions]
        first = self._ask(chats)
        readings = [self._reading(reply, question) for (_, question), reply in zip(questions, first, strict=True)]
        unread = [place for place, reading in enumerate(readings) if any(reading["faults"])]
        for more_room in (False, True):
            places = [place for place in unread if _lacks_room(first[place]) is more_room]
            again = [_again(chats[place], first[place]["text"], questions[place][1]) for place in places]
            for place, reply in zip(places, self._ask(again, more_room=more_room), strict=True):
                _fill(readings[place], self._reading(reply, questions[place][1]))
        judged: list[list[dict[str, Any]]] = [[] for _ in inputs]
        for (number, question), reading in zip(questions, readings, strict=True):
            judged[number].append({"aspect": question["aspect"], "order": question["order"], **reading})
        yield [self._judged(row, readings_of_row) for row, readings_of_row in zip(inputs, judged, strict=True)]

    def _questions(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        shown = [position for position, text in enumerate(row["generations"]) if text is not None]
        if len(shown) < 2:
            return []
        shown.sort(key=lambda position: hashlib.sha256(f"judge {row['prompt_id']} {position}".encode()).digest())
        orders = [shown, shown[::-1]] if self.order == "swap" else [shown]
        return [{**row, "aspect": aspect, "order": order} for aspect in self.aspects for order in orders]

    def _reading(self, reply: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
        """What a reply says, with the facts of its request. That a judge only thought is no failure of the request."""
        columns = self.format_output(reply["text"], question)
        facts = {key: value for key, value in reply.items() if key not in {"text", "thinking"}}
        if reply["text"] is None and reply.get("failure") == ONLY_REASONING:
            columns["faults"] = [ONLY_REASONING if place in question["order"] else None for place in _places(question)]
        return {**columns, "asked": [facts]}

    def _ask(self, chats: list[list[dict[str, str]]], *, more_room: bool = False) -> list[dict[str, Any]]:
        if not chats:
            return []
        options = self.llm.get_generation_kwargs()
        if more_room and options.get("max_new_tokens"):
            options["max_new_tokens"] *= MORE_ROOM
        outputs = self.llm.generate_outputs(inputs=chats, **options)
        return [
            {"text": output["generations"][0], **{key: values[0] for key, values in output["statistics"].items()}}
            for output in outputs
        ]

    def _judged(self, row: dict[str, Any], readings: list[dict[str, Any]]) -> dict[str, Any]:
        columns: dict[str, list[Any]] = {"ratings": [], "rationales": []}
        for position in range(len(row["generations"])):
            ratings = [reading["ratings"][position] for reading in readings]
            columns["ratings"].append(fmean(ratings) if readings and None not in ratings else None)
            texts = [text for reading in readings if (text := reading["rationales"][position]) is not None]
            columns["rationales"].append("\n\n".join(texts) or None)
        return {**row, **columns, "judgements": orjson.dumps(readings).decode(), "model_name": self.llm.model_name}


def _answered(row: dict[str, Any]) -> bool:
    return any(text is not None for text in row["generations"])


def _answer(output: str | None) -> tuple[str | None, str | None, str | None]:
    """The answer in a text, what was thought before it, and why there is no answer."""
    if output is None:
        return None, None, None
    parts = split_thinking(output)
    if is_blank(parts.answer):
        return None, parts.thinking, EMPTY_REPLY if is_blank(output) else ONLY_REASONING
    return parts.answer, parts.thinking, None


def _places(row: dict[str, Any]) -> range:
    return range(len(row["generations"]))


def _question(row: dict[str, Any]) -> list[int]:
    """The positions of the generations that are shown, in their order."""
    return row.get("order") or [position for position, text in enumerate(row["generations"]) if text is not None]


def _lacks_room(reply: dict[str, Any]) -> bool:
    """Whether a judge was cut off, or only thought."""
    return reply.get("finish_reason") in CUT_OFF or reply["text"] is None or is_blank(without_thinking(reply["text"]))


def _again(chat: list[dict[str, str]], reply: str | None, question: dict[str, Any]) -> list[dict[str, str]]:
    """The chat to ask once more: without an answer, the same; else with the answer and what is wrong with it."""
    answer = "" if reply is None else without_thinking(reply)
    if is_blank(answer):
        return chat
    texts = len(question["order"])
    return [
        *chat,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": complaint(parse_ratings(answer, texts), texts)},
    ]


def _fill(reading: dict[str, Any], second: dict[str, Any]) -> None:
    """Take from the second reply what the first could not be read for."""
    reading["asked"] += second["asked"]
    for position, fault in enumerate(reading["faults"]):
        is_better = second["ratings"][position] is not None or (fault == ONLY_REASONING and second["faults"][position])
        if fault is not None and is_better:
            for column in ("ratings", "rationales", "faults"):
                reading[column][position] = second[column][position]

"""The distilabel steps of curation: read prompts, answer a conversation, rewrite an answer, rate the answers."""

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

from curation.characters import is_blank
from curation.generation.judge_options import MORE_ROOM
from curation.generation.ratings import complaint, parse_ratings
from curation.generation.rows import GIVEN
from curation.templates import filled
from curation.thinking import split_thinking, without_thinking
from curation.types import CUT_OFF, FIVE, ONLY_REASONING, Prompt, on_five

EMPTY_REPLY = "empty_reply"
UNANSWERABLE = "Note: the document does not answer this question. A good answer says so and makes nothing up."


class LoadPrompts(GeneratorStep):  # type: ignore[misc]
    """Reads prompts from a JSONL file. Only the current batch is in memory."""

    path: str
    with_answers: bool = False

    @property
    def outputs(self) -> list[str]:
        """The columns of a prompt's row; with answers if each prompt came with its own."""
        return ["prompt_id", "messages", "instruction", "prompt", *(GIVEN if self.with_answers else ())]

    def process(self, offset: int = 0) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """Yield (batch of rows, whether it is the last batch). The first `offset` rows are skipped."""
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
    """Asks one model to answer a conversation. The generator's system prompt comes before that of the conversation.

    With a `template` the model is asked that in place of the conversation, which is a question about a document. With a
    `turn_template` it is asked that in place of the last user turn, which stands where the template has {prompt}.

    `generation` is the answer without the model's thoughts, None if there is none. `fault` is then the reason, unless
    the request failed. `thinking` has the thoughts if `keep_reasoning` is true.
    """

    system_prompt: str | None = None
    keep_reasoning: bool = False
    template: str | None = None
    turn_template: str | None = None
    says_if_unanswerable: bool = True

    @property
    def inputs(self) -> list[str]:
        """The conversation, and the whole prompt if a template takes more of it."""
        return ["messages", *(["prompt"] if self.template else [])]

    @property
    def outputs(self) -> list[str]:
        """The columns with the answer, the thoughts before it, and the reason if there is no answer."""
        return ["generation", "thinking", "fault", "model_name"]

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer without its thoughts."""
        generation, thinking, fault = _answer(output)
        return {"generation": generation, "thinking": thinking if self.keep_reasoning else None, "fault": fault}

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages to send: at most one system message, because many chat templates refuse a second."""
        if self.template is not None:
            text = asked_about(input["prompt"], self.template, says_if_unanswerable=self.says_if_unanswerable)
            input = {**input, "messages": [{"role": "user", "content": text}]}
        if self.turn_template is not None:
            *earlier, last = input["messages"]
            text = filled(self.turn_template, {"prompt": last["content"]})
            input = {**input, "messages": [*earlier, {**last, "content": text}]}
        messages: list[dict[str, str]] = super().format_input(input)
        if self.system_prompt is None:
            return messages
        texts = [self.system_prompt, *(m["content"] for m in messages if m["role"] == "system")]
        return [
            {"role": "system", "content": "\n\n".join(texts)},
            *(message for message in messages if message["role"] != "system"),
        ]


class EvolveAnswer(Task):  # type: ignore[misc]
    """EvolQuality (arXiv 2312.15685) on one answer of each row. The new text is one more generation of the row.

    Which answer of `generators` is rewritten, and how, depends only on the prompt and the name of the LLM. (In
    distilabel's own task it depends on the position of the row in its batch.) A row without an answer of theirs is
    passed on unchanged.
    """

    methods: tuple[str, ...]
    generators: tuple[str, ...]

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
        choice = random.Random(f"evolve {self.llm.model_name} {input['prompt_id']}")
        answer = choice.choice(self._originals(input))
        template = MUTATION_TEMPLATES[choice.choice(self.methods).upper()]
        # Both are replaced in one pass, because an answer may contain <RESPONSE> itself.
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
        answered = [row for row in inputs if self._originals(row)]
        evolved = iter([row for batch in super().process(answered) for row in batch] if answered else [])
        yield [next(evolved) if self._originals(row) else row for row in inputs]

    def _originals(self, row: dict[str, Any]) -> list[str]:
        """Return the answers of the generators whose answers are rewritten."""
        answers = zip(row["generation_models"], row["generations"], strict=True)
        return [text for name, text in answers if text is not None and name in self.generators]


class JudgeAnswers(UltraFeedback):  # type: ignore[misc]
    """UltraFeedback on the answers that exist. Its replies are read by the numbers of the texts.

    For each aspect, the answers are shown in an order that depends only on the prompt; with `order = "swap"` they are
    also shown in reverse. If a reply cannot be read for every text, the judge is asked once more and told what is
    wrong, with more tokens if it was cut off or only thought. Its thoughts are neither read nor stored. A row with
    fewer than two answers is not judged.

    `ratings` and `rationales` have an entry for each generation of the row. The entry is None if the generation failed
    (the judge does not see it) or if its rating could not be read. `judgements` is JSON with every reading, its faults
    and its requests.
    """

    aspects: tuple[str, ...]
    order: str = "shuffled"
    template: str | None = None

    _templates: dict[str, Any] = PrivateAttr(default_factory=dict)

    def load(self) -> None:
        """Load the LLM and the templates of all aspects. The filter hides that distilabel 1.5.3 leaves files open."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            for aspect in reversed(self.aspects):
                self.aspect = aspect
                super().load()
                self._templates[aspect] = self._template

    def scale(self, aspect: str) -> int:
        """Return the best rating of an aspect: 5 of all those of UltraFeedback."""
        return FIVE

    @property
    def inputs(self) -> list[str]:
        """The prompt and its answers."""
        return ["prompt_id", "instruction", "generations", *(["prompt"] if self.template else [])]

    @property
    def outputs(self) -> list[str]:
        """The columns that the judge adds to a row."""
        return ["ratings", "rationales", "judgements", "model_name"]

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return UltraFeedback's messages about the row's answers, in the row's `order` and on its `aspect`."""
        template = self._templates[input.get("aspect") or self.aspects[0]]
        if template is not getattr(self, "_template", None):
            # What is private of a pydantic model takes long to set.
            self._template = template
        shown = {**input, "generations": shown_answers(input)}
        messages: list[dict[str, str]] = super().format_input(shown)
        return messages

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the ratings, rationales and faults of one reply, with an entry for each generation of the row."""
        assert input is not None
        columns: dict[str, list[Any]] = {
            key: [None] * len(input["generations"]) for key in ("ratings", "rationales", "faults")
        }
        shown = _question(input)
        if output is not None and is_blank(without_thinking(output)):
            for position in shown:
                columns["faults"][position] = ONLY_REASONING
        elif output is not None:
            scale = self.scale(input.get("aspect") or self.aspects[0])
            for position, read in zip(shown, parse_ratings(output, len(shown), scale), strict=True):
                columns["ratings"][position] = read.rating
                columns["rationales"][position] = read.rationale
                columns["faults"][position] = read.reason
        return dict(columns)

    def process(self, inputs: StepInput) -> StepOutput:
        """Judge every row: ask all questions at once, then ask again those whose replies could not be read."""
        questions = [(number, question) for number, row in enumerate(inputs) for question in self._questions(row)]
        chats = [self.format_input(question) for _, question in questions]
        first = self._ask(chats)
        readings = [self._reading(reply, question) for (_, question), reply in zip(questions, first, strict=True)]
        unread = [place for place, reading in enumerate(readings) if any(reading["faults"])]
        for more_room in (False, True):
            places = [place for place in unread if _lacks_room(first[place]) is more_room]
            again = [self._again(chats[place], first[place]["text"], questions[place][1]) for place in places]
            for place, reply in zip(places, self._ask(again, more_room=more_room), strict=True):
                _fill(readings[place], self._reading(reply, questions[place][1]))
        judged: list[list[dict[str, Any]]] = [[] for _ in inputs]
        for (number, question), reading in zip(questions, readings, strict=True):
            about = {"aspect": question["aspect"], "order": question["order"], "scale": self.scale(question["aspect"])}
            judged[number].append({**about, **reading})
        yield [self._judged(row, readings_of_row) for row, readings_of_row in zip(inputs, judged, strict=True)]

    def _questions(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        shown = [position for position, text in enumerate(row["generations"]) if text is not None]
        if len(shown) < 2:
            return []
        if self.template is not None:
            row = {**row, "instruction": asked_about(row["prompt"], self.template)}
        shown.sort(key=lambda position: hashlib.sha256(f"judge {row['prompt_id']} {position}".encode()).digest())
        orders = [shown, shown[::-1]] if self.order == "swap" else [shown]
        return [{**row, "aspect": aspect, "order": order} for aspect in self.aspects for order in orders]

    def _reading(self, reply: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
        """Return a reply as ratings, rationales and faults, with the facts of its request.

        If the judge only thought, the fault is in the reply; the request did not fail.
        """
        columns = self.format_output(reply["text"], question)
        facts = {key: value for key, value in reply.items() if key not in {"text", "thinking"}}
        if reply["text"] is None and reply.get("failure") == ONLY_REASONING:
            columns["faults"] = [ONLY_REASONING if place in question["order"] else None for place in _places(question)]
        return {**columns, "asked": [facts]}

    def _again(self, chat: list[dict[str, str]], reply: str | None, question: dict[str, Any]) -> list[dict[str, str]]:
        """Return the chat to ask once more: the same if there was no answer, else with the answer and its faults."""
        answer = "" if reply is None else without_thinking(reply)
        if is_blank(answer):
            return chat
        texts, scale = len(question["order"]), self.scale(question["aspect"])
        return [
            *chat,
            {"role": "assistant", "content": answer},
            {"role": "user", "content": complaint(parse_ratings(answer, texts, scale), texts, scale)},
        ]

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
            ratings = [on_five(reading["ratings"][position], reading["scale"]) for reading in readings]
            known_ratings = [rating for rating in ratings if rating is not None]
            columns["ratings"].append(
                fmean(known_ratings) if known_ratings and len(known_ratings) == len(ratings) else None
            )
            texts = [text for reading in readings if (text := reading["rationales"][position]) is not None]
            columns["rationales"].append("\n\n".join(texts) or None)
        return {**row, **columns, "judgements": orjson.dumps(readings).decode(), "model_name": self.llm.model_name}


def asked_about(prompt_json: str, template: str, *, says_if_unanswerable: bool = True) -> str:
    """Return a template with the document and the question of a prompt (as JSON) in it.

    With `says_if_unanswerable`, a question that the document does not answer comes with a note that says so.
    """
    prompt = Prompt.model_validate_json(prompt_json)
    passage = prompt.passage
    if passage is None:
        raise ValueError("the prompt is no question about a document")
    values = {
        "language_name": passage.language_name,
        "document": prompt.document or "",
        "question": prompt.messages[-1].content,
    }
    text = filled(template, values)
    return text if passage.answerable or not says_if_unanswerable else f"{text.rstrip()}\n\n{UNANSWERABLE}\n"


def _answer(output: str | None) -> tuple[str | None, str | None, str | None]:
    """Return the answer in a text, the thoughts before it, and the reason if there is no answer."""
    if output is None:
        return None, None, None
    parts = split_thinking(output)
    if is_blank(parts.answer):
        return None, parts.thinking, EMPTY_REPLY if is_blank(output) else ONLY_REASONING
    return parts.answer, parts.thinking, None


def _places(row: dict[str, Any]) -> range:
    return range(len(row["generations"]))


def shown_answers(row: dict[str, Any]) -> list[str]:
    """Return the texts that the judge sees, in the order in which it sees them."""
    return [row["generations"][position] for position in _question(row)]


def _question(row: dict[str, Any]) -> list[int]:
    """Return the positions of the generations that the judge sees, in the order in which it sees them."""
    return row.get("order") or [position for position, text in enumerate(row["generations"]) if text is not None]


def _lacks_room(reply: dict[str, Any]) -> bool:
    """Whether a judge was cut off or only thought, so that it needs more tokens."""
    return reply.get("finish_reason") in CUT_OFF or reply["text"] is None or is_blank(without_thinking(reply["text"]))


def _fill(reading: dict[str, Any], second: dict[str, Any]) -> None:
    """Fill in from the second reply what could not be read in the first."""
    reading["asked"] += second["asked"]
    for position, fault in enumerate(reading["faults"]):
        is_better = second["ratings"][position] is not None or (fault == ONLY_REASONING and second["faults"][position])
        if fault is not None and is_better:
            for column in ("ratings", "rationales", "faults"):
                reading[column][position] = second[column][position]

"""The distilabel steps that curation adds: reading prompts, answering a conversation, judging only what is there."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distilabel.steps import GeneratorStep
from distilabel.steps.tasks import ChatGeneration, UltraFeedback

from curation.generation.ratings import parse_ratings


class LoadPrompts(GeneratorStep):  # type: ignore[misc]
    """Reads prompts from a JSONL file, row by row: nothing but the current batch is in memory."""

    path: str

    @property
    def outputs(self) -> list[str]:
        """The columns of a prompt's row."""
        return ["prompt_id", "messages", "instruction"]

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
                batch.append(json.loads(line))
        yield batch, True


class AnswerPrompt(ChatGeneration):  # type: ignore[misc]
    """One model's answer to a conversation, with the generator's own system prompt before the conversation's."""

    system_prompt: str | None = None

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


class JudgeAnswers(UltraFeedback):  # type: ignore[misc]
    """UltraFeedback over the answers that exist, its reply read by text number.

    `ratings`, `rationales` and `faults` have one entry per generation; a generation that failed (None) is never shown
    to the judge and has None in all three, an unreadable rating has its reason in `faults`.
    """

    def load(self) -> None:
        """Load the LLM and the aspect's template, whose file distilabel 1.5.3 leaves to the garbage collector."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            super().load()

    @property
    def outputs(self) -> list[str]:
        """What the judge adds to a row."""
        return ["ratings", "rationales", "faults", "model_name"]

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return UltraFeedback's messages about the generations that are not None; none at all if there are not two."""
        if sum(text is not None for text in input["generations"]) < 2:
            return []
        shown = {**input, "generations": [text for text in input["generations"] if text is not None]}
        messages: list[dict[str, str]] = super().format_input(shown)
        return messages

    def format_output(self, output: str | None, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ratings, rationales and faults, aligned with the row's generations."""
        assert input is not None
        generations = input["generations"]
        columns: dict[str, list[Any]] = {key: [None] * len(generations) for key in ("ratings", "rationales", "faults")}
        # distilabel lets a task's metadata replace the row's: what the generators said of themselves would be lost.
        said = input.get("distilabel_metadata")
        metadata = {"distilabel_metadata": dict(said)} if said else {}
        if output is None:
            return {**columns, **metadata}
        shown = [position for position, text in enumerate(generations) if text is not None]
        for position, read in zip(shown, parse_ratings(output, len(shown)), strict=True):
            columns["ratings"][position] = read.rating
            columns["rationales"][position] = read.rationale
            columns["faults"][position] = read.reason
        return {**columns, **metadata}

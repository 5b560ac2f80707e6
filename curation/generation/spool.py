"""Prompts that wait on disk to be asked, so that memory does not grow with their number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curation.generation.rows import prompt_row
from curation.scratch import scratch_folder
from curation.types import AnsweredPrompt, Candidate, Prompt


@dataclass(frozen=True, slots=True)
class PromptSpool:
    """Prompts in a file on disk: their number, the bytes of all their texts, and the bytes of the longest prompt.

    The texts are what models are shown: a document, and answers that came with a prompt, count too.
    """

    path: Path
    prompts: int
    bytes: int
    longest: int

    def read(self) -> Iterator[Prompt]:
        """Yield the prompts again, in their order."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                prompt = Prompt.model_validate_json(row["prompt"])
                if "answers" in row:
                    answers = tuple(Candidate.model_validate(answer) for answer in json.loads(row["answers"]))
                    prompt = AnsweredPrompt(**dict(prompt), answers=answers)
                yield prompt


@contextmanager
def spooled(prompts: Iterable[Prompt]) -> Iterator[PromptSpool]:
    """Write the prompts to a temporary file, one at a time, so that memory does not grow with their number."""
    count = total = longest = 0
    with scratch_folder() as folder:
        path = folder / "prompts.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for prompt in prompts:
                file.write(json.dumps(prompt_row(prompt)) + "\n")
                size = len((prompt.document or "").encode())
                size += sum(len(message.content.encode()) for message in prompt.messages)
                if isinstance(prompt, AnsweredPrompt):
                    size += sum(len(answer.text.encode()) for answer in prompt.answers)
                count, total, longest = count + 1, total + size, max(longest, size)
        yield PromptSpool(path, count, total, longest)

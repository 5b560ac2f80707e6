"""The step of a judge with criteria of its own: a request for each criterion and order, read as UltraFeedback's is."""

from typing import Any

from distilabel.steps.tasks import UltraFeedback

from curation.generation.tasks import JudgeAnswers, shown_answers

SYSTEM = """\
Your role is to rate texts by one given criterion.
You'll receive an instruction ("Instruction") and {texts} texts ("Text") that were written to follow it.
The texts are independent of each other, and their order means nothing: rate each by itself, with a reason.
"""

TEMPLATE = """\
# Rating by one criterion: {name}

{description}

Rate how well each text meets this criterion, and nothing else, with a whole number from 1 (not at all) to {scale}
(fully).

---

## Format:

### Input
Instruction: [What the texts were written to follow]

Texts:
{places}

### Output
{sections}

---

## Annotation

### Input
Instruction: {instruction}

Texts:
{texts}

### Output

"""
"""The layout is UltraFeedback's, so that replies to both are read in the same way."""


class JudgeByRubric(JudgeAnswers):
    """Rates the answers that exist by each criterion in `aspects`; all else is as in `JudgeAnswers`.

    `descriptions` says what each criterion means, and `scales` what its best rating is.
    """

    descriptions: dict[str, str]
    scales: dict[str, int]

    def load(self) -> None:
        """Load the LLM. The templates of UltraFeedback, which the class above loads, are not needed."""
        super(UltraFeedback, self).load()

    def scale(self, aspect: str) -> int:
        """Return the best rating of a criterion."""
        return self.scales[aspect]

    def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """Return the messages about the row's answers, in the row's `order` and on its `aspect`."""
        name = input.get("aspect") or self.aspects[0]
        texts = shown_answers(input)
        # All values are put in at once: a description or a text may have braces of its own.
        content = TEMPLATE.format(
            name=name,
            description=self.descriptions[name].strip(),
            scale=self.scales[name],
            places="\n".join(f"<text {number}> [Text {number}]" for number in range(1, len(texts) + 1)),
            sections="\n\n".join(map(_section, range(1, len(texts) + 1))),
            instruction=input["instruction"],
            texts="\n".join(f"<text {number}> {text}" for number, text in enumerate(texts, 1)),
        )
        return [{"role": "system", "content": SYSTEM.format(texts=len(texts))}, {"role": "user", "content": content}]


def _section(number: int) -> str:
    return f"#### Output for Text {number}\nRating: [Rating]\nRationale: [Rationale in short sentences]"

"""Steps as users write them, in a module of their own so that every engine can send them to its processes."""

import threading

from distilabel.models.llms.base import LLM
from distilabel.steps import GlobalStep, Step, StepInput, StepOutput, step
from distilabel.typing import FormattedInput, GenerateOutput

ALL_ASKED = threading.Event()


class Sorted(GlobalStep):  # type: ignore[misc]
    """Needs all rows at once."""

    def process(self, inputs: StepInput) -> StepOutput:
        """Yield the rows."""
        yield inputs


class AddLength(Step):  # type: ignore[misc]
    """Writes into the rows it got, as many steps do."""

    @property
    def inputs(self) -> list[str]:
        """The text that is measured."""
        return ["generation"]

    @property
    def outputs(self) -> list[str]:
        """Its length."""
        return ["length"]

    def process(self, inputs: StepInput) -> StepOutput:
        """Add the length to each row."""
        for row in inputs:
            row["length"] = len(row["generation"])
            row["tags"].append("measured")
        yield inputs


@step(inputs=["instruction"], outputs=["words"])  # type: ignore[untyped-decorator]
def CountWords(inputs: StepInput) -> StepOutput:
    """Add the number of words."""
    for row in inputs:
        row["words"] = len(row["instruction"].split())
    yield inputs


class Fussy(Step):  # type: ignore[misc]
    """Raises an error about one row."""

    @property
    def inputs(self) -> list[str]:
        """The text it is fussy about."""
        return ["instruction"]

    def process(self, inputs: StepInput) -> StepOutput:
        """Yield the rows, but for one."""
        for row in inputs:
            if "3" in row["instruction"]:
                raise ValueError("no threes, please")
        yield inputs


class Blocking(Step):  # type: ignore[misc]
    """Blocks until `ALL_ASKED` is set, as a call to some service would."""

    @property
    def outputs(self) -> list[str]:
        """Whether that came, or a minute passed."""
        return ["released"]

    def process(self, inputs: StepInput) -> StepOutput:
        """Yield the rows when it is set."""
        released = ALL_ASKED.wait(60)
        yield [{**row, "released": released} for row in inputs]


class EchoLLM(LLM):  # type: ignore[misc]
    """An LLM without any asyncio."""

    def load(self) -> None:
        """Load nothing."""
        super().load()

    @property
    def model_name(self) -> str:
        """Its name."""
        return "echo"

    def generate(self, inputs: list[FormattedInput], num_generations: int = 1, end: str = "") -> list[GenerateOutput]:
        """Return what was asked, in capitals."""
        return [
            {
                "generations": [messages[-1]["content"].upper() + end] * num_generations,
                "statistics": {"input_tokens": [1] * num_generations, "output_tokens": [1] * num_generations},
            }
            for messages in inputs
        ]

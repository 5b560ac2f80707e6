"""Rows that must not be published, and a process that shows them to TRL: each rule of ours rests on what happens there.

python -m tests.train.refused FOLDER    writes FOLDER/outcomes.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.train.trainers import import_trainers, library, make_model, make_trainer
from tests.train.two_steps import trained_texts

QUESTION = [{"role": "user", "content": "What is it?"}]
GOOD = [{"role": "assistant", "content": "A good one."}]
BAD = [{"role": "assistant", "content": "A bad one."}]
PAIR = {"prompt": QUESTION, "chosen": GOOD, "rejected": BAD}
STRINGS = {"prompt": "What is it?", "chosen": " A good one.", "rejected": " A bad one."}
COMPLETION = {"prompt": QUESTION, "completion": GOOD, "label": True}
TALK = {"messages": QUESTION + GOOD}
ANSWERED = {"prompt": "What is it?", "completion": " A good one."}
SYSTEM = [{"role": "system", "content": "Be brief."}]
TOOLS = json.dumps([{"type": "function", "function": {"name": "look", "parameters": {}}}])
ASKED = {**PAIR, "tools": TOOLS, "chat_template_kwargs": {"tone": "brief"}}
NO_TONE = {"chat_template_kwargs": None}


class Case(NamedTuple):
    """Rows under the name of the config that they would be published as, and the trainer that they are shown to.

    `fault` is our sentence against them, `raises` the name of TRL's error; "" for none. TRL takes rows for
    conversations or not by whichever text column a set gives first: where that, and so the hash seed, decides, there
    are two names.
    """

    name: str
    config: str
    trainer: str
    rows: Sequence[Mapping[str, Any]]
    fault: str = ""
    raises: str = ""


def rows(row: Mapping[str, Any], **more: Any) -> list[dict[str, Any]]:
    """A batch of the same row, with some columns more or other."""
    return [{**row, **more}] * 4


def asked_of_others(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A batch of rows with different prompts: a completion stands once in kto."""
    return [{**row, "prompt": [{"role": "user", "content": f"What is {number}?"}]} for number in range(4)]


def one(row: Mapping[str, Any], **other: Any) -> list[dict[str, Any]]:
    """A batch of the same row, the first with other values."""
    return [{**row, **other}, *([{**row}] * 3)]


def without(row: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A batch that lacks a column."""
    return [{key: value for key, value in row.items() if key != name}] * 4


def beside(config: str, column: str) -> str:
    """Our sentence against a column that does not belong there."""
    return f"{config} has a column {column!r}, which a trainer would take for something else"


def ends(config: str, column: str, role: str) -> str:
    """Our sentence against a conversation that somebody else ends."""
    return f"{config} has 1 rows whose {column} does not end with the {role}"


def lacks(config: str, column: str) -> str:
    """Our sentence against a column that only some rows have."""
    return f"{config} has rows without {column}, while others have it"


NO_LABEL = "kto has labels that are not true or false"
TWICE = "dpo has 1 rows whose chosen is more than one turn: the prompt would be read twice"
SAME = "dpo has 1 rows whose chosen and rejected are the same"
SOUND = (
    *(Case(f"{kind}: conversations", "dpo", kind, rows(PAIR)) for kind in ("dpo", "orpo", "cpo")),
    *(Case(f"{kind}: strings", "dpo", kind, rows(STRINGS)) for kind in ("dpo", "orpo", "cpo")),
    Case("dpo: tools", "dpo", "dpo", rows(ASKED)),
    Case("reward: conversations", "reward", "reward", rows(PAIR)),
    Case("reward: margin", "reward", "reward", rows(PAIR, margin=1.0)),
    Case("kto: conversations", "kto", "kto", asked_of_others(COMPLETION)),
    Case("sft: conversations", "sft", "sft", rows(TALK)),
    Case("sft: strings", "sft", "sft", rows(ANSWERED)),
)
STOPPED = (
    Case("image in pairs", "dpo", "dpo", rows(PAIR, image="a"), beside("dpo", "image"), "ValueError"),
    Case("images in kto", "kto", "kto", rows(COMPLETION, images=["a"]), beside("kto", "images"), "ValueError"),
    Case("messages in pairs", "dpo", "orpo", rows(PAIR, **TALK), beside("dpo", "messages"), "KeyError"),
    Case("label in pairs", "dpo", "orpo", rows(PAIR, label=True), beside("dpo", "label"), "KeyError"),
    Case("completion in pairs", "dpo", "cpo", rows(PAIR, completion=GOOD), beside("dpo", "completion"), "KeyError"),
    Case("prompt beside messages", "sft", "sft", rows(TALK, prompt=QUESTION), beside("sft", "prompt"), "KeyError"),
    Case("no prompt", "dpo", "dpo", without(PAIR, "prompt"), "dpo has no column 'prompt'", "IndexError or ValueError"),
    Case("no rejected", "dpo", "dpo", without(PAIR, "rejected"), "dpo has no column 'rejected'", "KeyError"),
    Case("no label", "kto", "kto", without(COMPLETION, "label"), "kto has no column 'label'", "ValueError"),
    Case("no completion", "sft", "sft", without(ANSWERED, "completion"), "sft has no column 'completion'", "KeyError"),
    Case(
        "empty prompt",
        "dpo",
        "dpo",
        one(PAIR, prompt=[]),
        "dpo has 1 rows whose prompt is empty",
        "IndexError or ValueError",
    ),
    Case(
        "null prompt",
        "kto",
        "kto",
        one(COMPLETION, prompt=None),
        "kto has 1 rows whose prompt is empty",
        "AttributeError or ValueError",
    ),
    Case("empty answer", "dpo", "orpo", one(PAIR, chosen=[]), "dpo has 1 rows whose chosen is empty", "IndexError"),
    Case("empty talk", "sft", "sft", one(TALK, messages=[]), "sft has 1 rows whose messages is empty", "IndexError"),
    Case("only the system", "dpo", "orpo", one(PAIR, prompt=SYSTEM), ends("dpo", "prompt", "user"), "ValueError"),
    Case(
        "text and talk",
        "dpo",
        "dpo",
        rows(PAIR, prompt="Why?"),
        "dpo has texts beside conversations",
        "AttributeError or TypeError",
    ),
    Case("null label", "kto", "kto", one(COMPLETION, label=None), NO_LABEL, "TypeError"),
    Case("label as text", "kto", "kto", rows(COMPLETION, label="true"), NO_LABEL, "TypeError"),
    Case("blank tools", "dpo", "dpo", one(ASKED, tools=""), lacks("dpo", "tools"), "JSONDecodeError"),
    Case("null arguments", "dpo", "dpo", one(ASKED, **NO_TONE), lacks("dpo", "chat_template_kwargs"), "TypeError"),
)
MISREAD = (
    Case("margin in pairs", "dpo", "reward", rows(PAIR, margin=1.0), beside("dpo", "margin")),
    Case("pairs in kto", "kto", "kto", rows(COMPLETION, chosen=GOOD, rejected=BAD), beside("kto", "chosen")),
    Case("pairs in kto too", "kto", "kto", rows(COMPLETION, chosen=GOOD, rejected=BAD), beside("kto", "rejected")),
    Case("text beside a prompt", "sft", "sft", rows(ANSWERED, text="Not this."), beside("sft", "text")),
    Case("both layouts", "sft", "sft", rows(TALK, prompt=QUESTION, completion=BAD), beside("sft", "messages")),
    Case("whole talk as answer", "dpo", "dpo", one(PAIR, chosen=QUESTION + GOOD), TWICE),
    Case(
        "the user answers", "kto", "kto", one(COMPLETION, completion=QUESTION), ends("kto", "completion", "assistant")
    ),
    Case("the assistant asks", "dpo", "dpo", one(PAIR, prompt=QUESTION + BAD), ends("dpo", "prompt", "user")),
    Case("no answer", "sft", "sft", one(TALK, messages=QUESTION), ends("sft", "messages", "assistant")),
    Case("blank answer", "dpo", "dpo", one(STRINGS, chosen=""), "dpo has 1 rows whose chosen is empty"),
    Case("blank prompt", "dpo", "dpo", one(STRINGS, prompt=" "), "dpo has 1 rows whose prompt is empty"),
    Case("the same twice", "dpo", "dpo", one(PAIR, rejected=GOOD), SAME),
)


def show(case: Case, model: Path) -> dict[str, Any]:
    """Construct the trainer on the rows: what it raises, or how many rows it keeps, the first as text, and its loss."""
    try:
        trainer = make_trainer(case.trainer, model, rows=library("datasets").Dataset.from_list(list(case.rows)))
    except Exception as error:  # noqa: BLE001 - which one it is is what we want to know
        return {"raised": type(error).__name__, "said": str(error)}
    prepared = trainer.train_dataset
    return {
        "raised": "",
        "rows": len(prepared),
        "texts": dict(trained_texts(case.trainer, prepared[0], trainer.processing_class.decode)),
        "loss": _loss(trainer) if case.trainer == "reward" else None,
    }


def _loss(trainer: Any) -> float:
    """The loss of the first batch, before anything is learned."""
    return float(trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader()))))


def main(folder: Path) -> None:
    """Show every case to TRL, and write down what came of it, by name."""
    import_trainers()
    make_model(folder / "model")
    outcomes = {case.name: show(case, folder / "model") for case in (*SOUND, *STOPPED, *MISREAD)}
    (folder / "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

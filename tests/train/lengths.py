"""Rows in every layout that TRL takes, and a process that says how many tokens its trainers make of each.

python -m tests.train.lengths FOLDER    writes FOLDER/rows and FOLDER/lengths.json, with FOLDER/model beside them
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.train.trainers import import_trainers, library, make_model, make_trainer

LENGTHS = (0, 500, 900, 960, *range(985, 1000, 3), 1010, 1100, 3000)
"""Characters of the answers: a token is about one, and the trainers' max_length is 1,024."""
MAX_LENGTH = 1024


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def layouts() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Return, by name, which trainers read the rows ("pairs" or "kto") and the rows."""
    answers = ["x" * length for length in LENGTHS]
    given = {"tools": json.dumps([{"name": "look"}]), "chat_template_kwargs": {"tone": "warm"}}
    return {
        "conversational": (
            "pairs",
            [{"prompt": asked("What?"), "chosen": said(text), "rejected": said("No.")} for text in answers]
            # A prompt that leaves no room.
            + [{"prompt": asked("y" * 1100), "chosen": said("One."), "rejected": said("Two.")}],
        ),
        "extras": (
            "pairs",
            [{"prompt": asked("What?"), "chosen": said("No."), "rejected": said(text), **given} for text in answers],
        ),
        "implicit": (
            "pairs",
            [{"chosen": asked("Q") + said(text), "rejected": asked("Q") + said("-")} for text in answers],
        ),
        "text": (
            "pairs",
            [{"prompt": "What? ", "chosen": text, "rejected": "No.<|end|>"} for text in answers]
            + [{"prompt": "What? ", "chosen": f"{text}<|end|>", "rejected": "No."} for text in answers],
        ),
        "text_implicit": ("pairs", [{"chosen": f"What? {text}", "rejected": "What? No."} for text in answers]),
        "unpaired": (
            "kto",
            [{"prompt": asked("What?"), "completion": said(t), "label": at % 2 == 0} for at, t in enumerate(answers)],
        ),
        "unpaired_text": (
            "kto",
            [{"prompt": "What? ", "completion": text, "label": at % 2 == 0} for at, text in enumerate(answers)],
        ),
    }


def longest(kind: str, model: Path, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return the tokens of each row that a trainer keeps, by the row's number."""
    numbered = [{**row, "number": str(number)} for number, row in enumerate(rows)]
    prepared = make_trainer(kind, model, rows=library("datasets").Dataset.from_list(numbered)).train_dataset
    sides = {
        "reward": ("chosen_ids", "rejected_ids"),
        "dpo": ("chosen_ids", "rejected_ids"),
        "kto": ("completion_ids",),
    }
    return {
        row["number"]: len(row["prompt_ids"] if kind != "reward" else ()) + max(len(row[name]) for name in sides[kind])
        for row in prepared
    }


def main(folder: Path) -> None:
    """Show every layout to the trainers that read it."""
    import_trainers()
    make_model(folder / "model")
    (folder / "rows").mkdir()
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name, (read_by, rows) in layouts().items():
        kinds = ("dpo", "reward") if read_by == "pairs" else ("kto",)
        # RewardTrainer reads conversations with a prompt or without, texts alike.
        found[name] = {kind: longest(kind, folder / "model", rows) for kind in kinds}
        (folder / "rows" / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "lengths.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Rows under a chat template that ends a turn with the end token and a line break, as Qwen's does, shown to TRL.

python -m tests.train.endings FOLDER    writes FOLDER/tokens.json: by trainer what it makes of conversations and strings
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.export import as_strings, chat_template
from curation.tokenizer import load_tokenizer
from tests.train.trainers import TEMPLATE, import_trainers, library, make_model, make_trainer

END = "<|end|>"
ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
GOOD = [{"role": "assistant", "content": "Because."}]
BAD = [{"role": "assistant", "content": "No.\n"}]
PAIR = {"prompt": ASKED, "chosen": GOOD, "rejected": BAD}
ROWS: dict[str, list[dict[str, Any]]] = {
    "dpo": [PAIR] * 2,
    "reward": [PAIR] * 2,
    "kto": [
        {"prompt": ASKED, "completion": answer, "label": label} for answer, label in ((GOOD, True), (BAD, False)) * 2
    ],
    "sft": [{"messages": ASKED + GOOD}, {"messages": ASKED + BAD}],
}


def tokens(kind: str, model: Path, table: Any) -> list[dict[str, str]]:
    """Return the tokens that a trainer makes of each row, as text."""
    trainer = make_trainer(kind, model, rows=library("datasets").Dataset(table))
    decode = trainer.processing_class.decode
    return [{name: decode(row[name]) for name in row if name.endswith("_ids")} for row in trainer.train_dataset]


def main(folder: Path) -> None:
    """Show each trainer its rows in both layouts."""
    import_trainers()
    model = folder / "model"
    make_model(model)
    template = TEMPLATE.replace("['content'] }}" + END, "['content'] }}" + END + "\n")
    (model / "chat_template.jinja").write_text(template)
    render = chat_template(load_tokenizer(str(model)))
    found = {}
    for kind, rows in ROWS.items():
        table = pa.Table.from_pylist(rows)
        layouts = {"conversations": table, "strings": as_strings(table, render)}
        found[kind] = {name: tokens(kind, model, each) for name, each in layouts.items()}
    (folder / "tokens.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What the training test runs in processes of its own: make a tiny model; train every trainer on every layout.

python -m tests.train.two_steps make MODEL_FOLDER
python -m tests.train.two_steps train MODEL_FOLDER LAYOUTS REPORT

LAYOUTS is a JSON list of {name, path, weights}: a repo on the Hub or a folder of Parquet files, and KTO's weights.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.train.trainers import KINDS, import_trainers, library, make_model, make_trainer

IGNORED = -100
"""The label of a token that no loss is taken of."""


def published(path: str) -> dict[str, Any]:
    """Return the train split of every training config, as anybody would load it."""
    datasets = library("datasets")
    wanted = {kind.reads for kind in KINDS.values()}
    if Path(path).is_dir():
        files = {config: sorted(map(str, Path(path, config).glob("train-*.parquet"))) for config in wanted}
        return {
            config: datasets.load_dataset("parquet", data_files=each, split="train")
            for config, each in files.items()
            if each
        }
    there = wanted.intersection(datasets.get_dataset_config_names(path))
    return {config: datasets.load_dataset(path, config, split="train") for config in there}


def train(model: Path, layout: Mapping[str, Any]) -> dict[str, Any]:
    """Train each trainer on the config that it reads, as it is; return what is to be asserted, by trainer."""
    rows = published(layout["path"])
    return {
        kind: _run(kind, model, rows[of_kind.reads], weights=layout["weights"])
        for kind, of_kind in KINDS.items()
        if of_kind.reads in rows
    }


def _run(kind: str, model: Path, rows: Any, *, weights: Sequence[float]) -> dict[str, Any]:
    trainer = make_trainer(kind, model, rows=rows, weights=weights)
    result = trainer.train()
    prepared = trainer.train_dataset
    tokens = {name: list(prepared[name]) for name in sorted(prepared.column_names) if name.endswith(("_ids", "labels"))}
    return {
        "rows": len(rows),
        "kept": len(prepared),
        "steps": result.global_step,
        "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        "tokens": hashlib.sha256(json.dumps(tokens).encode()).hexdigest(),
        "changed": _changed(kind, rows, prepared, trainer.processing_class.decode),
        "margin": _margin(trainer) if kind == "reward" else None,
        "gaps": rows["score_gap"][:2] if kind == "reward" else None,
        "batches_with_one_prompt_twice": _repeated(rows["prompt_id"], KINDS[kind].batch),
    }


def _changed(kind: str, rows: Any, prepared: Any, decode: Any) -> list[dict[str, str]]:
    """Where the text that is trained on is not the text that was published."""
    changed = []
    for row, tokenised in zip(rows, prepared, strict=True):
        wanted = dict(published_texts(kind, row))
        trained = dict(trained_texts(kind, tokenised, decode))
        changed += [
            {"id": row["id"], "text": name, "published": wanted.get(name, ""), "trained": trained.get(name, "")}
            for name in wanted.keys() | trained.keys()
            if wanted.get(name) != trained.get(name)
        ]
    return changed


def trained_texts(kind: str, tokenised: Mapping[str, Any], decode: Any) -> Iterator[tuple[str, str]]:
    """Yield what a trainer made of a row: "prompt", and by answer the whole and what the loss is taken of."""
    if kind == "sft":
        yield "whole completion", decode(tokenised["input_ids"])
        yield "completion", decode(_learned(tokenised["labels"]))
    elif kind == "reward":
        for answer in ("chosen", "rejected"):
            yield f"whole {answer}", decode(tokenised[f"{answer}_ids"])
    elif kind in ("orpo", "cpo"):
        yield "prompt", decode(tokenised["prompt_input_ids"])
        for answer in ("chosen", "rejected"):
            yield f"whole {answer}", decode(tokenised[f"{answer}_input_ids"])
            yield answer, decode(_learned(tokenised[f"{answer}_labels"]))
    else:
        yield "prompt", decode(tokenised["prompt_ids"])
        for answer in ("completion",) if kind == "kto" else ("chosen", "rejected"):
            yield f"whole {answer}", decode(tokenised["prompt_ids"] + tokenised[f"{answer}_ids"])
            yield answer, decode(tokenised[f"{answer}_ids"])


def published_texts(kind: str, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the same of a row as it was published, written down as the model's chat template would.

    Strings are begun by the tokenizer, conversations by its template.
    """
    # ORPO and CPO give the template a row's chat_template_kwargs, but never its tools (TRL 1.16).
    before = _before(row, tools=kind not in ("orpo", "cpo"))
    if "messages" in row:
        turns = row["messages"]
        whole = before + _turns(turns[:-1]) + "<|assistant|>" + turns[-1]["content"] + "<|end|>"
        yield "whole completion", whole
        # Without a prompt of its own every token of a conversation is learned.
        yield "completion", whole
        return
    talk = not isinstance(row["prompt"], str)
    prompt = before + _turns(row["prompt"]) + "<|assistant|>" if talk else "<|begin|>" + row["prompt"]
    if kind not in ("sft", "reward"):
        yield "prompt", prompt
    for name in ("chosen", "rejected", "completion"):
        if name in row:
            answer = row[name][0]["content"] if talk else row[name].removesuffix("<|end|>")
            yield f"whole {name}", f"{prompt}{answer}<|end|>"
            if kind != "reward":
                yield name, f"{answer}<|end|>"


def _before(row: Mapping[str, Any], *, tools: bool) -> str:
    """What the template says before the first turn."""
    said = []
    if tools and "tools" in row:
        said.append(f"Tools: {json.dumps(json.loads(row['tools']), ensure_ascii=False)}")
    if "chat_template_kwargs" in row:
        said.append(f"Tone: {row['chat_template_kwargs']['tone']}")
    return "<|begin|>" + "".join(f"<|system|>{text}<|end|>" for text in said)


def _turns(messages: Sequence[Mapping[str, str]]) -> str:
    return "".join(f"<|{turn['role']}|>{turn['content']}<|end|>" for turn in messages)


def _margin(trainer: Any) -> list[float] | None:
    """The margins that the loss of the first two rows is taken with."""
    batch = trainer.data_collator([trainer.train_dataset[0], trainer.train_dataset[1]])
    return list(batch["margin"].tolist()) if "margin" in batch else None


def _learned(labels: Sequence[int]) -> list[int]:
    return [token for token in labels if token != IGNORED]


def _repeated(prompts: Any, size: int) -> int:
    batches = [list(prompts)[start : start + size] for start in range(0, len(prompts), size)]
    return sum(len(set(batch)) < len(batch) for batch in batches)


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    match arguments:
        case ["make", folder]:
            make_model(Path(folder))
        case ["train", folder, layouts, report]:
            import_trainers()
            found = {layout["name"]: train(Path(folder), layout) for layout in json.loads(Path(layouts).read_text())}
            Path(report).write_text(json.dumps(found))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

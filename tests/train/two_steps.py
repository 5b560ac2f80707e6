"""What the training test runs in processes of its own: make a tiny model; train on a published dataset for two steps.

python -m tests.train.two_steps make MODEL_FOLDER
python -m tests.train.two_steps train MODEL_FOLDER REPO DESIRABLE UNDESIRABLE REPORT
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

SPECIAL = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = ["A question, an answer, and what a reviewer thinks of it: 0123456789.", "small at 1.0 says: what is it?"]
STEPS = 2


def library(name: str) -> Any:
    """Import a library of the `train` extra; mypy has the same to say whether it is installed or not."""
    return import_module(name)


def make_model(folder: Path) -> None:
    """Save a Llama with hidden size 32 and random weights, and a byte-level BPE tokenizer with a chat template."""
    tokenizers, transformers = library("tokenizers"), library("transformers")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=340, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(WORDS, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>", pad_token="<|pad|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    transformers.set_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def train(model: Path, repo: str, *, desirable: float, undesirable: float) -> dict[str, Any]:
    """Train DPO and KTO on the published train splits, as they are; return what is to be asserted."""
    trl = library("trl")
    common = {
        "output_dir": str(model.parent / f"out-{os.environ['PYTHONHASHSEED']}"),
        "max_steps": STEPS,
        "bf16": False,
        "use_cpu": True,
        "report_to": "none",
        "logging_steps": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    dpo = trl.DPOConfig(per_device_train_batch_size=2, **common)
    kto = trl.KTOConfig(
        per_device_train_batch_size=4, desirable_weight=desirable, undesirable_weight=undesirable, **common
    )
    return {
        "dpo": _run(trl.DPOTrainer, dpo, model, repo, "dpo", ("chosen", "rejected")),
        "kto": _run(trl.KTOTrainer, kto, model, repo, "kto", ("completion",)),
    }


def _run(trainer_class: Any, args: Any, model: Path, repo: str, config: str, answers: tuple[str, ...]) -> Any:
    datasets = library("datasets")
    rows = datasets.load_dataset(repo, config, split="train")
    trainer = trainer_class(model=str(model), args=args, train_dataset=rows)
    result = trainer.train()
    prepared = trainer.train_dataset
    tokens = {name: prepared[name] for name in sorted(prepared.column_names) if name.endswith("_ids")}
    decode = trainer.processing_class.decode
    return {
        "rows": len(rows),
        "kept": len(prepared),
        "steps": result.global_step,
        "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        "token_columns": list(tokens),
        "tokens": hashlib.sha256(json.dumps({name: list(ids) for name, ids in tokens.items()}).encode()).hexdigest(),
        "changed": _changed(rows, prepared, ("prompt", *answers), decode),
        "batches_with_one_prompt_twice": _repeated(rows["prompt_id"], args.per_device_train_batch_size),
    }


def _changed(rows: Any, prepared: Any, columns: tuple[str, ...], decode: Any) -> list[dict[str, str]]:
    """Where the text that is trained on is not the text that was published."""
    changed = []
    for row, tokenised in zip(rows, prepared, strict=True):
        for column in columns:
            messages = row[column]
            if column == "prompt":
                published = "".join(f"<|{turn['role']}|>{turn['content']}<|end|>" for turn in messages)
                published += "<|assistant|>"
            else:
                published = "".join(turn["content"] for turn in messages) + "<|end|>"
            trained = decode(tokenised[f"{column}_ids"])
            if trained != published:
                changed.append({"id": row["id"], "column": column, "published": published, "trained": trained})
    return changed


def _repeated(prompts: Any, size: int) -> int:
    batches = [list(prompts)[start : start + size] for start in range(0, len(prompts), size)]
    return sum(len(set(batch)) < len(batch) for batch in batches)


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    match arguments:
        case ["make", folder]:
            make_model(Path(folder))
        case ["train", folder, repo, desirable, undesirable, report]:
            library("torch").set_num_threads(1)
            found = train(Path(folder), repo, desirable=float(desirable), undesirable=float(undesirable))
            Path(report).write_text(json.dumps(found))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

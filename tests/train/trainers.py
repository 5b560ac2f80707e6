"""A tiny model with a chat template, and TRL's trainers on it: all that the training tests have in common."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

SPECIAL = ("<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>")
TEMPLATE = (
    "{{ bos_token }}"
    "{% if tools %}<|system|>Tools: {{ tools | tojson }}<|end|>{% endif %}"
    "{% if tone is defined %}<|system|>Tone: {{ tone }}<|end|>{% endif %}"
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = ["A question, an answer, and what a reviewer thinks of it: 0123456789.", "small at 1.0 says: what is it?"]
STEPS = 2


class Kind(NamedTuple):
    """A trainer of TRL: where it is, the published config it reads, rows per batch."""

    module: str
    name: str
    reads: str
    batch: int = 2


KINDS = {
    "dpo": Kind("trl", "DPO", "dpo"),
    "kto": Kind("trl", "KTO", "kto", batch=4),
    "reward": Kind("trl", "Reward", "reward"),
    "sft": Kind("trl", "SFT", "sft"),
    "orpo": Kind("trl.experimental.orpo", "ORPO", "dpo"),
    "cpo": Kind("trl.experimental.cpo", "CPO", "dpo"),
}


def library(name: str) -> Any:
    """Import a library of the `train` extra; mypy has the same to say whether it is installed or not."""
    return import_module(name)


def make_model(folder: Path) -> None:
    """Save a Llama with hidden size 32 and random weights, and a byte-level BPE tokenizer with a chat template.

    As with Llama 3 and Gemma, both the chat template and the tokenizer itself begin a text with a token of its own.
    """
    tokenizers, transformers = library("tokenizers"), library("transformers")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=340, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(WORDS, trainer)
    bpe.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", bpe.token_to_id("<|begin|>"))]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|pad|>"
    )
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
        bos_token_id=tokenizer.bos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def import_trainers() -> None:
    """Import everything that the trainers need, and keep it from the garbage collector.

    Every call of train() collects garbage, which half of the time goes to if it looks at all of torch.
    """
    library("torch").set_num_threads(1)
    library("datasets").disable_progress_bars()
    for kind in KINDS.values():
        getattr(library(kind.module), f"{kind.name}Trainer")
    gc.freeze()


def make_trainer(kind: str, model: Path, *, rows: Any, weights: Sequence[float] = (1.0, 1.0)) -> Any:
    """Return TRL's trainer of this kind on a datasets.Dataset; constructing it prepares and tokenises the rows.

    `weights` are KTO's for desirable and undesirable rows.
    """
    of_kind = KINDS[kind]
    module = library(of_kind.module)
    own = dict(zip(("desirable_weight", "undesirable_weight"), weights, strict=True)) if kind == "kto" else {}
    args = getattr(module, f"{of_kind.name}Config")(
        output_dir=str(model.parent / f"out-{os.environ.get('PYTHONHASHSEED')}"),
        max_steps=STEPS,
        per_device_train_batch_size=of_kind.batch,
        bf16=False,
        use_cpu=True,
        report_to="none",
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        gradient_checkpointing=False,
        **own,
    )
    return getattr(module, f"{of_kind.name}Trainer")(model=str(model), args=args, train_dataset=rows)

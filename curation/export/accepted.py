"""What TRL's trainers accept. Every table is checked for it before it is published.

The rules are what TRL 1.16 did when it was run on such tables:

- It stops at a `label` that is null or a text (KTOTrainer), at an empty prompt, at a null `chat_template_kwargs`, at an
  empty `tools`, and at `image` and `images`.
- A column `label` in a table of pairs breaks ORPO. `messages` beside a prompt breaks ORPO, CPO and SFT.
- A column `margin` changes the loss of RewardTrainer.
- It accepts a chosen answer that equals the rejected one, and a completion that stands twice or with both labels. They
  teach nothing, or what one row teaches the other takes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from curation.frames import pl

TRAPS = frozenset(
    {"prompt", "chosen", "rejected", "completion", "label", "messages", "text", "margin", "image", "images"}
)
TEXTS = ("prompt", "chosen", "rejected", "completion", "messages")
GIVEN = ("tools", "chat_template_kwargs")
PAIRED = frozenset({"prompt", "chosen", "rejected"})
LAYOUTS: dict[str, tuple[frozenset[str], ...]] = {
    "dpo": (PAIRED,),
    "reward": (PAIRED, PAIRED | {"margin"}),
    "kto": (frozenset({"prompt", "completion", "label"}),),
    "sft": (frozenset({"messages"}), frozenset({"prompt", "completion"})),
}
"""The columns that trainers of a config read: one of these sets, and no other trap beside it."""


def faults(config: str, table: pa.Table) -> Iterator[str]:
    """Yield, as sentences, why TRL would refuse or misread this table of a training config.

    `raw` is not trained on, and has no faults.
    """
    if config not in LAYOUTS:
        return
    yield from _columns(config, set(table.column_names))
    names = [name for name in (*TEXTS, "label", "prompt_id", *GIVEN) if name in table.column_names]
    rows = pl.DataFrame(table.select(names))
    texts = [name for name in TEXTS if name in names]
    if len({_is_conversation(rows, name) for name in texts}) > 1:
        yield f"{config} has texts beside conversations"
    masks = {sentence: mask for name in texts for sentence, mask in _texts(name, rows)}
    if {"chosen", "rejected"} <= rows.schema.keys() and rows.schema["chosen"] == rows.schema["rejected"]:
        same = _last_text(rows, "chosen") == _last_text(rows, "rejected")
        masks["{count:,} rows whose chosen and rejected are the same"] = same
    masks |= {f"rows without {name}, while others have it": _is_missing(rows, name) for name in GIVEN if name in names}
    yield from _counted(config, rows, masks)
    if config == "kto":
        yield from _labels(rows)


def _columns(config: str, names: set[str]) -> Iterator[str]:
    layout = max(LAYOUTS[config], key=lambda columns: (columns <= names, len(columns & names)))
    for missing in sorted(layout - names):
        yield f"{config} has no column {missing!r}"
    for trap in sorted((TRAPS & names) - layout):
        yield f"{config} has a column {trap!r}, which a trainer would take for something else"


def _texts(name: str, rows: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    """Yield the faults that a column of prompts or answers may have, each with the mask of the rows that have it.

    A text may be empty, its last turn may be that of the wrong speaker, or an answer may have several turns.
    """
    yield f"{{count:,}} rows whose {name} is empty", _is_blank(_last_text(rows, name))
    if not _is_conversation(rows, name):
        return
    speaker = "user" if name == "prompt" else "assistant"
    last_speaker = pl.col(name).list.last().struct.field("role")
    yield f"{{count:,}} rows whose {name} does not end with the {speaker}", (last_speaker != speaker).fill_null(True)
    if name not in ("prompt", "messages"):
        longer = f"{{count:,}} rows whose {name} is more than one turn: the prompt would be read twice"
        yield longer, pl.col(name).list.len() > 1


def _labels(rows: pl.DataFrame) -> Iterator[str]:
    """Yield the faults of labels: one is not true or false, or a completion stands twice or with both labels."""
    if "label" in rows.columns and (rows.schema["label"] != pl.Boolean or rows["label"].null_count()):
        yield "kto has labels that are not true or false"
    if not LAYOUTS["kto"][0] <= rows.schema.keys():
        return
    # Prompts with the same words and other tools are different, and only their ids tell them apart.
    prompt = pl.col("prompt_id") if "prompt_id" in rows.columns else pl.col("prompt").hash()
    # Hashes of 64 bits are compared within a prompt: grouping by whole texts takes many times as long.
    labels = rows.group_by(prompt.alias("prompt"), _last_text(rows, "completion").hash().alias("completion")).agg(
        distinct=pl.col("label").drop_nulls().n_unique(), times=pl.col("label").count()
    )
    repeated = {
        "{count:,} completions with both labels": pl.col("distinct") > 1,
        "{count:,} completions that stand twice": (pl.col("distinct") == 1) & (pl.col("times") > 1),
    }
    yield from _counted("kto", labels, repeated)


def _is_conversation(rows: pl.DataFrame, name: str) -> bool:
    return isinstance(rows.schema[name], pl.List)


def _last_text(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return the texts of a column, or the last message of each of its conversations; null if it has none."""
    return pl.col(name).list.last().struct.field("content") if _is_conversation(rows, name) else pl.col(name)


def _is_missing(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return whether each value is missing: null, or a blank text where JSON is expected."""
    return _is_blank(pl.col(name)) if rows.schema[name] == pl.String else pl.col(name).is_null()


def _is_blank(texts: pl.Expr) -> pl.Expr:
    return ~texts.str.contains(r"\S").fill_null(False)


def _counted(config: str, rows: pl.DataFrame, masks: Mapping[str, pl.Expr]) -> Iterator[str]:
    """Yield a sentence for each fault that rows have, such as "kto has 2 rows whose prompt is empty"."""
    counts = rows.select(mask.sum().alias(fault) for fault, mask in masks.items())
    for fault, count in counts.row(0, named=True).items() if masks else ():
        if count:
            yield f"{config} has {fault.format(count=count)}"

"""What TRL's trainers accept: the rule that every table is held to before it is published.

Executed with TRL 1.16: a `label` that is null or text stops KTOTrainer; `label` in a paired table breaks ORPO;
`messages` beside a prompt breaks ORPO, CPO and SFT; `image(s)` raises; `margin` changes the loss of RewardTrainer;
null `chat_template_kwargs` and an empty `tools` raise; an empty prompt raises; chosen equal to rejected is accepted
and teaches nothing; so is a completion that stands twice, or with both labels, which is learnt and unlearnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRAPS = frozenset(
    {"prompt", "chosen", "rejected", "completion", "label", "messages", "text", "margin", "image", "images"}
)
TEXTS = ("prompt", "chosen", "rejected", "completion", "messages")
PAIRED = frozenset({"prompt", "chosen", "rejected"})
LAYOUTS: dict[str, tuple[frozenset[str], ...]] = {
    "dpo": (PAIRED,),
    "reward": (PAIRED, PAIRED | {"margin"}),
    "kto": (frozenset({"prompt", "completion", "label"}),),
    "sft": (frozenset({"messages"}), frozenset({"prompt", "completion"})),
}
"""The columns that trainers of a config read: one of these sets, and no other trap beside it."""


def faults(config: str, table: Any) -> Iterator[str]:
    """Yield, as sentences, why TRL would refuse or misread this pyarrow.Table of a training config.

    `raw` is not trained on, and has no faults.
    """
    if config not in LAYOUTS:
        return
    names = set(table.column_names)
    yield from _columns(config, names)
    yield from _texts(config, table)
    if config == "kto" and "label" in names and (table["label"].null_count or str(table["label"].type) != "bool"):
        yield "kto has labels that are not true or false"
    if config == "kto" and LAYOUTS["kto"][0] <= names:
        yield from _repeats(table)
    if {"chosen", "rejected"} <= names and table["chosen"].type == table["rejected"].type:
        same = _count(_equal(table["chosen"], table["rejected"]))
        if same:
            yield f"{config} has {same:,} rows whose chosen and rejected are the same"
    for name in ("tools", "chat_template_kwargs"):
        if name in names and _count(_is_missing(table[name])):
            yield f"{config} has rows without {name}, while others have it"


def _columns(config: str, names: set[str]) -> Iterator[str]:
    layout = max(LAYOUTS[config], key=lambda wanted: (wanted <= names, len(wanted & names)))
    for missing in sorted(layout - names):
        yield f"{config} has no column {missing!r}"
    for trap in sorted((TRAPS & names) - layout):
        yield f"{config} has a column {trap!r}, which a trainer would take for something else"


def _texts(config: str, table: Any) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: table[name].combine_chunks() for name in TEXTS if name in table.column_names}
    if len({pa.types.is_list(column.type) for column in columns.values()}) > 1:
        yield f"{config} has texts beside conversations"
    for name, column in columns.items():
        empty = _count(_is_empty(column))
        if empty:
            yield f"{config} has {empty:,} rows whose {name} is empty"
        wanted = "user" if name == "prompt" else "assistant"
        wrong = _count(_ends_otherwise(column, wanted))
        if wrong:
            yield f"{config} has {wrong:,} rows whose {name} does not end with the {wanted}"
        if name not in ("prompt", "messages") and pa.types.is_list(column.type):
            long = _count(pc.greater(pc.list_value_length(column), 1))
            if long:
                yield f"{config} has {long:,} rows whose {name} is more than one turn: the prompt would be read twice"


def _repeats(table: Any) -> Iterator[str]:
    """Name completions of one prompt that stand twice, or with both labels."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # The same words with other tools are another prompt, which only its id tells.
    prompt = "prompt_id" if "prompt_id" in table.column_names else "prompt"
    prompts, completions = (_written_out(table[name].combine_chunks()) for name in (prompt, "completion"))
    rows = pa.table({"prompt": prompts, "completion": completions, "label": table["label"]})
    counts = rows.group_by(["prompt", "completion"]).aggregate([("label", "count_distinct"), ("label", "count")])
    several = pc.greater(counts["label_count_distinct"], 1)
    if both := _count(several):
        yield f"kto has {both:,} completions with both labels"
    if twice := _count(pc.and_(pc.invert(several), pc.greater(counts["label_count"], 1))):
        yield f"kto has {twice:,} completions that stand twice"


def _written_out(column: Any) -> Any:
    """Return texts as they are, and each conversation as one text: its roles and contents, with NUL between them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(column.type):
        return column
    turns = column.flatten()
    texts = pc.binary_join_element_wise(turns.field("role"), turns.field("content"), "\0")
    return pc.binary_join(pa.ListArray.from_arrays(_offsets(column), texts), "\0")


def _offsets(column: Any) -> Any:
    """Return where the turns of each conversation begin among the turns of all."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return pa.array(np.r_[0, np.cumsum(lengths)], pa.int32())


def _is_missing(column: Any) -> Any:
    """Whether each value is null, or a blank text, which is no JSON."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _is_empty(column) if pa.types.is_string(column.type) else pc.is_null(column)


def _is_empty(column: Any) -> Any:
    """Whether each text is blank, or each conversation has no message or a blank last one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(column.type):
        column = _last(column, "content")
    return pc.fill_null(pc.or_(pc.utf8_is_space(column), pc.equal(pc.binary_length(column), 0)), True)


def _ends_otherwise(column: Any, role: str) -> Any:
    """Whether each conversation ends with somebody else; a text has no roles."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(column.type):
        return pa.array([False])
    return pc.fill_null(pc.not_equal(_last(column, "role"), role), True)


def _last(column: Any, field: str) -> Any:
    """The field of each conversation's last message, null without one."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    last = np.cumsum(lengths) - 1
    return pc.list_flatten(column).field(field).take(pa.array(last, mask=lengths == 0))


def _equal(first: Any, second: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [column.combine_chunks() for column in (first, second)]
    if pa.types.is_list(columns[0].type):
        columns = [_last(column, "content") for column in columns]
    return pc.equal(*columns)


def _count(mask: Any) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(mask).as_py() or 0)

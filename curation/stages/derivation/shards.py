"""From the rows of a config to a Parquet shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation import export
from curation.export import Columns, Completions, Demonstrations, Pairs, Rows
from curation.schema import arrow_schema
from curation.stages.derivation.tally import Shard
from curation.store.parquet import content_name, table_bytes
from curation.types import RawRow


def made_table(config: str, rows: Rows, columns: Columns, *, margin: bool) -> Any:
    """Return the rows of a config that is trained on as a pyarrow.Table in the order to publish them in."""
    match rows:
        case Completions():
            table = export.unpaired_table(rows, columns)
        case Demonstrations():
            table = export.supervised_table(rows, columns)
        case Pairs():
            table = export.preference_table(rows, columns, config=config, margin=margin and config == "reward")
        case _:
            raise TypeError(f"No config has rows of {type(rows).__name__}")
    return _ordered(config, table)


def raw_table(rows: Sequence[RawRow], *, thinking: bool = False) -> Any:
    """Return rows of `raw` as a pyarrow.Table in order of id, with or without what models thought."""
    import pyarrow as pa

    ordered = sorted(rows, key=lambda row: row.id)
    schema = arrow_schema(RawRow)
    if not thinking:
        at = schema.get_field_index("candidates")
        kept = [part for part in schema.field(at).type.value_type if part.name != "thinking"]
        schema = schema.set(at, schema.field(at).with_type(pa.list_(pa.struct(kept))))
    return pa.Table.from_pylist([row.model_dump() for row in ordered], schema=schema)


def _ordered(config: str, table: Any) -> Any:
    """The order to publish a shard in: KTO's own, else by id."""
    import pyarrow.compute as pc

    if config == "kto":
        columns = (table[name].combine_chunks() for name in ("id", "prompt_id", "label"))
        return table.take(export.kto_order(*columns))
    return table.take(pc.sort_indices(table["id"]))


def write_shard(config: str, split: str, table: Any, folder: Path) -> Shard:
    """Write a pyarrow.Table into `folder` under the name that follows from its content."""
    content = table_bytes(table)
    path = content_name(config, content, prefix=f"{split}-")
    (folder / config).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Shard(config, split, path, table.num_rows, len(content), digest)

"""Responses as a data frame. A store has hundreds of thousands, and most of what is counted needs a few columns alone.

    record_id reviewer status    values              inserted_at      updated_at       ...
    0123      ann      submitted {"preference": "a"} 2026-11-28 10:00 2026-11-28 10:00

The columns are the fields of `Response`; `values` is a text of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from curation.frames import pl
from curation.store import RESPONSES, Snapshot
from curation.types import Response

TIME = pl.Datetime("us", "UTC")
COLUMNS = tuple(Response.model_fields)
SCHEMA = {name: TIME if name.endswith("_at") else pl.String() for name in COLUMNS}
KEY = ("record_id", "reviewer")
CONTENT = ("status", "values")

NEVER = datetime.min.replace(tzinfo=UTC)


def given_at(response: Response) -> datetime:
    """Return when a response was last changed, the beginning of time if Argilla does not say."""
    return response.updated_at or response.inserted_at or NEVER


def moments() -> pl.Expr:
    """Return `given_at` as a column.

    It is made when it is used: to make a literal of a time, Polars starts its threads, and a process is not forked
    safely after that.
    """
    return pl.coalesce("updated_at", "inserted_at", pl.lit(NEVER, TIME))


def stored_versions(snapshot: Snapshot) -> pl.DataFrame:
    """Return every version of every response in the store, oldest first, with the column `ended`."""
    return pl.DataFrame(snapshot.whole(RESPONSES, (*COLUMNS, "ended")))


def present(versions: pl.DataFrame) -> pl.DataFrame:
    """Return the responses that are there after all versions."""
    latest = versions.unique(KEY, keep="last", maintain_order=True)
    return latest.filter(pl.col("ended").is_null()).select(COLUMNS)


def stored_responses(snapshot: Snapshot) -> pl.DataFrame:
    """Return the responses of the store, as the last sync saw them."""
    return present(stored_versions(snapshot))


def frame_of(responses: Iterable[Response]) -> pl.DataFrame:
    """Return these responses as a data frame."""
    rows = [
        [_json(response.values) if name == "values" else getattr(response, name) for name in COLUMNS]
        for response in responses
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def values_of(responses: pl.DataFrame) -> list[Response]:
    """Return the rows of a data frame as values."""
    return [
        Response.model_validate({**row, "values": json.loads(row["values"])}) for row in responses.iter_rows(named=True)
    ]


def with_first_times(responses: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Return responses with the times at which each was first seen with this content.

    `restore` writes responses again, and Argilla gives them the time of that.
    """
    # Most responses have one version, which has these times already.
    repeated = versions.filter(pl.struct(KEY).is_duplicated())
    if repeated.is_empty():
        return responses
    changed = pl.any_horizontal(pl.col(CONTENT).ne_missing(pl.col(CONTENT).shift().over(KEY)))
    is_first = pl.int_range(pl.len()).over(KEY) == 0
    first = repeated.filter(is_first | changed).unique(KEY, keep="last")
    times = ("inserted_at", "updated_at")
    first = first.select(*KEY, *CONTENT, *(pl.col(name).alias(f"first_{name}") for name in times), known=True)
    joined = responses.join(first, on=(*KEY, *CONTENT), how="left", maintain_order="left")
    return joined.with_columns(
        pl.when("known").then(f"first_{name}").otherwise(name).alias(name) for name in times
    ).select(COLUMNS)


def progress_of(responses: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return the number of responses by reviewer and status: {"anna": {"submitted": 3, "draft": 1}}."""
    progress: dict[str, dict[str, int]] = {}
    for reviewer, status, count in (
        responses.group_by("reviewer", "status").len().sort("reviewer", "status").iter_rows()
    ):
        progress.setdefault(reviewer, {})[status] = count
    return progress


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)

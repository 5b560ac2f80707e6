"""argilla-server's application with one more route, which lists the responses of a dataset. It only reads.

    UVICORN_APP=review_app:app

makes the image start it in place of `argilla_server:app`. `curation sync` asks the route which responses are new,
changed or gone since the last time, and then reads only the records of these. Argilla's own API has no such list.

    GET /api/v1/datasets/{dataset_id}/curation/responses

    {"items": [["<record>", "<external id>", "<user>", "2026-01-31T12:00:00.000001"],
               ["<record>", "<external id>", null, null]]}

has a row for each response (who gave it, and when it was changed last) and one for each record without responses. There
are no texts, answers or names in it. Who may read all responses of the dataset may read it: owners, and admins who are
members of its workspace. Others are answered as by the other routes: 401, 403, or 404 for an unknown dataset.

If a newer argilla-server lacks what this module needs, Argilla is served without the route, and the log says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from argilla_server import app

ROWS = 2_000
"""So many rows are in memory at once, while they are sent."""

_LOGGER = logging.getLogger("argilla")


def add_route() -> None:
    """Add the route to argilla-server. Raises ImportError or AttributeError if it does not have what that takes."""
    from argilla_server.api.policies.v1 import DatasetPolicy, authorize
    from argilla_server.api.routes import api_v1
    from argilla_server.database import AsyncSessionLocal, get_async_db
    from argilla_server.models import Dataset, Record, Response
    from argilla_server.security import auth
    from fastapi import Depends, Security
    from fastapi.responses import StreamingResponse
    from sqlalchemy import select

    session, signed_in = Depends(get_async_db), Security(auth.get_current_user)

    async def list_responses(dataset_id: UUID, db: Any = session, user: Any = signed_in) -> Any:
        dataset = await Dataset.get_or_raise(db, dataset_id)
        await authorize(user, DatasetPolicy.list_records_with_all_responses(dataset))
        # One query sees the database as it is at one moment, also while people answer.
        query = (
            select(Record.id, Record.external_id, Response.user_id, Response.updated_at)
            .outerjoin(Response, Response.record_id == Record.id)
            .where(Record.dataset_id == dataset_id)
        )
        return StreamingResponse(written(query), media_type="application/json")

    async def written(query: Any) -> AsyncIterator[str]:
        # The session of the request may be closed before the answer is sent, so this one is its own.
        async with AsyncSessionLocal() as db:
            yield '{"items":['
            separator = ""
            async for rows in (await db.stream(query)).partitions(ROWS):
                yield separator + json.dumps([_values(*row) for row in rows])[1:-1]
                separator = ","
            yield "]}"

    api_v1.get("/datasets/{dataset_id}/curation/responses", response_model=None)(list_responses)


def _values(record_id: UUID, external_id: str | None, user_id: UUID | None, updated_at: Any) -> tuple[str | None, ...]:
    if user_id is None:
        return str(record_id), external_id, None, None
    return str(record_id), external_id, str(user_id), updated_at.isoformat()


try:
    add_route()
except (ImportError, AttributeError) as error:
    _LOGGER.warning("Argilla is served without the list of responses, because argilla-server changed: %s", error)

__all__ = ["app"]

"""Argilla's filters and sort orders as SQL over its SQLite tables, whose JSON columns are read with json_each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from argilla_server.enums import ResponseStatusFilter, SortOrder
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.models import Question, Record, Response, Suggestion
from argilla_server.search_engine.base import (
    AndFilter,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
)
from sqlalchemy import Float, String, and_, case, cast, false, func, literal_column, or_, select, true, type_coerce

# With the plus SQLite uses the index on the dataset. Otherwise it would choose the one on the status, which is slow: a
# status has few values and spans all datasets.
STATUS = literal_column("+records.status", String)
_ROW_ID = literal_column("records.rowid")
_PRIME = 2_147_483_647


def _path(*names: str) -> str:
    return "$" + "".join(f'."{name}"' for name in names)


def values_of(scope: Any) -> tuple[Any, Any]:
    """Return a query for the values that a record has in a scope, and the query's column.

    The query gives one row for each value. For example, of the metadata {"tags": ["a", "b"]} the scope "tags" gives
    the rows "a" and "b".
    """
    if isinstance(scope, MetadataFilterScope):
        items = func.json_each(Record.metadata_, _path(scope.metadata_property)).table_valued("value")
        return select(items.c.value), items.c.value
    if isinstance(scope, SuggestionFilterScope):
        column = getattr(Suggestion, scope.property)
        matches = and_(Suggestion.record_id == Record.id, Question.name == scope.question)
        if scope.property not in ("value", "score"):
            text = type_coerce(column, String)
            return select(text).join(Question, Suggestion.question_id == Question.id).where(matches), text
        items = func.json_each(column).table_valued("value")
        statement = select(items.c.value).select_from(Suggestion).join(Question).join(items, true())
        return statement.where(matches), items.c.value
    if isinstance(scope, ResponseFilterScope):
        matches = and_(
            Response.record_id == Record.id, true() if scope.user is None else Response.user_id == scope.user.id
        )
        if not scope.question:
            status = type_coerce(Response.status, String)
            return select(status).where(matches), status
        items = func.json_each(Response.values, _path(scope.question, "value")).table_valued("value")
        return select(items.c.value).select_from(Response).join(items, true()).where(matches), items.c.value
    raise UnprocessableEntityError(f"Search does not know the scope {scope}.")


def condition_of(filter: Any) -> Any:
    """Return the SQL condition for the records that pass `filter`, which is terms, a range, or several filters."""
    if isinstance(filter, AndFilter):
        return and_(true(), *(condition_of(part) for part in filter.filters))
    if isinstance(filter.scope, RecordFilterScope):
        return _record_condition(filter)
    if isinstance(filter.scope, ResponseFilterScope) and not filter.scope.question:
        return _response_status_condition(filter)
    statement, value = values_of(filter.scope)
    if isinstance(filter, RangeFilter):
        condition = _between(value, _number(filter.ge), _number(filter.le))
    else:
        condition = cast(value, String).in_(filter.values)
    return statement.where(condition).correlate(Record).exists()


def _record_condition(filter: Any) -> Any:
    name = str(filter.scope.property)
    if isinstance(filter, RangeFilter):
        return _between(getattr(Record, name), _moment(filter.ge), _moment(filter.le))
    if name == "status":
        return STATUS.in_(filter.values)
    if name == "id":
        return type_coerce(Record.id, String).in_([value.replace("-", "") for value in filter.values])
    column = getattr(Record, name)
    return column.in_([_moment(value) for value in filter.values] if name.endswith("_at") else filter.values)


def _response_status_condition(filter: Any) -> Any:
    """Return the condition for responses with one of the statuses that the filter names.

    "pending" means that there is no response at all, or none of the user whom the filter names.
    """
    if isinstance(filter, RangeFilter):
        raise UnprocessableEntityError("The status of a response has no range.")
    statement, status = values_of(filter.scope)
    statuses = [str(value) for value in filter.values if value != ResponseStatusFilter.pending]
    answered = statement.where(status.in_(statuses)).correlate(Record).exists() if statuses else false()
    if len(statuses) == len(filter.values):
        return answered
    return or_(~statement.correlate(Record).exists(), answered)


def _between(value: Any, least: Any, greatest: Any) -> Any:
    bounds = [value >= least] if least is not None else []
    return and_(true(), *bounds, *([value <= greatest] if greatest is not None else []))


def _number(bound: Any) -> Any:
    if bound is None:
        return None
    try:
        # The cast is needed because for SQLite any number is less than any text.
        return cast(float(bound), Float)
    except ValueError:
        raise UnprocessableEntityError(f"A range needs numbers, not {bound!r}.") from None


def _moment(bound: Any) -> datetime | None:
    """Return a time as the tables hold it: in UTC and without a time zone.

    As in Elasticsearch, `bound` is text in ISO 8601, or milliseconds since 1970.
    """
    if bound is None:
        return None
    try:
        if isinstance(bound, float):
            return datetime.fromtimestamp(bound / 1000, UTC).replace(tzinfo=None)
        moment = datetime.fromisoformat(bound)
    except ValueError:
        raise UnprocessableEntityError(f"A time is written in ISO 8601, not {bound!r}.") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def sort_key(order: Any) -> Any:
    """Return the SQL expression that sorts records by a value.

    If a record has several values, numbers of responses count by their mean. Otherwise the smallest counts in ascending
    order and the greatest in descending order.
    """
    ascending = order.order == SortOrder.asc
    if isinstance(order.scope, RecordFilterScope):
        key = getattr(Record, str(order.scope.property))
    else:
        statement, value = values_of(order.scope)
        extreme = func.min(value) if ascending else func.max(value)
        if isinstance(order.scope, ResponseFilterScope):
            numbers = func.max(func.typeof(value)).in_(["integer", "real"])
            extreme = case((numbers, func.avg(value)), else_=extreme)
        key = statement.with_only_columns(extreme).correlate(Record).scalar_subquery()
    return (key.asc() if ascending else key.desc()).nulls_last()


def shuffled_order(user_id: UUID | None) -> list[Any]:
    """Return an SQL expression that shuffles records in an order that is stable for a user and differs between users.

    It sorts by (a * row + b) ** 2 modulo a prime, with a and b from the user's id. Without the square, about one user
    in a hundred would see the rows in their original order.
    """
    if user_id is None:
        return []
    linear = (_ROW_ID * (user_id.int % (_PRIME - 1) + 1) + (user_id.int >> 64) % _PRIME) % _PRIME
    return [(linear * linear) % _PRIME]

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

# The plus keeps SQLite from choosing the index on the status (few values, all datasets) over the one on the dataset.
STATUS = literal_column("+records.status", String)
_ROW_ID = literal_column("records.rowid")
_PRIME = 2_147_483_647


def _path(*names: str) -> str:
    return "$" + "".join(f'."{name}"' for name in names)


def values_of(scope: Any) -> tuple[Any, Any]:
    """Return a query for the values that a scope has in the record at hand, one a row, and its column."""
    if isinstance(scope, MetadataFilterScope):
        each = func.json_each(Record.metadata_, _path(scope.metadata_property)).table_valued("value")
        return select(each.c.value), each.c.value
    if isinstance(scope, SuggestionFilterScope):
        column = getattr(Suggestion, scope.property)
        mine = and_(Suggestion.record_id == Record.id, Question.name == scope.question)
        if scope.property not in ("value", "score"):
            text = type_coerce(column, String)
            return select(text).join(Question, Suggestion.question_id == Question.id).where(mine), text
        each = func.json_each(column).table_valued("value")
        statement = select(each.c.value).select_from(Suggestion).join(Question).join(each, true())
        return statement.where(mine), each.c.value
    if isinstance(scope, ResponseFilterScope):
        mine = and_(
            Response.record_id == Record.id, true() if scope.user is None else Response.user_id == scope.user.id
        )
        if not scope.question:
            status = type_coerce(Response.status, String)
            return select(status).where(mine), status
        each = func.json_each(Response.values, _path(scope.question, "value")).table_valued("value")
        return select(each.c.value).select_from(Response).join(each, true()).where(mine), each.c.value
    raise UnprocessableEntityError(f"Search does not know the scope {scope}.")


def condition_of(filter: Any) -> Any:
    """Return the SQL condition that a record meets if `filter` (terms, a range, or several of them) lets it through."""
    if isinstance(filter, AndFilter):
        return and_(true(), *(condition_of(each) for each in filter.filters))
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
    """Pending means no response at all (of that user, if there is one); the others name a response's status."""
    if isinstance(filter, RangeFilter):
        raise UnprocessableEntityError("The status of a response has no range.")
    statement, status = values_of(filter.scope)
    named = [str(value) for value in filter.values if value != ResponseStatusFilter.pending]
    answered = statement.where(status.in_(named)).correlate(Record).exists() if named else false()
    if len(named) == len(filter.values):
        return answered
    return or_(~statement.correlate(Record).exists(), answered)


def _between(value: Any, least: Any, greatest: Any) -> Any:
    bounds = [value >= least] if least is not None else []
    return and_(true(), *bounds, *([value <= greatest] if greatest is not None else []))


def _number(bound: Any) -> Any:
    if bound is None:
        return None
    try:
        # Typed, since SQLite holds any number to be less than any text.
        return cast(float(bound), Float)
    except ValueError:
        raise UnprocessableEntityError(f"A range needs numbers, not {bound!r}.") from None


def _moment(bound: Any) -> datetime | None:
    """Read a time as Elasticsearch does, ISO 8601 or milliseconds since 1970, into the naive UTC of the tables."""
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
    """Sort by a record's value; of several by the mean (numbers in responses), else by the first in that direction."""
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


def own_order(user_id: UUID | None) -> list[Any]:
    """Shuffle by a congruence of the row's number: the same for one user, another for the next.

    A line alone would leave one user in a hundred with the order of the rows; its square leaves none.
    """
    if user_id is None:
        return []
    line = (_ROW_ID * (user_id.int % (_PRIME - 1) + 1) + (user_id.int >> 64) % _PRIME) % _PRIME
    return [(line * line) % _PRIME]

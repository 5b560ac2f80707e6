"""The base of every section of a configuration, and the sentences about values that are not allowed.

A section comes from a TOML file or is built in Python. The sentences are the same for both.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.errors import ConfigError

ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ARGILLA_DATASET = r"^[^\s\p{C}](?:[^\p{C}]{0,198}[^\s\p{C}])?$"
"""1 to 200 characters, the server's limit. A name with blanks around it could be created, but not be read again."""
LONGEST_DATASET = 200
ASPECT = r"^[a-z][a-z0-9_-]{0,29}$"
ARGILLA_WORKSPACE = r"^[A-Za-z0-9_-]+$"
FILTER_NAME = r"^[a-z][a-z0-9_]{0,63}$"
LICENSE = r"^[a-z0-9][a-z0-9.-]*$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
PROVIDER = r"^[a-z0-9][a-z0-9-]*$"
PARAMETER = r"^[A-Za-z][A-Za-z0-9_]*$"
REPO_ID = r"^[\w.-]+/[\w.-]+$"


class Section(BaseModel):
    """The base of all sections. If values are not allowed, building one raises ConfigError with a sentence for each."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), use_attribute_docstrings=True
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            # The cause is left out: it shows all values, and one of them may be an API key in the wrong place.
            name = type(self).__name__
            raise ConfigError(f"{name}(...) is not valid:\n{sentences(error, self.sections())}") from None

    # This lets pydantic check nested sections itself, so that one ConfigError lists the faults of all of them.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def sections(cls) -> Mapping[str, type[BaseModel]]:
        """Return this class under "" and the classes of its nested sections under their keys.

        For example {"": GenerationOptions, "budget": Budget}.
        """
        nested = {name: _models(field.annotation) for name, field in cls.model_fields.items()}
        return {"": cls, **{name: models[0] for name, models in nested.items() if len(models) == 1}}


def sentences(error: ValidationError, sections: Mapping[str, type[BaseModel]]) -> str:
    """Return a line for each value that is not allowed: "  review.reviewers = 0: must be at least 1.".

    `sections` are the classes of the sections by their place, such as "generate.budget". The whole file is "".
    """
    faults = error.errors(include_url=False)
    return "\n".join(f"  {_sentence(fault, sections)}" for fault in faults if not _follows(fault, faults))


TAGS = "'hub', 'file', 'list', 'documents', 'preferences' or 'answers'"
TAG_KEYS = {"prompts": "type", "judge": "type", "judges": "type", "review": "task", "labels": "resolver"}
ALLOWED = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "literal_error": "must be {expected}",
    "too_short": "must have {min_length} or more entries, not {actual_length}",
    "string_too_short": "must not be empty",
}
BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
PATTERNS = {
    NAME: "must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit",
    REPO_ID: "must be owner/name",
    LICENSE: "must be a licence's identifier on the Hub, such as cc-by-4.0",
    FILTER_NAME: "must be 1 to 64 of small letters, digits and '_', the first a letter",
    PARAMETER: "must be a parameter's name, or false to leave it out",
    PROVIDER: "must be a provider's name in lower case",
    ARGILLA_WORKSPACE: "must be letters, digits, '_' and '-'; Argilla allows no others",
    ARGILLA_DATASET: "must be 1 to 200 characters without line breaks, and no blank at either end",
    ACCOUNT: "must be the name of a user or an organisation",
    ASPECT: "must be 1 to 30 of small letters, digits, '_' and '-', the first a letter",
}


def _sentence(fault: Any, sections: Mapping[str, type[BaseModel]]) -> str:
    """Return one fault as `key = value: what is allowed.`, in pydantic's words if there are none of ours."""
    section, key = _place(fault["loc"], sections)
    model = sections.get(section, sections[""])
    kind, value, context = fault["type"], fault["input"], fault.get("ctx", {})
    message = fault["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return _unknown_key(key, model)
    if kind == "missing":
        return f"{key} is missing."
    if kind == "union_tag_not_found" and isinstance(value, dict):
        return f"{key}.{TAG_KEYS[key]} is missing; it must be {TAGS}."
    if kind == "union_tag_invalid":
        *tags, last = context["expected_tags"].split(", ")
        tag = TAG_KEYS[key.partition("[")[0]]
        return f"{key}.{tag} = {printable_value(value[tag])}: must be {', '.join(tags)} or {last}."
    if not key:
        return f"{message}."
    allowed = message[0].lower() + message[1:]
    if kind == "string_pattern_mismatch":
        allowed = PATTERNS[context["pattern"]]
    elif BOUNDS.keys() & context.keys():
        allowed = f"must be {_bounds(model, key) or _bound(context)}"
    elif kind in ALLOWED:
        allowed = ALLOWED[kind].format(**context)
    # A whole table or list is not shown, because it may hold a secret.
    return f"{key}: {allowed}." if isinstance(value, dict | list) else f"{key} = {printable_value(value)}: {allowed}."


def _bounds(model: type[BaseModel], key: str) -> str:
    """Return all bounds of a number, such as "at least 0 and at most 1", not only the one that the value violates.

    Returns "" if the field is not a plain number.
    """
    field = model.model_fields.get(key.rpartition(".")[2])
    rules = field.metadata if field is not None else ()
    # A rule without a bound, such as strictness, gives "" and is filtered out.
    return " and ".join(filter(None, (_bound({name: getattr(rule, name, None) for name in BOUNDS}) for rule in rules)))


def _bound(limits: Mapping[str, Any]) -> str:
    return " and ".join(f"{BOUNDS[name]} {limit:g}" for name, limit in limits.items() if limit is not None)


def _follows(fault: Any, faults: Sequence[Any]) -> bool:
    """Whether a fault only follows from others, which are listed anyway: a list is too short because entries in it have
    faults of their own, or a default depends on a value that has one.
    """
    place = fault["loc"]
    if fault["type"] == "default_factory_not_called":
        return True
    return fault["type"] == "too_short" and any(
        len(nested["loc"]) > len(place) and nested["loc"][: len(place)] == place for nested in faults
    )


def _place(location: tuple[int | str, ...], sections: Mapping[str, type[BaseModel]]) -> tuple[str, str]:
    """Return the section of a fault and its key as the TOML file writes it.

    For example ("generators", 0, "model_id") gives ("generators", "generators[1].model_id"): entries of a list count
    from 1.
    """
    parts = list(location)
    section = str(parts[0]) if len(parts) > 1 else ""
    # The tag of an entry of a list stands behind the number of the entry.
    tag = 2 if len(parts) > 1 and isinstance(parts[1], int) else 1
    if section in TAG_KEYS and len(parts) > tag:
        section = f"{section}.{parts.pop(tag)}"
        if len(parts) > tag + 1 and f"{section}.{parts[tag]}" in sections:
            section = f"{section}.{parts[tag]}"
    elif len(parts) > 2 and f"{section}.{parts[1]}" in sections:
        section = f"{section}.{parts[1]}"
    return section, "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _unknown_key(key: str, model: type[BaseModel]) -> str:
    allowed = sorted(model.model_fields)
    close = difflib.get_close_matches(key.rpartition(".")[2], allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{key} is not a setting (see docs/configuration.md); {hint}allowed: {', '.join(allowed)}."


def printable_value(value: object) -> str:
    """Return a value as a sentence may show it: shortened, and with anything that may be a secret replaced by ***."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        return repr(value)
    value = re.sub(r"^([a-zA-Z]+://)?.*@", r"\1***@", value, flags=re.DOTALL)
    value = re.sub(r"\?.*", "?***", value, flags=re.DOTALL) if "://" in value else value
    value = re.sub(r"\b(hf_|sk-)[\w-]+", r"\1***", value)
    return repr(value if len(value) <= 80 else f"{value[:80]}...")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the section classes in a field's annotation: `Budget | None` gives [Budget]."""

    def search(part: Any) -> Iterator[type[BaseModel]]:
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
        for argument in get_args(part):
            yield from search(argument)

    return list(search(annotation))

"""`[prompts] type = "documents"` in a file: what is not allowed is refused with its name, before anything is asked."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from curation.config import Config, parse_config
from curation.errors import ConfigError
from curation.generation import settings_id, settings_of

FILE = """
name = "handbook"
prompts = { type = "documents", path = "handbook", question_model = { model_id = "writer" } }
generators = [
    { name = "strong", model_id = "m", role = "chosen" },
    { name = "weak", model_id = "m", role = "rejected" },
]
publish = { repo_id = "acme/handbook" }
store = { repo_id = "acme/handbook-store" }
"""
ALL = "{num_samples} {language_name} {document} {question}"


def parsed(prompts: dict[str, Any] | None = None, **values: Any) -> Config:
    file = tomllib.loads(FILE)
    return parse_config({**file, "prompts": {**file["prompts"], **(prompts or {})}, **values})


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"question_templates": ["{num_samples} {document}"]}, "question_templates: template 1 lacks {language_name}."),
        ({"question_templates": [f"{ALL}"]}, "question_templates: template 1 has {question}, which is no placeholder"),
        ({"question_templates": []}, "question_templates: must have 1 or more entries, not 0."),
        ({"question_templates": ["{num_samples}{language_name}{document}"] * 2}, "has a template twice."),
        ({"unanswerable_template": "{document}"}, "lacks {num_samples} and {language_name}."),
        ({"chosen_template": "{language_name} {document}"}, "lacks {question}."),
        ({"rejected_template": "{language_name} {document} {question} }"}, "has a stray '}' near"),
        (
            {"judge_template": "{language_name} {document} {question} {answers}"},
            "has {answers}, which is no placeholder",
        ),
        ({"languages": {"xx": "Klingon"}}, "languages: 'xx' is no language's code;"),
        ({"languages": {"english": "English"}}, "languages: 'english' is no language's code;"),
        ({"languages": {"en": " "}}, "languages: 'en' has no name;"),
        ({"languages": {}}, "languages: must have 1 or more entries, not 0."),
        ({"repo_id": "acme/documents"}, "prompts: needs either path or repo_id, and not both."),
        ({"path": None}, "prompts: needs either path or repo_id, and not both."),
        ({"unanswerable": 1.0}, "unanswerable = 1.0: must be at least 0 and less than 1."),
        ({"question_model": {"modelid": "writer"}}, "prompts.question_model.modelid is not a setting"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_name(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(values)
    assert fault in str(error.value)


def test_roles_are_accepted_only_where_there_are_both() -> None:
    assert parsed(labels={"accept_roles": True}).roles == {"strong": "chosen", "weak": "rejected"}
    with pytest.raises(ConfigError, match='needs a generator with role = "chosen" and one with role = "rejected"'):
        parsed(labels={"accept_roles": True}, generators=[{"model_id": "a", "role": "chosen"}, {"model_id": "b"}])


def test_a_budget_of_money_needs_the_prices_of_the_question_model_too() -> None:
    priced = [{"name": name, "model_id": "m", "price_in": 1.0, "price_out": 1.0} for name in ("a", "b")]
    with pytest.raises(ConfigError, match="'question_model' has not both"):
        parsed(generate={"budget": {"money": 1.0}}, generators=priced)


def test_a_template_shapes_the_answers_of_its_role_and_no_others() -> None:
    models = parsed().models
    changed = parsed({"rejected_template": "Weakly: {language_name} {document} {question}"}).models
    before, now = settings_of(models), settings_of(changed)
    assert [stage for stage in now if before[stage] != now[stage]] == ["generate weak"]
    assert settings_id(models) != settings_id(changed)


def test_what_a_generator_is_meant_for_alone_changes_no_answer() -> None:
    file = tomllib.loads(FILE)
    prompts = {"type": "list", "rows": ["Why?"]}
    with_roles = parse_config({**file, "prompts": prompts})
    without = [{key: value for key, value in entry.items() if key != "role"} for entry in file["generators"]]
    assert settings_id(with_roles.models) == settings_id(
        parse_config({**file, "prompts": prompts, "generators": without}).models
    )

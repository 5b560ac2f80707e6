"""What an entry of [[vary]] may say, and which configurations may have one."""

from __future__ import annotations

import tomllib

import pytest

from curation import VariationModel
from curation.config import Config, parse_config
from curation.errors import ConfigError

LEAST = """
name = "wide"
prompts = { type = "list", rows = ["Why?"] }
generators = [{ model_id = "one" }, { model_id = "two" }]
publish = { repo_id = "acme/wide" }
store = { repo_id = "acme/wide-store" }
vary = [{ model_id = "three" }]
"""
DOCUMENTS = '{ type = "documents", path = "handbook", question_model = { model_id = "two" } }'


def config(more: str = "") -> Config:
    return parse_config(tomllib.loads(LEAST) | tomllib.loads(more))


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{n} {category}", "lacks {prompt}"),
        ("{prompt} {category}", "lacks {n}"),
        ("{n} {prompt}", "lacks {category}"),
        ("{n} {prompt} {category} {document}", "has {document}, which is no placeholder"),
        ("{n} {prompt} {category} }", "has a stray '}'"),
    ],
)
def test_a_template_with_another_placeholder_is_refused(template: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        VariationModel(model_id="small", template=template)
    assert fault in str(error.value)


def test_a_category_twice_and_a_name_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="has a category twice"):
        VariationModel(model_id="small", categories=("a", "a"))
    with pytest.raises(ConfigError, match="vary: the name 'three' stands twice"):
        config('vary = [{ model_id = "three" }, { model_id = "three" }]')


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (f"prompts = {DOCUMENTS}", "prompts.type is 'documents'"),
        ('prompts = { type = "answers", path = "a.jsonl" }\ngenerators = []', "prompts.type is 'answers'"),
        ('generate = { engine = "batch" }', "engine = 'batch' cannot ask for variations"),
    ],
)
def test_documents_answers_that_exist_and_batches_have_no_variations(more: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(more)
    assert fault in str(error.value)


def test_a_budget_in_money_needs_the_prices_of_the_model() -> None:
    priced = "price_in = 1.0, price_out = 1.0"
    generators = f'generators = [{{ model_id = "one", {priced} }}, {{ model_id = "two", {priced} }}]'
    with pytest.raises(ConfigError, match="'vary three' has not both"):
        config(f"{generators}\ngenerate = {{ budget = {{ money = 1.0 }} }}")


def test_the_model_is_asked_with_its_own_sampling() -> None:
    model = VariationModel(model_id="small", temperature=0.4, max_new_tokens=99, base_url="http://127.0.0.1:1")
    assert (model.generator.name, model.generator.temperature, model.generator.max_new_tokens) == ("small", 0.4, 99)
    assert model.generator.base_url == "http://127.0.0.1:1/v1"

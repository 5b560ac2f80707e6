"""The TOML file: a contract of names and defaults, and a sentence for each thing that can be wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from curation.config import Config, Generate, Publish, Services, load_config, parse_config
from curation.errors import ConfigError
from curation.generation import (
    Budget,
    Criterion,
    Evolver,
    Generator,
    Models,
    RubricJudge,
    UltraFeedbackJudge,
    settings_id,
)
from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
from curation.prompts import FilePrompts, HubPrompts
from curation.quality import Quality
from curation.review import BinaryTask, PairwiseTask, RankingTask, RatingTask

SMALLEST = """
name = "helpful"

[prompts]
type = "hub"
repo_id = "acme/prompts"

[[generators]]
model_id = "one"

[[generators]]
model_id = "two"

[publish]
repo_id = "acme/helpful"

[store]
repo_id = "acme/helpful-store"
"""

CONTRACT = '''
name = "helpful"

[prompts]
type = "hub"                  # or "file": path = "prompts.jsonl" | .parquet | .csv
repo_id = "acme/prompts"
config = "default"
split = "train"
revision = "main"             # resolved to a commit sha and recorded
column = "instruction"        # a string, or a list of {role, content}
tools_column = "tools"        # optional, like the next three: published with each prompt
chat_template_kwargs_column = "template"
category_column = "kind"
subcategory_column = "topic"
limit = 200                   # optional

[[generators]]                # two or more
model_id = "meta-llama/Meta-Llama-3-8B-Instruct"   # with or without one of the two lines below
base_url = "http://127.0.0.1:9000/v1"              # any OpenAI-compatible server or dedicated endpoint
# endpoint_name = "my-endpoint"                    # a dedicated Inference Endpoint
temperature = 0.7
max_new_tokens = 512
system_prompt = "You are concise."                 # optional
name = "llama-concise"                             # optional, default model_id; unique
api_key_env = "MY_ENDPOINT_KEY"                    # optional: the variable that holds the key for base_url
max_concurrency = 16                               # the most requests in flight
max_attempts = 10
timeout = 120
price_in = 0.05                                    # optional: US dollars per million tokens
price_out = 0.08

[[generators]]
model_id = "meta-llama/Meta-Llama-3-8B-Instruct"
provider = "together"                              # optional, of Inference Providers alone, like bill_to
bill_to = "acme"
price_in = 0.1
price_out = 0.1

[[evolve]]                    # optional: one more answer, another one rewritten
model_id = "meta-llama/Meta-Llama-3-70B-Instruct"
name = "evolved"
methods = ["deepening", "details"]
price_in = 0.5
price_out = 0.8

[judge]                       # optional, or several [[judges]]; where it answers as for a generator
type = "ultrafeedback"
model_id = "meta-llama/Meta-Llama-3-70B-Instruct"
aspect = "overall-rating"
order = "swap"                # or "shuffled"
price_in = 0.5
price_out = 0.8

[generate]
engine = "streaming"          # or "distilabel", "ray"
min_success = 0.95
confirm_above = 2.5           # US dollars
budget = { money = 5.0, tokens = 2000000 }

[review]
task = "pairwise"
workspace = "argilla"
dataset = "helpful"           # default: name
min_submitted = 1
assignment = "overlap"
overlap = 1
show_suggestions = false
guidelines = """..."""

[labels]
resolver = "dawid-skene"      # or "majority", "mean", "unanimous"
min_reviewers = 1
judge_fallback = false        # unreviewed records stay out unless true (label_source = "judge")
ties = "kto-only"             # or "drop"
smoothing = 0.5               # of dawid-skene alone, like force
force = true

[quality]                     # all off unless named
near_duplicates = 0.8
benchmarks = ["acme/benchmark:main:test@abc"]
ngram = 8
languages = ["en", "de"]
pii = true
refusals = true
ai_tells = true
truncated = true
max_length_ratio = 3
max_tokens = 1024
tokenizer = "acme/model"

[publish]
repo_id = "acme/helpful"
private = true
formats = ["dpo", "kto", "reward", "sft", "raw"]
pairs = "all"
min_gap = 0.25
test_size = 0.1
margin = true
conversational = false
license = "cc-by-4.0"         # yours to state

[store]
repo_id = "acme/helpful-store"
'''

Change = Callable[[dict[str, Any]], None]


def setting(path: str, value: object) -> Change:
    """Return a change of the parsed file: `generators.0.name` is the first generator's name."""

    def change(values: Any) -> None:
        *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
        for part in way:
            values = values[part] if isinstance(part, int) else values.setdefault(part, {})
        if value is MISSING:
            del values[last]
        else:
            values[last] = value

    return change


NO_SETTING, PAGE = "is not a setting", "(see docs/configuration.md)"
"""What is said of an unknown key, and what follows it."""
MISSING = object()
JUDGE = {"model_id": "m"}
BRIEF = {"name": "brief", "description": "Is it short?"}
RUBRIC = {"type": "rubric", "model_id": "m", "criteria": [BRIEF]}
TWO_PLACES = {"model_id": "m", "base_url": "http://x", "endpoint_name": "e"}


def fault(path: str, value: object) -> str:
    """Return the sentences about the smallest config with one setting changed."""
    values = tomllib.loads(SMALLEST)
    setting(path, value)(values)
    with pytest.raises(ConfigError) as caught:
        parse_config(values, where="helpful.toml")
    first, *faults = caught.value.message.split("\n  ")
    assert first == "helpful.toml is not valid:"
    assert caught.value.__cause__ is None
    return "\n".join(faults)


def load(folder: Path, text: str) -> Config:
    path = folder / "helpful.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_the_file_with_all_keys_loads_with_its_values(tmp_path: Path) -> None:
    config = load(tmp_path, CONTRACT)
    columns = {"tools": "tools", "chat_template_kwargs": "template", "category": "kind", "subcategory": "topic"}
    named = {f"{name}_column": column for name, column in columns.items()}
    assert config.prompts == HubPrompts(repo_id="acme/prompts", limit=200, **named)
    assert config.prompts.extras == columns
    assert config.generators[0] == Generator(
        model_id="meta-llama/Meta-Llama-3-8B-Instruct",
        base_url="http://127.0.0.1:9000/v1",
        system_prompt="You are concise.",
        name="llama-concise",
        api_key_env="MY_ENDPOINT_KEY",
        price_in=0.05,
        price_out=0.08,
    )
    assert config.generators[1] == Generator(
        model_id="meta-llama/Meta-Llama-3-8B-Instruct",
        name="meta-llama/Meta-Llama-3-8B-Instruct",
        provider="together",
        bill_to="acme",
        price_in=0.1,
        price_out=0.1,
    )
    large: dict[str, Any] = {
        "model_id": "meta-llama/Meta-Llama-3-70B-Instruct",
        "price_in": 0.5,
        "price_out": 0.8,
    }
    assert config.evolve == (Evolver(**large, methods=("deepening", "details")),)
    assert config.judge == UltraFeedbackJudge(**large, order="swap")
    assert config.models == Models(generators=config.generators, evolve=config.evolve, judges=(config.judge,))
    assert config.generate == Generate(confirm_above=2.5, budget=Budget(money=5.0, tokens=2_000_000))
    assert config.review == PairwiseTask(dataset="helpful", guidelines="...")
    assert config.labels == DawidSkeneResolver(force=True)
    assert config.quality == Quality(
        near_duplicates=0.8,
        benchmarks=("acme/benchmark:main:test@abc",),
        ngram=8,
        languages=("en", "de"),
        pii=True,
        refusals=True,
        ai_tells=True,
        truncated=True,
        max_length_ratio=3,
        max_tokens=1024,
        tokenizer="acme/model",
    )
    assert config.publish == Publish(
        repo_id="acme/helpful",
        formats=("dpo", "kto", "reward", "sft", "raw"),
        pairs="all",
        margin=True,
        conversational=False,
        license="cc-by-4.0",
    )
    assert config.store.repo_id == "acme/helpful-store"


def test_keys_that_the_smallest_file_leaves_out_have_the_documented_defaults(tmp_path: Path) -> None:
    values = load(tmp_path, SMALLEST).model_dump(mode="json")
    assert "B is better" in values["review"].pop("guidelines")
    generator: dict[str, object] = {
        "provider": None,
        "bill_to": None,
        "base_url": None,
        "endpoint_name": None,
        "api_key_env": None,
        "temperature": 0.7,
        "max_new_tokens": 512,
        "system_prompt": None,
        "template": None,
        "keep_reasoning": False,
        "role": None,
        "max_concurrency": 16,
        "max_attempts": 10,
        "timeout": 120.0,
        "send": {},
        "system_prompt_in_user": False,
        "price_in": None,
        "price_out": None,
        "batch_price_factor": 0.5,
    }
    assert values == {
        "name": "helpful",
        "prompts": {
            "type": "hub",
            "repo_id": "acme/prompts",
            "config": "default",
            "split": "train",
            "revision": "main",
            "column": "instruction",
            "leave_out_answers": False,
            "tools_column": None,
            "chat_template_kwargs_column": None,
            "category_column": None,
            "subcategory_column": None,
            "limit": None,
        },
        "generators": [{"model_id": name, "name": name, **generator} for name in ("one", "two")],
        "vary": [],
        "evolve": [],
        "judge": None,
        "judges": [],
        "generate": {"engine": "streaming", "min_success": 0.95, "confirm_above": None, "budget": None},
        "review": {
            "task": "pairwise",
            "workspace": "argilla",
            "dataset": None,
            "full_every": 24.0,
            "escalate_below": None,
            "adjudicators": 1,
            "show_earlier_answers": False,
            "min_submitted": 1,
            "assignment": "overlap",
            "overlap": 1,
            "show_suggestions": False,
            "layout": None,
            "skip_if": None,
            "priority": None,
            "edit": True,
            "comment": True,
            "flags": ["unsafe", "personal_data", "wrong_language", "broken_prompt"],
            "gold": None,
            "gold_share": 0.05,
            "calibration": 0,
            "scale": 4,
            "aspects": [],
            "reason": False,
            "publish_reasons": False,
        },
        "labels": {
            "resolver": "majority",
            "min_reviewers": 1,
            "judge_fallback": False,
            "accept_roles": False,
            "accept_imported": False,
            "ties": "kto-only",
            "ignored_flags": [],
        },
        "quality": {
            "near_duplicates": None,
            "benchmarks": [],
            "ngram": 13,
            "languages": [],
            "pii": False,
            "refusals": False,
            "ai_tells": False,
            "truncated": False,
            "max_length_ratio": None,
            "max_tokens": None,
            "tokenizer": None,
        },
        "filters": [],
        "publish": {
            "repo_id": "acme/helpful",
            "private": True,
            "formats": ["dpo", "kto"],
            "pairs": "best-worst",
            "min_gap": 0.25,
            "test_size": 0.1,
            "margin": False,
            "conversational": True,
            "license": None,
            "method": None,
            "max_shrink": 0.05,
            "lint": None,
            "mode": "commit",
            "min_agreement": None,
            "min_reviewers": None,
            "min_rows": None,
            "min_judge_kappa": None,
            "max_tie_rate": None,
            "min_gold_accuracy": None,
        },
        "store": {"repo_id": "acme/helpful-store"},
    }


def test_the_judge_rates_overall_without_chance_unless_told_otherwise() -> None:
    judge = UltraFeedbackJudge(model_id="m")
    assert (judge.aspect, judge.temperature, judge.type) == ("overall-rating", 0.0, "ultrafeedback")
    assert (judge.name, judge.order, judge.all_aspects) == ("m", "shuffled", ("overall-rating",))


def test_the_review_dataset_is_named_like_the_curation_unless_it_has_a_name(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).review_dataset == "helpful"
    assert load(tmp_path, SMALLEST + '[review]\ndataset = "other"').review_dataset == "other"


def test_the_resolver_is_chosen_by_its_name(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST + "[labels]\nmin_reviewers = 2").labels == MajorityResolver(min_reviewers=2)
    assert load(tmp_path, SMALLEST + '[labels]\nresolver = "mean"').labels == MeanResolver()
    assert load(tmp_path, SMALLEST + '[labels]\nresolver = "unanimous"').labels == UnanimousResolver(min_reviewers=2)
    fitted = load(tmp_path, SMALLEST + '[labels]\nresolver = "dawid-skene"\nties = "drop"').labels
    assert fitted == DawidSkeneResolver(force=False, smoothing=0.5, ties="drop")


def test_without_a_resolver_the_task_chooses_it(tmp_path: Path) -> None:
    binary, rating = '[review]\ntask = "binary"\n', '[review]\ntask = "rating"\n'
    assert load(tmp_path, SMALLEST + binary).labels == MajorityResolver()
    assert load(tmp_path, SMALLEST + rating).labels == MeanResolver()
    assert load(tmp_path, SMALLEST + rating.replace("rating", "ranking")).labels == MeanResolver()
    assert load(tmp_path, SMALLEST + rating + "[labels]\nmin_reviewers = 2").labels == MeanResolver(min_reviewers=2)
    built = load(tmp_path, SMALLEST)
    sections = {name: getattr(built, name) for name in ("name", "prompts", "generators", "publish", "store")}
    assert Config(**sections, review=RatingTask()).labels == MeanResolver()
    assert Config(**sections).labels == MajorityResolver()


@pytest.mark.parametrize("resolver", ["majority", "unanimous"])
def test_a_resolver_that_counts_equal_answers_is_refused_where_answers_have_an_order(
    tmp_path: Path, resolver: str
) -> None:
    text = f'{SMALLEST}[review]\ntask = "rating"\n[labels]\nresolver = "{resolver}"'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    sentence = "counts equal answers, and those to the task 'rating' have an order: use 'mean'."
    assert caught.value.message.splitlines()[1:] == [f"  labels.resolver = '{resolver}' {sentence}"]
    assert isinstance(load(tmp_path, text.replace(resolver, "dawid-skene")).labels, DawidSkeneResolver)


def test_one_generator_is_enough_where_answers_are_reviewed_one_by_one(tmp_path: Path) -> None:
    alone = SMALLEST.replace('[[generators]]\nmodel_id = "two"\n', "")
    assert alone != SMALLEST
    assert load(tmp_path, f'{alone}[review]\ntask = "binary"').review == BinaryTask()
    assert load(tmp_path, f'{alone}[review]\ntask = "rating"').review == RatingTask(candidates=1)
    with pytest.raises(ConfigError, match="shows 2 answers to a prompt, and \\[\\[generators\\]\\] gives 1"):
        load(tmp_path, alone)
    with pytest.raises(ConfigError, match="a judge rates two answers or more"):
        load(tmp_path, f'{alone}[review]\ntask = "binary"\n[judge]\nmodel_id = "j"')


def test_a_page_has_places_for_all_answers_of_a_prompt(tmp_path: Path) -> None:
    rating = '[review]\ntask = "rating"\n'
    assert load(tmp_path, SMALLEST + rating).review == RatingTask(candidates=2)
    evolved = f'{SMALLEST}{rating}[[evolve]]\nmodel_id = "three"'
    assert load(tmp_path, evolved).review == RatingTask(candidates=3)
    assert load(tmp_path, f"{SMALLEST}{rating}candidates = 4").review == RatingTask(candidates=4)
    ranking = rating.replace("rating", "ranking")
    assert load(tmp_path, evolved.replace(rating, ranking)).review == RankingTask(candidates=3)
    assert load(tmp_path, f"{SMALLEST}{ranking}candidates = 4").review == RankingTask(candidates=4)


def test_texts_that_other_formats_take_for_booleans_or_numbers_stay_texts(tmp_path: Path) -> None:
    odd = SMALLEST.replace('"one"', '"no"').replace('"two"', '"1e3"').replace('"helpful"', '"null"', 1)
    config = load(tmp_path, odd + '[review]\nworkspace = "off"')
    assert [generator.name for generator in config.generators] == ["no", "1e3"]
    assert (config.name, config.review.workspace) == ("null", "off")


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST.replace('"one"', '"one"\ntemperature = 1\ntimeout = 5'))
    assert (config.generators[0].temperature, config.generators[0].timeout) == (1.0, 5.0)


def test_a_test_size_of_zero_and_a_gap_of_one_are_allowed(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST.replace('"acme/helpful"', '"acme/helpful"\ntest_size = 0\nmin_gap = 1.0'))
    assert (config.publish.test_size, config.publish.min_gap) == (0.0, 1.0)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_path_of_prompts_is_relative_to_the_config_file(tmp_path: Path, suffix: str) -> None:
    file = f'type = "file"\npath = "data/prompts{suffix}"'
    config = load(tmp_path, SMALLEST.replace('type = "hub"\nrepo_id = "acme/prompts"', file))
    assert config.prompts == FilePrompts(path=tmp_path / "data" / f"prompts{suffix}")


def test_an_absolute_path_of_prompts_stays_as_it_is(tmp_path: Path) -> None:
    config = load(
        tmp_path, SMALLEST.replace('type = "hub"\nrepo_id = "acme/prompts"', 'type = "file"\npath = "/data/p.csv"')
    )
    assert config.prompts == FilePrompts(path=Path("/data/p.csv"))


def test_benchmarks_and_the_tokenizer_are_relative_to_the_config_file_if_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").touch()
    (tmp_path / "model").mkdir()
    names = 'benchmarks = ["bench.jsonl", "acme/bench", "gone.jsonl"]\nlanguages = ["en"]'
    quality = load(tmp_path, f'{SMALLEST}[quality]\n{names}\nmax_tokens = 9\ntokenizer = "model"').quality
    assert quality.benchmarks == (str(tmp_path / "bench.jsonl"), "acme/bench", "gone.jsonl")
    assert (quality.tokenizer, quality.languages) == (str(tmp_path / "model"), ("en",))
    with pytest.raises(ConfigError, match="must not be empty"):
        load(tmp_path, f'{SMALLEST}[quality]\nbenchmarks = [""]')


def test_a_launch_script_may_pass_models_and_paths_as_values(tmp_path: Path) -> None:
    values = tomllib.loads(SMALLEST)
    values["prompts"] = FilePrompts(path=tmp_path / "prompts.csv")
    values["generators"] = [Generator(model_id="one"), {"model_id": "two"}]
    config = parse_config(values)
    assert config.prompts == FilePrompts(path=tmp_path / "prompts.csv")
    assert [generator.name for generator in config.generators] == ["one", "two"]


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(tmp_path, SMALLEST).name = "other"  # type: ignore[misc]


def test_the_error_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no config file .*nowhere\.toml\."):
        load_config(tmp_path / "nowhere.toml")


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"helpful\.toml is not TOML: .*line 2"):
        load(tmp_path, 'name = "helpful"\nprompts: hub\n')


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "helpful.toml"
    path.write_bytes('name = "hélpful"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"helpful\.toml cannot be read"):
        load_config(path)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("name", MISSING, "name is missing."),
        ("name", 3, "name = 3: must be a string."),
        (
            "name",
            "a b",
            "name = 'a b': must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit.",
        ),
        (
            "nmae",
            "x",
            "nmae is not a setting; did you mean name? "
            "allowed: evolve, filters, generate, generators, judge, judges, labels, name, prompts, publish, quality, "
            "review, store, vary.",
        ),
        ("prompts", "acme/prompts", "prompts = 'acme/prompts': must be a table."),
        (
            "prompts.type",
            MISSING,
            "prompts.type is missing; it must be 'hub', 'file', 'list', 'documents', 'preferences' or 'answers'.",
        ),
        (
            "prompts.type",
            "s3",
            "prompts.type = 's3': must be 'hub', 'file', 'list', 'documents', 'preferences' or 'answers'.",
        ),
        (
            "prompts.path",
            "x.csv",
            "prompts.path is not a setting; allowed: category_column, chat_template_kwargs_column, column, config, "
            "leave_out_answers, limit, repo_id, revision, split, subcategory_column, tools_column, type.",
        ),
        ("prompts", {"type": "file"}, "prompts.path is missing."),
        (
            "prompts",
            {"type": "file", "path": "x.pdf"},
            "prompts.path = 'x.pdf': must end in .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .arrow, .txt, or in .gz "
            "behind one of these.",
        ),
        ("prompts.tools_column", 3, "prompts.tools_column = 3: must be a string."),
        ("prompts.category_column", ["kind"], "prompts.category_column: must be a string."),
        ("prompts.limit", 0, "prompts.limit = 0: must be greater than 0."),
        ("prompts.limit", True, "prompts.limit = true: must be a whole number."),
        ("prompts.limit", "all", "prompts.limit = 'all': must be a whole number."),
        ("generators", MISSING, "generators is missing."),
        ("generators", [], "generators is missing."),
        (
            "generators",
            [{"model_id": "m"}],
            "review.task = 'pairwise' shows 2 answers to a prompt, and [[generators]] gives 1: add one, or review "
            "answers one by one with task = 'binary'.",
        ),
        ("generators", {"model_id": "m"}, "generators: must be a list."),
        (
            "generators",
            ["one", "two"],
            "generators[1] = 'one': must be a table.\ngenerators[2] = 'two': must be a table.",
        ),
        (
            "generators.1.model_id",
            "one",
            "generators: the name 'one' stands twice; give each entry a `name` of its own.",
        ),
        ("generators.1.model_id", "", "generators[2].model_id = '': must not be empty."),
        ("generators.1.system_prompt", "", "generators[2].system_prompt = '': must not be empty."),
        ("generators.1.endpoint_name", "", "generators[2].endpoint_name = '': must not be empty."),
        ("generators.1.api_key_env", "", "generators[2].api_key_env = '': must not be empty."),
        ("generators.1.temperature", 3, "generators[2].temperature = 3: must be at least 0 and at most 2."),
        ("generators.1.temperature", "hot", "generators[2].temperature = 'hot': must be a number."),
        ("generators.1.max_new_tokens", "512", "generators[2].max_new_tokens = '512': must be a whole number."),
        ("generators.1.max_new_tokens", 1.5, "generators[2].max_new_tokens = 1.5: must be a whole number."),
        ("generators.1.base_url", "ftp://x", "generators[2].base_url = 'ftp://x': must be an http or https address."),
        (
            "generators.1.base_url",
            "http://[x",
            "generators[2].base_url = 'http://[x': must be an http or https address.",
        ),
        ("generators.1", TWO_PLACES, "generators[2]: has both base_url and endpoint_name; keep one."),
        ("judge", {}, "judge.model_id is missing."),
        ("judge", TWO_PLACES, "judge: has both base_url and endpoint_name; keep one."),
        (
            "judge",
            {"model_id": "m", "type": "prometheus"},
            "judge.type = 'prometheus': must be 'ultrafeedback' or 'rubric'.",
        ),
        (
            "judge",
            {"model_id": "m", "aspect": "beauty"},
            "judge.aspect = 'beauty': must be 'overall-rating', 'helpfulness', 'honesty', 'instruction-following' "
            "or 'truthfulness'.",
        ),
        (
            "review.task",
            "order",
            "review.task = 'order': must be 'pairwise', 'binary', 'rating', 'ranking' or 'safety'.",
        ),
        (
            "review",
            {"task": "rating", "aspects": ["a", "b", "c", "d", "e", "f", "g", "h", "i"]},
            "review: 9 aspects of 2 answers are 18 ratings a record, and more than 16 are too many for a page: name "
            "fewer aspects, or set candidates to 1 or less.",
        ),
        (
            "review",
            {"task": "rating", "aspects": ["Honesty"]},
            "review.aspects[1] = 'Honesty': must be 1 to 30 of small letters, digits, '_' and '-', the first a letter.",
        ),
        (
            "review",
            {"task": "rating", "aspects": ["honesty"], "weights": {"honesty": -1}},
            "review.weights.honesty = -1: must be at least 0.",
        ),
        ("review.min_submitted", 0, "review.min_submitted = 0: must be greater than 0."),
        (
            "review",
            {"overlap": 2},
            'review: overlap needs assignment = "split"; without it min_submitted says how many answer.',
        ),
        (
            "review",
            {"assignment": "split", "overlap": 2, "min_submitted": 3},
            'review: with assignment = "split" overlap says how many answer: leave min_submitted out.',
        ),
        (
            "review",
            {"assignment": "split", "calibration": 3, "gold": "gold.jsonl"},
            'review: calibration needs assignment = "overlap": with "split" nobody sees all records.',
        ),
        (
            "review.show_suggestions",
            "yes",
            "review.show_suggestions = 'yes': must be true, false, or a share from 0 to 1.",
        ),
        (
            "review.show_suggestions",
            1.5,
            "review.show_suggestions = 1.5: must be true, false, or a share from 0 to 1.",
        ),
        (
            "review.skip_if",
            {"judge_gap": 2},
            "review.skip_if leaves candidate sets to the judge, and there is no [judge] or [[judges]].",
        ),
        ("review.skip_if", {"judge_gap": 5}, "review.skip_if.judge_gap = 5: must be greater than 0 and at most 4."),
        ("review.skip_if", {}, "review.skip_if.judge_gap is missing."),
        ("review.skip_if", 2.0, "review.skip_if = 2.0: must be a table."),
        ("review.priority", "first", "review.priority = 'first': must be 'uncertain' or 'random'."),
        (
            "review.priority",
            "uncertain",
            "review.priority = 'uncertain' goes by the judge's ratings, and there is no [judge].",
        ),
        (
            "publish.min_judge_kappa",
            0.4,
            "publish.min_judge_kappa is about labels.judge_fallback = true, which is not set.",
        ),
        (
            "review.guidelines",
            " \n",
            "review.guidelines = ' \\n': must not be empty; leave it out for the guidelines of the task.",
        ),
        (
            "review.guidelines",
            "x" * 10_001,
            f"review.guidelines = '{'x' * 80}...': must have at most 10,000 characters, not 10,001.",
        ),
        (
            "review.workspace",
            "our team",
            "review.workspace = 'our team': must be letters, digits, '_' and '-'; Argilla allows no others.",
        ),
        (
            "review.workspace",
            "",
            "review.workspace = '': must be letters, digits, '_' and '-'; Argilla allows no others.",
        ),
        *(
            (
                "review.dataset",
                name,
                f"review.dataset = {shown}: must be 1 to 200 characters without line breaks, "
                "and no blank at either end.",
            )
            for name, shown in (("", "''"), (" helpful", "' helpful'"), ("x" * 201, f"'{'x' * 80}...'"))
        ),
        ("labels", "mean", "labels = 'mean': must be a table."),
        (
            "labels.resolver",
            "median",
            "labels.resolver = 'median': must be 'majority', 'mean', 'unanimous' or 'dawid-skene'.",
        ),
        (
            "labels.min_reviewer",
            2,
            "labels.min_reviewer is not a setting; did you mean min_reviewers? "
            "allowed: accept_imported, accept_roles, ignored_flags, judge_fallback, min_reviewers, resolver, ties.",
        ),
        ("labels.resolver", 3, "labels.resolver = 3: must be 'majority', 'mean', 'unanimous' or 'dawid-skene'."),
        ("labels.ties", "keep", "labels.ties = 'keep': must be 'drop' or 'kto-only'."),
        ("labels.ties", True, "labels.ties = true: must be 'drop' or 'kto-only'."),
        (
            "labels.force",
            True,
            "labels.force is not a setting; allowed: accept_imported, accept_roles, ignored_flags, judge_fallback, "
            "min_reviewers, resolver, ties.",
        ),
        ("labels", {"resolver": "dawid-skene", "smoothing": 0}, "labels.smoothing = 0: must be greater than 0."),
        ("labels", {"resolver": "dawid-skene", "force": "yes"}, "labels.force = 'yes': must be true or false."),
        (
            "labels",
            {"resolver": "dawid-skene", "forced": True},
            "labels.forced is not a setting; did you mean force? "
            "allowed: accept_imported, accept_roles, force, ignored_flags, judge_fallback, min_reviewers, resolver, "
            "smoothing, ties.",
        ),
        ("labels", {"resolver": "unanimous", "min_reviewers": 0}, "labels.min_reviewers = 0: must be greater than 0."),
        ("quality", True, "quality = true: must be a table."),
        (
            "quality.benchmark",
            ["x"],
            "quality.benchmark is not a setting; did you mean benchmarks? allowed: ai_tells, benchmarks, languages, "
            "max_length_ratio, max_tokens, near_duplicates, ngram, pii, refusals, tokenizer, truncated.",
        ),
        ("quality.near_duplicates", 0.3, "quality.near_duplicates = 0.3: must be at least 0.5."),
        ("quality.near_duplicates", 80, "quality.near_duplicates = 80: must be at most 1."),
        ("quality.near_duplicates", True, "quality.near_duplicates = true: must be a number."),
        ("quality.benchmarks", "x.jsonl", "quality.benchmarks = 'x.jsonl': must be a list."),
        ("quality.benchmarks", [""], "quality.benchmarks[1] = '': must not be empty."),
        ("quality.ngram", 4, "quality.ngram = 4: must be at least 5 and at most 50."),
        ("quality.ngram", 51, "quality.ngram = 51: must be at least 5 and at most 50."),
        ("quality.ngram", 13.5, "quality.ngram = 13.5: must be a whole number."),
        ("quality.languages", "en", "quality.languages = 'en': must be a list."),
        (
            "quality.languages",
            ["en", "english"],
            "quality.languages: 'english' is no language code that the detector knows; English is 'en'.",
        ),
        ("quality.pii", "yes", "quality.pii = 'yes': must be true or false."),
        ("quality.refusals", 1, "quality.refusals = 1: must be true or false."),
        ("quality.ai_tells", "on", "quality.ai_tells = 'on': must be true or false."),
        ("quality.truncated", 0, "quality.truncated = 0: must be true or false."),
        ("quality.max_length_ratio", 0.9, "quality.max_length_ratio = 0.9: must be at least 1."),
        ("quality.max_tokens", 0, "quality.max_tokens = 0: must be at least 1."),
        (
            "quality.max_tokens",
            512,
            "quality: max_tokens needs tokenizer: tokens are those of the model that will be trained.",
        ),
        (
            "quality.tokenizer",
            "acme/model",
            "quality: tokenizer needs max_tokens: tokens are those of the model that will be trained.",
        ),
        ("judge.order", "random", "judge.model_id is missing.\njudge.order = 'random': must be 'shuffled' or 'swap'."),
        ("judges", JUDGE, "judges: must be a list."),
        ("judges", ["m"], "judges[1] = 'm': must be a table."),
        ("judges", [JUDGE, JUDGE], "judges: the name 'm' stands twice; give each entry a `name` of its own."),
        ("judges", [JUDGE, {**JUDGE, "order": 1}], "judges[2].order = 1: must be 'shuffled' or 'swap'."),
        ("judge", {**JUDGE, "type": "rubric"}, "judge.criteria is missing."),
        ("judge", {**RUBRIC, "criteria": []}, "judge.criteria: must have 1 or more entries, not 0."),
        ("judge", {**RUBRIC, "criteria": [BRIEF, BRIEF]}, "judge: has two criteria of one name."),
        (
            "judge",
            {**RUBRIC, "criteria": [BRIEF, {**BRIEF, "scale": 11}]},
            "judge.criteria[2].scale = 11: must be at least 2 and at most 10.",
        ),
        ("judges", [JUDGE, {**RUBRIC, "criteria": [{"name": "x"}]}], "judges[2].criteria[1].description is missing."),
        (
            "judges",
            [{**RUBRIC, "criteria": [{**BRIEF, "name": "Is it?"}]}],
            "judges[1].criteria[1].name = 'Is it?': must be 1 to 30 of small letters, digits, '_' and '-', the first "
            "a letter.",
        ),
        (
            "judges",
            [JUDGE, {**JUDGE, "type": "x"}],
            "judges[2].type = 'x': must be 'ultrafeedback' or 'rubric'.",
        ),
        ("evolve", [{}], "evolve[1].model_id is missing."),
        ("evolve", {"model_id": "m"}, "evolve: must be a list."),
        (
            "evolve",
            [{"model_id": "m"}, {"model_id": "n"}],
            "generators and evolve: the name 'evolved' stands twice; give each entry a `name` of its own.",
        ),
        (
            "evolve",
            [{"model_id": "m"}, {"model_id": "n", "name": "deep", "generators": ["one", "evolved"]}],
            "evolve[2].generators names 'evolved', and no generator has this name; there are 'one', 'two'.",
        ),
        ("evolve", [{"model_id": "m", "generators": []}], "evolve[1].generators: must have 1 or more entries, not 0."),
        (
            "generators.0.template",
            "Answer {promt}.",
            "generators[1].template = 'Answer {promt}.': has {promt}, which is no placeholder; allowed are {prompt} "
            "(any other brace is written twice).",
        ),
        ("generators.0.template", "Be brief.", "generators[1].template = 'Be brief.': lacks {prompt}."),
        (
            "generators.0.template",
            "{prompt} }",
            "generators[1].template = '{prompt} }': has a stray '}' near '{prompt} }'; a brace that is part of the "
            "text is written twice.",
        ),
        ("generators.0.template", "", "generators[1].template = '': must not be empty."),
        (
            "evolve",
            [{"model_id": "m", "name": "one"}],
            "generators and evolve: the name 'one' stands twice; give each entry a `name` of its own.",
        ),
        ("evolve", [{"model_id": "m", "methods": []}], "evolve[1].methods: must have 1 or more entries, not 0."),
        (
            "evolve",
            [{"model_id": "m", "methods": ["details", "magic"]}],
            "evolve[1].methods[2] = 'magic': must be 'helpfulness', 'relevance', 'deepening', 'creativity' or "
            "'details'.",
        ),
        (
            "generators.0.provider",
            "HF Inference",
            "generators[1].provider = 'HF Inference': must be a provider's name in lower case.",
        ),
        (
            "generators.0",
            {"model_id": "one", "provider": "together", "base_url": "http://x"},
            "generators[1]: has base_url and provider, which only Inference Providers take; keep one.",
        ),
        (
            "generators.0",
            {"model_id": "one", "bill_to": "acme", "endpoint_name": "x"},
            "generators[1]: has endpoint_name and bill_to, which only Inference Providers take; keep one.",
        ),
        ("generators.0.bill_to", "", "generators[1].bill_to = '': must be the name of a user or an organisation."),
        ("generators.0.price_in", -1, "generators[1].price_in = -1: must be at least 0."),
        ("generators.0.price_out", "1", "generators[1].price_out = '1': must be a number."),
        ("generators.0.max_attempts", 0, "generators[1].max_attempts = 0: must be greater than 0."),
        ("generate", 5, "generate = 5: must be a table."),
        (
            "generate.engin",
            "ray",
            "generate.engin is not a setting; did you mean engine? "
            "allowed: budget, confirm_above, engine, min_success.",
        ),
        ("generate.engine", "spark", "generate.engine = 'spark': must be 'streaming', 'distilabel', 'ray' or 'batch'."),
        ("generate.min_success", 2, "generate.min_success = 2: must be at least 0 and at most 1."),
        ("generate.min_success", -0.1, "generate.min_success = -0.1: must be at least 0 and at most 1."),
        ("generate.confirm_above", -1, "generate.confirm_above = -1: must be at least 0."),
        ("generate.confirm_above", "much", "generate.confirm_above = 'much': must be a number."),
        ("generate.budget", 5, "generate.budget = 5: must be a table."),
        ("generate.budget", {}, "generate.budget: needs money or tokens."),
        ("generate.budget.money", 0, "generate.budget.money = 0: must be greater than 0."),
        ("generate.budget.tokens", 0, "generate.budget.tokens = 0: must be greater than 0."),
        ("generate.budget.tokens", 1.5, "generate.budget.tokens = 1.5: must be a whole number."),
        (
            "generate.budget.mony",
            1,
            "generate.budget.mony is not a setting; did you mean money? allowed: money, tokens.",
        ),
        ("generate.budget.euro", 1, "generate.budget.euro is not a setting; allowed: money, tokens."),
        (
            "generate",
            {"engine": "distilabel", "budget": {"tokens": 5}},
            "generate: engine = 'distilabel' cannot stop at a budget; only 'streaming' can.",
        ),
        (
            "generate",
            {"engine": "ray", "budget": {"tokens": 5}},
            "generate: engine = 'ray' cannot stop at a budget; only 'streaming' can.",
        ),
        (
            "generate.budget.money",
            5.0,
            "generate.budget.money needs price_in and price_out of every model; 'generate one' has not both.",
        ),
        ("labels.judge_fallback", True, "labels.judge_fallback = true needs a [judge] or [[judges]]."),
        ("publish", MISSING, "publish is missing."),
        ("publish.repo_id", "helpful", "publish.repo_id = 'helpful': must be owner/name."),
        ("publish.private", 1, "publish.private = 1: must be true or false."),
        ("publish.formats", "dpo", "publish.formats = 'dpo': must be a list."),
        ("publish.formats", [], "publish.formats: must have 1 or more entries, not 0."),
        (
            "publish.formats",
            ["dpo", "rlhf"],
            "publish.formats[2] = 'rlhf': must be 'dpo', 'kto', 'reward', 'sft' or 'raw'.",
        ),
        ("publish.formats", ["dpo", "dpo"], "publish: formats = ['dpo', 'dpo'] has a format twice."),
        ("publish.pairs", "best", "publish.pairs = 'best': must be 'best-worst' or 'all'."),
        ("publish.margin", "yes", "publish.margin = 'yes': must be true or false."),
        (
            "publish.margin",
            True,
            "publish: margin = true is for the format 'reward', which is not among formats.",
        ),
        ("publish.conversational", "no", "publish.conversational = 'no': must be true or false."),
        (
            "publish.license",
            "CC BY 4.0",
            "publish.license = 'CC BY 4.0': must be a licence's identifier on the Hub, such as cc-by-4.0.",
        ),
        (
            "publish.licence",
            "mit",
            "publish.licence is not a setting; did you mean license? allowed: conversational, formats, license, "
            "lint, margin, max_shrink, max_tie_rate, method, min_agreement, min_gap, "
            "min_gold_accuracy, min_judge_kappa, min_reviewers, "
            "min_rows, mode, pairs, private, repo_id, test_size.",
        ),
        ("publish.min_gap", 2, "publish.min_gap = 2: must be at least 0 and at most 1."),
        ("publish.test_size", 1, "publish.test_size = 1: must be at least 0 and less than 1."),
        ("publish.test_size", -0.1, "publish.test_size = -0.1: must be at least 0 and less than 1."),
        ("publish.test_size", float("nan"), "publish.test_size = nan: must be a finite number."),
        ("generate.confirm_above", float("inf"), "generate.confirm_above = inf: must be a finite number."),
        ("publish.test_size", "0.1", "publish.test_size = '0.1': must be a number."),
        (
            "store.repo_id",
            "acme/helpful",
            "store.repo_id = 'acme/helpful' is also publish.repo_id; the private store needs its own repo.",
        ),
    ],
)
def test_an_error_names_the_key_the_value_and_what_is_allowed(path: str, value: object, sentence: str) -> None:
    assert fault(path, value) == sentence.replace(NO_SETTING, f"{NO_SETTING} {PAGE}")


@pytest.mark.parametrize(
    ("section", "options", "sentence"),
    [
        ("judge", {"aspect": "honesty", "aspects": ["helpfulness"]}, "judge: has both aspect and aspects; keep one."),
        ("judge", {"aspects": ["honesty", "honesty"]}, "judge: has an aspect twice in aspects."),
        ("judge", {"aspects": []}, "judge.aspects: must have 1 or more entries, not 0."),
        ("judges", {"aspects": ["honesty", "honesty"]}, "judges[1]: has an aspect twice in aspects."),
    ],
)
def test_a_judge_takes_one_aspect_or_several_that_differ(
    section: str, options: dict[str, object], sentence: str
) -> None:
    judge = {**JUDGE, **options}
    assert fault(section, judge if section == "judge" else [judge]) == sentence


def test_a_judge_may_rate_several_aspects(tmp_path: Path) -> None:
    judge = '[judge]\nmodel_id = "m"\naspects = ["honesty", "helpfulness"]'
    assert load(tmp_path, SMALLEST + judge).models.judges[0].all_aspects == ("honesty", "helpfulness")


def test_a_judge_may_have_criteria_of_its_own(tmp_path: Path) -> None:
    judge = '[judge]\ntype = "rubric"\nmodel_id = "m"\n[[judge.criteria]]\nname = "brief"\ndescription = "Is it short?"'
    loaded = load(tmp_path, SMALLEST + judge).judge
    assert loaded == RubricJudge(model_id="m", criteria=(Criterion(name="brief", description="Is it short?", scale=5),))
    assert loaded.order == "swap"


def test_a_launch_script_may_pass_a_judge_of_several_aspects() -> None:
    judge = UltraFeedbackJudge(model_id="m", aspects=("honesty", "helpfulness"))
    config = parse_config({**tomllib.loads(SMALLEST), "judge": judge})
    assert config.judge == judge


def test_a_section_built_in_python_says_what_is_wrong_in_the_words_of_the_file() -> None:
    """A fault of each kind, in a section, in a section within it, and in several at once."""
    with pytest.raises(ConfigError) as caught:
        Generator(model_id="m", temperature=9, provider="X!", max_tokens=3)  # type: ignore[call-arg]
    assert str(caught.value).splitlines()[:3] == [
        "Generator(...) is not valid:",
        "  provider = 'X!': must be a provider's name in lower case.",
        "  temperature = 9: must be at least 0 and at most 2.",
    ]
    assert str(caught.value).splitlines()[3].startswith("  max_tokens is not a setting (see")
    with pytest.raises(
        ConfigError, match=r"budget\.mony is not a setting \(.+\); did you mean money\? allowed: money, tokens\."
    ):
        Generate(budget={"mony": 1})
    with pytest.raises(ConfigError, match=r"^FilePrompts\(\.\.\.\) is not valid:\n  path = 'x\.zip': must end in"):
        FilePrompts(path=Path("x.zip"))


def test_a_config_built_in_python_says_all_that_is_wrong_as_the_file_would() -> None:
    values: dict[str, Any] = {
        "name": "x y",
        "prompts": {"type": "hub", "repo_id": "q"},
        "generators": [{"model_id": "a", "temperatur": 1}, {"model_id": "b"}],
        "generate": {"budget": {"money": -1}},
        "publish": {"repo_id": "a/b"},
        "store": {"repo_id": "a/c"},
    }
    with pytest.raises(ConfigError) as of_file:
        parse_config(values)
    with pytest.raises(ConfigError) as of_script:
        Config(**values)
    head, *lines = str(of_script.value).splitlines()
    assert head == "Config(...) is not valid:"
    assert lines == str(of_file.value).splitlines()[1:]
    assert len(lines) == 4
    # What only the whole shows is said too, and no cause shows the values.
    fine = {**values, "name": "x", "prompts": HubPrompts(repo_id="q/r"), "generate": {}, "store": {"repo_id": "a/b"}}
    with pytest.raises(ConfigError, match=r"store\.repo_id = 'a/b' is also publish\.repo_id") as caught:
        Config(**{**fine, "generators": [{"model_id": "a"}, {"model_id": "b"}]})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_secret_in_a_section_built_in_python_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Generator(model_id="m", base_url="http://ann:sesame@x/v1")
    assert "sesame" not in str(caught.value)


def test_an_aspect_cannot_be_repeated_and_aspect_cannot_stand_beside_aspects() -> None:
    with pytest.raises(ConfigError, match="has an aspect twice in aspects"):
        UltraFeedbackJudge(model_id="m", aspects=("honesty", "honesty"))
    with pytest.raises(ConfigError, match="has both aspect and aspects; keep one"):
        UltraFeedbackJudge(model_id="m", aspect="honesty", aspects=("helpfulness",))
    assert UltraFeedbackJudge(model_id="m", aspects=("honesty",)).all_aspects == ("honesty",)


def test_a_budget_of_money_needs_the_prices_of_the_judge_too() -> None:
    values = tomllib.loads(SMALLEST)
    priced = {"price_in": 1.0, "price_out": 2.0}
    for generator in values["generators"]:
        generator.update(priced)
    values.update(judge={**JUDGE, "price_in": 1.0}, generate={"budget": {"money": 5}})
    with pytest.raises(ConfigError, match=r"needs price_in and price_out of every model; 'judge m' has not both\."):
        parse_config(values)
    values["judge"].update(priced)
    assert parse_config(values).generate.budget == Budget(money=5)


def test_a_budget_of_tokens_needs_no_price(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST + "[generate]\nbudget = { tokens = 1000 }")
    assert config.generate.budget == Budget(tokens=1000)


def test_several_judges_are_told_apart_by_their_names(tmp_path: Path) -> None:
    judges = '[[judges]]\nmodel_id = "m"\n[[judges]]\nmodel_id = "m"\nname = "again"\n'
    config = load(tmp_path, SMALLEST + judges)
    assert list(config.models.stages) == ["generate one", "generate two", "judge m", "judge again"]


def test_judge_and_judges_cannot_both_be_there(tmp_path: Path) -> None:
    both = '[judge]\nmodel_id = "m"\n[[judges]]\nmodel_id = "n"\n'
    with pytest.raises(ConfigError, match=r"\n  there are both \[judge\] and \[\[judges\]\]; keep one of them\.$"):
        load(tmp_path, SMALLEST + both)


def test_several_judges_may_decide_records_that_nobody_reviewed(tmp_path: Path) -> None:
    judges = '[[judges]]\nmodel_id = "m"\n[[judges]]\nmodel_id = "n"\n[labels]\njudge_fallback = true\n'
    assert load(tmp_path, SMALLEST + judges).labels.judge_fallback


def test_every_fault_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    wrong = SMALLEST.replace('"one"', '"one"\ntemprature = 1').replace('"acme/helpful"', '"acme/helpful"\nmin_gap = 7')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, wrong)
    assert len(caught.value.message.splitlines()) == 3
    assert "helpful.toml is not valid" in caught.value.message
    assert (
        "generators[1].temprature is not a setting (see docs/configuration.md); did you mean temperature?"
        in caught.value.message
    )
    assert "publish.min_gap = 7" in caught.value.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("generators.0.base_url", "https://ann:sesame@models.example/v1"),
        ("generators.0.base_url", "https://sesame@models.example/v1"),
        ("generators.0.base_url", "https://models.example/v1?api_key=sesame"),
        ("generators.0.base_url", "ann:sesame@models.example"),
        ("generators.0.api_key", "sesame"),
        ("generators.0", {"model_id": "m", "api_key": "sesame"}),
        ("generators.0", {**TWO_PLACES, "api_key": "sesame"}),
        ("judge", {**TWO_PLACES, "base_url": "https://ann:sesame@models.example"}),
        ("publish.repo_id", "https://ann:hf_sesame@huggingface.co/acme/x"),
        ("publish.repo_id", "hf_sesame"),
        ("hf_token", "sesame"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(path: str, value: object) -> None:
    sentence = fault(path, value)
    assert "sesame" not in sentence
    assert path.partition(".")[0] in sentence


def test_an_address_with_a_password_is_shown_without_it() -> None:
    assert fault("judge", {"model_id": "m", "base_url": "https://ann:sesame@x.example/v1"}) == (
        "judge.base_url = 'https://***@x.example/v1': must not carry a user, a password, a token or a query; "
        "name the key's variable in api_key_env."
    )


def test_a_long_value_is_cut_short() -> None:
    assert len(fault("prompts.repo_id", "x" * 10_000)) < 200


def test_the_services_come_from_the_environment() -> None:
    services = Services.from_environment(
        {
            "HF_ENDPOINT": "http://127.0.0.1:9001/",
            "HF_TOKEN": "hf_sesame",
            "ARGILLA_API_URL": "http://127.0.0.1:9002",
            "ARGILLA_API_KEY": "argilla.sesame",
            "UNRELATED": "x",
        }
    )
    assert services == Services(
        hub_endpoint="http://127.0.0.1:9001",
        hub_token="hf_sesame",
        argilla_api_url="http://127.0.0.1:9002",
        argilla_api_key="argilla.sesame",
    )


def test_the_services_are_read_from_this_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    assert Services.from_environment().hub_token == "hf_sesame"


@pytest.mark.parametrize("environment", [{}, {"HF_ENDPOINT": "", "HF_TOKEN": "", "ARGILLA_API_KEY": ""}])
def test_without_settings_there_is_the_public_hub_and_no_key(environment: dict[str, str]) -> None:
    services = Services.from_environment(environment)
    assert services == Services(hub_endpoint="https://huggingface.co")
    assert services.hub_token is None
    assert services.argilla_api_key is None


@pytest.mark.parametrize("address", ["localhost:6900", "ftp://x", "http://", "http://x:port"])
@pytest.mark.parametrize("name", ["HF_ENDPOINT", "ARGILLA_API_URL"])
def test_the_error_of_a_wrong_address_in_the_environment_names_the_variable(name: str, address: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} = '{address}': must be an http or https address"):
        Services.from_environment({name: address})


def test_a_password_in_an_address_of_the_environment_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Services.from_environment({"ARGILLA_API_URL": "htp://ann:sesame@x"})
    assert "sesame" not in str(caught.value)


def test_the_services_show_no_secret() -> None:
    services = Services.from_environment({"HF_TOKEN": "hf_sesame", "ARGILLA_API_KEY": "argilla.sesame"})
    assert "sesame" not in repr(services) + str(services)


def test_a_wrong_service_shows_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Services.model_validate({"hub_token": ["sesame"]})
    assert "sesame" not in str(caught.value)


PLAIN = Models(generators=(Generator(model_id="m1"), Generator(model_id="m2")))
FULL = PLAIN.model_copy(update={"evolve": (Evolver(model_id="e"),), "judges": (UltraFeedbackJudge(model_id="j"),)})


def changed(part: str, change: dict[str, Any]) -> Models:
    """Return FULL with other options for its last generator, its evolver or its judge."""
    old = getattr(FULL, part)
    options = old[-1] if isinstance(old, tuple) else old
    new = type(options)(**{**options.model_dump(exclude_unset=True), **change})
    return FULL.model_copy(update={part: (*old[:-1], new) if isinstance(old, tuple) else new})


def test_the_settings_of_the_models_are_pinned() -> None:
    assert settings_id(PLAIN) == "bcb34335b096531b"
    assert settings_id(FULL) == "8f97ea7b17474d75"


@pytest.mark.parametrize("part", ["generators", "evolve", "judges"])
@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://127.0.0.1:1"},
        {"endpoint_name": "e"},
        {"api_key_env": "KEY"},
        {"provider": "together"},
        {"bill_to": "acme"},
        {"max_concurrency": 1},
        {"max_attempts": 1},
        {"timeout": 1.0},
        {"price_in": 1.0, "price_out": 2.0},
    ],
)
def test_where_how_fast_and_at_what_price_a_model_answers_does_not_change_the_settings(
    part: str, change: dict[str, Any]
) -> None:
    moved = changed(part, change)
    assert moved != FULL
    assert settings_id(moved) == settings_id(FULL)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("generators", {"model_id": "n", "name": "m2"}),
        ("generators", {"name": "n"}),
        ("generators", {"temperature": 0.1}),
        ("generators", {"max_new_tokens": 1}),
        ("generators", {"system_prompt": "Be brief."}),
        ("generators", {"template": "{prompt} Be brief."}),
        ("evolve", {"model_id": "n"}),
        ("evolve", {"name": "n"}),
        ("evolve", {"methods": ("details",)}),
        ("evolve", {"temperature": 0.1}),
        ("evolve", {"generators": ("m2",)}),
        ("judges", {"model_id": "n", "name": "j"}),
        ("judges", {"aspect": "honesty"}),
        ("judges", {"aspects": ("overall-rating", "honesty")}),
        ("judges", {"order": "swap"}),
        ("judges", {"max_new_tokens": 1}),
    ],
)
def test_options_that_shape_an_answer_or_a_rating_change_the_settings(part: str, change: dict[str, Any]) -> None:
    assert settings_id(changed(part, change)) != settings_id(FULL)


def test_questions_about_documents_have_templates_of_their_own(tmp_path: Path) -> None:
    documents = '{ type = "documents", path = "handbook", question_model = { model_id = "two" } }'
    text = SMALLEST.replace('[prompts]\ntype = "hub"\nrepo_id = "acme/prompts"', f"prompts = {documents}")
    with pytest.raises(
        ConfigError, match=r"generators: 'one' has a template, and prompts\.type = \"documents\" has its"
    ):
        load(tmp_path, text.replace('model_id = "one"', 'model_id = "one"\ntemplate = "{prompt}!"'))


def test_each_model_that_a_prompt_passes_is_part_of_the_settings() -> None:
    evolve, judge = FULL.evolve[0], FULL.judges[0]
    other = judge.model_copy(update={"name": "other"})
    variants = [
        PLAIN,
        FULL,
        PLAIN.model_copy(update={"evolve": (evolve,)}),
        PLAIN.model_copy(update={"evolve": (evolve, evolve.model_copy(update={"name": "again"}))}),
        PLAIN.model_copy(update={"judges": (judge,)}),
        PLAIN.model_copy(update={"judges": (judge, other)}),
        PLAIN.model_copy(update={"generators": PLAIN.generators[::-1]}),
    ]
    assert len({settings_id(models) for models in variants}) == len(variants)


def test_the_stages_are_the_models_in_the_order_in_which_a_prompt_passes_them() -> None:
    assert list(FULL.stages) == ["generate m1", "generate m2", "evolve evolved", "judge j"]
    assert list(FULL.stages.values()) == [*FULL.generators, *FULL.evolve, *FULL.judges]


def test_reasons_are_published_in_raw_or_nowhere(tmp_path: Path) -> None:
    text = SMALLEST + "\n[review]\nreason = true\npublish_reasons = true\n"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert "review.publish_reasons = true is for the format 'raw', which is not among publish.formats" in str(
        caught.value
    )


def test_grades_have_an_order_so_that_their_resolver_is_the_mean(tmp_path: Path) -> None:
    text = SMALLEST + '\n[review]\nscale = 7\n\n[labels]\nties = "drop"\n'
    assert load(tmp_path, text).labels.resolver == "mean"
    with pytest.raises(ConfigError, match="counts equal answers"):
        load(tmp_path, text.replace('ties = "drop"', 'resolver = "majority"'))

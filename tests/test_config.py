"""The TOML file: a contract of names and defaults, and a sentence for each thing that can be wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from curation.config import Config, Publish, Services, load_config, parse_config
from curation.errors import ConfigError
from curation.generation import Generator, UltraFeedbackJudge, settings_id
from curation.labels import MajorityResolver, MeanResolver
from curation.prompts import FilePrompts, HubPrompts
from curation.review import PairwiseTask

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

[[generators]]
model_id = "meta-llama/Meta-Llama-3-8B-Instruct"

[judge]                       # optional; base_url, endpoint_name, api_key_env as for a generator
type = "ultrafeedback"
model_id = "meta-llama/Meta-Llama-3-70B-Instruct"
aspect = "overall-rating"

[review]
task = "pairwise"
workspace = "argilla"
dataset = "helpful"           # default: name
min_submitted = 1
show_suggestions = false
guidelines = """..."""

[labels]
resolver = "majority"         # or "mean"
min_reviewers = 1
judge_fallback = false        # unreviewed records stay out unless true (label_source = "judge")

[publish]
repo_id = "acme/helpful"
private = true
formats = ["dpo", "kto"]
min_gap = 0.25
test_size = 0.1

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


MISSING = object()
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


def test_the_file_of_the_contract_loads_as_it_reads(tmp_path: Path) -> None:
    config = load(tmp_path, CONTRACT)
    assert config.prompts == HubPrompts(repo_id="acme/prompts", limit=200)
    assert config.generators[0] == Generator(
        model_id="meta-llama/Meta-Llama-3-8B-Instruct",
        base_url="http://127.0.0.1:9000/v1",
        system_prompt="You are concise.",
        name="llama-concise",
        api_key_env="MY_ENDPOINT_KEY",
    )
    assert config.generators[1].name == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert config.judge == UltraFeedbackJudge(model_id="meta-llama/Meta-Llama-3-70B-Instruct")
    assert config.review == PairwiseTask(dataset="helpful", guidelines="...")
    assert config.labels == MajorityResolver()
    assert config.publish == Publish(repo_id="acme/helpful")
    assert config.store.repo_id == "acme/helpful-store"


def test_what_the_smallest_file_leaves_out_has_the_defaults_of_the_contract(tmp_path: Path) -> None:
    values = load(tmp_path, SMALLEST).model_dump(mode="json")
    assert "B is better" in values["review"].pop("guidelines")
    generator = {
        "base_url": None,
        "endpoint_name": None,
        "api_key_env": None,
        "temperature": 0.7,
        "max_new_tokens": 512,
        "system_prompt": None,
        "max_concurrency": 16,
        "timeout": 120.0,
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
            "limit": None,
        },
        "generators": [{"model_id": name, "name": name, **generator} for name in ("one", "two")],
        "judge": None,
        "review": {
            "task": "pairwise",
            "workspace": "argilla",
            "dataset": None,
            "min_submitted": 1,
            "show_suggestions": False,
        },
        "labels": {"resolver": "majority", "min_reviewers": 1, "judge_fallback": False},
        "publish": {
            "repo_id": "acme/helpful",
            "private": True,
            "formats": ["dpo", "kto"],
            "min_gap": 0.25,
            "test_size": 0.1,
        },
        "store": {"repo_id": "acme/helpful-store"},
    }


def test_the_judge_rates_overall_without_chance_unless_told_otherwise() -> None:
    judge = UltraFeedbackJudge(model_id="m")
    assert (judge.aspect, judge.temperature, judge.type) == ("overall-rating", 0.0, "ultrafeedback")


def test_the_review_dataset_is_named_like_the_curation_unless_it_has_a_name(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).review_dataset == "helpful"
    assert load(tmp_path, SMALLEST + '[review]\ndataset = "other"').review_dataset == "other"


def test_the_resolver_is_chosen_by_its_name(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST + "[labels]\nmin_reviewers = 2").labels == MajorityResolver(min_reviewers=2)
    assert load(tmp_path, SMALLEST + '[labels]\nresolver = "mean"').labels == MeanResolver()


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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
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
            "name = 'a b': must be 1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit.",
        ),
        (
            "nmae",
            "x",
            "nmae is not a setting; did you mean name? "
            "allowed: generators, judge, labels, name, prompts, publish, review, store.",
        ),
        ("prompts", "acme/prompts", "prompts = 'acme/prompts': must be a table."),
        ("prompts.type", MISSING, "prompts.type is missing; it must be 'hub' or 'file'."),
        ("prompts.type", "s3", "prompts.type = 's3': must be 'hub' or 'file'."),
        (
            "prompts.path",
            "x.csv",
            "prompts.path is not a setting; allowed: column, config, limit, repo_id, revision, split, type.",
        ),
        ("prompts", {"type": "file"}, "prompts.path is missing."),
        (
            "prompts",
            {"type": "file", "path": "x.txt"},
            "prompts.path = 'x.txt': must end in .jsonl, .parquet, .csv.",
        ),
        ("prompts.limit", 0, "prompts.limit = 0: must be greater than 0."),
        ("prompts.limit", True, "prompts.limit = true: must be a whole number."),
        ("prompts.limit", "all", "prompts.limit = 'all': must be a whole number."),
        ("generators", MISSING, "generators is missing."),
        ("generators", [], "generators: must have 2 or more entries, not 0."),
        ("generators", [{"model_id": "m"}], "generators: must have 2 or more entries, not 1."),
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
        ("judge", {"model_id": "m", "type": "prometheus"}, "judge.type = 'prometheus': must be 'ultrafeedback'."),
        (
            "judge",
            {"model_id": "m", "aspect": "beauty"},
            "judge.aspect = 'beauty': must be 'overall-rating', 'helpfulness', 'honesty', 'instruction-following' "
            "or 'truthfulness'.",
        ),
        ("review.task", "ranking", "review.task = 'ranking': must be 'pairwise'."),
        ("review.min_submitted", 0, "review.min_submitted = 0: must be greater than 0."),
        ("review.show_suggestions", "yes", "review.show_suggestions = 'yes': must be true or false."),
        ("labels", "mean", "labels = 'mean': must be a table."),
        ("labels.resolver", "median", "labels.resolver = 'median': must be 'majority' or 'mean'."),
        (
            "labels.min_reviewer",
            2,
            "labels.min_reviewer is not a setting; did you mean min_reviewers? "
            "allowed: judge_fallback, min_reviewers, resolver.",
        ),
        ("labels.judge_fallback", True, "labels.judge_fallback = true needs a [judge]."),
        ("publish", MISSING, "publish is missing."),
        ("publish.repo_id", "helpful", "publish.repo_id = 'helpful': must be owner/name."),
        ("publish.private", 1, "publish.private = 1: must be true or false."),
        ("publish.formats", "dpo", "publish.formats = 'dpo': must be a list."),
        ("publish.formats", [], "publish.formats: must have 1 or more entries, not 0."),
        ("publish.formats", ["dpo", "rlhf"], "publish.formats[2] = 'rlhf': must be 'dpo' or 'kto'."),
        ("publish.min_gap", 2, "publish.min_gap = 2: must be at least 0 and at most 1."),
        ("publish.test_size", 1, "publish.test_size = 1: must be at least 0 and less than 1."),
        ("publish.test_size", -0.1, "publish.test_size = -0.1: must be at least 0 and less than 1."),
        ("publish.test_size", float("nan"), "publish.test_size = nan: must be at least 0 and less than 1."),
        ("publish.test_size", "0.1", "publish.test_size = '0.1': must be a number."),
        (
            "store.repo_id",
            "acme/helpful",
            "store.repo_id = 'acme/helpful' is also publish.repo_id; the private store needs its own repo.",
        ),
    ],
)
def test_a_fault_names_the_key_the_value_and_what_is_allowed(path: str, value: object, sentence: str) -> None:
    assert fault(path, value) == sentence


def test_every_fault_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    wrong = SMALLEST.replace('"one"', '"one"\ntemprature = 1').replace('"acme/helpful"', '"acme/helpful"\nmin_gap = 7')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, wrong)
    assert len(caught.value.message.splitlines()) == 3
    assert "helpful.toml is not valid" in caught.value.message
    assert "generators[1].temprature is not a setting; did you mean temperature?" in caught.value.message
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
        "judge.base_url = 'https://***@x.example/v1': must not carry a user, a password or a query; "
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
def test_an_address_in_the_environment_that_is_none_is_named(name: str, address: str) -> None:
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


def test_the_settings_of_the_models_are_pinned() -> None:
    generators = [Generator(model_id="m1"), Generator(model_id="m2")]
    assert settings_id(generators, UltraFeedbackJudge(model_id="j")) == "05fee420b5d1a229"


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://127.0.0.1:1"},
        {"endpoint_name": "e"},
        {"api_key_env": "KEY"},
        {"max_concurrency": 1},
        {"timeout": 1.0},
    ],
)
def test_where_and_how_fast_a_model_answers_does_not_make_other_answers(change: dict[str, Any]) -> None:
    plain, moved = Generator(model_id="m"), Generator(model_id="m", **change)
    assert settings_id([plain], None) == settings_id([moved], None)


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "n"},
        {"name": "n"},
        {"temperature": 0.1},
        {"max_new_tokens": 1},
        {"system_prompt": "Be brief."},
    ],
)
def test_what_shapes_an_answer_makes_other_settings(change: dict[str, Any]) -> None:
    plain, changed = Generator(model_id="m"), Generator(**{"model_id": "m", **change})
    assert settings_id([plain], None) != settings_id([changed], None)
    assert settings_id([plain], None) != settings_id([plain], UltraFeedbackJudge(model_id="m"))

"""What is published and exported, end to end: every format, resolver, check and layout from stores that were reviewed.

A loop takes long, so that a store is made once and published in many ways: what people said never changes by that.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from curation import ids, publish
from curation.config import Services, load_config
from curation.errors import TemporaryError
from curation.local import Stack
from curation.local.inference import Fault, Reply, Request, ScriptedServer
from curation.local.reviewers import Fields, Rule, simulate_reviewers
from curation.published_rows import PreferenceRow, RawRow, SupervisedRow, UnpairedPreferenceRow
from curation.review.page import plain_fields
from curation.types import Row
from tests.configs import two_models, write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, stored
from tests.flows.test_loop import argilla, dataset_id, hub
from tests.scripts import scripted_reply

pytestmark = pytest.mark.stack

Rows = dict[str, dict[str, list[dict[str, Any]]]]
"""By config and split."""

QUESTIONS = [f"What is {number} times {number + 7}, and why?" for number in range(150)]
TALK = [
    {"role": "user", "content": "Name a prime."},
    {"role": "assistant", "content": "Seven."},
    {"role": "user", "content": "Name one more, and say how you know."},
]
ALL_FORMATS = 'formats = ["dpo", "kto", "reward", "sft", "raw"]\nmargin = true\ntest_size = 0.3\nlicense = "cc-by-4.0"'
TYPES: dict[str, type[Row]] = {
    "dpo": PreferenceRow,
    "kto": UnpairedPreferenceRow,
    "reward": PreferenceRow,
    "sft": SupervisedRow,
    "raw": RawRow,
}
NOWHERE = "http://127.0.0.1:9"
EDIT = "A better answer, written by hand."

LOAD = """
import json, sys
from datasets import disable_progress_bars, get_dataset_config_names, load_dataset
disable_progress_bars()
repo = sys.argv[1]
loaded = {config: load_dataset(repo, config) for config in get_dataset_config_names(repo)}
rows = {config: {name: split.to_list() for name, split in splits.items()} for config, splits in loaded.items()}
print(json.dumps(rows))
"""


# --- reviewers --------------------------------------------------------------------------------------------------------


def chance(*parts: str) -> float:
    """A number in [0, 1) that follows from texts."""
    return ids.unit_interval("crowd", "|".join(parts))


def better(first: str, second: str) -> str:
    """The text that is better, by a rule that no position or length gives away."""
    return max(first, second, key=chance)


def truth(fields: Fields) -> str:
    first, second = fields["response_a"], fields["response_b"]
    kind = chance("kind", *sorted((first, second)))
    if kind < 0.2:
        return "both_good" if kind < 0.1 else "both_bad"
    return "a" if better(first, second) == first else "b"


def at_random(name: str) -> Rule:
    return lambda fields: ("a", "b", "both_good", "both_bad")[int(4 * chance(name, fields["response_a"]))]


def honest(name: str) -> Rule:
    """One who errs in a tenth of the answers."""
    errs = at_random(f"{name} errs")
    return lambda fields: errs(fields) if chance(name, "errs", fields["response_b"]) < 0.13 else truth(fields)


def contrary(fields: Fields) -> str:
    true = truth(fields)
    return {"a": "b", "b": "a"}.get(true, true)


HONEST = ("marie.curie", "niels.bohr", "lise.meitner")
PLANTED = {"contrary": "otto.contrarius", "random": "carla.coinflip", "one_sided": "anton.alwaysa"}
CROWD: dict[str, Rule] = {
    **{name: honest(name) for name in HONEST},
    PLANTED["contrary"]: contrary,
    PLANTED["random"]: at_random("coin"),
    PLANTED["one_sided"]: lambda fields: "a",
}


# --- what is there ----------------------------------------------------------------------------------------------------


def made_line(stack: Stack, folder: Path, server: ScriptedServer) -> CommandLine:
    return CommandLine({**stack.settings(), "CURATION_INFERENCE_URL": server.url}, folder)


def variant(base: Path, repo: str, *, publish: str = "", more: str = "") -> str:
    """Write the same curation that publishes to another repo, with `publish` in that section and `more` at the end."""
    text = base.read_text(encoding="utf-8")
    section = f'repo_id = "acme/{base.stem}"\n'
    assert section in text
    path = base.with_name(f"{repo}.toml")
    path.write_text(text.replace(section, f'repo_id = "acme/{repo}"\n{publish}\n') + more, encoding="utf-8")
    return str(path)


def files(stack: Stack, folder: Path, repo: str) -> dict[str, bytes]:
    """Every file of a published repo, by path."""
    api = hub(stack)
    return {
        path: Path(
            api.hf_hub_download(f"acme/{repo}", path, repo_type="dataset", local_dir=folder / "files" / repo)
        ).read_bytes()
        for path in api.list_repo_files(f"acme/{repo}", repo_type="dataset")
        if path != ".gitattributes"
    }


def written(folder: Path) -> Rows:
    """What the Parquet files in a folder hold."""
    rows: Rows = {}
    for path in sorted(folder.glob("*/*.parquet")):
        of_config = rows.setdefault(path.parent.name, {})
        of_config.setdefault(path.name.partition("-")[0], []).extend(pq.read_table(path).to_pylist())
    return rows


def together(splits: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for rows in splits.values() for row in rows]


def is_right(row: Mapping[str, Any]) -> bool:
    chosen, rejected = (str(row[side][0]["content"]) for side in ("chosen", "rejected"))
    return chosen == EDIT or better(chosen, rejected) == chosen


def reviewed(http: httpx2.Client, name: str) -> list[dict[str, Any]]:
    """The records of an Argilla dataset with the responses that were submitted."""
    parameters = {"include": "responses", "limit": "500"}
    answer = http.get(f"/datasets/{dataset_id(http, name)}/records", params=parameters).raise_for_status()
    return [
        {**record, "responses": [one for one in record["responses"] if one["status"] == "submitted"]}
        for record in answer.json()["items"]
    ]


def discard_dissent(stack: Stack, name: str, *, count: int) -> None:
    """Of some records, let all discard their answers but those who gave the most frequent one."""
    with argilla(stack) as http:
        for record in reviewed(http, name)[:count]:
            [(most, _)] = Counter(map(preference, record["responses"])).most_common(1)
            for response in record["responses"]:
                if preference(response) != most:
                    http.put(f"/responses/{response['id']}", json={"status": "discarded"}).raise_for_status()


def edit_clearest(stack: Stack, name: str, *, questions: Sequence[str], edit: str) -> None:
    """Of the records with these questions, take the one that most reviewers agree about; let one of those edit it."""
    with argilla(stack) as http:
        records = [one for one in reviewed(http, name) if question(one) in questions]
        most, _, side, clearest = max(
            (sum(said == side for said in map(preference, one["responses"])), one["id"], side, one)
            for one in records
            for side in ("a", "b")
        )
        assert most
        response = next(said for said in clearest["responses"] if preference(said) == side)
        body = {"status": "submitted", "values": {**response["values"], "edit": {"value": edit}}}
        http.put(f"/responses/{response['id']}", json=body).raise_for_status()


def question(record: Mapping[str, Any]) -> str:
    """The last turn of a record of Argilla."""
    return str(plain_fields(record["fields"])["prompt"][-1]["content"])


def preference(response: Mapping[str, Any]) -> str:
    return str(response["values"]["preference"]["value"])


# --- a crowd of reviewers ---------------------------------------------------------------------------------------------


class Crowd:
    """A store that six people reviewed; neither the models nor Argilla are there any more for what follows."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        prompts = [*QUESTIONS, TALK, QUESTIONS[3], "   "]
        self.config = two_models(write_config(folder, "crowd", prompts=prompts))
        fault = Fault(kind="status", status=400, match="What is 5 times 12", model="large")
        with ScriptedServer(scripted_reply, faults=[fault]) as server:
            line = made_line(stack, folder, server)
            self.generated = line.json("generate", str(self.config))
        self.pushed = line.json("push", str(self.config))
        simulate_reviewers(stack.argilla, workspace="argilla", dataset="crowd", rules=CROWD)
        discard_dissent(stack, "crowd", count=10)
        edit_clearest(stack, "crowd", questions=QUESTIONS, edit=EDIT)
        line.json("sync", str(self.config))
        self.line = CommandLine(
            {**line.settings, "CURATION_INFERENCE_URL": NOWHERE, "ARGILLA_API_URL": NOWHERE}, folder
        )

    @cached_property
    def everything(self) -> dict[str, Any]:
        """The report of a publish with every format."""
        return self.publish("everything", publish=ALL_FORMATS)

    @cached_property
    def fitted(self) -> dict[str, Any]:
        """The same by another resolver."""
        more = '\n[labels]\nresolver = "dawid-skene"\nforce = true\n'
        return self.publish("fitted", publish=ALL_FORMATS, more=more)

    @cached_property
    def loaded(self) -> Rows:
        """What `load_dataset` gives of it, in a process and a cache of its own."""
        env = {"PATH": "", "HF_HOME": str(self.line.folder / "other-hf"), **self.line.settings}
        command = [sys.executable, "-c", LOAD, self.everything["repo"]]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Every file of it by path."""
        assert self.everything["repo"] == "acme/everything"
        return files(self.stack, self.line.folder, "everything")

    def publish(self, repo: str, *, publish: str = "", more: str = "") -> dict[str, Any]:
        return self.line.json("publish", variant(self.config, repo, publish=publish, more=more))

    def exported(self, repo: str, *, publish: str = "", more: str = "") -> tuple[dict[str, Any], Rows]:
        """The report of an export, and its rows."""
        folder = self.line.folder / "exports" / repo
        config = variant(self.config, repo, publish=publish, more=more)
        report = self.line.json("export", config, "--folder", str(folder))
        return report, written(folder)


@pytest.fixture(scope="module")
def crowd(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    return Crowd(stack, tmp_path_factory.mktemp("crowd"))


def test_every_prompt_was_asked_or_dropped_with_a_reason(crowd: Crowd) -> None:
    generated = crowd.generated
    assert generated["dropped"] == {"duplicate": 1, "empty": 1}
    assert generated["prompts"] == 153 == generated["made"] + generated["failed"] + 2
    assert (generated["failed"], crowd.pushed["skipped"]) == (1, {"fewer_than_two_answers": 1})


def test_every_format_loads_with_the_columns_of_its_type(crowd: Crowd) -> None:
    report, rows = crowd.everything, crowd.loaded
    assert {config: len(together(splits)) for config, splits in rows.items()} == report["rows"]
    for config, row_type in TYPES.items():
        wanted = [*row_type.model_fields, *(["margin"] if config == "reward" else [])]
        assert all(list(row) == wanted for row in together(rows[config])), config
        assert len({row["id"] for row in together(rows[config])}) == report["rows"][config] > 0
    assert all(row["margin"] == row["score_gap"] > 0 for row in together(rows["reward"]))
    for row in together(rows["sft"]):
        assert row["messages"][-1]["role"] == "assistant"
    [edited] = [row for row in together(rows["dpo"]) if row["chosen_model"] == "human-edit"]
    assert edited["chosen"] == [{"role": "assistant", "content": EDIT}]


def test_no_prompt_is_in_two_splits_of_any_config(crowd: Crowd) -> None:
    split_of = {row["prompt_id"]: split for split, rows in crowd.loaded["raw"].items() for row in rows}
    assert len(split_of) == 151
    for splits in crowd.loaded.values():
        assert set(splits) == {"train", "test"}
        for split, rows in splits.items():
            assert {split_of[row["prompt_id"]] for row in rows} == {split}


def record_of(row: Mapping[str, Any]) -> str:
    """Return the record that a row follows: here every set was shown in one."""
    [record_id] = row["record_ids"]
    return str(record_id)


def test_every_verdict_has_a_row_or_a_reason_in_every_format_and_raw_holds_all(crowd: Crowd) -> None:
    report, rows = crowd.everything, crowd.loaded
    assert report["records"] == 150 == report["verdicts"] + sum(report["unresolved"].values())
    raw = together(rows["raw"])
    trained = {config: together(rows[config]) for config in TYPES if config != "raw"}
    ids_in_raw = [row_id for row in raw for row_id in row["rows"]]
    assert sorted(ids_in_raw) == sorted(row["id"] for of_config in trained.values() for row in of_config)

    dropped = {f"{config}:{why}": count for config in trained for why, count in report["dropped"][config].items()}
    reasons = Counter(reason for row in raw for reason in row["dropped"])
    assert reasons == {"fewer_than_two_answers": 1, **report["unresolved"], **dropped}
    decided = [row for row in raw if row["label_source"] == "human"]
    assert len(decided) == report["verdicts"]
    for config, of_config in trained.items():
        given = {record_of(row) for row in of_config}
        for row in decided:
            lost = [reason for reason in row["dropped"] if reason.startswith(f"{config}:")]
            assert lost or record_of(row) in given, (record_of(row), config)
    assert {len(row["annotations"]) for row in raw if row["record_ids"]} == {len(CROWD)}
    # One model failed once, and one answer was edited.
    assert Counter(len(row["candidates"]) for row in raw) == {1: 1, 2: 149, 3: 1}


def test_the_card_names_the_files_that_exist(crowd: Crowd) -> None:
    card = crowd.files["README.md"].decode()
    for config in TYPES:
        assert f"config_name: {config}" in card
        assert f'load_dataset("acme/everything", "{config}")' in card
    assert f"Krippendorff's alpha, nominal: **{crowd.everything['alpha']['value']:.2f} (95 % interval" in card
    assert "license: cc-by-4.0" in card
    for step in ("| prompts read | 153 |", "| prompts asked | 151 | 1 duplicate, 1 empty |", "| verdicts |"):
        assert step in card
    for picture in ("images/funnel.svg", "images/lengths.svg"):
        assert crowd.files[picture].startswith(b"<svg")
        assert f"]({picture})" in card


def test_no_published_file_names_a_reviewer_or_the_store_or_a_place_on_this_machine(crowd: Crowd) -> None:
    for repo in (crowd.everything["repo"], crowd.fitted["repo"]):
        name = repo.partition("/")[2]
        there = files(crowd.stack, crowd.line.folder, name)
        there["rows"] = json.dumps(written(crowd.line.folder / "files" / name)).encode()
        for secret in (*CROWD, "crowd-store", str(crowd.line.folder)):
            assert [path for path, content in there.items() if secret.encode() in content] == []


def test_reviewers_who_are_contrary_random_or_one_sided_are_named_by_pseudonym_and_nobody_else(
    crowd: Crowd, stack: Stack
) -> None:
    pseudonym = stored(stack, "crowd").pseudonym
    assert set(crowd.everything["marked"]) == {pseudonym(name) for name in PLANTED.values()}
    card = crowd.files["README.md"].decode()
    for mark, name in PLANTED.items():
        assert mark in crowd.everything["marked"][pseudonym(name)]
        assert f"- {pseudonym(name)} is {mark}" in card.replace("\\", "")


def test_too_few_records_for_dawid_skene_are_refused_unless_forced(crowd: Crowd) -> None:
    config = variant(crowd.config, "not-fitted", more='\n[labels]\nresolver = "dawid-skene"\n')
    said = crowd.line.error("publish", config)
    assert "dawid-skene has too little to learn from: 150 records" in said
    assert "labels.force = true" in said


def test_another_resolver_needs_neither_argilla_nor_models_and_dawid_skene_sees_through_the_crowd(crowd: Crowd) -> None:
    report = crowd.fitted
    card = files(crowd.stack, crowd.line.folder, "fitted")["README.md"].decode()
    assert "What each reviewer answers, by what is probably true (Dawid and Skene)" in card
    assert card.count("| true \\ given |") == len(CROWD)
    dpo = together(written(crowd.line.folder / "files" / "fitted")["dpo"])
    assert report["rows"]["dpo"] == len(dpo) >= 100
    assert sum(map(is_right, dpo)) / len(dpo) > 0.97
    assert crowd.line.run("publish", str(crowd.line.folder / "fitted.toml")).stdout.startswith("Nothing new:")


def test_the_card_keeps_up_where_no_row_changes(crowd: Crowd) -> None:
    config = Path(variant(crowd.config, "restated", publish='license = "mit"'))
    first = crowd.line.json("publish", str(config))
    before = files(crowd.stack, crowd.line.folder, "restated")
    config.write_text(config.read_text(encoding="utf-8").replace('"mit"', '"cc-by-4.0"'), encoding="utf-8")
    second = crowd.line.json("publish", str(config))
    after = files(crowd.stack, crowd.line.folder, "restated")
    assert first["commit"]
    assert second["commit"]
    # The manifest names the new version.
    assert {path for path in after if after[path] != before.get(path)} == {"README.md", "curation.json"}
    assert before.keys() == after.keys()
    assert b"license: mit" in before["README.md"]
    assert b"license: cc-by-4.0" in after["README.md"]
    assert crowd.line.json("publish", str(config))["commit"] is None


def test_a_publish_that_was_overtaken_does_not_undo_the_later_one(crowd: Crowd) -> None:
    first, late, newer = (Path(variant(crowd.config, name)) for name in ("overtaken", "late", "newer"))
    for path, licence in ((late, "mit"), (newer, "cc-by-4.0")):
        text = first.read_text(encoding="utf-8").replace("[publish]", f'[publish]\nlicense = "{licence}"')
        path.write_text(text, encoding="utf-8")
    crowd.line.json("publish", str(first))
    services = Services(hub_endpoint=crowd.stack.hub.url, hub_token=crowd.stack.hub.token)
    overtaken: list[str] = []

    def watch(done: int, total: int) -> None:
        if not overtaken:
            overtaken.append(crowd.line.json("publish", str(newer))["commit"])

    with pytest.raises(TemporaryError, match="was changed while these rows were made"):
        publish(load_config(late), services=services, watch=watch)
    assert hub(crowd.stack).dataset_info("acme/overtaken").sha == overtaken[0]
    assert publish(load_config(late), services=services).commit != overtaken[0]


def test_a_repo_with_other_files_is_not_overwritten(crowd: Crowd) -> None:
    api = hub(crowd.stack)
    api.create_repo("acme/of-somebody", repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=b"{}\n", path_in_repo="data.jsonl", repo_id="acme/of-somebody", repo_type="dataset")
    before = api.dataset_info("acme/of-somebody").sha
    said = crowd.line.error("publish", variant(crowd.config, "of-somebody"))
    assert "holds files that curation did not write: data.jsonl." in said
    assert api.dataset_info("acme/of-somebody").sha == before

    api.create_repo("acme/open-to-all", repo_type="dataset", private=False)
    said = crowd.line.error("publish", variant(crowd.config, "open-to-all"))
    assert "acme/open-to-all is public, and publish.private is true. Set private = false" in said
    assert crowd.line.json("publish", variant(crowd.config, "open-to-all", publish="private = false"))["commit"]

    api.create_repo("acme/of-another", repo_type="dataset", private=True)
    api.upload_file(
        path_or_fileobj=b'{"name": "another"}',
        path_in_repo="curation.json",
        repo_id="acme/of-another",
        repo_type="dataset",
    )
    said = crowd.line.error("publish", variant(crowd.config, "of-another"))
    assert "acme/of-another is the dataset of 'another', not of 'crowd'." in said
    for content in (b"{", b"[]", b'{"files": 3}'):
        api.upload_file(
            path_or_fileobj=content, path_in_repo="curation.json", repo_id="acme/of-another", repo_type="dataset"
        )
        said = crowd.line.error("publish", variant(crowd.config, "of-another"))
        assert "curation.json of acme/of-another cannot be read" in said
        assert "Unexpected" not in said


def test_a_licence_that_the_hub_does_not_know_is_named(crowd: Crowd) -> None:
    config = variant(crowd.config, "unlicensed", publish='license = "cc-by-anything"')
    body = {"errors": [{"message": '"license" must be one of [apache-2.0, mit, ...]'}], "warnings": []}
    crowd.stack.hub.fail("/api/validate-yaml", status=400, body=body)
    said = crowd.line.error("publish", config)
    assert 'the Hub does not accept the card. - "license" must be one of' in said
    assert "Correct `license` under [publish]" in said
    assert "Unexpected" not in said


def test_the_unanimous_resolver_drops_records_whose_reviewers_disagree(crowd: Crowd) -> None:
    report, rows = crowd.exported("unanimous", publish=ALL_FORMATS, more='\n[labels]\nresolver = "unanimous"\n')
    shown = [row for row in together(rows["raw"]) if row["record_ids"]]
    agreed = set()
    for row in shown:
        given = {tuple(one["scores"][:2]) for one in row["annotations"] if one["status"] == "submitted"}
        assert (row["dropped"] == ["not_unanimous"]) == (len(given) > 1)
        if len(given) == 1:
            agreed.add(record_of(row))
    assert len(agreed) == 10
    assert {record_of(row) for row in together(rows["kto"])} == agreed
    assert report["rows"]["kto"] >= 20


def test_nothing_is_published_or_written_if_only_raw_would_have_rows(crowd: Crowd, stack: Stack) -> None:
    config = variant(crowd.config, "undecided", publish=ALL_FORMATS, more="\n[labels]\nmin_reviewers = 7\n")
    assert "No row to publish from 150 records (150 too_few_reviewers)" in crowd.line.error("publish", config)
    assert not hub(stack).repo_exists("acme/undecided", repo_type="dataset")
    folder = crowd.line.folder / "undecided"
    assert "No row to write from 150 records" in crowd.line.error("export", config, "--folder", str(folder))
    assert not folder.exists()
    raw = ALL_FORMATS.replace('"dpo", "kto", "reward", "sft", ', "").replace("margin = true\n", "")
    assert crowd.exported("undecided-raw", publish=raw, more="\n[labels]\nmin_reviewers = 7\n")[0]["rows"] == {
        "raw": 151
    }


def test_ties_are_dropped_if_the_config_says_so_and_otherwise_give_only_kto_rows(crowd: Crowd) -> None:
    kept, kept_rows = crowd.exported("ties-kept")
    dropped, rows = crowd.exported("ties-dropped", more='\n[labels]\nties = "drop"\n')
    ties = kept["dropped"]["dpo"]["tie"]
    assert ties > 10
    assert dropped["dropped"]["dpo"]["tie"] == dropped["dropped"]["kto"]["tie"] == ties
    assert kept["rows"]["dpo"] == dropped["rows"]["dpo"]
    paired = {record_of(row) for row in together(rows["dpo"])}
    assert {record_of(row) for row in together(rows["kto"])} == paired
    assert len({record_of(row) for row in together(kept_rows["kto"])} - paired) == ties


def test_all_pairs_are_every_pair_of_answers_far_enough_apart(crowd: Crowd) -> None:
    best, best_rows = crowd.exported("best")
    every, rows = crowd.exported("every", publish='pairs = "all"')
    # Only the edited record has a third answer, which is as good as the one that it edits.
    edited = [row for row in together(rows["dpo"]) if row["chosen_model"] == "human-edit"]
    of_it = [row for row in together(rows["dpo"]) if record_of(row) == record_of(edited[0])]
    assert len(of_it) == 2
    assert every["rows"]["dpo"] == best["rows"]["dpo"] + 1
    assert {row["id"] for row in together(best_rows["dpo"])} < {row["id"] for row in together(rows["dpo"])}


def test_plain_strings_leave_out_conversations_with_a_reason(crowd: Crowd) -> None:
    talks, rows = crowd.exported("talks", publish=ALL_FORMATS)
    plain, texts = crowd.exported("plain", publish=f"{ALL_FORMATS}\nconversational = false")
    for config in ("dpo", "kto", "reward", "sft"):
        assert plain["dropped"][config]["conversation"] == 1
        assert "conversation" not in talks["dropped"][config]
    by_id = {row["id"]: row for row in together(rows["dpo"])}
    for row in together(texts["dpo"]):
        same = by_id[row["id"]]
        assert [row["prompt"]] == [turn["content"] for turn in same["prompt"]]
        assert row["chosen"] == same["chosen"][0]["content"]
        assert {key: value for key, value in row.items() if key not in ("prompt", "chosen", "rejected")} == {
            key: value for key, value in same.items() if key not in ("prompt", "chosen", "rejected")
        }
    assert all(row["prompt"] in QUESTIONS and isinstance(row["completion"], str) for row in together(texts["sft"]))
    assert all("messages" not in row for row in together(texts["sft"]))
    # `raw` keeps its conversations: it is not trained on.
    assert together(texts["raw"])[0]["prompt"][0]["role"] in ("user", "system")


def test_an_export_equals_the_published_files_and_a_folder_with_other_content_is_refused(crowd: Crowd) -> None:
    shards = {path: content for path, content in crowd.files.items() if path.endswith(".parquet")}
    config = variant(crowd.config, "everything", publish=ALL_FORMATS)
    folder = crowd.line.folder / "exports" / "everything"
    report = crowd.line.json("export", config, "--folder", str(folder))
    assert sorted(report["files"]) == sorted(shards)
    there = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert there == shards
    again = crowd.line.run("export", config, "--folder", str(folder))
    assert again.returncode == 0, again.stderr
    assert "nothing was written" in again.stdout
    (folder / "other.txt").write_text("of somebody else")
    said = crowd.line.error("export", config, "--folder", str(folder))
    assert f"{folder} is not empty." in said
    assert "Name a new folder with --folder." in said
    there = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert there == {**shards, "other.txt": b"of somebody else"}


def templated(turns: Sequence[Mapping[str, str]]) -> str:
    """What the template of the tiny model makes of a conversation, but for what its tokenizer adds."""
    return "".join(f"<|{turn['role']}|>{turn['content']}<|end|>" for turn in turns)


@pytest.mark.train
@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs the extra `train`")
def test_a_chat_template_makes_strings_of_conversations(crowd: Crowd, tmp_path: Path) -> None:
    model, folder = tmp_path / "model", tmp_path / "strings"
    subprocess.run([sys.executable, "-m", "tests.train.two_steps", "make", str(model)], check=True, timeout=300)
    config = variant(crowd.config, "templated", publish=ALL_FORMATS)
    crowd.line.json("export", config, "--folder", str(folder), "--chat-template", str(model))
    rows = written(folder)
    _, talks = crowd.exported("templated", publish=ALL_FORMATS)
    by_id = {row["id"]: row for config in ("dpo", "sft") for row in together(talks[config])}
    for row in together(rows["dpo"]):
        assert row["prompt"] == f"{templated(by_id[row['id']]['prompt'])}<|assistant|>"
        assert row["chosen"] == f"{by_id[row['id']]['chosen'][0]['content']}<|end|>"
    assert len(together(rows["dpo"])) == len(together(talks["dpo"]))
    for row in together(rows["sft"]):
        assert row["prompt"] + row["completion"] == templated(by_id[row["id"]]["messages"])
    said = crowd.line.error("export", config, "--folder", str(tmp_path / "no"), "--chat-template", str(tmp_path))
    assert "has no tokenizer" in said
    assert not (tmp_path / "no").exists()


# --- checks -----------------------------------------------------------------------------------------------------------

BENCHMARK = "A train leaves the city of Lyon at nine and travels two hundred kilometres north before it stops again"
CHECKS = """
[quality]
near_duplicates = 0.8
benchmarks = ["benchmark.jsonl"]
languages = ["en"]
pii = true
refusals = true
truncated = true
"""
LIKE = "Describe how a bakery in a small town makes its bread every morning before the first customers come in and"
AT_FAULT = {
    "Write a letter to jane.doe@gmail.com about the two apples that she lost.": "pii",
    f"Solve this. {BENCHMARK}. When does it arrive?": "contaminated",
    f"{LIKE} wait": "near_duplicate",
    "Erkläre bitte, warum der Himmel am Abend rot ist und warum er am Mittag blau ist.": "language",
    # Both: it is dropped for the first, and must be without the second wherever it is published.
    "Schreibe bitte einen Brief an hans.muster@gmail.com und frage ihn, wann er endlich kommt.": "language",
}
CUT = Reply(text="Because", finish_reason="length")
ANSWERS: dict[str, tuple[str | Reply, ...]] = {
    "Why is the refused sky blue?": ("I'm sorry, but I can't help with that.", "I cannot assist with this.", "Light."),
    "Why is the half refused sea blue?": ("I'm sorry, but I can't help with that.", "Water.", "Water and light."),
    "Why is the cut off grass green?": (CUT, CUT, "Chlorophyll is green."),
    "Why is the identical snow white?": ("Ice crystals scatter light.",) * 3,
    "Why is the personal phone ringing?": ("Ask bob.miller@gmail.com.", "Ask al.jones@gmail.com.", "Somebody calls."),
    "Why is one personal door open?": ("Ask eve.brown@gmail.com.", "The wind.", "The wind did it."),
    "Why is the lopsided tower leaning?": ("Soil.", "Soil. " * 20, "Soil. " * 400),
    "Why is the artificial rain wet?": tuple(f"As an AI language model, I see no {what}." for what in ("a", "b", "c")),
}
PERSONAL = ("jane.doe", "hans.muster", "bob.miller", "al.jones", "eve.brown", "karl.edit")
THIRD = """
[[generators]]
model_id = "third"

[judge]
type = "ultrafeedback"
model_id = "judge"
"""


def planted_reply(request: Request) -> str | Reply:
    planted = next((said for question, said in ANSWERS.items() if question == request.prompt), None)
    return scripted_reply(request) if planted is None else planted[("small", "large", "third").index(request.model)]


def test_checks_keep_what_is_at_fault_from_models_reviewers_and_rows_and_raw_keeps_all_of_it_redacted(
    cli: CommandLine, stack: Stack
) -> None:
    name, folder = "checked", cli.folder
    (folder / "benchmark.jsonl").write_text(json.dumps({"question": BENCHMARK}))
    prompts = [f"{LIKE} stay", *AT_FAULT, *ANSWERS, *QUESTIONS[:4]]
    config = two_models(write_config(folder, name, prompts=prompts, judge=THIRD, more=CHECKS))
    said = cli.run("check", str(config)).stdout
    for state in (
        "prompts: near_duplicate: dropped if similarity 0.8 or more",
        "prompts: contaminated: dropped if 13 words in a row of",
        "prompts: language: dropped if not en",
        "prompts and answers: pii: dropped if e-mail, phone, card and like numbers",
        "prompts and answers: too_long: off",
        "answers: empty: dropped if nothing to read",
        "answers: refusal: dropped if says that it will not or cannot",
        "answers: ai_tell: off",
        "answers: model_name: off",
        "answers: truncated: dropped if cut off",
        "pairs: identical: dropped if the same text twice",
        "pairs: length_ratio: off",
    ):
        assert state in said

    with ScriptedServer(planted_reply) as server:
        line = made_line(stack, folder, server)
        generated = line.json("generate", str(config))
        asked = " ".join(request.prompt for request in chats(server))
    assert generated["dropped"] == dict(Counter(AT_FAULT.values()))
    assert (generated["prompts"], generated["made"]) == (len(prompts), len(prompts) - len(AT_FAULT))
    assert not [text for text in AT_FAULT if text in asked]
    pushed = cli.json("push", str(config))
    assert pushed["skipped"] == {"refusal": 1, "truncated": 1, "identical": 1, "pii": 1}
    assert pushed["records"] == 9
    with argilla(stack) as http:
        shown = json.dumps(http.get(f"/datasets/{dataset_id(http, name)}/records").raise_for_status().json()["items"])
    assert not [person for person in PERSONAL if person in shown]
    assert "can't help" not in shown

    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"greta.h": lambda fields: "a"})
    edit_clearest(stack, name, questions=QUESTIONS[:1], edit="Ask karl.edit@gmail.com, who knows.")
    cli.json("sync", str(config))
    formats = 'formats = ["dpo", "kto", "raw"]\ntest_size = 0'
    stricter = variant(config, "checked-rows", publish=formats, more="ai_tells = true\nmax_length_ratio = 3\n")
    report = cli.json("publish", stricter)
    assert report["dropped"] == {
        # The faulty edit falls out alone: its record gives the pair of the two answers.
        "dpo": {"length_ratio": 1, "ai_tell": 1},
        # An answer that is there as a bad example may say that an AI wrote it.
        "kto": {"ai_tell": 1, "pii": 1},
        "raw": {},
    }
    assert report["rows"] == {"dpo": 7, "kto": 17, "raw": len(prompts)}
    assert cli.json("publish", stricter)["commit"] is None

    there = files(stack, folder, "checked-rows")
    raw = together(written(folder / "files" / "checked-rows")["raw"])
    left_out = {row["prompt"][0]["content"]: row["dropped"] for row in raw if not row["candidates"]}
    assert sorted(reason for [reason] in left_out.values()) == sorted(AT_FAULT.values())
    not_shown = [row["dropped"] for row in raw if row["candidates"] and not row["record_ids"]]
    assert sorted(not_shown) == [["identical"], ["pii"], ["refusal"], ["truncated"]]
    everything = b"".join(there.values()).decode(errors="replace") + json.dumps(
        written(folder / "files" / "checked-rows")
    )
    assert [person for person in PERSONAL if person in everything] == []
    assert json.dumps(raw).count("[EMAIL]") == 6
    # The card says which benchmark it was, and not where it is on this machine.
    assert " words in a row of benchmark.jsonl" in there["README.md"].decode()
    assert str(folder) not in everything


# --- what prompts bring along, and what is appended -------------------------------------------------------------------

TOOL = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]


def long_reply(request: Request) -> str:
    """An answer that compression does not make short: the data outweighs the card."""
    key = f"{request.model} {request.temperature} {request.prompt}"
    return "".join(hashlib.sha512(f"{key} {part}".encode()).hexdigest() for part in range(64))


def write_prompts(folder: Path, count: int) -> None:
    """Prompts that all have a category and keyword arguments, and all but one have tools."""
    rows = [
        {
            "instruction": QUESTIONS[number],
            "functions": TOOL if number else None,
            "kwargs": {"tone": "dry"},
            "kind": "sums",
        }
        for number in range(count)
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def add_rows(line: CommandLine, stack: Stack, config: Path, count: int) -> None:
    write_prompts(config.parent, count)
    line.json("generate", str(config))
    line.json("push", str(config))
    rules: dict[str, Rule] = {"one": honest("one"), "two": honest("two")}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=config.stem, rules=rules)
    line.json("sync", str(config))


def test_appending_uploads_only_new_files_and_names_columns_that_some_prompts_lack(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.derive.segments.LARGEST_SEGMENT", 8)
    monkeypatch.setattr("curation.derive.segments.SMALLEST_SEGMENT", 4)
    config = write_config(tmp_path, "appended", judge="")
    columns = 'tools_column = "functions"\nchat_template_kwargs_column = "kwargs"\ncategory_column = "kind"'
    text = config.read_text().replace("[prompts]\n", f"[prompts]\n{columns}\n")
    config.write_text(text.replace("[publish]\n", '[publish]\ntest_size = 0\nformats = ["dpo", "kto", "raw"]\n'))
    settings = stack.settings()
    services = Services.from_environment(settings)
    with ScriptedServer(long_reply) as server:
        line = made_line(stack, tmp_path, server)
        add_rows(line, stack, config, 20)
        first = publish(load_config(config), services=services)
        before = files(stack, tmp_path, "appended")
        add_rows(line, stack, config, 26)
    received = stack.hub.stats()["bytes_received"]
    second = publish(load_config(config), services=services)
    received = stack.hub.stats()["bytes_received"] - received
    after = files(stack, tmp_path, "appended")

    # Segments of 8, 8 and 4 sets became segments of 8, 8, 8 and 2.
    shards = {path for path in before if path.endswith(".parquet")}
    kept = shards & after.keys()
    assert sorted(path.partition("/")[0] for path in kept) == ["dpo", "dpo", "kto", "kto", "raw", "raw"]
    assert len(shards) == 9
    assert sum(path.endswith(".parquet") for path in after) == 12
    new = sum(len(content) for path, content in after.items() if before.get(path) != content)
    assert received <= 1.1 * new
    assert sum(len(before[path]) for path in kept) > 0.3 * new
    assert second.rows["raw"] == 26 > first.rows["raw"] == 20

    for report in (first, second):
        assert report.omitted == {"tools": "not every prompt has it"}
        assert "No column 'tools': not every prompt has it." in report.lines
    rows = written(tmp_path / "files" / "appended")
    for config_name in ("dpo", "kto"):
        assert {row["category"] for row in together(rows[config_name])} == {"sums"}
        assert all(row["chat_template_kwargs"] == {"tone": "dry"} for row in together(rows[config_name]))
        assert all("tools" not in row and "subcategory" not in row for row in together(rows[config_name]))


def test_tools_that_every_prompt_has_are_published_as_json(cli: CommandLine, stack: Stack) -> None:
    config = write_config(cli.folder, "tools", judge="", prompts=["Add 1 and 2."])
    rows = [{"instruction": text, "functions": json.dumps(TOOL)} for text in QUESTIONS[:6]]
    (cli.folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config.write_text(config.read_text().replace("[prompts]\n", '[prompts]\ntools_column = "functions"\n'))
    cli.json("generate", str(config))
    cli.json("push", str(config))
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="tools", rules={"one": lambda fields: "a"})
    cli.json("sync", str(config))
    report = cli.json("publish", str(config))
    assert report["omitted"] == {}
    there = files(stack, cli.folder, "tools")
    published = written(cli.folder / "files" / "tools")
    assert len(there) > len(published) == 2
    for name in ("dpo", "kto"):
        assert all(json.loads(row["tools"]) == TOOL for row in together(published[name]))
    assert len(together(published["dpo"])) == 6

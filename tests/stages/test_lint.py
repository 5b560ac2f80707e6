"""Planted faults, each found as often as it was planted; a clean dataset is said to be clean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curation.config import Services
from curation.dataset_rows import SourceRow, Split
from curation.derive import Derived
from curation.errors import ConfigError, DataError, MissingError
from curation.files.rows import ROW_SIZE
from curation.linting import LintFinding, LintReport
from curation.linting.findings import FAULTS, Bounds
from curation.linting.survey import Survey
from curation.stages.lint import lint
from tests.derive.stores import EVERY, Store, derived, make_config
from tests.quality.test_tokens import TEMPLATE, needs_transformers, write_tokenizer
from tests.rows import make_prompt

SERVICES = Services(hub_endpoint="http://127.0.0.1:9")
ANIMALS = ("otters", "pandas", "walruses", "sparrows", "lizards", "beetles", "salmon", "camels", "goats", "moths")
PLACES = ("in deserts", "near rivers", "on islands", "under bridges", "inside caves", "above treetops")
REFUSAL = "I'm sorry, but I can't help with that."
OFFER = "I can't help with spying on people, but I can help you plan an honest talk. What worries you?"


NOT_COUNTED = "Tokens were not counted (too_long): name the model that will be trained with --tokenizer."


def question(number: int) -> str:
    return f"How do {ANIMALS[number % 10]} survive winters {PLACES[number // 10 % 6]} without any food?"


def pair(number: int, **columns: Any) -> dict[str, Any]:
    """Return a row without faults; no two numbers below 60 have the same prompt."""
    return {
        "prompt": [{"role": "user", "content": question(number)}],
        "chosen": [{"role": "assistant", "content": f"They sleep for {number + 20} days and live on their fat."}],
        "rejected": [{"role": "assistant", "content": f"Nobody knows it, after {number + 20} years of study."}],
        **columns,
    }


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def labelled(number: int, *, label: object = True, **columns: Any) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": question(number)}],
        "completion": said(f"They sleep for {number + 20} days and live on their fat."),
        "label": label,
        **columns,
    }


def write(path: Path, rows: Sequence[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def linted(folder: Path, rows: Sequence[object], **options: Any) -> LintReport:
    return lint(str(write(folder / "mine.jsonl", rows)), services=SERVICES, **options)


def faults(report: LintReport) -> dict[str, int]:
    """Return how often each fault was found; what is no fault is left out."""
    return {found.check: found.count for found in report.findings if found.severity != "info"}


def found(report: LintReport, check: str) -> LintFinding:
    [finding] = [finding for finding in report.findings if finding.check == check]
    return finding


def test_clean_pairs_have_no_findings(tmp_path: Path) -> None:
    report = linted(tmp_path, [pair(number) for number in range(60)])
    assert faults(report) == {}
    assert report.exit_code == 0
    assert (report.rows, report.prompts, report.safety) == (60, 60, False)
    assert [(split.config, split.split, split.layouts) for split in report.splits] == [
        ("default", "train", {"conversational": 60})
    ]
    assert report.lines[-1] == "Clean: no errors and no warnings."


def test_clean_completions_have_no_findings(tmp_path: Path) -> None:
    report = linted(tmp_path, [labelled(number, label=number % 3 == 0) for number in range(60)])
    assert (faults(report), report.exit_code) == ({}, 0)
    assert report.labels is not None
    assert (report.labels.desirable, report.labels.undesirable) == (20, 40)
    assert (report.labels.desirable_weight, report.labels.undesirable_weight) == (2.0, 1.0)
    assert "desirable_weight=2, undesirable_weight=1" in found(report, "label_balance").message


PLANTED: dict[str, list[object]] = {
    "unreadable": ["{", "[1]", pair(2, chosen=7)],
    "mixed_layouts": [{"prompt": "Is this a text?", "chosen": "It is a text.", "rejected": "It is none."}],
    "answer_not_by_assistant": [pair(2, rejected=[{"role": "user", "content": "Nobody knows it, I think."}])],
    "prompt_repeated": [pair(2, chosen=[{"role": "user", "content": question(2)}, *said("They sleep.")])],
    "mixed_text_and_messages": [pair(2, prompt=question(2)), pair(3, prompt=question(3))],
    "messages_as_text": [pair(2, prompt="[{'role': 'user', 'content': 'Why?'}]", chosen="One.", rejected="Two.")],
    "empty_prompt": [pair(2, prompt=[{"role": "user", "content": " \n"}])],
    "empty_answer": [pair(2, rejected=said("")), pair(3, chosen=[])],
    "identical": [pair(2, chosen=said("A\r\n b. "), rejected=said("A\n b."))],
    "null_chat_template_kwargs": [pair(2, chat_template_kwargs=None)],
    "empty_tools": [pair(2, tools="")],
    "duplicate": [pair(0), pair(1), pair(1)],
    "contradiction": [pair(2), pair(2, chosen=pair(2)["rejected"], rejected=pair(2)["chosen"])],
    "near_duplicate": [pair(2), pair(2, prompt=[{"role": "user", "content": question(2).upper().replace("?", " ?!")}])],
    "refusal": [pair(2, chosen=said(REFUSAL)), pair(3, chosen=said(REFUSAL)), pair(4, rejected=said(REFUSAL))],
    "ai_tell": [pair(2, chosen=said("As an AI language model, I do not sleep through winters.")), pair(3)],
    "model_name": [pair(2, chosen=said("I am ChatGPT, and otters sleep through winters."))],
    "truncated": [pair(2, chosen=said("They sleep for weeks. They also live on the"))],
    "reasoning_in_answer": [
        pair(2, rejected=said("<think>\nHow do otters sleep?\n</think>\n\nThey sleep on their backs, in the water.")),
        pair(
            3, chosen=said("Otters sleep on the shore, it seems.\n</think>\n\nThey sleep in the water, on their backs.")
        ),
        pair(4, chosen=said("Models write `<think>` and `</think>` around what they think of otters.")),
    ],
    "pii": [pair(2, chosen=said("Write to jane.doe@widgets.com about the otters.")), pair(3)],
    "length_ratio": [pair(2, rejected=said("No."))],
    "score_contradicts": [pair(2, chosen_score=0.2, rejected_score=0.9)],
    "score_tied": [pair(2, chosen_score=3, rejected_score=3), pair(3, chosen_score=4, rejected_score=3)],
    "prompt_ends_with_assistant": [pair(2, prompt=said("They sleep."))],
    "column_margin": [pair(2, margin=0.5)],
    "column_images": [pair(2, images=[])],
    "column_label": [pair(2, label=True)],
    "column_messages": [pair(2, messages=[]), pair(3, messages=[])],
}
COUNTS = {
    "unreadable": 3,
    "mixed_text_and_messages": 2,
    "empty_answer": 2,
    # The two rows before it have no such key, which is null where others have it.
    "null_chat_template_kwargs": 3,
    "duplicate": 3,
    "refusal": 2,
    "reasoning_in_answer": 2,
    "column_messages": 2,
}


@pytest.mark.parametrize("check", PLANTED)
def test_a_fault_in_pairs_is_counted_as_often_as_it_was_planted(tmp_path: Path, check: str) -> None:
    report = linted(tmp_path, [pair(0), pair(1), *PLANTED[check]])
    # Texts among messages are another layout too.
    also = {"mixed_layouts": 1} if check == "messages_as_text" else {}
    assert faults(report) == {check: COUNTS.get(check, 1), **also}
    assert report.exit_code == (1 if FAULTS[check][0] == "error" else 0)


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ([labelled(2, label=None), labelled(3, label=None)], {"label_missing": 2}),
        ([labelled(2, label="true")], {"label_not_boolean": 1}),
        ([labelled(2, completion=[])], {"empty_answer": 1}),
        ([labelled(2), labelled(2, label=False)], {"contradiction": 1}),
        ([labelled(2), labelled(2)], {"duplicate": 1}),
        ([labelled(2, completion=said(REFUSAL)), labelled(3, completion=said(REFUSAL), label=False)], {"refusal": 1}),
        (
            [labelled(2, score=0.1), labelled(3, label=False, score=0.9), labelled(4, score=0.5)],
            {"score_contradicts": 2},
        ),
        ([labelled(2, score=0.1), labelled(3, score=7)], {}),
        ([labelled(2, messages=[])], {"column_messages": 1}),
    ],
)
def test_a_fault_in_completions_is_counted_as_often_as_it_was_planted(
    tmp_path: Path, planted: list[object], expected: dict[str, int]
) -> None:
    report = linted(tmp_path, [labelled(0), labelled(1, label=False), *planted])
    assert faults(report) == expected


def test_a_key_that_only_some_rows_of_a_split_have_is_null_in_the_others(tmp_path: Path) -> None:
    kwargs = {"chat_template_kwargs": {"tone": "warm"}}
    rows = [pair(0), pair(1, **kwargs), pair(2), pair(3, **kwargs)]
    report = linted(tmp_path / "some", rows)
    assert (faults(report), report.exit_code) == ({"null_chat_template_kwargs": 2}, 1)
    assert [row.where for row in found(report, "null_chat_template_kwargs").examples] == [
        "mine.jsonl:1",
        "mine.jsonl:3",
    ]
    assert faults(linted(tmp_path / "all", rows[1::2])) == {}
    write(tmp_path / "splits/train.jsonl", rows[::2])
    write(tmp_path / "splits/test.jsonl", rows[1::2])
    assert faults(lint(str(tmp_path / "splits"), services=SERVICES)) == {}


def called(city: str) -> list[dict[str, Any]]:
    """Return an answer that is nothing but the call of a tool."""
    call = {"type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
    return [{"role": "assistant", "content": None, "tool_calls": [call]}]


def test_an_answer_may_be_a_call_of_a_tool(tmp_path: Path) -> None:
    rows = [pair(number, chosen=called(f"Paris {number}"), rejected=called("Rome")) for number in range(5)]
    rows.append(pair(5, chosen=called("Paris")))
    report = linted(tmp_path, rows)
    assert (faults(report), report.length_bias) == ({}, None)
    same = pair(6, chosen=called("Paris"), rejected=called("Paris"))
    assert faults(linted(tmp_path, [*rows, same, pair(7, chosen=called(""), rejected=said(""))])) == {
        "identical": 1,
        "empty_answer": 1,
    }
    assert faults(linted(tmp_path, [pair(0, rejected=called(city)) for city in ("Paris", "Rome")])) == {}


def seen(number: int, **columns: Any) -> dict[str, Any]:
    """Return a row that asks the same of every image."""
    asked = [{"type": "image"}, {"type": "text", "text": "What is it that can be seen in this image, please?"}]
    return pair(number, prompt=[{"role": "user", "content": asked}], **columns)


def test_the_same_question_about_other_images_is_another_prompt(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [seen(number, images=[f"{number}.png"]) for number in range(5)])
    write(tmp_path / "test.jsonl", [seen(6, images=["6.png"]), seen(7, images=["0.png"])])
    report = lint(str(tmp_path), services=SERVICES)
    assert (report.prompts, faults(report)) == (6, {"column_images": 7, "prompt_in_two_splits": 1})


def test_a_question_that_is_an_image_alone_is_not_empty(tmp_path: Path) -> None:
    rows = [pair(number, prompt=[{"role": "user", "content": ""}], images=[f"{number}.png"]) for number in range(3)]
    assert faults(linted(tmp_path, rows)) == {"column_images": 3}


def test_the_same_answers_about_other_images_contradict_nothing(tmp_path: Path) -> None:
    def shown(number: int, url: str, **columns: Any) -> dict[str, Any]:
        return pair(number, prompt=[{"role": "user", "content": [{"type": "image", "url": url}]}], **columns)

    other_way = {"chosen": pair(0)["rejected"], "rejected": pair(0)["chosen"]}
    rows = [shown(0, "a.png"), shown(0, "b.png"), shown(0, "c.png", **other_way)]
    assert faults(linted(tmp_path, rows)) == {}
    assert faults(linted(tmp_path, [*rows, shown(0, "a.png", **other_way)])) == {"contradiction": 1}


def test_questions_with_the_same_long_system_prompt_are_no_near_duplicates(tmp_path: Path) -> None:
    rules = {"role": "system", "content": " ".join(f"Rule {number} holds at any time." for number in range(80))}
    rows = [pair(number, prompt=[rules, *pair(number)["prompt"]]) for number in range(6)]
    assert faults(linted(tmp_path, rows)) == {}
    again = pair(7, prompt=[{**rules, "content": "Be brief."}, *pair(0)["prompt"]])
    assert faults(linted(tmp_path, [*rows, again])) == {"near_duplicate": 1}


def marked(number: int, *, chosen: str, rejected: str) -> dict[str, str]:
    """Return a row of texts that hold the whole conversation, as in HH-RLHF."""
    start = f"\n\nHuman: {question(number)}\n\nAssistant:"
    return {"chosen": f"{start} {chosen}", "rejected": f"{start} {rejected}".rstrip()}


def test_faults_are_found_in_answers_that_begin_alike(tmp_path: Path) -> None:
    rows = [
        marked(0, chosen="I'm sorry, but I can't help with that.", rejected="I'm glad to tell you what they eat."),
        marked(1, chosen="I'm an AI language model, I do not sleep.", rejected="I'm sure that they sleep for weeks."),
        marked(2, chosen="They sleep.", rejected=""),
    ]
    assert faults(linted(tmp_path, rows)) == {"refusal": 1, "ai_tell": 1, "empty_answer": 1}


def test_a_prompt_in_two_splits_is_found_in_texts_that_begin_alike(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [marked(0, chosen="They sleep.", rejected="They eat.")])
    write(tmp_path / "test.jsonl", [marked(0, chosen="In caves, I think.", rejected="In caves, I guess.")])
    assert faults(lint(str(tmp_path), services=SERVICES)) == {"prompt_in_two_splits": 1}


def test_a_question_in_another_column_is_an_error_whatever_the_answers_share(tmp_path: Path) -> None:
    rows = [
        {"question": question(0), "chosen": "They sleep for weeks.", "rejected": "Nobody knows, they say."},
        {"question": question(1), "chosen": "Sure, they sleep for weeks.", "rejected": "Sure, nobody knows, they say."},
    ]
    report = linted(tmp_path, rows)
    assert (faults(report), report.exit_code) == ({"question_not_read": 2}, 1)


def test_a_row_with_half_a_surrogate_pair_cannot_be_read(tmp_path: Path) -> None:
    report = linted(tmp_path, [pair(0), pair(1, chosen=said("They sleep \ud83d."))])
    assert (faults(report), report.exit_code) == ({"unreadable": 1}, 1)
    assert "half of a surrogate pair" in found(report, "unreadable").examples[0].excerpt


@pytest.mark.slow
def test_a_row_that_is_too_large_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    large = f'{{"prompt": "{"x" * ROW_SIZE}"}}'
    report = linted(tmp_path, [pair(0), large, pair(1, chosen=said(""))])
    assert (faults(report), report.rows) == ({"row_too_large": 1, "empty_answer": 1}, 3)
    assert [row.where for row in found(report, "row_too_large").examples] == ["mine.jsonl:2"]
    assert f"{ROW_SIZE:,} characters" in found(report, "row_too_large").message


@pytest.mark.slow
def test_labels_in_order_are_a_warning(tmp_path: Path) -> None:
    rows = [labelled(number, label=number < 10) for number in range(20)]
    report = linted(tmp_path, rows)
    assert (faults(report), report.exit_code) == ({"sorted_by_label": 20}, 0)
    assert [row.where for row in found(report, "sorted_by_label").examples] == ["mine.jsonl:11"]


@pytest.mark.parametrize("labels", ["10" * 10, "1" * 20, "1" * 10 + "0" * 9 + "1", "1" * 13 + "0" * 7])
def test_labels_that_alternate_or_are_few_are_not_in_order(tmp_path: Path, labels: str) -> None:
    rows = [labelled(number, label=label == "1") for number, label in enumerate(labels)]
    assert faults(linted(tmp_path, rows)) == {}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"completion": [*labelled(1)["prompt"], *said("They sleep.")], "label": True}, "completion_without_prompt"),
        ({"messages": [*labelled(1)["prompt"], *said("They sleep.")], "label": True}, "messages_with_label"),
    ],
)
def test_layouts_that_kto_cannot_read_are_errors(tmp_path: Path, row: dict[str, Any], fault: str) -> None:
    report = linted(tmp_path, [row, labelled(2)])
    assert faults(report) == {fault: 1}
    assert report.exit_code == 1


def test_a_prompt_in_two_splits_of_a_config_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "dpo/train.jsonl", [pair(number) for number in range(10)])
    write(tmp_path / "dpo/test.jsonl", [pair(3, chosen=said("They fly south.")), pair(20), pair(4)])
    write(tmp_path / "kto/train.jsonl", [labelled(20), labelled(21, label=False)])
    report = lint(str(tmp_path), services=SERVICES)
    assert faults(report) == {"prompt_in_two_splits": 2, "duplicate": 1}
    assert report.exit_code == 1
    assert [row.where for row in found(report, "prompt_in_two_splits").examples] == [
        "dpo/test.jsonl:1",
        "dpo/test.jsonl:3",
    ]
    assert faults(lint(str(tmp_path), config="kto", services=SERVICES)) == {}
    assert faults(lint(str(tmp_path), split="test", services=SERVICES)) == {}


def test_splits_that_are_both_for_training_or_both_for_tests_may_share_prompts(tmp_path: Path) -> None:
    counter = [
        ("train_prefs", pair(0)),
        ("train_sft", pair(0, chosen=said("They fly."))),
        ("test_prefs", pair(1)),
        ("test_sft", pair(1, chosen=said("They fly."))),
    ]
    splits = [Split("default", name, partial(iter, [SourceRow(f"{name}:1", row)])) for name, row in counter]
    assert surveyed(splits) == {}
    leak = Split("default", "test_gen", partial(iter, [SourceRow("test_gen:1", pair(0, rejected=said("They fly.")))]))
    assert surveyed([*splits, leak]) == {"prompt_in_two_splits": 1}
    validation = Split(
        "default", "validation", partial(iter, [SourceRow("validation:1", pair(1, chosen=said("They swim.")))])
    )
    assert surveyed([*splits, validation]) == {"prompt_in_two_splits": 1}


def test_the_report_names_files_that_were_not_read(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [pair(number) for number in range(5)])
    for name in ("a.zip", "b.jsonl.zst", "c.zip", "d.zip"):
        (tmp_path / name).touch()
    kinds = ".jsonl, .ndjson, .json, .csv, .tsv, .parquet, .arrow"
    assert lint(str(tmp_path), services=SERVICES).notes == (
        f"Not read: 4 files of other kinds than {kinds} (a.zip, b.jsonl.zst, c.zip, ...).",
        NOT_COUNTED,
    )


def surveyed(splits: Sequence[Split]) -> dict[str, int]:
    survey = Survey(Bounds(), near_duplicates=0.8)
    survey.read(splits)
    return {name: tally.count for name, tally in survey.tallies().items()}


def test_configs_without_preferences_by_design_are_skipped_with_a_note(tmp_path: Path) -> None:
    write(tmp_path / "dpo/train.jsonl", [pair(number) for number in range(5)])
    write(tmp_path / "sft/train.jsonl", [{"messages": said("Hi.")}])
    write(tmp_path / "raw/train.jsonl", [{"set": 1}])
    report = lint(str(tmp_path), services=SERVICES)
    assert (report.rows, faults(report)) == (5, {})
    assert report.notes == (
        "The config raw contains no preferences and was skipped.",
        "The config sft contains no preferences and was skipped.",
        NOT_COUNTED,
    )
    with pytest.raises(DataError, match="no preference dataset: its columns are messages"):
        lint(str(tmp_path), config="sft", services=SERVICES)


def test_another_config_without_preferences_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "dpo/train.jsonl", [pair(0)])
    write(tmp_path / "reward/train.jsonl", [{"text": "a"}, {"text": "b"}])
    report = lint(str(tmp_path), services=SERVICES)
    assert faults(report) == {"unreadable": 2}


def test_examples_name_three_rows_at_most_on_one_line_without_personal_data(tmp_path: Path) -> None:
    told = said("\x1b[31mWrite\nto jane.doe@widgets.com, she knows.")
    report = linted(tmp_path, [pair(number, chosen=told) for number in range(5)])
    finding = found(report, "pii")
    assert (finding.count, finding.share) == (5, 1.0)
    assert [row.where for row in finding.examples] == ["mine.jsonl:1", "mine.jsonl:2", "mine.jsonl:3"]
    for row in finding.examples:
        assert row.excerpt.isprintable()
        assert "jane" not in row.excerpt
        assert "[EMAIL]" in row.excerpt


def test_examples_of_near_duplicates_name_both_rows(tmp_path: Path) -> None:
    again = [{"role": "user", "content": question(3).upper()}]
    report = linted(tmp_path, ["{", pair(3), pair(3, chosen=said("They fly.")), pair(4), pair(5, prompt=again)])
    [example] = found(report, "near_duplicate").examples
    assert (example.where, example.excerpt[:18]) == ("mine.jsonl:5", "HOW DO SPARROWS SU")


def test_findings_are_sorted_by_severity_and_then_by_count(tmp_path: Path) -> None:
    rows = [pair(number, margin=1.0) for number in range(4)]
    rows += [pair(5, chosen=said(""), margin=1.0), pair(6, images=[]), pair(7, chosen=[], margin=1.0)]
    rows += [pair(8, chosen=said("Same."), rejected=said("Same."))]
    report = linted(tmp_path, rows)
    shown = [(finding.severity, finding.check, finding.count) for finding in report.findings]
    assert shown[:4] == [
        ("error", "empty_answer", 2),
        ("error", "identical", 1),
        ("warning", "column_margin", 6),
        ("warning", "column_images", 1),
    ]
    assert {severity for severity, _, _ in shown[4:]} == {"info"}
    table = [line for line in report.lines if line.startswith(("error", "warning"))]
    assert [line.split()[1] for line in table] == ["empty_answer", "identical", "column_margin", "column_images"]
    assert len({line.index(FAULTS[line.split()[1]][1]) for line in table}) == 1
    assert report.lines[-1] == "2 errors and 2 warnings."


def test_length_bias_is_measured(tmp_path: Path) -> None:
    rows = [pair(number, chosen=said("Long and long and long."), rejected=said("Short one.")) for number in range(9)]
    report = linted(tmp_path, [*rows, pair(9, chosen=said("Short one."), rejected=said("Long and long and long."))])
    assert report.length_bias is not None
    assert report.length_bias.longer_chosen.value == 0.9
    assert "chosen is longer in 90 %" in found(report, "length_bias").message


def test_pairs_that_are_in_two_configs_are_measured_once(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(10)]
    write(tmp_path / "dpo/train.jsonl", rows)
    write(tmp_path / "reward/train.jsonl", [*rows, pair(10)])
    report = lint(str(tmp_path), services=SERVICES)
    assert (report.rows, faults(report)) == (21, {})
    assert report.length_bias is not None
    assert report.length_bias.longer_chosen.count == 11


def test_a_column_margin_is_no_fault_in_a_config_named_reward(tmp_path: Path) -> None:
    write(tmp_path / "reward/train.jsonl", [pair(number, margin=0.5) for number in range(4)])
    write(tmp_path / "dpo/train.jsonl", [pair(1, margin=0.5)])
    report = lint(str(tmp_path), services=SERVICES)
    assert faults(report) == {"column_margin": 1}
    assert found(report, "column_margin").examples[0].where == "dpo/train.jsonl:1"


def test_rows_that_cannot_be_read_have_no_language(tmp_path: Path) -> None:
    report = linted(tmp_path, [pair(2, chosen=7)])
    assert [finding.check for finding in report.findings] == ["unreadable"]


@pytest.mark.slow
@pytest.mark.parametrize("margin", [True, False])
@pytest.mark.parametrize("strings", [True, False])
def test_what_we_publish_is_clean(tmp_path: Path, strings: bool, margin: bool) -> None:
    result = publish(tmp_path, strings=strings, margin=margin)
    report = lint(str(tmp_path / "out"), services=SERVICES)
    assert (report.exit_code, faults(report)) == (0, {})
    kinds = ("text", "unpaired_text") if strings else ("conversational", "unpaired_conversational")
    read = {split.config: set(split.layouts) for split in report.splits}
    assert read == {"dpo": {kinds[0]}, "kto": {kinds[1]}, "reward": {kinds[0]}}
    test = result.tally.rows["dpo", "test"]
    assert 0 < test < 20
    assert {(split.config, split.split): split.rows for split in report.splits} == {
        ("dpo", "test"): test,
        ("dpo", "train"): 40 - test,
        ("kto", "test"): 2 * test,
        ("kto", "train"): 80 - 2 * test,
        ("reward", "test"): test,
        ("reward", "train"): 40 - test,
    }
    assert (report.rows, report.prompts, report.safety) == (160, 40, False)
    assert report.length_bias is not None
    assert report.length_bias.longer_chosen.count == 40
    assert report.labels is not None
    assert (report.labels.desirable, report.labels.undesirable) == (40, 40)
    assert report.notes[:2] == (
        "The config raw contains no preferences and was skipped.",
        "The config sft contains no preferences and was skipped.",
    )


def publish(folder: Path, *, strings: bool, margin: bool) -> Derived:
    """Write what `publish` would of forty decided records, in every config."""
    store = Store()
    for number in range(40):
        texts = (
            f"They sleep for {number + 20} days and live on their fat.",
            f"Nobody knows it, after {number + 20} years.",
        )
        store.show(store.add_set(*texts, prompt=make_prompt(question(number))), answers={"ann": "a"})
    options = {"formats": EVERY, "test_size": 0.2, "conversational": not strings, "margin": margin}
    return derived(store, folder, make_config(publish=options))


@pytest.mark.train
@needs_transformers
def test_rows_of_too_many_tokens_are_found(tmp_path: Path) -> None:
    tokenizer = str(write_tokenizer(tmp_path / "tokenizer"))
    # <user> 10 words <end> <assistant> 10 words <end>
    rows = [pair(0), pair(1), pair(2, rejected=said("It takes one word more than the other rows here have."))]
    exact = linted(tmp_path, rows, tokenizer=tokenizer, max_length=24)
    assert faults(exact) == {"too_long": 1}
    [example] = found(exact, "too_long").examples
    assert (example.where, exact.exit_code) == ("mine.jsonl:3", 0)
    assert (exact.tokenizer, exact.max_length) == (tokenizer, 24)
    assert exact.notes == (f"Tokens were counted with {tokenizer}; max_length is 24.",)
    assert faults(linted(tmp_path, rows, tokenizer=tokenizer, max_length=25)) == {}
    assert faults(linted(tmp_path, rows, tokenizer=tokenizer, max_length=23)) == {"too_long": 3}


@pytest.mark.train
@needs_transformers
def test_messages_that_the_chat_template_refuses_are_an_error(tmp_path: Path) -> None:
    template = "{{ raise_exception('no system') if messages[0]['role'] == 'system' }}" + TEMPLATE
    tokenizer = str(write_tokenizer(tmp_path / "tokenizer", template))
    system = [{"role": "system", "content": "Be brief."}, *pair(1)["prompt"]]
    report = linted(tmp_path, [pair(0), pair(1, prompt=system)], tokenizer=tokenizer)
    assert (faults(report), report.exit_code) == ({"template_refuses": 1}, 1)


@pytest.mark.train
@needs_transformers
def test_tokens_are_not_counted_in_layouts_that_no_trainer_reads(tmp_path: Path) -> None:
    tokenizer = str(write_tokenizer(tmp_path / "tokenizer"))
    rows = [pair(0), *PLANTED["mixed_text_and_messages"]]
    assert faults(linted(tmp_path, rows, tokenizer=tokenizer, max_length=1)) == {
        "mixed_text_and_messages": 2,
        "too_long": 1,
    }


def test_without_a_tokenizer_the_report_says_that_tokens_were_not_counted(tmp_path: Path) -> None:
    report = linted(tmp_path, [pair(0, rejected=said("word " * 5000 + "end."))])
    assert "too_long" not in faults(report)
    assert (report.tokenizer, report.max_length, report.notes) == (None, None, (NOT_COUNTED,))
    assert NOT_COUNTED in report.lines


def test_a_tokenizer_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no tokenizer 'missing'"):
        linted(tmp_path, [pair(0)], tokenizer="missing")
    with pytest.raises(ConfigError, match="max_length must be 1 or more, but is 0"):
        linted(tmp_path, [pair(0)], max_length=0)


def test_languages_are_counted(tmp_path: Path) -> None:
    german = [{"role": "user", "content": "Warum schlafen die Bären den ganzen Winter über in ihren Höhlen?"}]
    report = linted(tmp_path, [*(pair(number) for number in range(3)), pair(4, prompt=german)])
    assert report.languages == {"en": 3, "de": 1}
    assert found(report, "language").message == "en 75 %, de 25 %"


SAFE = {"direct_harm": 6, "prompt_injection": 4, "social_engineering": 4, "gradual_escalation": 2, "edge_cases": 4}


def safe_rows() -> list[dict[str, Any]]:
    names = [name for name, count in SAFE.items() for _ in range(count)]
    return [pair(number, chosen=said(OFFER), category=name) for number, name in enumerate(names)]


def test_refusal_data_is_recognised_by_its_categories(tmp_path: Path) -> None:
    report = linted(tmp_path, safe_rows(), use="iteration")
    assert (report.safety, faults(report)) == (True, {})
    assert report.coverage is not None
    assert [share.count for share in report.coverage.shares] == list(SAFE.values())
    assert linted(tmp_path, safe_rows(), safety=False).coverage is None
    assert linted(tmp_path, [pair(number, category="math") for number in range(9)]).coverage is None


def test_faults_of_refusal_data_are_counted_as_often_as_they_were_planted(tmp_path: Path) -> None:
    rows = safe_rows()
    rows[0]["chosen"] = said(REFUSAL)
    rows[1]["chosen"] = said(f"{OFFER} You should know that this is wrong.")
    rows[2]["rejected"] = said(REFUSAL)
    rows[3]["chosen"] = said("I can't help with spying on people, and there is nothing more to say.")
    # Of 21 prompts, 2 are less than 10 % and 4 less than 20 %.
    rows.append(pair(50, chosen=said(REFUSAL), category="math"))
    planted = {"chosen_too_short": 1, "lectures": 1, "offers_no_alternative": 2, "rejected_refuses": 1}
    report = linted(tmp_path, rows, use="iteration")
    assert faults(report) == {**planted, "coverage_gap": 2, "refusal": 1}
    assert "refuses" not in found(report, "lectures").examples[0].excerpt
    assert found(report, "rejected_refuses").examples[0].excerpt.endswith(REFUSAL)
    all_held = {**planted, "chosen_too_short": 2, "offers_no_alternative": 3, "unknown_category": 1}
    assert faults(linted(tmp_path, rows, use="iteration", safety=True)) == {**all_held, "coverage_gap": 2}


@pytest.mark.parametrize("safe_first", [True, False])
def test_a_few_rows_of_refusal_data_are_compared_with_the_checklist_wherever_they_are(
    tmp_path: Path, safe_first: bool
) -> None:
    other = [pair(number, category="general") for number in range(20, 60)]
    rows = [*safe_rows()[:4], *other] if safe_first else [*other, *safe_rows()[:4]]
    rows.append(pair(5, chosen=said(REFUSAL), category="edge case"))
    report = linted(tmp_path, rows)
    assert (report.safety, report.coverage) == (False, None)
    assert faults(report) == {"chosen_too_short": 1, "offers_no_alternative": 1}
    assert report.notes[0] == (
        "The checklist for refusal data was used for 5 prompts with a category of it; --no-safety turns it off."
    )


def test_the_checklist_is_mentioned_only_where_it_was_not_asked_for_and_applies(tmp_path: Path) -> None:
    assert linted(tmp_path, safe_rows(), safety=True).notes == (NOT_COUNTED,)
    assert linted(tmp_path, safe_rows(), safety=False).notes == (NOT_COUNTED,)
    assert linted(tmp_path, [pair(0, category="math")]).notes == (NOT_COUNTED,)


@pytest.mark.parametrize(("use", "lacking"), [("alignment", 80), ("domain", 30), ("iteration", None)])
def test_too_few_prompts_for_the_use_are_reported(tmp_path: Path, use: str, lacking: int | None) -> None:
    report = linted(tmp_path, safe_rows(), use=use)
    assert faults(report).get("too_few_prompts") == lacking


def test_gaps_are_reported_with_the_number_of_missing_prompts(tmp_path: Path) -> None:
    rows = [*safe_rows()[:10], *safe_rows()[:10]]
    rows[0]["subcategory"] = "violence"
    report = linted(tmp_path, rows, use="iteration")
    # A prompt counts once, however often it comes.
    assert report.coverage is not None
    assert (report.coverage.total, [share.count for share in report.coverage.shares]) == (10, [6, 4, 0, 0, 0])
    assert [share.lacks for share in report.coverage.shares] == [0, 0, 3, 2, 4]
    assert report.coverage.shares[0].missing == ("harassment", "privacy_violation", "illegal_activity")
    lines = [line.split() for line in report.lines if line.startswith("  edge_case")]
    assert lines[0][:9] == ["edge_case", "0", "0", "%", "of", "20", "to", "30", "%"]
    assert lines[0][9:12] == ["below,", "lacks", "4;"]


def test_an_error_names_the_columns_of_data_without_preferences(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no preference dataset: its columns are id, text\."):
        linted(tmp_path, [{"id": 1, "text": "a"}])
    with pytest.raises(DataError, match="none of its first rows is a JSON object"):
        linted(tmp_path, ["no", "json"])


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mine.jsonl holds no rows"):
        linted(tmp_path, [])


@pytest.mark.parametrize("options", [{"near_duplicates": 0.1}, {"max_length_ratio": 1.0}])
def test_bounds_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="near_duplicates must be"):
        linted(tmp_path, [pair(0)], **options)


def test_every_fault_has_a_severity_and_a_sentence_without_a_full_stop() -> None:
    assert {severity for severity, _ in FAULTS.values()} == {"error", "warning"}
    assert all(message and not message.endswith(".") for _, message in FAULTS.values())

"""Several candidate sets of one prompt: which of them count, and that an answer of several stands once."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from curation import ids
from curation.derive import segments
from curation.generation import settings_id, settings_of
from tests.derive.stores import (
    EVERY,
    Store,
    chosen,
    derived,
    make_config,
    make_record,
    make_response,
    published,
    question,
    rows_of,
)
from tests.rows import SETTINGS, make_candidate, make_prompt, make_set


@pytest.mark.slow
def test_a_set_gives_way_to_a_later_one_of_its_prompt_with_all_its_answers(tmp_path: Path) -> None:
    store = Store()
    # A request failed, and the next `generate` asked for the missing answer.
    prompt = make_prompt(question(100))
    whole = make_set(prompt, (None, None))
    store.sets.append(make_set(prompt, (None,)))
    assert store.sets[0].candidates == whole.candidates[:1]
    # Another judge rated the answers that people were shown already.
    judged = store.add(ratings=(1.0, 5.0), prompt=make_prompt(question(200)))
    first, second = store.sets[1].candidates
    rerated = (first.model_copy(update={"rating": 5.0}), second.model_copy(update={"rating": 1.0}))
    other = store.sets[1].model_copy(update={"id": "f" * 16, "settings": "other", "candidates": rerated})
    store.sets += [whole, other]
    store.settings["other"] = store.settings[SETTINGS]
    record = make_record(whole)
    store.records.append(record)
    store.responses.append(make_response(record, "a"))
    config = make_config(
        publish={"formats": EVERY}, labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"}
    )
    result = derived(store, tmp_path, config)
    assert sorted(row["record_ids"] for row in published(tmp_path / "out", "raw")) == sorted([[record.id], [judged.id]])
    assert result.tally.unshown == {}
    assert result.tally.models == {
        ("g0", "acme/g0", SETTINGS): 1, ("g1", "acme/g1", SETTINGS): 1,
        ("g0", "acme/g0", "other"): 1, ("g1", "acme/g1", "other"): 1,
    }  # fmt: skip
    # What nobody answered is decided by the judge of today.
    scores = {row["label_source"]: row["chosen"][0]["content"] for row in published(tmp_path / "out", "dpo")}
    assert scores["judge"] == rerated[0].text
    assert len(published(tmp_path / "out", "dpo")) == 2


@pytest.mark.parametrize("ratings", [(None, None), (1.0, None)])
def test_a_judge_that_reads_nothing_takes_no_verdict_away_from_the_judge_before(
    tmp_path: Path, ratings: tuple[float | None, ...]
) -> None:
    store = Store()
    record = store.add(ratings=(5.0, 1.0))
    [first] = store.sets
    silent = tuple(
        candidate.model_copy(update={"rating": rating})
        for candidate, rating in zip(first.candidates, ratings, strict=True)
    )
    store.sets.append(first.model_copy(update={"id": "f" * 16, "settings": "silent", "candidates": silent}))
    store.settings = {
        SETTINGS: {"judge old": {"model_id": "acme/old"}},
        "silent": {"judge new": {"model_id": "acme/new"}},
    }
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    result = derived(store, tmp_path, config)
    [row] = published(tmp_path / "out", "dpo")
    assert (row["record_ids"], chosen(row)) == ([record.id], (first.candidates[0].text, first.candidates[1].text))
    assert result.tally.unshown == {}
    lines = [decision.line(str(count)) for decision, count in result.decisions.items()]
    others = "new (acme/new) gave none" if ratings == (None, None) else "new (acme/new) rated them too"
    assert lines == [f"On 1 the ratings of old (acme/old) (of an earlier configuration) decide: {others}."]


@pytest.mark.slow
def test_a_set_with_one_answer_more_that_nobody_rated_takes_no_completion_away(tmp_path: Path) -> None:
    store = Store()
    store.add(ratings=(5.0, 1.0))
    [first] = store.sets
    more = make_set(first.prompt, (None, None, None)).candidates[2]
    unrated = tuple(candidate.model_copy(update={"rating": None}) for candidate in (*first.candidates, more))
    store.sets.append(first.model_copy(update={"id": "f" * 16, "settings": "more", "candidates": unrated}))
    store.records.append(make_record(store.sets[1], 0, 2))
    config = make_config(
        publish={"formats": EVERY},
        labels={"judge_fallback": True},
        judge={"type": "ultrafeedback", "model_id": "j"},
    )
    derived(store, tmp_path, config)
    labels = {row["completion"][0]["content"]: row["label"] for row in published(tmp_path / "out", "kto")}
    assert labels == {first.candidates[0].text: True, first.candidates[1].text: False}


@pytest.mark.slow
def test_the_judge_of_the_configuration_decides_though_another_rated_later(tmp_path: Path) -> None:
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    now = settings_id(config.models)
    store = Store()
    store.add(ratings=(5.0, 1.0))
    [candidate_set] = store.sets
    later = tuple(
        candidate.model_copy(update={"rating": 6 - (candidate.rating or 0)}) for candidate in candidate_set.candidates
    )
    store.sets = [
        candidate_set.model_copy(update={"settings": now}),
        candidate_set.model_copy(update={"id": "f" * 16, "settings": "between", "candidates": later}),
    ]
    store.settings = {now: settings_of(config.models), "between": {"judge b": {"model_id": "b"}}}
    result = derived(store, tmp_path, config)
    [row] = published(tmp_path / "out", "dpo")
    assert chosen(row) == (candidate_set.candidates[0].text, candidate_set.candidates[1].text)
    [decision] = result.decisions
    assert decision.line("1 prompt") == "On 1 prompt the ratings of j (as configured) decide: b rated them too."


@pytest.mark.slow
def test_sets_of_one_prompt_with_other_answers_all_stay(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    three = make_set(prompt, (None, None, None))
    for number, answers in enumerate((three.candidates[:2], three.candidates[::2])):
        candidate_set = three.model_copy(update={"id": f"{number:016x}", "candidates": answers})
        store.sets.append(candidate_set)
        store.records.append(make_record(candidate_set))
    result = derived(store, tmp_path)
    assert (result.asked, result.rows("raw"), result.tally.models.total()) == (1, 2, 4)


def test_what_judges_say_of_an_answer_in_two_sets_counts_together(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    one, two, three = make_set(prompt, (None, None, None)).candidates
    for number, rated in enumerate((((one, 5.0), (two, 1.0)), ((one, 1.0), (three, 5.0)))):
        answers = tuple(candidate.model_copy(update={"rating": rating}) for candidate, rating in rated)
        candidate_set = make_set(prompt).model_copy(update={"id": f"{number:016x}", "candidates": answers})
        store.sets.append(candidate_set)
        store.records.append(make_record(candidate_set))
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    derived(store, tmp_path, config)
    # Rated 5 in one set and 1 in the other, it scores 1 and 0.
    rows = {chosen(row): (row["chosen_score"], row["rejected_score"]) for row in published(tmp_path / "out", "dpo")}
    assert rows == {(one.text, two.text): (0.5, 0.0), (three.text, one.text): (1.0, 0.5)}


def completion_labels(folder: Path) -> dict[str, list[bool]]:
    result: defaultdict[str, list[bool]] = defaultdict(list)
    for row in published(folder / "out", "kto"):
        result[row["completion"][0]["content"]].append(row["label"])
    return dict(result)


def asked_twice(*preferences: str | None) -> Store:
    """Return a store with two sets of one prompt that share an answer, and what was answered to each."""
    store = Store()
    shared, *others = make_set(make_prompt(question(1)), (None, None, None)).candidates
    for number, (other, preference) in enumerate(zip(others, preferences, strict=True)):
        candidate_set = make_set(make_prompt(question(1))).model_copy(
            update={"id": f"{number:016x}", "candidates": (shared, other)}
        )
        store.sets.append(candidate_set)
        store.records.append(make_record(candidate_set))
        if preference is not None:
            store.responses.append(make_response(store.records[-1], preference))
    return store


@pytest.mark.slow
@pytest.mark.parametrize("largest", [1, 1 << 14])
@pytest.mark.parametrize(
    ("first", "second", "labels", "lost"),
    [
        # Good in one set and bad in the other is a score of 0.5.
        ("a", "b", [], {"undecided": 2}),
        ("b", "a", [], {"undecided": 2}),
        ("a", "a", [True], {"answered_again": 1}),
        ("b", "b", [False], {"answered_again": 1}),
        ("a", None, [True], {}),
        # The answer is good in one set and among two good ones in the other.
        ("a", "both_good", [True], {"answered_again": 1}),
    ],
)
def test_what_is_answered_about_a_completion_in_two_sets_counts_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    largest: int,
    first: str,
    second: str | None,
    labels: list[bool],
    lost: dict[str, int],
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", largest)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)
    store = asked_twice(first, second)
    result = derived(store, tmp_path)
    shared = store.sets[0].candidates[0]
    rows = [row for row in published(tmp_path / "out", "kto") if row["completion"][0]["content"] == shared.text]
    assert [row["label"] for row in rows] == labels
    assert dict(result.tally.dropped["kto"]) == lost
    # The row is that of the last set, and follows the answers about both.
    both = sorted(record.id for record in store.records if second is not None or record is store.records[0])
    assert [sorted(row["record_ids"]) for row in rows] == [both] * len(labels)
    givers = {
        row["set_id"]
        for row in published(tmp_path / "out", "raw")
        for given in row["rows"]
        if given in {row["id"] for row in rows}
    }
    assert givers == ({store.sets[0 if second is None else 1].id} if labels else set())


@pytest.mark.slow
def test_a_tie_that_gives_no_row_takes_no_completion_of_an_earlier_set_with_it(tmp_path: Path) -> None:
    store = asked_twice("a", "both_good")
    config = make_config(publish={"formats": EVERY}, labels={"ties": "drop"})
    result = derived(store, tmp_path, config)
    assert completion_labels(tmp_path) == {
        store.sets[0].candidates[0].text: [True],
        store.sets[0].candidates[1].text: [False],
    }
    assert dict(result.tally.dropped["kto"]) == {"tie": 1}


@pytest.mark.slow
def test_a_pair_of_an_answer_in_two_sets_has_the_score_that_both_give_it(tmp_path: Path) -> None:
    store = asked_twice("a", "b")
    derived(store, tmp_path)
    shared, first = (candidate.text for candidate in store.sets[0].candidates)
    second = store.sets[1].candidates[1].text
    rows = {
        chosen(row): (row["chosen_score"], row["rejected_score"], row["score_gap"]) for row in rows_of(tmp_path)["dpo"]
    }
    assert rows == {(shared, first): (0.5, 0.0, 0.5), (second, shared): (1.0, 0.5, 0.5)}


@pytest.mark.slow
def test_equal_texts_of_several_models_are_one_row_of_kto(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    for name, (text, other), preference in (
        ("old", ("Same.", "Other."), "a"),
        ("new", ("Same.\n", "Another."), "a"),
        ("late", ("Other.", "Last."), "a"),
    ):
        answers = [make_candidate(prompt, each, generator=f"{name}{place}") for place, each in enumerate((text, other))]
        candidate_set = make_set(prompt).model_copy(update={"id": ids.content_hash(name), "candidates": tuple(answers)})
        store.sets.append(candidate_set)
        store.records.append(make_record(candidate_set))
        store.responses.append(make_response(store.records[-1], preference))
    result = derived(store, tmp_path)
    # Of equally good ones that of the last set stands.
    assert completion_labels(tmp_path) == {"Same.\n": [True], "Another.": [False], "Last.": [False]}
    assert dict(result.tally.dropped["kto"]) == {"stands_twice": 1, "both_labels": 2}


@pytest.mark.slow
def test_of_equal_texts_in_several_sets_the_best_is_the_row_of_kto(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    answers = [("a", "a", "a", "b"), ("a", "a", "b")]
    for number, (preferences, text) in enumerate(zip(answers, ("Same.", "Same.\n"), strict=True)):
        pair = [
            make_candidate(prompt, each, generator=f"{number}{place}") for place, each in enumerate((text, f"{number}"))
        ]
        candidate_set = make_set(prompt).model_copy(update={"id": f"set-{number}", "candidates": tuple(pair)})
        store.sets.append(candidate_set)
        store.show(candidate_set, answers=dict(zip(("ann", "bob", "eva", "kim"), preferences, strict=False)))
    derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
    [row] = [row for row in rows_of(tmp_path)["kto"] if row["completion"][0]["content"].strip() == "Same."]
    # Three of four preferred it in the first set, two of three in the second.
    assert (row["completion"][0]["content"], row["score"], row["label"]) == ("Same.", 0.75, True)

"""From a prompt to its variations: what is asked for, and what becomes of what a model wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence

from curation import VariationModel, ids
from curation.documents import Reply
from curation.types import Drop, Message, Prompt
from curation.variations import checked_variations, is_readable, stand_ins, variation_request, variations_of

TEMPLATE = "{n}|{category}|{prompt}"
LOCK = "How do I open the lock of a bicycle whose key I lost on the way home from work?"
DOOR = "How do I open the door of a house whose only key is lying inside on the table?"


def model(**values: object) -> VariationModel:
    return VariationModel.model_validate({"model_id": "small", "template": TEMPLATE, "n": 2, **values})


def prompt(text: str, *, before: Sequence[Message] = (), **values: str) -> Prompt:
    messages = (*before, Message(role="user", content=text))
    return Prompt.model_validate(
        {"id": ids.prompt_id(messages), "messages": messages, "source": "prompts.jsonl@1", **values}
    )


def replies(varied: Prompt, *texts: str, by: VariationModel | None = None) -> dict[str, Reply]:
    request = variation_request(varied, by or model())
    return {request.id: Reply(json.dumps([{"prompt": text} for text in texts]), cut=False)}


def outcomes(prompts: Sequence[Prompt], written: dict[str, Reply], *models: VariationModel) -> list[str]:
    """The text of each prompt that comes out, and the reason for each that does not."""
    return [
        outcome.reason if isinstance(outcome, Drop) else outcome.messages[-1].content
        for outcome in checked_variations(lambda: prompts, models or (model(),), written)
    ]


def test_a_request_has_the_last_turn_the_number_and_the_category() -> None:
    told = (Message(role="user", content="Hello {n}"), Message(role="assistant", content="Hello"))
    varied = prompt("Why {prompt}?", before=told, category="edge_case", subcategory="homonym")
    assert variation_request(varied, model()).messages == (
        Message(role="user", content="2|edge_case: homonym|Why {prompt}?"),
    )
    assert variation_request(prompt("Why?", category="edge_case"), model()).messages[0].content == "2|edge_case|Why?"
    assert variation_request(prompt("Why?"), model()).messages[0].content == "2|none given|Why?"


def test_two_entries_or_two_prompts_never_share_a_reply() -> None:
    first, second = prompt("Why?"), prompt("Why?", before=[Message(role="system", content="Be kind.")])
    assert len({variation_request(p, model(name=name)).id for p in (first, second) for name in ("a", "b")}) == 4


def test_a_variation_is_the_prompt_with_another_last_turn() -> None:
    told = (Message(role="system", content="Be kind."),)
    varied = prompt(LOCK, before=told, category="edge_case", subcategory="homonym", language="en")
    [variation] = variations_of(varied, model(), replies(varied, DOOR))
    assert variation == Prompt(
        id=ids.prompt_id((*told, Message(role="user", content=DOOR))),
        messages=(*told, Message(role="user", content=DOOR)),
        source=f"prompts.jsonl@1#{varied.id}",
        language="en",
        category="edge_case",
        subcategory="homonym",
    )


def test_what_is_nearly_a_prompt_or_an_earlier_variation_is_dropped_and_what_is_missing_counted() -> None:
    lock, door = prompt(LOCK), prompt(DOOR)
    nearly = DOOR.replace("table", "shelf")
    three = model(n=4)
    written = replies(lock, f"{LOCK} ", nearly, "Where do I find a locksmith at night?", by=three)
    # The second is nearly a prompt that comes later in the source.
    assert outcomes([lock, door], written, three) == [
        LOCK,
        "repeated_variation",
        "repeated_variation",
        "Where do I find a locksmith at night?",
        "no_variation",
        DOOR,
        *["no_variation"] * 4,
    ]
    written = replies(lock, "Where is a locksmith?", "where is a LOCKSMITH")
    assert outcomes([lock], written) == [LOCK, "Where is a locksmith?", "repeated_variation"]


def test_the_same_turn_after_another_conversation_is_no_repetition() -> None:
    lock = prompt(LOCK)
    after = prompt(DOOR, before=[Message(role="system", content="Be kind.")])
    written = replies(lock, "Where is a locksmith?", "Who?") | replies(after, "Where is a locksmith?", "Who?")
    assert outcomes([lock, after], written) == [
        LOCK,
        "Where is a locksmith?",
        "Who?",
        DOOR,
        "Where is a locksmith?",
        "Who?",
    ]


def test_only_the_named_categories_are_varied_and_a_prompt_that_stands_twice_once() -> None:
    lock, door = prompt(LOCK, category="edge_case"), prompt(DOOR, category="direct_harm")
    chosen = model(categories=("edge_case",))
    written = replies(lock, "Who?", "When?")
    assert outcomes([lock, lock, door], written, chosen) == [LOCK, "Who?", "When?", LOCK, DOOR]


def test_a_reply_is_read_as_a_list_in_every_way_that_models_write_one() -> None:
    for text in ('["Open it."]', '```json\n[{"prompt": "Open it."}]\n```', "1. Open it.", "- Open it."):
        varied = prompt(LOCK)
        reply = {variation_request(varied, model()).id: Reply(text, cut=False)}
        assert [variation.messages[-1].content for variation in variations_of(varied, model(), reply)] == ["Open it."]
    assert not is_readable(Reply("I cannot help with that.", cut=False), 2)
    assert is_readable(Reply('[{"variation": "Open it."}]', cut=False), 2)


def test_an_estimate_takes_a_variation_to_be_as_long_as_its_prompt() -> None:
    first, second = stand_ins(prompt(LOCK), model())
    assert first.id != second.id
    assert {len(first.messages[-1].content), len(second.messages[-1].content)} == {len(LOCK)}
    assert first.messages[-1].content != LOCK

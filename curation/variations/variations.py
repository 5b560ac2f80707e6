"""Requests for variations of prompts, and the variations in the replies as prompts of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from curation import ids
from curation.documents import Replies, Reply
from curation.documents.written import UnreadableQuestions, read_questions
from curation.quality.duplicates import NearDuplicates
from curation.templates import filled
from curation.types import Drop, Message, Prompt
from curation.variations.options import VariationModel

NEAR = 0.8
"""A variation that is so similar to a prompt, or to an earlier variation, repeats it."""
KEYS = ("prompt", "variation", "question")
"""The key of a variation in an object of a JSON list."""
NO_CATEGORY = "none given"


def variation_request(prompt: Prompt, model: VariationModel) -> Prompt:
    """Return the request for variations of a prompt, as a prompt.

    Only the last turn of the user is varied and shown. {category} is "direct_harm: violence" with a subcategory.
    """
    category = ": ".join(name for name in (prompt.category, prompt.subcategory) if name)
    values = {"prompt": prompt.messages[-1].content, "n": str(model.n), "category": category or NO_CATEGORY}
    messages = (Message(role="user", content=filled(model.template, values)),)
    return Prompt(
        id=ids.prompt_id(messages, context=("vary", model.name, prompt.id)),
        messages=messages,
        source=_source(prompt),
        language=prompt.language,
        category=prompt.category,
        subcategory=prompt.subcategory,
    )


def is_readable(reply: Reply, number: int) -> bool:
    """Whether a reply holds a list of variations."""
    return bool(_written(reply, number))


def complaint(number: int) -> str:
    """Return the message to a model whose reply could not be read."""
    return (
        f"Your reply could not be read as a list of prompts. Reply with the {number} variations alone: a JSON list of "
        'objects with "prompt".'
    )


def variations_of(prompt: Prompt, model: VariationModel, replies: Replies) -> tuple[Prompt, ...]:
    """Return the variations of a prompt that a model wrote, before any check; none without a readable reply.

    A variation is the prompt with another last turn. Its `source` ends in "#" and the id of the prompt.
    """
    reply = replies.get(variation_request(prompt, model).id)
    return tuple(_variation(prompt, text) for text in (_written(reply, model.n) if reply is not None else ()))


def checked_variations(
    prompts: Callable[[], Iterable[Prompt]], models: Sequence[VariationModel], replies: Replies
) -> Iterator[Prompt | Drop]:
    """Yield every prompt, followed by its variations. A variation that is dropped or missing is a Drop.

    - "no_variation": the request failed, or its reply holds fewer variations than were asked for.
    - "repeated_variation": it is nearly the same as any of the prompts, or as an earlier variation.

    Two last turns are compared only if the turns before them are the same. `prompts` is called twice: a variation of
    the first prompt may repeat the last one.
    """
    # The key is the id of the turns before the last.
    seen: defaultdict[str, NearDuplicates] = defaultdict(lambda: NearDuplicates(NEAR))
    for prompt in prompts():
        seen[_before(prompt)].repeats(_text(prompt))
    varied: set[str] = set()
    for prompt in prompts():
        yield prompt
        if prompt.id in varied:
            continue
        varied.add(prompt.id)
        for model in models:
            if not model.varies(prompt):
                continue
            variations = variations_of(prompt, model, replies)
            for variation in variations:
                is_repeated = seen[_before(prompt)].repeats(_text(variation))
                yield Drop(id=variation.id, reason="repeated_variation") if is_repeated else variation
            request_id = variation_request(prompt, model).id
            for number in range(len(variations), model.n):
                yield Drop(id=f"{request_id}#{number}", reason="no_variation")


def stand_ins(prompt: Prompt, model: VariationModel) -> Iterator[Prompt]:
    """Yield a stand-in for each variation that is still to be written. It is as long as the prompt, for estimates."""
    request_id = variation_request(prompt, model).id
    last = Message(role="user", content="x" * len(_text(prompt)))
    for number in range(model.n):
        messages = (*prompt.messages[:-1], last)
        yield prompt.model_copy(update={"id": f"{request_id}-{number}", "messages": messages})


def _written(reply: Reply, number: int) -> tuple[str, ...]:
    try:
        written = read_questions(reply.text, number, cut=reply.cut, keys=KEYS)
    except UnreadableQuestions:
        return ()
    return tuple(item.text for item in written)


def _variation(prompt: Prompt, text: str) -> Prompt:
    messages = (*prompt.messages[:-1], Message(role="user", content=text))
    prompt_id = ids.prompt_id(messages, context=(prompt.tools, prompt.chat_template_kwargs))
    return prompt.model_copy(update={"id": prompt_id, "messages": messages, "source": _source(prompt)})


def _source(prompt: Prompt) -> str:
    return f"{prompt.source}#{prompt.id}"


def _text(prompt: Prompt) -> str:
    return prompt.messages[-1].content


def _before(prompt: Prompt) -> str:
    return ids.prompt_id(prompt.messages[:-1])

"""The pictures: well-formed SVG without anything active, bars that are as long as the counts say."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from curation.card.facts import LENGTH_EDGES, FunnelStep, Lengths
from curation.card.pictures import funnel_svg, funnel_text, lengths_svg, lengths_text

SVG = "{http://www.w3.org/2000/svg}"
STEPS = (
    FunnelStep("prompts read", 2000),
    FunnelStep("prompts asked", 1800, {"duplicate": 150, "empty": 50}),
    FunnelStep("dpo rows", 450, {"gap": 1350}),
)
ZERO = (0,) * (len(LENGTH_EDGES) - 1)


def counts(**bins: int) -> tuple[int, ...]:
    """Return a histogram with `e256=3`: three texts in the bin that begins at 256 characters."""
    return tuple(bins.get(f"e{edge}", 0) for edge in LENGTH_EDGES[:-1])


def parse(svg: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return root


def bars(svg: bytes, role: str, side: str) -> list[float]:
    """Return the sides of the bars of a role; the square of the legend is none."""
    found = parse(svg).iter(f"{SVG}rect")
    return [float(bar.attrib[side]) for bar in found if bar.get("class") == role and bar.get("rx") is None]


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in parse(svg).iter(f"{SVG}text")]


def test_the_bars_of_the_funnel_are_proportional_to_its_counts() -> None:
    svg = funnel_svg(STEPS)
    full = 2000 / bars(svg, "kept", "width")[0]
    assert [width * full for width in bars(svg, "kept", "width")] == pytest.approx([2000, 1800, 450], abs=0.1)
    assert [width * full for width in bars(svg, "gone", "width")] == pytest.approx([200, 1350], abs=0.1)


def test_the_bar_of_dropped_prompts_begins_where_that_of_the_others_ends() -> None:
    svg = funnel_svg(STEPS)
    ends = [x + width for x, width in zip(bars(svg, "kept", "x"), bars(svg, "kept", "width"), strict=True)]
    assert bars(svg, "gone", "x") == pytest.approx(ends[1:], abs=0.02)


def test_the_funnel_shows_every_count_and_reason() -> None:
    said = texts(funnel_svg(STEPS))
    assert {"prompts read", "2,000", "1,800", "450"} <= set(said)
    assert "dropped 200: 150 duplicate, 50 empty" in said
    assert funnel_text(STEPS) == (
        "Funnel from prompts to rows: prompts read 2,000, prompts asked 1,800 (200 dropped), "
        "dpo rows 450 (1,350 dropped)."
    )


@pytest.mark.parametrize("count", [1, 10**12])
def test_the_longest_bar_fills_the_picture_and_none_leaves_it(count: int) -> None:
    svg = funnel_svg((FunnelStep("read", count), FunnelStep("rows", 3 * count, {"gap": count})))
    ends = [
        x + width
        for role in ("kept", "gone")
        for x, width in zip(bars(svg, role, "x"), bars(svg, role, "width"), strict=True)
    ]
    assert max(ends) == pytest.approx(836)
    assert f"{3 * count:,}" in texts(svg)


@pytest.mark.parametrize("steps", [(), (FunnelStep("prompts read", 0), FunnelStep("rows", 0, {"gap": 0}))])
def test_a_funnel_of_nothing_is_a_picture_without_bars(steps: tuple[FunnelStep, ...]) -> None:
    svg = funnel_svg(steps)
    assert sum(bars(svg, "kept", "width")) == 0
    assert bars(svg, "gone", "width") == []


def test_the_bars_of_the_lengths_are_as_high_as_their_share() -> None:
    lengths = Lengths({"chosen": counts(e128=10, e256=30), "rejected": counts(e256=1, e512=3)})
    heights = [height for role in ("text", "kept") for height in bars(lengths_svg(lengths), role, "height")]
    assert [height / max(heights) for height in heights] == pytest.approx([1 / 3, 1, 1 / 3, 1], abs=0.001)


def test_equal_lengths_are_at_the_same_place_of_the_common_axis() -> None:
    svg = lengths_svg(Lengths({"prompt": counts(e16=1), "chosen": counts(e16=5, e4096=2), "rejected": counts(e4096=1)}))
    (prompt,), (chosen, long), (rejected,) = (bars(svg, role, "x") for role in ("text", "kept", "gone"))
    assert (prompt, long) == (chosen, rejected)
    assert chosen < long


def test_the_axis_is_logarithmic() -> None:
    svg = lengths_svg(Lengths({"prompt": counts(e16=1, e256=1, e4096=1)}))
    places = bars(svg, "text", "x")
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)
    assert {"10", "100", "1,000"} <= set(texts(svg))


def test_every_histogram_shows_its_number_of_texts_and_median() -> None:
    lengths = Lengths({"prompt": ZERO, "chosen": counts(e256=1)}, {"chosen": (1_311, 1_311)})
    assert {"prompt", "0 texts", "chosen", "1 text", "median 1,311"} <= set(texts(lengths_svg(lengths)))
    assert lengths_text(lengths) == "Lengths in characters. prompt: none; chosen: 1, median 1,311."


@pytest.mark.parametrize("lengths", [Lengths({}), Lengths({"prompt": ZERO}), Lengths({"prompt": [1]}, edges=[3, 3.5])])
def test_lengths_without_texts_or_with_one_bin_give_a_picture(lengths: Lengths) -> None:
    svg = lengths_svg(lengths)
    parse(svg)
    # A bar for each count that is not 0, and none where nothing was counted.
    filled = sum(count > 0 for counted in lengths.counts.values() for count in counted)
    assert len(bars(svg, "text", "height")) == filled


def test_the_common_edges_rise_by_half_doublings_from_one_character() -> None:
    assert (LENGTH_EDGES[0], LENGTH_EDGES[-1]) == (1, 2**24)
    assert all(1 < high / low <= 2 for low, high in pairwise(LENGTH_EDGES))


@pytest.mark.parametrize(
    ("histogram", "edges"), [([1], [1, 2, 4]), ([1, 1], [0, 2, 4]), ([1, 1], [1, 4, 4]), ([1, 1], [4, 2, 1])]
)
def test_a_histogram_that_does_not_fit_its_edges_is_refused(histogram: list[int], edges: list[float]) -> None:
    with pytest.raises(ValueError, match=r"edges|bins"):
        Lengths({"prompt": histogram}, edges=edges)


HOSTILE = '</text><script>alert("1")</script>&\0\x1b\u202e\ud800\ufffe ]]>'


@pytest.mark.parametrize(
    "svg",
    [
        funnel_svg((FunnelStep(HOSTILE, 3, {HOSTILE: 1}),)),
        lengths_svg(Lengths({HOSTILE: counts(e64=1)})),
    ],
    ids=["funnel", "lengths"],
)
def test_a_hostile_name_is_text_and_nothing_else(svg: bytes) -> None:
    root = parse(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "path",
        "text",
    }
    assert any("</text><script>" in text for text in texts(svg))
    assert not re.search(rb"href|url\(|@import|@font-face| on\w+=", svg)


def test_a_name_too_long_for_its_line_is_cut_wide_letters_sooner() -> None:
    narrow, wide = (texts(funnel_svg((FunnelStep(letter * 200, 1),)))[2] for letter in "a名")
    assert narrow == "a" * 79 + "…"
    assert wide == "名" * 39 + "…"


def test_the_pictures_have_a_title_and_are_small_and_always_the_same() -> None:
    everywhere = tuple(range(1, len(LENGTH_EDGES)))
    lengths = Lengths({"prompt": everywhere, "chosen": everywhere, "rejected": everywhere})
    steps = tuple(FunnelStep(f"step {n} " * 10, n, {f"reason {r}" * 5: r for r in range(1, 20)}) for n in range(12))
    for first, second in ((funnel_svg(steps), funnel_svg(steps)), (lengths_svg(lengths), lengths_svg(lengths))):
        title = parse(first).find(f"{SVG}title")
        assert title is not None
        assert title.text
        assert len(first) < 20_000
        assert first == second

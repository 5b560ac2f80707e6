"""What is computed once: short texts alone, and no more of them than a bound."""

from __future__ import annotations

from curation.generation.remembering import LONGEST, MOST, remembered


def test_a_short_text_is_computed_once_and_a_long_one_every_time() -> None:
    computed: list[str] = []

    @remembered
    def double(text: str, more: str = "", *, upper: bool) -> str:
        computed.append(text)
        return 2 * (text.upper() if upper else text) + more

    for _ in range(3):
        assert double("ab", upper=True) == "ABAB"
        assert double("ab", upper=False) == "abab"
        assert double("ab", "c", upper=False) == "ababc"
        assert double("x" * LONGEST, upper=False) == "x" * 2 * LONGEST
    assert computed == ["ab", "ab", "ab", "x" * LONGEST]
    for _ in range(2):
        assert double("x" * (LONGEST + 1), upper=False) == "x" * 2 * (LONGEST + 1)
        # Neither is what is short beside a long text.
        assert double("a", "y" * (LONGEST + 1), upper=False) == "aa" + "y" * (LONGEST + 1)
    assert len(computed) == 8


def test_what_was_not_asked_for_long_is_forgotten() -> None:
    computed: list[str] = []

    @remembered
    def same(text: str) -> str:
        computed.append(text)
        return text

    for number in range(MOST + 1):
        same(str(number))
    same(str(MOST))
    assert len(computed) == MOST + 1
    same("0")
    assert len(computed) == MOST + 2

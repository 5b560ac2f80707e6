"""Shares of records: everybody has as many as the others, and each share has as many people as asked for."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from curation.review.shares import COUNT, SHARES, query_of, share_of, shares_of

PEOPLE = tuple(f"reviewer {number}" for number in range(9))


@pytest.mark.parametrize("overlap", [1, 2, 3])
@pytest.mark.parametrize("people", range(1, 10))
def test_each_share_has_as_many_people_as_asked_for_and_nobody_has_more_than_one_share_more(
    people: int, overlap: int
) -> None:
    shares = shares_of(PEOPLE[:people], overlap=overlap)
    of_share = Counter(share for own in shares.values() for share in own)
    assert of_share == dict.fromkeys(SHARES, min(overlap, people))
    sizes = [len(own) for own in shares.values()]
    assert max(sizes) - min(sizes) <= 1


def test_shares_follow_from_the_names_whatever_their_order() -> None:
    assert shares_of(PEOPLE, overlap=2) == shares_of(PEOPLE[::-1], overlap=2)


def test_everybody_shares_records_with_everybody() -> None:
    shares = shares_of(PEOPLE[:5], overlap=2)
    assert all(set(shares[one]) & set(shares[other]) for one, other in combinations(shares, 2))


def test_nobody_has_no_shares() -> None:
    assert shares_of([], overlap=2) == {}


def test_records_are_spread_over_all_shares() -> None:
    counts = Counter(share_of(f"record-{number}") for number in range(6000))
    assert counts.keys() == set(SHARES)
    assert len(SHARES) == COUNT == 60
    # 100 each, with a standard deviation of 10.
    assert max(counts.values()) < 150 > 100 > min(counts.values()) > 50


def test_a_link_names_the_shares() -> None:
    assert query_of(("s03", "s07")) == "metadata=share.s03.s07"

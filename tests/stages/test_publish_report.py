"""What `publish` says of what it did."""

from __future__ import annotations

from typing import Any

from curation.review_statistics import Measure
from curation.stages.publish import PublishReport


def make_report(**values: Any) -> PublishReport:
    nothing = Measure(value=None, reason="nobody_answered")
    fields: dict[str, Any] = {
        "repo": "acme/demo",
        "url": "https://huggingface.co/datasets/acme/demo",
        "records": 2,
        "verdicts": 2,
        "unresolved": {},
        "rows": {"dpo": 2},
        "dropped": {"dpo": {}},
        "agreement": nothing,
        "alpha": nothing,
        "marked": {},
        "kto_weights": None,
        "checks": "No checks.",
        "omitted": {},
        "decisions": (),
        "row_counts": None,
        "commit": "abc",
    }
    return PublishReport(**{**fields, **values})


def test_publish_says_whose_ratings_decide() -> None:
    line = "On 2 prompts the ratings of acme/b (as configured) decide: careful (acme/a) rated them too."
    assert line in make_report(decisions=(line,)).lines


def test_publish_says_what_is_left_out_and_how_far_reviewers_agree() -> None:
    report = make_report(
        unresolved={"unreviewed": 2},
        dropped={"dpo": {"no_gap": 3, "pii": 1}},
        agreement=Measure(value=0.75, low=0.5, high=1.0, count=8),
        alpha=Measure(value=0.6, low=0.2, high=0.9, count=8),
    )
    assert report.lines == (
        "Published 2 dpo rows to https://huggingface.co/datasets/acme/demo from 2 verdicts on 2 records.",
        "Records without a verdict: 2 unreviewed.",
        "Left out of dpo: 3 no_gap, 1 pii.",
        "Pairs of answers to a record that are equal: 75 % (95 % interval 50 % to 100 %).",
        "Krippendorff's alpha: 0.60 (95 % interval 0.20 to 0.90).",
        "No checks.",
    )

"""What `publish` says of what it did."""

from __future__ import annotations

from curation.stages.publish import PublishReport
from curation.types import Measure


def test_publish_says_whose_ratings_decide() -> None:
    line = "On 2 prompts the ratings of acme/b (as configured) decide: careful (acme/a) rated them too."
    nothing = Measure(value=None, reason="nobody_answered")
    report = PublishReport(
        repo="acme/demo",
        url="https://huggingface.co/datasets/acme/demo",
        records=2,
        verdicts=2,
        unresolved={},
        rows={"dpo": 2},
        dropped={"dpo": {}},
        agreement=nothing,
        alpha=nothing,
        marked={},
        kto_weights=None,
        checks="No checks.",
        omitted={},
        decisions=(line,),
        row_counts=None,
        commit="abc",
    )
    assert line in report.lines

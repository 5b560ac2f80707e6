"""What a proposal says."""

from __future__ import annotations

from curation.derive.row_changes import ConfigChange, RowChange
from curation.proposal_text import proposal_text
from curation.review_statistics import Measure

ALPHA = Measure(value=0.63, low=0.5, high=0.75, count=40)


def test_a_proposal_says_the_difference_the_gates_that_failed_and_rows_to_look_at() -> None:
    row = RowChange(config="dpo", kind="goes", id="r1", prompt="</p>@anna **x**", what="chosen 'a'")
    text = proposal_text(
        {"dpo": ConfigChange(comes=412, goes=9, changes=3)},
        [row],
        alpha=ALPHA,
        alpha_before=0.58,
        failed=("dpo has 6 rows, fewer than the 7 of min_rows.", "Second."),
    )
    assert text.split("\n") == [
        "**dpo**: +412 rows, -9 withdrawn, 3 changed.",
        "",
        "Krippendorff's alpha: 0.58 -> 0.63 (95 % interval 0.50 to 0.75).",
        "",
        "Gates of `[publish]` that **failed**:",
        "",
        "- dpo has 6 rows, fewer than the 7 of min_rows.",
        "- Second.",
        "",
        "Rows to look at:",
        "",
        # Four spaces: nothing in a prompt is Markdown, HTML or the name of somebody.
        "    goes    dpo    </p>@anna **x**: chosen 'a'",
    ]


def test_without_a_version_before_there_is_only_the_alpha_of_now() -> None:
    unknown = Measure(value=None, reason="nobody answered")
    text = proposal_text({}, [], alpha=unknown, alpha_before=None, failed=())
    assert text == "Krippendorff's alpha: not defined (nobody answered).\n\nAll gates of `[publish]` passed."

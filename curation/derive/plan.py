"""What is done with every segment of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from curation import export, quality
from curation.config import Config
from curation.derive.faults import Checks
from curation.export import Exporter, PairExporter, Rows
from curation.frames import pl


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with every segment.

    `pseudonyms` has the published name of each reviewer, `extras` the columns that prompts bring along, with their
    Arrow types. `folder` is where shards are written, null if rows are only counted. With `checked` these are held to
    what TRL accepts all the same.
    """

    config: Config
    pseudonyms: Mapping[str, str]
    extras: Mapping[str, pa.DataType]
    checks: Checks
    folder: Path | None
    checked: bool

    @property
    def keeps_thinking(self) -> bool:
        """Whether what models thought is published."""
        return any(generator.keep_reasoning for generator in self.config.models.generators)

    @property
    def pairs(self) -> PairExporter:
        """The exporter of pairs; `dpo`, `reward` and `sft` follow its rows."""
        publish = self.config.publish
        return PairExporter(
            "dpo", publish.min_gap, self.checks.pair_faults, publish.pairs, graded=self.config.review.graded
        )

    def exporters(self, pairs: Rows) -> tuple[Exporter, ...]:
        """Return the exporter of each config that is trained on, for a segment with these rows of `dpo`."""
        every: dict[str, Exporter] = {
            "dpo": self.pairs,
            "reward": replace(self.pairs, name="reward", margin=self.config.publish.margin),
            "kto": export.CompletionExporter(),
            "sft": export.SupervisedExporter(pairs),
        }
        return tuple(every[name] for name in self.config.publish.formats if name != "raw")

    @property
    def clean(self) -> Callable[[str], str] | None:
        """What is done to texts that are published whole: personal data is redacted if it is looked for."""
        return quality.redacted if self.config.quality.pii else None

    def splits(self, prompt_ids: pl.Series) -> pl.Series:
        """Return the split of the rows of each prompt, which follows no other prompt."""
        return export.splits_of(prompt_ids, self.config.publish.test_size)

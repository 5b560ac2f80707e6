"""`curation refresh`: runs sync and publish. If publish fails, it shows all the same what sync did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.cli.options import ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import run

if TYPE_CHECKING:
    from curation.config import Config
    from curation.report import Report


def refresh(config: ConfigFile, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Run sync, then publish: what a schedule runs every hour."""
    from curation.cli.progress import segments_shown
    from curation.stages.refresh import refresh as refresh_rows

    def refresh_all(loaded: Config, out: Output) -> Report:
        lines: list[str] = []
        try:
            with segments_shown(out) as watch:
                return refresh_rows(loaded, watch=watch, tell=lines.append)
        except BaseException:
            for line in lines:
                out.note(line)
            raise

    run(config, format, debug, refresh_all)

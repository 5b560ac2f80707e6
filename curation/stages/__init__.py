"""One function per verb: values in, one report out. Everything that happens outside happens here."""

from curation.report import Report
from curation.stages.changes import SettingsChange
from curation.stages.check import check
from curation.stages.dry_run import dry_run
from curation.stages.export import export
from curation.stages.generate import estimate_line, generate, refuse_to_ask_again
from curation.stages.lint import lint
from curation.stages.preview import preview
from curation.stages.publish import publish
from curation.stages.push import push
from curation.stages.status import status
from curation.stages.sync import sync

__all__ = [
    "Report",
    "SettingsChange",
    "check",
    "dry_run",
    "estimate_line",
    "export",
    "generate",
    "lint",
    "preview",
    "publish",
    "push",
    "refuse_to_ask_again",
    "status",
    "sync",
]

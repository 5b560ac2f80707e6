"""Any preference dataset, whoever made it, read and judged: its layouts, the faults of its rows, what they come to."""

from curation.linting.report import LintFinding, LintReport, lint_report
from curation.linting.survey import Survey

__all__ = ["LintFinding", "LintReport", "Survey", "lint_report"]

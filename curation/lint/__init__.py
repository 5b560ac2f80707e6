"""Any preference dataset, whoever made it, read and judged: its layouts, the faults of its rows, what they come to."""

from curation.lint.report import LintFinding, LintReport, lint_report
from curation.lint.survey import Survey

__all__ = ["LintFinding", "LintReport", "Survey", "lint_report"]

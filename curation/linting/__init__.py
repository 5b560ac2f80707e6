"""Reads any preference dataset and looks for faults: in its layout, in single rows, and between rows."""

from curation.linting.report import LintFinding, LintReport, lint_report
from curation.linting.survey import Survey

__all__ = ["LintFinding", "LintReport", "Survey", "lint_report"]

"""One tree of errors, with the exit codes that scripts rely on."""

from __future__ import annotations

import inspect

import pytest

from curation import errors
from curation.errors import (
    AuthError,
    ConfigError,
    CurationError,
    DataError,
    MissingError,
    RefusedError,
    ServiceError,
    TemporaryError,
)


@pytest.mark.parametrize(
    ("error", "parent", "exit_code"),
    [
        (CurationError, Exception, 1),
        (ConfigError, CurationError, 1),
        (DataError, CurationError, 1),
        (RefusedError, CurationError, 1),
        (ServiceError, CurationError, 1),
        (AuthError, ServiceError, 1),
        (MissingError, ServiceError, 1),
        (TemporaryError, ServiceError, 3),
    ],
)
def test_each_error_has_its_place_in_the_tree_and_its_exit_code(
    error: type[CurationError], parent: type[Exception], exit_code: int
) -> None:
    assert error.__bases__ == (parent,)
    assert error.exit_code == exit_code
    assert error.__doc__


def test_the_tree_at_the_top_of_the_file_names_every_error() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value):
            assert name in (errors.__doc__ or "")


def test_an_error_reads_as_what_happened_and_then_the_remedy() -> None:
    error = MissingError("There is no file x.", remedy="Correct `path`.")
    assert (error.message, error.remedy) == ("There is no file x.", "Correct `path`.")
    assert str(error) == "There is no file x. Correct `path`."
    assert str(DataError("Line 3 is not JSON.")) == "Line 3 is not JSON."

"""Every error this project raises, one tree.

CurationError
├── ConfigError          the TOML file is wrong: the sentence names key, value and what is allowed
├── DataError            input rows or service answers that cannot be used
├── RefusedError         we will not do this: it would lose or mislabel something
└── ServiceError         a service did not do what was asked
    ├── AuthError        a token or key is missing, wrong or too weak
    ├── MissingError     the thing asked for is not there
    └── TemporaryError   try again later: a cron job retries only this (exit code 3)
"""


class CurationError(Exception):
    """The base: a full sentence (what and why) and, where there is one, the command or setting that mends it."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message if self.remedy is None else f"{self.message} {self.remedy}"


class ConfigError(CurationError):
    """The configuration is wrong."""


class DataError(CurationError):
    """Rows or answers that cannot be used."""


class RefusedError(CurationError):
    """Doing what was asked would lose or mislabel something."""


class ServiceError(CurationError):
    """A service (Hub, Argilla, inference) did not do what was asked."""


class AuthError(ServiceError):
    """A token or key is missing, wrong or too weak."""


class MissingError(ServiceError):
    """The repository, dataset, workspace or file asked for is not there."""


class TemporaryError(ServiceError):
    """A service is unreachable or overloaded; the same command may work later."""

    exit_code = 3

"""The tree of all errors that this project raises.

CurationError
├── ConfigError          the TOML file is wrong; the message names the key, the value and what is allowed
├── DataError            input rows, or the answers of a service, cannot be used
├── RefusedError         we refuse, because doing this would lose or mislabel something
│   └── NoRowsError      there is no row to publish yet; a schedule goes on
└── ServiceError         a service did not do what we asked
    ├── AuthError        a token or key is missing, wrong or not allowed to do this
    ├── PaymentError     the account has no plan, or no credit, for what was asked
    ├── MissingError     the repo, dataset, workspace or file does not exist
    └── TemporaryError   the same command may work later; a cron job retries only this error (exit code 3)
"""


class CurationError(Exception):
    """The base of all errors: a sentence (what happened and why), and the command or setting that mends it if known."""

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
    """Input rows, or the answers of a service, cannot be used."""


class RefusedError(CurationError):
    """Doing what was asked would lose or mislabel something."""


class NoRowsError(RefusedError):
    """No row can be published yet, so a dataset would be empty."""


class ServiceError(CurationError):
    """A service (the Hub, Argilla, a model's endpoint) did not do what we asked."""


class AuthError(ServiceError):
    """A token or key is missing, wrong or not allowed to do this."""


class PaymentError(ServiceError):
    """What was asked needs a plan or a credit that the account does not have."""


class MissingError(ServiceError):
    """The repo, dataset, workspace or file does not exist."""


class TemporaryError(ServiceError):
    """A service cannot be reached or is overloaded. The same command may work later."""

    exit_code = 3

"""Shows the passwords of new accounts, also if an error follows, because they are kept nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from curation.cli.output import Format, Output

if TYPE_CHECKING:
    from curation.review.accounts import NewAccount


@contextmanager
def accounts_shown(out: Output) -> Iterator[Callable[[NewAccount], None]]:
    """Yield a function that notes an account. If an error follows, all that were noted are printed on stdout.

    Without an error the report of the verb has them. With `--format quiet` there is no report, so they are printed.
    """
    accounts: list[NewAccount] = []
    try:
        yield accounts.append
    except BaseException:
        _show(out, accounts)
        raise
    if out.format is Format.quiet:
        _show(out, accounts)


def _show(out: Output, accounts: list[NewAccount]) -> None:
    if out.format is Format.json and accounts:
        out.data(json.dumps({"accounts": [account.model_dump() for account in accounts]}))
    elif accounts:
        out.data("\n".join(account.line for account in accounts))

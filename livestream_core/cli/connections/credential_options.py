"""Which of a provider's options are secrets, and which are credentials."""

from __future__ import annotations

from typing import get_args, get_type_hints

from ..._contract.options import Options
from ..._secrets.secret import Secret


def is_secret(kind: type[Options], name: str) -> bool:
    """Return whether an option is typed ``Secret``."""
    hint = get_type_hints(kind)[name]
    return hint is Secret or Secret in get_args(hint)


def credentials(kind: type[Options]) -> list[str]:
    """Return the names of all options that are credentials."""
    return [name for group in kind.credentials for name in group]


def token(kind: type[Options]) -> str | None:
    """Return the name of the secret that is a complete credential, if there is one."""
    return next(
        (group[0] for group in kind.credentials if len(group) == 1 and is_secret(kind, group[0])),
        None,
    )

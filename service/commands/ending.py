"""How a command of an HTTP program ends: one message, one exit code."""

import logging
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import click

from postgres.errors import (
    DatabaseError,
    PrivilegeMissing,
    Retryable,
    SchemaMissing,
    SchemaNewer,
    SchemaOutdated,
)
from service.redaction import redact
from service.redis import RedisUnavailable
from service.settings_faults import SettingsInvalid

EXIT_SETTINGS, EXIT_DATABASE, EXIT_SCHEMA, EXIT_PRIVILEGE, EXIT_DEFECT, EXIT_INTERRUPTED = 2, 4, 8, 9, 70, 130

_NEXT_STEP = {
    EXIT_DATABASE: "Check that PostgreSQL runs, and host, port, database and login in database.dsn.",
    EXIT_SCHEMA: "Run `pend-index db migrate` as the owner.",
}
_NO_CODES: Mapping[type[Exception], int] = MappingProxyType({})


def ended_well(
    work: Callable[[], Any],
    *,
    next_step: Mapping[int, str],
    codes: Mapping[type[Exception], int] = _NO_CODES,
) -> NoReturn:
    """Run `work` and leave the process: 0, or the code of what went wrong.

    `next_step` says by code what to do, where neither the error nor this module does. `codes` are those of a
    program's own errors; the first that fits wins.
    """
    try:
        sys.exit(work())
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        code = _code(error, codes)
        if code == EXIT_DEFECT:
            logging.getLogger(__name__).exception("defect")
        click.echo(redact(str(error)) or type(error).__name__, err=True)
        if step := getattr(error, "next_step", "") or next_step.get(code) or _NEXT_STEP.get(code):
            click.echo(step, err=True)
        sys.exit(code)


def _code(error: Exception, codes: Mapping[type[Exception], int]) -> int:
    for kind, code in codes.items():
        if isinstance(error, kind):
            return code
    if isinstance(error, SettingsInvalid):
        return EXIT_SETTINGS
    if isinstance(error, PrivilegeMissing):
        return EXIT_PRIVILEGE
    if isinstance(error, SchemaMissing | SchemaOutdated | SchemaNewer):
        return EXIT_SCHEMA
    if isinstance(error, Retryable | DatabaseError | RedisUnavailable):
        return EXIT_DATABASE
    return EXIT_DEFECT

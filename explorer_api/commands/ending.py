"""How a command ends: one message, one exit code."""

import logging
import sys
from collections.abc import Callable
from typing import Any

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


def ended_well(work: Callable[[], Any]) -> None:
    """Run `work` and leave the process: 0, or the code of what went wrong."""
    try:
        sys.exit(work())
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        code = _code(error)
        if code == EXIT_DEFECT:
            logging.getLogger(__name__).exception("defect")
        click.echo(redact(str(error)) or type(error).__name__, err=True)
        if step := getattr(error, "next_step", "") or _NEXT_STEP.get(code, ""):
            click.echo(step, err=True)
        sys.exit(code)


def _code(error: Exception) -> int:
    if isinstance(error, SettingsInvalid):
        return EXIT_SETTINGS
    if isinstance(error, PrivilegeMissing):
        return EXIT_PRIVILEGE
    if isinstance(error, SchemaMissing | SchemaOutdated | SchemaNewer):
        return EXIT_SCHEMA
    if isinstance(error, Retryable | DatabaseError | RedisUnavailable):
        return EXIT_DATABASE
    return EXIT_DEFECT


_NEXT_STEP = {
    EXIT_DATABASE: "Check that PostgreSQL runs, and host, port, database and login in database.dsn.",
    EXIT_SCHEMA: "Run `pend-index db migrate` as the owner.",
    EXIT_PRIVILEGE: "Set database.role = pend_explorer, and grant that role to the login.",
}

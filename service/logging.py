"""Structured log on stderr: one JSON object per line, or text for people. No secret gets through.

Correlation: `bound(command=…, run_id=…)` adds fields to every line logged inside it, tasks included.
"""

import logging
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal, TextIO
from uuid import uuid4

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.redaction import HIDDEN, names_secret, redact

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]


def configure_logging(
    level: Level,
    format: Format,  # noqa: A002  the setting's name
    *,
    service: str = "pend-index",
    out: TextIO | None = None,
) -> None:
    """Sets up the log of this process, libraries included; every line carries `service` and `run_id`."""
    stream = sys.stderr if out is None else out
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_secrets,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("asyncio", "websockets", "web3", "yoyo", "urllib3"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service, run_id=uuid4().hex[:12])


def bound(**fields: object) -> AbstractContextManager[object]:
    """Adds `fields` to every line logged inside the block, also by tasks started there."""
    return structlog.contextvars.bound_contextvars(**fields)


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last word before rendering: secret-named fields are hidden, all text is searched for secrets."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: object) -> object:
    if key.startswith("_"):  # structlog's own record of the line, removed before rendering
        return value
    if names_secret(key) and value is not None:
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", item) for item in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return redact(str(value))

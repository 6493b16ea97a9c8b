"""What processes log, and how."""

import logging
import sys
from typing import Any

import structlog

from app.kernel.settings import Settings


def configure_logging(settings: Settings) -> None:
    """One line a record on standard output; the standard library's loggers join in."""
    last: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        last = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(processors=[*shared, last], wrapper_class=structlog.make_filtering_bound_logger(level))
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, last], foreign_pre_chain=shared))  # fmt: skip
    logging.basicConfig(handlers=[handler], level=level, force=True)
    quiet = {"uvicorn.error": logging.WARNING, "procrastinate": logging.WARNING, "alembic": logging.WARNING}
    for name, least in {"uvicorn.access": logging.CRITICAL, **quiet}.items():
        logging.getLogger(name).setLevel(least)

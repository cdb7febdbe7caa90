"""The studio's log: one JSON object a line, on stderr, without secrets.

What is a token, a signature or a header that carries one is masked here, wherever it came from: a line is
read by more people than a studio trusts.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_SECRET = re.compile(
    r"(?i)(?P<what>\b(?:bearer|signature|token|password|secret)\b[\"']?\s*[=: ]\s*[\"']?)[^\s\"'&,}]+"
    r"|(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])"
)
"""What follows the name of a secret, and whatever looks like a token of ours: 32 bytes in base64url."""


def masked(text: str) -> str:
    """A text without what may be secret in it."""
    return _SECRET.sub(lambda found: f"{found['what'] or ''}(masked)", text)


class OneLine(logging.Formatter):
    """A record as one line of JSON: ``at``, ``level``, ``from``, ``text``, and what the record's ``fields``
    say."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "text": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            told |= fields
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps({key: _plain(value) for key, value in told.items()}, ensure_ascii=True)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Have everything of this process logged so."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _plain(value: object) -> object:
    return value if isinstance(value, int | float) else masked(str(value))

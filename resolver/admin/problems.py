"""What is wrong with a request, as RFC 9457 wants it told: application/problem+json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"


class Refused(Exception):
    """A request that is not done, and why; `members` are told beside the usual ones."""

    def __init__(
        self,
        status: int,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def to_json(self) -> str:
        """The problem; RFC 9457 4.2.1: `about:blank` has the title of its status."""
        usual = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return json.dumps({**usual, **self.members})


def denied(status: int, detail: str) -> Refused:
    """The refusal of a caller that may not; RFC 9110 11.6.1: 401 says how to become allowed."""
    headers = {"WWW-Authenticate": 'Bearer realm="sightline"'} if status == 401 else None
    return Refused(status, detail, headers=headers)

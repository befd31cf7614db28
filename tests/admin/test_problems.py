"""Problems of RFC 9457."""

import json

from resolver.admin.problems import Refused, denied


def test_a_problem_has_the_usual_members_and_more() -> None:
    """`about:blank` has the title of its status (RFC 9457 4.2.1)."""
    problem = Refused(404, "no endpoint is called x", {"nearest": "y"})
    assert json.loads(problem.to_json()) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no endpoint is called x",
        "nearest": "y",
    }


def test_who_needs_a_token_is_told_how_to_send_it() -> None:
    """RFC 9110 11.6.1; a 403 is final."""
    assert denied(401, "x").headers == {"WWW-Authenticate": 'Bearer realm="sightline"'}
    assert denied(403, "x").headers == {}

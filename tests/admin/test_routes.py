"""The table of routes."""

import pytest

from resolver.admin.routes import ROUTES, Found, Need, NoRoute, find_route


@pytest.mark.parametrize(
    ("method", "path", "name", "endpoint"),
    [
        ("GET", "/healthz", "healthz", ""),
        ("HEAD", "/healthz", "healthz", ""),
        ("GET", "/", "page", ""),
        ("GET", "/page/page.css", "page-file", "page.css"),
        ("GET", "/api/v1/endpoints", "endpoints", ""),
        ("GET", "/api/v1/endpoints/web.dev.east/blue", "endpoint", "web.dev.east/blue"),
        ("GET", "/api/v1/endpoints/web.dev.east%2Fblue", "endpoint", "web.dev.east/blue"),
        ("GET", "/api/v1/endpoints/web.dev.east/state", "endpoint", "web.dev.east/state"),
        ("PUT", "/api/v1/endpoints/web.dev.east/blue/state", "change", "web.dev.east/blue"),
        ("PUT", "/api/v1/endpoints/web.dev.east/state/state", "change", "web.dev.east/state"),
        ("PUT", "/api/v1/endpoints/a.*/fd00%3A%3A1/state", "change", "a.*/fd00::1"),
        ("PUT", "/api/v1/heartbeats/jobs.dev.east/a", "heartbeat", "jobs.dev.east/a"),
        ("POST", "/api/v1/reload", "reload", ""),
    ],
)
def test_a_path_leads_to_one_route(method: str, path: str, name: str, endpoint: str) -> None:
    """The slash of an id may be raw or escaped."""
    found = find_route(method, path)
    assert isinstance(found, Found)
    assert (found.route.name, found.endpoint) == (name, endpoint)


@pytest.mark.parametrize(
    "path", ["", "//", "/page/", "/metrics/", "/api/v1", "/api/v1/endpoints/", "/a\n"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    """Whatever the method."""
    assert find_route("GET", path) == NoRoute(())


def test_other_methods_learn_which_there_are() -> None:
    """For the header Allow."""
    assert find_route("DELETE", "/api/v1/reload") == NoRoute(("POST",))
    assert find_route("GET", "/api/v1/reload") == NoRoute(("POST",))


def test_what_changes_something_is_never_got() -> None:
    """GET is for reads, and reads are GET."""
    changes = {Need.HEARTBEAT, Need.OVERRIDE, Need.RELOAD, Need.CACHE}
    assert {route.need for route in ROUTES if route.method != "GET"} == changes
    assert not {route.need for route in ROUTES if route.method == "GET"} & changes

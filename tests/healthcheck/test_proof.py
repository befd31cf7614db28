"""Which services are unproven."""

from healthcheck.ledger import Watched
from healthcheck.proof import REST, Proof
from healthcheck.track import Track
from tests.healthcheck.made import failed, observed, passed, use

DOWN, UP = observed([failed(1)]), observed([passed(1)])


def entry(track: Track, *services: str) -> Watched:
    """A probe of some services."""
    uses = tuple(use(f"{service}.prod.east/a") for service in services)
    probe = uses[0].probe
    assert probe is not None
    made = Watched(probe, track)
    made.serve(uses)
    return made


def test_a_service_is_unproven_when_it_failed_and_never_passed() -> None:
    """Not while nothing was observed; one endpoint that passes is enough."""
    proof = Proof()
    assert proof.note(entry(Track(), "web"), 0) == set()
    assert proof.note(entry(DOWN, "web", "api"), 0) == {"web.prod.east", "api.prod.east"}
    assert proof.note(entry(DOWN, "web"), 0) == set()
    assert proof.note(entry(UP, "web"), 0) == {"web.prod.east"}
    assert proof.unproven == {"api.prod.east"}
    assert proof.note(entry(DOWN, "web"), 0) == set()


def test_new_targets_are_counted_anew() -> None:
    """A service whose proven endpoint is gone has to prove itself."""
    proof = Proof()
    assert proof.renew([entry(UP, "web"), entry(DOWN, "web", "api")], 0) == {"api.prod.east"}
    assert proof.renew([entry(DOWN, "web", "api")], 0) == {"web.prod.east"}
    assert proof.renew([], 0) == {"web.prod.east", "api.prod.east"}


def test_the_set_is_told_in_one_line_when_it_is_at_rest() -> None:
    """Once per change, and not if it is as it was told."""
    proof = Proof()
    assert proof.tell(0) is None
    proof.note(entry(DOWN, "web"), 1)
    proof.note(entry(DOWN, "api"), 2)
    assert proof.tell(REST) is None
    line = proof.tell(2 + REST)
    assert line is not None
    assert line.startswith("2 services are unproven (no endpoint ever passed its check)")
    assert line.endswith(": api.prod.east, web.prod.east")
    assert proof.tell(99) is None
    proof.note(entry(UP, "web"), 100)
    assert (proof.tell(104) or "").startswith("1 service is unproven")
    proof.note(entry(UP, "api"), 110)
    assert proof.tell(114) == "no service is unproven any more"
    proof.renew([entry(DOWN, "web")], 120)
    proof.renew([], 121)
    assert proof.tell(130) is None


def test_the_line_is_bounded() -> None:
    """It names twenty."""
    proof = Proof()
    proof.note(entry(DOWN, *(f"s{n}" for n in range(50))), 0)
    assert (proof.tell(9) or "").endswith(" and 30 more")

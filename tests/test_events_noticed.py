"""What the supervisor sees becomes events."""

from dataclasses import replace

from healthcheck.health import NOT_OBSERVED, DeclaredState, Health, State, Target
from healthcheck.report import Override
from healthcheck.use import Use
from resolver.events import Event, EventLog, Kind
from resolver.events_noticed import MOST_TOLD, Look, Noticing
from resolver.zones.places import Place, Problem, Severity

UP, DOWN = Health(State.UP, "up"), Health(State.DOWN, "down: refused")
T1, T2 = (b"one", b"\x0a\0\0\1"), (b"two", b"\x0a\0\0\2")
USES = {
    T1: Use(T1, "web.dev.east/one", "web.dev.east", ("dev", "east", "web"), "10.0.0.1", None),
    T2: Use(T2, "web.prod.east/two", "web.prod.east", ("prod", "east", "web"), "10.0.0.2", None),
}
CALM = Look({}, ((1, True, 0), (2, True, 0)), frozenset(), is_frozen=False, trouble=None)
WORD = Override(DeclaredState.DRAIN, "disk", "ann", 1.0, 50.0)


def noticing() -> Noticing:
    def environment_of(endpoint: str) -> str:
        return "dev" if ".dev." in endpoint else "-"

    return Noticing(EventLog(), USES.get, environment_of)


def found(noticed: Noticing) -> list[Event]:
    return noticed.log.find(lambda _: True, limit=1000)


def flipped(before: dict[Target, Health], after: dict[Target, Health]) -> list[Event]:
    noticed = noticing()
    noticed.flipped(9.0, before, after, [*{**before, **after}])
    return found(noticed)


def test_a_flip_says_from_what_to_what_and_why() -> None:
    """In the environment of its endpoint."""
    (event,) = flipped({T1: UP}, {T1: DOWN})
    assert (event.kind, event.environment, event.at) == (Kind.HEALTH, "dev", 9.0)
    assert event.text == "web.dev.east/one 10.0.0.1: up → down: down: refused"
    assert event.facts == {
        "endpoint": "web.dev.east/one",
        "address": "10.0.0.1",
        "from": "up",
        "to": "down",
        "reason": "down: refused",
    }


def test_damping_is_a_move_and_a_slow_start_is_none() -> None:
    """Nor is a word of an operator: that is told as such."""
    (event,) = flipped({T1: DOWN}, {T1: replace(UP, damped=True)})
    assert (event.facts["from"], event.facts["to"]) == ("down", "damped")
    for other in (
        replace(UP, tenths=3),
        replace(UP, changing=True),
        replace(UP, override=DeclaredState.DRAIN),
    ):
        assert flipped({T1: UP}, {T1: other}) == []


def test_the_first_look_is_no_change_unless_it_fails() -> None:
    """A start with thousands of targets says what is wrong."""
    assert flipped({}, {T1: UP}) == []
    assert flipped({T1: NOT_OBSERVED}, {T1: UP}) == []
    assert [event.facts["to"] for event in flipped({}, {T1: DOWN})] == ["down"]


def test_who_is_gone_is_not_told_of() -> None:
    """The zones have it no more."""
    assert flipped({(b"other", b""): UP}, {(b"other", b""): DOWN}) == []


def test_many_flips_at_once_are_told_together() -> None:
    """Of each environment, the first ones by name."""
    targets = [(b"%d" % number, b"\x0a\0\0\1") for number in range(MOST_TOLD + 7)]
    uses = {target: replace(USES[T1], target=target) for target in targets}
    uses[T2] = USES[T2]
    noticed = Noticing(EventLog(), uses.get, lambda _: "-")
    noticed.flipped(9.0, {}, dict.fromkeys(uses, DOWN), uses)
    events = found(noticed)
    assert len(events) == MOST_TOLD + 2
    assert [e.facts["more"] for e in events if "more" in e.facts] == [7]
    assert [e.environment for e in events].count("prod") == 1


def test_a_reload_is_told_with_what_it_took() -> None:
    """The number and the revision are for those who see all."""
    noticed = noticing()
    noticed.reloaded(9.0, 12, "0123456789abcdef", 0.5, 1)
    (event,) = found(noticed)
    expected = "reload accepted: generation 12 of revision 0123456789ab after 0.50 s, 1 warning"
    assert (event.text, event.brief) == (expected, "reload accepted")
    assert event.facts == {"result": "accepted", "seconds": 0.5}
    assert event.withheld["revision"] == "0123456789abcdef"


def test_a_refused_reload_is_told_with_its_problems() -> None:
    """Which name files of any environment."""
    noticed = noticing()
    place = Place("prod.yaml", 3, 1)
    problems = [
        Problem(place, Severity.ERROR, "some-rule", "secret"),
        Problem(place, Severity.WARNING, "some-rule", "not told"),
    ]
    noticed.refused(9.0, 12, problems)
    (event,) = found(noticed)
    assert event.text == "reload refused: 1 error; generation 12 serves on"
    assert (event.brief, event.facts) == ("reload refused", {"result": "refused"})
    assert event.withheld["problems"] == ["prod.yaml:3:1: error: some-rule: secret"]


def looks(*seen: Look) -> list[str]:
    noticed = noticing()
    for number, each in enumerate(seen):
        noticed.look(10.0 * number, each)
    return [event.text for event in found(noticed)]


def test_the_first_look_finds_nothing_new() -> None:
    """What was saved is in force as before."""
    assert looks(CALM._replace(overrides={"web.dev.east/one": WORD})) == []
    assert looks(CALM, CALM) == []


def test_overrides_begin_change_and_end() -> None:
    """By somebody, or by time."""
    drained = CALM._replace(overrides={"web.dev.east/one": WORD})
    word = replace(WORD, reason="", by="")
    other = CALM._replace(overrides={"web.dev.east/one": word})
    assert looks(CALM, drained, other, CALM) == [
        "web.dev.east/one: drain by ann: disk",
        "web.dev.east/one: drain by an operator",
        "web.dev.east/one: drain ended: resumed",
    ]
    assert looks(drained, drained, drained, drained, drained, CALM) == [
        "web.dev.east/one: drain ended: expired"
    ]
    noticed = noticing()
    noticed.look(1.0, CALM)
    noticed.look(2.0, drained)
    (event,) = found(noticed)
    assert (event.environment, event.kind) == ("dev", Kind.OVERRIDE)
    assert event.facts["until"] == 50.0


def test_workers_are_lost_and_come_back() -> None:
    """Also between two looks."""
    away = CALM._replace(workers=((1, False, 1), (2, True, 0)))
    back = CALM._replace(workers=((1, True, 1), (2, True, 0)))
    both = ["worker 1 ended or does not answer", "worker 1 answers again"]
    assert looks(CALM, away, back) == both
    assert looks(CALM, back) == both
    silent = CALM._replace(workers=((1, True, 0), (2, False, 0)))
    assert looks(CALM, silent, CALM) == [
        "worker 2 ended or does not answer",
        "worker 2 answers again",
    ]


def test_upstreams_go_down_and_answer_again() -> None:
    """In the environment that asks them."""
    down = CALM._replace(upstreams_down=frozenset({("dev", "10.0.0.53")}))
    noticed = noticing()
    for number, seen in enumerate((CALM, down, down, CALM)):
        noticed.look(float(number), seen)
    events = found(noticed)
    assert [e.text for e in events] == [
        "upstream 10.0.0.53 is down",
        "upstream 10.0.0.53 answers again",
    ]
    assert {e.environment for e in events} == {"dev"}


def test_the_checker_in_doubt_is_told() -> None:
    """And that it hangs."""
    frozen, hung = CALM._replace(is_frozen=True), CALM._replace(trouble="health checks hang")
    assert looks(CALM, frozen, CALM, hung, CALM) == [
        "health states are frozen: too many targets fail at once",
        "health states are no longer frozen",
        "health checks hang",
        "health checks go on",
    ]

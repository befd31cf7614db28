"""Zones and health become generations: numbers, serials, networks."""

from collections.abc import Callable
from pathlib import Path

from healthcheck.health import Health, HealthTable, State
from resolver import names
from resolver.compile import compile_generation, pack_up
from resolver.generation import Generation
from resolver.reload import Builder
from tests.support import (
    DEV,
    DEV_CLIENT,
    FILES,
    NOW,
    PLAN,
    PROD,
    PROD_CLIENT,
    addresses,
    ask,
    compiled,
    serial,
)

Compile = Callable[..., Generation]
APEXES = ("corp.test.", "dev.east.corp.test.", "10.in-addr.arpa.")


def serials(generation: Generation, source: str) -> list[int]:
    """The serials that a client sees."""
    return [serial(ask(generation, apex, "SOA", source)) for apex in APEXES]


def test_the_first_serial_is_the_time(generation: Compile) -> None:
    """At which this server first saw the content."""
    assert serials(generation(now=NOW), DEV_CLIENT) == [NOW] * 3


def test_generations_are_numbered(generation: Compile) -> None:
    """From 1, one by one."""
    first = generation()
    second = generation(previous=first)
    assert (first.number, second.number) == (1, 2)


def test_unchanged_content_keeps_its_serial(generation: Compile) -> None:
    """Comments, order of files and time are no content."""
    first = generation()
    moved = {**FILES, "dev.yaml": "# a comment\n\n" + DEV, "a.yaml": PROD}
    del moved["prod.yaml"]
    Path(first.zones.plan.place.file).parent.joinpath("prod.yaml").unlink()
    second = generation(moved, previous=first, now=NOW + 60)
    assert serials(second, DEV_CLIENT) == [NOW] * 3
    assert second.serials == first.serials


def test_a_visible_change_moves_the_serials_it_touches(generation: Compile) -> None:
    """The zone, the domain (which holds `web.dev`), the reverse zone."""
    first = generation()
    changed = {**FILES, "dev.yaml": DEV.replace("10.80.1.3", "10.80.1.4")}
    second = generation(changed, previous=first, now=NOW + 60)
    assert serials(second, DEV_CLIENT) == [NOW + 60] * 3


def test_a_change_of_a_plain_record_moves_its_zone_only(generation: Compile) -> None:
    """The others stay as they are."""
    first = generation()
    changed = {**FILES, "dev.yaml": DEV.replace("hello", "goodbye")}
    second = generation(changed, previous=first, now=NOW + 60)
    assert serials(second, DEV_CLIENT) == [NOW, NOW + 60, NOW]


def test_a_change_that_an_environment_cannot_see_does_not_move_its_serials(
    generation: Compile,
) -> None:
    """Else serials would tell of another environment's work."""
    first = generation()
    changed = {**FILES, "prod.yaml": PROD.replace("10.64.1.1", "10.64.1.2")}
    second = generation(changed, previous=first, now=NOW + 60)
    assert serials(second, DEV_CLIENT) == [NOW] * 3
    assert serial(ask(second, "prod.east.corp.test.", "SOA", PROD_CLIENT)) == NOW + 60


def test_a_hidden_record_of_a_shared_zone_moves_no_serial_elsewhere(generation: Compile) -> None:
    """An environment with a grant sees the granted names of the zone and nothing else."""
    shared = DEV.replace("    ttl: 20\n", "    ttl: 20\n    share_with: [prod]\n")
    first = generation({**FILES, "dev.yaml": shared})
    hidden = shared.replace("hello", "goodbye")
    second = generation({**FILES, "dev.yaml": hidden}, previous=first, now=NOW + 60)
    asked = [serial(ask(g, "dev.east.corp.test.", "SOA", PROD_CLIENT)) for g in (first, second)]
    assert asked == [NOW, NOW]


def test_two_changes_within_a_second_still_rise(generation: Compile) -> None:
    """Also when the clock goes back (RFC 1982)."""
    made = generation()
    seen = [serials(made, DEV_CLIENT)[1]]
    for number, now in enumerate((NOW, NOW, NOW - 3600)):
        changed = {**FILES, "dev.yaml": DEV.replace("hello", f"hello{number}")}
        made = generation(changed, previous=made, now=now)
        seen.append(serials(made, DEV_CLIENT)[1])
    assert seen == [NOW, NOW + 1, NOW + 2, NOW + 3]


def test_a_written_serial_is_served(generation: Compile) -> None:
    """`soa: {serial: …}` replaces the time."""
    made = generation({**FILES, "dev.yaml": DEV + "soa: {serial: 7}\n"})
    assert serials(made, DEV_CLIENT)[1] == 7


def test_carve_outs_belong_to_nobody(generation: Compile) -> None:
    """Unless somebody's own network is the very same."""
    plan = PLAN.replace(
        "west: [10.65.0.0/16]}, forward",
        "west: [{network: 10.65.0.0/16, except: [10.65.1.0/24, 10.65.2.0/24]}]}, forward",
    ).replace("west: [10.81.0.0/16]", "west: [10.81.0.0/16, 10.65.2.0/24]")
    made = generation({**FILES, "environments.yaml": plan})

    def owner(source: str) -> str | None:
        view = made.view_of(source)
        return view.environment if view else None

    assert [owner(s) for s in ("10.65.0.1", "10.65.1.1", "10.65.2.1")] == ["prod", None, "dev"]


def test_every_environment_and_region_has_a_view(generation: Compile) -> None:
    """Also where no client is: a listener may be pinned to it."""
    made = generation()
    assert set(made.views) == {(e, r) for e in ("prod", "dev") for r in ("east", "west")}


def test_health_takes_an_endpoint_out(zones_dir: Callable[..., Path]) -> None:
    """The next generation answers without it, with the same zones."""
    first = compiled(zones_dir())
    owner = names.from_text("10-80-1-2.web.dev.east.corp.test.")
    down = HealthTable({(owner, bytes([10, 80, 1, 2])): Health(State.DOWN, "refused")})
    second = compile_generation(first.zones, NOW + 60, 1, first, down)
    assert sorted(addresses(ask(second, "web.dev.east.corp.test."))) == ["10.80.1.1", "10.80.1.3"]
    assert second.serials == first.serials


def test_a_bad_change_builds_nothing(zones_dir: Callable[..., Path]) -> None:
    """What was built before is untouched."""
    builder = Builder(zones_dir(), 1)
    first = compiled(Path(), builder=builder)
    zones_dir({"dev.yaml": DEV.replace("10.80.1.3", "10.80.1.300")})
    built = builder.build(NOW, first)
    assert built.generation is None
    assert [p.rule for p in built.problems if p.severity.value == "error"] == ["bad-address"]
    assert len(addresses(ask(first, "web.dev.east.corp.test."))) == 3


def test_health_is_kept_over_a_reload_of_zones(zones_dir: Callable[..., Path]) -> None:
    """Nothing comes up because a file was saved; hand-outs and wheels go on as well."""
    first = compiled(zones_dir())
    owner = names.from_text("10-80-1-2.web.dev.east.corp.test.")
    down = HealthTable({(owner, bytes([10, 80, 1, 2])): Health(State.DOWN, "refused")})
    second = compile_generation(first.zones, NOW, 1, first, down)
    third = compile_generation(first.zones, NOW, 1, second)
    assert (third.health, third.handouts) == (down, first.handouts)
    assert len(addresses(ask(third, "web.dev.east.corp.test."))) == 2


def test_prepared_answers_are_kept_only_under_the_same_health(
    zones_dir: Callable[..., Path],
) -> None:
    """The same zones under another health are prepared anew."""
    first = compiled(zones_dir())
    same = compile_generation(first.zones, NOW, 1, first)
    assert same.views["dev", "east"] is first.views["dev", "east"]
    other = compile_generation(first.zones, NOW, 1, first, HealthTable())
    assert other.views["dev", "east"] is not first.views["dev", "east"]


def test_packed_namespaces_answer_the_same(zones_dir: Callable[..., Path]) -> None:
    """In every view; those that were packed before stay as they are."""
    directory = zones_dir()
    builder = Builder(directory, 1, packs=True)
    plain, packed = compiled(directory), compiled(directory, builder=builder)
    for name in ("web", "text", "alias", "x.wild", "nothing", "10-80-1-1.web"):
        owner = f"{name}.dev.east.corp.test."
        assert set(addresses(ask(packed, owner))) == set(addresses(ask(plain, owner)))
        assert ask(packed, owner).rcode() == ask(plain, owner).rcode()
    assert pack_up(packed, 1).namespaces == packed.namespaces
    assert compiled(directory, packed, builder=builder).namespaces == packed.namespaces

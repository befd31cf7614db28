"""What a reload does to what was learned: routes decide, and zones win at once."""

from __future__ import annotations

from pathlib import Path

import dns.rcode

from resolver.routes import Guard
from tests.forward.asking import DEV, PROD, ZONES, codes, lines, plan, site, to
from tests.forward.fake import Held, address, alias, upstream
from tests.support import addresses

WWW = "www.example."


def files(dev: str, prod: str = "none", **more: str) -> dict[str, str]:
    """What each environment forwards, and what zones there are beside the usual ones."""
    zones = {f"{name}.yaml": text for name, text in more.items()}
    return {**ZONES, **zones, "environments.yaml": plan(prod, dev)}


async def test_the_same_routes_keep_what_was_learned(tmp_path: Path) -> None:
    """Whatever else changes: zones, plans, comments."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        await where.ask(WWW)
        where.reload({"more.yaml": "zone: dev.east\nrecords: {new: {A: 10.80.9.9}}\n"})
        assert addresses(await where.ask("new.dev.east.corp.test.")) == ["10.80.9.9"]
        text = plan("none", to(fake))
        where.reload({"environments.yaml": f"{text}ttl: 60\n# changed\n"})
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        where.reload({"environments.yaml": plan("none", to(fake, other_example="192.0.2.99"))})
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert fake.count(WWW) == 1


async def test_other_upstreams_make_it_wrong(tmp_path: Path) -> None:
    """What the old ones said is not given any more."""
    async with upstream() as old, upstream() as new, site(tmp_path, files(to(old))) as where:
        new.usual = address("192.0.2.2")
        await where.ask(WWW)
        where.reload(files(to(new)))
        assert addresses(await where.ask(WWW)) == ["192.0.2.2"]
        assert (old.count(WWW), new.count(WWW)) == (1, 1)


async def test_a_new_route_makes_only_its_names_wrong(tmp_path: Path) -> None:
    """Denials too; what is outside stays, and a chain that leads into it is asked anew."""
    async with upstream() as old, upstream() as new, site(tmp_path, files(to(old))) as where:
        new.usual = address("192.0.2.2")
        old.says["into.example."] = alias("x.sub.example.", "x.sub.example. 60 A 192.0.2.1")
        for name in (WWW, "a.sub.example.", "into.example."):
            assert addresses(await where.ask(name)) == ["192.0.2.1"]
        where.reload(files(to(old, sub_example=new)))
        assert addresses(await where.ask("a.sub.example.")) == ["192.0.2.2"]
        assert addresses(await where.ask("into.example.")) == ["192.0.2.2"]
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert (old.count(WWW), new.count("a.sub.example.")) == (1, 1)


async def test_a_new_zone_wins_at_once(tmp_path: Path) -> None:
    """Over what is cached, also behind a CNAME; and it is forgotten when it goes."""
    zone = "zone: example.\nvisible_to: all\nfallthrough: true\nrecords: {www: {A: 10.1.1.1}}\n"
    async with upstream() as fake, site(tmp_path, files(to(fake), z="x-none: 1\n")) as where:
        fake.says["a.example.org."] = alias(WWW, f"{WWW} 60 A 192.0.2.1")
        for name in (WWW, "a.example.org."):
            assert addresses(await where.ask(name)) == ["192.0.2.1"]
        where.reload({"z.yaml": zone})
        for name in (WWW, "a.example.org."):
            assert addresses(await where.ask(name)) == ["10.1.1.1"]
        assert addresses(await where.ask("other.example.")) == ["192.0.2.1"]
        where.reload({"z.yaml": "x-none: 1\n"})
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]


async def test_a_reply_to_an_old_question_is_not_kept(tmp_path: Path) -> None:
    """A question on its way while its route changes is asked again, of the new ones."""
    async with upstream() as old, upstream() as new, site(tmp_path, files(to(old))) as where:
        new.usual = address("192.0.2.2")
        old.says[WWW] = held = Held(address("203.0.113.6"))
        asking = where.begin(WWW)
        await old.until(1, WWW)
        where.reload(files(to(new)))
        held.let_go()
        assert addresses(await asking) == ["192.0.2.2"]
        assert addresses(await where.ask(WWW)) == ["192.0.2.2"]
        assert new.count(WWW) == 1


async def test_an_environment_that_forwards_no_more(tmp_path: Path) -> None:
    """Refuses what it knew; another keeps its own."""
    async with upstream() as fake, site(tmp_path, files(to(fake), to(fake))) as where:
        for source in (DEV, PROD):
            await where.ask(WWW, source=source)
        where.reload(files("none", to(fake)))
        reply = await where.ask(WWW, source=DEV)
        assert (reply.rcode(), reply.answer, codes(reply)) == (dns.rcode.REFUSED, [], [20])
        assert lines(await where.ask(WWW, source=PROD)) == [f"{WWW} 60 A 192.0.2.1"]
        assert fake.count(WWW) == 2


async def test_a_client_that_moves_sees_its_new_environment(tmp_path: Path) -> None:
    """The moment that the plan says so, and nothing of the one it left."""
    async with upstream() as one, upstream() as two:
        two.usual = address("192.0.2.2")
        async with site(tmp_path, files(to(one), to(two))) as where:
            assert addresses(await where.ask(WWW, source=DEV)) == ["192.0.2.1"]
            text = plan(to(two), to(one)).replace(", 127.0.0.0/16", "")
            where.reload({"environments.yaml": text.replace("127.64.0.0/16", "127.0.0.0/16")})
            assert addresses(await where.ask(WWW, source=DEV)) == ["192.0.2.2"]


async def test_a_guard_holds_for_what_is_kept(tmp_path: Path) -> None:
    """The configuration is one for a process: what was let in by it is given."""
    async with upstream() as fake:
        fake.usual = address("10.1.2.3")
        for guard, found in ((Guard("allow"), ["10.1.2.3"]), (Guard("deny"), [])):
            async with site(tmp_path / guard.policy, files(to(fake)), guard=guard) as where:
                for _ in range(2):
                    assert addresses(await where.ask(WWW)) == found

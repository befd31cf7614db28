"""Prepared answers: packing, wheels and bounds."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from resolver import answers, names
from resolver.answers import ANY_ZONE, AnswerTable
from resolver.background import at_once
from resolver.generation import Generation
from resolver.handouts import Handouts
from tests.support import FILES, NOW, TCP, addresses, ask

Compile = Callable[..., Generation]

BIG = ", ".join(f"10.80.5.{n}" for n in range(40))
HUGE = ", ".join(f"{n}{'y' * 200}" for n in range(10))
ZONE = f"""\
zone: dev.east
records:
  big: {{A: [{BIG}]}}
  mx: {{MX: "0 big"}}
  "@": {{MX: "10 mail"}}
  mail: {{A: [10.80.3.1, 10.80.3.2], AAAA: "fd80::3"}}
  long: {{TXT: "{"x" * 440}"}}
  huge: {{TXT: [{HUGE}]}}
  chain: {{CNAME: alias}}
  alias: {{CNAME: mail}}
  "*.wild": {{A: 10.80.2.1}}
"""


def table(generation: Generation, environment: str = "dev", region: str = "east") -> AnswerTable:
    """The answers of one view."""
    return generation.views[environment, region].answers


def key(name: str, rdtype: int = 1) -> bytes:
    """The key of a question."""
    return names.from_text(name) + rdtype.to_bytes(2, "big") + b"\0\1"


def with_zone(zone: str) -> dict[str, str]:
    """The small company with one more file."""
    return {**FILES, "dev.yaml": zone}


def test_an_answer_is_prepared_once(generation: Compile) -> None:
    """The second question finds it."""
    found = table(generation())
    first = found.find(key("web.dev.east.corp.test."))
    assert first is not None
    assert found.find(key("web.dev.east.corp.test.")) is first


def test_turns_rotate(generation: Compile) -> None:
    """Each address stands first in its turn."""
    made = generation()
    first = [addresses(ask(made, "web.dev.east.corp.test."))[0] for _ in range(6)]
    assert first[:3] == first[3:]
    assert len(set(first)) == 3


def test_wheels_start_unlike(generation: Compile) -> None:
    """The seed, the name and the type decide: no two wheels tell of each other."""
    web, mail = b"\3web\0\0\1", b"\4mail\0\0\1"
    made = generation()
    view = made.views["dev", "east"].answers
    other = AnswerTable(view.space, view.scope, 2, {}, Handouts())
    same = AnswerTable(view.space, view.scope, 1, {}, Handouts())
    assert view._place(web) == same._place(web)
    assert view._place(web) != other._place(web)
    assert view._place(web) != view._place(mail)


def test_a_wheel_goes_on_over_generations(generation: Compile) -> None:
    """A reload that changes something else does not start every rotation anew."""
    first = generation()
    before = [addresses(ask(first, "web.dev.east.corp.test."))[0] for _ in range(2)]
    second = generation(
        {**FILES, "other.yaml": "zone: dev.west\nrecords: {x: {A: 10.81.0.1}}\n"}, previous=first
    )
    after = addresses(ask(second, "web.dev.east.corp.test."))[0]
    assert len({*before, after}) == 3


def test_views_have_wheels_of_their_own(generation: Compile) -> None:
    """What others ask does not move ours."""
    made = generation()
    seen = []
    for _ in range(3):
        seen.append(addresses(ask(made, "web.dev.east.corp.test."))[0])
        ask(made, "web.dev.east.corp.test.", source="10.81.0.1")
        ask(made, "web.dev.east.corp.test.", "AAAA")
    assert len(set(seen)) == 3


def test_prepared_answers_are_bounded(generation: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of different questions forgets, it does not grow."""
    monkeypatch.setattr(answers, "MAX_PREPARED", 8)
    found = table(generation())
    for rdtype in range(1000, 1050):
        assert found.find(key("alias.dev.east.corp.test.", rdtype)) is not None
    assert len(found._prepared) <= 8


def test_prepared_octets_are_bounded(generation: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many big answers are too many before their number is."""
    monkeypatch.setattr(answers, "MAX_PREPARED_OCTETS", 4000)
    found = table(generation())
    for rdtype in range(1000, 1050):
        found.find(key("alias.dev.east.corp.test.", rdtype))
    assert found._prepared.octets < 6000


@pytest.mark.parametrize("below", ["wild.dev.east", "dev.east", "here"])
def test_random_names_prepare_nothing_each(generation: Compile, below: str) -> None:
    """Names that do not exist, and those of a wildcard, share what they have in common."""
    found = table(generation())
    for number in range(200):
        assert found.find(key(f"n{number:03}.{below}.corp.test.")) is not None
    assert len(found._prepared) + len(found._wild) < 10


def test_names_of_one_length_share_a_negative_answer(generation: Compile) -> None:
    """The SOA's owner points into the question, so the length matters and nothing else."""
    found = table(generation())
    one = found.find(key("abc.dev.east.corp.test."))
    assert one is found.find(key("xyz.dev.east.corp.test."))
    assert one is not found.find(key("wxyz.dev.east.corp.test."))


@pytest.mark.parametrize("name", ["x", "xx", "x.y.z", "a.wild", "much.longer.name.here.wild"])
@pytest.mark.parametrize("rdtype", ["A", "TXT"])
def test_every_answer_can_be_read(generation: Compile, name: str, rdtype: str) -> None:
    """Owner names, compressed or not, are the names that they should be."""
    reply = ask(generation(), f"{name}.dev.east.corp.test.", rdtype)
    for rrset in reply.answer:
        assert rrset.name == reply.question[0].name
    for rrset in reply.authority:
        assert str(rrset.name) == "dev.east.corp.test."


def test_the_spelling_of_the_question_is_echoed(generation: Compile) -> None:
    """In the question and in the owners of the answer (draft 0x20)."""
    reply = ask(generation(), "wEb.DeV.eAsT.cOrP.tEsT.")
    assert str(reply.question[0].name) == "wEb.DeV.eAsT.cOrP.tEsT."
    assert str(reply.answer[0].name) == "wEb.DeV.eAsT.cOrP.tEsT."


def test_a_chain_is_given_whole(generation: Compile) -> None:
    """Every CNAME and then the end."""
    reply = ask(generation(with_zone(ZONE)), "chain.dev.east.corp.test.")
    assert [str(rrset.name).split(".")[0] for rrset in reply.answer] == ["chain", "alias", "mail"]
    assert len(addresses(reply)) == 2


def test_mx_brings_addresses(generation: Compile) -> None:
    """RFC 1034 3.7: additional data of the exchange."""
    reply = ask(generation(with_zone(ZONE)), "dev.east.corp.test.", "MX")
    assert [(str(r.name), len(r)) for r in reply.additional] == [
        ("mail.dev.east.corp.test.", 2),
        ("mail.dev.east.corp.test.", 1),
    ]


def test_additional_data_goes_first_and_without_tc(generation: Compile) -> None:
    """What was not asked for is left out when it does not fit (RFC 2181 9)."""
    made = generation(with_zone(ZONE))
    full = ask(made, "mx.dev.east.corp.test.", "MX", edns=1232)
    lean = ask(made, "mx.dev.east.corp.test.", "MX", edns=512)
    assert [len(r) for r in full.additional] == [40]
    assert lean.additional == []
    assert lean.answer == full.answer
    assert not lean.flags & 0x0200


def test_an_answer_that_does_not_fit_is_empty_with_tc(generation: Compile) -> None:
    """Half an answer could be taken for the whole."""
    made = generation(with_zone(ZONE))
    small = ask(made, "big.dev.east.corp.test.", edns=None)
    assert (small.answer, bool(small.flags & 0x0200)) == ([], True)
    fits = ask(made, "big.dev.east.corp.test.", edns=1232)
    assert (len(fits.answer[0]), bool(fits.flags & 0x0200)) == (40, False)
    huge = ask(made, "huge.dev.east.corp.test.", "TXT", edns=4096)
    assert (huge.answer, bool(huge.flags & 0x0200), huge.edns) == ([], True, 0)
    stream = ask(made, "huge.dev.east.corp.test.", "TXT", door=TCP)
    assert (len(stream.answer[0]), bool(stream.flags & 0x0200)) == (10, False)


@pytest.mark.parametrize("size", [0, 100, 511])
def test_a_client_takes_512_octets_at_least(generation: Compile, size: int) -> None:
    """RFC 6891 6.2.3: values lower than 512 are treated as 512."""
    reply = ask(generation(with_zone(ZONE)), "long.dev.east.corp.test.", "TXT", edns=size)
    assert len(reply.answer) == 1


@pytest.mark.parametrize("room", range(430, 450))
def test_the_limit_is_exact(generation: Compile, room: int) -> None:
    """A reply of exactly the client's size is sent, one octet more is not."""
    zone = f"zone: dev.east\nrecords: {{t: {{TXT: '{'x' * room}'}}}}\n"
    made = generation(with_zone(zone))
    for edns in (None, 512):
        reply = ask(made, "t.dev.east.corp.test.", "TXT", edns=edns)
        full = ask(made, "t.dev.east.corp.test.", "TXT", edns=edns, door=TCP)
        wire = 12 + 26 + 12 + (room + 1 if room < 256 else room + 2) + (11 if edns else 0)
        assert bool(reply.answer) == (wire <= 512)
        assert full.answer


def test_a_weighted_wheel_spreads_its_turns(generation: Compile) -> None:
    """Neighbouring answers of a weighted pool follow the cycle."""
    zone = """\
zone: dev.east
services:
  w:
    endpoints: [{address: 10.80.1.1, weight: 1}, {address: 10.80.1.2, weight: 3}]
    max_answers: 1
"""
    made = generation(with_zone(zone), now=NOW)
    seen = [addresses(ask(made, "w.dev.east.corp.test.")) for _ in range(40)]
    assert all(len(found) == 1 for found in seen)
    assert sum(found == ["10.80.1.2"] for found in seen) == 30
    assert not any(a == b == ["10.80.1.1"] for a, b in pairwise(seen))


def test_every_type_at_a_wildcard_alias_stays_within_the_bound(generation: Compile) -> None:
    """A CNAME answers for each of 65,536 types: what is kept of them is bounded."""
    files = {**FILES, "dev.yaml": 'zone: dev.east\nrecords: {"*.w": {CNAME: x}, x: {TXT: x}}\n'}
    table = generation(files).views["dev", "east"].answers
    name = names.from_text("a.w.dev.east.corp.test.")
    for qtype in range(1000, 1000 + answers.MAX_MADE + 10):
        assert table.find(name + qtype.to_bytes(2, "big") + b"\0\1") is not None
    assert len(table._wild) <= answers.MAX_MADE


def test_a_released_table_holds_nothing(generation: Compile) -> None:
    """What an old generation had prepared is freed with it."""
    table = generation().views["dev", "east"].answers
    table.find(names.from_text("web.dev.east.corp.test.") + b"\0\1\0\1")
    assert table._prepared
    at_once(table.release())
    assert not table._prepared


def test_names_that_are_not_ours_leave_nothing_behind(generation: Compile) -> None:
    """However many are asked for."""
    table = generation().views["dev", "east"].answers
    for number in range(100):
        assert table.find(b"\3n%02d\7example\0\0\1\0\1" % number) is None
    assert not any(len(shelf) for shelf in table._shelves)


def test_a_table_that_moves_keeps_what_rests_on_no_change(generation: Compile) -> None:
    """The very answers; what holds for names that nobody looked up is made again."""
    first = generation()
    dev = FILES["dev.yaml"].replace("TXT: hello", "TXT: bye").replace("10.80.2.1", "10.80.2.2")
    second = generation(files={**FILES, "dev.yaml": dev}, previous=first)
    old = first.views["dev", "east"].answers
    owner = "{}.dev.east.corp.test."
    keys = {name: key(owner.format(name)) for name in ("web", "alias", "a.wild", "none")}
    keys |= {"text": key(owner.format("text"), 16), "nodata": key(owner.format("web"), 16)}
    before = {name: old.find(found) for name, found in keys.items()}
    guards = {name: answer.watch() for name, answer in before.items() if answer is not None}
    touched = [key(owner.format(name))[:-4] for name in ("text", "*.wild")]
    new = old.moved_to(second.namespaces["dev"], [*touched, ANY_ZONE])
    assert new.lineage is not old.lineage
    for name, found in keys.items():
        is_kept = name in ("web", "alias")
        assert (new.find(found) is before[name]) is is_kept, name
        assert guards[name][0] == is_kept, name
    assert old.find(keys["web"]) is not before["web"]  # for whoever still asks it


def test_what_was_handed_out_is_noted_when_a_table_moves(generation: Compile) -> None:
    """Of wildcards, when the old table is settled."""
    first = generation()
    old, space = first.views["dev", "east"].answers, first.namespaces["dev"]
    asked = [key(f"{name}.dev.east.corp.test.") for name in ("web", "a.wild")]
    found = [old.find(question) for question in asked]
    assert None not in found
    old.moved_to(space, [])
    at_once(old.settle())
    assert [answer for shelf in old._shelves for answer in shelf.answers.values()] == found[1:]

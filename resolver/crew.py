"""The workers together: what they serve, what they are asked, and what they have counted.

A generation is staged first, at all of them, and then served by all of them at once. A worker that
begins is brought up to what is served by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

from healthcheck.health import Target
from resolver import sending
from resolver.admin.operated import NotAnswering
from resolver.background import beside
from resolver.channel import Closed
from resolver.config import ListenSpec, ServerConfig
from resolver.figures import Figures, add
from resolver.generation import Generation
from resolver.knowing import Known, Want, best
from resolver.listen.sockets import Bound
from resolver.losses import Losses
from resolver.member import HUNG, Member
from resolver.messages import Flip, Settings
from resolver.packed import PackedNamespace
from resolver.parcel import Parcel, pack
from resolver.samples import Sampled, add_samples

CATCHING_UP = 5.0  # seconds that a change waits until every worker has it
ENDING = 2.0  # seconds that workers have to end
LOOKING = 5.0  # seconds that a list of hand-outs waits for a worker

Sockets = Sequence[tuple[ListenSpec, Sequence[Bound]]]
"""A listener, and its sockets: those of each worker."""


class Crew:
    """`config` and `sockets` for so many workers as each listener has sockets."""

    def __init__(
        self, config: ServerConfig, generation: Generation, sockets: Sockets, hung: float = HUNG
    ) -> None:
        self.generation = generation
        self._parcels: dict[str, Parcel] = {}
        self._staged: dict[str, Parcel] = {}
        self._networks = b""
        self._version = 0  # of what was read from files
        self._is_packed = asyncio.Event()
        self._past = Figures()  # of workers that are no more
        self._losses = Losses()
        self._silent: set[str] = set()
        self._keeping: list[asyncio.Task[None]] = []
        self._catching: set[asyncio.Task[None]] = set()
        self.addresses = [bounds[0].address for _, bounds in sockets]
        count = len(sockets[0][1])
        self.members = [
            Member(
                lambda doors, number=number: Settings(number, count, config, doors),  # type: ignore[misc]  # bound now
                [(place, bounds[number - 1]) for place, (_, bounds) in enumerate(sockets)],
                self._bring_up,
                self._has_ended,
                hung,
            )
            for number in range(1, count + 1)
        ]

    # ---------------------------------------------------------------- beginning and end

    async def start(self) -> None:
        """Start every worker, and wait until all of them answer."""
        self._keeping = [asyncio.create_task(member.keep()) for member in self.members]
        await self._pack(self.generation)
        self._parcels, self._version = self._staged, 1
        self._is_packed.set()
        for member in self.members:
            while not member.serving:
                await _change(member)

    async def stop(self) -> None:
        """Let the workers answer what has come, and end."""
        for member in self.members:
            member.stop()
        if self._keeping:
            _, late = await asyncio.wait(self._keeping, timeout=ENDING)
            for member in self.members if late else ():
                member.kill()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    # ---------------------------------------------------------------- what is served

    async def stage(self, generation: Generation) -> None:
        """Send a generation that will be served when `commit` says so."""
        await self._pack(generation)
        up = [member for member in self.members if member.is_up]
        await asyncio.gather(*(self._stage(member) for member in up))

    async def _pack(self, generation: Generation) -> None:
        old = self.generation.namespaces
        self._staged = {
            name: self._parcels[name]
            if name in self._parcels and old.get(name) is space
            else space.parcel
            if isinstance(space, PackedNamespace)
            else await beside(pack, space)
            for name, space in generation.namespaces.items()
        }
        self._networks = sending.networks_of(generation)

    async def _stage(self, member: Member) -> None:
        with contextlib.suppress(Closed):  # whoever takes its place is brought up
            await member.stage(self._staged)

    def commit(self, generation: Generation) -> None:
        """Have the generation served that was staged, or what flips have made of it since."""
        self.generation, self._parcels = generation, self._staged
        self._version += 1
        for member in self.members:
            if member.is_up and member.staged is self._parcels:
                self._commit(member)
            elif member.is_up:
                member.is_up = False
                task = asyncio.create_task(self._catch_up(member))
                self._catching.add(task)
                task.add_done_callback(self._catching.discard)

    def _commit(self, member: Member) -> None:
        assert member.channel is not None
        assert member.staged is not None
        networks = None if member.networks == self._networks else self._networks
        member.channel.send(sending.commit(self.generation, networks))
        member.parcels, member.staged, member.networks = member.staged, None, self._networks

    async def _bring_up(self, member: Member) -> None:
        """Give a worker that knows nothing all that is served."""
        await self._is_packed.wait()
        channel = member.channel
        if channel is None:
            raise Closed
        # Flips that come from now on are sent as well, and win over what is sent here.
        for piece in sending.health_of(self.generation):
            channel.send(piece)
            await channel.drained()
        await self._catch_up(member)

    async def _catch_up(self, member: Member) -> None:
        with contextlib.suppress(Closed):
            version = None
            while version != self._version:
                version = self._version
                await member.stage(self._parcels)
                if version == self._version:
                    self._commit(member)
            member.is_up = True

    def flip(self, generation: Generation, changed: Iterable[Target]) -> None:
        """Have the generation served that differs by the health of some targets."""
        self.generation = generation
        table = generation.health
        known = {target: table.known.get(target) for target in changed}
        message = Flip(generation.number, known, table.unobserved)
        for member in self.members:
            if member.channel is not None:
                member.channel.send(message)

    async def caught_up(self, number: int) -> None:
        """Wait until no worker answers from anything older; raises NotAnswering."""
        try:
            async with asyncio.timeout(CATCHING_UP):
                for member in self.members:
                    while member.serving and member.serving < number:
                        await _change(member)
        except TimeoutError:
            raise NotAnswering("a worker does not answer: it may give out what was") from None

    # ---------------------------------------------------------------- what they are asked

    def _has_ended(self, member: Member) -> None:
        if member.last is not None:
            self._past = add((self._past, member.last.past()))
            member.last = None
        self._silent.discard(member.name)
        self._losses.note(time.monotonic())

    async def _ask(self, word: str, *arguments: object, patience: float = 1.0) -> list[Any]:
        """What those say that answer."""

        async def ask(member: Member) -> Any:
            try:
                found = await member.ask(word, *arguments, patience=patience)
            except NotAnswering:
                if member.serving:
                    self._silent.add(member.name)
                return None
            self._silent.discard(member.name)
            return found

        return list(await asyncio.gather(*(ask(member) for member in self.members)))

    async def figures(self) -> Figures:
        """What all of them have counted, also those that are no more."""
        found = await self._ask("figures")
        for member, figures in zip(self.members, found, strict=True):
            member.last = figures if figures is not None else member.last
        known = [member.last for member in self.members if member.last is not None]
        return add(known, (self._past,))

    async def asked(self) -> dict[str, Sampled]:
        """What is asked most of all of them, and by whom."""
        found = await self._ask("asked")
        return add_samples(mapping for mapping in found if mapping is not None)

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        """Forget in every worker's cache; how many entries in each environment."""
        found = await self._ask("forget", environments, name, suffix, patience=CATCHING_UP)
        if None in found:
            raise NotAnswering("a worker does not answer: its cache may have what was")
        total = dict.fromkeys(environments, 0)
        for counts in found:
            for environment, count in counts.items():
                total[environment] += count
        return total

    async def held_until(self, targets: Sequence[Target]) -> dict[Target, float]:
        """Until when a client may hold each, from any worker; those that somebody holds."""
        found = await self._ask("held_until", targets, patience=LOOKING)
        now = time.monotonic()
        if None in found:
            self._losses.note(now)
        held = await self._losses.until(targets, self.generation.zones, now)
        for mapping in found:
            for target, until in (mapping or {}).items():
                held[target] = max(until, held.get(target, 0.0))
        return held

    async def know(self, want: Want) -> Known:
        """What `explain` wants to know, of whoever knows best."""
        found = [known for known in await self._ask("know", want) if known is not None]
        if not found:
            raise NotAnswering("no worker answers")
        return best(found)

    def look_after(self) -> None:
        """Nothing: workers do so themselves."""

    def states(self) -> list[tuple[int, bool, int]]:
        """Each worker: its number, whether it answers, and how often another took its place."""
        return [
            (m.settings.number, bool(m.serving) and m.name not in self._silent, m.restarts)
            for m in self.members
        ]

    def processes(self) -> dict[str, int]:
        """The processes that there are, by the names of the workers."""
        return {
            f"worker-{m.settings.number}": m.process.pid
            for m in self.members
            if m.process is not None
        }

    @property
    def upstreams_down(self) -> frozenset[tuple[str, str]]:
        """Those that any worker calls down."""
        return frozenset().union(*(member.upstreams_down for member in self.members))

    @property
    def troubles(self) -> list[str]:
        """What is wrong with workers, a sentence each."""
        down = [m.name for m in self.members if not m.serving]
        silent = sorted(self._silent - set(down))
        return [f"{name} is being started" for name in down] + [
            f"{name} does not answer" for name in silent
        ]


async def _change(member: Member) -> None:
    member.has_changed.clear()
    await member.has_changed.wait()

"""Runs every wanted probe on its schedule, one task for each, and tells what was observed.

A schedule is kept by due times, from start to start, so that neither slow targets nor waiting for
a slot make it drift. No task dies silently. What observations mean is decided elsewhere (`track`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from healthcheck.alarm import Alarm
from healthcheck.check import NoObservation, NotYet, Observation, Timing
from healthcheck.histogram import Histogram, LastMinute, Spread
from healthcheck.pace import Pace
from healthcheck.probe import probe
from healthcheck.slots import Slots
from healthcheck.tools import Tools
from healthcheck.track import Track, pause
from healthcheck.use import ProbeKey

FIRST_WITHIN = 2.0  # seconds over which first probes are spread, or one interval if that is less
JITTER = 0.1  # of a pause, either way: targets that went down together do not stay in step
TELL_EVERY = 60.0  # seconds between lines of the log about one and the same trouble
RESTART_AFTER = 1.0  # seconds at least until what ended in a bug is tried again
GRACE = 1.0  # seconds for probes to end when they are stopped
MAX_TROUBLES = 32  # names of our own troubles; the rest is "other"

log = logging.getLogger("sightline")

Clock = Callable[[], float]
Heard = Callable[[ProbeKey, Observation], object]
Missed = Callable[[ProbeKey, NoObservation | NotYet], object]


class Course:
    """The schedule of one probe, and how far it has come."""

    __slots__ = (
        "due",
        "is_gone",
        "is_looking",
        "is_poked",
        "is_tried",
        "key",
        "task",
        "told",
        "waker",
    )

    def __init__(self, key: ProbeKey, due: float) -> None:
        self.key = key
        self.due = due  # the start of the next probe, or of the one under way
        self.task: asyncio.Task[None] | None = None
        self.waker: asyncio.Future[None] | None = None  # while nothing is due
        self.is_looking = False  # a slot is held
        self.is_poked = False  # once more, as soon as the present probe has ended
        self.is_tried = False
        self.is_gone = False
        self.told: float | None = None  # when the log last told of a bug

    @property
    def timing(self) -> Timing:
        return self.key[2]


class Runner:
    """Probes what is wanted; belongs to one event loop, its numbers may be read from any thread.

    `heard` takes each observation, `missed` each probe that observed nothing; `track_of` gives
    what the observations of a key came to, and is asked after `heard` was told.
    """

    def __init__(
        self,
        tools: Tools,
        heard: Heard,
        missed: Missed,
        track_of: Callable[[ProbeKey], Track],
        limit: int,
        clock: Clock = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self.slots = Slots(limit)
        self.first_round = asyncio.Event()
        """Every key of the first `want` was tried once."""
        self.own_faults = 0
        self.troubles: Counter[str] = Counter()  # own faults by name
        self.restarts = 0  # of what ended in a bug, or was ended by others
        self.durations: Mapping[str, Histogram] = {}  # by kind of check
        self._tools = tools
        self._heard = heard
        self._missed = missed
        self._track_of = track_of
        self._clock = clock
        self._chance = chance or random.Random()
        self._alarm = Alarm(clock, Pace(self.slots).note)
        self._courses: dict[ProbeKey, Course] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # with those that are yet to end
        self._untried: set[ProbeKey] | None = None  # of the first round; None: not wanted yet
        self._told: dict[str, float] = {}
        self._late = LastMinute()

    @property
    def in_flight(self) -> int:
        """How many probes are under way."""
        return self.slots.in_flight

    def lateness(self) -> Spread:
        """How late probes of the last minute started, in intervals."""
        return self._late.spread(self._clock())

    def want(self, keys: Iterable[ProbeKey]) -> None:
        """Probe these and nothing else; what was wanted before goes on undisturbed."""
        wanted = dict.fromkeys(keys)
        for key in [key for key in self._courses if key not in wanted]:
            self._end(self._courses.pop(key))
        if self._untried is None:
            self._untried = set(wanted)
        self._untried.intersection_update(wanted)
        self._see_first_round()
        self._alarm.forget_done()
        new = [key for key in wanted if key not in self._courses]
        for place, key in enumerate(new):
            within = min(FIRST_WITHIN, key[2].interval)
            part = (place + self._chance.random()) / len(new)
            course = self._courses[key] = Course(key, self._clock() + within * part)
            self._begin(course)

    def poke(self, key: ProbeKey) -> None:
        """Probe now, or once more after the probe under way; nothing if it is not wanted."""
        course = self._courses.get(key)
        if course is None:
            return
        if course.is_looking:
            course.is_poked = True
        elif course.waker is not None and course.due > (now := self._clock()):
            course.due = now
            self._alarm.wake(course.waker, now)

    async def stop(self) -> None:
        """End every probe; wait a second at most until they have ended."""
        for course in self._courses.values():
            self._end(course)
        self._courses.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)

    # ------------------------------------------------------------ tasks

    def _begin(self, course: Course) -> None:
        if course.is_gone:
            return
        task = course.task = asyncio.get_running_loop().create_task(self._follow(course))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(course, ended))

    def _end(self, course: Course) -> None:
        course.is_gone = True
        if course.task is not None:
            course.task.cancel()

    def _ended(self, course: Course, task: asyncio.Task[None]) -> None:
        """Begin again what was not ended by us."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if course.is_gone:
            return
        self._note_restart(course, error or asyncio.CancelledError("ended by others"))
        self._note_tried(course)
        wait = _until_restart(course)
        course.due = self._clock() + wait
        # Later rather than now: a loop that is closing cancels every task, and would miss this one.
        asyncio.get_running_loop().call_later(wait, self._begin, course)

    async def _follow(self, course: Course) -> None:
        while not course.is_gone:
            await self._wait(course)
            try:
                wait = await self._turn(course)
            # SystemExit would end the loop, and with it every other probe.
            except (Exception, SystemExit) as error:  # noqa: BLE001  # bugs of kinds: told, survived
                self._note_restart(course, error)
                wait = _until_restart(course)
            finally:
                course.is_looking = False
            self._note_tried(course)
            self._set_due(course, wait)

    async def _wait(self, course: Course) -> None:
        waker = course.waker = asyncio.get_running_loop().create_future()
        self._alarm.wake(waker, course.due)
        try:
            await waker
        finally:
            course.waker = None

    def _set_due(self, course: Course, wait: float) -> None:
        now = self._clock()
        if course.is_poked:
            course.is_poked = False
            course.due = now
        else:
            # From the time it was due, so that lateness does not add up; never in the past, so
            # that what was held up does not catch up in a burst.
            jitter = 1 + JITTER * (2 * self._chance.random() - 1)
            course.due = max(course.due + wait * jitter, now)

    # ------------------------------------------------------------ one probe

    async def _turn(self, course: Course) -> float:
        """Probe once; give the seconds from this start to the next."""
        key = course.key
        try:
            seen = await self._look(course)
        except NoObservation as error:
            self._note_own_fault(error)
            self._missed(key, error)
            return course.timing.fast_interval
        except NotYet as error:
            self._missed(key, error)
            return course.timing.interval
        if not course.is_gone:  # a kind may have swallowed its cancellation
            self._heard(key, seen)
        return pause(self._track_of(key), course.timing)

    async def _look(self, course: Course) -> Observation:
        address, check, timing = course.key
        async with self.slots.hold(self._is_suspect(self._track_of(course.key))):
            course.is_looking = True
            now = self._clock()
            self._late.note(max(0.0, now - course.due) / timing.interval, now)
            seen = await probe(check, address, timing.timeout, self._tools, self._clock)
        self._histogram(check.kind).observe(seen.seconds)
        return seen

    def _is_suspect(self, track: Track) -> bool:
        # In the first round nobody is known to be up, so there is nobody to keep slots free for.
        return track.failures > 0 or (track.last is None and self.first_round.is_set())

    def _histogram(self, kind: str) -> Histogram:
        found = self.durations.get(kind)
        if found is None:
            found = Histogram()
            self.durations = {**self.durations, kind: found}  # readers may be walking the old one
        return found

    # ------------------------------------------------------------ what is noted

    def _note_tried(self, course: Course) -> None:
        if not course.is_tried:
            course.is_tried = True
            if self._untried:
                self._untried.discard(course.key)
                self._see_first_round()

    def _see_first_round(self) -> None:
        if not self._untried:
            self.first_round.set()

    def _note_own_fault(self, error: NoObservation) -> None:
        name = _name_of(error)
        if name not in self.troubles and len(self.troubles) >= MAX_TROUBLES:
            name = "other"
        self.own_faults += 1
        self.troubles[name] += 1
        now = self._clock()
        if now - self._told.get(name, -TELL_EVERY) >= TELL_EVERY:
            self._told[name] = now
            log.warning("probes observe nothing, by our own fault: %s", error)

    def _note_restart(self, course: Course, error: BaseException) -> None:
        self.restarts += 1
        now = self._clock()
        if course.told is None or now - course.told >= TELL_EVERY:
            course.told = now
            address, check, _ = course.key
            log.error("the %s probe of %s failed by a bug", check.kind, address, exc_info=error)


def _until_restart(course: Course) -> float:
    return max(course.timing.interval, RESTART_AFTER)


def _name_of(error: NoObservation) -> str:
    """The name of the errno behind it, or its first word."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
        return errno.errorcode[cause.errno]
    return (str(error).split() or ["unknown"])[0].rstrip(":,;")

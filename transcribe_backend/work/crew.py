"""The threads that take due work and do it, and what becomes of work that fails."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from transcribe_backend.errors import Mended, QueueError, TranscribeBackendError
from transcribe_backend.work.items import LEASE, Item, Work

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_RENEW_SECONDS = LEASE / 4
_CHORES_SECONDS = 60.0
_OLDEST_SECONDS = 14 * 24 * 3600.0
_DEFECTS = 5  # so often is tried again what fails for a reason that we did not foresee
_QUIET_SECONDS = 60.0
_BACKOFF = {Mended.ITSELF: (2.0, 60.0), Mended.OPERATOR: (5.0, 300.0), Mended.NEVER: (5.0, 300.0)}
_PAUSE = (2.0, 30.0)

Tell = Callable[[Item, TranscribeBackendError], None]
"""Called once when an item has failed for good; it keeps the failure and says so."""


@dataclass(frozen=True, slots=True)
class Lane:
    """So many `threads` do the due items of one queue and priority.

    `do` finishes, moves or postpones its item, or raises. `room` bounds how many it makes sense to take at the moment.
    An error of one of the kinds in `pauses` concerns every item of the queue: it stops for a moment. With `lasting` no
    error ends an item, and it is tried again after so many seconds at the latest.
    """

    queue: str
    priority: int
    threads: int
    do: Callable[[Item], None]
    room: Callable[[], int] | None = None
    pauses: tuple[type[TranscribeBackendError], ...] = ()
    lasting: float = 0.0


@dataclass(slots=True)
class _Hands:
    """The threads of one lane, and how many items they have."""

    lane: Lane
    items: "queue.SimpleQueue[Item | None]" = field(default_factory=queue.SimpleQueue)
    busy: int = 0
    started: int = 0


class Crew:
    """One per process. It takes what is due, keeps it by renewing its leases, and gives it back when it is closed."""

    def __init__(
        self, work: Work, lanes: Sequence[Lane], tell: Tell, chores: Iterable[Callable[[], None]] = ()
    ) -> None:
        self._work = work
        self._hands = [_Hands(lane) for lane in lanes]
        self._tell = tell
        self._chores = tuple(chores)
        self._changed = threading.Condition()
        self._awake = self._started = False
        self._closed = threading.Event()
        self._pauses: dict[str, tuple[float, int]] = {}
        self._said: dict[str, float] = {}
        self._held: set[str] = set()

    def start(self) -> None:
        """Start the threads, once; they are daemons and end with the process."""
        with self._changed:
            if self._started or self._closed.is_set():
                return
            self._started = True
        for name, target in (("take", self._take_all), ("renew", self._renew_all), ("chores", self._keep_house)):
            threading.Thread(target=target, name=f"work-{name}", daemon=True).start()

    def close(self) -> None:
        """Take nothing more; what is in hand is due for the other processes at once."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._changed:
            self._awake = True
            self._changed.notify_all()
        for hands in self._hands:
            for _ in range(hands.started):
                hands.items.put(None)
        try:
            self._work.release()
        except QueueError as error:
            _log.warning("Work in hand falls due for others later: %s", error.advice)

    @property
    def closed(self) -> bool:
        """Whether the process is ending."""
        return self._closed.is_set()

    def wake(self) -> None:
        """Something may be due. A host that has not started the crew (an SDK's server) does so by its first request."""
        self.start()
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def step(self) -> int:
        """Do, in this thread and instead of the crew's own, all that is due; how many items that were."""
        self._started, done = True, 0
        due = self._work.due([(hands.lane.queue, hands.lane.priority) for hands in self._hands])
        for lane in (hands.lane for hands in self._hands):
            for item in self._taken(lane, 1000) if (lane.queue, lane.priority) in due else ():
                self._do(lane, item)
                done += 1
        return done

    def tidy(self) -> None:
        """Do the chores once; the crew's own threads do them every minute."""
        for chore in self._chores:
            self._try("Housekeeping", chore)

    def renew(self) -> None:
        """What is in hand stays this process's own; the crew's own threads do so every few seconds."""
        with self._changed:
            held = set(self._held)
        self._work.renew(held)

    # The threads

    def _take_all(self) -> None:
        while not self._closed.is_set():
            try:
                taken = self._deal()
            except QueueError as error:
                self._say(logging.ERROR, error)
                taken = 0
                self._closed.wait(_LOOK_SECONDS)
            except Exception:
                _log.exception("Taking work failed; it is tried again")
                taken = 0
                self._closed.wait(_LOOK_SECONDS)
            if not taken:
                with self._changed:
                    self._changed.wait_for(lambda: self._awake, _LOOK_SECONDS)
                    self._awake = False

    def _deal(self) -> int:
        free = [hands for hands in self._hands if hands.busy < hands.lane.threads and not self._paused(hands.lane)]
        if not free:
            return 0
        due = self._work.due([(hands.lane.queue, hands.lane.priority) for hands in free])
        taken = 0
        for hands in free:
            if (hands.lane.queue, hands.lane.priority) in due:
                for item in self._taken(hands.lane, hands.lane.threads - hands.busy):
                    self._hand(hands, item)
                    taken += 1
        return taken

    def _taken(self, lane: Lane, most: int) -> list[Item]:
        if lane.room is not None:
            most = min(most, lane.room())
        items = self._work.take(lane.queue, lane.priority, most) if most > 0 else []
        with self._changed:
            self._held.update(item.key for item in items)
        return items

    def _hand(self, hands: _Hands, item: Item) -> None:
        with self._changed:
            hands.busy += 1
            if hands.busy > hands.started:
                hands.started += 1
                name = f"work-{hands.lane.queue}-{hands.started}"
                threading.Thread(target=self._do_all, args=(hands,), name=name, daemon=True).start()
        hands.items.put(item)

    def _do_all(self, hands: _Hands) -> None:
        while (item := hands.items.get()) is not None:
            if not self._closed.is_set():
                self._do(hands.lane, item)
            with self._changed:
                hands.busy -= 1
                self._awake = True
                self._changed.notify_all()

    def _renew_all(self) -> None:
        while not self._closed.wait(_RENEW_SECONDS):
            self._try("Renewing leases", self.renew)

    def _keep_house(self) -> None:
        while not self._closed.is_set():
            self.tidy()
            self._closed.wait(_CHORES_SECONDS)

    def _try(self, what: str, chore: Callable[[], None]) -> None:
        try:
            chore()
        except TranscribeBackendError as error:
            self._say(logging.ERROR, error)
        except Exception:
            _log.exception("%s failed; it is tried again", what)

    # One item

    def _do(self, lane: Lane, item: Item) -> None:
        try:
            try:
                lane.do(item)
                self._pauses.pop(lane.queue, None)
            except TranscribeBackendError as error:
                self._failed(lane, item, error)
            except Exception as error:
                _log.exception("Work of the queue %s failed", lane.queue)
                self._failed(lane, item, _defect(item, error))
        except QueueError as error:
            self._say(logging.ERROR, error)  # its lease ends, and it is due again
        except Exception:
            _log.exception("A failure of the queue %s cannot be kept", lane.queue)
        finally:
            with self._changed:
                self._held.discard(item.key)

    def _failed(self, lane: Lane, item: Item, error: TranscribeBackendError) -> None:
        if isinstance(error, QueueError):
            raise error
        if isinstance(error, lane.pauses):
            self._pause(lane, error)
        # What has its time, such as another day, is not in trouble, however long it has waited.
        too_old = error.pause is None and self._work.now() - item.added > _OLDEST_SECONDS
        if not lane.lasting and (error.permanent or too_old):
            self._tell(item, error)
        else:
            self._say(logging.WARNING, error)
            self._work.later(item, _patience(lane, item, error), error)

    def _pause(self, lane: Lane, error: TranscribeBackendError) -> None:
        streak = self._pauses.get(lane.queue, (0.0, 0))[1]
        if time.monotonic() >= self._pauses.get(lane.queue, (0.0, 0))[0]:
            self._pauses[lane.queue] = (time.monotonic() + min(_PAUSE[0] * 2**streak, _PAUSE[1]), min(streak + 1, 8))

    def _paused(self, lane: Lane) -> bool:
        return time.monotonic() < self._pauses.get(lane.queue, (0.0, 0))[0]

    def _say(self, level: int, error: TranscribeBackendError) -> None:
        """Once a minute for each kind of trouble: in an outage all items have the same one, each with its own audio."""
        now, trouble = time.monotonic(), f"{type(error).__name__}: {error.remedy}"
        if now - self._said.get(trouble, float("-inf")) > _QUIET_SECONDS:
            self._said = {said: at for said, at in self._said.items() if now - at <= _QUIET_SECONDS}
            self._said[trouble] = now
            _log.log(level, "Work waits: %s", error.advice)


def _patience(lane: Lane, item: Item, error: TranscribeBackendError) -> float:
    if error.pause is not None:
        return error.pause
    first, longest = _BACKOFF[error.mended]
    return float(min(first * 2 ** min(item.attempts - 1, 12), lane.lasting or longest))


def _defect(item: Item, error: Exception) -> TranscribeBackendError:
    """Something that we did not foresee: tried again a few times, for it may be the moment and not the item."""
    return TranscribeBackendError(
        f"A defect of this backend: {error!r}",
        remedy="Please report it, with the log, to the maintainers.",
        retryable=item.attempts < _DEFECTS,
    )

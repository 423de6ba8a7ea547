"""From the outbox to the channel: nothing lost, nothing twice, in order, whatever happens on the way."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from surefoot import notice
from surefoot.errors import Refused, Unavailable
from tasks.store import lease, ledger, outbox
from tasks.store.delivery import Gone, deliver, drain
from tasks.store.outbox import Part, Posted

CHANNEL = "C0RELEASES"


@dataclass
class Clock:
    """A clock that goes only when it is told to."""

    now: object

    def __call__(self):
        return self.now

    def pass_s(self, seconds):
        self.now += timedelta(seconds=seconds)


@dataclass
class Board:
    """A channel in memory. `trouble` is raised by the next calls, one each; with `lost` they are carried out first."""

    posts: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    trouble: list = field(default_factory=list)
    lost: bool = False
    numbers: object = field(default_factory=lambda: count(1))

    async def post(self, channel, words, key, thread):
        self._stumble("post", before=True)
        ts = str(next(self.numbers))
        self.posts[ts] = (thread.ts if thread else None, words.text)
        self.keys[ts] = key
        self._stumble("post", before=False)
        return Posted(channel, ts)

    async def edit(self, at, words, key):
        self._stumble("edit", before=True)
        if at.ts not in self.posts:
            raise Gone("message_not_found")
        self.posts[at.ts] = (self.posts[at.ts][0], words.text)
        self._stumble("edit", before=False)

    async def find(self, channel, key, since, thread):
        self.calls.append("find")
        return next((Posted(channel, ts) for ts, known in self.keys.items() if known == key and ts in self.posts), None)

    def _stumble(self, what, *, before):
        if before:
            self.calls.append(what)
        if self.trouble and before is not self.lost:
            error = self.trouble.pop(0)
            if error:
                raise error

    @property
    def top(self):
        return [said for thread, said in self.posts.values() if thread is None]

    @property
    def thread(self):
        return [said for thread, said in self.posts.values() if thread is not None]


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def clock(now):
    return Clock(now)


@pytest.fixture
def tell(store, clock, release_of):
    subject = notice.Subject("r1", release_of(), "production", steps=(10, 100), previous="1.8.2")
    events = {
        "asked": lambda of: notice.asked(of, clock()),
        "started": lambda of: notice.started(of, clock()),
        "staged": lambda of: notice.staged(of, clock(), "new", 21.0, "6 of 6"),
        "10 %": lambda of: notice.advanced(of, clock(), 10),
        "put back": lambda of: notice.put_back(of, clock(), percent=10, reason="bad", seconds=3.4, again="again"),
    }

    def tell(*names, about="r1", channel=CHANNEL):
        of = notice.Subject(about, subject.release, "production", steps=subject.steps, previous="1.8.2")
        for name in names:
            store.run_here(outbox.enqueue, channel, events[name](of), clock())

    return tell


@pytest.fixture
def send(store, board, clock):
    return lambda channel=CHANNEL: asyncio.run(deliver(store, board, channel, clock))


def test_an_empty_outbox_sends_nothing(board, send):
    found = send()

    assert (found.sent, found.waiting, board.calls) == (0, 0, [])


def test_a_release_is_one_message_that_is_edited_with_its_details_in_the_thread(board, tell, send):
    for event in ("started", "staged", "10 %"):
        tell(event)
        assert send().waiting == 0

    assert board.top == ["shop 1.9.0 → production: at 10 %, all well so far"]
    assert len(board.thread) == 3
    assert "started" in board.thread[0]
    assert "find" not in board.calls


def test_what_was_put_back_is_posted_in_the_channel_as_well(board, tell, send):
    tell("started")
    send()
    tell("put back")
    send()

    assert board.top[0] == "shop 1.9.0 → production: was put back, 1.8.2 is live"
    assert board.top[1].startswith("PUT BACK shop 1.9.0")
    assert len(board.thread) == 2


def test_after_an_hour_without_slack_only_the_latest_state_is_posted_and_every_line_and_page_is_kept(board, tell, send):
    tell("asked", "started", "staged", "10 %", "put back")
    send()

    assert board.top == [
        "shop 1.9.0 waits for your yes or no in production, until Monday 12:00 UTC",
        "PUT BACK shop 1.9.0 in production. Users are on 1.8.2. Nothing to do now.",
        "shop 1.9.0 → production: was put back, 1.8.2 is live",
    ]
    assert len(board.thread) == 5
    assert board.calls == ["post"] * 8


def test_a_reply_that_was_lost_is_looked_for_before_anything_is_posted_again(board, tell, send, clock):
    tell("started")
    board.trouble, board.lost = [Unavailable("reset")], True

    first = send()
    assert (first.sent, first.waiting, "reset" in first.problem) == (0, 2, True)
    clock.pass_s(2)

    assert send().waiting == 0
    assert len(board.top) == 1
    assert board.calls == ["post", "find", "edit", "post"]


def test_what_never_arrived_is_posted_again(board, tell, send, clock):
    tell("started")
    board.trouble = [Unavailable("refused")]
    send()
    clock.pass_s(2)
    send()

    assert len(board.top) == 1
    assert board.calls == ["post", "find", "post", "post"]


def test_nobody_asks_again_before_slack_wants_to_be_asked(board, tell, send, clock):
    tell("started")
    tell("started", about="r2")
    board.trouble = [Unavailable("429", retry_after_s=30.0)]

    found = send()
    assert (found.sent, found.waiting, found.next_at) == (0, 4, clock() + timedelta(seconds=30))
    clock.pass_s(29)
    assert send().sent == 0
    assert board.calls == ["post"]
    clock.pass_s(1)
    assert send().sent == 4


def test_another_channel_does_not_wait_for_a_limited_one(board, tell, send):
    tell("started")
    tell("started", channel="C0OTHER")
    board.trouble = [Unavailable("429", retry_after_s=30.0)]
    send()

    assert send("C0OTHER").sent == 2


def test_a_refused_message_holds_up_its_own_subject_only(board, tell, send, clock):
    tell("started")
    tell("started", about="r2")
    board.trouble = [Refused("channel_not_found")]

    found = send()

    assert (found.sent, found.waiting, found.problem) == (2, 2, "channel_not_found")
    clock.pass_s(2)
    assert send().waiting == 0
    assert len(board.top) == 2


def test_a_subject_keeps_its_order_while_its_first_part_cannot_be_sent(board, tell, send):
    tell("started", "10 %")
    board.trouble = [Refused("no")]
    send()

    assert (board.posts, board.calls) == ({}, ["post"])


def test_a_page_waits_for_nothing_but_slack(board, tell, send):
    tell("started", about="r0")
    tell("started", "put back")
    board.trouble = [None, Refused("no"), Refused("no")]
    send()

    assert board.top == ["PUT BACK shop 1.9.0 in production. Users are on 1.8.2. Nothing to do now."]


def test_a_line_whose_thread_is_gone_is_said_in_the_channel(board, tell, send):
    tell("started")
    send()
    board.trouble = [None, Gone("thread_not_found")]
    tell("10 %")
    send()

    assert (len(board.top), len(board.thread)) == (2, 1)
    assert "at 10 %" in board.top[1]


def test_pauses_grow_to_five_minutes_and_nobody_gives_up_within_a_day(board, tell, send, clock):
    tell("started")
    began, pauses = clock(), []
    board.trouble = [Unavailable("down")] * 12
    while board.trouble:
        pauses.append((send().next_at - clock()).total_seconds())
        clock.pass_s(pauses[-1])
    clock.now = began + timedelta(hours=24)

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert (send().waiting, len(board.top)) == (0, 1)


def test_after_a_day_a_message_is_let_go(board, tell, send, clock):
    tell("started")
    clock.pass_s(86_401)

    found = send()

    assert (found.sent, found.waiting, board.calls) == (0, 0, [])


def test_a_message_somebody_deleted_is_posted_again_and_the_thread_follows_it(board, tell, send):
    tell("started")
    send()
    board.posts.pop("1")
    tell("10 %")
    send()

    assert len(board.top) == 1
    assert [thread for thread, _ in board.posts.values() if thread] == ["1", "3"]


def test_an_edit_is_not_looked_for_since_repeating_it_changes_nothing(board, tell, send, clock):
    tell("started")
    send()
    tell("10 %")
    board.trouble = [Unavailable("down")]
    send()
    clock.pass_s(2)
    board.calls.clear()
    send()

    assert board.calls == ["edit", "post"]


def test_an_error_nobody_thought_of_is_kept_from_the_caller(board, tell, send, clock):
    tell("started")
    board.trouble = [ZeroDivisionError("oh")]

    assert send().problem == "oh"
    clock.pass_s(2)
    assert send().waiting == 0


def test_a_store_that_is_gone_is_kept_from_the_caller(board, clock):
    class Gone:
        async def run(self, *_args, **_more):
            raise OSError("disk full")

    found = asyncio.run(deliver(Gone(), board, CHANNEL, clock))

    assert (found.sent, found.waiting, found.problem) == (0, 1, "disk full")


def test_only_one_sends_at_a_time(store, board, tell, send, clock):
    tell("started")
    other = store.run_here(lease.acquire, f"outbox:{CHANNEL}", "another", clock(), ttl_s=40)

    assert (send().sent, board.calls) == (0, [])
    store.run_here(lease.release, other)
    assert send().sent == 2


def test_many_senders_at_once_send_everything_once(store, board, tell, clock):
    for number in range(10):
        tell("started", "put back", about=f"r{number}")

    async def crowd():
        return await asyncio.gather(*(deliver(store, board, CHANNEL, clock) for _ in range(6)))

    found = asyncio.run(crowd())

    assert sum(each.sent for each in found) == 40
    assert (len(board.top), len(board.thread)) == (20, 20)


def test_draining_goes_on_until_nothing_waits(store, board, release_of):
    def clock():
        return datetime.now(UTC)

    told = notice.started(notice.Subject("r1", release_of(), "production"), clock())
    store.run_here(outbox.enqueue, CHANNEL, told, clock())
    board.trouble = [Unavailable("429", retry_after_s=0.6)]

    found = asyncio.run(drain(store, board, CHANNEL, clock, within_s=10))

    assert (found.sent, found.waiting) == (2, 0)


def test_draining_ends_when_its_time_is_over(store, board, tell, clock):
    tell("started")
    board.trouble = [Unavailable("429", retry_after_s=30)]

    found = asyncio.run(drain(store, board, CHANNEL, clock, within_s=5))

    assert (found.sent, found.waiting) == (0, 2)


def test_a_notice_is_written_with_the_work_it_tells_of_or_not_at_all(store, board, send, clock, release_of):
    subject = notice.Subject("r1", release_of(), "production")

    def work(connection):
        outbox.enqueue(connection, CHANNEL, notice.started(subject, clock()), clock())
        ledger.append(connection, "started", "shop/production", {}, clock())
        raise LookupError

    with pytest.raises(LookupError):
        store.run_here(work)

    assert (send().sent, board.calls) == (0, [])


class Killed(BaseException):
    """What happens to a process: no line of it runs any more."""


@dataclass
class Dying:
    """A store and a board that stop for ever before or after their nth call."""

    store: object
    board: Board
    at: int
    calls: object = field(default_factory=count)

    async def run(self, *args, **more):
        return await self._call(lambda: self.store.run(*args, **more))

    async def post(self, *args):
        return await self._call(lambda: self.board.post(*args))

    async def edit(self, *args):
        return await self._call(lambda: self.board.edit(*args))

    async def find(self, *args):
        return await self._call(lambda: self.board.find(*args))

    async def _call(self, work):
        if next(self.calls) >= self.at:
            raise Killed
        found = await work()
        if next(self.calls) >= self.at:
            raise Killed
        return found


def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(store, board, tell, send, clock):
    points = 0
    for point in count():
        about = f"r{point}"
        before_top, before_thread = len(board.top), len(board.thread)
        tell("started", "10 %", about=about)
        dying = Dying(store, board, point)
        try:
            asyncio.run(deliver(dying, dying, CHANNEL, clock))
        except Killed:
            points += 1
            clock.pass_s(41)
            tell("put back", about=about)
            assert send().waiting == 0
            extra = (2, 3)
        else:
            extra = (1, 2)
        assert (len(board.top) - before_top, len(board.thread) - before_thread) == extra, f"killed at {point}"
        if extra == (1, 2):
            break

    assert points >= 18


def test_parcels_have_keys_of_their_own_and_edits_share_one(store, tell, clock):
    tell("put back", "10 %")
    tell("put back", about="r2")
    found = []
    while parcel := store.run_here(outbox.claim, CHANNEL, clock()):
        found.append(parcel)
        store.run_here(outbox.settle, parcel, Posted(CHANNEL, str(parcel.seq)), clock())
    tell("started")
    again = store.run_here(outbox.claim, CHANNEL, clock())

    assert len({parcel.key for parcel in found}) == len(found)
    assert again.part is Part.MESSAGE
    assert again.key == next(each.key for each in found if each.part is Part.MESSAGE and each.subject == "r1")

"""The gauges: no window ever admits more than the tier, nobody waits without need, and who waits as told gets in.

The laws are held against the plain log of what was let in, counted anew for every question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonpalace.kimi.tiers import Tier, tier
from moonpalace.mock.gauges import DayKind, Gauges, Over, Ticket

MINUTE, DAY = 60.0, 86_400.0
MIDNIGHT = 20_000 * DAY - 3 * 3600  # the wall clock's, when the scene begins: three hours before a midnight


@dataclass
class Scene:
    """An account, its own clock, and the log: (time, tokens) of what was let in."""

    tier: Tier
    day: DayKind = "rolling"
    count_refused: bool = False
    now: float = 1000.0
    log: list[tuple[float, int]] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gauges = Gauges(
            self.tier,
            lambda: self.now,
            count_refused=self.count_refused,
            day=self.day,
            wall=lambda: self.wall(self.now),
        )

    def wall(self, at: float) -> float:
        return MIDNIGHT + at

    def admit(self, tokens: int) -> Ticket | Over:
        answer = self.gauges.admit(tokens)
        if isinstance(answer, Ticket):
            self.log.append((self.now, tokens))
            self.tickets.append(answer)
        return answer

    def release(self, index: int = 0) -> None:
        if self.tickets:
            self.tickets.pop(index % len(self.tickets)).release()

    def release_all(self) -> None:
        while self.tickets:
            self.release()

    def requests(self, at: float) -> int:
        return sum(at < came + MINUTE for came, _ in self.log if came <= at)

    def tokens(self, at: float, span: float = MINUTE) -> int:
        return sum(tokens for came, tokens in self.log if came <= at < came + span)

    def today(self, at: float) -> int:
        return sum(tokens for came, tokens in self.log if self.wall(came) // DAY == self.wall(at) // DAY)

    def day_bounds(self, at: float) -> tuple[int, int]:
        """What a day's gauge has to count, and the most it may: a rolling day comes in portions of a minute."""
        if self.day == "calendar":
            return self.today(at), self.today(at)
        return self.tokens(at, DAY), self.tokens(at, DAY + MINUTE)

    def over(self, at: float, tokens: int) -> list[str]:
        """The gauges that surely are full for it, in order; `tpd?` where the portion decides."""
        full = {
            "concurrency": len(self.tickets) + 1 > self.tier.concurrency,
            "rpm": self.requests(at) + 1 > self.tier.rpm,
            "tpm": self.tokens(at) + tokens > self.tier.tpm,
        }
        if self.tier.tpd is not None:
            least, most = self.day_bounds(at)
            full["tpd"] = least + tokens > self.tier.tpd
            full["tpd?"] = not full["tpd"] and most + tokens > self.tier.tpd
        return [name for name, is_full in full.items() if is_full]

    def fits(self, tokens: int) -> bool:
        return tokens <= min(self.tier.tpm, self.tier.tpd or self.tier.tpm)


Step = Callable[[Scene], object]
TIERS = st.builds(
    Tier,
    number=st.just(0),
    concurrency=st.integers(1, 4),
    rpm=st.integers(1, 5),
    tpm=st.integers(1, 30),
    tpd=st.none() | st.integers(1, 60),
    search_qps=st.none(),
    topped_up_cny=st.just(0),
    topped_up_usd=st.just(0),
)
TOKENS = st.integers(0, 12) | st.integers(0, 70)
# Eighths of a second are exact in floats, so the edges of windows are met; calendar days are told apart by these only.
EIGHTHS = (st.integers(0, 160) | st.integers(0, 800)).map(lambda eighths: eighths / 8)
EDGES = st.sampled_from([0.0, 0.125, 59.875, 60.0, 3_600.0, 43_200.0, 86_339.875, 86_400.0, 86_460.0])
DAYS: st.SearchStrategy[DayKind] = st.sampled_from(["rolling", "calendar"])


def advance(seconds: float) -> Step:
    def step(scene: Scene) -> None:
        scene.now += seconds

    return step


def admit(tokens: int) -> Step:
    return lambda scene: scene.admit(tokens)


def release(index: int) -> Step:
    return lambda scene: scene.release(index)


def obey(tokens: int) -> Step:
    """Ask, and if refused wait as told and ask again: the edges where a window just has room."""

    def step(scene: Scene) -> None:
        answer = scene.admit(tokens)
        if isinstance(answer, Over):
            scene.now += answer.retry_after_s
            scene.admit(tokens)

    return step


def steps(pauses: st.SearchStrategy[float]) -> st.SearchStrategy[list[Step]]:
    asks = TOKENS.map(admit)
    return st.lists(
        asks | asks | pauses.map(advance) | st.integers(0, 3).map(release) | TOKENS.map(obey), min_size=1, max_size=60
    )


STEPS = steps(EIGHTHS | EDGES)
ANY_STEPS = steps(EIGHTHS | EDGES | st.floats(0, 130))


def check_windows(scene: Scene) -> None:
    """Every window holds no more than the tier: the fullest ones are those that end with an admission."""
    for at, _ in scene.log:
        assert scene.requests(at) <= scene.tier.rpm
        assert scene.tokens(at) <= scene.tier.tpm
        if scene.tier.tpd is not None:
            assert scene.day_bounds(at)[0] <= scene.tier.tpd


@settings(max_examples=400, deadline=None)
@given(tier=TIERS, script=ANY_STEPS, count_refused=st.booleans())
def test_no_window_ever_holds_more_than_the_tier(tier: Tier, script: list[Step], count_refused: bool) -> None:
    """The promise of a limit; wherever the minute and the day are laid."""
    scene = Scene(tier, count_refused=count_refused)
    for step in script:
        step(scene)
        assert len(scene.tickets) <= tier.concurrency
    check_windows(scene)


@settings(max_examples=200, deadline=None)
@given(tier=TIERS, script=STEPS)
def test_no_calendar_day_holds_more_than_the_tier(tier: Tier, script: list[Step]) -> None:
    """Nor does a minute that lies across midnight."""
    scene = Scene(tier, day="calendar")
    for step in script:
        step(scene)
        assert len(scene.tickets) <= tier.concurrency
    check_windows(scene)


@settings(max_examples=300, deadline=None)
@given(tier=TIERS, script=ANY_STEPS, tokens=TOKENS, refused_too=st.booleans())
def test_who_waits_as_told_is_let_in(tier: Tier, script: list[Step], tokens: int, refused_too: bool) -> None:
    """An SDK retries once or twice: the wait has to be enough for all gauges, or it gives up on a good request."""
    scene = Scene(tier, count_refused=refused_too)
    for step in script:
        step(scene)
    answer = scene.admit(tokens)
    if isinstance(answer, Over) and scene.fits(tokens):
        scene.release_all()
        scene.now += answer.retry_after_s
        assert isinstance(scene.admit(tokens), Ticket)


@settings(max_examples=400, deadline=None)
@given(tier=TIERS, script=STEPS, day=DAYS, sizes=st.lists(TOKENS, min_size=1, max_size=6))
def test_nobody_is_refused_while_there_is_room(tier: Tier, script: list[Step], day: DayKind, sizes: list[int]) -> None:
    """Code that keeps within its limits never meets a 429; and the first full gauge is the one that is named."""
    scene = Scene(tier, day=day)
    for step in script:
        step(scene)
    for tokens in sizes:
        full = scene.over(scene.now, tokens)
        answer = scene.admit(tokens)
        if isinstance(answer, Over):
            assert full[0].rstrip("?") == answer.gauge
            assert answer.limit == getattr(tier, answer.gauge) < answer.current
        else:
            assert set(full) <= {"tpd?"}


@settings(max_examples=300, deadline=None)
@given(tier=TIERS, script=STEPS, tokens=st.integers(0, 12))
def test_nobody_waits_longer_than_needed(tier: Tier, script: list[Step], tokens: int) -> None:
    """The wait is the first moment that suits every gauge: `please try again after t seconds` is exact."""
    scene = Scene(tier, day="calendar")
    for step in script:
        step(scene)
    scene.release_all()
    answer = scene.admit(tokens)
    if isinstance(answer, Over) and scene.fits(tokens):
        moments = [came + MINUTE for came, _ in scene.log]
        moments.append(scene.now + DAY - scene.wall(scene.now) % DAY)
        first = min(at for at in moments if at > scene.now and not scene.over(at, tokens))
        assert answer.retry_after_s == first - scene.now


def limits(concurrency: int = 100, rpm: int = 100, tpm: int = 1000, tpd: int | None = None) -> Tier:
    """A tier with room but where the test says otherwise."""
    return Tier(0, concurrency, rpm, tpm, tpd, None, 0, 0)


@pytest.mark.parametrize(
    ("row", "tokens", "over"),
    [
        (limits(concurrency=2), 10, Over("concurrency", 2, 3, 1.0)),
        (limits(rpm=2), 10, Over("rpm", 2, 3, 50.0)),
        (limits(tpm=105), 10, Over("tpm", 105, 110, 50.0)),
        (limits(tpm=95), 50, Over("tpm", 95, 100, 50.0)),
        (limits(tpd=105), 10, Over("tpd", 105, 110, DAY)),
        (limits(concurrency=2, rpm=2), 10, Over("concurrency", 2, 3, 50.0)),
        (limits(rpm=2, tpm=105), 60, Over("rpm", 2, 3, 60.0)),
        (limits(tpm=105, tpd=105), 10, Over("tpm", 105, 110, DAY)),
    ],
    ids=[
        "concurrency", "rpm", "tpm", "tpm, half used by each", "tpd",
        "concurrency named, rpm decides", "rpm named, tpm decides", "tpm named, tpd decides",
    ],
)  # fmt: skip
def test_the_first_full_gauge_is_named_and_the_last_to_clear_decides_the_wait(
    row: Tier, tokens: int, over: Over
) -> None:
    """Whichever fills first is what the error says; the wait must not end in the next refusal."""
    scene = Scene(row)
    each = 25 if tokens == 50 else 50
    assert isinstance(scene.admit(each), Ticket)
    scene.now += 10.0
    assert isinstance(scene.admit(each), Ticket)
    assert scene.admit(tokens) == over


def test_a_request_larger_than_a_minute_is_never_let_in() -> None:
    """K3 reserves 131,072 tokens by default: where a tier has less, no patience helps."""
    scene = Scene(tier("2024", 0))
    for _ in range(3):
        assert scene.admit(131_072) == Over("tpm", 32_000, 131_072, 60.0)
        scene.now += 60.0
    assert isinstance(scene.admit(32_000), Ticket)


def test_a_refused_request_counts_nothing() -> None:
    """A storm of retries must not keep its own client out for ever."""
    scene = Scene(limits(rpm=1))
    scene.admit(1)
    for _ in range(59):
        scene.now += 1.0
        assert isinstance(scene.admit(1), Over)
    scene.now += 1.0
    assert isinstance(scene.admit(1), Ticket)


def test_a_refused_request_can_be_made_to_count() -> None:
    """Nobody outside knows what the real API does, so a client can be tried against the harder law too."""
    scene = Scene(limits(rpm=2), count_refused=True)
    scene.admit(1)
    scene.now += 10.0
    scene.admit(1)
    scene.now += 10.0
    assert scene.admit(1) == Over("rpm", 2, 3, 50.0)  # of the last two, at 10 s and now, the first leaves at 70 s
    scene.now += 50.0
    assert isinstance(scene.admit(1), Ticket)


def test_a_ticket_frees_its_slot_once_and_its_tokens_never() -> None:
    """A stream can end in two places at once; what it reserved stays charged for its minute."""
    scene = Scene(limits(concurrency=2, tpm=100))
    first, second = scene.admit(50), scene.admit(50)
    assert isinstance(first, Ticket) and isinstance(second, Ticket)
    first.release()
    first.release()
    assert scene.admit(1) == Over("tpm", 100, 101, 60.0)
    scene.now += 60.0
    assert isinstance(scene.admit(1), Ticket)
    assert scene.admit(1) == Over("concurrency", 2, 3, 1.0)


def test_a_rolling_day_is_late_by_less_than_a_minute() -> None:
    """Tokens of one minute leave together with its last ones; those of the next minute are not waited for."""
    scene = Scene(limits(tpd=100))
    for pause, tokens in [(0.0, 50), (59.875, 25), (0.125, 25)]:
        scene.now += pause
        scene.admit(tokens)
    assert scene.admit(75) == Over("tpd", 100, 175, DAY - 0.125)
    assert scene.admit(76) == Over("tpd", 100, 176, DAY)


def test_a_calendar_day_begins_anew_at_midnight() -> None:
    """By the wall clock, so that a budget used up in the evening is whole again soon."""
    scene = Scene(limits(tpd=100), day="calendar", now=3 * 3600 - 30.0)
    scene.admit(100)
    assert scene.admit(1) == Over("tpd", 100, 101, 30.0)
    scene.now += 30.0
    assert isinstance(scene.admit(100), Ticket)


def test_a_calendar_day_needs_a_wall_clock() -> None:
    """A monotonic clock knows no midnight."""
    with pytest.raises(ValueError, match="wall"):
        Gauges(limits(), lambda: 0.0, day="calendar")


@pytest.mark.parametrize("year", ["2024", "2025", "2026"])
@pytest.mark.parametrize("number", range(6))
def test_a_real_tier_serves_its_requests_a_minute_and_no_more(year: str, number: int) -> None:
    """One request after the other, as fast as can be: the last one too many waits for the first to leave."""
    row = tier(year, number)
    scene = Scene(row)
    for _ in range(row.rpm):
        ticket = scene.gauges.admit(1)
        assert isinstance(ticket, Ticket)
        ticket.release()
        scene.now += 1 / 1024
    over = scene.gauges.admit(1)
    assert over == Over("rpm", row.rpm, row.rpm + 1, 60.0 - row.rpm / 1024)

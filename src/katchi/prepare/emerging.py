"""Whether something rises faster than its own past explains: counts by day in, alarms out.

The expected count of a day is the level of the weeks before it, times its weekday's factor, times the share of
reports that have usually come by now (`delays`): a day that is not fully reported yet is not held against what it will
be. Days of the past that were outbreaks themselves weigh less. Around the expectation counts scatter as a negative
binomial distribution does; an alarm is a count that this makes less likely than `alpha`. It was chosen among others by
measurement: docs/benchmarks.md.

Sources: Farrington et al. 1996 and Noufaily et al. 2013 (weights, negative binomial thresholds); Hutwagner et al. 2003
(EARS, kept here to be compared with); Salmon et al. 2015 (delays).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ALPHA: Final = 0.001
WEEKS: Final = 8  # of the past that make the level
LAG: Final = 3  # days before the one looked at that are left out: an outbreak must not hide itself
WINDOWS: Final = (1, 3)  # days that are looked at together
LEAST: Final = 3  # reports; fewer are no rise, however quiet it was
_WEEKDAYS: Final = 7
_EXTREME: Final = 8.0  # from which it is left out
_OUTLYING: Final = 2.58  # standard residuals from which a past day weighs less (Noufaily et al. 2013)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one day's count is, against what was expected of it."""

    observed: int
    expected: float
    days: int  # the window: 1 is the last day alone
    probability: float  # of a count as high as this, or higher, if nothing has changed
    is_alarm: bool


def judge(
    counts: Sequence[int],
    *,
    first_weekday: int = 0,
    reported: Sequence[float] = (),
    alpha: float = ALPHA,
    weeks: int = WEEKS,
    windows: Sequence[int] = WINDOWS,
) -> Verdict:
    """Judges the end of these daily counts by what was before it: the last day, and the last few together.

    `first_weekday` is that of the first count (0 to 6). `reported` are the shares of a day's reports that have usually
    come after 0, 1, … days (see `delays`). With less than two weeks of past nothing is an alarm. Of the windows the one
    with the least likely count is told; each has its part of `alpha`.
    """
    past = list(counts[max(0, len(counts) - 1 - LAG - weeks * _WEEKDAYS) : len(counts) - 1 - LAG])
    if len(past) < 2 * _WEEKDAYS:
        return Verdict(counts[-1], 0.0, 1, 1.0, False)
    start = (first_weekday + len(counts) - 1 - LAG - len(past)) % _WEEKDAYS
    factors = _weekdays(past, start)
    mean, dispersion = _level(past, start, factors)
    verdicts = []
    for days in windows:
        observed, expected = sum(counts[-days:]), 0.02
        for back in range(days):
            share = reported[min(back, len(reported) - 1)] if reported else 1.0
            expected += mean * factors[(first_weekday + len(counts) - 1 - back) % _WEEKDAYS] * max(share, 0.01)
        probability = tail(observed, expected, dispersion)
        is_alarm = probability < alpha / len(windows) and observed >= LEAST
        verdicts.append(Verdict(observed, expected, days, probability, is_alarm))
    return min(verdicts, key=lambda each: each.probability)


def _weekdays(past: Sequence[int], start: int) -> list[float]:
    """How much each weekday differs from the mean, drawn to 1 where there is little to tell it from."""
    total = sum(past)
    if total == 0:
        return [1.0] * _WEEKDAYS
    sums, days = [0.0] * _WEEKDAYS, [0] * _WEEKDAYS
    for place, count in enumerate(past):
        sums[(start + place) % _WEEKDAYS] += count
        days[(start + place) % _WEEKDAYS] += 1
    mean = total / len(past)
    prior = 10.0  # counts' worth of belief that a weekday is like any other
    return [
        (sums[day] + prior) / (days[day] * mean + prior) if days[day] else 1.0
        for day in range(_WEEKDAYS)
    ]  # fmt: skip


def _level(past: Sequence[int], start: int, factors: Sequence[float]) -> tuple[float, float]:
    """(mean, dispersion φ ≥ 1 with variance φ·mean), past outbreaks weighing less.

    Days far beyond what the lower ones make likely are left out at first: in the first estimate they would hide
    themselves.
    """
    flat = [count / factors[(start + place) % _WEEKDAYS] for place, count in enumerate(past)]
    lower = sorted(flat)[: max(_WEEKDAYS, len(flat) * 17 // 20)]
    mean, dispersion = _moments(lower, [1.0] * len(lower))
    limit = mean + _EXTREME * math.sqrt((1 + 2 * (dispersion - 1)) * max(mean, 0.1))
    kept = [value for value in flat if value <= limit]
    weights = [1.0] * len(kept)
    for _ in range(3):
        mean, dispersion = _moments(kept, weights)
        spread = math.sqrt(dispersion * max(mean, 0.05))
        residuals = [(value - mean) / spread for value in kept]
        weights = [(_OUTLYING / each) ** 2 if each > _OUTLYING else 1.0 for each in residuals]
    return mean + _recent_rise(flat, mean), dispersion


def _moments(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    total = sum(weights)
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True)) / total
    if mean <= 0:
        return 0.0, 1.0
    variance = sum(weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True)) / total
    return mean, max(1.0, variance / mean * len(values) / (len(values) - 1))


def _recent_rise(flat: Sequence[float], mean: float) -> float:
    """What the last two weeks are above the mean, where it is more than chance: a slow growth is no outbreak."""
    recent = flat[-2 * _WEEKDAYS :]
    rise = sum(recent) / len(recent) - mean
    error = math.sqrt(max(mean, 0.1) / len(recent))
    return rise if rise > 2 * error else 0.0


def tail(observed: int, mean: float, dispersion: float) -> float:
    """P(X ≥ observed) for a negative binomial X of this mean and variance dispersion·mean; Poisson for dispersion 1."""
    if observed <= 0:
        return 1.0
    if observed > 5000:  # by then the root of it is normal enough
        score = 2 * (math.sqrt(observed - 0.5) - math.sqrt(mean)) / math.sqrt(dispersion)
        return 0.5 * math.erfc(score / math.sqrt(2))
    return max(0.0, 1.0 - math.fsum(_pmf(observed, mean, dispersion)))


def _pmf(until: int, mean: float, dispersion: float) -> list[float]:
    """The probabilities of 0, 1, … until-1."""
    if dispersion <= 1.0001:
        value, found = math.exp(-mean), []
        for count in range(until):
            found.append(value)
            value *= mean / (count + 1)
        return found
    size = mean / (dispersion - 1)
    share = 1 - 1 / dispersion
    value, found = math.exp(-size * math.log(dispersion)), []
    for count in range(until):
        found.append(value)
        value *= (size + count) / (count + 1) * share
    return found


def delays(lags: Sequence[int], *, longest: int = 14) -> list[float]:
    """The share of reports that have come after 0, 1, … `longest` days, from the lags (days) of complete reports.

    What comes later than that is somebody's archive, no delay. Drawn to "all at once" where there are few: nobody's
    delay is learned from three reports.
    """
    prior = 5.0
    counted = [0] * (longest + 1)
    for lag in lags:
        if lag <= longest:
            counted[max(lag, 0)] += 1
    shares, seen = [], prior
    for count in counted:
        seen += count
        shares.append(seen / (sum(counted) + prior))
    return shares


# ---- what it was measured against -----------------------------------------------------------------------


def ears(counts: Sequence[int], *, lag: int, sigmas: float = 3.0) -> bool:
    """EARS C1 (lag 0) and C2 (lag 2): the mean of seven days and three standard deviations (Hutwagner et al. 2003)."""
    past = counts[len(counts) - 1 - lag - 7 : len(counts) - 1 - lag]
    if len(past) < 7:
        return False
    mean = sum(past) / 7
    deviation = math.sqrt(sum((each - mean) ** 2 for each in past) / 6)
    return counts[-1] > mean + sigmas * max(deviation, 0.5) and counts[-1] >= LEAST


def doubled(counts: Sequence[int]) -> bool:
    """What a trending list does: twice last week's, and no past beyond it."""
    return sum(counts[-7:]) >= max(2 * sum(counts[-14:-7]), LEAST)

"""How well rises are found: outbreaks put into series that scatter as sightings do, before several detectors.

    python benchmarks/emerging_eval.py [SERIES] [--plot FILE.svg]

Series of 200 days in 24 forms (Noufaily et al. 2013, §4, taken to sightings): levels from one report in ten days to 200
a day, scattering from Poisson to nine times it, weekends with half or a tenth, growth, and past outbreaks that nobody
removed. An outbreak adds so many standard deviations over about five days. Every detector sees every day; reported are
the share of outbreaks that it finds, the days until then, and false alarms in a month of days without one.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from katchi.prepare import emerging

DAYS = 200
BEGIN = 120  # the first day that is judged
OUTBREAK = 170  # when one begins
SIZES = (2, 4, 8, 16)  # standard deviations in all
Detector = Callable[[Sequence[int]], bool]

DETECTORS: dict[str, Detector] = {
    "chosen": lambda counts: emerging.judge(counts).is_alarm,
    "chosen, alpha 0.01": lambda counts: emerging.judge(counts, alpha=0.01).is_alarm,
    "chosen, alpha 0.03": lambda counts: emerging.judge(counts, alpha=0.03).is_alarm,
    "the last day alone": lambda counts: emerging.judge(counts, windows=(1,)).is_alarm,
    "EARS C1": lambda counts: emerging.ears(counts, lag=0),
    "EARS C2": lambda counts: emerging.ears(counts, lag=2),
    "doubled in a week": emerging.doubled,
}


@dataclass(frozen=True)
class Form:
    """How a series is made."""

    level: float
    dispersion: float
    weekend: float  # what a weekend's day has of a weekday's
    growth: float  # of the level, a day
    is_soiled: bool  # with past outbreaks

    def mean(self, day: int) -> float:
        """What is expected of a day."""
        return self.level * (1 + self.growth * day) * (self.weekend if day % 7 >= 5 else 1.0)


@dataclass
class Tally:
    """What one detector did."""

    found: dict[int, int] = field(default_factory=lambda: dict.fromkeys(SIZES, 0))
    days: dict[int, int] = field(default_factory=lambda: dict.fromkeys(SIZES, 0))
    false: int = 0
    quiet: int = 0


def forms() -> list[Form]:
    """All of them."""
    made = product((0.1, 1.0, 10.0, 200.0), ((1.0, 1.0), (3.0, 0.5), (9.0, 0.1)), (0.0, 0.002))
    return [Form(level, *scatter, growth, number % 2 == 1) for number, (level, scatter, growth) in enumerate(made)]


def count(chance: random.Random, mean: float, dispersion: float) -> int:
    """A negative binomial count: Poisson of a gamma."""
    if dispersion > 1:
        mean = chance.gammavariate(mean / (dispersion - 1), dispersion - 1)
    if mean > 500:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product_, found = math.exp(-mean), chance.random(), 0
    while product_ > limit:
        product_ *= chance.random()
        found += 1
    return found


def series(chance: random.Random, form: Form) -> list[int]:
    """Daily counts without an outbreak at the end."""
    counts = [count(chance, form.mean(day), form.dispersion) for day in range(DAYS)]
    if form.is_soiled:
        for _ in range(2):
            outbreak(chance, form, counts, chance.randrange(10, BEGIN - 20), 10)
    return counts


def outbreak(chance: random.Random, form: Form, counts: list[int], begin: int, size: float) -> int:
    """Adds one; returns its last day. Cases come in a log-normal course, as an epidemic's do."""
    deviation = math.sqrt(max(form.mean(begin) * form.dispersion, 0.5))
    last = begin
    for _ in range(max(3, count(chance, size * deviation, 1.0))):
        day = begin + min(int(chance.lognormvariate(0.9, 0.5)), 12)
        if day < DAYS:
            counts[day] += 1
            last = max(last, day)
    return last


def run(each: int) -> dict[str, Tally]:
    """All detectors on so many series of each form and size."""
    tallies = {name: Tally() for name in DETECTORS}
    for number, form in enumerate(forms()):
        for place in range(each):
            chance = random.Random(number * 100_003 + place)
            clean = series(chance, form)
            for name, detect in DETECTORS.items():
                tallies[name].false += sum(detect(clean[: day + 1]) for day in range(BEGIN, OUTBREAK))
                tallies[name].quiet += OUTBREAK - BEGIN
            for size in SIZES:
                counts = list(clean)
                last = outbreak(chance, form, counts, OUTBREAK, size)
                for name, detect in DETECTORS.items():
                    hit = next((day for day in range(OUTBREAK, last + 1) if detect(counts[: day + 1])), None)
                    if hit is not None:
                        tallies[name].found[size] += 1
                        tallies[name].days[size] += hit - OUTBREAK
    return tallies


def plot(tallies: dict[str, Tally], total: int, path: Path) -> None:
    """Found against false alarms, one line a detector, one mark a size."""
    colours = ("#0b5cad", "#3f8fd6", "#74b3f2", "#196f3d", "#a93226", "#d68910", "#566573")
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 420" font-family="sans-serif" font-size="13">',
        '<rect width="720" height="420" fill="#fff"/>',
        '<path d="M60 20V360H700" fill="none" stroke="#17202a"/>',
        '<text x="380" y="405" text-anchor="middle">size of the outbreak, standard deviations in all</text>',
        '<text x="18" y="190" text-anchor="middle" transform="rotate(-90 18 190)">found, %</text>',
    ]  # fmt: skip
    parts += [
        f'<text x="52" y="{364 - share * 3.4:.0f}" text-anchor="end">{share}</text>' for share in (0, 25, 50, 75, 100)
    ]
    places = {size: 110 + 150 * number for number, size in enumerate(SIZES)}
    parts += [f'<text x="{x}" y="380" text-anchor="middle">{size}</text>' for size, x in places.items()]
    for (name, tally), colour, row in zip(tallies.items(), colours, range(len(tallies)), strict=True):
        points = [(places[size], 360 - 340 * tally.found[size] / total) for size in SIZES]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"/>' for x, y in points]
        alarms = 30 * tally.false / tally.quiet
        parts.append(
            f'<text x="330" y="{240 + 18 * row}" fill="{colour}">{name}: {alarms:.2f} false alarms a month</text>'
        )
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def main() -> None:
    """Reads the arguments and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", type=int, nargs="?", default=20)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    tallies, total = run(chosen.series), chosen.series * len(forms())
    print(f"{total} series; for each size: found %, days until then")
    for name, tally in tallies.items():
        cells = " ".join(
            f"{100 * tally.found[size] / total:5.1f} % {tally.days[size] / max(tally.found[size], 1):4.1f} d |"
            for size in SIZES
        )
        print(f"{name:22} | {cells} {30 * tally.false / tally.quiet:6.2f} false alarms a month")
    if chosen.plot:
        plot(tallies, total, chosen.plot)


if __name__ == "__main__":
    main()

"""PURE: small plots as inline SVG. Colours are CSS classes of the page; numbers are told as text, too."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

_WIDTH, _HEIGHT = 260.0, 72.0
_TALL = 132.0
_LEFT, _BOTTOM = 30.0, 16.0


def bars(amounts: Sequence[float], names: Sequence[str], about: str, *, marks: Sequence[int] = ()) -> Markup:
    """One bar an amount; `names` are told on hovering, those at the places `marks` stand below. `about` says it all."""
    most = max([*amounts, 0.0]) or 1.0
    step, room = _WIDTH / max(1, len(amounts)), _HEIGHT - _BOTTOM
    drawn = Markup("")
    for place, (amount, name) in enumerate(zip(amounts, names, strict=True)):
        height = max(amount / most * (room - 4), 2.0 if amount else 0.0)
        drawn += Markup(
            '<g><title>{}</title><rect class="ghost" x="{:.1f}" y="0" width="{:.1f}" height="{:.1f}"/>'
            '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/></g>'
        ).format(
            name, place * step, step, room, place * step + step * 0.12, room - height, step * 0.76, height
        )  # fmt: skip
    return _svg(_HEIGHT, about, drawn + _below(names, marks, step))


def _below(names: Sequence[str], marks: Sequence[int], step: float) -> Markup:
    drawn = Markup("")
    for place in marks:
        anchor = "start" if place == 0 else "end" if place == len(names) - 1 else "middle"
        x = 0.0 if place == 0 else _WIDTH if place == len(names) - 1 else (place + 0.5) * step
        label = names[place].partition(":")[0]
        drawn += Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, _HEIGHT - 4, anchor, label)
    return drawn


def error_rates(trainings: Sequence[Mapping[str, Any]]) -> Markup:
    """Word error rates of judged trainings: before (ring), with the candidate (dot), and the interval of the change."""
    judged = [each for each in trainings if each.get("candidate") is not None]
    most = max((max(each["champion"], each["champion"] + each["high"]) for each in judged), default=1.0) * 1.08 or 1.0
    step, drawn = (_WIDTH - _LEFT) / max(1, len(judged)), _scale(most)
    for place, each in enumerate(judged):
        x = _LEFT + (place + 0.5) * step
        low, high = (max(0.0, each["champion"] + each[bound]) for bound in ("low", "high"))
        drawn += Markup(
            "<g><title>{}: {} {:.1%} → {:.1%}</title>"
            '<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
            '<circle class="before" cx="{x:.1f}" cy="{:.1f}" r="4"/>'
            '<circle class="{}" cx="{x:.1f}" cy="{:.1f}" r="4.5"/>'
            '<text x="{x:.1f}" y="{:.1f}" text-anchor="middle">{}</text></g>'
        ).format(
            each["asked"], each["outcome"], each["champion"], each["candidate"],
            _y(low, most), _y(high, most), _y(each["champion"], most),
            "after" if each["outcome"] in ("promoted", "waiting") else "lost", _y(each["candidate"], most),
            _TALL - 3, each["version"] or "–", x=x,
        )  # fmt: skip
    told = "; ".join(
        f"{each['asked']} {each['outcome']}: {each['champion']:.1%} to {each['candidate']:.1%}" for each in judged
    )
    return _svg(_TALL, f"Word error rate before and with each candidate vocabulary. {told}", drawn)


def calibration(curve: Mapping[str, Any]) -> Markup:
    """The expected word error rate for each confidence, as fitted; dots for those found in groups of corrected tasks,
    dashed what 1 - confidence would be.
    """
    points = sorted(zip(curve["confidences"], curve["rates"], strict=True))
    found = curve.get("points", ())
    lowest = min(0.5, *(confidence for confidence, *_ in (*points, *found)))
    most = max(1 - lowest, *(rate for _, rate, *_ in (*points, *found))) * 1.05

    def place(confidence: float, rate: float) -> str:
        x = _LEFT + (confidence - lowest) / (1 - lowest) * (_WIDTH - _LEFT - 6)
        return f"{x:.1f},{_y(min(rate, most), most):.1f}"

    drawn = _scale(most) + Markup(
        '<polyline class="plain" points="{} {}"/><polyline class="fitted" points="{}"/>'
        '<text x="{}" y="{}">{:.0%} sure</text><text x="{}" y="{}" text-anchor="end">100%</text>'
    ).format(
        place(lowest, 1 - lowest), place(1.0, 0.0), " ".join(place(*point) for point in points),
        _LEFT, _TALL - 3, lowest, _WIDTH - 4, _TALL - 3,
    )  # fmt: skip
    for confidence, rate, tasks in found:
        x, _, y = place(confidence, rate).partition(",")
        drawn += Markup('<g><title>{} tasks: {:.0%}</title><circle class="before" cx="{}" cy="{}" r="3"/></g>').format(
            tasks, rate, x, y
        )
    ends = f"{points[0][1]:.0%} at {points[0][0]:.0%} confidence, {points[-1][1]:.0%} at {points[-1][0]:.0%}"
    return _svg(_TALL, f"Expected word error rate by confidence: {ends}", drawn)


def _y(value: float, most: float) -> float:
    return 6 + (1 - value / most) * (_TALL - _BOTTOM - 8)


def _scale(most: float) -> Markup:
    drawn = Markup("")
    for value in (0.0, most / 2, most):
        drawn += Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text x="{}" y="{:.1f}" text-anchor="end">{:.0%}</text>'
        ).format(_LEFT, _WIDTH, _LEFT - 4, _y(value, most) + 3, value, y=_y(value, most))
    return drawn


def _svg(height: float, about: str, drawn: Markup) -> Markup:
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, height, about, drawn
    )

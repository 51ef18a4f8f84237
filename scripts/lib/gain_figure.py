"""A figure of what a comparison's reference gains over other methods, over something that was varied.

    gain_figure.py TITLE OUT.svg 0=a/comparison.json 0.7=b/comparison.json …

Each point is the mean over paired cases with its 95 % interval, as comparison.json has them. Needs nothing but Python.
"""

import json
import sys

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 110, 16, 46
# Okabe and Ito's blue and vermilion, told apart by dashes, too.
STYLES = {"local": ("#0072b2", ""), "fedavg": ("#d55e00", "6 3"), "centralized": ("#009e73", "2 3")}


def points(arguments, method):
    """(x, gain, low, high) of the reference over a method."""
    found = []
    for argument in arguments:
        place, path = argument.split("=", 1)
        rows = {row["method"]: row for row in json.load(open(path))["methods"]}
        contest = rows.get(method, {}).get("against_reference")
        if contest:
            low, high = contest["interval"] or [contest["difference"]] * 2
            found.append((float(place), -contest["difference"], -high, -low))
    return sorted(found)


def main():
    title, out, *arguments = sys.argv[1:]
    reference = json.load(open(arguments[0].split("=", 1)[1]))["reference"]
    series = {method: points(arguments, method) for method in STYLES}
    series = {method: found for method, found in series.items() if found}
    places = sorted({point[0] for found in series.values() for point in found})
    bounds = [value for found in series.values() for point in found for value in point[2:]] + [0]
    low, high = min(bounds), max(bounds)
    margin = 0.08 * (high - low or 1)
    low, high = low - margin, high + margin

    def across(value):
        return LEFT + (value - places[0]) / ((places[-1] - places[0]) or 1) * (WIDTH - LEFT - RIGHT)

    def down(value):
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    step = next(size for size in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if (high - low) / size <= 8)
    tick = -(-low // step)
    while tick * step <= high:
        y = down(tick * step)
        color = "#555" if tick == 0 else "#ddd"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{color}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick * step:+.2f}</text>')
        tick += 1
    for place in places:
        parts.append(f'<text x="{across(place):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{place:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{title}</text>')
    parts.append(
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"Dice gained by {reference}</text>")
    for shift, (method, found) in enumerate(series.items()):
        color, dashes = STYLES[method]
        offset = 4 * (shift - (len(series) - 1) / 2)
        line = " ".join(f"{across(x) + offset:.1f},{down(gain):.1f}" for x, gain, _, _ in found)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"/>')
        for x, gain, least, most in found:
            place = across(x) + offset
            parts.append(
                f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{down(least):.1f}" y2="{down(most):.1f}" stroke="{color}"/>')
            parts.append(f'<circle cx="{place:.1f}" cy="{down(gain):.1f}" r="3.5" fill="{color}"/>')
        last = found[-1]
        parts.append(
            f'<text x="{across(last[0]) + 14:.1f}" y="{down(last[1]) + 4 + 14 * shift:.1f}" fill="{color}">over {method}</text>')
    parts.append("</svg>")
    open(out, "w").write("\n".join(parts) + "\n")


main()

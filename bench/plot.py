#!/usr/bin/env python3
"""Draws what `sparsmith bench --json` measured, with the table behind each picture (markdown and csv):

    bench/plot.py ROWS.json... -o FOLDER

speedup.png  speedup over the best dense of the same run, against sparsity: each layer a dot, geometric means a line,
             the sparse peers' means beside them
peak.png     share of the FMA peak by layer, a bar for each sparsity
Needs matplotlib (scripts/setup-peers --plot)."""
import argparse
import csv
import pathlib
import sys
from collections import defaultdict

from rows import DENSE, best_dense_ns, geomean, layer, of_layout, read_rows, sparsity, speedup, table

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
except ImportError:
    sys.exit("plot.py needs matplotlib: scripts/setup-peers --plot, then .venv/bin/python bench/plot.py ...")


def write_table(path, header, lines):
    path.with_suffix(".md").write_text(table(header, lines))
    with path.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *lines])


def percent_of(row):
    """Sparsity in whole per cents: DLMC's layers miss their target by rounding only."""
    return round(100 * sparsity(row))


def draw_speedup(rows, folder):
    by_percent = defaultdict(list)
    for row in rows:
        if best_dense_ns(row):
            by_percent[percent_of(row)].append(row)
    if not by_percent:
        print("speedup: no row has a dense peer")
        return
    percents = sorted(by_percent)
    series = {"sparsmith": {p: geomean(speedup(row) for row in by_percent[p]) for p in percents}}
    peers = sorted({name for row in rows for name in row["peers"] if name not in DENSE})
    for name in peers:
        series[name] = {}
        for p in percents:
            # A mean over other layers than Sparsmith's would not compare.
            if all(name in row["peers"] for row in by_percent[p]):
                series[name][p] = geomean(best_dense_ns(row) / row["peers"][name]["ns_min"] for row in by_percent[p])

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, points in series.items():
        ours = name == "sparsmith"
        axes.plot(list(points), list(points.values()), marker="o", label=name, linewidth=2.5 if ours else 1,
                  color="black" if ours else None, zorder=3 if ours else 2)
    for p in percents:
        axes.scatter([p] * len(by_percent[p]), [speedup(row) for row in by_percent[p]], s=8, color="black", alpha=0.25)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xlabel="zeros, %", ylabel="speedup over the best dense", yscale="log", xticks=percents)
    axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_title("1x1 layers, fp32, one thread: geometric means (lines), layers (dots)", fontsize=10)
    figure.tight_layout()
    figure.savefig(folder / "speedup.png", dpi=150)
    lines = [[f"{p} %", str(len(by_percent[p]))] +
             [f"{points[p]:.2f}" if p in points else "-" for points in series.values()] for p in percents]
    write_table(folder / "speedup", ["zeros", "layers", *series], lines)


def draw_peak(rows, folder):
    shares = defaultdict(dict)
    for row in rows:
        shares[f"{layer(row)} n{row['n']}"][percent_of(row)] = row
    percents = sorted({p for found in shares.values() for p in found})
    figure, axes = pyplot.subplots(figsize=(max(7, 0.4 * len(shares) + 2), 4.5))
    width = 0.8 / len(percents)
    for i, p in enumerate(percents):
        at = [x for x, found in enumerate(shares.values()) if p in found]
        values = [found[p]["fraction_of_peak"] for found in shares.values() if p in found]
        axes.bar([x + (i - (len(percents) - 1) / 2) * width for x in at], values, width, label=f"{p} %")
    axes.set_xticks(range(len(shares)), list(shares), rotation=70, ha="right", fontsize=7)
    axes.set(ylabel="share of the FMA peak, useful work", ylim=(0, 1.02))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(title="zeros", fontsize=8, ncols=len(percents))
    figure.tight_layout()
    figure.savefig(folder / "peak.png", dpi=150)

    def cell(found, p, key):
        value = found[p].get(key) if p in found else None
        return f"{value:.3f}" if value is not None else "-"

    lines = [[name] + [cell(found, p, "fraction_of_peak") for p in percents] +
             [cell(found, p, "roofline_fraction") for p in percents] for name, found in shares.items()]
    write_table(folder / "peak", ["layer", *(f"peak {p} %" for p in percents), *(f"roof {p} %" for p in percents)],
                lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--layout", default="panel", choices=("panel", "plain"))
    options = parser.parse_args()
    missing = [str(path) for path in options.rows if not path.exists()]
    if missing:
        sys.exit(f"{', '.join(missing)}: no such file")
    rows = of_layout([row for path in options.rows for row in read_rows(path)], options.layout)
    if not rows:
        sys.exit(f"no rows of the {options.layout} layout")
    options.output.mkdir(parents=True, exist_ok=True)
    draw_speedup(rows, options.output)
    draw_peak(rows, options.output)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Draws what a results folder of bench/run holds, with the table behind each picture (markdown and csv):

    bench/plot.py bench/results/<run> [-o FOLDER]

speedup.png    ResNet-50's 1x1 layers: speedup over the best dense of the same run, against sparsity: each layer a dot,
               geometric means a line, the sparse peers' means beside them
peak.png       the same layers' share of the FMA peak, a bar for each sparsity
regime_*.png   1x1 by N, 3x3 by output size, small N: speedup and share of peak against sparsity, a line for each
depthwise.png  share of the FMA peak and of the roofline by layer
Needs matplotlib (scripts/setup-peers --plot)."""
import argparse
import csv
import pathlib
import sys
from collections import defaultdict

import regimes
from rows import DENSE, PERCENTS, best_dense_ns, best_sparse, geomean, layer, of_layout, of_own_layout, read_rows
from rows import roof_of, sparsity, speedup, table

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


def draw_regime(rows, folder, name, title, group):
    """A line for each group of rows over its sparsities; one sparsity alone is a dot."""
    groups = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[group(row)][percent_of(row)].append(row)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    lines = []
    for label, by_percent in groups.items():
        percents = sorted(by_percent)
        compared = [p for p in percents if all(best_dense_ns(row) for row in by_percent[p])]
        color = left.plot(compared, [geomean(map(speedup, by_percent[p])) for p in compared], marker="o",
                          label=label)[0].get_color()
        skipping = [p for p in compared if all(map(best_sparse, by_percent[p]))]
        left.plot(skipping, [geomean(best_dense_ns(row) / best_sparse(row)[1] for row in by_percent[p])
                             for p in skipping], marker="x", linestyle=":", color=color, linewidth=1)
        right.plot(percents, [geomean(row["fraction_of_peak"] for row in by_percent[p]) for p in percents], marker="o",
                   label=label, color=color)
        lines += [regime_line(label, p, by_percent[p]) for p in percents]
    percents = sorted({p for by_percent in groups.values() for p in by_percent})
    left.axhline(1, color="grey", linewidth=0.8)
    left.set(xlabel="zeros, %", ylabel="speedup over the best dense", yscale="log", xticks=percents)
    left.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    left.set_title("dotted: the best other sparse library", fontsize=9)
    right.set(xlabel="zeros, %", ylabel="share of the FMA peak, useful work", ylim=(0, 1.02), xticks=percents)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    right.legend(fontsize=8)
    figure.suptitle(f"{title}: fp32, one thread, geometric means of layers", fontsize=10)
    figure.tight_layout()
    figure.savefig(folder / f"{name}.png", dpi=150)
    write_table(folder / name, ["", "zeros", "layers", "share of peak", "share of roof", "over best dense",
                                "best sparse peer over best dense", "best dense", "best sparse peer"], lines)


def regime_line(label, percent, rows):
    def text(value, digits=2):
        return f"{value:.{digits}f}" if value is not None else "-"

    def names(found):
        return ", ".join(sorted({name for name in found if name})) or "-"

    peers = [best_sparse(row) for row in rows]
    dense = [best_dense_ns(row) for row in rows]
    skipping = geomean(d / p[1] for d, p in zip(dense, peers)) if all(peers) and all(dense) else None
    return [label, f"{percent} %", str(len(rows)), text(geomean(row["fraction_of_peak"] for row in rows), 3),
            text(roof_of(rows)), text(geomean(map(speedup, rows)) if all(dense) else None), text(skipping),
            names(best_dense_name(row) for row in rows), names(peer and peer[0] for peer in peers)]


def best_dense_name(row):
    least = best_dense_ns(row)
    return next((name for name, time in row["peers"].items() if name in DENSE and time["ns_min"] == least), None)


def draw_depthwise(rows, folder):
    labels = [f"{row['conv']['channels']}@{row['conv']['out'][0]}" +
              (f" /{row['conv']['stride'][0]}" if row["conv"]["stride"][0] > 1 else "") +
              (" dense" if row["conv"]["groups"] == 1 else "") for row in rows]
    figure, axes = pyplot.subplots(figsize=(max(6, 0.6 * len(rows) + 2), 4.5))
    for i, (key, name) in enumerate((("fraction_of_peak", "FMA peak"), ("roofline_fraction", "roofline"))):
        axes.bar([x + (i - 0.5) * 0.4 for x in range(len(rows))], [row[key] or 0 for row in rows], 0.4, label=name)
    axes.set_xticks(range(len(rows)), labels, rotation=40, ha="right", fontsize=8)
    axes.set(ylabel="share", ylim=(0, 1.02), title="MobileNetV1: channels@output, depthwise 3x3 and the first layer")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / "depthwise.png", dpi=150)
    lines = [[label, f"{row['ns_min'] / 1e3:.1f}", f"{row['fraction_of_peak']:.3f}",
              f"{row['roofline_fraction']:.2f}" if row["roofline_fraction"] else "-",
              f"{speedup(row):.2f}" if best_dense_ns(row) else "-", best_dense_name(row) or "-"]
             for label, row in zip(labels, rows)]
    write_table(folder / "depthwise", ["layer", "us", "share of peak", "share of roof", "over best dense",
                                       "best dense"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, help="default: the folder itself")
    parser.add_argument("--layout", default="own", choices=("own", "panel", "plain"))
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: is no folder; bench/run makes one under bench/results/")
    output = options.output or options.folder
    output.mkdir(parents=True, exist_ok=True)

    def tuned(*lists):
        rows = [row for name in lists for row in read_rows(options.folder / f"{name}.tuned.json")]
        return of_own_layout(rows) if options.layout == "own" else of_layout(rows, options.layout)

    rows = tuned(*(f"rn50_1x1_{percent}" for percent in PERCENTS))
    if rows:
        draw_speedup(rows, output)
        draw_peak(rows, output)
    for name, title, lists, group in regimes.PICTURES:
        if found := tuned(*lists):
            draw_regime(found, output, name, title, group)
    if found := tuned("depthwise"):
        draw_depthwise(found, output)


if __name__ == "__main__":
    main()

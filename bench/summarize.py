#!/usr/bin/env python3
"""Computes the project's bars from a results folder of bench/run and prints them as a markdown table.

    bench/summarize.py bench/results/<run> [-o summary.md]

Shares of the FMA peak and speedups are geometric means over layers of the least times; `roof` is the same share of the
roofline (the larger of FMA time and compulsory-traffic time at measured bandwidth)."""
import argparse
import json
import pathlib
import sys

import regimes
from rows import PERCENTS, best_dense_ns, geomean, of_layout, read_rows, roof_of, speedup, table

FLOORS = {
    "untuned": {80: 0.94, 90: 0.85, 95: 0.65, 98: 0.43},
    "tuned": {80: 0.95, 90: 0.88, 95: 0.72, 98: 0.51},
    "group3": {80: 0.97, 90: 0.93, 95: 0.82, 98: 0.65},
}
ELSEWHERE = {80: "0.69", 90: "0.56", 95: "0.52", 98: "0.47"}  # one layer only


class Bars:
    def __init__(self):
        self.lines = []

    def add(self, what, floor, measured, unit="", roof=None, elsewhere="", most=False, digits=3, note=""):
        """A line; without a floor it states what was measured."""
        if measured is None:
            self.lines.append([what, f"{floor}{unit}" if floor else "", "not measured", "", elsewhere, ""])
            return
        if floor is None:
            self.lines.append([what, "", f"{measured:.{digits}f}{unit}{note}", "", elsewhere, ""])
            return
        met = measured <= floor if most else measured >= floor
        share = f"{roof:.2f}" if roof is not None else ""
        self.lines.append([what, f"{floor}{unit}", f"{measured:.{digits}f}{unit}{note}", share, elsewhere,
                           "yes" if met else "**no**"])


def shares(bars, folder):
    for mode in ("untuned", "tuned"):
        for percent in PERCENTS:
            rows = of_layout(read_rows(folder / f"rn50_1x1_{percent}.{mode}.json"), "panel")
            bars.add(f"share of FMA peak, ResNet-50 1x1, {percent} %, {mode}", FLOORS[mode][percent],
                     geomean(row["fraction_of_peak"] for row in rows), roof=roof_of(rows),
                     elsewhere=ELSEWHERE[percent])
    for percent in PERCENTS:
        rows = of_layout(read_rows(folder / f"rn50_group3_n192_{percent}.tuned.json"), "panel")
        bars.add(f"share of FMA peak, group 3 at N = 192, {percent} %, tuned", FLOORS["group3"][percent],
                 geomean(row["fraction_of_peak"] for row in rows), roof=roof_of(rows))


def speedups(bars, folder):
    rows = read_rows(folder / "rn50_1x1_90.tuned.json")
    factors = [speedup(row) for row in of_layout(rows, "panel")]
    bars.add("over the best dense, ResNet-50 1x1, 90 %, tuned", 8.3,
             geomean(factors) if factors and all(factors) else None, "x", elsewhere="6.2x (SparseDNN)", digits=2)
    plain = of_layout(rows, "plain")
    bars.add("share of FMA peak, plain X and Y, packing included, 90 %, tuned", 0.75,
             geomean(row["fraction_of_peak"] for row in plain), roof=roof_of(plain), elsewhere="0.56")
    mobile = of_layout(read_rows(folder / "mobilenet_90.tuned.json"), "panel")
    dense = [best_dense_ns(row) for row in mobile]
    bars.add("MobileNetV1 layers 0-11, sum over the best dense, tuned", 8,
             sum(dense) / sum(row["ns_min"] for row in mobile) if mobile and all(dense) else None, "x",
             elsewhere="6.7x", digits=2)


def compiling(bars, folder):
    """From Google Benchmark's JSON of the compile benchmarks."""
    path = folder / "compile.json"
    found = {}
    if path.exists():
        for run in json.loads(path.read_text())["benchmarks"]:
            if not run.get("error_occurred"):
                found[run["name"].split("/")[0]] = run
    cold, disk = found.get("compile_cold", {}), found.get("compile_disk", {})

    def later(run):
        return f", later {run['least_ms']:.1f} ms" if "least_ms" in run else ""

    bars.add("compile to callable, 236 thousand nonzeros, cold, the process's first", 60, cold.get("first_ms"), " ms",
             elsewhere="minutes", most=True, digits=1, note=later(cold))
    bars.add("the same from the disk cache, the process's first such", 5, disk.get("first_ms"), " ms", most=True,
             digits=1, note=later(disk))
    rate = cold.get("emit_nnz_per_s")
    bars.add("nonzeros emitted a second, one core, millions", 3, rate / 1e6 if rate else None,
             elsewhere="0.016 (LLVM IR)", digits=1)
    bars.add("peak memory of the process that compiles it", 200, cold.get("peak_mb"), " MB", most=True, digits=0)


def peaks(folder):
    values = [row["fma_peak_gflops"] for path in folder.glob("*tuned.json") for row in read_rows(path)]
    return f"{min(values):.1f} to {max(values):.1f} GFLOP/s" if values else "not measured"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: is no folder; bench/run makes one under bench/results/")
    bars = Bars()
    shares(bars, options.folder)
    speedups(bars, options.folder)
    regimes.add_bars(bars, options.folder)
    compiling(bars, options.folder)
    text = f"FMA peak as measured beside each case: {peaks(options.folder)}.\n\n"
    text += table(["bar", "floor", "measured", "roof", "best elsewhere", "met"], bars.lines)
    if options.output:
        options.output.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()

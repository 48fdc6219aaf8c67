"""The regimes beyond 1x1 at large N (3x3, small N, depthwise, pairs of layers, two threads): the bars of each, and which rows belong to a
picture. A list X of bench/cases gives X.tuned.json."""
import re

from rows import best_sparse, geomean, of_layout, of_own_layout, read_rows, roof_of, speedup

CONV_SHARES = {90: {56: 0.84, 28: 0.90, 14: 0.82, 7: 0.72}, 95: {56: 0.68, 28: 0.84, 14: 0.67, 7: 0.54}}
STRIDED_SHARES = {28: 0.68, 14: 0.75, 7: 0.64}
# The two layers that N = 1's bars are about.
VECTOR_SHAPES = ((256, 1024), (2048, 512))


def tuned(folder, name):
    """The rows in the library's own layout."""
    return of_own_layout(read_rows(folder / f"{name}.tuned.json"))


def share(rows):
    return geomean(row["fraction_of_peak"] for row in rows)


def over_dense(rows):
    factors = [speedup(row) for row in rows]
    return geomean(factors) if factors and all(factors) else None


def over_peer(rows, name):
    """Of the layers that the peer did."""
    return geomean(row["peers"][name]["ns_min"] / row["ns_min"] for row in rows if name in row["peers"])


def over_best_peer(rows):
    peers = [best_sparse(row) for row in rows]
    return geomean(peer[1] / row["ns_min"] for peer, row in zip(peers, rows)) if peers and all(peers) else None


def of_output(rows, size):
    return [row for row in rows if row["conv"]["out"] == [size, size]]


def convolution(bars, folder):
    for percent, floors in CONV_SHARES.items():
        rows = tuned(folder, f"conv3x3_{percent}")
        for size, floor in floors.items():
            some = of_output(rows, size)
            bars.add(f"share of FMA peak, 3x3 at {size}x{size}, {percent} %, tuned", floor, share(some),
                     roof=roof_of(some))
    rows = tuned(folder, "conv3x3_90")
    bars.add("over the best dense convolution, 3x3, 90 %, tuned", 7.5, over_dense(rows), "x", digits=2,
             elsewhere="5-6x (DeepSparse)")
    direct = [dict(row, peers={name: time for name, time in row["peers"].items() if name != "onednn_winograd"})
              for row in rows]
    bars.add("the same without Winograd, which computes fewer products", None, over_dense(direct), "x", digits=2)
    bars.add("over DeepSparse's layer, 3x3, 90 %, tuned", 1.5, over_peer(rows, "deepsparse"), "x", digits=2)
    plain = of_layout(read_rows(folder / "conv3x3_90.tuned.json"), "plain")
    bars.add("DeepSparse again, from NCHW to NCHW: conversions included, as in its time", None,
             over_peer(plain, "deepsparse"), "x", digits=2)
    rows = tuned(folder, "conv3x3_s2_90")
    for size, floor in STRIDED_SHARES.items():
        some = of_output(rows, size)
        bars.add(f"share of FMA peak, 3x3 stride 2 to {size}x{size}, 90 %, tuned", floor, share(some),
                 roof=roof_of(some))
    rows = [row for row in tuned(folder, "depthwise") if row["conv"]["groups"] > 1 and row["conv"]["stride"] == [1, 1]]
    bars.add("depthwise 3x3 stride 1, MobileNetV1, share of the roofline", 0.6, roof_of(rows), digits=2)
    held = [row.get("layout_roofline_fraction") for row in rows]
    bars.add("the same with X and Y as strips hold them, halos included", None,
             geomean(held) if held and all(held) else None, digits=2)
    bars.add("the same over the best dense peer", None, over_dense(rows), "x", digits=2)


def pairs(bars, folder):
    rows = of_layout(read_rows(folder / "mobilenet_pairs_90.tuned.json"), "panel")
    times = {name: [row["peers"][name]["ns_min"] for row in rows] for name in ("two_calls", "always_fused")}
    own = [row["ns_min"] for row in rows]
    bars.add("depthwise and 1x1 in one call over two, MobileNetV1's pairs, 90 %, tuned", None,
             geomean(two / one for two, one in zip(times["two_calls"], own)), "x", digits=2)
    bars.add("the same of their sum", None, sum(times["two_calls"]) / sum(own) if own else None, "x", digits=2)
    bars.add("the same, block by block whatever the sizes", None,
             geomean(two / one for two, one in zip(times["two_calls"], times["always_fused"])), "x", digits=2)


def small_n(bars, folder):
    rows = tuned(folder, "n49_90")
    bars.add("share of FMA peak, 1x1 at N = 49, 90 %, tuned", 0.72, share(rows), roof=roof_of(rows), elsewhere="0.50")
    rows = tuned(folder, "n8_90")
    bars.add("N = 8, 90 %, over the best dense, tuned", 6, over_dense(rows), "x", digits=2, elsewhere="2.9x")
    bars.add("N = 8, 90 %, over the best sparse peer, tuned", 2, over_best_peer(rows), "x", digits=2)
    for percent, floor in ((90, 4.5), (95, 8)):
        rows = [row for row in tuned(folder, f"n1_{percent}") if (row["m"], row["k"]) in VECTOR_SHAPES]
        bars.add(f"N = 1, {percent} %, 256x1024 and 2048x512, over the best dense, tuned", floor, over_dense(rows), "x",
                 digits=2, elsewhere="1.65x" if percent == 90 else "")
        bars.add(f"N = 1, {percent} %, the same over MKL sparse", 2.5, over_peer(rows, "mkl_csr"), "x", digits=2)


def others(bars, folder):
    rows = tuned(folder, "large_90")
    bars.add("share of FMA peak, 1x1, N = 3136, K = 1024, 90 %, tuned", 0.78, share(rows), roof=roof_of(rows),
             elsewhere="0.39")
    rows = of_layout(read_rows(folder / "rn50_1x1_90.avx2.json"), "panel")
    bars.add("AVX2 target, ResNet-50 1x1, 90 %, share of its FMA peak, tuned", 0.62, share(rows))
    one, two = (of_layout(read_rows(folder / f"threads.{count}.json"), "panel") for count in ("one", "two"))
    bars.add("two threads over one, N >= 196, 90 %, tuned", 1.9,
             geomean(a["ns_min"] / b["ns_min"] for a, b in zip(one, two)) if len(one) == len(two) else None, "x",
             digits=2)


def plan_quality(path):
    """(untuned, tuned): means of the best candidate's time over the chosen one's; None when not measured."""
    found = re.search(r"geometric mean of \d+ cases: model ([\d.]+), tuned ([\d.]+)",
                      path.read_text() if path.exists() else "")
    return (float(found[1]), float(found[2])) if found else (None, None)


def planning(bars, folder):
    for tuned_too, floor, value in zip(("untuned", "tuned"), (0.93, 0.98), plan_quality(folder / "plan_quality.txt")):
        bars.add(f"best of all candidates over the planner's choice, ResNet-50 1x1, 90 %, {tuned_too}", floor, value)
    for row in of_layout(read_rows(folder / "cold_90.cold.json"), "panel"):
        bars.add(f"cold caches, {row['m']}x{row['k']} at N = {row['n']}, 90 %, over the best dense", None, speedup(row),
                 "x", digits=2)
    untuned, _ = plan_quality(folder / "plan_quality_cold.txt")
    bars.add("cold caches, the same, best form over the planner's choice, untuned", 0.95, untuned)


def add_bars(bars, folder):
    convolution(bars, folder)
    pairs(bars, folder)
    small_n(bars, folder)
    others(bars, folder)
    planning(bars, folder)


def by_n(row):
    return f"N = {row['n']}"


def by_output(row):
    conv = row["conv"]
    return f"{conv['out'][0]}x{conv['out'][1]}" + (f" stride {conv['stride'][0]}" if conv["stride"][0] > 1 else "")


# Pictures: name, title, the lists that they show, and what a line stands for.
PICTURES = (
    ("regime_1x1", "1x1 layers by N", [f"rn50_1x1_{p}" for p in (80, 90, 95, 98)] + ["n49_90"], by_n),
    ("regime_3x3", "3x3 layers by output size", [f"conv3x3_{p}" for p in (80, 90, 95, 98)] + ["conv3x3_s2_90"],
     by_output),
    ("regime_small_n", "small N", [f"n{n}_{p}" for n in (1, 8) for p in (80, 90, 95)] + ["n49_90"], by_n),
)

"""The rows that `sparsmith bench --json` writes, those of peers_python.py merged in, and what the scripts compute from
them."""
import json
import math
import pathlib

# Peers that multiply zeros; "best dense" is the fastest of those that ran.
DENSE = ("own_dense", "openblas", "onednn", "mkl", "eigen_dense", "xnnpack_dense", "onednn_conv", "onednn_winograd",
         "onednn3_conv", "xnnpack_conv", "im2col_openblas", "openvino")
PERCENTS = (80, 90, 95, 98)


def read_rows(path):
    """The rows of a file, [] when it isn't there; X.json and X.mode.json with the times that X.python.json adds."""
    path = pathlib.Path(path)
    rows = _read_array(path)
    added = {}
    for row in _read_array(path.parent / f"{path.name.split('.')[0]}.python.json"):
        added.setdefault(_measured(row), {}).update(row["peers"])
    for row in rows:
        row["peers"].update(added.get(_measured(row), {}))
    return rows


def _measured(row):
    """What a row is about, whoever measured it and wherever the data lay."""
    return pathlib.Path(row["file"]).parts[-2:], row["n"], row.get("threads", 1), json.dumps(row.get("conv"))


def _read_array(path):
    if not path.exists():
        return []
    rows = json.loads(path.read_text())
    if not isinstance(rows, list):
        raise SystemExit(f"{path}: is not the array of rows that `sparsmith bench --json` writes")
    return rows


def of_layout(rows, layout):
    return [row for row in rows if row["layout"] == layout]


def of_own_layout(rows):
    """In the library's own packed layout; a vector (N = 1) as it is, which is packed already."""
    return [row for row in rows if row["layout"] == ("plain" if row["n"] == 1 else "panel")]


def geomean(values):
    values = list(values)
    if not values:
        return None
    return math.exp(sum(math.log(value) for value in values) / len(values))


def sparsity(row):
    return 1 - row["nnz"] / (row["m"] * row["k"])


def best_dense_ns(row):
    times = [time["ns_min"] for name, time in row["peers"].items() if name in DENSE]
    return min(times) if times else None


def best_sparse(row):
    """The fastest of the other libraries that skip zeros: (name, ns); None when none ran."""
    times = [(time["ns_min"], name) for name, time in row["peers"].items() if name not in DENSE]
    return min(times)[::-1] if times else None


def speedup(row):
    """Over the best dense of the same run; None when none ran."""
    dense = best_dense_ns(row)
    return dense / row["ns_min"] if dense else None


def roof_of(rows):
    shares = [row.get("roofline_fraction") for row in rows]
    return geomean(shares) if shares and all(shares) else None


def layer(row):
    """A short name: r50 files say `bottleneck_1_block_group3_1_1`, shown as `g3.1 reduce`."""
    name = pathlib.Path(row["file"]).stem
    kinds = {"bottleneck_1_": "reduce", "bottleneck_2_": "3x3", "bottleneck_3_": "expand",
             "bottleneck_projection_": "project"}
    for prefix, kind in kinds.items():
        rest = name.removeprefix(prefix)
        if rest == name:
            continue
        if rest.startswith("block_group_projection_block_group"):
            return f"g{rest[-1]}.0 {kind}"
        group, block = rest.removeprefix("block_group").split("_")[:2]
        return f"g{group}.{block} {kind}"
    return name


def table(header, lines):
    """A markdown table; the first column is text, the others numbers."""
    rule = [":--"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, rule, *lines]) + "\n"

#!/usr/bin/env python3
"""Fits the constants of src/plan/cost_model.cpp to measured candidates.

    sparsmith_plan_quality --csv rows.csv bench/cases/rn50_1x1_90.txt ...
    bench/fit_cost_model.py rows.csv... [--form sparse|compact] [--l1 KIB] [--l2 KIB]

Non-negative least squares on relative errors over the candidates of a form in panel layout; needs numpy and scipy. The
terms are those of predict_ns and predict_compact_ns; a constant that comes out as 0 couldn't be told from the others by these rows.
"""
import argparse
import csv

import numpy
from scipy.optimize import nnls


def ramp(size, low, high):
    return min(1.0, max(0.0, (size - low) / (high - low)))


def terms(row, l1, l2):
    """What each constant is multiplied by for one measured candidate."""
    number = {key: float(value) for key, value in row.items() if key not in ("file", "layout", "form")}
    m, k, nnz, tiles, loads, code = (number[key] for key in ("m", "k", "nnz", "tiles", "x_loads", "code"))
    panels = -(-number["n"] // 16)
    k_block, n_block = number["k_block"] or k, min(number["n_block"] or panels, panels)
    k_blocks, n_blocks = -(-k // k_block), -(-panels // n_block)
    group, inner = number["group"], number["inner"]
    groups = -(-tiles // group) if group else tiles
    calls = -(-panels // inner) if group else n_blocks
    x_block, y_block = min(k_block, k) * 64 * n_block, m * 64 * n_block
    from_l1 = (x_block <= 0.75 * l1 and tiles > 1) or group > 0
    again = min(groups * k, loads) if group else loads
    far = ramp(x_block + y_block, 0.75 * l2, 1.25 * l2)
    beyond = ramp((m + k) * 64 * panels, 0.75 * l2, 1.25 * l2)
    wide = y_block > 256 * 1024 and not group
    lines = panels * m * beyond * (0.82 if number["prefetch"] else 1)
    misses = ramp(code + 4 * nnz + x_block, 0.5 * l2, l2)
    return {
        "fma": panels * nnz,
        "x_l1": panels * loads * from_l1 - panels * again * (group > 0),
        "x_l2": panels * loads * (not from_l1) + panels * again * (group > 0),
        "x_far": panels * again * far,
        "row": panels * m,
        "reload": panels * m * (k_blocks - 1),
        "call": calls * tiles * k_blocks,
        "y_ordered": lines * (not number["cluster"]),
        "y_scattered": lines * bool(number["cluster"] and not wide),
        "y_scattered_wide": lines * bool(number["cluster"] and wide),
        "x_stream": panels * k * beyond * (1 - far),
        "code_byte": code * n_blocks * (code > 48 * 1024),
        "code_byte_far": code * n_blocks * misses,
    }


def compact_terms(row, l1, l2):
    """The same for a candidate of the compact form: the terms of predict_compact_ns."""
    m, k, nnz, panels_per_pass, k_block = (float(row[key]) for key in ("m", "k", "nnz", "panels", "k_block"))
    panels = -(-float(row["n"]) // 16)
    passes = -(-panels // panels_per_pass)
    depth = min(k_block or k, k)
    rows = m + min(m * (-(-k // depth) - 1), nnz)
    x_block = depth * 64 * panels / passes
    return {
        "compact_step": passes * nnz,
        "compact_fma": panels * nnz,
        "compact_x_l2": panels * nnz * ramp(x_block, 0.5 * l1, 4 * l1),
        "x_far": panels * nnz * ramp(x_block, 0.75 * l2, 1.25 * l2),
        "compact_row": passes * rows,
        "compact_row_vector": panels * rows,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--l1", type=float, default=48, help="KiB")
    parser.add_argument("--l2", type=float, default=2048, help="KiB")
    parser.add_argument("--form", choices=("sparse", "compact"), default="sparse")
    options = parser.parse_args()
    rows = []
    for name in options.rows:
        with open(name, newline="") as file:
            rows += [row for row in csv.DictReader(file) if row["form"] == options.form and row["layout"] == "panel" and row["lanes"] == "16"]
    terms_of = terms if options.form == "sparse" else compact_terms
    found = [terms_of(row, options.l1 * 1024, options.l2 * 1024) for row in rows]
    times = numpy.array([float(row["ns"]) for row in rows])
    names = list(found[0])
    matrix = numpy.array([[one[name] for name in names] for one in found]) / times[:, None]
    constants, _ = nnls(matrix, numpy.ones(len(rows)))
    for name, constant in zip(names, constants):
        print(f"{name:18} {constant:.4f}")
    errors = matrix @ constants - 1
    print(f"{len(rows)} candidates, root mean square error {numpy.sqrt(numpy.mean(errors ** 2)):.3f}")


if __name__ == "__main__":
    main()

"""The table of bench/models, and the ratios its bars are about."""
import model_set
from rows import table

ENGINES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "deepsparse": "DeepSparse", "litert": "LiteRT"}
# Engines that multiply zeros.
DENSE = ("onnxruntime", "openvino", "litert")
# A twin may take this much longer than the best engine.
TWIN_LIMIT = 1.1
# Least gain over one thread and batch 1 by (threads, batch).
SCALING = {(2, 1): 1.85, (1, 8): 1.0}


def least(row, engine):
    """Nanoseconds; None when it has no times, or is ours and wrong."""
    entry = row["engines"].get(engine, {})
    wrong = engine.startswith("sparsmith") and entry.get("verified") is False
    return None if "failed" in entry or wrong else entry.get("min_ns")


def speedup(row, over):
    """Sparsmith's over "best_dense", "best" or an engine; None when either wasn't measured."""
    own = least(row, "sparsmith")
    engines = {"best_dense": DENSE, "best": tuple(ENGINES)}.get(over, (over,))
    times = [time for time in (least(row, engine) for engine in engines) if time]
    return min(times) / own if own and times else None


def scaling(row):
    """Images a second over those with one thread and batch 1 in the same run; None when not measured."""
    own, alone = least(row, "sparsmith"), least(row, "sparsmith_alone")
    if not own or not alone:
        return None
    return row["batch"] * alone / own


def bars(row):
    """(name, measured or None, limit, met) of each bar that the row is about."""
    result = []
    if row["kind"] == "dense":
        if (row["threads"], row["batch"]) == (1, 1):
            ratio = speedup(row, "best")
            taken = 1 / ratio if ratio else None
            result.append(("time over the best engine", taken, TWIN_LIMIT, taken is not None and taken <= TWIN_LIMIT))
        return result
    if (row["threads"], row["batch"]) == (1, 1):
        names = {"best_dense": "over the best dense", "deepsparse": "over DeepSparse", "best": "over the best"}
        for over, floor in model_set.NETWORKS[row["model"]].floors.items():
            ratio = speedup(row, over)
            result.append((names[over], ratio, floor, ratio is not None and ratio >= floor))
    floor = SCALING.get((row["threads"], row["batch"]))
    if floor:
        ratio = scaling(row)
        result.append(("images a second over one thread, batch 1", ratio, floor, ratio is not None and ratio >= floor))
    return result


def _time(row, engine):
    entry = row["engines"].get(engine)
    if entry is None:
        return ""
    if "failed" in entry:
        return "aborts" if entry["failed"].startswith("aborts") else "not measured"
    mark = " **wrong**" if engine == "sparsmith" and not entry["verified"] else "*" if "on_model" in entry else ""
    return f"{_ms(entry['min_ns'])} ({_ms(entry['median_ns'])}){mark}"


def _ms(ns):
    return f"{ns / 1e6:.3g}" if ns < 1e9 else f"{ns / 1e6:.0f}"


def _ratio(value):
    return "" if value is None else f"{value:.2f}x"


def _name(row):
    name = model_set.NETWORKS[row["model"]].title + (", dense twin" if row["kind"] == "dense" else "")
    if row["threads"] > 1:
        name += f", {row['threads']} threads"
    return name + (f", batch {row['batch']}" if row["batch"] > 1 else "")


def _times_table(rows):
    engines = [engine for engine in ENGINES if any(engine in row["engines"] for row in rows)]
    lines = []
    for row in rows:
        lines.append([_name(row), f"{100 - 100 * row['nonzeros'] / row['weights']:.1f} %", _time(row, "sparsmith"),
                      *(_time(row, engine) for engine in engines), _ratio(speedup(row, "best_dense")),
                      _ratio(speedup(row, "deepsparse"))])
    header = ["ms", "zeros", "Sparsmith", *(ENGINES[e] for e in engines), "over the best dense", "over DeepSparse"]
    return table(header, lines)


def _bars_table(rows):
    lines = []
    for row in rows:
        for name, value, limit, met in bars(row):
            relation = "<=" if "time over" in name else ">="
            measured = "not measured" if value is None else _ratio(value)
            lines.append([f"{_name(row)}: {name}", f"{relation} {limit:g}x", measured,
                          "" if value is None else "yes" if met else "**no**"])
    return table(["bar", "limit", "measured", "met"], lines)


def _own_table(rows):
    lines = []
    for row in rows:
        entry = row["engines"].get("sparsmith", {})
        if "min_ns" in entry:
            lines.append([_name(row), f"{entry['compile_cold_s']:.2f}", f"{entry['compile_warm_s']:.2f}",
                          f"{entry['artifact_bytes'] / 1e6:.1f}", f"{entry['load_ns'] / 1e6:.1f}",
                          f"{entry['peak_activation_bytes'] / 1e6:.2f}", f"{entry['max_error']:.1e}"])
    if not lines:
        return "Sparsmith is not measured here.\n"
    header = ["Sparsmith", "compile, s", "again, s", "artifact, MB", "load, ms", "peak activations, MB", "error"]
    return table(header, lines)


def _notes(rows):
    """What the table's marks stand for: each reason once, with the rows that it is about."""
    where = {}
    for row in rows:
        for engine, entry in row["engines"].items():
            title = ENGINES.get(engine, "Sparsmith")
            if "on_model" in entry:
                where.setdefault(f"{title} {entry['on_model']}; its time, marked *, is that of a variant which "
                                 "computes the same", []).append(row)
            if "failed" in entry:
                where.setdefault(f"{title}: {entry['failed']}", []).append(row)
            elif entry.get("verified") is False:
                where.setdefault(f"{title}'s outputs differ by {entry['max_error']:.1e}", []).append(row)
    return "".join(f"* {'; '.join(map(_name, about))}: {reason}.\n" for reason, about in where.items())


def _versions(rows):
    entries = [entry for row in rows for entry in row["engines"].values()]
    return ", ".join(sorted({entry["version"] for entry in entries if "version" in entry}))


def report(about, rows):
    tuned = "" if about["tuned"] else ", not tuned"
    return f"""# Whole networks
{about['cpu']}, {about['date'][:10]}, commit {about['commit']}; {_versions(rows)}.
Milliseconds a call, fp32, pinned, minima of {about['rounds']} interleaved rounds (medians of their medians){tuned}.
Every engine's outputs were compared with ONNX Runtime's first. Dense twins: the network before pruning where that is
known, else its zeros replaced by small values.

{_times_table(rows)}
{_notes(rows)}
## Bars

{_bars_table(rows)}
## Artifacts

{_own_table(rows)}"""

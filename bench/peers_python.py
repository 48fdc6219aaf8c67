#!/usr/bin/env python3
"""Times single layers in engines that take only whole models, each in a virtual environment of its own:

    bench/peers_python.py bench/cases/LIST.txt -o ROWS.json [--peers all|openvino,deepsparse] [--budget MS]

A layer becomes an ONNX model of one convolution (a product: a 1x1 one) with the list's sparse weights; its result is
checked against numpy in double, then it is timed through the engine's own Python call, NCHW in and out, so the engine's
conversions are in its time. The rows are those of `sparsmith bench --json` with the engine's times under "peers";
summarize.py and plot.py merge ROWS.json = X.python.json into X.json. `scripts/setup-peers` makes the environments; an
engine that is absent is named."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from case_lists import ListError, read_list
from sampling import sample

ENGINES = ("openvino", "deepsparse")
HERE = pathlib.Path(__file__).resolve().parent
# As in `sparsmith bench`: others may sum with fewer bits, but not to other numbers.
ERROR_LIMIT = 1e-3
ROUNDS = 3  # over the whole list: a slow moment of the machine then hits no layer in all its samples


def load_weights(case, numpy):
    """OIHW weights; patterns without values get seeded normal ones."""
    path = pathlib.Path(case.file)
    if path.suffix == ".npy":
        w = numpy.load(path).astype(numpy.float32)
    elif path.suffix == ".smtx":
        with path.open() as file:
            rows, cols, nnz = (int(part) for part in file.readline().split(","))
            offsets = numpy.array(file.readline().split(), dtype=numpy.int64)
            columns = numpy.array(file.readline().split(), dtype=numpy.int64)
        if len(offsets) != rows + 1 or len(columns) != nnz:
            raise ValueError(f"{path}: its header doesn't fit what follows")
        w = numpy.zeros((rows, cols), dtype=numpy.float32)
        values = numpy.random.default_rng(1).standard_normal(nnz, dtype=numpy.float32)
        w[numpy.repeat(numpy.arange(rows), numpy.diff(offsets)), columns] = values
    else:
        raise ValueError(f"{path}: only .npy and .smtx are read here")
    if w.ndim == 4:
        return w
    conv = case.conv
    if conv is None:
        return w.reshape(w.shape[0], -1, 1, 1)
    channels = conv.channels // conv.groups
    if conv.k_order == "hwc":
        return w.reshape(w.shape[0], *conv.kernel, channels).transpose(0, 3, 1, 2).copy()
    return w.reshape(w.shape[0], channels, *conv.kernel)


def geometry(case, weights):
    """The convolution; a product's N columns become an image, as square as N allows."""
    from case_lists import Conv
    if case.conv:
        return case.conv
    height = max(h for h in range(1, int(case.n**0.5) + 1) if case.n % h == 0)
    return Conv(weights.shape[1], height, case.n // height)


def expected(conv, w, x, numpy):
    """The convolution and its terms' magnitudes in double, a product for each tap."""
    out_h, out_w = conv.out()
    top, left, bottom, right = conv.pad
    padded = numpy.pad(x.astype(numpy.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    w = w.astype(numpy.float64)
    value = numpy.zeros((conv.batch, w.shape[0], out_h * out_w))
    magnitude = numpy.zeros_like(value)
    rows, channels = w.shape[0] // conv.groups, conv.channels // conv.groups
    for kh in range(conv.kernel[0]):
        for kw in range(conv.kernel[1]):
            y0, x0 = kh * conv.dilation[0], kw * conv.dilation[1]
            patch = padded[:, :, y0:y0 + (out_h - 1) * conv.stride[0] + 1:conv.stride[0],
                           x0:x0 + (out_w - 1) * conv.stride[1] + 1:conv.stride[1]]
            patch = patch.reshape(conv.batch, conv.channels, -1)
            for g in range(conv.groups):
                tap = w[g * rows:(g + 1) * rows, :, kh, kw]
                part = patch[:, g * channels:(g + 1) * channels]
                value[:, g * rows:(g + 1) * rows] += tap @ part
                magnitude[:, g * rows:(g + 1) * rows] += abs(tap) @ abs(part)
    return value, magnitude


def make_model(conv, w, path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [conv.batch, conv.channels, conv.height, conv.width])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [conv.batch, w.shape[0], *conv.out()])
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=conv.kernel, strides=conv.stride, pads=conv.pad,
                            dilations=conv.dilation, group=conv.groups)
    graph = helper.make_graph([node], "layer", [x], [y], [numpy_helper.from_array(w, "w")])
    # Versions that the oldest of the engines reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


def open_openvino(path, x, threads):
    """A function that runs the model and returns y."""
    import openvino
    # fp32 is asked for: on CPUs with AMX the default is bf16.
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
               "INFERENCE_PRECISION_HINT": "f32"}
    core = openvino.Core()
    request = core.compile_model(core.read_model(path), "CPU", options).create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))

    def run(_owner=x):  # the request doesn't keep the tensor's memory alive
        request.infer()
        return request.get_output_tensor().data
    return run, f"OpenVINO {openvino.__version__}"


def open_deepsparse(path, x, threads):
    import deepsparse
    engine = deepsparse.Engine(path, batch_size=x.shape[0], num_cores=threads)
    return lambda: engine.run([x], val_inp=False)[0], f"DeepSparse {deepsparse.__version__}"


def prepare(engine, case, threads, folder):
    """A row without times and the function to time; ValueError when the engine's result is wrong."""
    import numpy
    w = load_weights(case, numpy)
    conv = geometry(case, w)
    if w.shape[1:] != (conv.channels // conv.groups, *conv.kernel):
        raise ValueError(f"weights {list(w.shape)} don't fit the convolution")
    x = numpy.random.default_rng(2).uniform(-1, 1, (conv.batch, conv.channels, conv.height, conv.width))
    x = numpy.ascontiguousarray(x.astype(numpy.float32))
    path = str(folder / "layer.onnx")
    make_model(conv, w, path)
    run, version = {"openvino": open_openvino, "deepsparse": open_deepsparse}[engine](path, x, threads)
    value, magnitude = expected(conv, w, x, numpy)
    error = abs(numpy.array(run()).reshape(value.shape) - value) / numpy.maximum(magnitude, 1e-30)
    error[(magnitude == 0) & (error == 0)] = 0
    if not error.max() <= ERROR_LIMIT:
        raise ValueError(f"its result is wrong, relative error {error.max():.3g}")
    row = {"file": case.file, "op": "conv" if case.conv else "gemm", "m": w.shape[0], "k": int(w[0].size),
           "nnz": int(numpy.count_nonzero(w)), "n": case.n, "dtype": "fp32", "threads": threads, "layout": "model",
           "max_rel_error": float(error.max()), "version": version, "peers": {}}
    if case.conv:
        row["conv"] = {"channels": conv.channels, "height": conv.height, "width": conv.width, "kernel": conv.kernel,
                       "stride": conv.stride, "pad": conv.pad, "dilation": conv.dilation, "groups": conv.groups,
                       "batch": conv.batch, "out": conv.out()}
    return row, run


def run_engine(engine, cases, threads, budget_ms):
    """The rows of one engine, in its own environment; what is left out is named on stderr."""
    prepared = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            try:
                prepared.append((*prepare(engine, case, threads, pathlib.Path(folder)), []))
            except ImportError:
                raise
            except Exception as error:  # an engine's own errors are of any type
                print(f"{engine} leaves out {case.file} n={case.n}: {str(error).splitlines()[0]}", file=sys.stderr)
    for _ in range(ROUNDS):
        for _, run, times in prepared:
            times += sample(run, budget_ms / ROUNDS)
    rows = []
    for row, _, times in prepared:
        times.sort()
        row["peers"][engine] = {"ns_min": float(times[0]), "ns_median": float(times[len(times) // 2])}
        rows.append(row)
    return rows


def start_process(engine, python, options, only=None):
    """This script in the engine's environment: its rows, its exit status and what it said last."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "rows.json"
        command = [python, __file__, options.list, "-o", output, "--engine", engine, "--threads", str(options.threads),
                   "--budget", str(options.budget)]
        done = subprocess.run(command + (["--only", str(only)] if only is not None else []),
                              env={**os.environ, "NM_DISABLE_ANALYTICS": "1"}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        lines = done.stderr.strip().splitlines() or ["without a message"]
        for line in lines:
            if line.startswith(f"{engine} leaves out"):
                print(line, file=sys.stderr)
        rows = json.loads(output.read_text()) if done.returncode == 0 else []
    return rows, done.returncode, lines[-1]


def start_engine(engine, cases, options):
    """The rows of an engine, [] when it is absent; the reason goes to stderr."""
    python = options.venvs / f".venv-{engine}" / "bin" / "python"
    if not python.exists():
        print(f"peer {engine}: absent, {python} is missing; scripts/setup-peers makes it", file=sys.stderr)
        return []
    rows, status, why = start_process(engine, python, options)
    if status < 0:  # a signal: it died of one of the layers, so each gets a process
        for i, case in enumerate(cases):
            some, status, why = start_process(engine, python, options, only=i)
            rows += some
            if status != 0:
                print(f"{engine} leaves out {case.file} n={case.n}: it ended with status {status}, {why}",
                      file=sys.stderr)
    elif status > 0:
        print(f"peer {engine}: absent, it ended with status {status}: {why}", file=sys.stderr)
    if rows:
        print(f"peer {engine}: {rows[0]['version']}, model of one layer", file=sys.stderr)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=pathlib.Path, help="a case list")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--peers", default="all", help="all, none, or names by commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=60, help="timed milliseconds for each layer and engine")
    parser.add_argument("--venvs", type=pathlib.Path, default=HERE.parent, help="where .venv-openvino and others lie")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        cases = read_list(options.list)
    except (ListError, OSError) as error:
        sys.exit(str(error))
    missing = {case.file for case in cases if not pathlib.Path(case.file).exists()}
    if missing:
        sys.exit(f"{min(missing)}: no such file; lists are read relative to $SPARSMITH_DATA")
    if options.engine:
        if options.only is not None:
            cases = cases[options.only:options.only + 1]
        rows = run_engine(options.engine, cases, options.threads, options.budget)
    else:
        # Names of C++ peers may be in the list too: it is the one given to `sparsmith bench`.
        names = options.peers.split(",")
        rows = [row for engine in ENGINES if options.peers == "all" or engine in names
                for row in start_engine(engine, cases, options)]
    options.output.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()

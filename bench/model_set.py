#!/usr/bin/env python3
"""The whole networks that bench/models measures, and how each comes about: as a file, from a script, or from another
network. Making one needs onnx, onnxruntime and numpy (.venv-onnxruntime), so bench/models starts this as a program:

    model_set.py NAME pruned|dense --batch B --folder DIR --data SHARED

writes model.onnx, input.npz and expected.npz (onnxruntime's outputs) and variants that engines may need into DIR, and
prints what they are as JSON. What is made already stays."""
import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEED = 1


@dataclasses.dataclass(frozen=True)
class Network:
    """`pruned` and `dense` are files in SHARED/models, or commands whose {output}, {models} and {dlmc} are filled in;
    no `dense`: the pruned network with its zeros filled. `floors`: least speed-ups over "best_dense", "deepsparse",
    "best" of all. `regimes`: (threads, batch) to measure the pruned network at besides (1, 1)."""
    title: str
    pruned: str | list[str]
    dense: str | list[str] | None = None
    io: str | None = None  # arrays by tensor name, the first axis counts samples
    floors: dict = dataclasses.field(default_factory=dict)
    regimes: tuple = ()
    tflite: str | None = None  # the original, in the LiteRT environment's site-packages


def _resnet(percent):
    return ["{models}/resnet50_dlmc.py", "{dlmc}/rn50/magnitude_pruning/0." + percent, "{output}"]


def _minilm(sparsity):
    return [str(ROOT / "examples/minilm/export.py"), "{output}", "--sparsity", sparsity]


NETWORKS = {
    "mobilenet_v1_90": Network("MobileNetV1 90 %", "mobilenet_v1_90.onnx", io="mobilenet_v1_90.io.npz",
                               floors={"best_dense": 4.5, "deepsparse": 1.5}, regimes=((1, 8),)),
    "resnet50_90": Network("ResNet-50 90 %, DLMC patterns", _resnet("9"), floors={"best_dense": 5.5, "deepsparse": 2.2},
                           regimes=((2, 1), (1, 8))),
    "resnet50_80": Network("ResNet-50 80 %, DLMC patterns", _resnet("8")),
    "resnet50_95": Network("ResNet-50 95 %, DLMC patterns", _resnet("95")),
    "pose_detection_75": Network("pose detector 75 %", "pose_detection_75.onnx", io="pose_detection_75.io.npz",
                                 floors={"best": 2.2},
                                 tflite="mediapipe/modules/pose_detection/pose_detection.tflite"),
    "squeezenet_dc_33": Network("SqueezeNet Deep Compression", "squeezenet_dc_33.onnx", io="squeezenet_dc_33.io.npz",
                                floors={"best_dense": 1.6}),
    "minilm_90": Network("MiniLM encoder 90 %, 128 tokens", _minilm("0.9"), _minilm("0"),
                         floors={"best_dense": 3.5, "deepsparse": 1.3}),
    "lenet300_90": Network("LeNet-300-100 90 %", "mnist_lenet300_mag90.onnx", "mnist_lenet300_dense.onnx",
                           floors={"best": 5.0}),
}
# Twins of these would be the same network as another's.
WITHOUT_TWIN = ("resnet50_80", "resnet50_95")


def cases(names, threads=None, batches=None):
    """(name, kind, threads, batch): each network and its twin at one thread and batch 1, then the other regimes; with
    `threads` or `batches` given, all of those instead."""
    result = []
    for name in names:
        regimes = ((1, 1), *NETWORKS[name].regimes)
        if threads or batches:
            regimes = tuple((t, b) for t in threads or (1,) for b in batches or (1,))
        for t, b in regimes:
            result.append((name, "pruned", t, b))
            if name not in WITHOUT_TWIN and (threads or batches or (t, b) == (1, 1)):
                result.append((name, "dense", t, b))
    return result


def obtain(network, kind, data, path):
    """The network as it comes, batch 1 or any."""
    import onnx
    source = network.dense if kind == "dense" and network.dense else network.pruned
    if isinstance(source, str):
        return onnx.load(data / "models" / source)
    words = [word.format(output=path, models=data / "models", dlmc=data / "data/dlmc") for word in source]
    subprocess.run([sys.executable, *words], check=True, stdout=sys.stderr)
    return onnx.load(path)


def weights_of(model):
    """The initialisers that are weights of convolutions and products."""
    names = {name for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul") for name in node.input[:2]}
    return [t for t in model.graph.initializer if t.name in names and len(t.dims) > 1]


def fill_zeros(model):
    """The dense twin: values too small to change what the network computes much, or to be subnormal."""
    import numpy
    from onnx import numpy_helper
    rng = numpy.random.default_rng(SEED)
    for tensor in weights_of(model):
        w = numpy_helper.to_array(tensor).copy()
        zeros = w == 0
        if zeros.any() and not zeros.all():
            level = 1e-3 * numpy.sqrt(numpy.mean(w[~zeros].astype(numpy.float64)**2))
            w[zeros] = (level * (1 + rng.random(int(zeros.sum())))).astype(w.dtype)
            tensor.CopyFrom(numpy_helper.from_array(w, tensor.name))


def set_batch(model, batch):
    """Fixes the first dimension of inputs and outputs; constant shapes of Reshape that begin with 1 copy theirs."""
    import numpy
    from onnx import numpy_helper
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for tensor in model.graph.initializer:
        if tensor.name in shapes and batch != 1:
            shape = numpy_helper.to_array(tensor).copy()
            if len(shape) > 1 and shape[0] == 1:
                shape[0] = 0
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    if batch != 1:
        del model.graph.value_info[:]


def open_batch(model):
    """Any batch, which Sparsmith chooses at run time; engines are faster where they are told."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def deepsparse_variant(model):
    """The same function for DeepSparse, which aborts on two things that it sees as one operation: a depthwise
    convolution directly before another, and a padded 1x1. A Clip that clips nothing keeps them apart. False: as it was.
    """
    import numpy
    from onnx import helper, numpy_helper
    graph, nodes, changed = model.graph, [], False

    def clip(name):
        nodes.append(helper.make_node("Clip", [name, "clip_low", "clip_high"], [name + "_clipped"]))
        return name + "_clipped"

    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type == "Conv":
            attributes = {a.name: a for a in node.attribute}
            before = makers.get(node.input[0])
            if before is not None and before.op_type == "Conv" and any(a.name == "group" and a.i > 1
                                                                       for a in before.attribute):
                node.input[0] = clip(node.input[0])
                changed = True
            pads = attributes["pads"].ints if "pads" in attributes else []
            if "kernel_shape" in attributes and list(attributes["kernel_shape"].ints) == [1, 1] and any(pads):
                amounts = numpy.array([0, 0, *pads[:2], 0, 0, *pads[2:]], numpy.int64)
                graph.initializer.append(numpy_helper.from_array(amounts, node.output[0] + "_pads"))
                padded = node.output[0] + "_padded"
                nodes.append(helper.make_node("Pad", [node.input[0], node.output[0] + "_pads"], [padded]))
                node.input[0] = clip(padded)
                pads[:] = [0] * 4
                changed = True
        nodes.append(node)
    for name, value in (("clip_low", -3e38), ("clip_high", 3e38)):
        graph.initializer.append(numpy_helper.from_array(numpy.array(value, numpy.float32), name))
    del graph.node[:]
    graph.node.extend(nodes)
    return changed


def inputs_of(model, io, batch):
    """The first samples of `io`, or seeded values: tokens for int64 (masks are of ones), else uniform in [-1, 1)."""
    import numpy
    rng = numpy.random.default_rng(SEED)
    result = {}
    constants = {t.name for t in model.graph.initializer}
    vocabulary = min((t.dims[0] for n in model.graph.node if n.op_type == "Gather" for t in model.graph.initializer
                      if t.name == n.input[0]), default=2)
    for value in model.graph.input:
        if value.name in constants:
            continue
        shape = [batch] + [d.dim_value for d in value.type.tensor_type.shape.dim][1:]
        if io is not None and value.name in io:
            samples = io[value.name]
            result[value.name] = numpy.ascontiguousarray(samples[numpy.arange(batch) % len(samples)])
        elif value.type.tensor_type.elem_type == 7:
            mask = value.name.endswith("mask")
            result[value.name] = numpy.ones(shape, numpy.int64) if mask else rng.integers(0, vocabulary, shape)
        else:
            result[value.name] = rng.uniform(-1, 1, shape).astype(numpy.float32)
    return result


def make(name, kind, batch, data, folder):
    import numpy
    import onnx
    import onnxruntime
    network = NETWORKS[name]
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / "about.json"
    if about.exists():
        return json.loads(about.read_text())
    path = folder / "model.onnx"
    model = obtain(network, kind, data, path)
    if kind == "dense" and not network.dense:
        fill_zeros(model)
    set_batch(model, batch)
    onnx.save(model, path)
    io = numpy.load(data / "models" / network.io) if network.io else None
    inputs = inputs_of(model, io, batch)
    numpy.savez(folder / "input.npz", **inputs)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    numpy.savez(folder / "expected.npz", **dict(zip(outputs, session.run(outputs, inputs))))
    weights = [onnx.numpy_helper.to_array(t) for t in weights_of(model)]
    made = {"model": str(path), "input": str(folder / "input.npz"), "expected": str(folder / "expected.npz"),
            "weights": sum(w.size for w in weights), "nonzeros": sum(int(numpy.count_nonzero(w)) for w in weights),
            # A final Sigmoid is compared on [0, 1], others relative to the largest output.
            "sigmoid": [o for n in model.graph.node if n.op_type == "Sigmoid" for o in n.output if o in outputs]}
    if deepsparse_variant(model):
        made["deepsparse_variant"] = str(folder / "deepsparse.onnx")
        onnx.save(model, folder / "deepsparse.onnx")
        model = onnx.load(path)
    if batch != 1:
        open_batch(model)
        made["open"] = str(folder / "open.onnx")
        onnx.save(model, folder / "open.onnx")
    about.write_text(json.dumps(made, indent=2) + "\n")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NETWORKS)
    parser.add_argument("kind", choices=("pruned", "dense"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    args = parser.parse_args()
    print(json.dumps(make(args.name, args.kind, args.batch, args.data, args.folder)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains the network that ships in examples/digits: a small CNN on scikit-learn's digits, pruned gradually by magnitude
while it trains on, as ONNX. About three minutes on one core:

    python3 -m venv .venv-train && .venv-train/bin/pip install jax numpy onnx scikit-learn
    .venv-train/bin/python scripts/train_digits_cnn.py

Written to examples/digits/:
    digits_cnn.onnx       [N, 1, 16, 16] -> logits [N, 10]; pruned weights as sparse_initializer
    digits_cnn.json       accuracies before and after, sparsity of every layer; also in the model's metadata_props
    test_images.npz       the test images under the name of the model's input
    test_labels.npy       the digits in them, as fp32
With --dense F also the network as it was before pruning, the dense twin."""
import argparse
import json
import os
import pathlib

# One thread: sums in the same order in every run.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

SIZE = 16  # the 8x8 images are doubled
EPSILON = 1e-5
BATCH = 64
# name: output channels, input channels of a group, kernel, stride, share of zeros at the end. First layer and depthwise
# ones stay dense, as usual: together they are 1 % of the weights.
CONVS = {
    "stem": (32, 1, 3, 1, 0.0),
    "block1_dw": (32, 1, 3, 2, 0.0),
    "block1_pw": (64, 32, 1, 1, 0.90),
    "block2_dw": (64, 1, 3, 1, 0.0),
    "block2_pw": (96, 64, 1, 1, 0.90),
    "block3": (96, 96, 3, 1, 0.93),
    "block4_dw": (96, 1, 3, 1, 0.0),
    "block4_pw": (128, 96, 1, 1, 0.90),
}
RESIDUAL = "block3"  # adds its input before its ReLU
CLASSES, CLASSIFIER_ZEROS = 10, 0.90
EPOCHS = {"dense": 25, "pruning": 30, "settling": 20}
RATE = 3e-3


def upscaled(images):
    """8x8 to 16x16, bilinear, pixel centres half way (as Resize's half_pixel does)."""
    at = np.clip((np.arange(SIZE) + 0.5) / 2 - 0.5, 0, 7)
    low = np.floor(at).astype(int)
    matrix = np.zeros((SIZE, 8), np.float32)
    for row, (position, first) in enumerate(zip(at, low)):
        matrix[row, first] += 1 - (position - first)
        matrix[row, min(first + 1, 7)] += position - first
    return np.einsum("ia,nab,jb->nij", matrix, images, matrix)[:, None].astype(np.float32)


def initial(rng):
    weights, running = {}, {}
    for name, (out, channels, kernel, _, _) in CONVS.items():
        fan_in = channels * kernel * kernel
        weights[name] = (rng.standard_normal((out, channels, kernel, kernel)) * np.sqrt(2 / fan_in)).astype(np.float32)
        weights[name + "_scale"], weights[name + "_shift"] = np.ones(out, np.float32), np.zeros(out, np.float32)
        running[name + "_mean"], running[name + "_var"] = np.zeros(out, np.float32), np.ones(out, np.float32)
    weights["classifier"] = (rng.standard_normal((CLASSES, out)) * np.sqrt(1 / out)).astype(np.float32)
    weights["classifier_bias"] = np.zeros(CLASSES, np.float32)
    return weights, running


def convolution(x, w, stride):
    """x [N, H, W, C], w as in ONNX."""
    out, channels, kernel, _ = w.shape
    pad, height, width = kernel // 2, x.shape[1], x.shape[2]
    if channels != 1 or x.shape[3] != out:
        return jax.lax.conv_general_dilated(x, w.transpose(2, 3, 1, 0), (stride, stride), [(pad, pad)] * 2,
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))
    # Depthwise: a sum over the taps, which XLA does faster than its grouped convolution.
    x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    return sum(x[:, i:i + height:stride, j:j + width:stride] * w[:, 0, i, j]
               for i in range(kernel) for j in range(kernel))


def forward(weights, running, x, training):
    """Logits, and the batch's means and variances when training."""
    statistics = {}
    x = x.transpose(0, 2, 3, 1)
    for name, (_, _, _, stride, _) in CONVS.items():
        y = convolution(x, weights[name], stride)
        if training:
            mean, var = y.mean(axis=(0, 1, 2)), y.var(axis=(0, 1, 2))
            statistics[name + "_mean"], statistics[name + "_var"] = mean, var
        else:
            mean, var = running[name + "_mean"], running[name + "_var"]
        y = (y - mean) * (weights[name + "_scale"] / jnp.sqrt(var + EPSILON)) + weights[name + "_shift"]
        x = jax.nn.relu(y + x if name == RESIDUAL else y)
    return x.mean(axis=(1, 2)) @ weights["classifier"].T + weights["classifier_bias"], statistics


@jax.jit
def train_step(state, masks, x, labels, rate):
    """Adam; the masks are held on the weights."""
    def loss(weights):
        logits, statistics = forward(weights, None, x, True)
        return -jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels].mean(), statistics
    weights, running, first, second, step = state
    slopes, statistics = jax.grad(loss, has_aux=True)(weights)
    step += 1
    first = {k: 0.9 * first[k] + 0.1 * g for k, g in slopes.items()}
    second = {k: 0.999 * second[k] + 0.001 * g * g for k, g in slopes.items()}
    weights = {k: w - rate * (first[k] / (1 - 0.9**step)) / (jnp.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
               for k, w in weights.items()}
    weights = {k: w * masks[k] if k in masks else w for k, w in weights.items()}
    running = {k: 0.9 * running[k] + 0.1 * v for k, v in statistics.items()}
    return weights, running, first, second, step


evaluate = jax.jit(lambda weights, running, x: forward(weights, running, x, False)[0])


def shifted(images, rng):
    """Each image moved by up to a pixel of the original."""
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    moves = rng.integers(0, 5, (len(images), 2))
    return np.stack([image[:, a:a + SIZE, b:b + SIZE] for image, (a, b) in zip(padded, moves)])


def mask(w, zeros):
    """Keeps the largest magnitudes."""
    keep = w.size - int(np.ceil(zeros * w.size - 1e-9))
    result = np.zeros(w.size, np.float32)
    result[np.argsort(-np.abs(np.asarray(w)), axis=None, kind="stable")[:keep]] = 1
    return result.reshape(w.shape)


def train(state, x, y, rng, goals):
    """The three phases one after the other; what was before pruning, and the end."""
    masks = {name: np.ones(state[0][name].shape, np.float32) for name in goals}
    for phase, epochs in EPOCHS.items():
        for epoch in range(epochs):
            if phase == "pruning":  # Zhu and Gupta's cubic: fast while much is redundant, slowly at the end
                progress = 1 - (1 - (epoch + 1) / epochs)**3
                masks = {name: mask(state[0][name] * masks[name], zeros * progress) for name, zeros in goals.items()}
            fade = 1.0 if phase == "pruning" else 0.5 * (1 + np.cos(np.pi * epoch / epochs))
            rate = RATE * fade * (1 if phase == "dense" else 0.5)
            order = rng.permutation(len(x))
            for begin in range(0, len(x) - BATCH + 1, BATCH):
                rows = order[begin:begin + BATCH]
                state = train_step(state, masks, shifted(x[rows], rng), y[rows], rate)
        if phase == "dense":
            before = state
    return before, state


def sparse(w, name):
    """COO with linear indices."""
    flat = w.reshape(-1)
    at = np.flatnonzero(flat).astype(np.int64)
    return helper.make_sparse_tensor(numpy_helper.from_array(flat[at], name), numpy_helper.from_array(at, name + "_at"),
                                     list(w.shape))


def to_onnx(weights, running, metadata):
    """Batch normalisation stays a node, as a training framework exports it."""
    arrays = {k: np.asarray(v) for k, v in {**weights, **running}.items()}
    nodes, x = [], "image"
    for name, (out, channels, kernel, stride, _) in CONVS.items():
        block = name + "_relu"
        group = out if channels == 1 and name != "stem" else 1
        nodes.append(helper.make_node("Conv", [x, name], [name + "_conv"], name + "_conv", group=group,
                                      kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4))
        nodes.append(helper.make_node("BatchNormalization",
                                      [name + "_conv", *(name + s for s in ("_scale", "_shift", "_mean", "_var"))],
                                      [name + "_bn"], name + "_bn", epsilon=EPSILON))
        y = name + "_bn"
        if name == RESIDUAL:
            nodes.append(helper.make_node("Add", [y, x], [name + "_sum"], name + "_sum"))
            y = name + "_sum"
        nodes.append(helper.make_node("Relu", [y], [block], block))
        x = block
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"], "flatten"))
    nodes.append(helper.make_node("Gemm", ["features", "classifier", "classifier_bias"], ["logits"], "classifier_gemm",
                                  transB=1))
    pruned = {name for name, w in arrays.items() if np.count_nonzero(w) < w.size / 2 and w.ndim > 1}
    graph = helper.make_graph(
        nodes, "digits_cnn", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(w, name) for name, w in arrays.items() if name not in pruned],
        sparse_initializer=[sparse(w, name) for name, w in arrays.items() if name in pruned])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                              producer_name="sparsmith train_digits_cnn")
    helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.checker.check_model(model)  # not full_check: its shape inference doesn't take sparse weights
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent.parent / "examples" / "digits"
    parser.add_argument("--output", type=pathlib.Path, default=default, help="folder (default: examples/digits)")
    parser.add_argument("--dense", type=pathlib.Path, help="also write the network before pruning here")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    digits = load_digits()
    images, labels = upscaled(digits.images / 16), digits.target.astype(np.int32)
    # The split of train_digits.py.
    x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.25, random_state=args.seed,
                                                        stratify=labels)
    weights, running = initial(rng)
    zeros = {k: np.zeros_like(v) for k, v in weights.items()}
    goals = {name: goal for name, (*_, goal) in CONVS.items() if goal} | {"classifier": CLASSIFIER_ZEROS}
    before, after = train((weights, running, zeros, zeros, 0), x_train, y_train, rng, goals)

    def accuracy(state):
        return round(float((np.asarray(evaluate(*state[:2], x_test)).argmax(axis=1) == y_test).mean()), 4)

    layers = {name: np.asarray(w) for name, w in after[0].items() if np.ndim(w) > 1}
    nonzeros = {name: int(np.count_nonzero(w)) for name, w in layers.items()}

    def sparsity(names):
        return round(1 - sum(nonzeros[n] for n in names) / sum(layers[n].size for n in names), 4)

    facts = {
        "data": "scikit-learn digits, 75/25 split, doubled to 16x16", "seed": args.seed,
        "test_images": len(y_test), "test_accuracy_dense": accuracy(before), "test_accuracy_pruned": accuracy(after),
        "weights": sum(w.size for w in layers.values()), "nonzeros": sum(nonzeros.values()),
        "sparsity_of_pruned_layers": sparsity(goals), "sparsity_of_all_weights": sparsity(layers),
    }
    out = args.output
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(to_onnx(*after[:2], facts), out / "digits_cnn.onnx")
    np.savez_compressed(out / "test_images.npz", image=x_test)
    np.save(out / "test_labels.npy", y_test.astype(np.float32))
    by_layer = {name: {"shape": list(w.shape), "nonzeros": nonzeros[name], "sparsity": sparsity([name])}
                for name, w in layers.items()}
    (out / "digits_cnn.json").write_text(json.dumps({**facts, "layers": by_layer}, indent=2) + "\n")
    if args.dense:
        onnx.save(to_onnx(*before[:2], {**facts, "twin": "before pruning"}), args.dense)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()

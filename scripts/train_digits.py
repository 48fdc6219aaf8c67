#!/usr/bin/env python3
"""Trains the layer that ships in examples/digits: an MLP 64-512-512-10 on scikit-learn's digits whose hidden 512x512
layer is pruned by magnitude to 90 % and retrained with the mask held.

    python3 -m venv .venv && .venv/bin/pip install numpy scikit-learn
    .venv/bin/python scripts/train_digits.py

Written to examples/digits/ (W is [out, in]; activations are columns, so the layer is relu(W x X + b)):
    hidden.npz          the pruned layer, scipy.sparse CSR, fp32
    hidden_bias.npy     its bias [512]
    activations.npy     its real input for the first test images [512, 128]
    output.npy, output_bias.npy    the layer behind it [10, 512], [10]
    labels.npy          the digits in those images [128], as fp32
    accuracy.json       accuracies before pruning, after it, and after retraining
"""
import argparse
import json
import os
import pathlib

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

SIZES = [64, 512, 512, 10]
HIDDEN = 1
SPARSITY = 0.9
BATCH = 64
COLUMNS = 128


def forward(weights, biases, x):
    """Activations of every layer, images as rows; the last are logits."""
    activations = [x]
    for layer, (w, b) in enumerate(zip(weights, biases)):
        x = x @ w.T + b
        if layer + 1 < len(weights):
            x = np.maximum(x, 0)
        activations.append(x)
    return activations


def gradients(weights, activations, labels):
    logits = activations[-1]
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    delta = p / len(labels)
    result = []
    for layer in reversed(range(len(weights))):
        result.append((delta.T @ activations[layer], delta.sum(axis=0)))
        if layer:
            delta = (delta @ weights[layer]) * (activations[layer] > 0)
    return result[::-1]


def train(weights, biases, x, y, rng, epochs, rate, mask=None):
    """Adam with cosine decay; `mask` is held on the hidden layer."""
    parameters = weights + biases
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    steps, step = epochs * -(-len(x) // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), BATCH):
            rows = order[begin:begin + BATCH]
            pairs = gradients(weights, forward(weights, biases, x[rows]), y[rows])
            step += 1
            lr = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for i, g in enumerate([w for w, _ in pairs] + [b for _, b in pairs]):
                first[i] += 0.1 * (g - first[i])
                second[i] += 0.001 * (g * g - second[i])
                update = (first[i] / (1 - 0.9**step)) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
                parameters[i] -= (lr * update).astype(np.float32)
            if mask is not None:
                weights[HIDDEN] *= mask


def accuracy(weights, biases, x, y):
    return float((forward(weights, biases, x)[-1].argmax(axis=1) == y).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent.parent / "examples" / "digits"
    parser.add_argument("--output", type=pathlib.Path, default=default)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.25,
                                                        random_state=args.seed, stratify=digits.target)
    weights = [(rng.standard_normal((o, i)) * np.sqrt(2 / i)).astype(np.float32) for i, o in zip(SIZES, SIZES[1:])]
    biases = [np.zeros(o, np.float32) for o in SIZES[1:]]

    train(weights, biases, x_train, y_train, rng, epochs=40, rate=1e-3)
    dense = accuracy(weights, biases, x_test, y_test)

    w = weights[HIDDEN]
    keep = w.size - int(round(SPARSITY * w.size))
    mask = np.zeros(w.size, np.float32)
    mask[np.argsort(-np.abs(w), axis=None, kind="stable")[:keep]] = 1
    mask = mask.reshape(w.shape)
    w *= mask
    pruned = accuracy(weights, biases, x_test, y_test)
    train(weights, biases, x_train, y_train, rng, epochs=40, rate=5e-4, mask=mask)
    retrained = accuracy(weights, biases, x_test, y_test)

    rows, columns = np.nonzero(w)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=w.shape[0]))]).astype(np.int32)
    batch = forward(weights, biases, x_test[:COLUMNS])
    out = args.output
    out.mkdir(parents=True, exist_ok=True)
    # The keys scipy.sparse.save_npz writes.
    np.savez_compressed(out / "hidden.npz", indices=columns.astype(np.int32), indptr=offsets,
                        format=np.array(b"csr"), shape=np.array(w.shape, np.int64), data=w[rows, columns])
    np.save(out / "hidden_bias.npy", biases[HIDDEN])
    np.save(out / "activations.npy", np.ascontiguousarray(batch[HIDDEN].T))
    np.save(out / "output.npy", weights[HIDDEN + 1])
    np.save(out / "output_bias.npy", biases[HIDDEN + 1])
    np.save(out / "labels.npy", y_test[:COLUMNS].astype(np.float32))
    report = {
        "network": "64-512-512-10, ReLU", "data": "scikit-learn digits, 75/25 split", "seed": args.seed,
        "hidden_sparsity": round(1 - len(columns) / w.size, 4), "hidden_nonzeros": len(columns),
        "test_images": len(y_test), "test_accuracy_dense": round(dense, 4),
        "test_accuracy_pruned": round(pruned, 4), "test_accuracy_retrained": round(retrained, 4),
        "correct_in_batch": int((batch[-1].argmax(axis=1) == y_test[:COLUMNS]).sum()), "batch": COLUMNS,
    }
    (out / "accuracy.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

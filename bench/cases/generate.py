#!/usr/bin/env python3
"""Writes the case lists beside it by rule; run again after changing a rule. A line is `<path> <n>`, the path relative
to $SPARSMITH_DATA/data.

ResNet-50 v1.5, image 224x224: groups 1..4 work at 56x56, 28x28, 14x14 and 7x7 positions; the first block of a group (its
"projection block") takes its input at the resolution of the group before (group 1: of the max pool, 56x56 too) and has
the stride in its 3x3 convolution. So of the 1x1 layers
  bottleneck_1 (reduce)         sees the group's positions; in a projection block those of the group before;
  bottleneck_3 (expand)         sees the group's positions;
  bottleneck_projection         has stride 2 and so computes only the group's positions.
MobileNetV1, 224x224: the 1x1 layer i follows depthwise layer i, whose strides halve 112x112 at i = 1, 3, 5, 11.
Transformer: N is a number of tokens, 128 here."""
import pathlib

HERE = pathlib.Path(__file__).parent
BLOCKS = {1: 2, 2: 3, 3: 5}  # blocks after the projection block, groups 1..3
POSITIONS = {0: 3136, 1: 3136, 2: 784, 3: 196}
RN50 = "dlmc/rn50/magnitude_pruning"
TRANSFORMER = "dlmc/transformer/magnitude_pruning"


def rn50_1x1(group):
    projection = f"block_group_projection_block_group{group}.smtx"
    yield f"bottleneck_1_{projection}", POSITIONS[group - 1]
    yield f"bottleneck_3_{projection}", POSITIONS[group]
    yield f"bottleneck_projection_{projection}", POSITIONS[group]
    for block in range(1, BLOCKS[group] + 1):
        yield f"bottleneck_1_block_group{group}_{block}_1.smtx", POSITIONS[group]
        yield f"bottleneck_3_block_group{group}_{block}_1.smtx", POSITIONS[group]


def mobilenet_1x1():
    size = 112
    for i in range(12):
        if i in (1, 3, 5, 11):
            size //= 2
        yield f"mobilenet_v1_90/contraction_1x1_{i}.npy", size * size


def transformer():
    for layer in (0, 5):
        for part in ("q", "k", "v", "output_transform"):
            yield f"body_encoder_layer_{layer}_self_attention_multihead_attention_{part}_fully_connected.smtx", 128
        for part in ("ffn_conv1", "ffn_conv2"):
            yield f"body_encoder_layer_{layer}_{part}_fully_connected.smtx", 128


def write(name, what, cases):
    lines = [f"# {what}", "# Written by generate.py, which states the rule for N."]
    lines += [f"{path} {n}" for path, n in cases]
    (HERE / name).write_text("\n".join(lines) + "\n")


for percent, folder in ((80, "0.8"), (90, "0.9"), (95, "0.95"), (98, "0.98")):
    layers = [(f"{RN50}/{folder}/{file}", n) for group in BLOCKS for file, n in rn50_1x1(group)]
    write(f"rn50_1x1_{percent}.txt", f"1x1 layers of ResNet-50 groups 1-3 at {percent} %, each at its own N", layers)
    group3 = [(f"{RN50}/{folder}/{file}", 192) for file, _ in rn50_1x1(3)]
    write(f"rn50_group3_n192_{percent}.txt", f"1x1 layers of ResNet-50 group 3 at {percent} %, N = 192: no tail", group3)
    if percent < 98:
        layers = [(f"{TRANSFORMER}/{folder}/{file}", n) for file, n in transformer()]
        write(f"transformer_{percent}.txt", f"Transformer encoder layers 0 and 5 at {percent} %", layers)
write("mobilenet_90.txt", "MobileNetV1's 1x1 layers 0-11, 90 % sparse with real values, each at its own N", mobilenet_1x1())
write("compile.txt", "Compile time: 236 thousand nonzeros", [(f"{RN50}/0.9/bottleneck_2_block_group4_1_1.smtx", 49)])

#!/usr/bin/env python3
"""Writes the case lists beside it by rule; run again after changing a rule. A line is `<path> <n>`, or a path and the
options of a convolution; the path is relative to $SPARSMITH_DATA/data.

ResNet-50 v1.5, image 224x224: groups 1..4 work at 56x56, 28x28, 14x14 and 7x7 positions; the first block of a group (its
"projection block") takes its input at the resolution of the group before (group 1: of the max pool, 56x56 too) and has
the stride in its 3x3 convolution. So of the 1x1 layers
  bottleneck_1 (reduce)         sees the group's positions; in a projection block those of the group before;
  bottleneck_3 (expand)         sees the group's positions;
  bottleneck_projection         has stride 2 and so computes only the group's positions.
Its 3x3 layers (bottleneck_2) see the group's image; in the projection blocks of groups 2..4 that of the group before,
with stride 2. All are padded by 1 all around. DLMC's columns are TensorFlow's (kh, kw, c).
MobileNetV1, 224x224: the 1x1 layer i follows depthwise layer i, whose strides halve 112x112 at i = 1, 3, 5, 11. Its
strided layers pad as TensorFlow's SAME does, that is below and to the right only.
Transformer: N is a number of tokens, 128 here.
Small N, N = 49, 3136 with K = 1024 and the list for two threads: layers whose shapes differ, few of each, as the bars
need no more."""
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


def conv(channels, size, stride=1, groups=1, kernel=3, pad=None, order="oihw"):
    pad = pad or [(kernel - 1) // 2] * 4
    options = f"--conv {channels},{size},{size} --kernel {kernel}x{kernel} --pad {','.join(map(str, pad))}"
    options += f" --stride {stride}" if stride > 1 else ""
    options += f" --groups {groups}" if groups > 1 else ""
    return options + (f" --k-order {order}" if order != "oihw" else "")


SIZES = {1: 56, 2: 28, 3: 14, 4: 7}


def rn50_3x3(blocks):
    for group, size in SIZES.items():
        for block in blocks:
            yield f"bottleneck_2_block_group{group}_{block}_1.smtx", conv(32 << group, size, order="hwc")


def rn50_3x3_strided():
    for group in (2, 3, 4):
        file = f"bottleneck_2_block_group_projection_block_group{group}.smtx"
        yield file, conv(32 << group, SIZES[group - 1], stride=2, order="hwc")


def mobilenet_depthwise():
    channels, size = 32, 112
    for i in range(13):
        stride = 2 if i in (1, 3, 5, 11) else 1
        if i not in (7, 8, 9, 10):  # the same shape as 6
            pad = (0, 0, 1, 1) if stride == 2 else (1, 1, 1, 1)
            yield f"mobilenet_v1_90/depthwise_nxn_{i}.npy", conv(channels, size, stride, channels, pad=pad)
        size //= stride
        channels = {0: 64, 1: 128, 3: 256, 5: 512, 11: 1024}.get(i, channels)


def mobilenet_pairs():
    """Each depthwise layer with the 1x1 layer behind it."""
    for file, options in mobilenet_depthwise():
        number = int(file.split("_")[-1].removesuffix(".npy"))
        if number < 12:  # the 1x1 layer behind the last isn't among the data
            yield file, f"{options} --then mobilenet_v1_90/contraction_1x1_{number}.npy"


def at_n(folder, n):
    """256x1024 and 1024x256, 512x512, 2048x512 and 512x2048."""
    for kind in (1, 3):
        yield f"{RN50}/{folder}/bottleneck_{kind}_block_group3_1_1.smtx", n
    for part in ("self_attention_multihead_attention_q", "ffn_conv1", "ffn_conv2"):
        yield f"{TRANSFORMER}/{folder}/body_encoder_layer_0_{part}_fully_connected.smtx", n


def rn50_group4():
    for kind, block in ((1, "1_1"), (1, "2_1"), (3, "1_1"), (3, "2_1")):
        yield f"{RN50}/0.9/bottleneck_{kind}_block_group4_{block}.smtx", 49
    yield f"{RN50}/0.9/bottleneck_projection_block_group_projection_block_group4.smtx", 49
    yield "mobilenet_v1_90/contraction_1x1_11.npy", 49


def two_threads():
    yield f"{RN50}/0.9/bottleneck_1_block_group1_1_1.smtx", 3136
    yield f"{RN50}/0.9/bottleneck_3_block_group2_1_1.smtx", 784
    yield f"{RN50}/0.9/bottleneck_1_block_group3_1_1.smtx", 196
    yield f"{RN50}/0.9/bottleneck_3_block_group3_1_1.smtx", 196
    for group in (1, 2, 3):
        yield f"{RN50}/0.9/bottleneck_2_block_group{group}_1_1.smtx", conv(32 << group, SIZES[group], order="hwc")


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
for percent, folder in ((80, "0.8"), (90, "0.9"), (95, "0.95"), (98, "0.98")):
    blocks = (1, 2) if percent in (90, 95) else (1,)
    layers = [(f"{RN50}/{folder}/{file}", options) for file, options in rn50_3x3(blocks)]
    write(f"conv3x3_{percent}.txt", f"3x3 layers of ResNet-50 at {percent} %, stride 1", layers)
for percent, folder in ((80, "0.8"), (90, "0.9"), (95, "0.95")):
    for n in (1, 8):
        write(f"n{n}_{percent}.txt", f"N = {n} at {percent} %", list(at_n(folder, n)))
write("n49_90.txt", "ResNet-50's 1x1 layers of group 4 and MobileNetV1's layer 11, 90 %", list(rn50_group4()))
layers = [(f"{RN50}/0.9/{file}", options) for file, options in rn50_3x3_strided()]
write("conv3x3_s2_90.txt", "3x3 layers of ResNet-50 at 90 %, stride 2", layers)
layers = [(f"resnet50_3x3_90/filter_bg{group}.npy", conv(32 << group, SIZES[group])) for group in (1, 2, 3)]
write("conv3x3_real.txt", "3x3 layers of ResNet-50 with real values, 91 %", layers)
layers = [("mobilenet_v1_90/initial_conv.npy", conv(3, 224, 2, pad=(0, 0, 1, 1))), *mobilenet_depthwise()]
write("depthwise.txt", "MobileNetV1's depthwise layers and its dense first one", layers)
write("mobilenet_pairs_90.txt", "MobileNetV1's depthwise layers with the 1x1 layers behind them, 90 % sparse, in one call",
      list(mobilenet_pairs()))
layers = [(f"{RN50}/0.9/bottleneck_1_block_group4_1_1.smtx", 48),
          (f"{TRANSFORMER}/0.9/body_encoder_layer_0_ffn_conv1_fully_connected.smtx", 128)]
write("cold_90.txt", "512x2048 at N = 48 and 2048x512 at N = 128, 90 %: small N and much code, for cold caches", layers)
layers = [(f"{RN50}/0.9/bottleneck_1_block_group3_1_1.smtx", 3136)]
write("large_90.txt", "256x1024 at N = 3136, 90 %: X is far beyond L2", layers)
write("threads.txt", "N >= 196 at 90 %, for one thread against two", list(two_threads()))
write("compile.txt", "Compile time: 236 thousand nonzeros", [(f"{RN50}/0.9/bottleneck_2_block_group4_1_1.smtx", 49)])

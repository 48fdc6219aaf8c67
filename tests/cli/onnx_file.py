"""Writes small ONNX files with Python's standard library alone: the few protobuf fields that a model needs."""
import struct

FLOAT, INT64 = 1, 7
LETTERS = {FLOAT: "f", INT64: "q"}


def varint(number):
    out = b""
    number &= 2**64 - 1
    while True:
        byte, number = number & 0x7f, number >> 7
        if not number:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def field(number, value):
    """An integer, or bytes, text or a message (bytes) with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, shape, values, kind=FLOAT):
    return b"".join(field(1, size) for size in shape) + field(2, kind) + field(8, name) + \
        field(9, struct.pack(f"<{len(values)}{LETTERS[kind]}", *values))


def value_info(name, shape, kind=FLOAT):
    """A dimension that is text is of any size."""
    dims = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def node(op, inputs, outputs, name="", **attributes):
    data = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
    data += field(3, name) + field(4, op)
    for key, value in attributes.items():
        if isinstance(value, int):
            attribute = field(1, key) + field(3, value) + field(20, 2)
        else:
            attribute = field(1, key) + b"".join(field(8, i) for i in value) + field(20, 7)
        data += field(5, attribute)
    return data


def model(nodes, inputs, outputs, constants=(), opset=13):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "small")
    graph += b"".join(field(5, c) for c in constants)
    graph += b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))


PRODUCT_W = [1, 0, 2, 0, 0, 3, 0, 0, 0, 0, -1, 4]  # [4, 3]
PRODUCT_B = [0.5, -1, 0]


def product():
    """y = relu(x W + b), x [N, 4], y [N, 3]."""
    return model([node("MatMul", ["x", "W"], ["h"], "product"), node("Add", ["h", "b"], ["s"]), node("Relu", ["s"], ["y"])],
                 [value_info("x", ["N", 4])], [value_info("y", ["N", 3])],
                 [tensor("W", [4, 3], PRODUCT_W), tensor("b", [3], PRODUCT_B)])


def product_reference(rows):
    return [max(0.0, sum(x * PRODUCT_W[k * 3 + m] for k, x in enumerate(row)) + PRODUCT_B[m])
            for row in rows for m in range(3)]


def lookup():
    """rows = table[ids], y = rows W + scale: two inputs, of int64 and float32, and two outputs."""
    return model([node("Gather", ["table", "ids"], ["rows"], axis=0), node("MatMul", ["rows", "W"], ["p"], "product"),
                  node("Add", ["p", "scale"], ["y"])],
                 [value_info("ids", ["N"], INT64), value_info("scale", ["N", 3])],
                 [value_info("y", ["N", 3]), value_info("rows", ["N", 4])],
                 [tensor("table", [5, 4], list(range(20))), tensor("W", [4, 3], PRODUCT_W)])


def convolution():
    """A 3x3 convolution with Relu, a 1x1 convolution and the mean: x [1, 2, 6, 5], y [1, 3, 1, 1]."""
    filters = [((i * 7) % 5 - 2) * (i % 3 == 0) for i in range(4 * 2 * 9)]
    mixing = [1, 0, 0, 2, 0, -1, 0, 0, 0, 0, 3, 0]
    return model([node("Conv", ["x", "F"], ["c"], "spatial", pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
                  node("Conv", ["r", "P"], ["m"], "mixing"), node("GlobalAveragePool", ["m"], ["y"], "mean")],
                 [value_info("x", [1, 2, 6, 5])], [value_info("y", [1, 3, 1, 1])],
                 [tensor("F", [4, 2, 3, 3], filters), tensor("P", [3, 4, 1, 1], mixing)]), filters, mixing


def convolution_reference(x, filters, mixing):
    planes = []
    for m in range(4):
        plane = []
        for row in range(6):
            for column in range(5):
                total = 0.0
                for c in range(2):
                    for dy in range(3):
                        for dx in range(3):
                            r, q = row + dy - 1, column + dx - 1
                            if 0 <= r < 6 and 0 <= q < 5:
                                total += filters[((m * 2 + c) * 3 + dy) * 3 + dx] * x[(c * 6 + r) * 5 + q]
                plane.append(max(0.0, total))
        planes.append(sum(plane) / 30)
    return [sum(mixing[o * 4 + m] * planes[m] for m in range(4)) for o in range(3)]

"""Reads the case lists (cases/*.txt) that `sparsmith bench --cases` reads: a line is a weights file, then N[,N...] for a
product or the command's own options for a convolution."""
import argparse
import dataclasses
import os
import pathlib


@dataclasses.dataclass(frozen=True)
class Conv:
    channels: int
    height: int
    width: int
    kernel: tuple = (1, 1)
    stride: tuple = (1, 1)
    pad: tuple = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: tuple = (1, 1)
    groups: int = 1
    batch: int = 1
    k_order: str = "oihw"

    def out(self):
        sizes = []
        for axis, size in enumerate((self.height, self.width)):
            span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            sizes.append((size + self.pad[axis] + self.pad[axis + 2] - span) // self.stride[axis] + 1)
        return tuple(sizes)


@dataclasses.dataclass(frozen=True)
class Case:
    file: str
    n: int
    conv: Conv = None


class ListError(Exception):
    pass


class _Options(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(message)


def _numbers(text, counts, separator=","):
    values = tuple(int(part) for part in text.split(separator))
    if len(values) not in counts or any(value < 0 for value in values):
        raise ValueError(f"'{text}' is not {' or '.join(map(str, counts))} numbers")
    return values * 2 if len(values) == 1 else values


def _conv(words):
    options = _Options(add_help=False)
    for name in ("--conv", "--kernel", "--stride", "--pad", "--dilation", "--groups", "--batch", "--k-order"):
        options.add_argument(name)
    given = options.parse_args(words)
    if given.conv is None:
        raise ValueError("there is neither N nor --conv")
    sizes = _numbers(given.conv, (3, 4))
    pad = _numbers(given.pad or "0", (1, 4))
    return Conv(*sizes[:3], kernel=_numbers(given.kernel or "1", (1, 2), "x"),
                stride=_numbers(given.stride or str(sizes[3] if len(sizes) == 4 else 1), (1, 2)),
                pad=pad * 2 if len(pad) == 2 else pad,
                dilation=_numbers(given.dilation or "1", (1, 2)), groups=int(given.groups or 1),
                batch=int(given.batch or 1), k_order=given.k_order or "oihw")


def _resolve(file, beside):
    data = pathlib.Path(os.environ.get("SPARSMITH_DATA") or "../shared")
    for base in (beside, data, data / "data"):
        if (base / file).exists():
            return str(base / file)
    return file


def read_list(path):
    """The cases of a list. ListError names the line that is none."""
    path = pathlib.Path(path)
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        file = _resolve(words[0], path.parent)
        try:
            if len(words) == 2 and not words[1].startswith("--"):
                cases += [Case(file, int(n)) for n in words[1].split(",")]
            else:
                conv = _conv(words[1:])
                cases.append(Case(file, conv.batch * conv.out()[0] * conv.out()[1], conv))
        except ValueError as error:
            raise ListError(f"{path} line {number}: {error}") from None
    return cases

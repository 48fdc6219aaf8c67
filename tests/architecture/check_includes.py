#!/usr/bin/env python3
"""Checks the include arrows between folders (docs/design.md section 3) and who may use which library.

    check_includes.py [repository]

Prints each include that breaks a rule and exits 1; with none, says how many it looked at.
"""
import pathlib
import re
import sys

# What each folder may include besides itself and the public headers. Arrows point back along the way
# weights -> Pattern -> Plan -> Program -> code -> Artifact -> cache -> Kernel; the runtime side never sees the compiler's.
FOLDERS = {
    "include/sparsmith": set(),
    "src/math": set(),
    "src/pattern": set(),
    "src/load": {"pattern"},
    "src/graph": set(),
    "src/onnx": {"graph", "load"},
    "src/ops": {"math", "graph"},
    "src/passes": {"graph", "ops"},
    "src/model": {"math", "pattern", "artifact", "runtime", "graph", "ops"},
    "src/plan": {"pattern"},
    "kernels": {"pattern", "plan", "artifact"},
    "codegen": {"math", "plan", "kernels", "artifact"},
    "src/artifact": {"pattern"},
    "src/runtime": {"pattern", "artifact"},
    "src/cache": {"artifact", "runtime"},
    "src/compiler": {"pattern", "plan", "kernels", "codegen", "artifact", "runtime", "cache"},
    "src/lower": {"pattern", "graph", "ops", "onnx", "passes", "model", "artifact", "runtime", "codegen"},
    "src/cli": {"bench", "kernels", "artifact", "runtime", "model"},
    "bench": {"kernels", "plan"},  # sparsmith_plan_quality measures the planner
    "bench/peers": set(),
    "examples": set(),
}

# The libraries and where they may appear. The runtime side stays with the standard library (xxhash is header-only).
LIBRARIES = [
    (r"llvm", {"codegen"}),
    (r"google/protobuf/", {"src/onnx"}),
    (r"CLI/", {"src/cli"}),
    (r"nlohmann/", {"src/cli", "src/plan", "src/load"}),
    (r"zlib\.h", {"src/cli", "src/load"}),
    (r"xxhash\.h", {"src/pattern", "src/artifact"}),
    (r"Eigen/", {"include/sparsmith", "bench", "bench/peers"}),
    (r"(gtest|gmock|benchmark)/", {"bench"}),
    (r"omp\.h", {"bench/peers", "examples"}),
    (r"(oneapi/|dnnl|xnnpack|pthreadpool|mkl|libxsmm|cblas)", {"bench/peers"}),
]

# What the compiler and the operating system bring.
SYSTEM = re.compile(r"[a-z_]+$|std[a-z]+\.h$|sys/[a-z_]+\.h$|(asm|linux)/|[a-z0-9]*intrin\.h$|"
                    r"(fcntl|unistd|elf|link|time|signal|cpuid|sched|dlfcn|pthread|errno|string|limits|poll)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
OWN = re.compile(r"(sparsmith|math|pattern|load|plan|kernels|codegen|artifact|cache|runtime|compiler|cli|bench|graph|onnx|ops|model|passes|lower)/")


def folder_of(path):
    """The entry of FOLDERS a file belongs to: the longest that leads to it."""
    names = [name for name in FOLDERS if path.parent.as_posix() == name or path.parent.as_posix().startswith(name + "/")]
    return max(names, key=len, default=None)


def complaint(folder, bracket, target):
    """Why `folder` may not include `target`, or None."""
    own = OWN.match(target)
    if own:
        layer = own.group(1)
        itself = "bench/peers/" if folder == "bench/peers" else folder.split("/")[-1] + "/"
        if layer == "sparsmith" or target.startswith(itself):
            return None
        if folder == "examples":
            return "examples use the public headers only"
        if layer not in FOLDERS[folder]:
            return f"{folder} may not include {layer}/"
        return None
    if bracket == '"' and "/" not in target:
        return "a path without its folder; write folder/file.h"
    for pattern, users in LIBRARIES:
        if re.match(pattern, target):
            return None if folder in users else f"only {', '.join(sorted(users))} may include {target.split('/')[0]}"
    if SYSTEM.match(target):
        return None
    return "an unknown library; add it to LIBRARIES with the folders that may use it"


def check(root):
    """(complaints, includes looked at)"""
    complaints, count = [], 0
    for top in sorted({name.split("/")[0] for name in FOLDERS}):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".c", ".hpp", ".cc"):
                continue
            place = path.relative_to(root)
            folder = folder_of(place)
            if folder is None:
                complaints.append(f"{place}: its folder is not in the table of {pathlib.Path(__file__).name}")
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                count += 1
                why = complaint(folder, match.group(1), match.group(2))
                if why:
                    complaints.append(f"{place}:{number}: {match.group(2)}: {why}")
    return complaints, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    complaints, count = check(root)
    print("\n".join(complaints) if complaints else f"{count} includes keep the rules")
    return 1 if complaints or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

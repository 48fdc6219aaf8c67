#!/usr/bin/env bash
# Uses Sparsmith as other projects would.
#   install_test.sh CASE SOURCE BUILD WORK CXX [LAUNCHER]
# CASE: prefix (installs; the others need it), package, runtime, model, needed, size, subdirectory.
set -euo pipefail
name=$1 source=$2 build=$3 work=$4 cxx=$5 launcher=${6:-}
mkdir -p "$work"
configure() { # SOURCE BUILD OPTIONS...: a fresh build folder; no LLVM may be looked for
  local from=$1 to=$2
  shift 2
  rm -rf "$to"
  cmake -S "$from" -B "$to" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" "$@"
}

# The files a program or library needs at run time, by name; fails on any but those allowed.
only_needs() { # FILE ALLOWED-PATTERN
  local needed
  needed=$(ldd "$1" | awk '{print $1}' | sed 's|.*/||')
  printf '%s needs:\n%s\n' "$1" "$needed"
  if grep -Evx "$2" <<<"$needed"; then
    echo "the above should not be among them" >&2
    exit 1
  fi
}

standard='linux-vdso\.so\.1|lib(c|m|stdc\+\+|gcc_s)\.so\.[0-9]+|ld-linux-x86-64\.so\.2'
runtime="$standard|libsparsmith_runtime\.so\.[0-9]+"
most_runtime_bytes=2000000

case $name in
  prefix)
    rm -rf "$work/all" "$work/runtime"
    cmake --install "$build" --prefix "$work/all"
    cmake --install "$build" --prefix "$work/runtime" --component runtime
    "$work/all/bin/sparsmith" --version
    ;;
  package)
    configure "$source/tests/install/package" "$work/package" -DCMAKE_PREFIX_PATH="$work/all" -DCMAKE_DISABLE_FIND_PACKAGE_LLVM=ON
    cmake --build "$work/package"
    "$work/package/consumer"
    ;;
  runtime)
    configure "$source/tests/install/runtime" "$work/runtime_only" -DCMAKE_PREFIX_PATH="$work/runtime" \
      -DEXAMPLES="$source/examples" -DCMAKE_DISABLE_FIND_PACKAGE_LLVM=ON
    cmake --build "$work/runtime_only"
    "$work/all/bin/sparsmith" compile "$source/examples/digits/hidden.npz" -o "$work/hidden.smk" --n 128 --cache none
    "$work/runtime_only/runtime_only" "$work/hidden.smk"
    only_needs "$work/runtime_only/runtime_only" "$runtime"
    ;;
  model) # a whole model, from C++ and from a project that has no C++
    "$work/all/bin/sparsmith" compile "$source/examples/digits/digits_cnn.onnx" -o "$work/digits.smk" --cache none
    for language in cpp c; do
      configure "$source/tests/install/model_$language" "$work/model_$language" -DCMAKE_PREFIX_PATH="$work/runtime" \
        -DEXAMPLES="$source/examples" -DCMAKE_DISABLE_FIND_PACKAGE_LLVM=ON
      cmake --build "$work/model_$language"
      for digit in 3 7; do
        best=$("$work/model_$language/classify" "$work/digits.smk" "$source/examples/digits/digit_$digit.pgm" --top 1)
        echo "digit_$digit.pgm: $best"
        [[ $best == "1. class $digit:"* ]]
      done
      only_needs "$work/model_$language/classify" "$runtime"
    done
    ;;
  size)
    strip -o "$work/runtime.stripped" "$work/runtime/lib/libsparsmith_runtime.so"
    bytes=$(stat -c %s "$work/runtime.stripped")
    echo "libsparsmith_runtime stripped: $bytes bytes, at most $most_runtime_bytes"
    ((bytes <= most_runtime_bytes))
    ;;
  needed)
    only_needs "$work/runtime/lib/libsparsmith_runtime.so" "$standard"
    # LLVM is inside libsparsmith; what its archives need of the system may be there.
    if ldd "$work/all/lib/libsparsmith.so" | grep -i llvm; then
      echo "libsparsmith.so needs a shared LLVM" >&2
      exit 1
    fi
    if nm -D --defined-only "$work/all/lib/libsparsmith.so" | grep -E ' (LLVM|_ZN4llvm)'; then
      echo "libsparsmith.so shows LLVM's symbols" >&2
      exit 1
    fi
    ;;
  subdirectory)
    # Not optimised: this asks whether it builds and links, and should not take as long as the library itself.
    configure "$source/tests/install/subdirectory" "$work/subdirectory" -DSPARSMITH_SOURCE="$source" -DCMAKE_BUILD_TYPE=Debug \
      -DSPARSMITH_CLI=OFF -DCMAKE_CXX_FLAGS_DEBUG=-O0
    cmake --build "$work/subdirectory"
    "$work/subdirectory/consumer"
    ;;
  *)
    echo "unknown case $name" >&2
    exit 2
    ;;
esac

/// \file
/// Readers of weight and activation files, and writers of what models take and give. Every byte is untrusted: sizes are
/// checked against the file before anything is allocated, and errors say what is wrong, where, and what would be right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparsmith/model.h"
#include "sparsmith/result.h"
#include "sparsmith/weights.h"

namespace sparsmith {

/// A dense fp32 array as read from .npy: C order, any rank.
struct Array {
  std::vector<int64_t> shape;
  std::vector<float> data;
  int64_t size() const;  ///< product of shape
};

struct LoadOptions {
  uint64_t seed = 1;  ///< of the normal values given to pattern-only files (.smtx, pattern .mtx)
};

/// A weight matrix from a file, by its suffix: .npy, .npz, .safetensors, .smtx, .mtx. `path:name` names one array of an
/// .npz or one tensor of a .safetensors; without a name the file must hold just one matrix. Arrays of rank > 2 become
/// [first dimension, product of the rest] (OIHW filters as GEMM rows).
Result<Weights> load_weights(const std::string& path, const LoadOptions& options = {});

/// A dense array from .npy or `file.npz:name` or `file.safetensors:name`.
Result<Array> load_array(const std::string& path);

/// Writes .npy version 1, little-endian fp32, C order; atomically.
Status save_npy(const std::string& path, const std::vector<int64_t>& shape, const float* data);

/// An array of any element type.
struct NamedTensor {
  std::string name;  ///< of the member of an .npz; "" in an .npy, which has no names
  ElementType element = ElementType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  ///< elements in C order; of booleans 0 or 1
};

/// All arrays of an .npz in its order, or the one of an .npy, in numpy's types that ElementType has, either byte order;
/// bfloat16 as ml_dtypes saves it, as 2 bytes of no type.
Result<std::vector<NamedTensor>> load_tensors(const std::string& path);

/// Writes an .npz (not compressed), or, of a single tensor, an .npy, whichever the suffix says; atomically. bad_input:
/// names that an archive can't hold, bytes that aren't those of the shape.
Status save_tensors(const std::string& path, std::span<const NamedTensor> tensors);

/// The same readers over bytes in memory; `origin` is how messages name them.
Result<Array> parse_npy(std::string_view bytes, const std::string& origin);
Result<Weights> parse_npz_weights(std::string_view bytes, const std::string& name, const std::string& origin);
Result<Array> parse_npz_array(std::string_view bytes, const std::string& name, const std::string& origin);
Result<NamedTensor> parse_npy_tensor(std::string_view bytes, const std::string& origin);
Result<std::vector<NamedTensor>> parse_npz_tensors(std::string_view bytes, const std::string& origin);
Result<Array> parse_safetensors(std::string_view bytes, const std::string& name, const std::string& origin);
Result<Weights> parse_smtx(std::string_view text, uint64_t seed, const std::string& origin);
Result<Weights> parse_mtx(std::string_view text, uint64_t seed, const std::string& origin);

}  // namespace sparsmith

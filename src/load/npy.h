/// \file
/// The .npy format, versions 1 to 3, split into header and data so that .npz members can be checked before they are
/// inflated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/numeric.h"
#include "sparsmith/load.h"
#include "sparsmith/result.h"

namespace sparsmith::load {

/// Bytes that tell how long a header is.
inline constexpr size_t kNpyPreamble = 12;

struct NpyHeader {
  std::string descr;  ///< as written, "<f4"; empty for a structured dtype
  char kind = 0;      ///< numpy's letter: f, i, u, b, S, U, c ...; 0 when descr isn't a simple dtype
  int64_t item_size = 0;
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t count = 0;       ///< product of shape
  int64_t data_bytes = 0;  ///< count * item_size
  size_t data_offset = 0;  ///< where the data starts
};

/// Length of preamble and header together, from the first bytes (kNpyPreamble of them, unless the file is shorter).
Result<size_t> npy_header_length(std::string_view first_bytes, const std::string& origin);

/// Reads the header at the start of `bytes`, which may hold no more than it.
Result<NpyHeader> parse_npy_header(std::string_view bytes, const std::string& origin);

/// Whether the data of a file of so many bytes is as long as its header says.
Status check_npy_size(const NpyHeader& header, size_t file_bytes, const std::string& origin);

/// fp32 or what converts to it: f2, f4, f8. Errors name the dtype.
Result<FloatType> npy_float_type(const NpyHeader& header, const std::string& origin);

/// The data as fp32 in C order; `data` must be header.data_bytes long.
Result<Array> decode_npy_floats(const NpyHeader& header, std::string_view data, const std::string& origin);

/// A one-dimensional array of int32 or int64.
Result<std::vector<int64_t>> decode_npy_integers(const NpyHeader& header, std::string_view data,
                                                 const std::string& origin);

/// A single ASCII string (kind S or U).
Result<std::string> decode_npy_text(const NpyHeader& header, std::string_view data, const std::string& origin);

}  // namespace sparsmith::load

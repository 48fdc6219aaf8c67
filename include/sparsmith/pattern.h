/// \file
/// The sparsity pattern: where a matrix's nonzeros are, without their values. Generated code depends on this alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sparsmith/result.h"

namespace sparsmith {

/// 128 bits of XXH3 over content; equal content gives equal digests on every machine.
struct Digest {
  uint64_t high = 0, low = 0;
  bool operator==(const Digest&) const = default;
  auto operator<=>(const Digest&) const = default;
  std::string hex() const;  ///< 32 lower-case hexadecimal digits.
};

/// Digest of `size` bytes.
Digest digest_of(const void* data, size_t size);

/// Most nonzeros a pattern may have; packed slots keep their source in 28 bits.
inline constexpr int64_t kMaxNonzeros = (int64_t{1} << 28) - 1;
/// Most rows or columns.
inline constexpr int64_t kMaxDimension = (int64_t{1} << 28) - 1;
/// Most columns of X and Y: far beyond any memory, far below overflow.
inline constexpr int64_t kMaxColumns = int64_t{1} << 40;

/// An immutable CSR pattern of M x K. Copies share storage and cost a reference count; safe to share by threads.
class Pattern {
 public:
  /// Checks and takes ownership: `row_offsets` has rows + 1 non-decreasing entries from 0 to columns.size(); columns
  /// within a row are strictly increasing and below `cols`. bad_input names the first row that breaks a rule.
  static Result<Pattern> create(int64_t rows, int64_t cols, std::vector<int64_t> row_offsets,
                                std::vector<int32_t> columns);

  int64_t rows() const;  ///< M
  int64_t cols() const;  ///< K
  int64_t nnz() const;
  double density() const;                        ///< nnz / (M * K)
  std::span<const int64_t> row_offsets() const;  ///< rows + 1 entries
  std::span<const int32_t> columns() const;      ///< nnz entries, ascending in each row
  const Digest& digest() const;                  ///< over M, K and the CSR arrays; computed once at creation
  bool operator==(const Pattern& other) const;   ///< same shape and nonzeros (compares digests, then content)

 private:
  struct Data;
  explicit Pattern(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// What `explain` says of a pattern.
struct PatternStats {
  int64_t rows = 0, cols = 0, nnz = 0;
  double density = 0;
  int64_t empty_rows = 0, empty_cols = 0;
  int64_t row_min = 0, row_max = 0;  ///< nonzeros in the lightest and heaviest row
  double row_mean = 0, row_stddev = 0;
  int64_t col_min = 0, col_max = 0;
  static constexpr int kBins = 16;
  std::array<int64_t, kBins> row_histogram{};  ///< rows by nonzeros: kBins equal bins over [0, row_max]
  std::array<int64_t, kBins> col_histogram{};  ///< columns by nonzeros: kBins equal bins over [0, col_max]
};
PatternStats pattern_stats(const Pattern& pattern);

}  // namespace sparsmith

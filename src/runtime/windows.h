/// \file
/// How the vector form gets its operands: a column of X as overlapping windows, columns of Y in slices of rows.
#pragma once

#include <cstdint>
#include <span>

namespace sparsmith {

/// A column in memory: its rows lie `stride` floats apart.
template <class T>
struct Column {
  T* data = nullptr;
  int64_t stride = 1;
  operator Column<const T>() const { return {data, stride}; }
};

/// Windows of one column of X for a pass of `columns` columns: window w, the 16 rows from w * step on (zeros past k),
/// goes to windows + w * columns * 16.
struct WindowShape {
  int64_t k = 0, step = 16, columns = 1;
  int64_t count() const { return (k + step - 1) / step; }
};

/// Fills the column's windows; `copy` is room for k floats. Numbers that aren't finite become 0, since lanes without a
/// nonzero multiply whatever they look up by 0; whether there were any is the result.
bool fill_windows(Column<const float> x, const WindowShape& shape, float* copy, float* windows);

/// The same for code that reads columns side by side: copies the column to `copy`, zeros up to `floats` behind it.
bool fill_column(Column<const float> x, int64_t k, int64_t floats, float* copy);

/// Slices of `lanes` rows, 16 or 8, of columns a pass computes together, in lines of 16 floats.
struct SliceShape {
  int64_t lanes = 16, columns = 1;
  int64_t count(int64_t rows) const { return (rows + lanes - 1) / lanes; }
  /// Where place p of the order lies.
  int64_t at(int64_t p) const { return p / lanes * columns * 16 + p % lanes; }
};

/// slices[shape.at(p)] = rows order[p] of the column, and back.
void gather_slices(Column<const float> y, std::span<const int32_t> order, const SliceShape& shape, float* slices);
void scatter_slices(const float* slices, std::span<const int32_t> order, const SliceShape& shape, Column<float> y);

}  // namespace sparsmith

#include "plan/tiling.h"

#include <algorithm>
#include <numeric>

namespace sparsmith {
namespace {

/// Rows that are clustered among themselves: the search takes the square of them.
constexpr int64_t kBandRows = 4096;

/// The pattern by columns: ascending rows of column k at [begin[k], end[k]).
struct Transposed {
  std::vector<int64_t> begin, end;
  std::vector<int32_t> rows;
  explicit Transposed(const Pattern& pattern) : begin(pattern.cols() + 1, 0), rows(pattern.nnz()) {
    const auto row_offsets = pattern.row_offsets();
    const auto columns = pattern.columns();
    for (const int32_t column : columns) ++begin[column + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    begin.pop_back();
    end = begin;
    for (size_t row = 0; row + 1 < row_offsets.size(); ++row) {
      for (int64_t i = row_offsets[row]; i < row_offsets[row + 1]; ++i) {
        rows[end[columns[i]]++] = static_cast<int32_t>(row);
      }
    }
  }
};

/// Sizes of `tiles` tiles that differ by at most one.
int64_t tile_size(int64_t rows, int64_t tiles, int64_t tile) { return rows / tiles + (tile < rows % tiles ? 1 : 0); }

/// Grows tiles row by row, within one band of consecutive rows after the other.
class Clusterer {
 public:
  explicit Clusterer(const Pattern& pattern)
      : row_offsets_(pattern.row_offsets()),
        columns_(pattern.columns()),
        transposed_(pattern),
        used_(pattern.cols(), 0) {}

  /// On to the band of the next `rows` rows; that before it must be used up.
  void next_band(int64_t rows) {
    band_begin_ = band_end_;
    band_end_ += static_cast<int32_t>(rows);
    overlap_.resize(rows);
    remaining_.resize(rows);
    std::iota(remaining_.begin(), remaining_.end(), band_begin_);
    std::stable_sort(remaining_.begin(), remaining_.end(), [&](int32_t a, int32_t b) { return nnz(a) > nnz(b); });
  }

  std::vector<int32_t> next_tile(int64_t size) {
    std::vector<int32_t> tile;
    std::fill(overlap_.begin(), overlap_.end(), 0);
    ++generation_;
    while (static_cast<int64_t>(tile.size()) < size) {
      // Behind an empty row there are only empty ones.
      const size_t best = tile.empty() || nnz(remaining_.front()) == 0 ? 0 : most_similar();
      const int32_t row = remaining_[best];
      remaining_.erase(remaining_.begin() + static_cast<ptrdiff_t>(best));
      tile.push_back(row);
      if (static_cast<int64_t>(tile.size()) < size) add_columns(row);
    }
    return tile;
  }

 private:
  int64_t nnz(int32_t row) const { return row_offsets_[row + 1] - row_offsets_[row]; }

  size_t most_similar() const {
    size_t best = 0;
    double best_share = -1;
    for (size_t i = 0; i < remaining_.size(); ++i) {
      const int64_t own = nnz(remaining_[i]);
      const double share =
          own == 0 ? 0 : static_cast<double>(overlap_[remaining_[i] - band_begin_]) / static_cast<double>(own);
      if (share > best_share) {
        best = i;
        best_share = share;
      }
    }
    return best;
  }

  void add_columns(int32_t row) {
    for (int64_t i = row_offsets_[row]; i < row_offsets_[row + 1]; ++i) {
      const int32_t column = columns_[i];
      if (used_[column] == generation_) continue;
      used_[column] = generation_;
      // Rows of earlier bands are passed once and for all.
      int64_t& begin = transposed_.begin[column];
      const int64_t end = transposed_.end[column];
      const auto rows = transposed_.rows.begin();
      while (begin < end && rows[begin] < band_begin_) ++begin;
      const auto last = std::lower_bound(rows + begin, rows + end, band_end_);
      const int32_t band_begin = band_begin_;  // a local, which the counts can't alias
      for (auto row_of = rows + begin; row_of != last; ++row_of) ++overlap_[*row_of - band_begin];
    }
  }

  std::span<const int64_t> row_offsets_;
  std::span<const int32_t> columns_;
  Transposed transposed_;
  int32_t band_begin_ = 0, band_end_ = 0;
  std::vector<int32_t> remaining_;  ///< of the band, heaviest first
  std::vector<int32_t> overlap_;    ///< by row of the band: its columns that the tile uses already
  std::vector<int32_t> used_;       ///< by column: the last tile that used it
  int32_t generation_ = 0;
};

int64_t count_x_loads(const Pattern& pattern, const Tiling& tiling) {
  const auto row_offsets = pattern.row_offsets();
  const auto columns = pattern.columns();
  std::vector<int32_t> used(pattern.cols(), -1);
  int64_t loads = 0;
  for (size_t t = 0; t < tiling.tiles.size(); ++t) {
    for (const int32_t row : tiling.tiles[t]) {
      for (int64_t i = row_offsets[row]; i < row_offsets[row + 1]; ++i) {
        int32_t& last = used[columns[i]];
        loads += last != static_cast<int32_t>(t);
        last = static_cast<int32_t>(t);
      }
    }
  }
  return loads;
}

}  // namespace

/// Above it tiles of several rows use nearly every column whatever their rows: nothing to gain, and counting overlaps
/// costs most (3000x3000 fully dense: 1.9 s).
constexpr double kDensestClustered = 0.5;

Tiling make_tiling(const Pattern& pattern, int tile_rows, bool cluster) {
  const int64_t count = (pattern.rows() + tile_rows - 1) / tile_rows;
  Tiling tiling;
  tiling.tiles.reserve(count);
  if (cluster && count > 1 && pattern.nnz() > 0 && pattern.density() <= kDensestClustered) {
    Clusterer clusterer(pattern);
    const int64_t tiles_of_rows = (kBandRows + tile_rows - 1) / tile_rows;
    const int64_t bands = (count + tiles_of_rows - 1) / tiles_of_rows;
    for (int64_t band = 0, t = 0; band < bands; ++band) {
      const int64_t end = count * (band + 1) / bands;
      int64_t rows = 0;
      for (int64_t i = t; i < end; ++i) rows += tile_size(pattern.rows(), count, i);
      clusterer.next_band(rows);
      for (; t < end; ++t) tiling.tiles.push_back(clusterer.next_tile(tile_size(pattern.rows(), count, t)));
    }
    for (auto& tile : tiling.tiles) std::sort(tile.begin(), tile.end());
  } else {
    int32_t row = 0;
    for (int64_t t = 0; t < count; ++t) {
      std::vector<int32_t>& tile = tiling.tiles.emplace_back(tile_size(pattern.rows(), count, t));
      std::iota(tile.begin(), tile.end(), row);
      row += static_cast<int32_t>(tile.size());
    }
  }
  tiling.x_loads = count_x_loads(pattern, tiling);
  return tiling;
}

}  // namespace sparsmith

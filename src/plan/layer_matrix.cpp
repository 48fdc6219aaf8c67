#include "plan/layer_matrix.h"

#include <algorithm>
#include <string>

#include "pattern/images.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

/// W's columns to (tap, channel) and back to columns of the layer's matrix.
class ColumnOrder {
 public:
  ColumnOrder(int64_t m, int64_t k, const Conv2d& conv, int64_t block)
      : conv_(conv),
        group_rows_(m / conv.groups),
        group_channels_(k / conv.taps()),
        channels_(conv.channels(k)),
        block_(block > 0 ? std::min(block, channels_) : channels_) {}

  int64_t columns() const { return channels_ * conv_.taps(); }
  int64_t column(int64_t row, int64_t k) const {
    const bool oihw = conv_.order == WeightOrder::oihw;
    const int64_t tap = oihw ? k % conv_.taps() : k / group_channels_;
    const int64_t channel = (oihw ? k / conv_.taps() : k % group_channels_) + row / group_rows_ * group_channels_;
    const int64_t begin = channel / block_ * block_, width = std::min(block_, channels_ - begin);
    return begin * conv_.taps() + tap * width + channel - begin;
  }
  /// visit(channel, y, x): where in the kernel's field of view column `column` lies.
  template <class Visit>
  auto place(int64_t column, const Visit& visit) const {
    const int64_t begin = column / (block_ * conv_.taps()) * block_, width = std::min(block_, channels_ - begin);
    const int64_t tap = (column - begin * conv_.taps()) / width,
                  channel = begin + (column - begin * conv_.taps()) % width;
    return visit(channel, tap / conv_.kernel_w * conv_.dilation_h, tap % conv_.kernel_w * conv_.dilation_w);
  }

 private:
  const Conv2d& conv_;
  int64_t group_rows_, group_channels_, channels_, block_;
};

}  // namespace

int64_t taps_of_block(const Problem& problem, Form form) {
  if (!problem.spatial()) return 1;
  return form == Form::compact ? problem.conv->kernel_w : problem.conv->taps();
}

Status check_k_block(const Schedule& schedule, const Problem& problem, int64_t weight_columns) {
  if (!problem.spatial() || schedule.k_block == 0) return success();
  const Conv2d& conv = *problem.conv;
  const int64_t taps = taps_of_block(problem, schedule.form), channels = conv.channels(weight_columns);
  const std::string what = "a schedule with a k-block of " + std::to_string(schedule.k_block) + " columns for ";
  if (taps == conv.taps()) {
    if (schedule.k_block % taps == 0) return success();
    return bad_input(what + "a convolution of " + std::to_string(taps) + " taps", "a multiple of the taps");
  }
  const int64_t block = schedule.k_block / taps;
  if (schedule.k_block % taps == 0 && channels % block == 0) return success();
  return bad_input(what + "a compact convolution of " + std::to_string(channels) + " channels, with rows of " +
                       std::to_string(taps) + " taps",
                   "a divisor of the channels times the taps of a row");
}

Result<LayerMatrix> LayerMatrix::create(const Pattern& weights, const Problem& problem, const Schedule& schedule) {
  if (!problem.spatial()) return LayerMatrix(weights);
  if (Status valid = check_k_block(schedule, problem, weights.cols()); !valid) return valid.error();
  const Conv2d& conv = *problem.conv;
  const bool strips = schedule.images == ImageLayout::strips;
  const ColumnOrder order(weights.rows(), weights.cols(), conv,
                          strips ? schedule.k_block / taps_of_block(problem, schedule.form) : 1);
  struct Entry {
    int32_t column;
    uint32_t source;
  };
  std::vector<Entry> row;
  std::vector<int64_t> offsets(weights.row_offsets().begin(), weights.row_offsets().end());
  std::vector<int32_t> columns(static_cast<size_t>(weights.nnz()));
  std::vector<uint32_t> sources(columns.size());
  for (int64_t r = 0; r < weights.rows(); ++r) {
    row.clear();
    for (int64_t i = offsets[r]; i < offsets[r + 1]; ++i) {
      row.push_back({static_cast<int32_t>(order.column(r, weights.columns()[i])), static_cast<uint32_t>(i)});
    }
    std::sort(row.begin(), row.end(), [](const Entry& a, const Entry& b) { return a.column < b.column; });
    for (size_t i = 0; i < row.size(); ++i) {
      columns[static_cast<size_t>(offsets[r]) + i] = row[i].column;
      sources[static_cast<size_t>(offsets[r]) + i] = row[i].source;
    }
  }
  auto pattern = Pattern::create(weights.rows(), order.columns(), std::move(offsets), std::move(columns));
  if (!pattern) return pattern.error();
  LayerMatrix matrix(std::move(pattern).value());
  matrix.sources_ = std::move(sources);
  matrix.lines_.resize(static_cast<size_t>(order.columns()));
  const auto set_lines = [&](const auto& line) {
    for (int64_t k = 0; k < order.columns(); ++k) {
      matrix.lines_[static_cast<size_t>(k)] = static_cast<int32_t>(order.place(k, line));
    }
  };
  const int64_t channels = conv.channels(weights.cols());
  if (strips) {
    const int64_t x_w = strip_shape(conv).x_w;
    set_lines([&](int64_t channel, int64_t y, int64_t x) { return (y * x_w + x) * channels + channel; });
    return matrix;
  }
  const Layout layout = layout_of(schedule.images);
  const ImageShape x_shape = image_shape_x(layout, conv, channels);
  set_lines([&](int64_t channel, int64_t y, int64_t x) { return x_shape.padded_offset(channel, y, x); });
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float)), kPanel = int64_t{16};
  matrix.columns_per_channel_ = conv.taps();
  matrix.addressing_ = {.x_unit_bytes = kFloat,
                        .x_channel = x_shape.channel_floats,
                        .x_panel = kPanel,
                        .y_row_bytes = image_shape_y(layout, conv, weights.rows()).channel_floats * kFloat,
                        .y_panel_bytes = kPanel * kFloat};
  return matrix;
}

}  // namespace sparsmith

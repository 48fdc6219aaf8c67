#include "cli/bench_operands.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <random>
#include <utility>

namespace sparsmith::cli {
namespace {

int64_t plain_x_floats(int64_t k, const BenchProblem& problem) {
  if (!problem.conv) return k * problem.n;
  return problem.batch * problem.conv->channels(k) * problem.conv->height * problem.conv->width;
}

bool spatial(const BenchProblem& problem) { return problem.conv && !problem.conv->pointwise(); }

int64_t packed_x_floats(int64_t k, const BenchProblem& problem, Layout layout) {
  if (!spatial(problem)) return panel_floats(k, problem.n);
  return problem.batch * image_floats_x(layout, *problem.conv, problem.conv->channels(k));
}

int64_t packed_y_floats(int64_t m, const BenchProblem& problem, Layout layout) {
  if (!spatial(problem)) return panel_floats(m, problem.n);
  return problem.batch * image_floats_y(layout, *problem.conv, m);
}

}  // namespace

AlignedFloats::AlignedFloats(int64_t count)
    : data_(static_cast<float*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64))),
      count_(count) {
  if (!data_) throw std::bad_alloc();
  fill(0);
}

void AlignedFloats::fill(float value) { std::fill_n(data_.get(), count_, value); }

void AlignedFloats::Free::operator()(float* p) const { std::free(p); }

BenchOperands::BenchOperands(const Weights& weights, const BenchProblem& problem, const std::vector<Layout>& layouts)
    : m_(weights.rows()),
      k_(weights.cols()),
      shape_(problem),
      channels_(problem.conv ? problem.conv->channels(k_) : k_),
      // A strided 1x1 convolution leaves most of X alone.
      x_floats_(spatial(problem) ? plain_x_floats(k_, problem) : k_ * problem.n),
      x_(plain_x_floats(k_, problem)),
      y_(m_ * problem.n) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::generate_n(x_.data(), plain_x_floats(k_, problem), [&] { return uniform(random); });
  for (const Layout layout : layouts) {
    packed_.push_back({layout, AlignedFloats(packed_x_floats(k_, problem, layout)),
                       AlignedFloats(packed_y_floats(m_, problem, layout))});
    convert(layout);
  }
  if (!problem.conv) return;
  const Conv2d& c = *problem.conv;
  peer_conv_.batch = problem.batch;
  peer_conv_.channels = channels_;
  peer_conv_.height = c.height;
  peer_conv_.width = c.width;
  peer_conv_.kernel_h = c.kernel_h;
  peer_conv_.kernel_w = c.kernel_w;
  peer_conv_.stride_h = c.stride_h;
  peer_conv_.stride_w = c.stride_w;
  peer_conv_.dilation_h = c.dilation_h;
  peer_conv_.dilation_w = c.dilation_w;
  peer_conv_.pad_top = c.pad_top;
  peer_conv_.pad_left = c.pad_left;
  peer_conv_.pad_bottom = c.pad_bottom;
  peer_conv_.pad_right = c.pad_right;
  peer_conv_.groups = c.groups;
  peer_conv_.out_height = c.out_height();
  peer_conv_.out_width = c.out_width();
}

Problem BenchOperands::problem(Layout layout) const {
  Problem problem;
  problem.n = shape_.n;
  problem.conv = shape_.conv;
  problem.x_layout = problem.y_layout = layout;
  return problem;
}

RunArgs BenchOperands::args(Layout layout, int threads) const {
  const bool plain = layout == Layout::plain;
  RunArgs args;
  args.x = (plain ? x_ : packed(layout).x).data();
  args.y = (plain ? y_ : packed(layout).y).data();
  args.n = shape_.n;
  args.batch = shape_.batch;
  args.threads = threads;
  return args;
}

void BenchOperands::poison_results() {
  y_.fill(std::nanf(""));
  for (Packed& packed : packed_) packed.y.fill(std::nanf(""));
}

const BenchOperands::Packed& BenchOperands::packed(Layout layout) const {
  return *std::ranges::find(packed_, layout, &Packed::layout);
}

void BenchOperands::convert(Layout layout) const {
  const Packed& to = packed(layout);
  if (spatial(shape_)) {
    pack_images(layout, x_.data(), shape_.batch, channels_, *shape_.conv, to.x.data());
    unpack_images(layout, to.y.data(), shape_.batch, m_, *shape_.conv, y_.data());
  } else if (shape_.conv) {
    pack_nchw(x_.data(), shape_.batch, channels_, *shape_.conv, to.x.data());
    unpack_nchw(to.y.data(), shape_.batch, m_, shape_.n / shape_.batch, y_.data());
  } else {
    pack(x_.data(), k_, shape_.n, shape_.n, to.x.data());
    unpack(to.y.data(), m_, shape_.n, y_.data(), shape_.n);
  }
}

SparsmithPeerProblem BenchOperands::peer_problem() const {
  SparsmithPeerProblem problem{};
  problem.m = m_;
  problem.k = k_;
  problem.n = shape_.n;
  problem.x = x_.data();
  problem.y = y_.data();
  problem.conv = shape_.conv ? &peer_conv_ : nullptr;
  return problem;
}

PeerWeights::PeerWeights(const Weights& weights, const BenchProblem& problem)
    : row_offsets(weights.pattern().row_offsets().begin(), weights.pattern().row_offsets().end()),
      columns(weights.pattern().columns().begin(), weights.pattern().columns().end()),
      values(weights.values().begin(), weights.values().end()),
      dense(static_cast<size_t>(weights.rows() * weights.cols())) {
  if (problem.conv && problem.conv->order == WeightOrder::hwc) {
    const int64_t taps = problem.conv->taps(), channels = weights.cols() / taps;
    std::vector<std::pair<int32_t, float>> row;
    for (int64_t r = 0; r < weights.rows(); ++r) {
      row.clear();
      for (int64_t i = row_offsets[r]; i < row_offsets[r + 1]; ++i)
        row.emplace_back(static_cast<int32_t>(columns[i] % channels * taps + columns[i] / channels), values[i]);
      std::sort(row.begin(), row.end());
      for (size_t i = 0; i < row.size(); ++i)
        std::tie(columns[row_offsets[r] + i], values[row_offsets[r] + i]) = row[i];
    }
  }
  for (int64_t r = 0; r < weights.rows(); ++r)
    for (int64_t i = row_offsets[r]; i < row_offsets[r + 1]; ++i) dense[r * weights.cols() + columns[i]] = values[i];
}

void PeerWeights::add_to(SparsmithPeerProblem& problem) const {
  problem.nnz = static_cast<int64_t>(values.size());
  problem.row_offsets = row_offsets.data();
  problem.columns = columns.data();
  problem.values = values.data();
  problem.dense_w = dense.data();
}

}  // namespace sparsmith::cli

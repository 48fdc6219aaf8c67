#include "tests/runtime/fake_code.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith::testing {
namespace {

// mov rsi, body; mov rax, interpret; jmp rax
constexpr uint8_t kJump[] = {0x48, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
constexpr size_t kEntryBytes = 64;

void interpret(const EntryArgs* args, const FakeCode::Body* body) { body->run(*args); }

}  // namespace

Weights random_weights(int64_t m, int64_t k, double density, uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t c = 0; c < k; ++c) {
      const bool empty = density < 1 && (r == 0 || (c == k - 1 && k > 1)) && m > 1;
      if (empty || chance(rng) >= density) continue;
      columns.push_back(static_cast<int32_t>(c));
      values.push_back(uniform(rng));
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  Result<Pattern> pattern = Pattern::create(m, k, std::move(offsets), std::move(columns));
  return std::move(Weights::create(std::move(pattern.value()), std::move(values)).value());
}

FakeCode::FakeCode(const Weights& weights, const Problem& problem, const Schedule& schedule) {
  const Pattern& pattern = weights.pattern();
  image_.symbol = "sparsmith_fake";
  image_.target = "x86-64-v3";
  image_.m = pattern.rows();
  image_.k = pattern.cols();
  image_.problem = problem;
  image_.plan.m = image_.m;
  image_.plan.k = image_.k;
  image_.plan.nnz = pattern.nnz();
  image_.plan.target = image_.target;
  image_.plan.chosen = schedule;
  image_.row_offsets.assign(pattern.row_offsets().begin(), pattern.row_offsets().end());
  image_.columns.assign(pattern.columns().begin(), pattern.columns().end());
  const int64_t tiles = (image_.m + schedule.tile_rows - 1) / schedule.tile_rows;
  const int64_t step = schedule.k_block > 0 ? schedule.k_block : image_.k;
  for (int64_t k = 0; k < image_.k; k += step) {
    for (int64_t t = 0; t < tiles; ++t) add_segment(t, tiles, k, std::min(k + step, image_.k));
  }
}

void FakeCode::add_segment(int64_t tile, int64_t tiles, int64_t k_begin, int64_t k_end) {
  Segment segment;
  segment.value_offset = static_cast<uint32_t>(image_.value_sources.size());
  segment.tile = static_cast<uint32_t>(tile);
  const int64_t step = image_.plan.chosen.k_block > 0 ? image_.plan.chosen.k_block : image_.k;
  segment.k_block = static_cast<uint32_t>(k_begin / step);
  Body body{this, {}, k_begin, k_end, k_begin == 0, k_end == image_.k, image_.plan.chosen.panels_per_pass};
  for (int64_t r = tile; r < image_.m; r += tiles) {
    body.rows.push_back(static_cast<int32_t>(r));
    for (int64_t i = image_.row_offsets[r]; i < image_.row_offsets[r + 1]; ++i) {
      if (image_.columns[i] < k_begin || image_.columns[i] >= k_end) continue;
      image_.value_sources.push_back(ValueSource::make(ValueKind::weight, static_cast<uint32_t>(i)));
    }
    if (body.last) append_epilogue_sources(static_cast<int32_t>(r));
  }
  segment.rows = static_cast<uint32_t>(body.rows.size());
  segment.main_offset = add_entry(std::make_unique<Body>(body));
  body.panels = 1;
  segment.single_offset =
      image_.plan.chosen.panels_per_pass == 1 ? segment.main_offset : add_entry(std::make_unique<Body>(body));
  image_.segments.push_back(segment);
}

uint32_t FakeCode::add_entry(std::unique_ptr<Body> body) {
  uint8_t jump[kEntryBytes] = {};
  std::memcpy(jump, kJump, sizeof kJump);
  const Body* const self = body.get();
  void (*const target)(const EntryArgs*, const Body*) = interpret;
  std::memcpy(jump + 2, &self, 8);
  std::memcpy(jump + 12, &target, 8);
  bodies_.push_back(std::move(body));
  const size_t at = image_.code.size();
  image_.code.insert(image_.code.end(), jump, jump + kEntryBytes);
  return static_cast<uint32_t>(at);
}

void FakeCode::append_epilogue_sources(int32_t row) {
  const auto add = [&](ValueKind kind, uint32_t index) {
    image_.value_sources.push_back(ValueSource::make(kind, index));
  };
  const Epilogue& e = image_.problem.epilogue;
  const auto index = static_cast<uint32_t>(row);
  if (e.row_scale) add(ValueKind::row_scale, index);
  if (e.bias) add(ValueKind::bias, index);
  switch (e.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      add(ValueKind::zero, 0);
      break;
    case Activation::leaky_relu:
      add(ValueKind::alpha, 0);
      break;
    case Activation::prelu:
      add(ValueKind::prelu_slope, index);
      break;
    case Activation::clip:
      add(ValueKind::lo, 0);
      add(ValueKind::hi, 0);
      break;
    case Activation::hard_swish:
      add(ValueKind::literal, kThree);
      add(ValueKind::literal, kSix);
      add(ValueKind::literal, kSixth);
      break;
    case Activation::hard_sigmoid:
      add(ValueKind::alpha, 0);
      add(ValueKind::beta, 0);
      break;
    case Activation::sigmoid:
    case Activation::silu:
    case Activation::tanh:
    case Activation::gelu_erf:
    case Activation::gelu_tanh:
      break;
  }
}

float FakeCode::epilogue(float v, const float*& values, const float* residual) const {
  const Epilogue& e = image_.problem.epilogue;
  if (e.row_scale) v *= *values++;
  if (e.bias) v += *values++;
  if (e.residual == Residual::before_activation) v += *residual;
  switch (e.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      v = v < *values ? *values : v;
      ++values;
      break;
    case Activation::leaky_relu:
    case Activation::prelu:
      v = v < 0 ? *values * v : v;
      ++values;
      break;
    case Activation::clip:
      v = v < values[0] ? values[0] : v;
      v = v > values[1] ? values[1] : v;
      values += 2;
      break;
    case Activation::hard_swish: {
      const float t = v + values[0];
      v = v * std::min(std::max(t, 0.0f), values[1]) * values[2];
      values += 3;
      break;
    }
    case Activation::hard_sigmoid:
      v = std::fma(v, values[0], values[1]);
      v = v < 0 ? 0 : v > 1 ? 1 : v;
      values += 2;
      break;
    case Activation::sigmoid:
      v = 1 / (1 + std::exp(-v));
      break;
    case Activation::silu:
      v = v / (1 + std::exp(-v));
      break;
    case Activation::tanh:
      v = std::tanh(v);
      break;
    case Activation::gelu_erf:
      v = v * std::erfc(-v * 0.70710678f) / 2;
      break;
    case Activation::gelu_tanh:
      v = v / (1 + std::exp(-1.5957691f * (v + 0.044715f * v * v * v)));
      break;
  }
  if (e.residual == Residual::after_activation) v += *residual;
  return v;
}

int64_t FakeCode::line(int64_t row, int64_t k) const {
  if (!image_.problem.spatial()) return k;
  const Conv2d& conv = *image_.problem.conv;
  const int64_t group_channels = image_.k / conv.taps(), group = row / (image_.m / conv.groups);
  const bool oihw = conv.order == WeightOrder::oihw;
  const int64_t tap = oihw ? k % conv.taps() : k / group_channels;
  const int64_t channel = group * group_channels + (oihw ? k / conv.taps() : k % group_channels);
  const int64_t position =
      tap / conv.kernel_w * conv.dilation_h * strip_shape(conv).x_w + tap % conv.kernel_w * conv.dilation_w;
  return position * conv.channels(image_.k) + channel;
}

void FakeCode::Body::run(const EntryArgs& args) const {
  const KernelImage& image = owner->image_;
  const bool plain = image.problem.y_layout == Layout::plain && !image.problem.spatial();
  const int64_t y_row = (plain ? args.y_row_stride : 64) / 4, r_row = (plain ? args.residual_row_stride : 64) / 4;
  const int64_t x_row = (image.plan.chosen.direct_x ? args.x_row_stride : 64) / 4;
  for (int64_t p = 0; p < args.passes * panels; ++p) {
    const float* x = args.x + p * args.x_panel_stride / 4;
    float* y = args.y + p * args.y_panel_stride / 4;
    const float* residual = args.residual != nullptr ? args.residual + p * args.residual_panel_stride / 4 : nullptr;
    for (int64_t lane = 0; lane < kPanelWidth; ++lane) {
      const float* values = args.values;
      for (const int32_t row : rows) {
        float* const target = y + row * y_row + lane;
        float v = first && !image.problem.epilogue.accumulate ? 0.0f : *target;
        for (int64_t i = image.row_offsets[row]; i < image.row_offsets[row + 1]; ++i) {
          const int64_t k = image.columns[i];
          if (k >= k_begin && k < k_end) v = std::fma(*values++, x[owner->line(row, k) * x_row + lane], v);
        }
        if (last) v = owner->epilogue(v, values, residual != nullptr ? residual + row * r_row + lane : nullptr);
        *target = v;
      }
    }
  }
}

SegmentCaller FakeCode::caller() const {
  return {this, [](const void* context, const Segment& segment, bool single, const EntryArgs& args) {
            const auto* self = static_cast<const FakeCode*>(context);
            const uint32_t offset = single ? segment.single_offset : segment.main_offset;
            self->bodies_[offset / kEntryBytes]->run(args);
          }};
}

}  // namespace sparsmith::testing

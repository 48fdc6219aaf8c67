// Chains of layers whose values stay in strips: 1x1 and spatial convolutions in any order, each writing where the next
// one reads, residuals from where they lie; every layer against the double reference on NCHW.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>

#include "kernels/reference.h"
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;
using testing::OwnedParams;
using testing::PageEndBuffer;

// What a layer hands on.
struct Value {
  std::shared_ptr<PageEndBuffer> memory;
  float* first = nullptr;  // position 0
  StripGrid grid;
  PanelRuns runs;
  int64_t channels = 0;
  std::vector<float> nchw;
  std::optional<Conv2d> home;  // whose X it lies in

  // Side by side, or, where the convolution can have it so, in the interior of its X. NaN everywhere.
  Value(const StripGrid& cut, int64_t channels_, int64_t batch, const Conv2d* wanted) : grid(cut), channels(channels_) {
    std::optional<StripInterior> interior;
    if (wanted != nullptr && can_link(grid, *wanted)) home = *wanted;
    if (home) interior = strip_interior(*home);
    const int64_t floats = interior ? strip_shape(*home).x_floats(channels) : grid.positions() * channels * kPanelWidth;
    memory = std::make_shared<PageEndBuffer>(batch * floats);
    std::fill_n(memory->data(), memory->size(), NAN);
    first = memory->data();
    if (!interior) return;
    first += interior->first * channels * kPanelWidth;
    runs = interior->runs;
  }
};

// Kernels of up to 5 that keep the image's size or halve it, now and then without padding.
Conv2d random_spatial(const StripGrid& image, int64_t groups, std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Conv2d conv{.height = image.height, .width = image.width};
  conv.groups = groups;
  conv.kernel_h = 1 + upto(4);
  conv.kernel_w = conv.kernel_h == 1 ? 2 + upto(3) : 1 + upto(4);
  conv.dilation_h = 1 + upto(4) / 4;
  conv.stride_h = 1 + upto(4) / 4;
  conv.stride_w = upto(5) == 0 ? 2 : conv.stride_h;
  const int64_t reach_h = conv.dilation_h * (conv.kernel_h - 1), reach_w = conv.kernel_w - 1;
  const bool pads = upto(6) > 0 || reach_h >= conv.height || reach_w >= conv.width;
  if (!pads) return conv;
  conv.pad_top = (reach_h + upto(1)) / 2;
  conv.pad_left = (reach_w + upto(1)) / 2;
  conv.pad_bottom = reach_h - conv.pad_top;
  conv.pad_right = reach_w - conv.pad_left;
  return conv;
}

class Chain {
 public:
  Chain(uint32_t seed, const std::string& target)
      : rng_(seed * 2654435761u + 17), seed_(seed), target_(target), batch_(1 + upto(2)) {}

  ::testing::AssertionResult check() {
    const int64_t layers = 3 + upto(4);
    StripGrid image{.height = 3 + upto(27), .width = 3 + upto(27)};
    std::vector<Layer> all;
    int64_t channels = 1 + upto(19);
    for (int64_t i = 0; i < layers; ++i) {
      all.push_back(random_layer(image, channels));
      channels = all.back().m;
    }
    push_first(all.front());
    for (size_t i = 0; i < all.size(); ++i) {
      if (auto ran = run(all[i], i + 1 < all.size() ? &all[i + 1] : nullptr); !ran) {
        return ran << " [seed " << seed_ << ", layer " << i << ", batch " << batch_ << "]";
      }
    }
    return ::testing::AssertionSuccess();
  }

 private:
  struct Layer {
    int64_t m = 1, k = 1, in_channels = 1;
    std::optional<Conv2d> conv;  // of spatial ones
    StripGrid image;             // X's; only its size counts
  };

  int64_t upto(int64_t most) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(most + 1)); }

  // Moves `image` on to the layer's output.
  Layer random_layer(StripGrid& image, int64_t channels) {
    Layer layer;
    layer.in_channels = layer.k = channels;
    layer.image = image;
    layer.m = upto(2) == 0 ? 1 + upto(40) : channels;
    if (upto(1) == 0) return layer;
    const bool depthwise = upto(1) == 0;
    layer.conv = random_spatial(image, depthwise ? channels : 1, rng_);
    if (depthwise) layer.m = channels;
    layer.k = layer.conv->taps() * (depthwise ? 1 : channels);
    image.height = layer.conv->out_height();
    image.width = layer.conv->out_width();
    return layer;
  }

  // The first value, packed for the first layer or, before a 1x1 convolution, cut as some other layer would.
  void push_first(const Layer& layer) {
    const Conv2d some{
        .height = layer.image.height, .width = layer.image.width, .kernel_h = 3, .pad_top = 1, .pad_bottom = 1};
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float> nchw(static_cast<size_t>(batch_ * layer.in_channels * layer.image.height * layer.image.width));
    for (float& number : nchw) number = uniform(rng_);
    Value value(output_grid(some), layer.in_channels, batch_, nullptr);
    pack_strips(nchw.data(), batch_, layer.in_channels, value.grid, value.first);
    value.nchw = std::move(nchw);
    values_.push_back(std::move(value));
  }

  // A value that the layer may add: of Y's cut and channels.
  const Value* residual_for(const StripGrid& grid, int64_t channels) {
    for (const Value& value : values_) {
      if (value.grid == grid && value.channels == channels && upto(1) == 0) return &value;
    }
    return nullptr;
  }

  ::testing::AssertionResult run(const Layer& layer, const Layer* next) {
    const Value x = values_.back();
    const StripGrid grid = layer.conv ? output_grid(*layer.conv) : x.grid;
    // Y goes into the next spatial layer's X, or anywhere where one of this size would have it.
    Conv2d home{.height = grid.height, .width = grid.width, .kernel_h = 5, .kernel_w = 3};
    home.pad_top = home.pad_bottom = 2;
    home.pad_left = home.pad_right = 1;
    if (next != nullptr && next->conv) home = *next->conv;
    const bool at_home = (next != nullptr && next->conv) || upto(1) == 0;
    Value y(grid, layer.m, batch_, at_home ? &home : nullptr);
    const Value* const residual = residual_for(grid, layer.m);

    LayerCase c{.m = layer.m, .k = layer.k, .density = 0.3, .target = target_, .seed = static_cast<uint32_t>(rng_())};
    c.problem.conv = layer.conv;
    c.problem.x_layout = c.problem.y_layout = Layout::panel;
    c.problem.n = upto(1) * batch_ * grid.positions() * kPanelWidth;
    c.problem.epilogue.bias = upto(1) == 0;
    c.problem.epilogue.activation = upto(1) == 0 ? Activation::clip : Activation::none;
    c.problem.epilogue.lo = -1;
    if (residual != nullptr) c.problem.epilogue.residual = Residual::before_activation;
    std::optional<Schedule> schedule;
    if (upto(1) == 0) schedule = testing::random_schedule(rng_, c.problem, c.k, target_);
    const Weights weights = make_weights(c);
    const OwnedParams params(c.problem.epilogue, c.m, c.seed);
    CompileOptions options;
    options.target = target_;
    options.schedule = schedule ? &*schedule : nullptr;
    Result<Kernel> kernel = compile(weights, c.problem, params.view(), options);
    const auto failure = [&] {
      return ::testing::AssertionFailure()
             << testing::describe(c) << "; " << (x.runs.run > 0 ? "X in runs, " : "X side by side, ")
             << (y.runs.run > 0 ? "Y in runs" : "Y side by side") << ": ";
    };
    if (!kernel.ok()) return failure() << kernel.error().message;

    RunArgs args{.x = x.first, .y = y.first, .x_runs = x.runs, .y_runs = y.runs, .batch = batch_};
    args.threads = static_cast<int>(1 + upto(2));
    args.n = batch_ * grid.positions() * kPanelWidth;
    if (residual != nullptr) {
      args.residual = residual->first;
      args.residual_runs = residual->runs;
    }
    std::unique_ptr<PageEndBuffer> cut_anew;
    if (layer.conv) {
      args.x_runs = {};
      if (x.home == layer.conv) {
        ++linked;
        args.x = x.memory->data();
        const Status filled = fill_strip_halo(x.memory->data(), batch_, x.channels, *layer.conv, args.threads);
        if (!filled.ok()) return failure() << filled.error().message;
      } else {
        cut_anew = std::make_unique<PageEndBuffer>(batch_ * strip_shape(*layer.conv).x_floats(x.channels));
        std::fill_n(cut_anew->data(), cut_anew->size(), NAN);
        args.x = cut_anew->data();
        const Status done =
            regrid_strips(x.first, x.grid, x.runs, batch_, x.channels, *layer.conv, cut_anew->data(), args.threads);
        if (!done.ok()) return failure() << done.error().message;
      }
    }
    if (Status ran = kernel->run(args); !ran.ok()) return failure() << ran.error().message;

    Problem plain = c.problem;
    plain.x_layout = plain.y_layout = Layout::plain;
    if (!plain.conv) plain.conv = Conv2d{.height = grid.height, .width = grid.width};
    y.nchw.assign(static_cast<size_t>(batch_ * layer.m * grid.height * grid.width), NAN);
    const RunArgs plain_args{.x = x.nchw.data(),
                             .y = y.nchw.data(),
                             .residual = residual != nullptr ? residual->nchw.data() : nullptr,
                             .batch = batch_};
    const bool dense = kernel->plan().chosen.form == Form::dense;
    const Reference reference = compute_reference(weights, plain, params.view(), plain_args, dense);
    unpack_strips(y.first, batch_, layer.m, grid, y.runs, y.nchw.data());
    if (const Deviation d = compare(reference, plain, plain_args); !d.ok()) return failure() << d.describe();
    values_.push_back(std::move(y));
    return ::testing::AssertionSuccess();
  }

  std::mt19937 rng_;
  const uint32_t seed_;
  const std::string target_;
  const int64_t batch_;
  std::vector<Value> values_;

 public:
  int linked = 0;  // layers that read the value where it was written
};

class Link : public testing::PerTarget {};

TEST_P(Link, RandomChains) {
  int linked = 0;
  testing::for_each_seed(80, [&](uint32_t seed) {
    Chain chain(seed, target());
    auto result = chain.check();
    linked += chain.linked;
    return result;
  });
  if (std::getenv("SPARSMITH_SEED") == nullptr) {
    EXPECT_GT(linked, 30);
  }
}

SPARSMITH_FOR_EACH_TARGET(Link);

}  // namespace
}  // namespace sparsmith

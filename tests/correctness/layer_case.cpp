#include "tests/correctness/layer_case.h"

#include <cstdlib>
#include <sstream>

#include "kernels/reference.h"
#include "pattern/images.h"
#include "tests/runtime/panel_runs.h"

namespace sparsmith::testing {
namespace {

const char* name(Layout layout) {
  constexpr const char* kNames[] = {"plain", "panel", "plane", "row"};
  return kNames[static_cast<size_t>(layout)];
}

const char* name(Nonzeros nonzeros) {
  switch (nonzeros) {
    case Nonzeros::random:
      return "random";
    case Nonzeros::none:
      return "none";
    case Nonzeros::one:
      return "one";
    case Nonzeros::uneven:
      return "uneven";
    case Nonzeros::block_4x4:
      return "4x4 blocks";
  }
  return "?";
}

std::vector<bool> make_mask(const LayerCase& c, std::mt19937& rng) {
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(bound)); };
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  std::vector<bool> mask(static_cast<size_t>(c.m * c.k), false);
  switch (c.nonzeros) {
    case Nonzeros::none:
      break;
    case Nonzeros::one:
      mask[below(c.m * c.k)] = true;
      break;
    case Nonzeros::random:
      for (size_t i = 0; i < mask.size(); ++i) mask[i] = chance(rng) < c.density;
      break;
    case Nonzeros::uneven: {
      const int64_t full_row = below(c.m), full_column = below(c.k);
      for (int64_t r = 0; r < c.m; ++r) {
        for (int64_t k = 0; k < c.k; ++k) {
          const bool full = r == full_row || k == full_column;
          mask[r * c.k + k] = full || (r % 2 == 0 && k % 3 != 0 && chance(rng) < c.density);
        }
      }
      break;
    }
    case Nonzeros::block_4x4: {
      std::vector<bool> blocks;
      const int64_t across = (c.k + 3) / 4;
      for (int64_t i = 0; i < (c.m + 3) / 4 * across; ++i) blocks.push_back(chance(rng) < c.density);
      for (int64_t r = 0; r < c.m; ++r) {
        for (int64_t k = 0; k < c.k; ++k) mask[r * c.k + k] = blocks[r / 4 * across + k / 4];
      }
      break;
    }
  }
  return mask;
}

int64_t environment_number(const char* variable, int64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::atoll(text) : otherwise;
}

}  // namespace

std::string describe(const LayerCase& c) {
  std::ostringstream text;
  const Epilogue& e = c.problem.epilogue;
  text << "seed " << c.seed << ", " << c.target << ": " << c.m << "x" << c.k << " " << name(c.nonzeros) << " "
       << c.density << ", x " << name(c.problem.x_layout) << " y " << name(c.problem.y_layout) << ", n " << c.shape.n
       << " batch " << c.shape.batch << " pads " << c.shape.pad_x << "," << c.shape.pad_y << "," << c.shape.pad_residual
       << " lead " << c.shape.lead << ", accumulate " << e.accumulate << " scale " << e.row_scale << " bias " << e.bias
       << " residual " << static_cast<int>(e.residual) << " activation " << static_cast<int>(e.activation);
  if (c.problem.conv) {
    const Conv2d& v = *c.problem.conv;
    text << ", conv " << v.height << "x" << v.width << " stride " << v.stride_h << "x" << v.stride_w << " kernel "
         << v.kernel_h << "x" << v.kernel_w << " dilation " << v.dilation_h << "x" << v.dilation_w << " pads "
         << v.pad_top << "," << v.pad_left << "," << v.pad_bottom << "," << v.pad_right << " groups " << v.groups
         << (v.order == WeightOrder::oihw ? " oihw" : " hwc");
  }
  if (c.problem.n_fixed) text << ", n fixed";
  if (c.schedule) {
    const Schedule& s = *c.schedule;
    text << ", " << to_string(s.form) << " " << s.tile_rows << "x" << s.panels_per_pass << " k_block " << s.k_block
         << " n_block " << s.n_block << (s.cluster_rows ? " clustered" : "") << (s.prefetch_y ? " prefetch" : "")
         << (s.direct_x ? " x in place" : "") << " groups of " << s.tile_group << " by " << s.inner_panels
         << (s.prefetch_code ? " code prefetched" : "") << " lanes " << s.lanes << " images in " << to_string(s.images);
  }
  return text.str();
}

Weights make_weights(const LayerCase& c) {
  std::mt19937 rng(c.seed * 7919 + 1);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  const std::vector<bool> mask = make_mask(c, rng);
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (int64_t r = 0; r < c.m; ++r) {
    for (int64_t k = 0; k < c.k; ++k) {
      if (!mask[r * c.k + k]) continue;
      columns.push_back(static_cast<int32_t>(k));
      values.push_back(uniform(rng));
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  Result<Pattern> pattern = Pattern::create(c.m, c.k, std::move(offsets), std::move(columns));
  return std::move(Weights::create(std::move(pattern.value()), std::move(values)).value());
}

OwnedParams::OwnedParams(const Epilogue& epilogue, int64_t m, uint32_t seed) {
  std::mt19937 rng(seed * 104729 + 2);
  std::uniform_real_distribution<float> uniform(-1.5f, 1.5f);
  const auto fill = [&](std::vector<float>& vector) {
    vector.resize(static_cast<size_t>(m));
    for (float& value : vector) value = uniform(rng);
  };
  if (epilogue.bias) fill(bias);
  if (epilogue.row_scale) fill(row_scale);
  if (epilogue.activation == Activation::prelu) fill(prelu_slope);
}

::testing::AssertionResult check_kernel(const Kernel& kernel, const Weights& weights, const LayerParams& params,
                                        const CallShape& shape, int threads, uint32_t seed) {
  const Problem& problem = kernel.problem();
  CallBuffers buffers(problem, kernel.m(), kernel.k(), shape, seed);
  const bool dense = kernel.plan().chosen.form == Form::dense;
  const Reference reference = compute_reference(weights, problem, params, buffers.args(), dense);
  std::vector<uint32_t> first;
  for (int t = 1; t <= threads; ++t) {
    buffers.reset_y();
    buffers.args().threads = t;
    const Status ran = kernel.run(buffers.args());
    if (!ran.ok()) return ::testing::AssertionFailure() << t << " threads: run: " << ran.error().message;
    const Deviation deviation = compare(reference, problem, buffers.args());
    if (!deviation.ok()) return ::testing::AssertionFailure() << t << " threads: " << deviation.describe();
    if (::testing::AssertionResult untouched = buffers.surroundings_untouched(); !untouched) {
      return untouched << " (" << t << " threads)";
    }
    if (t == 1) first = buffers.y_bits();
    if (buffers.y_bits() != first) {
      return ::testing::AssertionFailure() << t << " threads give other bits than 1 thread";
    }
    const auto run = [&](const RunArgs& args) { return kernel.run(args); };
    const uint32_t of_runs = seed + static_cast<uint32_t>(t);
    if (auto in_runs = same_in_runs(problem, kernel.m(), kernel.k(), buffers, run, of_runs); !in_runs) return in_runs;
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult check_layer(const LayerCase& c) {
  const Weights weights = make_weights(c);
  const OwnedParams params(c.problem.epilogue, c.m, c.seed);
  CompileOptions options;
  options.target = c.target;
  options.schedule = c.schedule ? &*c.schedule : nullptr;
  Result<Kernel> kernel = compile(weights, c.problem, params.view(), options);
  if (!kernel.ok()) return ::testing::AssertionFailure() << describe(c) << ": compile: " << kernel.error().message;
  ::testing::AssertionResult result = check_kernel(*kernel, weights, params.view(), c.shape, c.threads, c.seed);
  if (!result) result << " [" << describe(c) << "; plan " << kernel->plan().chosen.describe() << "]";
  return result;
}

namespace {

// A spatial convolution: any kernel, stride, dilation, pads and groups that leave an output.
Conv2d random_conv(LayerCase& c, std::mt19937& rng) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  Conv2d conv;
  conv.kernel_h = 1 + upto(upto(1) == 0 ? 2 : 6);
  conv.kernel_w = 1 + upto(upto(1) == 0 ? 2 : 6);
  conv.stride_h = 1 + upto(2) / 2 + upto(8) / 8;
  conv.stride_w = 1 + upto(2) / 2 + upto(8) / 8;
  conv.dilation_h = 1 + upto(4) / 4;
  conv.dilation_w = 1 + upto(4) / 3;
  conv.pad_top = upto(3);
  conv.pad_left = upto(3);
  conv.pad_bottom = upto(3);
  conv.pad_right = upto(3);
  conv.order = upto(1) == 0 ? WeightOrder::oihw : WeightOrder::hwc;
  const auto least = [](int64_t kernel, int64_t dilation, int64_t pads) {
    return std::max<int64_t>(1, dilation * (kernel - 1) + 1 - pads);
  };
  conv.height = least(conv.kernel_h, conv.dilation_h, conv.pad_top + conv.pad_bottom) + upto(16);
  conv.width = least(conv.kernel_w, conv.dilation_w, conv.pad_left + conv.pad_right) + upto(16);
  conv.groups = upto(2) == 0 ? 1 + upto(5) : 1;
  const int64_t group_channels = upto(3) == 0 ? 1 : 1 + upto(7),
                group_rows = upto(2) == 0 ? 1 : 1 + upto(40 / conv.groups);
  c.m = conv.groups * group_rows;
  c.k = group_channels * conv.taps();
  return conv;
}

// A kernel for one N only; mostly a multiple of 16, for which row strides are in the code, short and long ones.
void fix_n(LayerCase& c, std::mt19937& rng) {
  const bool whole = !c.problem.spatial() && rng() % 3 != 0;
  c.problem.n_fixed = true;
  c.shape.pad_x = c.shape.pad_y = c.shape.pad_residual = 0;
  if (c.problem.conv) {
    if (whole) *c.problem.conv = Conv2d{4, static_cast<int64_t>(4 + rng() % 3 * 4), 1, 1};
    c.shape.n = c.problem.n = c.problem.conv->out_height() * c.problem.conv->out_width() * c.shape.batch;
    return;
  }
  if (whole) c.shape.n = static_cast<int64_t>(16 * (1 + rng() % (rng() % 8 == 0 ? 80 : 6)));
  c.problem.n = c.shape.n;
}

}  // namespace

LayerCase random_layer(uint32_t seed, const std::string& target) {
  std::mt19937 rng(seed * 2654435761u + 3);
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  LayerCase c;
  c.seed = seed;
  c.target = target;
  c.m = 1 + upto(66);
  c.k = 1 + upto(66);
  constexpr double kDensities[] = {0.02, 0.05, 0.1, 0.2, 0.5, 1.0};
  c.density = kDensities[upto(5)];
  const int64_t kind = upto(11);
  c.nonzeros = kind == 0   ? Nonzeros::none
               : kind == 1 ? Nonzeros::one
               : kind == 2 ? Nonzeros::uneven
               : kind == 3 ? Nonzeros::block_4x4
                           : Nonzeros::random;
  c.problem.x_layout = upto(1) == 0 ? Layout::plain : Layout::panel;
  c.problem.y_layout = upto(1) == 0 ? Layout::plain : Layout::panel;
  Epilogue& e = c.problem.epilogue;
  e.accumulate = upto(3) == 0;
  e.row_scale = upto(3) == 0;
  e.bias = upto(1) == 0;
  e.residual = upto(1) == 0 ? Residual::none : static_cast<Residual>(upto(2));
  e.activation = static_cast<Activation>(upto(11));
  e.alpha = upto(1) == 0 ? 0.01f : -0.5f;
  e.lo = -0.3f;
  e.hi = 0.4f;
  e.beta = 0.3f;
  if (const int64_t conv = upto(5); conv < 3) {
    c.problem.conv = conv > 0 ? random_conv(c, rng) : Conv2d{1 + upto(9), 1 + upto(9), 1 + upto(2), 1 + upto(2)};
    c.shape.batch = 1 + upto(3);
  }
  if (c.problem.spatial()) {
    constexpr Layout kImages[] = {Layout::panel, Layout::plane, Layout::row};
    const Layout images = kImages[upto(2)];
    if (c.problem.x_layout != Layout::plain) c.problem.x_layout = images;
    if (c.problem.y_layout != Layout::plain) c.problem.y_layout = images;
    const bool depthwise = c.problem.conv->groups > 1 && c.k == c.problem.conv->taps();
    if (depthwise && can_read_grid(*c.problem.conv) && upto(2) > 0) {
      c.problem.x_layout = Layout::grid;
      c.problem.y_layout = Layout::panel;
    }
  }
  c.shape.n = 1 + upto(66);
  c.shape.pad_x = upto(2) == 0 ? upto(20) : 0;
  c.shape.pad_y = upto(2) == 0 ? upto(20) : 0;
  c.shape.pad_residual = upto(2) == 0 ? upto(20) : 0;
  c.shape.lead = upto(15);
  c.shape.y_at_page_end = upto(1) == 0;
  c.threads = static_cast<int>(1 + upto(2));
  // The plan is made for the call's N, for another, or for none.
  const int64_t planned = upto(2);
  c.problem.n = planned == 0 ? 0 : planned == 1 ? c.shape.n : 1 + upto(300);
  if (upto(4) == 0) fix_n(c, rng);
  return c;
}

Schedule random_schedule(std::mt19937& rng, const Problem& problem, int64_t k, const std::string& target) {
  const auto upto = [&](int64_t most) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(most + 1)); };
  ImageLayout images = ImageLayout::strips;
  if (problem.spatial()) {
    if (problem.x_layout == Layout::grid) {
      Schedule whole{Form::depthwise, static_cast<int32_t>(1 + upto(20)), 1, 0, 0, false};
      whole.prefetch_code = upto(3) == 0;
      return whole;
    }
    const Layout given = problem.x_layout != Layout::plain ? problem.x_layout : problem.y_layout;
    images = given == Layout::plain ? static_cast<ImageLayout>(upto(2))
                                    : static_cast<ImageLayout>(static_cast<int>(given) - 1);
  }
  Schedule s;
  s.images = images;
  const bool grouped = problem.conv && problem.conv->groups > 1;
  constexpr Form kForms[] = {Form::sparse, Form::sparse, Form::compact, Form::dense};
  s.form = kForms[upto(3)];
  if (s.form == Form::dense && grouped) s.form = Form::sparse;
  if (s.form == Form::compact && images != ImageLayout::strips) s.form = Form::sparse;
  const bool wide = Target::parse(target)->isa() == Isa::avx512;
  if (!problem.spatial() && upto(3) == 0) {
    s.form = Form::vector;
    s.tile_rows = static_cast<int32_t>(16 * (1 + upto(4)));
    s.panels_per_pass = static_cast<int32_t>(1 + upto(wide ? kMostColumnsPerPass - 1 : 5));
    s.lanes = wide ? 16 : 8;
    s.window_step = upto(3) == 0 ? 1 : 4 << upto(2);
    return s;
  }
  if (problem.spatial() && k == problem.conv->taps() && upto(1) == 0) {
    s = {Form::depthwise,
         static_cast<int32_t>(1 + upto(20)),
         static_cast<int32_t>(1 + upto(wide ? 15 : 4)),
         0,
         0,
         false};
    s.n_block = upto(1) == 0 ? 0 : 1 + upto(5);
    s.images = images;
    return s;
  }
  // Registers for accumulators, for a row of X per panel, and for a weight that several panels share (dense).
  s.panels_per_pass = static_cast<int32_t>(1 + upto(s.form != Form::compact ? 2 : wide ? 15 : 5));
  const bool narrow = !problem.spatial() && s.form != Form::dense && upto(2) == 0;
  if (narrow) s.lanes = 4 << upto(1), s.panels_per_pass = 1;
  const int vectors = wide     ? 32
                      : narrow ? 14
                               : 7,
            weight = wide && s.form == Form::dense && s.panels_per_pass > 1 ? 1 : 0;
  const int most = s.form == Form::compact ? 70 : (vectors - s.panels_per_pass - weight) / s.panels_per_pass;
  s.tile_rows = static_cast<int32_t>(upto(3) == 0 ? most : 1 + upto(most - 1));
  s.k_block = upto(1) == 0 ? 0 : (1 + upto(69)) * (problem.spatial() ? problem.conv->taps() : 1);
  if (s.form == Form::compact && problem.spatial() && s.k_block > 0) {
    // A row of taps, and channels that divide all.
    const int64_t channels = problem.conv->channels(k);
    int64_t block = 1 + upto(channels - 1);
    while (channels % block != 0) --block;
    s.k_block = block * problem.conv->kernel_w;
  }
  s.n_block = upto(1) == 0 ? 0 : 1 + upto(5);
  s.cluster_rows = upto(1) == 0;
  s.prefetch_y = upto(3) == 0;
  const bool strided = problem.conv && (problem.conv->stride_h > 1 || problem.conv->stride_w > 1);
  const bool in_place = problem.x_layout == Layout::plain && !problem.spatial() && !strided && s.form == Form::sparse &&
                        s.panels_per_pass == 1;
  s.direct_x = in_place && upto(2) > 0;
  if (s.form != Form::compact && upto(2) == 0) {
    s.tile_group = 1 + upto(4);
    s.inner_panels = 1 + upto(4);
  }
  s.prefetch_code = upto(3) == 0;
  return s;
}

void for_each_seed(uint32_t count, const std::function<::testing::AssertionResult(uint32_t)>& check) {
  if (const int64_t only = environment_number("SPARSMITH_SEED", -1); only >= 0) {
    EXPECT_TRUE(check(static_cast<uint32_t>(only)));
    return;
  }
  const auto factor = static_cast<uint32_t>(std::max<int64_t>(environment_number("SPARSMITH_SWEEP", 1), 1));
  for (uint32_t seed = 0; seed < count * factor; ++seed) ASSERT_TRUE(check(seed));
}

std::string cannot_run(const std::string& target) {
  const Result<Target> parsed = Target::parse(target);
  if (!parsed.ok()) return parsed.error().message;
  const std::string missing = parsed->missing_on_host();
  return missing.empty() ? "" : "this CPU can't run " + target + " code: it lacks " + missing;
}

void PerTarget::SetUp() {
  if (const std::string reason = cannot_run(target()); !reason.empty()) GTEST_SKIP() << reason;
}

}  // namespace sparsmith::testing

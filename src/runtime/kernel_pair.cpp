#include "runtime/kernel_pair.h"

#include <algorithm>

#include "runtime/fusion.h"
#include "runtime/kernel_impl.h"
#include "runtime/launch_fused.h"
#include "sparsmith/caches.h"
#include "sparsmith/strip.h"

namespace sparsmith {
namespace {

std::string shape_text(int64_t m, int64_t k) { return std::to_string(m) + " x " + std::to_string(k); }
std::string image_text(int64_t height, int64_t width) { return std::to_string(height) + " x " + std::to_string(width); }

Status check_first(const Kernel& kernel) {
  const Problem& problem = kernel.problem();
  const std::string name = "the first kernel, " + kernel.symbol() + ", ";
  if (!problem.spatial()) {
    return bad_input(name + "computes a product over positions, not a spatial convolution",
                     "join a 3x3, depthwise or other spatial convolution with the 1x1 convolution behind it");
  }
  if (problem.y_layout != Layout::panel) {
    return bad_input(name + "writes NCHW (y_layout plain)", "compile it with y_layout panel: it then writes strips");
  }
  if (problem.y_channels > 0) {
    return bad_input(name + "writes a part of a value of " + std::to_string(problem.y_channels) + " channels",
                     "compile it without y_channels: the second kernel reads all of what it writes");
  }
  if (problem.x_layout == Layout::grid) {
    return bad_input(name + "reads X on its grid and computes whole images (x_layout grid)",
                     "compile it with x_layout panel");
  }
  if (problem.epilogue.accumulate || problem.epilogue.residual != Residual::none) {
    return bad_input(name + (problem.epilogue.accumulate ? "accumulates on its old Y" : "adds a residual") +
                         ", for which a fused call has no operand",
                     "run the two kernels one after the other, or move it to the second one's epilogue");
  }
  return success();
}

Status check_pointwise(const Kernel& kernel, const Kernel& before) {
  const Problem& problem = kernel.problem();
  const std::string name = "the second kernel, " + kernel.symbol() + ", ";
  if (problem.spatial()) {
    return bad_input(name + "computes a spatial convolution", "it must be a product, or a 1x1 convolution");
  }
  if (kernel.k() != before.m()) {
    return bad_input(name + "has " + std::to_string(kernel.k()) + " input channels, but the first one, " +
                     shape_text(before.m(), before.k()) + ", writes " + std::to_string(before.m()));
  }
  if (problem.conv) {
    const Conv2d &conv = *problem.conv, &of = *before.problem().conv;
    if (conv.stride_h != 1 || conv.stride_w != 1) {
      return bad_input(name + "has stride " + image_text(conv.stride_h, conv.stride_w) + "; it must be 1");
    }
    if (conv.height != of.out_height() || conv.width != of.out_width()) {
      return bad_input(name + "was made for images of " + image_text(conv.height, conv.width) +
                       ", but the first one writes " + image_text(of.out_height(), of.out_width()));
    }
  }
  if (problem.x_layout != Layout::panel) {
    return bad_input(name + "reads plain rows (x_layout plain)",
                     "compile it with x_layout panel: a position of strips is a panel to it");
  }
  for (const Kernel::Impl::Choice& choice : kernel.impl().choices) {
    if (choice.most_columns >= kPanelWidth && choice.narrow()) {
      return bad_input(
          name + "was planned for " + std::to_string(kernel.plan().n) + " columns and computes fewer than 16 at once",
          "compile it for the columns it will have, 16 for each position of the strips");
    }
  }
  return success();
}

Status check_common(const Kernel& kernel) {
  if (Status here = kernel.impl().runs_here(); !here) return here;
  if (kernel.problem().n_fixed) {
    return bad_input(kernel.symbol() + " was compiled for N = " + std::to_string(kernel.problem().n) +
                         " only (n_fixed); strips have other columns",
                     "compile it with n_fixed = false");
  }
  return success();
}

// Code and values of one choice.
int64_t streamed_bytes(const Kernel::Impl& kernel, const Kernel::Impl::Choice& choice) {
  const size_t code = choice.code_end - std::min<size_t>(choice.code_end, choice.segments.front().main_offset);
  const size_t values = (choice.values_end - choice.first_value) * sizeof(float);
  return static_cast<int64_t>(code + values + kernel.code->image.indices.size());
}

FusionShape fusion_shape(const Kernel& first, const Kernel& pointwise, int64_t batch, int threads) {
  const Conv2d& conv = *first.problem().conv;
  const StripShape strips = strip_shape(conv);
  const auto line_bytes = kPanelWidth * static_cast<int64_t>(sizeof(float));
  FusionShape shape;
  shape.positions = batch * strips.y_positions();
  shape.row = strips.tile_w * first.plan().chosen.rows_per_pass(strips.tile_w);
  shape.between_bytes = first.m() * line_bytes;
  shape.y_bytes = pointwise.m() * line_bytes;
  shape.outer_bytes =
      strips.x_positions() * conv.channels(first.k()) * line_bytes / strips.y_positions() + shape.y_bytes;
  const Kernel::Impl& second = pointwise.impl();
  shape.second_code = streamed_bytes(second, second.choice_for(shape.positions * kPanelWidth));
  shape.l1i_bytes = host_caches().l1i;
  shape.l2_bytes = host_caches().l2;
  shape.threads = threads;
  return shape;
}

int64_t chosen_block(const FuseOptions& options, const FusionShape& shape) {
  if (options.way == FuseOptions::Way::separate) return 0;
  if (options.block_positions > 0) return options.block_positions;
  return options.way == FuseOptions::Way::fused ? block_positions(shape) : choose_fusion(shape).block;
}

}  // namespace

Result<KernelPair> KernelPair::of(const Kernel& first, const Kernel& pointwise, const FuseOptions& options) {
  for (const Kernel* kernel : {&first, &pointwise}) {
    if (Status s = check_common(*kernel); !s) return s.error();
  }
  if (options.block_positions < 0) {
    return bad_input("FuseOptions::block_positions = " + std::to_string(options.block_positions),
                     "0 lets sizes decide; else at least 1");
  }
  if (Status s = check_first(first); !s) return s.error();
  if (Status s = check_pointwise(pointwise, first); !s) return s.error();
  Problem problem = pointwise.problem();
  problem.n = 0;
  problem.conv = first.problem().conv;
  problem.x_layout = first.problem().x_layout;
  return KernelPair{options, std::move(problem)};
}

Status KernelPair::run(const Kernel& first, const Kernel& pointwise, const RunArgs& args) const {
  const Result<Operands> operands = check_run_args(pointwise.m(), first.k(), problem, args);
  if (!operands) return operands.error();
  const Kernel::Impl &one = first.impl(), &two = pointwise.impl();
  FusedLaunch pair;
  pair.first = one.launch_of(one.choice_for(operands->n));
  pair.second = two.launch_of(two.choice_for(operands->panels * kPanelWidth));
  for (Launch* launch : {&pair.first, &pair.second}) {
    launch->workers.hook = args.parallel;
    if (args.threads > 1 && args.parallel == nullptr) launch->workers.pool = &process_pool();
  }
  const int threads = pair.second.workers.available(args.threads);
  pair.block_positions = chosen_block(options, fusion_shape(first, pointwise, operands->batch, std::max(threads, 1)));
  return launch_fused(pair, *operands, args.threads);
}

bool KernelPair::pays_in_chain(const Kernel& first, const Kernel& pointwise) const {
  return sparsmith::pays_in_chain(fusion_shape(first, pointwise, 1, 1));
}

FusePlan KernelPair::plan(const Kernel& first, const Kernel& pointwise, int64_t batch, int threads) const {
  const FusionShape shape = fusion_shape(first, pointwise, std::max<int64_t>(batch, 1), std::max(threads, 1));
  FusePlan plan{chosen_block(options, shape), {}};
  const Fusion fusion = choose_fusion(shape);
  plan.reason = fusion.block == plan.block_positions ? describe(fusion, shape) : "as asked for";
  return plan;
}

}  // namespace sparsmith

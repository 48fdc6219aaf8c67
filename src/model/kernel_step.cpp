// A generated kernel's call, or that of two, on values in whatever format the kernel takes.
#include <string>

#include "model/step.h"
#include "runtime/kernel_pair.h"
#include "sparsmith/panel.h"

namespace sparsmith::model {
namespace {

/// An operand of a call: how far into its buffer, and in which runs of panels.
struct Place {
  int64_t offset = 0;  ///< floats
  PanelRuns runs;
};

class KernelStep final : public Step {
 public:
  explicit KernelStep(const StepSource& source)
      : source_(source), kernel_(source.program.kernels[static_cast<size_t>(source.work.kernel)]) {
    x_buffer_ = source.work.inputs[0];
    y_buffer_ = source.work.outputs[0];
    residual_buffer_ = source.work.inputs.size() > 1 ? source.work.inputs[1] : Work::kNone;
  }

  Status prepare() {
    const Problem& problem = kernel_.problem();
    if (problem.epilogue.accumulate || problem.n_fixed) return source_.wrong("has a kernel that models don't use");
    if ((problem.epilogue.residual != Residual::none) != (residual_buffer_ != Work::kNone)) {
      return source_.wrong("has a residual where its kernel adds none, or the reverse");
    }
    if (problem.spatial()) return prepare_spatial();
    if (problem.conv) return source_.wrong("has a kernel of a 1x1 convolution; products are expected");
    const Format::Kind kind = source_.input(0).format.kind;
    return kind == Format::Kind::grid || kind == Format::Kind::strips ? prepare_pointwise() : prepare_product();
  }

  Status run(const Call& call) const override {
    if (empty_) return success();
    return kernel_.run(args(call));
  }

  RunArgs args(const Call& call) const {
    RunArgs args = args_;
    args.x = call.at<const float>(x_buffer_) + x_.offset;
    args.y = call.at<float>(y_buffer_) + y_.offset;
    if (residual_buffer_ != Work::kNone) args.residual = call.at<const float>(residual_buffer_) + residual_.offset;
    args.threads = call.threads;
    args.parallel = call.parallel;
    return args;
  }
  const Kernel& kernel() const { return kernel_; }
  bool empty() const { return empty_; }

 private:
  const ops::Type& x_type() const { return source_.type(source_.input(0)); }
  const ops::Type& y_type() const { return source_.type(source_.output(0)); }

  /// The interior of an operand with `channels` channels on the grid that all operands share.
  Status place(const Buffer& buffer, int64_t channels, const StripGrid& grid, Place& place) const {
    const auto interior = interior_of(buffer.format);
    const ops::Type& type = source_.type(buffer);
    if (!interior || !(interior->grid == grid) || type.shape.size() != 4 || type.shape[1] != channels ||
        type.shape[0] != y_type().shape[0]) {
      return source_.wrong("has an operand " + ops::describe(type) + " in " + describe(buffer.format) +
                           ", which its kernel can't use");
    }
    place = {interior->first * source_.pitch(buffer) * kPanelWidth, interior->runs};
    return success();
  }

  Status place_results(const StripGrid& grid) {
    if (Status placed = place(source_.output(0), kernel_.m(), grid, y_); !placed) return placed;
    args_.y_runs = y_.runs;
    if (kernel_.problem().y_pitch(kernel_.m()) != source_.pitch(source_.output(0))) {
      return source_.wrong("has a kernel that writes positions of " +
                           std::to_string(kernel_.problem().y_pitch(kernel_.m())) + " channels, but there are " +
                           std::to_string(source_.pitch(source_.output(0))));
    }
    if (residual_buffer_ == Work::kNone) return success();
    if (source_.output(0).is_part()) return source_.wrong("adds a residual to a part of a value");
    if (Status placed = place(source_.buffer(residual_buffer_), kernel_.m(), grid, residual_); !placed) return placed;
    args_.residual_runs = residual_.runs;
    return success();
  }

  Status prepare_spatial() {
    const Problem& problem = kernel_.problem();
    const Buffer& x = source_.input(0);
    const ops::Type& type = x_type();
    const bool on_grid = problem.x_layout == Layout::grid;
    const StripGrid grid = output_grid(*problem.conv);
    const Format wanted = on_grid ? Format::of(grid) : Format::of(*problem.conv);
    if ((problem.x_layout != Layout::panel && !on_grid) || problem.y_layout != Layout::panel ||
        y_type().shape.size() != 4 || !(x.format == wanted) || type.shape.size() != 4 ||
        type.shape[1] != problem.conv->channels(kernel_.k()) || type.shape[0] != y_type().shape[0]) {
      return source_.wrong("has an input " + ops::describe(type) + " in " + describe(x.format) +
                           ", which its convolution can't use");
    }
    empty_ = type.shape[0] == 0;
    args_.batch = type.shape[0];
    args_.n = args_.batch * grid.positions() * kPanelWidth;
    if (Status placed = place_results(grid); !placed) return placed;
    if (on_grid && (!(y_.runs == PanelRuns{}) || !(residual_.runs == PanelRuns{}))) {
      return source_.wrong("has results in strips whose kernel writes a grid");
    }
    return success();
  }

  Status prepare_pointwise() {
    const auto interior = interior_of(source_.input(0).format);
    if (!interior || kernel_.problem().x_layout != Layout::panel || kernel_.problem().y_layout != Layout::panel ||
        y_type().shape.size() != 4) {
      return source_.wrong("has images where its kernel takes rows");
    }
    if (Status placed = place(source_.input(0), kernel_.k(), interior->grid, x_); !placed) return placed;
    args_.x_runs = x_.runs;
    args_.n = x_type().shape[0] * interior->grid.positions() * kPanelWidth;
    empty_ = args_.n == 0;
    return place_results(interior->grid);
  }

  Status prepare_product() {
    const Layout layout = kernel_.problem().x_layout;
    const Format format = Format::of(layout == Layout::panel ? Format::Kind::panels : Format::Kind::columns);
    args_.n = rows_of(x_type());
    empty_ = args_.n == 0;
    bool fits = kernel_.problem().y_layout == layout && kernel_.problem().y_channels == 0 &&
                source_.input(0).format == format && last_of(x_type()) == kernel_.k() &&
                source_.output(0).format == format;
    const auto is_result = [&](const ops::Type& type) {
      return last_of(type) == kernel_.m() && rows_of(type) == args_.n;
    };
    fits = fits && is_result(y_type());
    if (residual_buffer_ != Work::kNone) {
      const Buffer& residual = source_.buffer(residual_buffer_);
      fits = fits && residual.format == format && is_result(source_.type(residual));
    }
    if (!fits) return source_.wrong("has operands that its kernel can't use");
    return success();
  }

  StepSource source_;
  const Kernel& kernel_;
  int32_t x_buffer_, y_buffer_, residual_buffer_;
  Place x_, y_, residual_;
  RunArgs args_;
  bool empty_ = false;
};

/// A depthwise convolution and the product behind it; what lies between them has no buffer.
class PairStep final : public Step {
 public:
  PairStep(const StepSource& first, const StepSource& second) : first_(first), second_(second) {}

  Status prepare(FuseOptions::Way way) {
    if (Status prepared = first_.prepare(); !prepared) return prepared;
    if (Status prepared = second_.prepare(); !prepared) return prepared;
    auto pair = KernelPair::of(first_.kernel(), second_.kernel(), {way, 0});
    if (!pair) return pair.error();
    pair_ = std::move(*pair);
    return success();
  }

  Status run(const Call& call) const override {
    if (second_.empty()) return success();
    const RunArgs first = first_.args(call);
    RunArgs args = second_.args(call);
    args.x = first.x;
    args.x_runs = first.x_runs;
    args.batch = first.batch;
    return pair_.run(first_.kernel(), second_.kernel(), args);
  }

 private:
  KernelStep first_, second_;
  KernelPair pair_;
};

}  // namespace

Result<std::unique_ptr<Step>> make_pair_step(const StepSource& first, const StepSource& second, FuseOptions::Way way) {
  auto step = std::make_unique<PairStep>(first, second);
  if (Status prepared = step->prepare(way); !prepared) return prepared.error();
  return std::unique_ptr<Step>(std::move(step));
}

Result<std::unique_ptr<Step>> make_kernel_step(const StepSource& source) {
  auto step = std::make_unique<KernelStep>(source);
  if (Status prepared = step->prepare(); !prepared) return prepared.error();
  return std::unique_ptr<Step>(std::move(step));
}

}  // namespace sparsmith::model

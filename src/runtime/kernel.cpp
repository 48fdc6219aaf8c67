#include "sparsmith/kernel.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string>

#include "artifact/file_io.h"
#include "artifact/serialize.h"
#include "pattern/row_order.h"
#include "runtime/kernel_impl.h"
#include "runtime/launch.h"
#include "runtime/launch_vector.h"
#include "runtime/pack_values.h"
#include "sparsmith/caches.h"
#include "sparsmith/panel.h"

namespace sparsmith {
namespace {

using Clock = std::chrono::steady_clock;

int64_t ns_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

Status check_param(const char* name, bool wanted, std::span<const float> given, int64_t m) {
  if (!wanted && given.empty()) return success();
  if (!wanted) {
    return bad_input("a " + std::string(name) + " of " + std::to_string(given.size()) +
                         " floats was passed, but the epilogue uses none",
                     "set it in the Epilogue, or leave it empty");
  }
  if (static_cast<int64_t>(given.size()) != m) {
    return bad_input("the epilogue needs a " + std::string(name) + " of " + std::to_string(m) +
                     " floats, one per row of the weights; " + std::to_string(given.size()) + " were passed");
  }
  return success();
}

// Code depends on the epilogue's form, not on its constants.
bool same_form(const Problem& a, const Problem& b) {
  return a.x_layout == b.x_layout && a.y_layout == b.y_layout && a.y_channels == b.y_channels && a.conv == b.conv &&
         a.n_fixed == b.n_fixed && (!a.n_fixed || a.n == b.n) && a.epilogue.accumulate == b.epilogue.accumulate &&
         a.epilogue.row_scale == b.epilogue.row_scale && a.epilogue.bias == b.epilogue.bias &&
         a.epilogue.residual == b.epilogue.residual && a.epilogue.activation == b.epilogue.activation;
}

// In multiply-accumulates of a vector, per panel or column; a slot of the vector form takes as long as four.
int64_t work_per_unit(Form form, const KernelImage& image) {
  if (form == Form::dense) return image.m * image.k;
  const auto nnz = static_cast<int64_t>(image.columns.size());
  return form == Form::vector ? nnz / 4 : nnz;
}

void call_code(const void* context, const Segment& segment, bool single, const EntryArgs& args) {
  const auto* code = static_cast<const LoadedCode*>(context);
  code->entry(single ? segment.single_offset : segment.main_offset)(&args);
}

}  // namespace

Status check_params(const Epilogue& epilogue, const LayerParams& params, int64_t m) {
  if (Status s = check_param("bias", epilogue.bias, params.bias, m); !s) return s;
  if (Status s = check_param("row scale", epilogue.row_scale, params.row_scale, m); !s) return s;
  return check_param("PReLU slope", epilogue.activation == Activation::prelu, params.prelu_slope, m);
}

Result<Kernel> make_kernel(std::shared_ptr<const LoadedCode> code, const Problem& problem, const Weights& weights,
                           const LayerParams& params, BuildReport report) {
  const KernelImage& image = code->image;
  if (!same_form(problem, image.problem)) {
    return internal_error("code made for another problem was taken for " + image.symbol);
  }
  if (Status s = check_pattern(image, weights.pattern()); !s) return s.error();
  if (Status s = check_params(problem.epilogue, params, image.m); !s) return s.error();
  auto impl = std::make_unique<Kernel::Impl>();
  try {
    impl->values = PackedValues(image.value_sources.size());
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for " + std::to_string(image.value_sources.size()) + " packed values");
  }
  if (Status s = pack_values(image.value_sources, weights.values(), problem.epilogue, params, impl->values.span());
      !s) {
    return s.error();
  }
  impl->problem = problem;
  impl->report = report;
  impl->report.code_bytes = static_cast<int64_t>(code->code_bytes);
  impl->set_code(std::move(code));
  return Kernel(std::move(impl));
}

void Kernel::Impl::set_code(std::shared_ptr<const LoadedCode> loaded) {
  code = std::move(loaded);
  const KernelImage& image = code->image;
  choices.clear();
  const auto add = [&](int64_t most_columns, const Schedule& schedule, std::span<const Segment> segments) {
    choices.push_back({most_columns, &schedule, segments, tile_count(segments), segments.front().value_offset,
                       image.value_sources.size(), code->code_bytes});
    if (schedule.form == Form::vector && slice_order.empty()) slice_order = rows_by_count(image.row_offsets);
  };
  for (const Variant& variant : image.variants) add(variant.most_columns, variant.schedule, variant.segments);
  add(INT64_MAX, image.plan.chosen, image.segments);
  for (Choice& choice : choices) {
    for (const Choice& other : choices) {
      if (other.first_value > choice.first_value) choice.values_end = std::min(choice.values_end, other.first_value);
      const size_t begin = other.segments.front().main_offset;
      if (begin > choice.segments.front().main_offset) choice.code_end = std::min(choice.code_end, begin);
    }
  }
}

const Kernel::Impl::Choice& Kernel::Impl::choice_for(int64_t columns) const {
  return *std::find_if(choices.begin(), choices.end(), [&](const Choice& c) { return columns <= c.most_columns; });
}

Launch Kernel::Impl::launch_of(const Choice& choice) const {
  const KernelImage& image = code->image;
  Launch kernel;
  kernel.m = image.m;
  kernel.k = image.k;
  kernel.accumulate = problem.epilogue.accumulate;
  kernel.schedule = *choice.schedule;
  kernel.segments = choice.segments;
  kernel.tiles = choice.tiles;
  kernel.values = values.span().data();
  kernel.indices = image.indices.data();
  kernel.code = {code->memory.data(), choice.code_end};
  kernel.value_count = static_cast<int64_t>(choice.values_end);
  kernel.work = work_per_unit(choice.schedule->form, image);
  if (problem.x_layout == Layout::grid) kernel.work *= output_grid(*problem.conv).positions();  // an image at a time
  kernel.caller = {code.get(), call_code};
  kernel.beyond_l2 = static_cast<int64_t>(code->code_bytes + values.span().size_bytes()) > host_caches().l2;
  return kernel;
}

Status Kernel::Impl::runs_here() const {
  if (code->missing_feature.empty()) return success();
  return unsuitable(
      code->image.symbol + " was made for " + code->image.target + "; this CPU lacks " + code->missing_feature,
      "compile for target \"host\" on this machine");
}

Kernel::Kernel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

int64_t Kernel::m() const { return impl_->code->image.m; }
int64_t Kernel::k() const { return impl_->code->image.k; }
int64_t Kernel::nnz() const { return static_cast<int64_t>(impl_->code->image.columns.size()); }
const Problem& Kernel::problem() const { return impl_->problem; }
const Plan& Kernel::plan() const { return impl_->code->image.plan; }
const BuildReport& Kernel::report() const { return impl_->report; }
const std::string& Kernel::symbol() const { return impl_->code->image.symbol; }
const std::string& Kernel::target() const { return impl_->code->image.target; }

Status Kernel::run(const RunArgs& args) const {
  const KernelImage& image = impl_->code->image;
  if (Status here = impl_->runs_here(); !here) return here;
  const Result<Operands> operands = check_run_args(image.m, image.k, impl_->problem, args, image.plan.chosen.images);
  if (!operands) return operands.error();
  const int64_t n = operands->n, tail = n % kPanelWidth;
  const Impl::Choice& choice = impl_->choice_for(n);
  const Impl::Choice& tail_choice = impl_->choice_for(tail);
  const bool own_tail = n > kPanelWidth && tail > 0 && tail <= image.plan.tail_columns && !choice.narrow() &&
                        tail_choice.narrow() && !impl_->problem.spatial();
  if (!own_tail) return impl_->run(choice, *operands, args);
  Operands part = *operands;
  part.panels = n / kPanelWidth;
  if (Status ran = impl_->run(choice, part, args); !ran) return ran;
  part.first_panel = part.panels++;
  return impl_->run(tail_choice, part, args);
}

Status Kernel::Impl::run(const Choice& choice, const Operands& operands, const RunArgs& args) const {
  const KernelImage& image = code->image;
  Launch kernel = launch_of(choice);
  kernel.workers.hook = args.parallel;
  if (args.threads > 1 && args.parallel == nullptr) kernel.workers.pool = &process_pool();
  if (choice.schedule->form != Form::vector) return launch(kernel, operands, args.threads);

  LaneLaunch lanes;
  lanes.order = slice_order;
  lanes.row_offsets = image.row_offsets;
  lanes.columns = image.columns;
  const size_t count = choice.values_end - choice.first_value;
  lanes.sources = std::span(image.value_sources).subspan(choice.first_value, count);
  lanes.values = values.span().data() + choice.first_value;
  return launch_vector(kernel, lanes, operands, args.threads);
}

Status Kernel::update_values(const Weights& weights, const LayerParams& params) {
  const KernelImage& image = impl_->code->image;
  if (Status s = check_pattern(image, weights.pattern()); !s) return s;
  if (Status s = check_params(impl_->problem.epilogue, params, image.m); !s) return s;
  // Sources were checked when the kernel was made, so this can't fail halfway.
  return pack_values(image.value_sources, weights.values(), impl_->problem.epilogue, params, impl_->values.span());
}

std::string artifact_of(const Kernel& kernel) {
  const Kernel::Impl& impl = kernel.impl();
  KernelImage image = impl.code->image;
  image.problem = impl.problem;
  return serialize(image, {impl.code->memory.data(), impl.code->code_bytes}, impl.values.span());
}

Status Kernel::save(const std::string& path) const {
  try {
    return write_file_atomic(path, artifact_of(*this));
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to write " + path);
  }
}

Result<Kernel> kernel_of(KernelImage image, const std::string& origin) {
  if (image.values.size() != image.value_sources.size()) {
    return bad_input(origin + " holds code without weights (a cache entry), not a kernel",
                     "make the file with Kernel::save or `sparsmith compile`");
  }
  auto impl = std::make_unique<Kernel::Impl>();
  impl->values = PackedValues(image.values.size());
  std::copy(image.values.begin(), image.values.end(), impl->values.span().begin());
  image.values = {};
  impl->problem = image.problem;
  Result<std::shared_ptr<const LoadedCode>> code = load_code(std::move(image));
  if (!code) return code.error();
  impl->set_code(std::move(*code));
  if (!impl->code->missing_feature.empty()) {
    return unsuitable(
        origin + " was made for " + impl->code->image.target + "; this CPU lacks " + impl->code->missing_feature,
        "compile it for this machine, or for x86-64-v3 to run on older CPUs too");
  }
  impl->report.source = BuildReport::Source::artifact;
  impl->report.code_bytes = static_cast<int64_t>(impl->code->code_bytes);
  return Kernel(std::move(impl));
}

Result<Kernel> Kernel::load(const std::string& path) {
  const Clock::time_point start = Clock::now();
  try {
    Result<KernelImage> image = read_image(path);
    if (!image) return image.error();
    Result<Kernel> kernel = kernel_of(std::move(*image), path);
    if (kernel) kernel->impl().report.total_ns = ns_since(start);
    return kernel;
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to load " + path);
  }
}

}  // namespace sparsmith

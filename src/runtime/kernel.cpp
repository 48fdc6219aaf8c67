#include "sparsmith/kernel.h"

#include <chrono>
#include <new>
#include <string>

#include "artifact/file_io.h"
#include "artifact/prefault.h"
#include "artifact/serialize.h"
#include "runtime/kernel_impl.h"
#include "runtime/launch.h"
#include "runtime/pack_values.h"

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
  return a.x_layout == b.x_layout && a.y_layout == b.y_layout && a.conv == b.conv && a.n_fixed == b.n_fixed &&
         (!a.n_fixed || a.n == b.n) && a.epilogue.accumulate == b.epilogue.accumulate &&
         a.epilogue.row_scale == b.epilogue.row_scale && a.epilogue.bias == b.epilogue.bias &&
         a.epilogue.residual == b.epilogue.residual && a.epilogue.activation == b.epilogue.activation;
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
    impl->values = prefaulted<float>(image.value_sources.size());
    impl->values.resize(image.value_sources.size());
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory for " + std::to_string(image.value_sources.size()) + " packed values");
  }
  if (Status s = pack_values(image.value_sources, weights.values(), problem.epilogue, params, impl->values); !s) {
    return s.error();
  }
  impl->tiles = tile_count(image.segments);
  impl->problem = problem;
  impl->report = report;
  impl->report.code_bytes = static_cast<int64_t>(code->code_bytes);
  impl->code = std::move(code);
  return Kernel(std::move(impl));
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
  const LoadedCode& code = *impl_->code;
  const KernelImage& image = code.image;
  if (!code.missing_feature.empty()) {
    return unsuitable(image.symbol + " was made for " + image.target + "; this CPU lacks " + code.missing_feature,
                      "compile for target \"host\" on this machine");
  }
  const Result<Operands> operands = check_run_args(image.m, image.k, impl_->problem, args);
  if (!operands) return operands.error();
  Launch kernel;
  kernel.m = image.m;
  kernel.k = image.k;
  kernel.accumulate = impl_->problem.epilogue.accumulate;
  kernel.schedule = image.plan.chosen;
  kernel.segments = image.segments;
  kernel.tiles = impl_->tiles;
  kernel.values = impl_->values.data();
  kernel.work = image.plan.chosen.form == Form::dense ? image.m * image.k : nnz();
  kernel.caller = {&code, call_code};
  kernel.workers.hook = args.parallel;
  if (args.threads > 1 && args.parallel == nullptr) kernel.workers.pool = &process_pool();
  return launch(kernel, *operands, args.threads);
}

Status Kernel::update_values(const Weights& weights, const LayerParams& params) {
  const KernelImage& image = impl_->code->image;
  if (Status s = check_pattern(image, weights.pattern()); !s) return s;
  if (Status s = check_params(impl_->problem.epilogue, params, image.m); !s) return s;
  // Sources were checked when the kernel was made, so this can't fail halfway.
  return pack_values(image.value_sources, weights.values(), impl_->problem.epilogue, params, impl_->values);
}

Status Kernel::save(const std::string& path) const {
  const LoadedCode& code = *impl_->code;
  try {
    KernelImage image = code.image;
    image.problem = impl_->problem;
    return write_file_atomic(path, serialize(image, {code.memory.data(), code.code_bytes}, impl_->values));
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to write " + path);
  }
}

Result<Kernel> Kernel::load(const std::string& path) {
  const Clock::time_point start = Clock::now();
  try {
    Result<KernelImage> image = read_image(path);
    if (!image) return image.error();
    if (image->values.size() != image->value_sources.size()) {
      return bad_input(path + " holds code without weights (a cache entry), not a kernel",
                       "make the file with Kernel::save or `sparsmith compile`");
    }
    auto impl = std::make_unique<Impl>();
    impl->values = std::move(image->values);
    impl->problem = image->problem;
    impl->tiles = tile_count(image->segments);
    Result<std::shared_ptr<const LoadedCode>> code = load_code(std::move(*image));
    if (!code) return code.error();
    impl->code = std::move(*code);
    if (!impl->code->missing_feature.empty()) {
      return unsuitable(
          path + " was made for " + impl->code->image.target + "; this CPU lacks " + impl->code->missing_feature,
          "compile the layer for this machine, or for x86-64-v3 to run on older CPUs too");
    }
    impl->report.source = BuildReport::Source::artifact;
    impl->report.code_bytes = static_cast<int64_t>(impl->code->code_bytes);
    impl->report.total_ns = ns_since(start);
    return Kernel(std::move(impl));
  } catch (const std::bad_alloc&) {
    return unsuitable("no memory to load " + path);
  }
}

}  // namespace sparsmith

#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

// One call's operand and result: how X's shape reads as a product, and the shape Y has for it.
struct Call {
  int64_t batch = 1;
  int64_t n = 0;          ///< columns of the product
  int64_t positions = 0;  ///< convolution: columns of one image
  std::vector<int64_t> y_shape;
};

std::string with_batch(int64_t channels, const Conv1x1& conv) {
  return format("[batch, %" PRId64 ", %" PRId64 ", %" PRId64 "]", channels, conv.height, conv.width);
}

Call read_conv_shape(const std::string& path, const Array& x, const Kernel& kernel) {
  const Conv1x1& conv = *kernel.problem().conv;
  // An image without a batch dimension is a batch of one, and so is its result.
  const bool single = x.shape.size() == 3;
  const std::vector<int64_t> image{kernel.k(), conv.height, conv.width};
  const bool fits = (single || x.shape.size() == 4) && std::equal(image.rbegin(), image.rend(), x.shape.rbegin());
  if (!fits || x.size() == 0)
    fail(path + " has shape " + shape_text(x.shape) + "; this kernel takes " + with_batch(kernel.k(), conv));
  Call call;
  call.batch = single ? 1 : x.shape[0];
  call.positions = conv.out_height() * conv.out_width();
  call.n = call.batch * call.positions;
  call.y_shape = {kernel.m(), conv.out_height(), conv.out_width()};
  if (!single) call.y_shape.insert(call.y_shape.begin(), call.batch);
  return call;
}

Call read_shape(const std::string& path, const Array& x, const Kernel& kernel) {
  if (kernel.problem().conv) return read_conv_shape(path, x, kernel);
  const bool vector = x.shape.size() == 1;
  if ((!vector && x.shape.size() != 2) || x.shape[0] != kernel.k())
    fail(format("%s has shape %s; this kernel takes [%" PRId64 ", N]", path.c_str(), shape_text(x.shape).c_str(),
                kernel.k()));
  Call call;
  call.n = vector ? 1 : x.shape[1];
  if (call.n == 0) fail(path + " has shape " + shape_text(x.shape) + ": N = 0 columns; at least one is needed");
  call.y_shape = vector ? std::vector<int64_t>{kernel.m()} : std::vector<int64_t>{kernel.m(), call.n};
  return call;
}

// A file's activations in the layout that the kernel asks for.
std::vector<float> to_layout(Array array, Layout layout, int64_t rows, const Call& call, const Conv1x1* conv) {
  if (layout == Layout::plain) return std::move(array.data);
  std::vector<float> panels(static_cast<size_t>(panel_floats(rows, call.n)));
  if (conv)
    pack_nchw(array.data.data(), call.batch, rows, *conv, panels.data());
  else
    pack(array.data.data(), rows, call.n, call.n, panels.data());
  return panels;
}

struct RunCommand {
  std::string kernel, input, output, residual, threads = "1";

  void run() const {
    RunArgs args;
    args.threads = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    const Kernel loaded = take(Kernel::load(kernel));
    const Problem& problem = loaded.problem();
    if (problem.epilogue.accumulate)
      fail(kernel + " adds to an old Y, which the command has none of; run it from the library");
    Array x_array = take(load_array(input));
    const Call call = read_shape(input, x_array, loaded);
    const Conv1x1* conv = problem.conv ? &*problem.conv : nullptr;

    const std::vector<float> x = to_layout(std::move(x_array), problem.x_layout, loaded.k(), call, conv);
    const std::vector<float> added = load_residual(loaded, call);
    const bool panels = problem.y_layout == Layout::panel;
    std::vector<float> y(static_cast<size_t>(panels ? panel_floats(loaded.m(), call.n) : loaded.m() * call.n));
    args.x = x.data();
    args.y = y.data();
    args.residual = added.empty() ? nullptr : added.data();
    args.n = call.n;
    args.batch = call.batch;
    check(loaded.run(args));

    if (panels) {
      std::vector<float> plain(static_cast<size_t>(loaded.m() * call.n));
      if (conv)
        unpack_nchw(y.data(), call.batch, loaded.m(), call.positions, plain.data());
      else
        unpack(y.data(), loaded.m(), call.n, plain.data(), call.n);
      y = std::move(plain);
    }
    check(save_npy(output, call.y_shape, y.data()));
    std::printf("%s: Y %s by %s\n", output.c_str(), shape_text(call.y_shape).c_str(), loaded.symbol().c_str());
  }

  std::vector<float> load_residual(const Kernel& loaded, const Call& call) const {
    const Problem& problem = loaded.problem();
    const bool wanted = problem.epilogue.residual != Residual::none;
    if (!wanted && !residual.empty()) fail("--residual was given, but " + kernel + " adds none");
    if (!wanted) return {};
    if (residual.empty())
      fail(kernel + " adds a residual of shape " + shape_text(call.y_shape) + ": pass --residual FILE");
    Array array = take(load_array(residual));
    if (array.shape != call.y_shape)
      fail(residual + " has shape " + shape_text(array.shape) + "; the residual has Y's, " + shape_text(call.y_shape));
    // Already at the output's resolution, so packed as an image of stride 1.
    std::optional<Conv1x1> conv;
    if (problem.conv) conv = Conv1x1{.height = problem.conv->out_height(), .width = problem.conv->out_width()};
    return to_layout(std::move(array), problem.y_layout, loaded.m(), call, conv ? &*conv : nullptr);
  }
};

}  // namespace

void add_run(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand("run", "Run a kernel file on activations");
  sub->add_option("K", command->kernel, "the kernel file")->required()->type_name("K.smk");
  sub->add_option("-i,--input", command->input, "X [K, N], or NCHW for a convolution; .npy")
      ->required()
      ->type_name("X.npy");
  sub->add_option("-o,--output", command->output, "Y [M, N], or NCHW; .npy, fp32")->required()->type_name("Y.npy");
  sub->add_option("--residual", command->residual, "for kernels that add one: same shape as Y")->type_name("R.npy");
  sub->add_option("--threads", command->threads, "threads to use")->type_name("T")->capture_default_str();
  sub->footer(
      "SPARSMITH_PERF=1 writes perf's map of the code (/tmp/perf-PID.map), SPARSMITH_PERF=jitdump a dump for\n"
      "`perf inject --jit`; SPARSMITH_GDB=1 gives gdb its symbols. Any program that runs kernels obeys them.\n"
      "Example:\n"
      "  sparsmith run hidden.smk --input examples/digits/activations.npy --output y.npy");
  sub->callback([command] { command->run(); });
}

}  // namespace sparsmith::cli

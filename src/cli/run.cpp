#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/model_run.h"
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

std::string with_batch(int64_t channels, const Conv2d& conv) {
  return format("[batch, %" PRId64 ", %" PRId64 ", %" PRId64 "]", channels, conv.height, conv.width);
}

Call read_conv_shape(const std::string& path, const Array& x, const Kernel& kernel) {
  const Conv2d& conv = *kernel.problem().conv;
  // An image without a batch dimension is a batch of one, and so is its result.
  const bool single = x.shape.size() == 3;
  const int64_t channels = conv.channels(kernel.k());
  const std::vector<int64_t> image{channels, conv.height, conv.width};
  const bool fits = (single || x.shape.size() == 4) && std::equal(image.rbegin(), image.rend(), x.shape.rbegin());
  if (!fits || x.size() == 0)
    fail(path + " has shape " + shape_text(x.shape) + "; this kernel takes " + with_batch(channels, conv));
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

std::vector<float> pack_x(Array array, const Kernel& kernel, const Call& call) {
  const Problem& problem = kernel.problem();
  if (problem.x_layout == Layout::plain) return std::move(array.data);
  std::vector<float> packed;
  if (problem.spatial()) {
    const int64_t channels = problem.conv->channels(kernel.k());
    packed.resize(static_cast<size_t>(call.batch * image_floats_x(problem.x_layout, *problem.conv, channels)));
    pack_images(problem.x_layout, array.data.data(), call.batch, channels, *problem.conv, packed.data());
    return packed;
  }
  packed.resize(static_cast<size_t>(panel_floats(kernel.k(), call.n)));
  if (problem.conv) {
    pack_nchw(array.data.data(), call.batch, kernel.k(), *problem.conv, packed.data());
  } else {
    pack(array.data.data(), kernel.k(), call.n, call.n, packed.data());
  }
  return packed;
}

int64_t packed_y_floats(const Kernel& kernel, const Call& call) {
  const Problem& problem = kernel.problem();
  if (problem.y_layout == Layout::plain) return kernel.m() * call.n;
  if (problem.spatial()) return call.batch * image_floats_y(problem.y_layout, *problem.conv, kernel.m());
  return panel_floats(kernel.m(), call.n);
}

// A residual, which has Y's shape and layout.
std::vector<float> pack_like_y(Array array, const Kernel& kernel, const Call& call) {
  const Problem& problem = kernel.problem();
  if (problem.y_layout == Layout::plain) return std::move(array.data);
  std::vector<float> packed(static_cast<size_t>(packed_y_floats(kernel, call)));
  if (problem.spatial()) {
    pack_output_images(problem.y_layout, array.data.data(), call.batch, kernel.m(), *problem.conv, packed.data());
  } else if (problem.conv) {
    // Already at the output's resolution, so packed as an image of stride 1.
    const Conv2d outputs{.height = problem.conv->out_height(), .width = problem.conv->out_width()};
    pack_nchw(array.data.data(), call.batch, kernel.m(), outputs, packed.data());
  } else {
    pack(array.data.data(), kernel.m(), call.n, call.n, packed.data());
  }
  return packed;
}

std::vector<float> unpack_y(std::vector<float> y, const Kernel& kernel, const Call& call) {
  const Problem& problem = kernel.problem();
  if (problem.y_layout == Layout::plain) return y;
  std::vector<float> plain(static_cast<size_t>(kernel.m() * call.n));
  if (problem.spatial()) {
    unpack_images(problem.y_layout, y.data(), call.batch, kernel.m(), *problem.conv, plain.data());
  } else if (problem.conv) {
    unpack_nchw(y.data(), call.batch, kernel.m(), call.positions, plain.data());
  } else {
    unpack(y.data(), kernel.m(), call.n, plain.data(), call.n);
  }
  return plain;
}

constexpr int64_t kMostRepeats = 100'000'000;

struct RunCommand {
  std::string kernel, input, output, residual, threads = "1", repeat = "0", json;

  void run(const CLI::App& command) const {
    if (!is_model_artifact(kernel)) {
      refuse(command, {"--repeat", "--json"}, "is for models; `sparsmith bench` times layers");
      return run_kernel();
    }
    refuse(command, {"--residual"}, "is for kernels that add one; " + kernel + " is a whole model");
    ModelRunOptions options;
    options.model = kernel;
    options.input = input;
    options.output = output;
    options.threads = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    options.repeat = parse_count(repeat, "--repeat", 0, kMostRepeats);
    options.json = json;
    run_model(options);
  }

  void run_kernel() const {
    RunArgs args;
    args.threads = static_cast<int>(parse_count(threads, "--threads", 1, kMaxThreads));
    const Kernel loaded = take(Kernel::load(kernel));
    const Problem& problem = loaded.problem();
    if (problem.epilogue.accumulate)
      fail(kernel + " adds to an old Y, which the command has none of; run it from the library");
    if (problem.y_channels > 0) fail(kernel + " writes a part of a larger value; run it from the library");
    Array x_array = take(load_array(input));
    const Call call = read_shape(input, x_array, loaded);
    const std::vector<float> x = pack_x(std::move(x_array), loaded, call);
    const std::vector<float> added = load_residual(loaded, call);
    std::vector<float> y(static_cast<size_t>(packed_y_floats(loaded, call)));
    args.x = x.data();
    args.y = y.data();
    args.residual = added.empty() ? nullptr : added.data();
    args.n = call.n;
    args.batch = call.batch;
    check(loaded.run(args));

    y = unpack_y(std::move(y), loaded, call);
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
    return pack_like_y(std::move(array), loaded, call);
  }
};

}  // namespace

void add_run(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand("run", "Run a model or kernel file on activations");
  sub->add_option("K", command->kernel, "what compile made")->required()->type_name("F.smk");
  sub->add_option("-i,--input", command->input,
                  "a model's inputs by their names in ONNX, .npz, or the only one, .npy; of a kernel X [K, N], or NCHW "
                  "for a convolution, .npy")
      ->required()
      ->type_name("X");
  sub->add_option("-o,--output", command->output,
                  "a model's outputs, .npz or .npy; of a kernel Y [M, N], or NCHW, .npy, fp32")
      ->required()
      ->type_name("Y");
  sub->add_option("--residual", command->residual, "for kernels that add one: same shape as Y")->type_name("R.npy");
  sub->add_option("--threads", command->threads, "threads to use")->type_name("T")->capture_default_str();
  sub->add_option("--repeat", command->repeat, "of a model: time so many runs more")->type_name("R");
  sub->add_option("--json", command->json, "of a model: write times and memory, and the time of each step")
      ->type_name("F");
  sub->footer(
      "SPARSMITH_PERF=1 writes perf's map of the code (/tmp/perf-PID.map), SPARSMITH_PERF=jitdump a dump for\n"
      "`perf inject --jit`; SPARSMITH_GDB=1 gives gdb its symbols. Any program that runs kernels obeys them.\n"
      "Examples:\n"
      "  sparsmith run model.smk --input in.npz --output out.npz --threads 2\n"
      "  sparsmith run model.smk --input image.npy --output logits.npy --repeat 100 --json times.json\n"
      "  sparsmith run hidden.smk --input examples/digits/activations.npy --output y.npy");
  sub->callback([command, sub] { command->run(*sub); });
}

}  // namespace sparsmith::cli

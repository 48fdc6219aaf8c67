#include <cstdio>

#include "artifact/serialize.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "runtime/kernel_impl.h"

namespace sparsmith::cli {
namespace {

// Kernel::load refuses files for other CPUs, whose code can be read all the same; this checks as much and maps it
// without the permission to run.
Kernel load_to_read(const std::string& path) {
  KernelImage image = take(read_image(path));
  auto impl = std::make_unique<Kernel::Impl>();
  impl->problem = image.problem;
  impl->set_code(take(load_code(std::move(image))));
  return Kernel(std::move(impl));
}

}  // namespace

void add_disasm(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("disasm", "Print a kernel's instructions, each FMA with its nonzero");
  sub->add_option("K", *path, "the kernel file, for this CPU or another")->required()->type_name("K.smk");
  sub->footer(
      "Example:\n"
      "  sparsmith disasm hidden.smk | less");
  sub->callback([path] {
    const std::string text = take(disassemble(load_to_read(*path)));
    std::fwrite(text.data(), 1, text.size(), stdout);
  });
}

}  // namespace sparsmith::cli

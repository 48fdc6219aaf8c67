#include <cstdio>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {

void add_disasm(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("disasm", "Print a kernel's instructions, each FMA with its nonzero");
  sub->add_option("K", *path, "the kernel file")->required()->type_name("K.smk");
  sub->footer(
      "Example:\n"
      "  sparsmith disasm hidden.smk | less");
  sub->callback([path] {
    const Kernel kernel = take(Kernel::load(*path));
    const std::string text = take(disassemble(kernel));
    std::fwrite(text.data(), 1, text.size(), stdout);
  });
}

}  // namespace sparsmith::cli

/// \file
/// The subcommands. Each adds itself to the application with its options, help and what it does when parsed.
#pragma once

#include <CLI/CLI.hpp>

namespace sparsmith::cli {

void add_compile(CLI::App& app);
void add_run(CLI::App& app);
void add_bench(CLI::App& app);
void add_explain(CLI::App& app);
void add_disasm(CLI::App& app);
void add_cache(CLI::App& app);
void add_calibrate(CLI::App& app);

}  // namespace sparsmith::cli

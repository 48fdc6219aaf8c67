#include <csignal>
#include <cstdio>
#include <new>

#include "cli/commands.h"
#include "cli/report.h"
#include "sparsmith/compiler.h"

namespace sparsmith::cli {
namespace {

// For a word that is no command CLI11 would only say that a command is missing.
void check_command(const CLI::App& app, const std::string& word) {
  if (word.empty() || word.front() == '-') return;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->get_name() == word) return;
  throw UsageError{"there is no command '" + word + "'"};
}

int run_command(int argc, char** argv) {
  CLI::App app{"Sparsmith turns pruned models and weight matrices into machine code made for exactly their patterns."};
  app.name("sparsmith");
  app.set_version_flag("--version", std::string("sparsmith ") + version() + " (LLVM " + compiler_version() + ")");
  app.require_subcommand(1);
  add_compile(app);
  add_run(app);
  add_bench(app);
  add_explain(app);
  add_disasm(app);
  add_cache(app);
  add_calibrate(app);
  app.footer(
      "Examples:\n"
      "  sparsmith compile model.onnx -o model.smk\n"
      "  sparsmith run model.smk --input in.npz --output out.npz\n"
      "  sparsmith explain model.smk --html model.html\n"
      "  sparsmith compile W.npz -o W.smk --n 128 --relu --bias b.npy\n"
      "  sparsmith run W.smk --input X.npy --output Y.npy\n"
      "  sparsmith explain W.npz --n 128 --html W.html\n"
      "  sparsmith bench W.npz --n 128,196 --json rows.json\n"
      "`sparsmith COMMAND --help` says more. Exit status: 0 done, 1 bad input or not possible here, 2 wrong usage.");
  try {
    check_command(app, argc > 1 ? argv[1] : "");
    app.parse(argc, argv);
    finish_output();
    return kOk;
  } catch (const CLI::ParseError& error) {
    // Help and version arrive as "errors" with exit code 0.
    if (error.get_exit_code() == 0) return app.exit(error) == 0 ? kOk : kUsage;
    const auto used = app.get_subcommands();
    const std::string command = used.empty() ? "sparsmith" : "sparsmith " + used.front()->get_name();
    std::fprintf(stderr, "sparsmith: %s\nRun `%s --help` for usage.\n", error.what(), command.c_str());
    return kUsage;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "sparsmith: %s\nRun `sparsmith --help` for usage.\n", error.message.c_str());
    return kUsage;
  } catch (const Failure& failure) {
    std::fflush(stdout);
    print_error(failure.error);
    return kBadInput;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "sparsmith: there is not enough memory for this input\n");
    return kBadInput;
  } catch (const std::exception& error) {
    print_error(internal_error(error.what()));
    return kBadInput;
  }
}

}  // namespace
}  // namespace sparsmith::cli

int main(int argc, char** argv) {
  // Past a file size limit, writes should fail with a reason we can print instead of killing the process.
  std::signal(SIGXFSZ, SIG_IGN);
  return sparsmith::cli::run_command(argc, argv);
}

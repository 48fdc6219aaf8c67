#include "cli/model_emit.h"

#include "cli/report.h"

namespace sparsmith::cli {
namespace {

constexpr std::string_view kEnding = ".o";

}  // namespace

void EmitOptions::add_to(CLI::App& command) {
  command
      .add_option("--emit", form,
                  "of a model: artifact, or object (also object+header: F.o to link in, with its header F.h)")
      ->check(CLI::IsMember({"artifact", "object", "object+header"}))
      ->capture_default_str();
  command.add_option("--name", name, "of an object: NAME in its symbols NAME_smk, NAME_load (default: the file's)");
}

void check_emit(const EmitOptions& options, const std::string& output) {
  if (options.form == "artifact") {
    if (!options.name.empty()) throw CLI::ValidationError("--name", "names symbols, which only --emit object has");
    return;
  }
  if (output.size() <= kEnding.size() || !output.ends_with(kEnding)) {
    throw CLI::ValidationError("--output", "an object's name has to end with .o; its header is written beside it");
  }
}

std::string write_model(const CompiledModel& compiled, const std::string& output, const EmitOptions& options) {
  if (options.form == "artifact") {
    check(compiled.save(output));
    return output;
  }
  const std::string name = options.name.empty() ? object_name(output) : options.name;
  const ModelObject object = take(emit_object(compiled.artifact, name));
  const std::string header = output.substr(0, output.size() - kEnding.size()) + ".h";
  write_file(output, object.object);
  write_file(header, object.header);
  return output + " and " + header;
}

}  // namespace sparsmith::cli

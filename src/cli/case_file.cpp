#include "cli/case_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

namespace fs = std::filesystem;

// A `file:name` path exists when its file does.
bool is_there(const fs::path& path) {
  std::error_code error;
  const std::string text = path.string();
  return fs::exists(path, error) || fs::exists(text.substr(0, text.rfind(':')), error);
}

std::string resolve(const std::string& file, const fs::path& list) {
  const char* variable = std::getenv("SPARSMITH_DATA");
  const fs::path data = variable && *variable ? variable : "../shared";
  for (const fs::path& base : {list.parent_path(), data, data / "data"})
    if (is_there(base / file)) return (base / file).string();
  return file;
}

}  // namespace

std::vector<BenchCase> read_case_file(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) fail(path + " can't be read");
  std::vector<BenchCase> cases;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string file, counts, more;
    if (!(words >> file)) continue;
    const std::string place = path + " line " + std::to_string(number);
    if (!(words >> counts) || words >> more) fail(place + ": a case is FILE N[,N...], got '" + line + "'");
    try {
      for (int64_t n : parse_counts(counts, place + ": N", 1, kMaxDimension)) cases.push_back({resolve(file, path), n});
    } catch (const UsageError& error) {
      fail(error.message);
    }
  }
  if (stream.bad()) fail(path + " can't be read");
  if (cases.empty()) fail(path + " names no case", "A case is a line FILE N[,N...].");
  return cases;
}

}  // namespace sparsmith::cli

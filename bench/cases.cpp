#include "bench/cases.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sparsmith::bench {

std::string data_directory() {
  const char* variable = std::getenv("SPARSMITH_DATA");
  return variable && *variable ? variable : SPARSMITH_DATA;
}

Result<std::vector<Case>> read_cases(const std::string& file) {
  namespace fs = std::filesystem;
  std::ifstream stream(file);
  if (!stream) return bad_input(file + ": can't be opened", "A case list has lines `<weights path> <n>`.");
  std::vector<Case> cases;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string path, rest;
    int64_t n = 0;
    if (!(words >> path)) continue;
    if (!(words >> n) || n < 1 || words >> rest) {
      return bad_input(file + ":" + std::to_string(number) + ": is not `<weights path> <n>` with n >= 1: " + line);
    }
    const fs::path given(path);
    cases.push_back({given.is_absolute() ? path : (fs::path(data_directory()) / "data" / given).string(),
                     given.stem().string(), n});
  }
  return cases;
}

}  // namespace sparsmith::bench

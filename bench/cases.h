/// \file
/// Case lists: text files, so that adding a case is adding a line `<weights path> <n>`; `#` starts a comment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sparsmith/result.h"

namespace sparsmith::bench {

struct Case {
  std::string path;  ///< as opened: absolute, or found under $SPARSMITH_DATA/data
  std::string name;  ///< the file's name without its suffix
  int64_t n = 0;
};

/// bad_input names the file and line that isn't a case.
Result<std::vector<Case>> read_cases(const std::string& file);

/// $SPARSMITH_DATA, else where the build expects it.
std::string data_directory();

}  // namespace sparsmith::bench

/// \file
/// Case lists: text files, so that adding a case is adding a line `<weights path> <n>` or `<weights path> --conv C,H,W
/// ...` with the options of `sparsmith bench`; `#` starts a comment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sparsmith/problem.h"
#include "sparsmith/result.h"

namespace sparsmith::bench {

struct Case {
  std::string path;  ///< as opened: absolute, or found under $SPARSMITH_DATA/data
  std::string name;  ///< the file's name without its suffix
  int64_t n = 0;     ///< of a convolution: output positions of one image
  std::optional<Conv2d> conv;
};

/// bad_input names the file and line that isn't a case.
Result<std::vector<Case>> read_cases(const std::string& file);

/// $SPARSMITH_DATA, else where the build expects it.
std::string data_directory();

}  // namespace sparsmith::bench

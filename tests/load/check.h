/// \file
/// What the reader tests ask of errors, weights and data files.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "sparsmith/load.h"

namespace sparsmith::test {

/// A bad_input whose message holds every one of `parts`.
template <class T>
void expect_bad_input(const Result<T>& result, std::initializer_list<const char*> parts) {
  ASSERT_FALSE(result.ok()) << "read without complaint";
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input) << result.error().message;
  for (const char* part : parts) EXPECT_THAT(result.error().message, testing::HasSubstr(part));
}

template <class T>
const T& value_of(const Result<T>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);  // GoogleTest reports it as the test's failure
  return result.value();
}

/// Path of a file under SPARSMITH_DATA; the environment wins.
inline std::string data_path(const std::string& name) {
  const char* root = std::getenv("SPARSMITH_DATA");
  return std::string(root != nullptr ? root : SPARSMITH_DATA) + "/data/" + name;
}

using Floats = std::vector<float>;

}  // namespace sparsmith::test

/// Skips, saying why, where the data folder isn't.
#define SPARSMITH_NEED_DATA(name)                                                               \
  const std::string path = sparsmith::test::data_path(name);                                    \
  if (FILE* probe = std::fopen(path.c_str(), "rb")) {                                           \
    std::fclose(probe);                                                                         \
  } else {                                                                                      \
    GTEST_SKIP() << path << " is not there; set SPARSMITH_DATA to the folder that holds data/"; \
  }

/// \file
/// How the command fails: a Failure (exit 1) carries the library's Error; a UsageError (exit 2) one sentence. Both end
/// in main, which prints them; nothing else prints errors.
#pragma once

#include <string>
#include <utility>

#include "sparsmith/result.h"

namespace sparsmith::cli {

inline constexpr int kOk = 0;
inline constexpr int kBadInput = 1;
inline constexpr int kUsage = 2;

struct Failure {
  Error error;
};
struct UsageError {
  std::string message;
};

/// The value, or a Failure thrown.
template <class T>
T take(Result<T> result) {
  if (!result.ok()) throw Failure{result.error()};
  return std::move(result).value();
}
inline void check(const Status& status) {
  if (!status.ok()) throw Failure{status.error()};
}
[[noreturn]] inline void fail(std::string message, std::string hint = {}) {
  throw Failure{bad_input(std::move(message), std::move(hint))};
}

/// "sparsmith: <message>" and the hint, on stderr.
void print_error(const Error& error);
void print_warning(const std::string& message);

/// Flushes standard output; a Failure when what was written did not arrive (a full disk behind a redirection).
void finish_output();

/// std::snprintf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);
/// "0.8 us", "12.3 us", "4.56 ms", "1.2 s".
std::string human_time(double ns);
/// "812 bytes", "268 KB", "2.5 MB".
std::string human_bytes(int64_t bytes);
/// "[64, 56, 56]".
template <class Shape>
std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (auto size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text += "]";
}

/// Writes a whole file, a Failure that names it otherwise.
void write_file(const std::string& path, const std::string& content);

}  // namespace sparsmith::cli

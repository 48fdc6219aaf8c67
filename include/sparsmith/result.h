/// \file
/// Errors as values. Nothing in this library throws across its edge.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace sparsmith {

/// Whose move it is when a call fails.
enum class ErrorKind {
  bad_input,   ///< The caller's data or file is wrong: the message says what, where and what would be right.
  unsuitable,  ///< Nothing is wrong, but this machine or this moment can't do it: the message says why.
  internal,    ///< A defect of Sparsmith: please report it with the message.
};

/// One failure: `message` is a sentence that names the file, layer or number; `hint` (may be empty) says what to do.
struct Error {
  ErrorKind kind = ErrorKind::bad_input;
  std::string message;
  std::string hint;
};

inline Error bad_input(std::string message, std::string hint = {}) {
  return {ErrorKind::bad_input, std::move(message), std::move(hint)};
}
inline Error unsuitable(std::string message, std::string hint = {}) {
  return {ErrorKind::unsuitable, std::move(message), std::move(hint)};
}
inline Error internal_error(std::string message) { return {ErrorKind::internal, std::move(message), {}}; }

/// A value or the Error that took its place. Test with `ok()` before `value()`.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return assert(ok()), *std::get_if<0>(&state_); }
  const T& value() const& { return assert(ok()), *std::get_if<0>(&state_); }
  T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return assert(!ok()), *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the Error.
using Status = Result<std::monostate>;
inline Status success() { return std::monostate{}; }

}  // namespace sparsmith

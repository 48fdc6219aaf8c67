/// \file
/// A scanner of numbers in lines of text. It never looks past the line it is on unless told to.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace sparsmith::load {

class TextScanner {
 public:
  explicit TextScanner(std::string_view text)
      : at_(text.data()), text_end_(text.data() + text.size()), line_end_(text.data()) {}

  /// Moves to the next line (the first one, at first); false at the end of the text.
  bool next_line() {
    if (line_ > 0) {
      if (line_end_ == text_end_) return false;
      at_ = line_end_ + 1;
    }
    if (at_ == text_end_) return false;
    ++line_;
    line_end_ = at_;
    while (line_end_ != text_end_ && *line_end_ != '\n') ++line_end_;
    return true;
  }
  int64_t line() const { return line_; }  ///< counted from 1
  std::string_view rest_of_line() const { return {at_, static_cast<size_t>(line_end_ - at_)}; }
  /// Bytes from here to the end of the text.
  int64_t bytes_left() const { return text_end_ - at_; }

  bool at_line_end() {
    skip_blanks();
    return at_ == line_end_;
  }
  /// Steps over `c` when it comes next.
  bool take(char c) {
    skip_blanks();
    if (at_ == line_end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  /// The next word, for messages; doesn't move.
  std::string_view word() {
    skip_blanks();
    const char* end = at_;
    if (end != line_end_ && *end == ',') ++end;
    while (end != line_end_ && !is_blank(*end) && *end != ',') ++end;
    return {at_, static_cast<size_t>(end - at_)};
  }

  enum class Scan : uint8_t { ok, not_a_number, out_of_range };
  /// A number that a blank, a comma or the line's end follows. On failure the scanner doesn't move.
  template <class T>
  Scan number(T& value) {
    skip_blanks();
    const char* first = at_;
    if (first != line_end_ && *first == '+') ++first;  // from_chars knows no plus sign
    if (first != at_ && first != line_end_ && *first == '-') return Scan::not_a_number;
    const auto [end, error] = std::from_chars(first, line_end_, value);
    if (error == std::errc::invalid_argument) return Scan::not_a_number;
    if (end != line_end_ && !is_blank(*end) && *end != ',') return Scan::not_a_number;
    if (error != std::errc()) return Scan::out_of_range;
    at_ = end;
    return Scan::ok;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  void skip_blanks() {
    while (at_ != line_end_ && is_blank(*at_)) ++at_;
  }

  const char* at_;
  const char* text_end_;
  const char* line_end_;
  int64_t line_ = 0;
};

}  // namespace sparsmith::load

#include "load/messages.h"

namespace sparsmith::load {

std::string escaped(std::string_view text) {
  constexpr size_t kShown = 100;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  if (text.size() > kShown) out += "...";
  return out;
}

std::string visible(std::string_view text) { return '"' + escaped(text) + '"'; }

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + (shape.size() == 1 ? ",)" : ")");
}

Error in_file(const std::string& origin, const Error& error) {
  return {error.kind, join(origin, ": ", error.message), error.hint};
}

}  // namespace sparsmith::load

// The header of a .npy file is a Python dictionary literal with three keys. Only the literals numpy writes are
// understood.
#include <charconv>
#include <cstring>

#include "load/messages.h"
#include "load/npy.h"

namespace sparsmith::load {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
/// numpy itself refuses headers over 10,000 bytes unless told otherwise.
constexpr size_t kLongestHeader = 64 * 1024;
/// numpy 2's limit on dimensions.
constexpr size_t kMostDimensions = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class DictParser {
 public:
  DictParser(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  Status parse(NpyHeader& header) {
    bool has_descr = false, has_order = false, has_shape = false;
    if (!take('{')) return fail("'{'");
    while (!take('}')) {
      std::string key;
      if (!string(key)) return fail("a key in quotes or '}'");
      if (!take(':')) return fail("':'");
      bool* seen = key == "descr"           ? &has_descr
                   : key == "fortran_order" ? &has_order
                   : key == "shape"         ? &has_shape
                                            : nullptr;
      if (seen == nullptr) {
        return bad_input(join(origin_, ": unknown key ", visible(key), " in the .npy header"), kKeys);
      }
      if (*seen) return bad_input(join(origin_, ": key ", visible(key), " is given twice in the .npy header"), kKeys);
      *seen = true;
      Status status = seen == &has_descr ? descr(header) : seen == &has_order ? order(header) : shape(header);
      if (!status) return status;
      if (!take(',')) {
        if (!take('}')) return fail("',' or '}'");
        break;
      }
    }
    blanks();
    if (at_ != text_.size()) return fail("nothing after '}'");
    if (!has_descr) return bad_input(join(origin_, ": the .npy header has no key \"descr\""), kKeys);
    if (!has_order) return bad_input(join(origin_, ": the .npy header has no key \"fortran_order\""), kKeys);
    if (!has_shape) return bad_input(join(origin_, ": the .npy header has no key \"shape\""), kKeys);
    return success();
  }

 private:
  static constexpr const char* kKeys = "the keys are descr, fortran_order and shape, once each";

  void blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    blanks();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool string(std::string& out) {
    blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return false;
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return false;
    out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  Status fail(const char* expected) {
    blanks();
    return bad_input(join(origin_, ": the .npy header has ", visible(text_.substr(at_, 20)), " at byte ", at_, "; ",
                          expected, " is expected"),
                     "save it again with numpy.save");
  }

  Status descr(NpyHeader& header) {
    blanks();
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '(')) {
      return bad_input(join(origin_, ": holds a structured dtype"), "save a plain float32 array");
    }
    std::string text;
    if (!string(text)) return fail("the dtype in quotes");
    header.descr = text;
    std::string_view rest = text;
    if (!rest.empty() && std::strchr("<>|=", rest[0]) != nullptr && rest[0] != '\0') {
      header.big_endian = rest[0] == '>';
      rest.remove_prefix(1);
    }
    if (rest.empty() || is_digit(rest[0])) {
      return bad_input(join(origin_, ": ", visible(text), " is no numpy dtype"), "float32 is \"<f4\"");
    }
    header.kind = rest[0];
    rest.remove_prefix(1);
    if (rest.empty()) return success();  // object arrays: "|O"
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), header.item_size);
    const bool whole = end == rest.data() + rest.size();
    if (error != std::errc() || header.item_size < 0 || (!whole && *end != '[')) {
      return bad_input(join(origin_, ": ", visible(text), " is no numpy dtype"), "float32 is \"<f4\"");
    }
    if (header.kind == 'U') {  // counts characters of 4 bytes
      const auto bytes = checked_multiply(header.item_size, 4);
      if (!bytes) return bad_input(join(origin_, ": the item size of dtype ", visible(text), " overflows"));
      header.item_size = *bytes;
    }
    return success();
  }

  Status order(NpyHeader& header) {
    if (take("True")) {
      header.fortran_order = true;
    } else if (!take("False")) {
      return fail("True or False");
    }
    return success();
  }

  Status shape(NpyHeader& header) {
    if (!take('(')) return fail("a tuple");
    while (!take(')')) {
      blanks();
      int64_t dimension = 0;
      const char* first = text_.data() + at_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), dimension);
      if (error == std::errc::result_out_of_range) {
        return bad_input(join(origin_, ": dimension ", header.shape.size(), " of the shape is past 2^63"));
      }
      if (error != std::errc()) return fail("a dimension or ')'");
      if (dimension < 0) {
        return bad_input(join(origin_, ": dimension ", header.shape.size(), " of the shape is ", dimension,
                              "; dimensions can't be negative"));
      }
      at_ += static_cast<size_t>(end - first);
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote its long integers so
      header.shape.push_back(dimension);
      if (header.shape.size() > kMostDimensions) {
        return bad_input(join(origin_, ": the shape has more than ", kMostDimensions, " dimensions"));
      }
      if (!take(',')) {
        if (!take(')')) return fail("',' or ')'");
        break;
      }
    }
    return success();
  }

  std::string_view text_;
  const std::string& origin_;
  size_t at_ = 0;
};

}  // namespace

Result<size_t> npy_header_length(std::string_view first_bytes, const std::string& origin) {
  if (first_bytes.substr(0, kMagic.size()) != kMagic.substr(0, first_bytes.size()) || first_bytes.empty()) {
    return bad_input(join(origin, ": is not a .npy file: it starts with ", visible(first_bytes.substr(0, 6)),
                          ", not with \"\\x93NUMPY\""));
  }
  if (first_bytes.size() < 10)
    return bad_input(join(origin, ": ends inside the .npy preamble"), "the file is truncated");
  const int major = static_cast<unsigned char>(first_bytes[6]);
  if (major < 1 || major > 3) {
    return bad_input(join(origin, ": .npy format version ", major, " is not known; 1 to 3 are"));
  }
  size_t length = 0;
  if (major == 1) {
    length = size_t{10} + read_little<uint16_t>(first_bytes.data() + 8);
  } else {
    if (first_bytes.size() < kNpyPreamble) {
      return bad_input(join(origin, ": ends inside the .npy preamble"), "the file is truncated");
    }
    length = kNpyPreamble + read_little<uint32_t>(first_bytes.data() + 8);
  }
  if (length > kLongestHeader + kNpyPreamble) {
    return bad_input(
        join(origin, ": the .npy header claims ", length, " bytes; at most ", kLongestHeader, " are read"));
  }
  return length;
}

Result<NpyHeader> parse_npy_header(std::string_view bytes, const std::string& origin) {
  const auto length = npy_header_length(bytes.substr(0, kNpyPreamble), origin);
  if (!length) return length.error();
  if (*length > bytes.size()) {
    return bad_input(join(origin, ": the .npy header claims ", *length, " bytes but only ", bytes.size(), " are there"),
                     "the file is truncated or damaged");
  }
  NpyHeader header;
  header.data_offset = *length;
  const size_t start = bytes[6] == 1 ? 10 : kNpyPreamble;
  DictParser parser(bytes.substr(start, *length - start), origin);
  if (Status status = parser.parse(header); !status) return status.error();
  const auto count = element_count(header.shape);
  const auto data_bytes = count ? checked_multiply(*count, header.item_size) : std::nullopt;
  if (!data_bytes) {
    return bad_input(join(origin, ": shape ", shape_text(header.shape), " overflows a 63-bit size"));
  }
  header.count = *count;
  header.data_bytes = *data_bytes;
  return header;
}

}  // namespace sparsmith::load

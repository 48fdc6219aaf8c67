// Matrix Market: a banner, comments, a size line, then either "row col value" entries counted from 1 (coordinate) or
// all values by columns (array).
#include <algorithm>
#include <array>
#include <cctype>

#include "load/messages.h"
#include "load/numeric.h"
#include "load/seeded.h"
#include "load/sparse.h"
#include "load/text.h"

namespace sparsmith {
namespace load {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

enum class Field : uint8_t { real, integer, pattern };
enum class Symmetry : uint8_t { general, symmetric, skew };

class MtxReader {
 public:
  MtxReader(std::string_view text, uint64_t seed, const std::string& origin)
      : scan_(text), normal_(seed), origin_(origin) {}

  Result<Weights> read() {
    if (Status status = banner(); !status) return status.error();
    if (!next_content_line()) return bad_input(join(origin_, ": ends before the size line"));
    return coordinate_ ? coordinate() : array();
  }

 private:
  std::string here() const { return join(origin_, ", line ", scan_.line()); }

  bool next_content_line() {
    while (scan_.next_line()) {
      if (!scan_.at_line_end() && !scan_.rest_of_line().starts_with('%')) return true;
    }
    return false;
  }

  Status banner() {
    constexpr const char* kBanner = "the first line is \"%%MatrixMarket matrix coordinate real general\" or the like";
    std::array<std::string, 5> words;
    if (!scan_.next_line()) return bad_input(join(origin_, ": is empty"), kBanner);
    std::string_view line = scan_.rest_of_line();
    for (std::string& word : words) {
      const size_t first = std::min(line.find_first_not_of(" \t\r"), line.size());
      const size_t last = std::min(line.find_first_of(" \t\r", first), line.size());
      word = lower(line.substr(first, last - first));
      line.remove_prefix(last);
    }
    if (words[0] != "%%matrixmarket") {
      return bad_input(join(origin_, ": is not a Matrix Market file: it starts with ", visible(words[0])), kBanner);
    }
    if (words[1] != "matrix") {
      return bad_input(join(here(), ": object ", visible(words[1]), " is not supported; \"matrix\" is"), kBanner);
    }
    if (words[2] != "coordinate" && words[2] != "array") {
      return bad_input(
          join(here(), ": format ", visible(words[2]), " is not supported; \"coordinate\" and \"array\" are"), kBanner);
    }
    coordinate_ = words[2] == "coordinate";
    if (words[3] == "integer") {
      field_ = Field::integer;
    } else if (words[3] == "pattern" && coordinate_) {
      field_ = Field::pattern;
    } else if (words[3] != "real" && words[3] != "double") {
      return bad_input(join(here(), ": field ", visible(words[3]), " is not supported; ",
                            coordinate_ ? "real, integer and pattern are" : "real and integer are"),
                       kBanner);
    }
    if (words[4] == "symmetric") {
      symmetry_ = Symmetry::symmetric;
    } else if (words[4] == "skew-symmetric") {
      symmetry_ = Symmetry::skew;
    } else if (words[4] != "general") {
      return bad_input(join(here(), ": symmetry ", visible(words[4]),
                            " is not supported; general, symmetric and skew-symmetric are"),
                       kBanner);
    }
    if (field_ == Field::pattern && symmetry_ == Symmetry::skew) {
      return bad_input(join(here(), ": a pattern can't be skew-symmetric: it has no values to negate"));
    }
    return success();
  }

  Status integer(int64_t& value, const char* what) {
    const auto scan = scan_.number(value);
    if (scan == TextScanner::Scan::ok) return success();
    return not_a_number(scan, what, "an integer");
  }

  Status not_a_number(TextScanner::Scan scan, const char* what, const char* expected) {
    if (scan_.at_line_end()) return bad_input(join(here(), ": the line ends before ", what));
    return bad_input(join(
        here(), ": ", what, " is ", visible(scan_.word()),
        scan == TextScanner::Scan::out_of_range ? ", which is out of range" : join("; ", expected, " is expected")));
  }

  Status value(float& out) {
    if (field_ == Field::integer) {
      int64_t whole = 0;
      if (Status status = integer(whole, "the value"); !status) return status;
      out = static_cast<float>(whole);
      return success();
    }
    double number = 0;
    const auto scan = scan_.number(number);
    if (scan != TextScanner::Scan::ok) return not_a_number(scan, "the value", "a number");
    const auto narrow = narrow_to_float(number);
    if (!narrow) return bad_input(join(here(), ": the value ", number, " is past what fp32 can hold"));
    out = *narrow;
    return success();
  }

  Status line_ends() {
    if (scan_.at_line_end()) return success();
    return bad_input(join(here(), ": unexpected text ", visible(scan_.word()), " at the end of the line"));
  }

  Status check_square() {
    if (symmetry_ == Symmetry::general || rows_ == cols_) return success();
    return bad_input(join(here(), ": a symmetric matrix must be square, not ", rows_, " x ", cols_));
  }

  /// Each entry is a line of at least `least` bytes; the last one may lack its newline.
  Status check_room(int64_t entries, int64_t least) {
    const int64_t room = (scan_.bytes_left() + 1) / least;
    if (entries <= room) return success();
    return bad_input(join(here(), ": ", entries, " entries are declared, but the rest of the file has room for ", room),
                     "the file is truncated, or its size line is wrong");
  }

  Status nothing_follows(int64_t entries) {
    if (!next_content_line()) return success();
    return bad_input(join(here(), ": more than the ", entries, " declared entries: ", visible(scan_.word())));
  }

  Result<Weights> coordinate() {
    int64_t entries = 0;
    if (Status status = integer(rows_, "the number of rows"); !status) return status.error();
    if (Status status = integer(cols_, "the number of columns"); !status) return status.error();
    if (Status status = integer(entries, "the number of entries"); !status) return status.error();
    if (Status status = line_ends(); !status) return status.error();
    if (Status status = check_sparse_shape(rows_, cols_, entries, here()); !status) return status.error();
    if (Status status = check_square(); !status) return status.error();
    if (Status status = check_room(entries, field_ == Field::pattern ? 4 : 6); !status) return status.error();
    Triplets triplets{rows_, cols_, {}, {}, {}};
    triplets.row.reserve(entries);
    triplets.col.reserve(entries);
    triplets.value.reserve(entries);
    for (int64_t i = 0; i < entries; ++i) {
      if (!next_content_line()) {
        return bad_input(join(origin_, ": ends after ", i, " of the ", entries, " entries it declares"),
                         "the file is truncated");
      }
      if (Status status = entry(i, triplets); !status) return status.error();
    }
    if (Status status = nothing_follows(entries); !status) return status.error();
    if (symmetry_ != Symmetry::general) {
      // Before mirroring, so that messages about entries given twice name those of the file.
      if (const auto triangle = weights_from_triplets(triplets, 1, origin_); !triangle) return triangle.error();
      for (size_t i = 0; i < static_cast<size_t>(entries); ++i) {
        const int32_t row = triplets.row[i], col = triplets.col[i];
        if (row == col) continue;
        const float mirrored = triplets.value[i];
        triplets.row.push_back(col);
        triplets.col.push_back(row);
        triplets.value.push_back(symmetry_ == Symmetry::skew ? -mirrored : mirrored);
      }
    }
    return weights_from_triplets(triplets, 1, origin_);
  }

  Status entry(int64_t number, Triplets& triplets) {
    int64_t row = 0, col = 0;
    float element = 0;
    if (Status status = integer(row, "the row"); !status) return status;
    if (Status status = integer(col, "the column"); !status) return status;
    if (row < 1 || row > rows_ || col < 1 || col > cols_) {
      return bad_input(join(here(), ": entry at row ", row, ", column ", col, " of a ", rows_, " x ", cols_,
                            " matrix (counted from 1)"));
    }
    if (symmetry_ != Symmetry::general && col > row) {
      return bad_input(join(here(), ": entry at row ", row, ", column ", col,
                            " is above the diagonal; a symmetric file gives the lower triangle only"));
    }
    if (symmetry_ == Symmetry::skew && col == row) {
      return bad_input(join(here(), ": entry at row ", row, ", column ", col,
                            " is on the diagonal, which is zero in a skew-symmetric matrix"));
    }
    if (field_ == Field::pattern) {
      element = normal_(static_cast<uint64_t>(number));
    } else if (Status status = value(element); !status) {
      return status;
    }
    triplets.row.push_back(static_cast<int32_t>(row - 1));
    triplets.col.push_back(static_cast<int32_t>(col - 1));
    triplets.value.push_back(element);
    return line_ends();
  }

  Result<Weights> array() {
    if (Status status = integer(rows_, "the number of rows"); !status) return status.error();
    if (Status status = integer(cols_, "the number of columns"); !status) return status.error();
    if (Status status = line_ends(); !status) return status.error();
    if (rows_ < 1 || cols_ < 1) {
      return bad_input(
          join(here(), ": declares a ", rows_, " x ", cols_, " matrix; both dimensions must be at least 1"));
    }
    if (Status status = check_square(); !status) return status.error();
    const auto elements = checked_multiply(rows_, cols_);
    if (!elements) return bad_input(join(here(), ": a ", rows_, " x ", cols_, " matrix overflows a 63-bit size"));
    int64_t entries = *elements;
    // The largest n with n * n < 2^63 leaves room for n more.
    if (symmetry_ != Symmetry::general) entries = (*elements + (symmetry_ == Symmetry::skew ? -rows_ : rows_)) / 2;
    if (Status status = check_room(entries, 2); !status) return status.error();
    Array dense{{rows_, cols_}, std::vector<float>(*elements, 0.0f)};
    int64_t done = 0;
    for (int64_t col = 0; col < cols_; ++col) {
      const int64_t first = symmetry_ == Symmetry::general ? 0 : symmetry_ == Symmetry::symmetric ? col : col + 1;
      for (int64_t row = first; row < rows_; ++row, ++done) {
        if (!next_content_line()) {
          return bad_input(join(origin_, ": ends after ", done, " of ", entries, " values"), "the file is truncated");
        }
        float element = 0;
        if (Status status = value(element); !status) return status.error();
        if (Status status = line_ends(); !status) return status.error();
        dense.data[row * cols_ + col] = element;
        if (symmetry_ != Symmetry::general) {
          dense.data[col * cols_ + row] = symmetry_ == Symmetry::skew ? -element : element;
        }
      }
    }
    if (Status status = nothing_follows(entries); !status) return status.error();
    return weights_from_array(dense, origin_);
  }

  TextScanner scan_;
  SeededNormal normal_;
  const std::string& origin_;
  bool coordinate_ = true;
  Field field_ = Field::real;
  Symmetry symmetry_ = Symmetry::general;
  int64_t rows_ = 0, cols_ = 0;
};

}  // namespace
}  // namespace load

Result<Weights> parse_mtx(std::string_view text, uint64_t seed, const std::string& origin) {
  return load::guarded(origin, [&] { return load::MtxReader(text, seed, origin).read(); });
}

}  // namespace sparsmith

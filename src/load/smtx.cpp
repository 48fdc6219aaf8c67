// .smtx of the Deep Learning Matrix Collection: line 1 "rows, cols, nnz"; line 2 the rows + 1 row offsets; line 3 the
// column indices. A pattern without values.
#include "load/messages.h"
#include "load/seeded.h"
#include "load/sparse.h"
#include "load/text.h"

namespace sparsmith {
namespace load {
namespace {

class SmtxReader {
 public:
  SmtxReader(std::string_view text, uint64_t seed, const std::string& origin)
      : scan_(text), normal_(seed), origin_(origin) {}

  Result<Weights> read() {
    if (Status status = sizes(); !status) return status.error();
    if (Status status = offsets(); !status) return status.error();
    if (Status status = columns(); !status) return status.error();
    while (scan_.next_line()) {
      if (!scan_.at_line_end())
        return bad_input(join(here(), ": text after the column indices: ", visible(scan_.word())));
    }
    std::vector<float> values(columns_.size());
    for (size_t i = 0; i < values.size(); ++i) values[i] = normal_(i);
    auto pattern = Pattern::create(rows_, cols_, std::move(offsets_), std::move(columns_));
    if (!pattern) return in_file(origin_, pattern.error());
    auto weights = Weights::create(*std::move(pattern), std::move(values));
    if (!weights) return in_file(origin_, weights.error());
    return weights;
  }

 private:
  std::string here() const { return join(origin_, ", line ", scan_.line()); }

  template <class... What>
  Status not_an_integer(TextScanner::Scan scan, const What&... what) {
    if (scan_.at_line_end()) return bad_input(join(here(), ": the line ends before ", what...));
    return bad_input(
        join(here(), ": ", what..., " is ", visible(scan_.word()),
             scan == TextScanner::Scan::out_of_range ? ", which is out of range" : "; an integer is expected"));
  }

  Status sizes() {
    if (!scan_.next_line()) return bad_input(join(origin_, ": is empty"), kForm);
    struct {
      const char* name;
      int64_t& value;
    } const fields[] = {
        {"the number of rows", rows_}, {"the number of columns", cols_}, {"the number of nonzeros", nnz_}};
    for (const auto& field : fields) {
      const auto scan = scan_.number(field.value);
      if (scan != TextScanner::Scan::ok) return not_an_integer(scan, field.name);
      scan_.take(',');
    }
    if (!scan_.at_line_end()) return bad_input(join(here(), ": text after the sizes: ", visible(scan_.word())), kForm);
    return check_sparse_shape(rows_, cols_, nnz_, origin_);
  }

  Status offsets() {
    if (!scan_.next_line()) return bad_input(join(origin_, ": ends before the row offsets of line 2"), kForm);
    // "0 0 0": two bytes each but the last.
    if (const auto room = static_cast<int64_t>(scan_.rest_of_line().size()) / 2 + 1; rows_ + 1 > room) {
      return bad_input(
          join(here(), ": ", rows_, " rows have ", rows_ + 1, " row offsets, but the line has room for ", room));
    }
    offsets_.resize(rows_ + 1);
    for (int64_t i = 0; i <= rows_; ++i) {
      const auto scan = scan_.number(offsets_[i]);
      if (scan != TextScanner::Scan::ok) return not_an_integer(scan, "row offset ", i);
      if (i == 0 && offsets_[0] != 0)
        return bad_input(join(here(), ": the first row offset is ", offsets_[0], "; it must be 0"));
      if (i > 0 && offsets_[i] < offsets_[i - 1]) {
        return bad_input(
            join(here(), ": the offsets decrease after row ", i - 1, ", from ", offsets_[i - 1], " to ", offsets_[i]));
      }
    }
    if (!scan_.at_line_end()) {
      return bad_input(join(here(), ": more than ", rows_ + 1, " row offsets: ", visible(scan_.word())));
    }
    if (offsets_.back() != nnz_) {
      return bad_input(
          join(here(), ": the last row offset is ", offsets_.back(), ", but line 1 declares ", nnz_, " nonzeros"));
    }
    return success();
  }

  Status columns() {
    if (!scan_.next_line()) {
      if (nnz_ == 0) return success();
      return bad_input(join(origin_, ": ends before the column indices of line 3"), kForm);
    }
    if (const auto room = static_cast<int64_t>(scan_.rest_of_line().size()) / 2 + 1; nnz_ > room) {
      return bad_input(join(here(), ": ", nnz_, " column indices are declared, but the line has room for ", room));
    }
    columns_.resize(nnz_);
    for (int64_t row = 0; row < rows_; ++row) {
      int64_t previous = -1;
      for (int64_t i = offsets_[row]; i < offsets_[row + 1]; ++i) {
        int64_t column = 0;
        const auto scan = scan_.number(column);
        if (scan != TextScanner::Scan::ok) return not_an_integer(scan, "column index ", i, " (row ", row, ")");
        if (column < 0 || column >= cols_) {
          return bad_input(
              join(here(), ": row ", row, " has column index ", column, "; columns run from 0 to ", cols_ - 1));
        }
        if (column == previous) return bad_input(join(here(), ": row ", row, " has column ", column, " twice"));
        if (column < previous) {
          return bad_input(join(here(), ": row ", row, " has column ", column, " after column ", previous,
                                "; columns must ascend in each row"));
        }
        columns_[i] = static_cast<int32_t>(column);
        previous = column;
      }
    }
    if (!scan_.at_line_end()) {
      return bad_input(join(here(), ": more than ", nnz_, " column indices: ", visible(scan_.word())));
    }
    return success();
  }

  static constexpr const char* kForm =
      "line 1 is \"rows, cols, nnz\", line 2 the row offsets, line 3 the column indices";
  TextScanner scan_;
  SeededNormal normal_;
  const std::string& origin_;
  int64_t rows_ = 0, cols_ = 0, nnz_ = 0;
  std::vector<int64_t> offsets_;
  std::vector<int32_t> columns_;
};

}  // namespace
}  // namespace load

Result<Weights> parse_smtx(std::string_view text, uint64_t seed, const std::string& origin) {
  return load::guarded(origin, [&] { return load::SmtxReader(text, seed, origin).read(); });
}

}  // namespace sparsmith

#include <cmath>

#include "check.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

Result<Weights> parse(const std::string& text, uint64_t seed = 1) { return parse_smtx(text, seed, "p.smtx"); }

const std::string kText = "3, 4, 5\n0 2 2 5 \n0 3 0 1 2 \n";

TEST(Smtx, ReadsThePattern) {
  const Weights weights = value_of(parse(kText));
  EXPECT_EQ(weights.rows(), 3);
  EXPECT_EQ(weights.cols(), 4);
  EXPECT_THAT(weights.pattern().row_offsets(), ElementsAre(0, 2, 2, 5));
  EXPECT_THAT(weights.pattern().columns(), ElementsAre(0, 3, 0, 1, 2));
}

TEST(Smtx, ReadsOtherSpacing) {
  const Weights weights = value_of(parse(kText));
  for (const char* text : {"3 4 5\r\n0 2 2 5\r\n0 3 0 1 2", "3,4,5\n0\t2\t2  5\n0 3 0 1 2\n\n \n"}) {
    EXPECT_TRUE(value_of(parse(text)).pattern() == weights.pattern());
  }
}

TEST(Smtx, ReadsAPatternWithoutNonzeros) {
  EXPECT_EQ(value_of(parse("2, 2, 0\n0 0 0\n\n")).nnz(), 0);
  EXPECT_EQ(value_of(parse("2, 2, 0\n0 0 0\n")).nnz(), 0);
}

TEST(Smtx, GivesValuesBySeed) {
  const Weights one = value_of(parse(kText, 1)), again = value_of(parse(kText, 1)), two = value_of(parse(kText, 2));
  EXPECT_TRUE(std::equal(one.values().begin(), one.values().end(), again.values().begin()));
  EXPECT_FALSE(std::equal(one.values().begin(), one.values().end(), two.values().begin()));
}

TEST(Smtx, GivesStandardNormalValues) {
  const int64_t n = 100'000;
  std::string text = "1, " + std::to_string(n) + ", " + std::to_string(n) + "\n0 " + std::to_string(n) + "\n";
  for (int64_t i = 0; i < n; ++i) text += std::to_string(i) + " ";
  const Weights weights = value_of(parse(text, 7));
  double mean = 0, square = 0, fourth = 0;
  int64_t beyond_two = 0;
  for (const float v : weights.values()) {
    ASSERT_TRUE(std::isfinite(v) && v != 0);
    mean += v, square += double{v} * v, fourth += std::pow(double{v}, 4);
    beyond_two += std::fabs(v) > 2;
  }
  // Five standard errors of each estimate.
  EXPECT_NEAR(mean / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(square / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96.0 / n));
  EXPECT_NEAR(static_cast<double>(beyond_two) / n, 0.0455, 5 * std::sqrt(0.0455 / n));
}

TEST(SmtxBad, EmptyFile) { expect_bad_input(parse(""), {"p.smtx", "empty"}); }
TEST(SmtxBad, NonNumericSizes) {
  expect_bad_input(parse("3, four, 5\n"), {"line 1", "number of columns", "\"four\"", "integer"});
}
TEST(SmtxBad, MissingSize) {
  expect_bad_input(parse("3, 4\n0 0 0 0\n"), {"line 1", "ends before the number of nonzeros"});
}
TEST(SmtxBad, TooManySizes) { expect_bad_input(parse("3, 4, 5, 6\n"), {"line 1", "after the sizes", "\"6\""}); }
TEST(SmtxBad, FractionalSize) { expect_bad_input(parse("3.5, 4, 5\n"), {"\"3.5\"", "integer"}); }
TEST(SmtxBad, NegativeSize) { expect_bad_input(parse("-3, 4, 5\n0\n0\n"), {"-3 x 4", "at least 1"}); }
TEST(SmtxBad, ZeroSize) { expect_bad_input(parse("0, 4, 0\n0\n\n"), {"0 x 4", "at least 1"}); }
TEST(SmtxBad, SizePast64Bits) { expect_bad_input(parse("99999999999999999999, 4, 5\n"), {"line 1", "out of range"}); }
TEST(SmtxBad, MoreNonzerosThanElements) { expect_bad_input(parse("2, 2, 5\n"), {"5 nonzeros", "only 4"}); }
TEST(SmtxBad, NegativeNonzeros) { expect_bad_input(parse("2, 2, -5\n"), {"-5 nonzeros", "negative"}); }
TEST(SmtxBad, TrillionRowsInAFewBytes) {
  expect_bad_input(parse("1000000000000, 4, 5\n0 1\n0\n"), {"1000000000000 x 4"});
}
TEST(SmtxBad, MillionRowsInAFewBytes) {
  expect_bad_input(parse("1000000, 4, 5\n0 1\n0\n"), {"line 2", "1000001 row offsets", "room for"});
}
TEST(SmtxBad, ManyNonzerosInAFewBytes) {
  expect_bad_input(parse("1, 1000000, 1000000\n0 1000000\n0 1\n"), {"line 3", "1000000 column indices", "room for"});
}
TEST(SmtxBad, MissingLines) {
  expect_bad_input(parse("3, 4, 5\n"), {"line 2"});
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n"), {"line 3"});
}
TEST(SmtxBad, TooFewOffsets) {
  expect_bad_input(parse("3, 4, 5\n0 2   5\n0 3 0 1 2\n"), {"line 2", "before row offset 3"});
}
TEST(SmtxBad, TooManyOffsets) { expect_bad_input(parse("3, 4, 5\n0 2 2 5 5\n0 3 0 1 2\n"), {"line 2", "more than 4"}); }
TEST(SmtxBad, FirstOffsetNotZero) {
  expect_bad_input(parse("3, 4, 5\n1 2 2 5\n0 3 0 1 2\n"), {"first row offset is 1"});
}
TEST(SmtxBad, OffsetsDecrease) { expect_bad_input(parse("3, 4, 5\n0 3 2 5\n0 3 0 1 2\n"), {"decrease after row 1"}); }
TEST(SmtxBad, LastOffsetIsNotNnz) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 4\n0 3 0 1 2\n"), {"last row offset is 4", "declares 5"});
}
TEST(SmtxBad, ColumnOutOfRange) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 4 0 1 2\n"), {"line 3", "row 0", "column index 4", "0 to 3"});
}
TEST(SmtxBad, NegativeColumn) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 -1 0 1 2\n"), {"row 0", "column index -1"});
}
TEST(SmtxBad, UnsortedColumns) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 0 2 1\n"), {"row 2", "column 1 after column 2"});
}
TEST(SmtxBad, DuplicateColumn) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 0 1 1\n"), {"row 2", "column 1 twice"});
}
TEST(SmtxBad, TooFewColumns) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 0    1 \n"), {"before column index 4 (row 2)"});
}
TEST(SmtxBad, TooManyColumns) { expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 0 1 2 3\n"), {"more than 5", "\"3\""}); }
TEST(SmtxBad, NonNumericColumn) {
  expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 zero 1 2\n"), {"line 3", "row 2", "\"zero\""});
}
TEST(SmtxBad, NumberRunsIntoText) { expect_bad_input(parse("3, 4, 5\n0 2 2 5\n0 3 0x 1 2\n"), {"\"0x\""}); }
TEST(SmtxBad, TextAtTheEnd) { expect_bad_input(parse(kText + "7\n"), {"line 4", "\"7\""}); }

}  // namespace
}  // namespace sparsmith::test

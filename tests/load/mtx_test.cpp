#include <cmath>

#include "check.h"

namespace sparsmith::test {
namespace {

Result<Weights> parse(const std::string& text, uint64_t seed = 1) { return parse_mtx(text, seed, "m.mtx"); }
Result<Weights> coordinate(const std::string& rest, const std::string& kind = "real general") {
  return parse("%%MatrixMarket matrix coordinate " + kind + "\n" + rest);
}
Result<Weights> array(const std::string& rest, const std::string& kind = "real general") {
  return parse("%%MatrixMarket matrix array " + kind + "\n" + rest);
}

TEST(Mtx, ReadsRealCoordinatesInAnyOrder) {
  const Weights weights = value_of(coordinate("% a comment\n\n2 3 3\n2 2 5e-1\n1 3 +2\n1 1 -1.5\n"));
  EXPECT_EQ(weights.to_dense(), (Floats{-1.5f, 0, 2, 0, 0.5f, 0}));
}

TEST(Mtx, ReadsBannersInAnyCaseAndCrLf) {
  const auto result = parse("%%matrixmarket MATRIX Coordinate Integer General\r\n2 2 1\r\n1 2 -7\r\n");
  EXPECT_EQ(value_of(result).to_dense(), (Floats{0, -7, 0, 0}));
}

TEST(Mtx, ReadsSymmetric) {
  const Weights weights = value_of(coordinate("2 2 2\n1 1 3\n2 1 4\n", "real symmetric"));
  EXPECT_EQ(weights.to_dense(), (Floats{3, 4, 4, 0}));
}

TEST(Mtx, ReadsSkewSymmetric) {
  EXPECT_EQ(value_of(coordinate("2 2 1\n2 1 4\n", "integer skew-symmetric")).to_dense(), (Floats{0, -4, 4, 0}));
}

TEST(Mtx, GivesPatternsSeededValues) {
  const Weights weights = value_of(coordinate("2 2 2\n1 1\n2 1\n", "pattern symmetric"));
  EXPECT_EQ(weights.nnz(), 3);
  const Floats dense = weights.to_dense();
  EXPECT_EQ(dense[1], dense[2]);
  EXPECT_NE(dense[0], dense[1]);
  const auto other = parse("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n", 2);
  EXPECT_NE(value_of(other).to_dense(), dense);
}

TEST(Mtx, ReadsArraysByColumns) {
  EXPECT_EQ(value_of(array("2 3\n1\n0\n3\n4\n5\n6\n")).to_dense(), (Floats{1, 3, 5, 0, 4, 6}));
  EXPECT_EQ(value_of(array("2 2\n1\n2\n3\n", "real symmetric")).to_dense(), (Floats{1, 2, 2, 3}));
  EXPECT_EQ(value_of(array("2 2\n2\n", "integer skew-symmetric")).to_dense(), (Floats{0, -2, 2, 0}));
}

TEST(Mtx, KeepsStoredZerosAndNans) {
  const Weights weights = value_of(coordinate("2 2 3\n1 1 0\n1 2 nan\n2 2 inf\n"));
  EXPECT_EQ(weights.nnz(), 3);
  EXPECT_EQ(weights.nonfinite(), 2);
}

TEST(Mtx, ReadsAFileWithoutEntries) { EXPECT_EQ(value_of(coordinate("2 2 0\n")).nnz(), 0); }

TEST(MtxBad, EmptyFile) { expect_bad_input(parse(""), {"m.mtx", "empty"}); }
TEST(MtxBad, NoBanner) { expect_bad_input(parse("2 2 1\n1 1 1\n"), {"not a Matrix Market file", "\"2\""}); }
TEST(MtxBad, UnknownObject) {
  expect_bad_input(parse("%%MatrixMarket vector coordinate real general\n"), {"line 1", "\"vector\""});
}
TEST(MtxBad, UnknownFormat) {
  expect_bad_input(parse("%%MatrixMarket matrix dense real general\n"), {"\"dense\"", "\"array\""});
}
TEST(MtxBad, ComplexField) {
  expect_bad_input(coordinate("1 1 1\n1 1 1 0\n", "complex general"), {"\"complex\"", "real, integer"});
}
TEST(MtxBad, Hermitian) {
  expect_bad_input(coordinate("1 1 1\n1 1 1\n", "real hermitian"), {"\"hermitian\"", "general, symmetric"});
}
TEST(MtxBad, MissingSymmetry) { expect_bad_input(coordinate("1 1 1\n1 1 1\n", "real"), {"symmetry \"\""}); }
TEST(MtxBad, PatternArray) { expect_bad_input(array("1 1\n", "pattern general"), {"\"pattern\"", "real and integer"}); }
TEST(MtxBad, SkewPattern) {
  expect_bad_input(coordinate("2 2 1\n2 1\n", "pattern skew-symmetric"), {"skew-symmetric"});
}
TEST(MtxBad, NoSizeLine) { expect_bad_input(coordinate("% only comments\n"), {"before the size line"}); }
TEST(MtxBad, NonNumericSize) { expect_bad_input(coordinate("2 two 1\n"), {"line 2", "number of columns", "\"two\""}); }
TEST(MtxBad, NegativeSize) { expect_bad_input(coordinate("2 -2 1\n"), {"2 x -2", "at least 1"}); }
TEST(MtxBad, TextAfterSizes) { expect_bad_input(coordinate("2 2 1 9\n1 1 1\n"), {"line 2", "\"9\""}); }
TEST(MtxBad, TrillionRows) {
  expect_bad_input(coordinate("1000000000000 1 1\n1 1 1\n"), {"1000000000000 x 1", "at most"});
}
TEST(MtxBad, ManyRowsForOneEntry) {
  expect_bad_input(coordinate("200000000 1 1\n1 1 1\n"), {"200000000 x 1", "only 1 nonzeros"});
}
TEST(MtxBad, MoreEntriesThanBytes) {
  expect_bad_input(coordinate("9999 9999 1000000\n1 1 1\n"), {"1000000 entries", "room for"});
}
TEST(MtxBad, ArrayLargerThanFile) {
  expect_bad_input(array("1000000 1000000\n1\n"), {"1000000000000 entries", "room for"});
}
TEST(MtxBad, ArraySizeOverflows) { expect_bad_input(array("4294967296 4294967296\n1\n"), {"overflows"}); }
TEST(MtxBad, TooFewEntries) { expect_bad_input(coordinate("2 2 2\n1 1 1.0000000\n"), {"after 1 of the 2 entries"}); }
TEST(MtxBad, TooFewArrayValues) { expect_bad_input(array("2 2\n1.000\n2.000\n"), {"after 2 of 4 values"}); }
TEST(MtxBad, TooManyEntries) {
  expect_bad_input(coordinate("2 2 1\n1 1 1\n2 2 1\n"), {"line 4", "more than the 1 declared"});
}
TEST(MtxBad, MoreEntriesThanElements) { expect_bad_input(coordinate("2 2 5\n"), {"5 nonzeros", "only 4"}); }
TEST(MtxBad, RowOutOfRange) {
  expect_bad_input(coordinate("2 2 1\n3 1 1\n"), {"line 3", "row 3, column 1", "counted from 1"});
}
TEST(MtxBad, CountedFromZero) { expect_bad_input(coordinate("2 2 1\n1 0 1\n"), {"row 1, column 0", "counted from 1"}); }
TEST(MtxBad, DuplicateEntry) {
  expect_bad_input(coordinate("2 2 3\n2 1 1\n1 1 1\n2 1 5\n"), {"row 2, column 1", "twice", "entries 1 and 3"});
}
TEST(MtxBad, DuplicateEntryInSymmetricFile) {
  expect_bad_input(coordinate("2 2 2\n2 1 1\n2 1 5\n", "real symmetric"), {"row 2, column 1", "entries 1 and 2"});
}
TEST(MtxBad, UpperTriangleInSymmetricFile) {
  expect_bad_input(coordinate("2 2 1\n1 2 1\n", "real symmetric"), {"line 3", "row 1, column 2", "lower triangle"});
}
TEST(MtxBad, DiagonalInSkewFile) {
  expect_bad_input(coordinate("2 2 1\n2 2 1\n", "real skew-symmetric"), {"line 3", "diagonal"});
}
TEST(MtxBad, SymmetricButNotSquare) {
  expect_bad_input(coordinate("2 3 1\n2 1 1\n", "real symmetric"), {"square", "2 x 3"});
}
TEST(MtxBad, NonNumericValue) { expect_bad_input(coordinate("2 2 1\n1 1 one\n"), {"line 3", "the value", "\"one\""}); }
TEST(MtxBad, MissingValue) { expect_bad_input(coordinate("2 2 1\n1 1       \n"), {"line 3", "ends before the value"}); }
TEST(MtxBad, FractionInIntegerFile) {
  expect_bad_input(coordinate("2 2 1\n1 1 1.5\n", "integer general"), {"\"1.5\"", "integer"});
}
TEST(MtxBad, ValuePastFloat32) {
  expect_bad_input(coordinate("2 2 1\n1 1 1e300\n"), {"line 3", "1e+300", "fp32"});
  expect_bad_input(coordinate("2 2 1\n1 1 1e3000\n"), {"line 3", "out of range"});
}
TEST(MtxBad, TextAfterAnEntry) { expect_bad_input(coordinate("2 2 1\n1 1 1 7\n"), {"line 3", "\"7\""}); }

}  // namespace
}  // namespace sparsmith::test

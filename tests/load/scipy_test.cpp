#include <cmath>

#include "bytes.h"
#include "check.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

Result<Weights> parse(const std::vector<ZipMember>& members) {
  return parse_npz_weights(zip_bytes(members), "", "s.npz");
}

ZipMember ints(const char* name, const std::vector<int64_t>& values, bool wide = false) {
  const std::string shape = "(" + std::to_string(values.size()) + ",)";
  const std::vector<int32_t> narrow(values.begin(), values.end());
  return {std::string(name) + ".npy",
          wide ? npy_array("<i8", shape, raw(values)) : npy_array("<i4", shape, raw(narrow)), true};
}
ZipMember floats(const Floats& values) {
  return {"data.npy", npy_array("<f4", "(" + std::to_string(values.size()) + ",)", raw(values)), true};
}
ZipMember format(const std::string& name) {
  return {"format.npy", npy_array("|S" + std::to_string(name.size()), "()", name), true};
}

// [[1, 0, 2], [0, 0, 0], [3, 4, 0]]
const Floats kDense = {1, 0, 2, 0, 0, 0, 3, 4, 0};

std::vector<ZipMember> csr(std::vector<int64_t> indptr = {0, 2, 2, 4}, std::vector<int64_t> indices = {0, 2, 0, 1},
                           Floats values = {1, 2, 3, 4}, bool wide = false) {
  return {ints("indices", indices, wide), ints("indptr", indptr, wide), format("csr"), ints("shape", {3, 3}, true),
          floats(values)};
}

TEST(Scipy, ReadsCsrWithBothIndexWidths) {
  EXPECT_EQ(value_of(parse(csr())).to_dense(), kDense);
  EXPECT_EQ(value_of(parse(csr({0, 2, 2, 4}, {0, 2, 0, 1}, {1, 2, 3, 4}, true))).to_dense(), kDense);
}

TEST(Scipy, SortsCsrRows) {
  const Weights weights = value_of(parse(csr({0, 2, 2, 4}, {2, 0, 1, 0}, {2, 1, 4, 3})));
  EXPECT_EQ(weights.to_dense(), kDense);
  EXPECT_THAT(weights.values(), ElementsAre(1, 2, 3, 4));
}

TEST(Scipy, KeepsStoredZerosAndNans) {
  const Weights weights = value_of(parse(csr({0, 2, 2, 4}, {0, 2, 0, 1}, {0, std::nanf(""), 3, 4})));
  EXPECT_EQ(weights.nnz(), 4);
  EXPECT_EQ(weights.nonfinite(), 1);
}

TEST(Scipy, IgnoresRoomAfterTheLastRow) {
  EXPECT_EQ(value_of(parse(csr({0, 2, 2, 4}, {0, 2, 0, 1, 99}, {1, 2, 3, 4, 99}))).to_dense(), kDense);
}

TEST(Scipy, ReadsCsc) {
  const auto result = parse({format("csc"), ints("shape", {3, 3}), ints("indptr", {0, 2, 3, 4}),
                             ints("indices", {2, 0, 2, 0}), floats({3, 1, 4, 2})});
  EXPECT_EQ(value_of(result).to_dense(), kDense);
}

TEST(Scipy, ReadsCooInAnyOrder) {
  const auto result = parse({format("coo"), ints("shape", {3, 3}), ints("row", {2, 0, 2, 0}), ints("col", {1, 2, 0, 0}),
                             floats({4, 2, 3, 1})});
  EXPECT_EQ(value_of(result).to_dense(), kDense);
}

std::vector<ZipMember> bsr(const std::string& data_shape = "(2, 2, 2)") {
  // 4 x 6 in 2 x 2 blocks: block row 0 has block column 2, block row 1 block column 0
  return {format("bsr"),
          ints("shape", {4, 6}),
          ints("indptr", {0, 1, 2}),
          ints("indices", {2, 0}),
          {"data.npy", npy_array("<f4", data_shape, raw(Floats{1, 0, 2, 3, 4, 5, 0, 6}))}};
}

TEST(Scipy, ReadsBsrDroppingZerosInBlocks) {
  const Weights weights = value_of(parse(bsr()));
  EXPECT_EQ(weights.to_dense(), (Floats{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 3, 4, 5, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0}));
  EXPECT_EQ(weights.nnz(), 6);
}

TEST(Scipy, ReadsFormatAsUnicode) {
  auto members = csr();
  members[2] = {"format.npy", npy_array("<U3", "()", std::string("c\0\0\0s\0\0\0r\0\0\0", 12))};
  EXPECT_EQ(value_of(parse(members)).to_dense(), kDense);
}

TEST(Scipy, ReadsFloat64AndFloat16Data) {
  auto members = csr();
  members[4] = {"data.npy", npy_array("<f8", "(4,)", raw(std::vector<double>{1, 2, 3, 4}))};
  EXPECT_EQ(value_of(parse(members)).to_dense(), kDense);
  members[4] = {"data.npy", npy_array("<f2", "(4,)", raw(std::vector<uint16_t>{0x3c00, 0x4000, 0x4200, 0x4400}))};
  EXPECT_EQ(value_of(parse(members)).to_dense(), kDense);
}

TEST(ScipyBad, DuplicateInCsr) {
  expect_bad_input(parse(csr({0, 2, 2, 4}, {0, 2, 1, 1})), {"row 2", "column 1 twice"});
}
TEST(ScipyBad, DuplicateInCoo) {
  expect_bad_input(
      parse({format("coo"), ints("shape", {3, 3}), ints("row", {2, 0, 2}), ints("col", {1, 2, 1}), floats({4, 2, 3})}),
      {"row 2, column 1", "twice", "entries 0 and 2"});
}
TEST(ScipyBad, ColumnOutOfRange) {
  expect_bad_input(parse(csr({0, 2, 2, 4}, {0, 3, 0, 1})), {"row 0", "column index 3", "0 to 2"});
  expect_bad_input(parse(csr({0, 2, 2, 4}, {0, -1, 0, 1})), {"row 0", "column index -1"});
}
TEST(ScipyBad, OffsetsDecrease) { expect_bad_input(parse(csr({0, 3, 2, 4})), {"decrease after row 1", "from 3 to 2"}); }
TEST(ScipyBad, OffsetsStartElsewhere) { expect_bad_input(parse(csr({1, 2, 2, 4})), {"first row offset is 1"}); }
TEST(ScipyBad, OffsetsPastTheIndices) {
  expect_bad_input(parse(csr({0, 2, 2, 5})), {"last row offset is 5", "only 4"});
}
TEST(ScipyBad, TooFewOffsets) { expect_bad_input(parse(csr({0, 2, 4})), {"3 row offsets", "4 are expected"}); }
TEST(ScipyBad, IndicesAndValuesDiffer) {
  expect_bad_input(parse(csr({0, 2, 2, 4}, {0, 2, 0, 1}, {1, 2, 3})), {"4 column indices but 3 values"});
}
TEST(ScipyBad, CooPartsDiffer) {
  expect_bad_input(parse({format("coo"), ints("shape", {3, 3}), ints("row", {2, 0}), ints("col", {1}), floats({4, 2})}),
                   {"2 row indices, 1 column indices and 2 values"});
}
TEST(ScipyBad, CooOutOfRange) {
  expect_bad_input(
      parse({format("coo"), ints("shape", {3, 3}), ints("row", {0, 3}), ints("col", {1, 1}), floats({4, 2})}),
      {"entry 1", "row 3, column 1"});
}
TEST(ScipyBad, UnsupportedFormat) {
  auto members = csr();
  members[2] = format("dia");
  expect_bad_input(parse(members), {"\"dia\"", "csr, csc, coo and bsr"});
}
TEST(ScipyBad, FormatIsNoText) {
  auto members = csr();
  members[2] = ints("format", {1});
  expect_bad_input(parse(members), {"s.npz:format", "not one string"});
}
TEST(ScipyBad, HugeShape) {
  auto members = csr();
  members[3] = ints("shape", {int64_t{1} << 40, 3}, true);
  expect_bad_input(parse(members), {"(1099511627776, 3)"});
  const auto coo =
      parse({format("coo"), ints("shape", {200'000'000, 3}), ints("row", {0}), ints("col", {0}), floats({1})});
  expect_bad_input(coo, {"200000000 x 3", "only 1 nonzeros"});
}
TEST(ScipyBad, NegativeShape) {
  auto members = csr();
  members[3] = ints("shape", {-3, 3});
  expect_bad_input(parse(members), {"(-3, 3)"});
}
TEST(ScipyBad, ShapeOfThree) {
  auto members = csr();
  members[3] = ints("shape", {3, 3, 3});
  expect_bad_input(parse(members), {"(3, 3, 3)", "two dimensions"});
}
TEST(ScipyBad, MissingMember) {
  auto members = csr();
  members.erase(members.begin());
  expect_bad_input(parse(members), {"no array named \"indices\""});
}
TEST(ScipyBad, FloatIndices) {
  auto members = csr();
  members[0] = {"indices.npy", npy_array("<f4", "(4,)", raw(Floats{0, 2, 0, 1}))};
  expect_bad_input(parse(members), {"s.npz:indices", "\"<f4\"", "int32 and int64"});
}
TEST(ScipyBad, IntegerData) {
  auto members = csr();
  members[4] = {"data.npy", npy_array("<i8", "(4,)", raw(std::vector<int64_t>{1, 2, 3, 4}))};
  expect_bad_input(parse(members), {"s.npz:data", "\"<i8\"", "float32"});
}
TEST(ScipyBad, BlocksDontDivide) { expect_bad_input(parse(bsr("(1, 8, 1)")), {"8 x 1 blocks"}); }
TEST(ScipyBad, BlockDataIsFlat) { expect_bad_input(parse(bsr("(8,)")), {"s.npz:data", "(8,)"}); }
TEST(ScipyBad, BlockColumnOutOfRange) {
  auto members = bsr();
  members[3] = ints("indices", {3, 0});
  expect_bad_input(parse(members), {"block row 0", "block column 3", "0 to 2"});
}
TEST(ScipyBad, SparseWhereAnArrayIsWanted) {
  expect_bad_input(parse_npz_array(zip_bytes(csr()), "", "s.npz"), {"scipy.sparse", "dense array"});
}

}  // namespace
}  // namespace sparsmith::test

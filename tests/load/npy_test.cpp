#include <cmath>
#include <limits>

#include "bytes.h"
#include "check.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

Result<Array> parse(const std::string& bytes) { return parse_npy(bytes, "w.npy"); }

const Floats kSix = {1, 2, 3, 4, 5, 6};

TEST(Npy, ReadsFloat32InEveryVersion) {
  for (const int version : {1, 2, 3}) {
    const auto result = parse(npy_array("<f4", "(2, 3)", raw(kSix), false, version));
    const Array& array = value_of(result);
    EXPECT_THAT(array.shape, ElementsAre(2, 3));
    EXPECT_EQ(array.data, kSix);
    EXPECT_EQ(array.size(), 6);
  }
}

TEST(Npy, ReadsEveryByteOrderMark) {
  for (const char* descr : {"<f4", "=f4", "|f4", "f4"}) {
    EXPECT_EQ(value_of(parse(npy_array(descr, "(6,)", raw(kSix)))).data, kSix) << descr;
  }
  EXPECT_EQ(value_of(parse(npy_array(">f4", "(6,)", raw_swapped(kSix)))).data, kSix);
  const std::vector<double> doubles = {1.5, -2.25};
  EXPECT_THAT(value_of(parse(npy_array(">f8", "(2,)", raw_swapped(doubles)))).data, ElementsAre(1.5f, -2.25f));
  const std::vector<uint16_t> halves = {0x3c00, 0xc000};
  EXPECT_THAT(value_of(parse(npy_array(">f2", "(2,)", raw_swapped(halves)))).data, ElementsAre(1.0f, -2.0f));
}

TEST(Npy, ReadsFloat64RoundingToNearest) {
  const std::vector<double> values = {0.1, -1e-300, 3e38};
  EXPECT_THAT(value_of(parse(npy_array("<f8", "(3,)", raw(values)))).data, ElementsAre(0.1f, -0.0f, 3e38f));
}

TEST(Npy, ReadsFloat16Exactly) {
  // one, -2, the largest, the smallest normal, the smallest subnormal, -0, infinity
  const std::vector<uint16_t> values = {0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00};
  const Array array = value_of(parse(npy_array("<f2", "(7,)", raw(values))));
  EXPECT_THAT(array.data,
              ElementsAre(1.0f, -2.0f, 65504.0f, 0x1p-14f, 0x1p-24f, -0.0f, std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(std::signbit(array.data[5]));
  const std::vector<uint16_t> nan = {0x7e01};
  EXPECT_TRUE(std::isnan(value_of(parse(npy_array("<f2", "(1,)", raw(nan)))).data[0]));
}

TEST(Npy, KeepsNanAndInfinity) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const Floats values = {nan, inf, -inf};
  const Array array = value_of(parse(npy_array("<f4", "(3,)", raw(values))));
  EXPECT_TRUE(std::isnan(array.data[0]));
  EXPECT_EQ(array.data[1], inf);
  const std::vector<double> doubles = {nan, -inf};
  const Array narrowed = value_of(parse(npy_array("<f8", "(2,)", raw(doubles))));
  EXPECT_TRUE(std::isnan(narrowed.data[0]));
  EXPECT_EQ(narrowed.data[1], -inf);
}

TEST(Npy, TurnsFortranOrderIntoC) {
  // [[1, 2, 3], [4, 5, 6]] by columns
  const Floats by_columns = {1, 4, 2, 5, 3, 6};
  EXPECT_EQ(value_of(parse(npy_array("<f4", "(2, 3)", raw(by_columns), true))).data, kSix);
  // element (i, j, k) of a (2, 3, 4) array is 100 i + 10 j + k
  Floats fortran, c;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) fortran.push_back(static_cast<float>(100 * i + 10 * j + k));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) c.push_back(static_cast<float>(100 * i + 10 * j + k));
  EXPECT_EQ(value_of(parse(npy_array("<f4", "(2, 3, 4)", raw(fortran), true))).data, c);
  EXPECT_EQ(value_of(parse(npy_array("<f4", "(6,)", raw(kSix), true))).data, kSix);
}

TEST(Npy, TurnsLargeFortranMatricesIntoC) {
  const int64_t rows = 67, cols = 101;  // no multiples of any block
  Floats fortran(rows * cols);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) fortran[c * rows + r] = static_cast<float>(r * 1000 + c);
  const Array array = value_of(parse(npy_array("<f4", "(67, 101)", raw(fortran), true)));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) ASSERT_EQ(array.data[r * cols + c], static_cast<float>(r * 1000 + c));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  const Floats one = {7};
  EXPECT_TRUE(value_of(parse(npy_array("<f4", "()", raw(one)))).shape.empty());
  EXPECT_EQ(value_of(parse(npy_array("<f4", "(0, 5)", ""))).size(), 0);
}

TEST(Npy, ReadsHeadersOfPython2AndOtherSpacing) {
  EXPECT_EQ(value_of(parse(npy_array("<f4", "(2L, 3L)", raw(kSix)))).data, kSix);
  const std::string dict = "{ \"shape\" : (6 , ),\t\"descr\":\"<f4\", \"fortran_order\" :False }      ";
  EXPECT_EQ(value_of(parse(npy_bytes(dict, raw(kSix)))).data, kSix);
}

TEST(NpyBad, EmptyFile) { expect_bad_input(parse(""), {"w.npy", "not a .npy file"}); }
TEST(NpyBad, OtherKindOfFile) { expect_bad_input(parse("PK\x03\x04 and more"), {"not a .npy file", "PK\\x03\\x04"}); }
TEST(NpyBad, EndsInsidePreamble) { expect_bad_input(parse(std::string("\x93NUMPY\x01\x00", 8)), {"preamble"}); }
TEST(NpyBad, UnknownVersion) {
  expect_bad_input(parse(npy_array("<f4", "(6,)", raw(kSix), false, 4)), {"version 4", "1 to 3"});
}
TEST(NpyBad, HeaderLongerThanFile) {
  std::string bytes = npy_array("<f4", "(6,)", "");
  bytes[9] = 0x10;  // claims 4 KB more
  expect_bad_input(parse(bytes), {"header claims", "only"});
}
TEST(NpyBad, HeaderOfGigabytes) {
  std::string bytes = npy_array("<f4", "(6,)", raw(kSix), false, 2);
  bytes[11] = 0x7f;
  expect_bad_input(parse(bytes), {"header claims", "at most 65536"});
}
TEST(NpyBad, TruncatedData) {
  const std::string bytes = npy_array("<f4", "(2, 3)", raw(kSix));
  for (size_t size = 0; size < bytes.size(); ++size) ASSERT_FALSE(parse(bytes.substr(0, size)).ok()) << size;
  expect_bad_input(parse(bytes.substr(0, bytes.size() - 1)), {"(2, 3)", "needs 24 bytes", "but 23"});
}
TEST(NpyBad, DataAfterTheArray) {
  expect_bad_input(parse(npy_array("<f4", "(2, 3)", raw(kSix) + "x")), {"needs 24 bytes", "but 25"});
}
TEST(NpyBad, TrillionElementsInHundredBytes) {
  expect_bad_input(parse(npy_array("<f4", "(1000000, 1000000)", "")),
                   {"(1000000, 1000000)", "needs 4000000000000 bytes", "but 0"});
}
TEST(NpyBad, ShapeOverflows) {
  expect_bad_input(parse(npy_array("<f4", "(4294967296, 4294967296, 16)", "")), {"overflows"});
  expect_bad_input(parse(npy_array("<f4", "(4611686018427387904,)", "")), {"overflows"});
  expect_bad_input(parse(npy_array("<f4", "(99999999999999999999,)", "")), {"past 2^63"});
}
TEST(NpyBad, ZeroHidesAnAbsurdShape) {
  expect_bad_input(parse(npy_array("<f4", "(0, 4294967296, 4294967296)", "")), {"overflows"});
}
TEST(NpyBad, NegativeDimension) {
  expect_bad_input(parse(npy_array("<f4", "(2, -3)", "")), {"dimension 1", "-3", "negative"});
}
TEST(NpyBad, TooManyDimensions) {
  std::string shape = "(";
  for (int i = 0; i < 65; ++i) shape += "1,";
  expect_bad_input(parse(npy_array("<f4", shape + ")", "")), {"more than 64 dimensions"});
}
TEST(NpyBad, IntegerDtype) {
  expect_bad_input(parse(npy_array("<i4", "(6,)", raw(kSix))), {"dtype \"<i4\"", "float32"});
}
TEST(NpyBad, ComplexDtype) {
  expect_bad_input(parse(npy_array("<c8", "(3,)", raw(kSix))), {"dtype \"<c8\"", "float32"});
}
TEST(NpyBad, LongDoubleDtype) {
  expect_bad_input(parse(npy_array("<f16", "(1,)", std::string(16, '\0'))), {"\"<f16\""});
}
TEST(NpyBad, ObjectDtype) { expect_bad_input(parse(npy_array("|O", "(1,)", "")), {"dtype \"|O\"", "float32"}); }
TEST(NpyBad, Bfloat16Dtype) {
  const auto result = parse(npy_array("<V2", "(2,)", "abcd"));
  expect_bad_input(result, {"dtype \"<V2\""});
  EXPECT_THAT(result.error().hint, testing::HasSubstr("bfloat16"));
}
TEST(NpyBad, NonsenseDtype) {
  expect_bad_input(parse(npy_array("<4f", "(6,)", raw(kSix))), {"\"<4f\"", "no numpy dtype"});
  expect_bad_input(parse(npy_array("<f4x", "(6,)", raw(kSix))), {"\"<f4x\"", "no numpy dtype"});
  expect_bad_input(parse(npy_array("", "(6,)", raw(kSix))), {"no numpy dtype"});
}
TEST(NpyBad, StructuredDtype) {
  const std::string dict = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }";
  expect_bad_input(parse(npy_bytes(dict, raw(kSix))), {"structured dtype"});
}
TEST(NpyBad, MissingKey) {
  expect_bad_input(parse(npy_bytes("{'descr': '<f4', 'fortran_order': False}", raw(kSix))), {"no key \"shape\""});
  expect_bad_input(parse(npy_bytes("{'descr': '<f4', 'shape': (6,)}", raw(kSix))), {"no key \"fortran_order\""});
  expect_bad_input(parse(npy_bytes("{'shape': (6,), 'fortran_order': False}", raw(kSix))), {"no key \"descr\""});
}
TEST(NpyBad, RepeatedKey) {
  const std::string dict = "{'descr': '<f4', 'shape': (6,), 'shape': (5,), 'fortran_order': False}";
  expect_bad_input(parse(npy_bytes(dict, raw(kSix))), {"\"shape\"", "twice"});
}
TEST(NpyBad, UnknownKey) {
  expect_bad_input(parse(npy_bytes("{'descr': '<f4', 'colour': 1}", raw(kSix))), {"unknown key \"colour\""});
}
TEST(NpyBad, BrokenDictionary) {
  for (const char* dict :
       {"", "{", "}", "{'descr'", "{'descr': ", "{'descr': '<f4'", "{'descr': '<f4' 'shape'", "{'shape': 6}",
        "{'shape': (6", "{'shape': (6 7)}", "{'shape': (x,)}", "{'fortran_order': Maybe}", "{descr: 1}"}) {
    expect_bad_input(parse(npy_bytes(dict, raw(kSix))), {"w.npy", "expected"});
  }
  expect_bad_input(parse(npy_array("<f4", "(6,)} {", raw(kSix))), {"expected"});
}
TEST(NpyBad, Float64TooLargeForFloat32) {
  const std::vector<double> values = {1, 1e300};
  expect_bad_input(parse(npy_array("<f8", "(2,)", raw(values))), {"element 1", "1e+300", "fp32"});
}

}  // namespace
}  // namespace sparsmith::test

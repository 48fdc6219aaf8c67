#include "bytes.h"
#include "check.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kData = raw(Floats{1, 2, 3, 4, 5, 6});

Result<Array> parse(const std::string& json, const std::string& data, const std::string& name = {}) {
  return parse_safetensors(safetensors_bytes(json, data), name, "m.safetensors");
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape, int64_t begin,
                   int64_t end) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

TEST(Safetensors, ReadsFloat32) {
  const Array array = value_of(parse("{" + tensor("w", "F32", "[2,3]", 0, 24) + "}   ", kData));
  EXPECT_THAT(array.shape, ElementsAre(2, 3));
  EXPECT_THAT(array.data, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Safetensors, ReadsFloat16AndBfloat16) {
  const std::string data = raw(std::vector<uint16_t>{0x3c00, 0xc000, 0x3f80, 0xc000});
  const std::string json = "{" + tensor("half", "F16", "[2]", 0, 4) + "," + tensor("brain", "BF16", "[2]", 4, 8) + "}";
  EXPECT_THAT(value_of(parse(json, data, "half")).data, ElementsAre(1, -2));
  EXPECT_THAT(value_of(parse(json, data, "brain")).data, ElementsAre(1, -2));
}

TEST(Safetensors, StepsOverMetadataAndOtherDtypes) {
  const std::string json = R"({"__metadata__":{"format":"pt"},)" + tensor("steps", "I64", "[1]", 0, 8) + "," +
                           tensor("w", "F32", "[1,6]", 8, 32) + "," + tensor("empty", "F32", "[0,4]", 32, 32) + "}";
  EXPECT_THAT(value_of(parse(json, std::string(8, '\0') + kData, "w")).data, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(value_of(parse(json, std::string(8, '\0') + kData, "empty")).size(), 0);
}

TEST(SafetensorsBad, EmptyFile) {
  expect_bad_input(parse_safetensors("", "", "m.safetensors"), {"m.safetensors", "0 bytes"});
}
TEST(SafetensorsBad, TruncatedAnywhere) {
  const std::string bytes = safetensors_bytes("{" + tensor("w", "F32", "[2,3]", 0, 24) + "}", kData);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(parse_safetensors(bytes.substr(0, size), "", "m.safetensors").ok()) << size;
  }
}
TEST(SafetensorsBad, HeaderLengthLies) {
  std::string bytes = safetensors_bytes("{" + tensor("w", "F32", "[2,3]", 0, 24) + "}", kData);
  bytes[7] = '\x7f';
  expect_bad_input(parse_safetensors(bytes, "", "m.safetensors"), {"header claims"});
  bytes[7] = 0;
  bytes[0] = 5;
  expect_bad_input(parse_safetensors(bytes, "", "m.safetensors"), {"not a JSON object"});
}
TEST(SafetensorsBad, HeaderIsNoJson) { expect_bad_input(parse("{broken", ""), {"not a JSON object"}); }
TEST(SafetensorsBad, HeaderIsAList) { expect_bad_input(parse("[1,2]", ""), {"not a JSON object"}); }
TEST(SafetensorsBad, DeeplyNestedHeader) {
  expect_bad_input(parse(std::string(1'000'000, '['), ""), {"not a JSON object"});
}
TEST(SafetensorsBad, NoTensors) { expect_bad_input(parse("{}", ""), {"holds no tensors"}); }
TEST(SafetensorsBad, OffsetsPastTheEnd) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[2,4]", 0, 32) + "}", kData), {"\"w\"", "bytes 0 to 32", "has 24"});
}
TEST(SafetensorsBad, OffsetsBackwards) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[2,3]", 24, 0) + "}", kData), {"bytes 24 to 0"});
}
TEST(SafetensorsBad, NegativeOffsets) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[2,3]", -24, 0) + "}", kData), {"data_offsets"});
}
TEST(SafetensorsBad, ShapeDoesntFitOffsets) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[2,2]", 0, 24) + "}", kData),
                   {"(2, 2)", "claims 24 bytes", "needs 16"});
}
TEST(SafetensorsBad, TrillionElements) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[1000000,1000000]", 0, 24) + "}", kData), {"needs 4000000000000"});
}
TEST(SafetensorsBad, ShapeOverflows) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[4294967296,4294967296]", 0, 24) + "}", kData), {"overflows"});
  expect_bad_input(parse("{" + tensor("w", "F32", "[4611686018427387904]", 0, 24) + "}", kData), {"2^63"});
}
TEST(SafetensorsBad, NegativeDimension) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[-2,3]", 0, 24) + "}", kData), {"\"w\"", "\"-2\""});
}
TEST(SafetensorsBad, FractionalDimension) {
  expect_bad_input(parse("{" + tensor("w", "F32", "[2.5,3]", 0, 24) + "}", kData), {"\"2.5\""});
}
TEST(SafetensorsBad, OverlappingTensors) {
  expect_bad_input(parse("{" + tensor("a", "F32", "[6]", 0, 24) + "," + tensor("b", "F32", "[3]", 12, 24) + "}", kData),
                   {"\"b\"", "starts at byte 12", "byte 24"});
}
TEST(SafetensorsBad, GapBetweenTensors) {
  expect_bad_input(parse("{" + tensor("a", "F32", "[2]", 0, 8) + "," + tensor("b", "F32", "[3]", 12, 24) + "}", kData),
                   {"\"b\"", "starts at byte 12", "byte 8"});
}
TEST(SafetensorsBad, DataAfterTheTensors) {
  expect_bad_input(parse("{" + tensor("a", "F32", "[2]", 0, 8) + "}", kData), {"end at byte 8", "has 24"});
}
TEST(SafetensorsBad, TensorDescribedTwice) {
  expect_bad_input(
      parse("{" + tensor("a", "F32", "[6]", 0, 24) + "," + tensor("a", "F32", "[3,2]", 0, 24) + "}", kData),
      {"\"a\"", "twice"});
}
TEST(SafetensorsBad, UnsupportedDtype) {
  expect_bad_input(parse("{" + tensor("w", "F64", "[3]", 0, 24) + "}", kData),
                   {"m.safetensors:w", "\"F64\"", "F32, F16 and BF16"});
}
TEST(SafetensorsBad, MissingFields) {
  expect_bad_input(parse(R"({"w":{"shape":[6],"data_offsets":[0,24]}})", kData), {"\"dtype\""});
  expect_bad_input(parse(R"({"w":{"dtype":"F32","data_offsets":[0,24]}})", kData), {"\"shape\""});
  expect_bad_input(parse(R"({"w":{"dtype":"F32","shape":[6]}})", kData), {"\"data_offsets\""});
  expect_bad_input(parse(R"({"w":7})", kData), {"\"w\"", "JSON object"});
}
TEST(SafetensorsBad, NoSuchTensor) {
  expect_bad_input(parse("{" + tensor("a", "F32", "[6]", 0, 24) + "}", kData, "b"),
                   {"no tensor named \"b\"", "it holds \"a\""});
}
TEST(SafetensorsBad, SeveralTensorsAndNoName) {
  const auto result =
      parse("{" + tensor("a", "F32", "[2]", 0, 8) + "," + tensor("b", "F32", "[4]", 8, 24) + "}", kData);
  expect_bad_input(result, {"2 tensors", "\"a\", \"b\""});
  EXPECT_THAT(result.error().hint, HasSubstr("m.safetensors:a"));
}
TEST(SafetensorsBad, ControlCharactersStayOutOfMessages) {
  const auto result = parse(R"({"\u001b[2Jx":7})", kData);
  expect_bad_input(result, {"\\x1b[2Jx"});
  EXPECT_EQ(result.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace sparsmith::test

#include "bytes.h"
#include "check.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Floats kMatrix = {1, 0, 3, 0, 5, 0};

std::string matrix_npy() { return npy_array("<f4", "(2, 3)", raw(kMatrix)); }
std::string vector_npy() { return npy_array("<f4", "(3,)", raw(Floats{7, 8, 9})); }

Result<Weights> weights(const std::string& bytes, const std::string& name = {}) {
  return parse_npz_weights(bytes, name, "w.npz");
}
Result<Array> array(const std::string& bytes, const std::string& name = {}) {
  return parse_npz_array(bytes, name, "w.npz");
}

void expect_matrix(const Result<Weights>& result) {
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->to_dense(), kMatrix);
  EXPECT_EQ(result->nnz(), 3);
}

TEST(Npz, ReadsStoredAndDeflatedMembers) {
  for (const bool deflate : {false, true}) {
    expect_matrix(weights(zip_bytes({{"w.npy", matrix_npy(), deflate}})));
  }
}

TEST(Npz, ReadsZip64AndStreamedArchives) {
  for (const bool deflate : {false, true}) {
    expect_matrix(weights(zip_bytes({{"w.npy", matrix_npy(), deflate}}, {.zip64 = true})));
    expect_matrix(weights(zip_bytes({{"w.npy", matrix_npy(), deflate}}, {.sizes_after_data = true})));
  }
}

TEST(Npz, ReadsArchivesWithComments) {
  expect_matrix(weights(zip_bytes({{"w.npy", matrix_npy()}}, {.comment = "PK\x05\x06 not the end"})));
}

TEST(Npz, FindsMembersByName) {
  const std::string bytes =
      zip_bytes({{"a.npy", vector_npy()}, {"b.npy", matrix_npy(), true}, {"dir/c.npy", vector_npy()}});
  expect_matrix(weights(bytes, "b"));
  expect_matrix(weights(bytes, "b.npy"));
  EXPECT_THAT(value_of(array(bytes, "dir/c")).data, ElementsAre(7, 8, 9));
}

TEST(Npz, WithoutNameTakesTheOnlyMatrix) {
  expect_matrix(weights(zip_bytes({{"bias.npy", vector_npy()}, {"weight.npy", matrix_npy()}})));
  EXPECT_THAT(value_of(array(zip_bytes({{"bias.npy", vector_npy()}}))).data, ElementsAre(7, 8, 9));
}

TEST(Npz, FlattensFiltersToRows) {
  const auto result = weights(zip_bytes({{"w.npy", npy_array("<f4", "(2, 3, 1, 1)", raw(kMatrix))}}));
  expect_matrix(result);
  EXPECT_EQ(result->rows(), 2);
}

TEST(Npz, ReadsMembersWithoutData) {
  EXPECT_EQ(value_of(array(zip_bytes({{"e.npy", npy_array("<f4", "(0, 3)", ""), true}}))).size(), 0);
}

TEST(NpzBad, NotAZip) { expect_bad_input(weights("hello"), {"w.npz", "not a zip archive"}); }
TEST(NpzBad, EmptyFile) { expect_bad_input(weights(""), {"not a zip archive"}); }
TEST(NpzBad, EmptyArchive) { expect_bad_input(weights(zip_bytes({})), {"holds no arrays"}); }
TEST(NpzBad, TruncatedAnywhere) {
  const std::string bytes = zip_bytes({{"w.npy", matrix_npy(), true}});
  for (size_t size = 0; size < bytes.size(); ++size) ASSERT_FALSE(weights(bytes.substr(0, size)).ok()) << size;
}
TEST(NpzBad, FrontCutOff) { EXPECT_FALSE(weights(zip_bytes({{"w.npy", matrix_npy()}}).substr(10)).ok()); }
TEST(NpzBad, NoSuchName) {
  expect_bad_input(weights(zip_bytes({{"w.npy", matrix_npy()}}), "v"), {"no array named \"v\"", "it holds \"w\""});
}
TEST(NpzBad, SeveralMatricesAndNoName) {
  const auto result = weights(zip_bytes({{"a.npy", matrix_npy()}, {"b.npy", matrix_npy()}}));
  expect_bad_input(result, {"2 matrices", "\"a\", \"b\""});
  EXPECT_THAT(result.error().hint, HasSubstr("w.npz:a"));
}
TEST(NpzBad, OnlyVectors) {
  expect_bad_input(weights(zip_bytes({{"a.npy", vector_npy()}})), {"no array of 2 or more"});
}
TEST(NpzBad, NamedVectorAsWeights) {
  expect_bad_input(weights(zip_bytes({{"a.npy", vector_npy()}}), "a"), {"w.npz:a", "(3,)", "at least 2 dimensions"});
}
TEST(NpzBad, EmptyMatrixAsWeights) {
  expect_bad_input(weights(zip_bytes({{"a.npy", npy_array("<f4", "(0, 3)", "")}})), {"(0, 3)", "at least 1"});
}
TEST(NpzBad, RepeatedName) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}, {"a.npy", matrix_npy()}}), "a"),
                   {"two arrays named \"a\""});
}
TEST(NpzBad, WrongChecksum) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy(), true}}, {.break_crc = true})), {"w.npz:a", "checksum"});
}
TEST(NpzBad, FlippedContentBit) {
  std::string bytes = zip_bytes({{"a.npy", matrix_npy()}});
  bytes[30 + 5 + matrix_npy().size() - 1] ^= 1;
  expect_bad_input(weights(bytes), {"checksum"});
}
TEST(NpzBad, DamagedDeflate) {
  std::string bytes = zip_bytes({{"a.npy", matrix_npy(), true}});
  bytes[30 + 5] = '\x07';  // block type 3 doesn't exist
  expect_bad_input(weights(bytes), {"deflate data is damaged"});
}
TEST(NpzBad, DeclaresMoreThanItHolds) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy(), true}}, {.add_to_size = 8})), {"declares"});
}
TEST(NpzBad, DeclaresLessThanItHolds) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy(), true}}, {.add_to_size = -8})), {"declares"});
}
TEST(NpzBad, InflatesToMoreThanHeaderAndSizesPromise) {
  // Sizes agree with the .npy header; the deflate stream goes on for a megabyte.
  const auto excess = int64_t{1} << 20;
  const std::string content = matrix_npy() + std::string(excess, '\0');
  expect_bad_input(weights(zip_bytes({{"a.npy", content, true}}, {.add_to_size = -excess})),
                   {"more than its declared size"});
}
TEST(NpzBad, DirectoryAndMemberDisagree) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy(), true}}, {.add_to_directory_size = 4})),
                   {"zip header declares"});
}
TEST(NpzBad, BombByDeclaredSize) {
  const std::string header = npy_array("<f4", "(1000000, 1000000)", "");
  const auto claimed = static_cast<int64_t>(4'000'000'000'000);
  expect_bad_input(weights(zip_bytes({{"a.npy", header, true}}, {.zip64 = true, .add_to_size = claimed})),
                   {"more than deflate can pack"});
}
TEST(NpzBad, StoredSizesDiffer) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.add_to_size = 100})), {"stored uncompressed"});
}
TEST(NpzBad, CompressedSizePastTheEnd) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy(), true}}, {.add_to_compressed_size = 100000})),
                   {"past the end"});
}
TEST(NpzBad, HeaderOffsetPastTheEnd) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.add_to_header_offset = 100000})), {"past the end"});
}
TEST(NpzBad, HeaderOffsetElsewhere) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.add_to_header_offset = 3})),
                   {"no zip header at byte 3"});
}
TEST(NpzBad, DirectoryOffsetPastTheEnd) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.add_to_directory_offset = 1000})), {"zip directory"});
  expect_bad_input(
      weights(zip_bytes({{"a.npy", matrix_npy()}}, {.zip64 = true, .add_to_directory_offset = int64_t{1} << 60})),
      {"zip directory"});
}
TEST(NpzBad, TooManyEntriesDeclared) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.add_to_entries = 60000})), {"claims 60001 members"});
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.zip64 = true, .add_to_entries = 1 << 30})),
                   {"claims"});
}
TEST(NpzBad, Encrypted) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.flags = 1})), {"encrypted"});
}
TEST(NpzBad, OtherCompression) {
  expect_bad_input(weights(zip_bytes({{"a.npy", matrix_npy()}}, {.method = 14})), {"method 14", "deflate (8)"});
}
TEST(NpzBad, MemberIsNoArray) {
  expect_bad_input(weights(zip_bytes({{"a.txt", "hello"}})), {"w.npz:a.txt", "not a .npy"});
}
TEST(NpzBad, ControlCharactersInNamesStayOutOfMessages) {
  const auto result = weights(zip_bytes({{"\x1b[2J.npy", matrix_npy()}}, {.break_crc = true}));
  expect_bad_input(result, {"\\x1b[2J", "checksum"});
  EXPECT_EQ(result.error().message.find('\x1b'), std::string::npos);
}
TEST(NpzBad, MemberOfIntegers) {
  const std::string integers = npy_array("<i8", "(1, 2)", std::string(16, '\1'));
  expect_bad_input(weights(zip_bytes({{"a.npy", integers}})), {"w.npz:a", "\"<i8\"", "float32"});
}

}  // namespace
}  // namespace sparsmith::test

#include <gmock/gmock.h>

#include "artifact/serialize.h"
#include "tests/artifact/sample_image.h"

namespace sparsmith {
namespace {

using testing::HasSubstr;

void expect_equal(const Candidate& a, const Candidate& b) {
  EXPECT_EQ(a.schedule, b.schedule);
  EXPECT_EQ(a.predicted_ns, b.predicted_ns);
  EXPECT_EQ(a.measured_ns, b.measured_ns);
  EXPECT_EQ(a.code_bytes, b.code_bytes);
  EXPECT_EQ(a.note, b.note);
}

void expect_equal(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.m, b.m);
  EXPECT_EQ(a.k, b.k);
  EXPECT_EQ(a.nnz, b.nnz);
  EXPECT_EQ(a.n, b.n);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.chosen, b.chosen);
  ASSERT_EQ(a.few.size(), b.few.size());
  for (size_t i = 0; i < a.few.size(); ++i) {
    EXPECT_EQ(a.few[i].most_columns, b.few[i].most_columns);
    EXPECT_EQ(a.few[i].schedule, b.few[i].schedule);
  }
  EXPECT_EQ(a.tail_columns, b.tail_columns);
  EXPECT_EQ(a.tuned, b.tuned);
  EXPECT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.candidates.size(), b.candidates.size());
  for (size_t i = 0; i < a.candidates.size(); ++i) expect_equal(a.candidates[i], b.candidates[i]);
}

void expect_equal(const KernelImage& a, const KernelImage& b) {
  EXPECT_EQ(a.symbol, b.symbol);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.m, b.m);
  EXPECT_EQ(a.k, b.k);
  EXPECT_EQ(a.problem.n, b.problem.n);
  EXPECT_EQ(a.problem.n_fixed, b.problem.n_fixed);
  EXPECT_EQ(a.problem.x_layout, b.problem.x_layout);
  EXPECT_EQ(a.problem.y_layout, b.problem.y_layout);
  EXPECT_EQ(a.problem.y_channels, b.problem.y_channels);
  EXPECT_EQ(a.problem.conv, b.problem.conv);
  EXPECT_EQ(a.problem.epilogue, b.problem.epilogue);
  expect_equal(a.plan, b.plan);
  EXPECT_EQ(a.row_offsets, b.row_offsets);
  EXPECT_EQ(a.columns, b.columns);
  EXPECT_EQ(a.segments, b.segments);
  ASSERT_EQ(a.variants.size(), b.variants.size());
  for (size_t i = 0; i < a.variants.size(); ++i) {
    EXPECT_EQ(a.variants[i].most_columns, b.variants[i].most_columns);
    EXPECT_EQ(a.variants[i].schedule, b.variants[i].schedule);
    EXPECT_EQ(a.variants[i].segments, b.variants[i].segments);
  }
  ASSERT_EQ(a.value_sources.size(), b.value_sources.size());
  for (size_t i = 0; i < a.value_sources.size(); ++i) EXPECT_EQ(a.value_sources[i].bits, b.value_sources[i].bits);
  EXPECT_EQ(a.code, b.code);
  EXPECT_EQ(a.values, b.values);
}

TEST(Serialize, GivesBackEveryField) {
  const KernelImage image = sample_image();
  const auto back = deserialize(serialize(image), "sample");
  ASSERT_TRUE(back.ok()) << back.error().message;
  expect_equal(image, *back);
}

TEST(Serialize, TakesTheSmallestImage) {
  KernelImage image;
  image.symbol = "s";
  image.target = "x86-64-v4";
  image.m = image.k = 1;
  image.row_offsets = {0, 0};
  image.segments = {{0, 0, 0, 0, 0, 1}};
  image.code = {0xc3};
  const auto back = deserialize(serialize(image), "smallest");
  ASSERT_TRUE(back.ok()) << back.error().message;
  expect_equal(image, *back);
}

TEST(Serialize, LeavesValuesOutOfCacheEntries) {
  KernelImage image = sample_image();
  const std::string bytes = serialize(image, image.code, {}, Digest{1, 2});
  const auto back = deserialize(bytes, "entry");
  ASSERT_TRUE(back.ok()) << back.error().message;
  image.values.clear();
  expect_equal(image, *back);
}

TEST(Serialize, IsTheSameEveryTime) { EXPECT_EQ(serialize(sample_image()), serialize(sample_image())); }

TEST(PeekHeader, NeedsOnlyTheStart) {
  const KernelImage image = sample_image();
  const std::string bytes = serialize(image, Digest{1, 2});
  const auto header = peek_header(std::string_view(bytes).substr(0, 512), "sample");
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(header->format, kImageFormat);
  EXPECT_EQ(header->file_bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(header->key, (Digest{1, 2}));
  EXPECT_EQ(header->symbol, image.symbol);
  EXPECT_EQ(header->target, image.target);
  EXPECT_EQ(header->m, 3);
  EXPECT_EQ(header->k, 5);
  EXPECT_EQ(header->nnz, 5);
  EXPECT_EQ(header->code_bytes, 48);
  EXPECT_EQ(header->value_bytes, 32);
}

TEST(PeekHeader, FitsItsLimitWhateverTheNames) {
  KernelImage image = sample_image(std::string(100'000, 's'));
  image.target = std::string(100'000, 't');
  const std::string bytes = serialize(image);
  const auto header = peek_header(std::string_view(bytes).substr(0, kMaxHeaderBytes), "long");
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(header->symbol, std::string(4096, 's'));
  EXPECT_TRUE(deserialize(bytes, "long").ok());
}

TEST(ReadImage, ReadsFilesOnBothSidesOfTheFirstRead) {
  const ScratchDirectory scratch;
  KernelImage image = sample_image();
  for (const size_t code_bytes : {size_t{48}, size_t{kMaxHeaderBytes}, size_t{1'000'000}}) {
    image.code.resize(code_bytes, 0xcc);
    const std::string path = scratch.file("k.smk");
    ASSERT_TRUE(write_file_atomic(path, serialize(image, Digest{7, 8})).ok());
    Digest key;
    const auto back = read_image(path, &key);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(key, (Digest{7, 8}));
    expect_equal(image, *back);
  }
}

TEST(ReadImage, SaysWhatIsWrongWithTheFile) {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("k.smk");
  FileFacts facts;
  const auto missing = read_image(path, nullptr, &facts);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(facts.error_number, ENOENT);
  EXPECT_THAT(missing.error().message, HasSubstr("can't read " + path + ": No such file"));

  KernelImage image = sample_image();
  image.code.resize(100'000, 0xcc);
  const std::string bytes = serialize(image);
  const auto words = [&](std::string_view content) {
    EXPECT_TRUE(write_file_atomic(path, content).ok());
    const auto result = read_image(path, nullptr, &facts);
    EXPECT_EQ(facts.error_number, 0);
    return result.ok() ? std::string("accepted") : result.error().message;
  };
  EXPECT_EQ(words(""), path + " is damaged: it ends after 0 bytes, inside its header");
  EXPECT_THAT(words("hello, world"), HasSubstr(path + " is not a Sparsmith artifact"));
  EXPECT_THAT(words(bytes.substr(0, 50'000)), HasSubstr("it ends after 50000 of " + std::to_string(bytes.size())));
  EXPECT_THAT(words(bytes + "x"), HasSubstr("1 bytes follow its end"));
}

}  // namespace
}  // namespace sparsmith

#include <gmock/gmock.h>

#include <limits>

#include "sparsmith/pattern.h"

namespace sparsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Pattern small() { return Pattern::create(3, 5, {0, 2, 2, 5}, {1, 4, 0, 2, 3}).value(); }

void expect_refused(int64_t rows, int64_t cols, std::vector<int64_t> offsets, std::vector<int32_t> columns,
                    const std::string& words) {
  const auto pattern = Pattern::create(rows, cols, std::move(offsets), std::move(columns));
  ASSERT_FALSE(pattern.ok()) << words;
  EXPECT_EQ(pattern.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(pattern.error().message, HasSubstr(words));
}

TEST(Pattern, HoldsWhatItWasGiven) {
  const Pattern p = small();
  EXPECT_EQ(p.rows(), 3);
  EXPECT_EQ(p.cols(), 5);
  EXPECT_EQ(p.nnz(), 5);
  EXPECT_DOUBLE_EQ(p.density(), 1.0 / 3);
  EXPECT_THAT(p.row_offsets(), ElementsAre(0, 2, 2, 5));
  EXPECT_THAT(p.columns(), ElementsAre(1, 4, 0, 2, 3));
}

TEST(Pattern, MayBeEmpty) {
  const auto p = Pattern::create(2, 1, {0, 0, 0}, {});
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(p->nnz(), 0);
  EXPECT_EQ(p->density(), 0);
}

TEST(Pattern, RefusesDimensionsOutOfRange) {
  expect_refused(0, 5, {0}, {}, "0 rows is out of range");
  expect_refused(-1, 5, {}, {}, "-1 rows is out of range");
  expect_refused(1, 0, {0, 0}, {}, "0 columns is out of range");
  expect_refused(kMaxDimension + 1, 5, {0}, {}, "268435456 rows is out of range");
  expect_refused(1, std::numeric_limits<int64_t>::max(), {0, 0}, {}, "columns is out of range");
}

TEST(Pattern, RefusesWrongOffsets) {
  expect_refused(2, 5, {0, 1}, {0}, "needs 3 row offsets, not 2");
  expect_refused(2, 5, {1, 1, 1}, {0}, "row 0: the first row offset is 1");
  expect_refused(3, 5, {0, 2, 1, 2}, {0, 1}, "row 1: its offset range goes backwards, from 2 to 1");
  expect_refused(2, 5, {0, 1, 3}, {0, 1}, "row 1: the last row offset is 3");
  expect_refused(2, 5, {0, 1, 1}, {0, 1}, "row 1: the last row offset is 1");
  // The middle one would be an access far outside, were it used before it is checked.
  expect_refused(2, 5, {0, int64_t{1} << 60, 2}, {0, 1}, "row 1: its offset range goes backwards");
}

TEST(Pattern, RefusesWrongColumns) {
  expect_refused(2, 5, {0, 1, 3}, {0, 1, 5}, "row 1: column index 5 is out of range, the matrix has 5 columns");
  expect_refused(1, 5, {0, 2}, {-1, 2}, "row 0: column index -1 is out of range");
  expect_refused(1, 5, {0, 3}, {0, 3, 3}, "row 0: column index 3 appears twice");
  expect_refused(1, 5, {0, 3}, {0, 3, 2}, "row 0: column index 2 follows 3");
  expect_refused(1, 5, {0, 3}, {0, 7, 2}, "row 0: column index 7 is out of range");
}

TEST(Pattern, EqualContentIsEqual) {
  EXPECT_EQ(small(), small());
  EXPECT_EQ(small().digest(), small().digest());
  const Pattern copy = small();
  EXPECT_EQ(copy, Pattern(copy));
}

TEST(Pattern, AnyDifferenceChangesTheDigest) {
  const std::vector<Pattern> others = {
      Pattern::create(3, 6, {0, 2, 2, 5}, {1, 4, 0, 2, 3}).value(),     // wider
      Pattern::create(4, 5, {0, 2, 2, 5, 5}, {1, 4, 0, 2, 3}).value(),  // taller
      Pattern::create(3, 5, {0, 2, 3, 5}, {1, 4, 0, 2, 3}).value(),     // other rows
      Pattern::create(3, 5, {0, 2, 2, 5}, {1, 3, 0, 2, 3}).value(),     // other column
      Pattern::create(3, 5, {0, 2, 2, 4}, {1, 4, 0, 2}).value(),        // one less
  };
  for (const Pattern& other : others) {
    EXPECT_FALSE(other == small());
    EXPECT_NE(other.digest(), small().digest());
  }
}

// Digests are names of files that machines share: these must never change without a new format number.
TEST(Digest, IsTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of("", 0).hex(), "99aa06d3014798d86001c324468d497f");  // XXH3_128bits of nothing
  EXPECT_EQ(small().digest().hex(), "cbc4938926bcccf67e06a6d085a18516");
}

TEST(Digest, HexHasLeadingZeros) {
  EXPECT_EQ((Digest{0x1, 0xabc}).hex(), "00000000000000010000000000000abc");
  EXPECT_EQ(Digest{}.hex(), std::string(32, '0'));
}

}  // namespace
}  // namespace sparsmith

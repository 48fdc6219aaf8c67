#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>

#include "sparsmith/weights.h"

namespace sparsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(WeightsFromDense, KeepsWhatIsNotZero) {
  const float data[] = {0, 1, -0.0f,  2,  //
                        0, 0, 0,      0,  //
                        3, 0, 1e-45f, -4};
  const auto w = Weights::from_dense({data, 3, 4, 4});
  ASSERT_TRUE(w.ok());
  EXPECT_THAT(w->pattern().row_offsets(), ElementsAre(0, 2, 2, 5));
  EXPECT_THAT(w->pattern().columns(), ElementsAre(1, 3, 0, 2, 3));
  EXPECT_THAT(w->values(), ElementsAre(1, 2, 3, 1e-45f, -4));
  EXPECT_EQ(w->nonfinite(), 0);
}

TEST(WeightsFromDense, KeepsNaNAndInf) {
  const float data[] = {kNaN, 0, -kInf};
  const auto w = Weights::from_dense({data, 1, 3, 3});
  ASSERT_TRUE(w.ok());
  EXPECT_THAT(w->pattern().columns(), ElementsAre(0, 2));
  EXPECT_TRUE(std::isnan(w->values()[0]));
  EXPECT_EQ(w->nonfinite(), 2);
}

TEST(WeightsFromDense, HonoursTheLeadingDimension) {
  const float data[] = {1, 0, 9, 0, 2, 9};  // 9 lies outside
  const auto w = Weights::from_dense({data, 2, 2, 3});
  ASSERT_TRUE(w.ok());
  EXPECT_THAT(w->values(), ElementsAre(1, 2));
  EXPECT_THAT(w->to_dense(), ElementsAre(1, 0, 0, 2));
}

TEST(WeightsFromDense, TakesAllZerosAndNoZeros) {
  const std::vector<float> zeros(6), ones(6, 1.0f);
  EXPECT_EQ(Weights::from_dense({zeros.data(), 2, 3, 3}).value().nnz(), 0);
  EXPECT_EQ(Weights::from_dense({ones.data(), 2, 3, 3}).value().nnz(), 6);
  EXPECT_EQ(Weights::from_dense({ones.data(), 2, 3, 3}).value().to_dense(), ones);
}

TEST(WeightsFromDense, GivesBackWhatItRead) {
  std::mt19937 random(7);
  for (const auto& [rows, cols] : {std::pair{1, 1}, {1, 257}, {130, 3}, {64, 64}}) {
    std::vector<float> data(rows * cols);
    for (float& v : data) v = random() % 10 ? 0.0f : static_cast<float>(random() % 100);
    const auto w = Weights::from_dense({data.data(), rows, cols, cols});
    ASSERT_TRUE(w.ok());
    EXPECT_EQ(w->to_dense(), data);
  }
}

TEST(WeightsFromDense, RefusesWrongViews) {
  const float data[4] = {};
  const auto words = [](DenseView view) {
    const auto w = Weights::from_dense(view);
    return w.ok() ? std::string("accepted") : w.error().message;
  };
  EXPECT_THAT(words({data, 0, 2, 2}), HasSubstr("0x2 is out of range"));
  EXPECT_THAT(words({data, 2, -2, 2}), HasSubstr("2x-2 is out of range"));
  EXPECT_THAT(words({data, 1, kMaxDimension + 1, kMaxDimension + 1}), HasSubstr("out of range"));
  EXPECT_THAT(words({nullptr, 2, 2, 2}), HasSubstr("null"));
  EXPECT_THAT(words({data, 2, 2, 1}), HasSubstr("leading dimension 1"));
}

TEST(WeightsFromCsr, KeepsStoredZeros) {
  const std::vector<int64_t> offsets = {0, 1, 2};
  const std::vector<int32_t> columns = {0, 1};
  const std::vector<float> values = {0.0f, 5.0f};
  const auto w = Weights::from_csr({2, 2, offsets, columns, values});
  ASSERT_TRUE(w.ok());
  EXPECT_EQ(w->nnz(), 2);
  EXPECT_THAT(w->to_dense(), ElementsAre(0, 0, 0, 5));
}

TEST(WeightsFromCsr, RefusesWhatThePatternRefuses) {
  const std::vector<int64_t> offsets = {0, 1, 2};
  const std::vector<int32_t> columns = {0, 2};
  const std::vector<float> values = {1, 2, 3};
  const auto out_of_range = Weights::from_csr({2, 2, offsets, columns, std::span(values).first(2)});
  ASSERT_FALSE(out_of_range.ok());
  EXPECT_THAT(out_of_range.error().message, HasSubstr("row 1: column index 2 is out of range"));
  const auto too_many = Weights::from_csr({2, 3, offsets, columns, values});
  ASSERT_FALSE(too_many.ok());
  EXPECT_THAT(too_many.error().message, HasSubstr("2 column indices needs as many values, not 3"));
}

TEST(WeightsCreate, NeedsOneValuePerNonzero) {
  const Pattern pattern = Pattern::create(1, 3, {0, 2}, {0, 2}).value();
  EXPECT_TRUE(Weights::create(pattern, {1, 2}).ok());
  const auto wrong = Weights::create(pattern, {1});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(wrong.error().message, HasSubstr("2 nonzeros needs as many values, not 1"));
}

}  // namespace
}  // namespace sparsmith

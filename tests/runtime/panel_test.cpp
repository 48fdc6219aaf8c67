#include "runtime/panel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <tuple>
#include <vector>

#include "runtime/panel_copy.h"
#include "tests/runtime/call_buffers.h"

namespace sparsmith {
namespace {

using testing::PageEndBuffer;

// Element (row, column) of a panel buffer, by definition.
float& panel_at(float* panels, int64_t rows, int64_t row, int64_t column) {
  return panels[(column / 16 * rows + row) * 16 + column % 16];
}

// The value that tests give element (row, column).
float tag(int64_t row, int64_t column) { return static_cast<float>(row * 1000 + column + 1); }

struct Shape {
  int64_t rows, n, pad;
};

class Panels : public ::testing::TestWithParam<Shape> {};

TEST_P(Panels, PackThenUnpackIsTheIdentityAndStaysInBounds) {
  const auto [rows, n, pad] = GetParam();
  const int64_t ld = n + pad;
  PageEndBuffer plain((rows - 1) * ld + n), panels(panel_floats(rows, n)), back((rows - 1) * ld + n);
  std::fill_n(plain.data(), plain.size(), NAN);
  std::fill_n(panels.data(), panels.size(), NAN);
  std::fill_n(back.data(), back.size(), -1.0f);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < n; ++c) plain.data()[r * ld + c] = tag(r, c);
  }
  pack(plain.data(), rows, n, ld, panels.data());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < panel_count(n) * 16; ++c) {
      ASSERT_EQ(panel_at(panels.data(), rows, r, c), c < n ? tag(r, c) : 0.0f) << "row " << r << " column " << c;
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = n; c < panel_count(n) * 16; ++c) panel_at(panels.data(), rows, r, c) = NAN;
  }
  unpack(panels.data(), rows, n, back.data(), ld);
  for (int64_t i = 0; i < back.size(); ++i) {
    ASSERT_EQ(back.data()[i], i % ld < n ? tag(i / ld, i % ld) : -1.0f) << "float " << i;
  }
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (int64_t n = 1; n <= 50; ++n) all.push_back({3, n, n % 3});
  for (const int64_t rows : {1, 2, 63, 64, 65, 130}) all.push_back({rows, 37, 5});
  all.push_back({1024, 192, 0});
  all.push_back({70, 161, 95});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, Panels, ::testing::ValuesIn(shapes()), [](const auto& shape) {
  return std::to_string(shape.param.rows) + "x" + std::to_string(shape.param.n) + "pad" +
         std::to_string(shape.param.pad);
});

struct ConvShape {
  int64_t batch, height, width, stride_h, stride_w;
};

class ConvPanels : public ::testing::TestWithParam<ConvShape> {};

TEST_P(ConvPanels, PackNchwTakesTheStridedPositions) {
  const auto [batch, height, width, stride_h, stride_w] = GetParam();
  const Conv2d conv{height, width, stride_h, stride_w};
  const int64_t channels = 5, positions = conv.out_height() * conv.out_width(), n = batch * positions;
  PageEndBuffer image(batch * channels * height * width), panels(panel_floats(channels, n));
  std::fill_n(panels.data(), panels.size(), NAN);
  for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = static_cast<float>(i + 1);
  pack_nchw(image.data(), batch, channels, conv, panels.data());
  for (int64_t ch = 0; ch < channels; ++ch) {
    for (int64_t c = 0; c < panel_count(n) * 16; ++c) {
      const int64_t b = c / positions, y = c % positions / conv.out_width(), x = c % positions % conv.out_width();
      const int64_t at = ((b * channels + ch) * height + y * stride_h) * width + x * stride_w;
      ASSERT_EQ(panel_at(panels.data(), channels, ch, c), c < n ? static_cast<float>(at + 1) : 0.0f)
          << "channel " << ch << " column " << c;
    }
  }
}

TEST_P(ConvPanels, UnpackNchwIsTheReverse) {
  const auto [batch, height, width, stride_h, stride_w] = GetParam();
  const Conv2d conv{height, width, stride_h, stride_w};
  const int64_t channels = 5, positions = conv.out_height() * conv.out_width(), n = batch * positions;
  PageEndBuffer panels(panel_floats(channels, n)), image(batch * channels * positions);
  std::fill_n(panels.data(), panels.size(), NAN);
  std::fill_n(image.data(), image.size(), NAN);
  for (int64_t ch = 0; ch < channels; ++ch) {
    for (int64_t c = 0; c < n; ++c) panel_at(panels.data(), channels, ch, c) = tag(ch, c);
  }
  unpack_nchw(panels.data(), batch, channels, positions, image.data());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t ch = 0; ch < channels; ++ch) {
      for (int64_t p = 0; p < positions; ++p) {
        ASSERT_EQ(image.data()[(b * channels + ch) * positions + p], tag(ch, b * positions + p));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvPanels,
                         ::testing::Values(ConvShape{1, 1, 1, 1, 1}, ConvShape{1, 7, 7, 1, 1}, ConvShape{3, 7, 7, 1, 1},
                                           ConvShape{9, 3, 3, 1, 1}, ConvShape{40, 1, 1, 1, 1},
                                           ConvShape{2, 8, 8, 1, 1}, ConvShape{2, 14, 14, 2, 2},
                                           ConvShape{3, 9, 5, 2, 2}, ConvShape{2, 5, 40, 2, 1},
                                           ConvShape{2, 40, 7, 1, 3}, ConvShape{2, 3, 3, 7, 7},
                                           ConvShape{1, 33, 48, 3, 1}),
                         [](const auto& shape) {
                           const ConvShape& s = shape.param;
                           return std::to_string(s.batch) + "images" + std::to_string(s.height) + "x" +
                                  std::to_string(s.width) + "stride" + std::to_string(s.stride_h) + "x" +
                                  std::to_string(s.stride_w);
                         });

TEST(PanelRanges, EqualTheSamePartOfTheWhole) {
  const int64_t rows = 6, batch = 5, positions = 49;
  const PlainView view = PlainView::nchw(batch, rows, positions);
  PageEndBuffer image(batch * rows * positions), whole(panel_floats(rows, view.n)), back(image.size());
  for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = static_cast<float>(i);
  const int64_t count = panel_count(view.n);
  pack_panels(view, image.data(), 0, count, whole.data());
  for (int64_t first = 0; first < count; ++first) {
    for (int64_t last = first + 1; last <= count; ++last) {
      PageEndBuffer part((last - first) * rows * 16);
      pack_panels(view, image.data(), first, last, part.data());
      ASSERT_EQ(0, std::memcmp(part.data(), whole.data() + first * rows * 16, static_cast<size_t>(part.size()) * 4));
      std::fill_n(back.data(), back.size(), -1.0f);
      unpack_panels(view, part.data(), first, last, back.data());
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < view.n; ++c) {
          const bool inside = c / 16 >= first && c / 16 < last;
          const int64_t at = view.offset(c) + r * view.row_stride;
          ASSERT_EQ(back.data()[at], inside ? image.data()[at] : -1.0f);
        }
      }
    }
  }
}

// All implementations against the portable one, also those that panel_copy() doesn't pick here.
class PanelCopies : public ::testing::TestWithParam<const char*> {
 protected:
  const PanelCopy* copies() const {
#if defined(__x86_64__)
    if (std::strcmp(GetParam(), "avx2") == 0) return __builtin_cpu_supports("avx2") ? &kAvx2PanelCopy : nullptr;
    if (std::strcmp(GetParam(), "avx512") == 0) return __builtin_cpu_supports("avx512f") ? &kAvx512PanelCopy : nullptr;
#endif
    return std::strcmp(GetParam(), "portable") == 0 ? &kPortablePanelCopy : nullptr;
  }
};

TEST_P(PanelCopies, MoveEveryPieceAndNothingElse) {
  const PanelCopy* const copy = copies();
  if (copy == nullptr) GTEST_SKIP() << "this CPU has no " << GetParam();
  const int64_t rows = 67, stride = 40;
  for (int first = 0; first <= 16; ++first) {
    for (int second = 0; first + second <= 16; ++second) {
      if (first == 0) continue;
      PageEndBuffer a((rows - 1) * stride + first), b((rows - 1) * stride + std::max(second, 1)), panel(rows * 16);
      for (int64_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i);
      for (int64_t i = 0; i < b.size(); ++i) b.data()[i] = static_cast<float>(-i - 1);
      std::fill_n(panel.data(), panel.size(), NAN);
      copy->pack_pieces({a.data(), second > 0 ? b.data() : nullptr, first, second}, stride, rows, panel.data());
      for (int64_t r = 0; r < rows; ++r) {
        for (int l = 0; l < 16; ++l) {
          const float want = l < first            ? a.data()[r * stride + l]
                             : l < first + second ? b.data()[r * stride + l - first]
                                                  : 0.0f;
          ASSERT_EQ(panel.data()[r * 16 + l], want) << first << "+" << second << " row " << r << " lane " << l;
        }
      }
      PageEndBuffer c(a.size()), d(b.size());
      std::fill_n(c.data(), c.size(), 0.5f);
      std::fill_n(d.data(), d.size(), 0.5f);
      copy->unpack_pieces(panel.data(), rows, {c.data(), second > 0 ? d.data() : nullptr, first, second}, stride);
      for (int64_t i = 0; i < c.size(); ++i) ASSERT_EQ(c.data()[i], i % stride < first ? a.data()[i] : 0.5f);
      for (int64_t i = 0; i < d.size(); ++i) ASSERT_EQ(d.data()[i], i % stride < second ? b.data()[i] : 0.5f);
    }
  }
}

TEST_P(PanelCopies, MoveWholePanels) {
  const PanelCopy* const copy = copies();
  if (copy == nullptr) GTEST_SKIP() << "this CPU has no " << GetParam();
  const int64_t rows = 131, count = 3, stride = count * 16 + 1;
  PageEndBuffer plain((rows - 1) * stride + count * 16), panels(rows * count * 16), back(plain.size());
  for (int64_t i = 0; i < plain.size(); ++i) plain.data()[i] = static_cast<float>(i);
  copy->pack_full(plain.data(), stride, rows, count, panels.data());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < count * 16; ++c)
      ASSERT_EQ(panel_at(panels.data(), rows, r, c), plain.data()[r * stride + c]);
  }
  copy->unpack_full(panels.data(), rows, count, back.data(), stride);
  for (int64_t i = 0; i < plain.size(); ++i)
    ASSERT_EQ(back.data()[i], i % stride < count * 16 ? plain.data()[i] : 0.0f);
}

TEST_P(PanelCopies, GatherAndScatterAnyOffsets) {
  const PanelCopy* const copy = copies();
  if (copy == nullptr) GTEST_SKIP() << "this CPU has no " << GetParam();
  const int64_t rows = 9, stride = 100;
  std::mt19937 rng(7);
  for (int lanes = 1; lanes <= 16; ++lanes) {
    int64_t offsets[16] = {};
    for (int l = 0; l < lanes; ++l) offsets[l] = 6 * l + static_cast<int64_t>(rng() % 6);
    PageEndBuffer plain((rows - 1) * stride + offsets[lanes - 1] + 1), panel(rows * 16), back(plain.size());
    for (int64_t i = 0; i < plain.size(); ++i) plain.data()[i] = static_cast<float>(i + 1);
    copy->gather(plain.data(), offsets, lanes, stride, rows, panel.data());
    copy->scatter(panel.data(), rows, offsets, lanes, back.data(), stride);
    int64_t written = 0;
    for (int64_t i = 0; i < back.size(); ++i) written += back.data()[i] != 0;
    ASSERT_EQ(written, rows * lanes);
    for (int64_t r = 0; r < rows; ++r) {
      for (int l = 0; l < 16; ++l) {
        const int64_t at = r * stride + offsets[l];
        ASSERT_EQ(panel.data()[r * 16 + l], l < lanes ? static_cast<float>(at + 1) : 0.0f);
        if (l < lanes) {
          ASSERT_EQ(back.data()[at], static_cast<float>(at + 1));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, PanelCopies, ::testing::Values("portable", "avx2", "avx512"),
                         [](const auto& shape) { return std::string(shape.param); });

}  // namespace
}  // namespace sparsmith

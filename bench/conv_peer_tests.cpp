// Every convolution peer that is present computes the right convolution; a problem that it doesn't do it refuses with a
// reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/check.h"
#include "bench/peers/registry.h"

namespace sparsmith::bench {
namespace {

struct AlignedFree {
  void operator()(float* p) const { std::free(p); }
};
using Aligned = std::unique_ptr<float, AlignedFree>;
Aligned aligned(int64_t count) {
  return Aligned(
      static_cast<float*>(std::aligned_alloc(64, (static_cast<size_t>(count) * sizeof(float) + 63) / 64 * 64)));
}

struct Shape {
  const char* name;
  int64_t m, channels, height, width;
  int64_t kernel_h = 3, kernel_w = 3, stride = 1, dilation = 1;
  int64_t top = 1, left = 1, bottom = 1, right = 1;
  int64_t groups = 1, batch = 1;
  double density = 0.2;
};

SparsmithPeerConv describe(const Shape& s) {
  const auto out = [&](int64_t in, int64_t kernel, int64_t before, int64_t after) {
    return (in + before + after - s.dilation * (kernel - 1) - 1) / s.stride + 1;
  };
  return {s.batch,
          s.channels,
          s.height,
          s.width,
          s.kernel_h,
          s.kernel_w,
          s.stride,
          s.stride,
          s.dilation,
          s.dilation,
          s.top,
          s.left,
          s.bottom,
          s.right,
          s.groups,
          out(s.height, s.kernel_h, s.top, s.bottom),
          out(s.width, s.kernel_w, s.left, s.right)};
}

/// Seeded weights and X; row 1 is empty where there are such.
struct Case {
  explicit Case(const Shape& s)
      : conv(describe(s)),
        m(s.m),
        k(s.channels / s.groups * s.kernel_h * s.kernel_w),
        n(s.batch * conv.out_height * conv.out_width) {
    std::mt19937_64 random(static_cast<uint64_t>(m * 1000003 + k * 1009 + n));
    std::uniform_real_distribution<double> uniform(0, 1);
    std::normal_distribution<float> normal;
    dense = aligned(m * k);
    offsets.push_back(0);
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < k; ++c) {
        const bool keep = uniform(random) < s.density && !(r == 1 && m > 2);
        const float value = keep ? normal(random) : 0;
        dense.get()[r * k + c] = value;
        if (value == 0) continue;
        columns.push_back(static_cast<int32_t>(c));
        values.push_back(value);
      }
      offsets.push_back(static_cast<int64_t>(columns.size()));
    }
    const int64_t inputs = conv.batch * conv.channels * conv.height * conv.width;
    x = aligned(inputs);
    std::generate_n(x.get(), inputs, [&] { return normal(random); });
    y = aligned(m * n);
    expected = expected_convolution(conv, m, offsets, columns, values, x.get());
  }
  SparsmithPeerProblem problem() const {
    SparsmithPeerProblem p{};
    p.m = m;
    p.k = k;
    p.n = n;
    p.nnz = static_cast<int64_t>(values.size());
    p.row_offsets = offsets.data();
    p.columns = columns.data();
    p.values = values.data();
    p.dense_w = dense.get();
    p.x = x.get();
    p.y = y.get();
    p.threads = 1;
    p.conv = &conv;
    return p;
  }
  void poison() { std::fill_n(y.get(), m * n, std::numeric_limits<float>::quiet_NaN()); }

  SparsmithPeerConv conv;
  int64_t m, k, n;
  std::vector<int64_t> offsets;
  std::vector<int32_t> columns;
  std::vector<float> values;
  Aligned dense, x, y;
  Expected expected;
};

// Written by hand, so that the double reference has something to be checked against.
TEST(ExpectedConvolution, IsTheDefinition) {
  // X = [[1, 2], [3, 4]], one 2x2 filter [[10, 20], [30, 40]], a pad of 1 above and of 1 to the right.
  SparsmithPeerConv conv{1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0, 1, 1, 2, 2};
  const std::vector<int64_t> offsets{0, 4};
  const std::vector<int32_t> columns{0, 1, 2, 3};
  const std::vector<float> values{10, 20, 30, 40};
  const float x[] = {1, 2, 3, 4};
  const Expected expected = expected_convolution(conv, 1, offsets, columns, values, x);
  EXPECT_EQ(expected.value, (std::vector<double>{30 + 80, 60, 10 + 40 + 90 + 160, 20 + 120}));
}

const std::vector<Peer>& peers() {
  static const std::vector<Peer> found = discover();
  return found;
}

const Shape kShapes[] = {
    {"3x3", 32, 24, 9, 14},
    {"3x3 stride 2", 32, 32, 14, 14, 3, 3, 2},
    {"asymmetric pads", 17, 5, 8, 9, 3, 3, 2, 1, 0, 1, 2, 0},
    {"no pads", 16, 16, 6, 5, 3, 3, 1, 1, 0, 0, 0, 0},
    {"1x1", 32, 16, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0},
    {"1x1 stride 2", 16, 16, 7, 7, 1, 1, 2, 1, 0, 0, 0, 0},
    {"5x3 dilated", 16, 6, 15, 16, 5, 3, 1, 2, 4, 2, 4, 2},
    {"7x7 stride 2", 64, 3, 28, 28, 7, 7, 2, 1, 3, 3, 3, 3},
    {"groups", 32, 32, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 2},
    {"depthwise", 32, 32, 14, 14, 3, 3, 1, 1, 1, 1, 1, 1, 32, 1, 1.0},
    {"depthwise 5x5 stride 2", 20, 20, 11, 11, 5, 5, 2, 1, 2, 2, 2, 2, 20, 1, 1.0},
    {"batch", 20, 16, 7, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 3},
    {"pads as wide as the image", 16, 4, 1, 2, 3, 3, 1, 1, 2, 2, 2, 2},
    {"dense", 64, 64, 14, 14, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1.0},
};

struct Expectation {
  const char* name;
  int least;         ///< shapes of kShapes that it computes
  double tolerance;  ///< 0: that of a sum in fp32
};
void PrintTo(const Expectation& e, std::ostream* out) { *out << e.name; }

class ConvPeerTest : public testing::TestWithParam<Expectation> {
 protected:
  const Peer& peer() const {
    return *std::find_if(peers().begin(), peers().end(), [](const Peer& p) { return p.name == GetParam().name; });
  }
};

TEST_P(ConvPeerTest, ComputesTheConvolution) {
  if (!peer().present()) GTEST_SKIP() << peer().name << " is absent: " << peer().absent_reason;
  std::printf("%s: %s; %s\n", peer().name.c_str(), peer().table->summary, peer().version().c_str());
  int computed = 0;
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(shape.name);
    Case c(shape);
    std::string reason;
    auto run = PeerRun::prepare(peer(), c.problem(), reason);
    if (!run) {
      EXPECT_FALSE(reason.empty());
      std::printf("  refuses %s: %s\n", shape.name, reason.c_str());
      continue;
    }
    c.poison();
    run->run();
    run->run();  // must not accumulate
    run->finish();
    const double tolerance = GetParam().tolerance > 0 ? GetParam().tolerance : fp32_tolerance(c.k);
    EXPECT_LE(max_relative_error(c.expected, c.y.get()), tolerance);
    ++computed;
  }
  EXPECT_GE(computed, GetParam().least) << "it refused too many shapes";
}

// Winograd is 3x3 with stride 1 and symmetric pads, and its transforms trade bits for fewer products; im2col has no
// groups.
INSTANTIATE_TEST_SUITE_P(All, ConvPeerTest,
                         testing::Values(Expectation{"onednn_conv", 14, 0}, Expectation{"onednn_winograd", 1, 1e-4},
                                         Expectation{"onednn3_conv", 14, 0}, Expectation{"xnnpack_conv", 14, 0},
                                         Expectation{"im2col_openblas", 11, 0}, Expectation{"im2col_mkl_csr", 11, 0},
                                         Expectation{"im2col_libxsmm", 11, 0}),
                         [](const auto& peer) { return std::string(peer.param.name); });

// Those that know products only get a 1x1 convolution when it is one, and refuse the rest by name.
TEST(ConvPeers, ProductsRefuseConvolutions) {
  Case kxk(kShapes[0]), strided({"1x1 stride 2", 16, 16, 7, 7, 1, 1, 2, 1, 0, 0, 0, 0}),
      product({"1x1", 32, 16, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0});
  for (const Peer& peer : peers()) {
    if (!peer.present() || (peer.table->operations & SPARSMITH_PEER_CONVOLUTION)) continue;
    std::string reason;
    EXPECT_FALSE(PeerRun::prepare(peer, kxk.problem(), reason)) << peer.name;
    EXPECT_EQ(reason, "it computes matrix products only, not convolutions");
    EXPECT_FALSE(PeerRun::prepare(peer, strided.problem(), reason)) << peer.name;
    auto run = PeerRun::prepare(peer, product.problem(), reason);
    ASSERT_TRUE(run) << peer.name << ": " << reason;
    product.poison();
    run->run();
    run->finish();
    EXPECT_LE(max_relative_error(product.expected, product.y.get()), fp32_tolerance(product.k)) << peer.name;
  }
}

TEST(ConvPeers, ConvolutionsRefuseProducts) {
  Case c(kShapes[0]);
  SparsmithPeerProblem problem = c.problem();
  problem.conv = nullptr;
  for (const Peer& peer : peers()) {
    if (!peer.present() || (peer.table->operations & SPARSMITH_PEER_PRODUCT)) continue;
    std::string reason;
    EXPECT_FALSE(PeerRun::prepare(peer, problem, reason)) << peer.name;
    EXPECT_EQ(reason, "it computes convolutions only");
  }
}

}  // namespace
}  // namespace sparsmith::bench

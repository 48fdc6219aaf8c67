// Every peer that is present computes the right product; those that aren't are named with what would bring them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
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
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 63) / 64 * 64;
  return Aligned(static_cast<float*>(std::aligned_alloc(64, bytes)));
}

struct Shape {
  int64_t m, k;
  double density;
};

/// A seeded matrix with uneven rows; row 1 and column 2 are empty where there are such.
struct Case {
  Case(const Shape& shape, int64_t columns_of_x) : m(shape.m), k(shape.k), n(columns_of_x) {
    std::mt19937_64 random(static_cast<uint64_t>(m * 1000003 + k * 1009 + n));
    std::uniform_real_distribution<float> uniform(0, 1);
    std::normal_distribution<float> normal;
    dense = aligned(m * k);
    offsets.push_back(0);
    for (int64_t r = 0; r < m; ++r) {
      const double density = shape.density * 2 * static_cast<double>(r + 1) / static_cast<double>(m + 1);
      for (int64_t c = 0; c < k; ++c) {
        const bool keep = uniform(random) < density && !(r == 1 && m > 2) && !(c == 2 && k > 3);
        const float value = keep ? normal(random) : 0;
        dense.get()[r * k + c] = value;
        if (value == 0) continue;
        columns.push_back(static_cast<int32_t>(c));
        values.push_back(value);
      }
      offsets.push_back(static_cast<int64_t>(columns.size()));
    }
    x = aligned(k * n);
    std::generate_n(x.get(), k * n, [&] { return normal(random); });
    y = aligned(m * n);
    std::fill_n(y.get(), m * n, std::numeric_limits<float>::quiet_NaN());
    expected = expected_product(m, n, offsets, columns, values, x.get());
  }
  SparsmithPeerProblem problem() const {
    return {m,
            k,
            n,
            static_cast<int64_t>(values.size()),
            offsets.data(),
            columns.data(),
            values.data(),
            dense.get(),
            x.get(),
            y.get(),
            1,
            nullptr};
  }

  int64_t m, k, n;
  std::vector<int64_t> offsets;
  std::vector<int32_t> columns;
  std::vector<float> values;
  Aligned dense, x, y;
  Expected expected;
};

const std::vector<Peer>& peers() {
  static const std::vector<Peer> found = discover();
  return found;
}

class PeerTest : public testing::TestWithParam<const char*> {
 protected:
  const Peer& peer() const {
    return *std::find_if(peers().begin(), peers().end(), [](const Peer& p) { return p.name == GetParam(); });
  }
};

TEST_P(PeerTest, ComputesTheProduct) {
  if (!peer().present()) GTEST_SKIP() << peer().name << " is absent: " << peer().absent_reason;
  std::printf("%s: %s; %s\n", peer().name.c_str(), peer().table->summary, peer().version().c_str());
  int computed = 0;
  for (const Shape& shape :
       {Shape{64, 64, 0.1}, Shape{37, 53, 0.2}, Shape{128, 256, 0.05}, Shape{3, 5, 0.5}, Shape{96, 200, 1.0}}) {
    for (const int64_t n : {1, 8, 15, 16, 49, 192, 300}) {
      SCOPED_TRACE(testing::Message() << shape.m << "x" << shape.k << " n " << n);
      Case c(shape, n);
      std::string reason;
      auto run = PeerRun::prepare(peer(), c.problem(), reason);
      if (!run) {
        EXPECT_FALSE(reason.empty());
        std::printf("  refuses %lldx%lld, n %lld: %s\n", static_cast<long long>(c.m), static_cast<long long>(c.k),
                    static_cast<long long>(n), reason.c_str());
        continue;
      }
      std::fill_n(c.y.get(), c.m * c.n, std::numeric_limits<float>::quiet_NaN());
      run->run();
      run->run();  // must not accumulate
      run->finish();
      EXPECT_LE(max_relative_error(c.expected, c.y.get()), fp32_tolerance(c.k));
      ++computed;
    }
  }
  EXPECT_GT(computed, 0) << "it refused every shape";
}

INSTANTIATE_TEST_SUITE_P(All, PeerTest,
                         testing::Values("openblas", "onednn", "mkl", "eigen_dense", "xnnpack_dense", "libxsmm",
                                         "mkl_csr", "onednn_csr", "xnnpack", "eigen_sparse"),
                         [](const auto& peer) { return std::string(peer.param); });

// The modules hold libraries with equal symbol names; running them in turn shows that none answers for another.
TEST(Peers, LiveTogether) {
  const Case c({128, 256, 0.1}, 49);
  std::vector<std::pair<const Peer*, PeerRun>> runs;
  for (const Peer& peer : peers()) {
    std::string reason;
    if (auto run = PeerRun::prepare(peer, c.problem(), reason)) runs.emplace_back(&peer, std::move(*run));
  }
  for (int round = 0; round < 2; ++round) {
    for (auto& [peer, run] : runs) {
      std::fill_n(c.y.get(), c.m * c.n, std::numeric_limits<float>::quiet_NaN());
      run.run();
      run.finish();
      EXPECT_LE(max_relative_error(c.expected, c.y.get()), fp32_tolerance(c.k)) << peer->name;
    }
  }
}

TEST(Peers, AreSelectedByName) {
  const Peer here{"here", peers().front().table, {}};
  const Peer absent{"absent", nullptr, "install it"};
  std::vector<std::string> missing;
  EXPECT_TRUE(select({absent}, "none", missing).empty());
  EXPECT_TRUE(missing.empty());
  EXPECT_TRUE(select({absent}, "absent,nonsense", missing).empty());
  EXPECT_EQ(missing, (std::vector<std::string>{"absent: install it", "nonsense: no such peer; there are absent"}));
  missing.clear();
  EXPECT_TRUE(select({absent}, "all", missing).empty());
  EXPECT_EQ(missing.size(), 1u);
  if (here.present()) {
    EXPECT_EQ(select({here, absent}, "here", missing).size(), 1u);
  }
}

TEST(Peers, AreAllKnownOnceAndExplainTheirAbsence) {
  std::vector<std::string> names;
  for (const Peer& peer : peers()) {
    names.push_back(peer.name);
    EXPECT_NE(peer.present(), !peer.absent_reason.empty()) << peer.name;
    if (peer.present()) {
      EXPECT_EQ(peer.name, peer.table->name);
    }
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_GE(names.size(), 17u);
}

}  // namespace
}  // namespace sparsmith::bench

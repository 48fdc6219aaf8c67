// Seeded random layers of every kind.
#include "tests/correctness/layer_case.h"

namespace sparsmith {
namespace {

using testing::LayerCase;

class Sweep : public testing::PerTarget {};

TEST_P(Sweep, RandomLayersAsPlanned) {
  testing::for_each_seed(1500, [&](uint32_t seed) { return check_layer(testing::random_layer(seed, target())); });
}

TEST_P(Sweep, RandomLayersWithRandomSchedules) {
  testing::for_each_seed(2500, [&](uint32_t seed) {
    LayerCase c = testing::random_layer(seed, target());
    std::mt19937 rng(seed);
    c.schedule = testing::random_schedule(rng, c.problem, c.k, target());
    return check_layer(c);
  });
}

SPARSMITH_FOR_EACH_TARGET(Sweep);

}  // namespace
}  // namespace sparsmith

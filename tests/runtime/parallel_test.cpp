// Calls on an application's threads: every part once, nested calls on their own thread, many callers at once.
#include "runtime/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "kernels/reference.h"
#include "runtime/launch.h"
#include "runtime/pack_values.h"
#include "runtime/thread_pool.h"
#include "tests/runtime/call_buffers.h"
#include "tests/runtime/fake_code.h"
#include "tests/runtime/hooks.h"

namespace sparsmith {
namespace {

using testing::CallBuffers;
using testing::FakeCode;
using ::testing::HasSubstr;

// A layer that can be launched, with plain operands, so that calls use working memory.
class Layer {
 public:
  explicit Layer(int64_t n, uint32_t seed = 1)
      : weights_(testing::random_weights(37, 29, 0.4, seed)),
        code_(weights_, {}, {.tile_rows = 5, .k_block = 12}),
        packed_(code_.image().value_sources.size()),
        n_(n),
        seed_(seed) {
    EXPECT_TRUE(pack_values(code_.image().value_sources, weights_.values(), {}, {}, packed_).ok());
  }

  Launch launch_on(const Workers& workers) const {
    Launch kernel;
    kernel.m = 37;
    kernel.k = 29;
    kernel.schedule = code_.image().plan.chosen;
    kernel.segments = code_.image().segments;
    kernel.tiles = tile_count(kernel.segments);
    kernel.values = packed_.data();
    kernel.work = 1;
    kernel.min_work_per_thread = 0;
    kernel.caller = code_.caller();
    kernel.workers = workers;
    return kernel;
  }

  Status run(const Workers& workers, int threads, std::vector<uint32_t>* bits = nullptr) const {
    CallBuffers buffers({}, 37, 29, {.n = n_}, seed_);
    const Result<Operands> operands = check_run_args(37, 29, {}, buffers.args());
    if (!operands) return operands.error();
    Status done = launch(launch_on(workers), *operands, threads);
    EXPECT_TRUE(buffers.surroundings_untouched());
    if (bits != nullptr) *bits = buffers.y_bits();
    return done;
  }

  std::vector<uint32_t> alone() const {
    std::vector<uint32_t> bits;
    EXPECT_TRUE(run({}, 1, &bits).ok());
    return bits;
  }

 private:
  Weights weights_;
  FakeCode code_;
  std::vector<float> packed_;
  int64_t n_;
  uint32_t seed_;
};

TEST(ParallelForTest, AnyOrderAndAnyThreadsGiveTheSameBits) {
  for (const int64_t n : {1, 15, 33, 49, 200}) {
    const Layer layer(n);
    const std::vector<uint32_t> expected = layer.alone();
    for (const int concurrency : {1, 2, 3, 7, 40}) {
      for (const ParallelFor& hook : {testing::backwards(concurrency), testing::own_threads(concurrency)}) {
        std::vector<uint32_t> bits;
        ASSERT_TRUE(layer.run({nullptr, &hook}, 1, &bits).ok());
        ASSERT_EQ(bits, expected) << "n " << n << " concurrency " << concurrency;
      }
    }
  }
}

TEST(ParallelForTest, EightCallersAtOnce) {
  const Layer layer(100);
  const std::vector<uint32_t> expected = layer.alone();
  const ParallelFor hook = testing::own_threads(3);
  ThreadPool pool(2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int call = 0; call < 20; ++call) {
        std::vector<uint32_t> bits;
        const Workers workers = caller % 2 == 0 ? Workers{nullptr, &hook} : Workers{&pool, nullptr};
        EXPECT_TRUE(layer.run(workers, 3, &bits).ok());
        EXPECT_EQ(bits, expected);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// What a hook does besides: `before` each loop over the parts.
struct Busy {
  std::function<void()> before;
  int loops = 0;
  ParallelFor hook() {
    return {[](void* context, int parts, void (*body)(void*, int), void* data) {
              auto* self = static_cast<Busy*>(context);
              ++self->loops;
              self->before();
              for (int part = 0; part < parts; ++part) body(data, part);
              self->before();
            },
            this, 4};
  }
};

int64_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// As a work-stealing pool does, whose waiting thread takes up another task that calls a kernel.
TEST(ParallelForTest, ACallInsideTheHookStaysOnItsThreadAndLeavesTheOuterOneAlone) {
  const Layer outer(100, 1), inner(150, 2);
  const std::vector<uint32_t> expected = outer.alone(), expected_inner = inner.alone();
  ThreadPool pool(3);
  Busy busy;
  const ParallelFor hook = busy.hook();
  const int64_t threads = threads_of_this_process();
  busy.before = [&] {
    for (const Workers& workers : {Workers{nullptr, &hook}, Workers{&pool, nullptr}}) {
      std::vector<uint32_t> bits;
      ASSERT_TRUE(inner.run(workers, 4, &bits).ok());
      ASSERT_EQ(bits, expected_inner);
    }
  };
  std::vector<uint32_t> bits;
  ASSERT_TRUE(outer.run({nullptr, &hook}, 1, &bits).ok());
  EXPECT_EQ(bits, expected);
  EXPECT_EQ(busy.loops, 1);
  EXPECT_EQ(threads_of_this_process(), threads);
  EXPECT_EQ(call_depth(), 0);
}

TEST(ParallelForTest, ACallInsideAPartStaysOnItsThread) {
  const Layer layer(100);
  ThreadPool pool(2), other(2);
  Busy busy{[] {}};
  const ParallelFor hook = busy.hook();
  const CallScope inside;
  EXPECT_TRUE(Workers{&pool}
                  .run(3, 3,
                       [&](int) {
                         EXPECT_GE(call_depth(), 1);
                         EXPECT_TRUE(layer.run({nullptr, &hook}, 4).ok());
                         EXPECT_TRUE(layer.run({&other, nullptr}, 4).ok());
                       })
                  .ok());
  EXPECT_EQ(busy.loops, 0);
}

TEST(ParallelForTest, AHookThatDoesNotRunEachPartOnceIsAnError) {
  const Layer layer(100);
  const auto error = [&](auto run) {
    const ParallelFor hook{run, nullptr, 4};
    const Status status = layer.run({nullptr, &hook}, 1);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(status.ok() || status.error().kind == ErrorKind::bad_input);
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_THAT(error([](void*, int, void (*)(void*, int), void*) {}), HasSubstr("ran 0 parts of 4"));
  EXPECT_THAT(error([](void*, int parts, void (*body)(void*, int), void* data) {
                for (int part = 1; part <= parts; ++part) body(data, part);
              }),
              HasSubstr("ran 3 parts of 4 and asked for parts that don't exist"));
  EXPECT_THAT(error([](void*, int parts, void (*body)(void*, int), void* data) {
                for (int part = -1; part <= parts; ++part) body(data, part < 0 ? 0 : part);
              }),
              HasSubstr("ran 5 parts of 4"));
}

TEST(ParallelForTest, AHookThatCannotWorkIsRefused) {
  std::vector<float> x(16), y(16);
  RunArgs args{.x = x.data(), .y = y.data(), .n = 16};
  const auto message = [&](const ParallelFor& hook) {
    args.parallel = &hook;
    const Result<Operands> operands = check_run_args(1, 1, {}, args);
    return operands.ok() ? std::string() : operands.error().message;
  };
  EXPECT_EQ(message(testing::backwards(1)), "");
  EXPECT_THAT(message({}), HasSubstr("no function to run parts"));
  EXPECT_THAT(message(testing::backwards(0)), HasSubstr("a concurrency of 0; it must be from 1 to 1024"));
  EXPECT_THAT(message(testing::backwards(5000)), HasSubstr("a concurrency of 5000"));
}

}  // namespace
}  // namespace sparsmith

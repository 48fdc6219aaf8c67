#include "tests/runtime/call_buffers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <limits>

#include "kernels/reference.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/panel.h"
#include "sparsmith/strip.h"

namespace sparsmith::testing {
namespace {

constexpr uint32_t kCanary = 0x7fc5a5a5;  // a NaN that no arithmetic makes

uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }

int64_t floats_of(const Problem& problem, bool input, int64_t rows, int64_t n, int64_t batch, int64_t ld) {
  const bool panels = (input ? problem.x_layout : problem.y_layout) == Layout::panel;
  if (problem.spatial()) {
    const Conv2d& conv = *problem.conv;
    return batch * (input ? image_floats_x(problem.x_layout, conv, conv.channels(rows))
                          : image_floats_y(problem.y_layout, conv, rows));
  }
  if (panels) return panel_floats(rows, n);
  if (!problem.conv) return (rows - 1) * ld + n;
  const Conv2d& conv = *problem.conv;
  return batch * rows * (input ? conv.height * conv.width : conv.out_height() * conv.out_width());
}

}  // namespace

PageEndBuffer::PageEndBuffer(int64_t floats) : size_(floats) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float);
  const size_t usable = (bytes + page - 1) / page * page;
  mapped_ = usable + page;
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(static_cast<std::byte*>(mapping_) + usable, page, PROT_NONE);
  data_ = reinterpret_cast<float*>(static_cast<std::byte*>(mapping_) + usable - bytes);
}

PageEndBuffer::~PageEndBuffer() { munmap(mapping_, mapped_); }

CallBuffers::CallBuffers(const Problem& problem, int64_t m, int64_t k, const CallShape& shape, uint32_t seed)
    : x_([&] {
        RunArgs args{.n = shape.n, .batch = shape.batch};
        const int64_t n = call_columns(problem, args);
        return floats_of(problem, true, k, n, shape.batch, n + shape.pad_x);
      }()),
      y_([&] {
        RunArgs args{.n = shape.n, .batch = shape.batch};
        const int64_t n = call_columns(problem, args);
        return kZone + shape.lead + floats_of(problem, false, m, n, shape.batch, n + shape.pad_y) +
               (shape.y_at_page_end ? 0 : kZone);
      }()),
      residual_([&] {
        if (problem.epilogue.residual == Residual::none) return int64_t{0};
        RunArgs args{.n = shape.n, .batch = shape.batch};
        const int64_t n = call_columns(problem, args);
        return floats_of(problem, false, m, n, shape.batch, n + shape.pad_residual);
      }()) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

  args_.n = shape.n;
  args_.batch = shape.batch;
  const int64_t n = call_columns(problem, args_);
  args_.n = n;
  // Without padding the default 0 is passed, so that it is tested too.
  args_.ldx = shape.pad_x > 0 ? n + shape.pad_x : 0;
  args_.ldy = shape.pad_y > 0 ? n + shape.pad_y : 0;
  args_.ld_residual = shape.pad_residual > 0 ? n + shape.pad_residual : 0;

  std::fill_n(x_.data(), x_.size(), nan);
  const auto random_x = [&] {
    const float value = uniform(rng);
    if (shape.special <= 0 || chance(rng) >= shape.special) return value;
    const double which = chance(rng);
    return which < 0.4 ? nan : which < 0.7 ? inf : -inf;
  };
  if (problem.spatial()) {
    const Conv2d& conv = *problem.conv;
    const int64_t channels = conv.channels(k);
    std::vector<float> images(static_cast<size_t>(shape.batch * channels * conv.height * conv.width));
    for (float& value : images) value = random_x();
    pack_images(problem.x_layout, images.data(), shape.batch, channels, conv, x_.data());
    if (problem.x_layout == Layout::grid) {
      // What kernels leave outside images isn't defined.
      const StripGrid grid = output_grid(conv);
      for (int64_t i = 0; i < x_.size(); ++i) {
        const int64_t lane = i % kPanelWidth, position = i / kPanelWidth / channels % grid.positions();
        const int64_t row = lane / grid.grid_w * grid.tile_h + position / grid.tile_w;
        const int64_t column = lane % grid.grid_w * grid.tile_w + position % grid.tile_w;
        if (row >= grid.height || column >= grid.width) x_.data()[i] = nan;
      }
    }
  } else {
    for (int64_t r = 0; r < k; ++r) {
      for (int64_t c = 0; c < n; ++c) x_.data()[element_offset(problem, true, k, n, args_.ldx, r, c)] = random_x();
    }
  }
  args_.x = x_.data();

  if (problem.epilogue.residual != Residual::none) {
    std::fill_n(residual_.data(), residual_.size(), nan);
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < n; ++c) {
        residual_.data()[element_offset(problem, false, m, n, args_.ld_residual, r, c)] = uniform(rng);
      }
    }
    args_.residual = residual_.data();
  }

  y_begin_ = kZone + shape.lead;
  args_.y = y_.data() + y_begin_;
  y_writable_.assign(static_cast<size_t>(y_.size()), false);
  first_y_.assign(static_cast<size_t>(y_.size()), std::bit_cast<float>(kCanary));
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t c = 0; c < n; ++c) {
      const int64_t at = element_offset(problem, false, m, n, args_.ldy, r, c);
      y_elements_.push_back(at);
      y_writable_[y_begin_ + at] = true;
      first_y_[y_begin_ + at] = problem.epilogue.accumulate ? uniform(rng) : nan;
    }
  }
  if (problem.y_layout != Layout::plain) {
    std::fill(y_writable_.begin() + y_begin_,
              y_writable_.begin() + y_begin_ + floats_of(problem, false, m, n, shape.batch, n), true);
  }
  if (problem.y_layout == Layout::plane || problem.y_layout == Layout::row) {
    std::vector<bool> element(static_cast<size_t>(floats_of(problem, false, m, n, shape.batch, n)), false);
    for (const int64_t at : y_elements_) element[static_cast<size_t>(at)] = true;
    for (size_t at = 0; at < element.size(); ++at) {
      if (!element[at]) y_padding_.push_back(static_cast<int64_t>(at));
    }
  }
  reset_y();
}

void CallBuffers::reset_y() { std::memcpy(y_.data(), first_y_.data(), first_y_.size() * sizeof(float)); }

std::vector<uint32_t> CallBuffers::y_bits() const {
  std::vector<uint32_t> bits;
  bits.reserve(y_elements_.size());
  for (const int64_t at : y_elements_) bits.push_back(bits_of(args_.y[at]));
  return bits;
}

::testing::AssertionResult CallBuffers::surroundings_untouched() const {
  for (int64_t i = 0; i < y_.size(); ++i) {
    if (!y_writable_[i] && bits_of(y_.data()[i]) != kCanary) {
      return ::testing::AssertionFailure()
             << "the float " << i - y_begin_ << " floats from Y's start was overwritten with " << y_.data()[i];
    }
  }
  for (const int64_t at : y_padding_) {
    if (args_.y[at] != 0) {
      return ::testing::AssertionFailure() << "the padding " << at << " floats from Y's start is " << args_.y[at];
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace sparsmith::testing

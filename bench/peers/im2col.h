/// \file
/// A convolution as a product: the image's patches are written out as the columns of X, then a product peer's own
/// routine runs. Both are timed, as a caller pays for both.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "bench/peers/module.h"

namespace sparsmith::peers {

/// Where a product reads X: columns in blocks of `width`; in a block, rows lie `row_stride` floats apart. Row-major X
/// is one block.
struct Columns {
  float* data;
  int64_t width, row_stride, block_stride;
};

/// Fills the columns that follow each other in one row of X, from block to block.
class RowWriter {
 public:
  RowWriter(const Columns& to, int64_t row)
      : at_(to.data + row * to.row_stride), left_(to.width), width_(to.width), skip_(to.block_stride - to.width) {}
  void zeros(int64_t count) {
    advance(count, [](float* to, int64_t, int64_t n) { std::fill_n(to, n, 0.0f); });
  }
  void copy(const float* from, int64_t count, int64_t stride) {
    if (stride == 1) {
      advance(count, [from](float* to, int64_t done, int64_t n) { std::copy_n(from + done, n, to); });
    } else {
      advance(count, [from, stride](float* to, int64_t done, int64_t n) {
        for (int64_t i = 0; i < n; ++i) to[i] = from[(done + i) * stride];
      });
    }
  }

 private:
  template <class Fill>
  void advance(int64_t count, const Fill& fill) {
    for (int64_t done = 0; done < count;) {
      const int64_t n = std::min(count - done, left_);
      fill(at_, done, n);
      done += n;
      at_ += n;
      left_ -= n;
      if (left_ == 0) {
        at_ += skip_;
        left_ = width_;
      }
    }
  }
  float* at_;
  int64_t left_, width_, skip_;
};

/// Outputs [begin, end) of a row of `outputs` whose tap at `offset` lies inside a row of `inputs`.
inline std::pair<int64_t, int64_t> inside(int64_t inputs, int64_t outputs, int64_t stride, int64_t offset) {
  const int64_t begin = offset < 0 ? (-offset + stride - 1) / stride : 0;
  const int64_t end = offset < inputs ? (inputs - offset + stride - 1) / stride : 0;
  return {std::min(begin, outputs), std::clamp(end, std::min(begin, outputs), outputs)};
}

/// Row (channel, tap) of X holds, for each output position, the input that this tap multiplies.
inline void im2col(const SparsmithPeerConv& c, const float* x, const Columns& to) {
  int64_t row = 0;
  for (int64_t channel = 0; channel < c.channels; ++channel) {
    for (int64_t kh = 0; kh < c.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < c.kernel_w; ++kw, ++row) {
        RowWriter writer(to, row);
        const int64_t left = kw * c.dilation_w - c.pad_left;
        const auto [begin, end] = inside(c.width, c.out_width, c.stride_w, left);
        for (int64_t b = 0; b < c.batch; ++b) {
          const float* const plane = x + (b * c.channels + channel) * c.height * c.width;
          for (int64_t oy = 0; oy < c.out_height; ++oy) {
            const int64_t iy = oy * c.stride_h + kh * c.dilation_h - c.pad_top;
            if (iy < 0 || iy >= c.height || begin == end) {
              writer.zeros(c.out_width);
              continue;
            }
            writer.zeros(begin);
            writer.copy(plane + iy * c.width + begin * c.stride_w + left, end - begin, c.stride_w);
            writer.zeros(c.out_width - end);
          }
        }
      }
    }
  }
}

/// `Product` reads row-major X from its problem when it runs, or says by `columns()` where it wants X instead.
template <class Product>
class Im2col : public Variant {
 public:
  template <class... Args>
  explicit Im2col(const SparsmithPeerProblem& p, const Args&... args)
      : p_(p),
        conv_(*p.conv),
        x_(p.k * p.n),
        y_(p.m * p.n),
        product_(with_operands(p, x_.data(), y_.data()), args...) {}
  void run() override {
    im2col(conv_, p_.x, columns());
    product_.run();
  }
  void finish() override {
    product_.finish();
    const int64_t plane = conv_.out_height * conv_.out_width;
    for (int64_t row = 0; row < p_.m; ++row) {
      for (int64_t b = 0; b < conv_.batch; ++b)
        std::copy_n(y_.data() + row * p_.n + b * plane, plane, p_.y + (b * p_.m + row) * plane);
    }
  }

 private:
  static SparsmithPeerProblem with_operands(SparsmithPeerProblem p, const float* x, float* y) {
    if (p.conv->groups != 1) throw std::runtime_error("its im2col is written for one group");
    p.conv = nullptr;
    p.x = x;
    p.y = y;
    return p;
  }
  Columns columns() {
    if constexpr (requires { product_.columns(); }) {
      return product_.columns();
    } else {
      return {x_.data(), p_.n, p_.n, 0};
    }
  }

  SparsmithPeerProblem p_;
  SparsmithPeerConv conv_;
  Floats x_, y_;
  Product product_;
};

}  // namespace sparsmith::peers

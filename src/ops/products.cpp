// Products of matrices: one, or many of a batch.
#include <algorithm>
#include <array>
#include <cstring>

#include "ops/broadcast.h"
#include "ops/registry.h"
#include "ops/vector_math.h"

namespace sparsmith::ops {
namespace {

using graph::ElementType;

/// A matrix in memory: element (i, j) is data[i * row_stride + j * column_stride].
struct Matrix {
  const float* data;
  int64_t row_stride, column_stride;
};

constexpr int64_t kDepth = 256;  // products added up before the sum goes to memory: short sums keep errors small

/// `columns` columns of b from a place on, side by side in rows of `width`; those that aren't there are zero.
void pack(const Matrix& b, int64_t first, int64_t depth, int64_t column, int64_t columns, int64_t width, float* panel) {
  const float* const from = b.data + first * b.row_stride + column * b.column_stride;
  if (b.column_stride == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      std::memcpy(panel + k * width, from + k * b.row_stride, static_cast<size_t>(columns) * sizeof(float));
      std::fill(panel + k * width + columns, panel + (k + 1) * width, 0.0f);
    }
    return;
  }
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t k = 0; k < depth; ++k) {
      panel[k * width + j] = j < columns ? from[k * b.row_stride + j * b.column_stride] : 0.0f;
    }
  }
}

/// y[m x n] = a[m x depth] * b[depth x n]; y is in C order.
void multiply(const Matrix& a, const Matrix& b, float* y, int64_t m, int64_t n, int64_t depth) {
  const VectorMath& math = vector_math();
  std::fill_n(y, m * n, 0.0f);
  for (int64_t column = 0; column < n; column += math.columns) {
    const int64_t columns = std::min(math.columns, n - column);
    for (int64_t first = 0; first < depth; first += kDepth) {
      const int64_t count = std::min(kDepth, depth - first);
      alignas(64) float panel[kDepth * VectorMath::kMostColumns];
      pack(b, first, count, column, columns, math.columns, panel);
      for (int64_t row = 0; row < m; row += math.rows) {
        std::array<const float*, VectorMath::kMostRows> rows;
        for (int64_t r = 0; r < math.rows; ++r) {
          rows[static_cast<size_t>(r)] = a.data + std::min(row + r, m - 1) * a.row_stride + first * a.column_stride;
        }
        math.multiply(rows.data(), a.column_stride, panel, count, y + row * n + column, n, std::min(math.rows, m - row),
                      columns);
      }
    }
  }
}

class MatMul final : public Operator {
 public:
  /// Batches stretch to each other; the matrices are m x depth and depth x n.
  MatMul(Type output, const Broadcast<2>& batches, int64_t m, int64_t n, int64_t depth)
      : batches_(batches), m_(m), n_(n), depth_(depth) {
    outputs_ = {std::move(output)};
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto *a = static_cast<const float*>(inputs[0]), *b = static_cast<const float*>(inputs[1]);
    auto* const y = static_cast<float*>(outputs[0]);
    if (outputs_[0].size() == 0) return;
    batches_.for_each_row([&](int64_t at, const auto& from, int64_t count, const auto& step) {
      for (int64_t i = 0; i < count; ++i) {
        multiply({a + (from[0] + i * step[0]) * m_ * depth_, depth_, 1},
                 {b + (from[1] + i * step[1]) * depth_ * n_, n_, 1}, y + (at + i) * m_ * n_, m_, n_, depth_);
      }
    });
  }

 private:
  Broadcast<2> batches_;
  int64_t m_, n_, depth_;
};

std::unique_ptr<Operator> make_matmul(NodeView& node) {
  node.expect_inputs(2, 2);
  node.expect_outputs(1);
  node.expect_element(0, ElementType::f32);
  node.expect_element(1, ElementType::f32);
  if (!node.ok()) return nullptr;
  std::vector<int64_t> a = node.input(0).shape, b = node.input(1).shape;
  const auto mismatch = [&] {
    node.fail("multiplies " + describe(node.input(0)) + " by " + describe(node.input(1)) +
              "; matrices are expected, or batches of them that stretch to each other, with as many columns in the "
              "first as rows in the second");
    return nullptr;
  };
  if (a.empty() || b.empty()) return mismatch();
  // Vectors are a row on the left and a column on the right; the result doesn't have that dimension.
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  int64_t m = a[a.size() - 2];
  const int64_t depth = a.back(), n = b.back();
  if (b[b.size() - 2] != depth) return mismatch();
  std::vector<int64_t> batch_a(a.begin(), a.end() - 2), batch_b(b.begin(), b.end() - 2);
  const auto batch = broadcast_shape(std::array{batch_a, batch_b});
  if (!batch) return mismatch();
  Type output{ElementType::f32, *batch, nullptr};
  if (!row) output.shape.push_back(m);
  if (!column) output.shape.push_back(n);
  if (batch_b.empty()) {
    // One matrix for all: the batch is more rows.
    for (const int64_t size : batch_a) m *= size;
    batch_a.clear();
  }
  const Broadcast<2> batches(batch_b.empty() ? std::vector<int64_t>{} : *batch, {batch_a, batch_b});
  return std::make_unique<MatMul>(std::move(output), batches, m, n, depth);
}

/// y = alpha * a * b + beta * c, where c stretches to y.
class Gemm final : public Operator {
 public:
  Gemm(NodeView& node, const Type* c, std::array<bool, 2> transposed, int64_t m, int64_t n, int64_t depth)
      : alpha_(node.number("alpha", 1)),
        beta_(node.number("beta", 1)),
        transposed_(transposed),
        m_(m),
        n_(n),
        depth_(depth) {
    outputs_ = {Type{ElementType::f32, {m, n}, nullptr}};
    if (c != nullptr) stretched_ = Broadcast<2>({m, n}, {c->shape, std::vector<int64_t>{m, n}});
  }
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    const auto matrix = [&](size_t i, int64_t rows, int64_t columns) {
      const auto* const data = static_cast<const float*>(inputs[i]);
      return transposed_[i] ? Matrix{data, 1, rows} : Matrix{data, columns, 1};
    };
    auto* const y = static_cast<float*>(outputs[0]);
    if (m_ == 0 || n_ == 0) return;
    multiply(matrix(0, m_, depth_), matrix(1, depth_, n_), y, m_, n_, depth_);
    if (alpha_ != 1) {
      for (int64_t i = 0; i < m_ * n_; ++i) y[i] *= alpha_;
    }
    if (inputs.size() < 3 || inputs[2] == nullptr) return;
    const auto* const c = static_cast<const float*>(inputs[2]);
    stretched_.for_each_row([&](int64_t at, const auto& from, int64_t count, const auto& step) {
      for (int64_t i = 0; i < count; ++i) y[at + i] += beta_ * c[from[0] + i * step[0]];
    });
  }

 private:
  float alpha_, beta_;
  std::array<bool, 2> transposed_;
  int64_t m_, n_, depth_;
  Broadcast<2> stretched_;
};

std::unique_ptr<Operator> make_gemm(NodeView& node) {
  node.expect_inputs(node.opset() < 11 ? 3 : 2, 3);
  node.expect_outputs(1);
  const size_t inputs = node.has(2) ? 3 : 2;
  for (size_t i = 0; i < inputs; ++i) node.expect_element(i, ElementType::f32);
  const Type &a = node.input_of_rank(0, 2), &b = node.input_of_rank(1, 2);
  const std::array transposed{node.integer("transA", 0) != 0, node.integer("transB", 0) != 0};
  if (!node.ok()) return nullptr;
  const int64_t m = a.shape[transposed[0] ? 1 : 0], depth = a.shape[transposed[0] ? 0 : 1];
  const int64_t n = b.shape[transposed[1] ? 0 : 1];
  if (b.shape[transposed[1] ? 1 : 0] != depth) {
    node.fail("multiplies " + describe(a) + (transposed[0] ? " transposed" : "") + " by " + describe(b) +
              (transposed[1] ? " transposed" : "") + "; the first needs as many columns as the second has rows");
  }
  const Type* const c = node.has(2) ? &node.input(2) : nullptr;
  const std::vector<int64_t> shape{m, n};
  if (node.ok() && c != nullptr && broadcast_shape(std::array{c->shape, shape}) != shape) {
    node.fail("adds " + describe(*c) + ", which doesn't stretch to " + graph::shape_text(shape));
  }
  return node.ok() ? std::make_unique<Gemm>(node, c, transposed, m, n, depth) : nullptr;
}

}  // namespace

void add_products(Makers& makers) {
  makers["Gemm"] = make_gemm;
  makers["MatMul"] = make_matmul;
}

}  // namespace sparsmith::ops

/// \file
/// Random networks of every kind of layer, and of whatever stands between them.
#pragma once

#include <string>
#include <vector>

#include "network.h"

namespace sparsmith::test {

/// An image of a network in the making.
struct Image {
  graph::ValueId id;
  int64_t c, h, w;
};

inline const std::vector<std::string> kActivations{"none", "relu",       "leaky_relu",   "prelu",
                                                   "clip", "hard_swish", "hard_sigmoid", "sigmoid",
                                                   "silu", "tanh",       "gelu_erf",     "gelu_tanh"};

/// Networks of one input "x" with a batch of any size.
class RandomNetwork {
 public:
  explicit RandomNetwork(unsigned seed) : net_(seed) {}

  /// Convolutions and what stands between them.
  graph::Graph images() {
    Image x{net_.input("x", {-1, net_.pick(1, 5), 0, 0}), 0, net_.pick(1, 40), net_.pick(1, 40)};
    if (net_.chance(0.5)) net_.graph().opset = 18;
    auto& shape = *net_.graph().values[0].shape;
    x.c = shape[1].size;
    shape[2].size = x.h;
    shape[3].size = x.w;
    for (int64_t layers = net_.pick(1, 7); layers > 0; --layers) x = next(x);
    if (net_.chance(0.3)) net_.output(x.id);
    if (net_.chance(0.5)) {
      graph::ValueId flat = graph::kNoValue;
      if (net_.chance(0.3)) {
        flat = image_mean(x.id, false);
      } else {
        flat = net_.node("Flatten", {net_.node("GlobalAveragePool", {x.id})}, {{"axis", int64_t{1}}});
      }
      net_.output(net_.matmul(flat, x.c, net_.pick(1, 40)));
    } else {
      net_.output(net_.conv(x.id, x.c, net_.pick(1, 20), {}, "none"));
    }
    return net_.graph();
  }

  /// Products of one row or several.
  graph::Graph rows() {
    int64_t k = net_.pick(1, 60);
    const int64_t rows = net_.chance(0.4) ? 1 : net_.pick(2, 40);
    graph::ValueId x = net_.input("x", {-1, rows, k});
    for (int64_t layers = net_.pick(1, 5); layers > 0; --layers) {
      const int64_t m = net_.chance(0.3) ? k : net_.pick(1, 70);
      graph::ValueId y = net_.matmul(x, k, m, activation(), m == k && net_.chance(0.5) ? x : graph::kNoValue);
      if (net_.chance(0.3)) y = net_.node("Mul", {y, net_.constant({m})});
      if (net_.chance(0.3)) y = net_.node("Sigmoid", {y});
      if (net_.chance(0.3)) y = net_.node("Softmax", {y}, {{"axis", int64_t{-1}}});
      if (m == k && net_.chance(0.4)) y = net_.node("Add", {x, y});
      x = y;
      k = m;
    }
    net_.output(x);
    return net_.graph();
  }

  /// Encoders: attention among the rows of each batch entry, products, normalisations, residuals.
  graph::Graph encoder() {
    const bool open = net_.chance(0.2);
    const int64_t tokens = open ? -1 : net_.chance(0.3) ? net_.pick(1, 4) * 16 : net_.pick(1, 150);
    const int64_t heads = net_.pick(1, 4);
    const int64_t depth = net_.pick(1, 20), k = heads * depth;
    graph::ValueId x = net_.input("x", {-1, tokens, k});
    for (int64_t layers = net_.pick(1, 3); layers > 0; --layers) {
      const graph::ValueId y = attention(x, tokens, heads, depth);
      x = normalised(net_.chance(0.5) ? net_.matmul(y, k, k, "none", x) : net_.node("Add", {y, x}), k);
      // The same rows in other dimensions, for one reader or for all.
      if (!open && net_.chance(0.3)) {
        const graph::ValueId flat = net_.node("Reshape", {x, net_.integers({-1, k})});
        if (net_.chance(0.3)) net_.output(flat);
        const graph::ValueId z = net_.matmul(flat, k, k, "none", net_.chance(0.3) ? flat : graph::kNoValue);
        x = net_.node("Reshape", {z, net_.integers({-1, tokens, k})});
      }
      if (net_.chance(0.5)) continue;
      const int64_t m = net_.pick(1, 80);
      x = normalised(net_.matmul(net_.matmul(x, k, m, "gelu_erf"), m, k, "none", x), k);
    }
    net_.output(x);
    return net_.graph();
  }

 private:
  graph::ValueId normalised(graph::ValueId x, int64_t k) {
    std::vector<graph::ValueId> inputs{x, net_.constant({k})};
    if (net_.chance(0.8)) inputs.push_back(net_.constant({k}));
    const bool own = net_.chance(0.5);
    return net_.node("LayerNormalization", std::move(inputs), {{"axis", own ? int64_t{2} : int64_t{-1}}},
                     own ? ops::kLayerDomain : "");
  }

  /// Of x, or from x to other rows, values having channels of their own number.
  graph::ValueId attention(graph::ValueId x, int64_t tokens, int64_t heads, int64_t depth) {
    const int64_t k = heads * depth, width = heads * net_.pick(1, 20);
    graph::ValueId other = x;
    int64_t keys = tokens;
    if (tokens > 1 && net_.chance(0.3)) {
      keys = net_.pick(1, tokens - 1);
      other = net_.node("Slice", {x, net_.integers({0}), net_.integers({keys}), net_.integers({1})});
    }
    std::vector<graph::ValueId> inputs{net_.matmul(x, k, k), net_.matmul(other, k, k), net_.matmul(other, k, width)};
    const int64_t shapes[][4] = {
        {1, heads, 1, 1}, {1, 1, 1, keys}, {1, 1, tokens, keys}, {1, heads, tokens, keys}, {1, 1, tokens, 1}};
    if (net_.chance(0.6)) {
      const int64_t(&shape)[4] = shapes[tokens < 0 ? 0 : net_.pick(0, 4)];
      inputs.push_back(net_.mask({shape[0], shape[1], shape[2], shape[3]}));
    }
    const graph::ValueId y =
        net_.node("Attention", std::move(inputs), {{"heads", heads}, {"scale", 0.6f}}, ops::kLayerDomain);
    return net_.matmul(y, width, k);
  }

  std::string activation() { return kActivations[static_cast<size_t>(net_.pick(0, 11))]; }

  Image next(const Image& x) {
    switch (net_.pick(0, 14)) {
      case 13:
        return resize(x);
      case 14:
        return depth_to_space(x);
      case 12:
        return fire(x);
      case 0:
      case 1:
        return pointwise(x);
      case 2:
      case 3:
        return spatial(x, 1);
      case 4:
        return spatial(x, x.c);
      case 5:
        return residual(x);
      case 6:
        return squeeze_and_excite(x);
      case 7:
        return {net_.node(net_.chance(0.5) ? "Sigmoid" : "HardSwish", {x.id}), x.c, x.h, x.w};
      case 8:
        return fire(x);
      case 9:
        return pool(x);
      case 10:
        return {net_.node("Transpose", {x.id}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}}), x.c, x.w, x.h};
      default:
        return pointwise(x);
    }
  }

  Image pointwise(const Image& x) {
    const int64_t m = net_.pick(1, 40), stride = net_.chance(0.2) ? 2 : 1;
    return {net_.conv(x.id, x.c, m, {.stride = stride}, activation()), m, (x.h - 1) / stride + 1,
            (x.w - 1) / stride + 1};
  }
  Image spatial(const Image& x, int64_t groups) {
    Network::Window w{.kernel = 2 * net_.pick(0, 2) + 1,
                      .stride = net_.pick(1, 2),
                      .pad = 0,
                      .dilation = net_.pick(1, 2),
                      .groups = groups};
    const int64_t reach = (w.kernel - 1) * w.dilation + 1;
    w.pad = net_.chance(0.7) ? reach / 2 : net_.pick(0, reach / 2);
    if (x.h + 2 * w.pad < reach || x.w + 2 * w.pad < reach) w.pad = reach / 2;
    const int64_t m = groups > 1 ? groups * net_.pick(1, 2) : net_.pick(1, 24);
    const auto out = [&](int64_t size) { return (size + 2 * w.pad - reach) / w.stride + 1; };
    return {net_.conv(x.id, x.c, m, w, activation()), m, out(x.h), out(x.w)};
  }
  /// x + f(x), before or after the activation.
  Image residual(const Image& x) {
    const graph::ValueId inner = net_.conv(x.id, x.c, 9, {}, activation());
    if (net_.chance(0.5)) {
      return {net_.conv(inner, 9, x.c, {}, activation(), x.id, net_.chance(0.5)), x.c, x.h, x.w};
    }
    return {net_.conv(inner, 9, x.c, {.kernel = 3, .pad = 1}, activation(), x.id, net_.chance(0.5)), x.c, x.h, x.w};
  }
  /// ReduceMean over the axes of images, as opsets before 18 have them and after.
  graph::ValueId image_mean(graph::ValueId x, bool keep) {
    std::map<std::string, graph::Attribute, std::less<>> attributes{{"keepdims", int64_t{keep}}};
    const std::vector<int64_t> axes = net_.chance(0.5) ? std::vector<int64_t>{2, 3} : std::vector<int64_t>{-1, -2};
    std::vector<graph::ValueId> inputs{x};
    if (net_.graph().opset < 18) {
      attributes["axes"] = axes;
    } else {
      inputs.push_back(net_.integers(axes));
    }
    return net_.node("ReduceMean", std::move(inputs), std::move(attributes));
  }
  Image squeeze_and_excite(const Image& x) {
    graph::ValueId scale = net_.chance(0.5) ? image_mean(x.id, true) : net_.node("GlobalAveragePool", {x.id});
    scale = net_.conv(scale, x.c, 3, {}, activation());
    scale = net_.node("Sigmoid", {net_.conv(scale, 3, x.c, {}, "none")});
    const bool swapped = net_.chance(0.3);
    return {net_.node("Mul", swapped ? std::vector{scale, x.id} : std::vector{x.id, scale}), x.c, x.h, x.w};
  }
  /// Kernels, poolings and what else there is side by side.
  Image fire(const Image& x) {
    const graph::ValueId squeezed = net_.conv(x.id, x.c, 4, {}, "relu");
    const Image inner{squeezed, 4, x.h, x.w};
    std::vector<graph::ValueId> parts;
    Image joined{0, 0, x.h, x.w};
    for (int64_t pieces = net_.pick(1, 4); pieces > 0; --pieces) {
      const Image piece = branch(x, inner);
      parts.push_back(piece.id);
      joined.c += piece.c;
    }
    joined.id = net_.node("Concat", parts, {{"axis", int64_t{net_.chance(0.3) ? -3 : 1}}});
    return joined;
  }
  Image branch(const Image& x, const Image& inner) {
    switch (net_.pick(0, 6)) {
      case 0:
        return x;
      case 1:
        return {net_.conv(inner.id, 4, 4, {.kernel = 5, .pad = 2, .groups = 4}, activation()), 4, x.h, x.w};
      case 2:
        return {net_.node("MaxPool", {x.id},
                          {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}}),
                x.c, x.h, x.w};
      case 3: {
        const graph::ValueId one = net_.conv(inner.id, 4, 3, {}, "relu");
        return {net_.node("Concat", {one, inner.id}, {{"axis", int64_t{1}}}), 7, x.h, x.w};
      }
      case 4:
        return {net_.conv(inner.id, 4, 4, {}, activation(), inner.id), 4, x.h, x.w};
      case 5:
        return {net_.conv(inner.id, 4, 6, {.kernel = 3, .pad = 1}, activation()), 6, x.h, x.w};
      default:
        return {net_.conv(inner.id, 4, 5, {}, activation()), 5, x.h, x.w};
    }
  }
  Image resize(const Image& x) {
    const char* const modes[] = {"nearest", "linear", "cubic"};
    const char* const coordinates[] = {"half_pixel", "asymmetric", "align_corners"};
    const float scale_h = net_.chance(0.7) ? 2.0f : 0.6f, scale_w = net_.chance(0.7) ? 2.0f : 1.0f;
    const auto out = [](int64_t size, float scale) {
      return static_cast<int64_t>(std::floor(static_cast<float>(size) * scale));
    };
    if (out(x.h, scale_h) < 1 || out(x.h, scale_h) > 64 || out(x.w, scale_w) > 64) return x;
    const graph::ValueId id =
        net_.node("Resize", {x.id, graph::kNoValue, net_.numbers({1, 1, scale_h, scale_w})},
                  {{"mode", std::string(modes[net_.pick(0, 2)])},
                   {"coordinate_transformation_mode", std::string(coordinates[net_.pick(0, 2)])}});
    return {id, x.c, out(x.h, scale_h), out(x.w, scale_w)};
  }
  Image depth_to_space(const Image& x) {
    const int64_t block = net_.pick(2, 3), c = net_.pick(1, 20);
    if (x.h * block > 64 || x.w * block > 64) return x;
    const graph::ValueId deep = net_.conv(x.id, x.c, c * block * block, {}, activation());
    const graph::ValueId id = net_.node(
        "DepthToSpace", {deep}, {{"blocksize", block}, {"mode", std::string(net_.chance(0.5) ? "DCR" : "CRD")}});
    return {id, c, x.h * block, x.w * block};
  }
  Image pool(const Image& x) {
    const int64_t kernel = net_.pick(1, 3), stride = net_.pick(1, 2), pad = kernel / 2;
    const bool ceil = net_.chance(0.3), largest = net_.chance(0.5);
    std::map<std::string, graph::Attribute, std::less<>> attributes{
        {"kernel_shape", std::vector<int64_t>{kernel, kernel}},
        {"strides", std::vector<int64_t>{stride, stride}},
        {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
        {"ceil_mode", int64_t{ceil}}};
    if (!largest) attributes["count_include_pad"] = int64_t{net_.chance(0.5)};
    if (x.h + 2 * pad < kernel || x.w + 2 * pad < kernel) return x;
    const graph::ValueId id = net_.node(largest ? "MaxPool" : "AveragePool", {x.id}, attributes);
    const auto out = [&](int64_t size) {
      const int64_t room = size + 2 * pad - kernel;
      int64_t count = (ceil ? (room + stride - 1) / stride : room / stride) + 1;
      if (ceil && (count - 1) * stride >= size + pad) --count;
      return count;
    };
    return {id, x.c, out(x.h), out(x.w)};
  }

  Network net_;
};

}  // namespace sparsmith::test

// Convolutions and pooling: every form of windows against sums over indices, and what windows can have wrong.
#include <cmath>
#include <limits>

#include "random_tensor.h"

namespace sparsmith::test {
namespace {

using testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// One form of windows over a 3-D image; images of fewer sizes are tested by cutting the leading ones.
struct Form {
  std::vector<int64_t> image, kernel, strides, dilations, pads;  ///< pads: all begins, then all ends
};
std::vector<Form> forms() {
  return {
      {{5, 6, 7}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}},
      {{5, 6, 7}, {1, 1, 1}, {2, 2, 3}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}},
      {{4, 5, 9}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}},
      {{4, 7, 8}, {2, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 0, 1, 0, 1}},
      {{4, 9, 9}, {2, 3, 2}, {2, 1, 3}, {1, 2, 3}, {1, 2, 3, 1, 0, 1}},
      {{3, 3, 150}, {2, 1, 5}, {1, 1, 1}, {1, 1, 2}, {0, 0, 4, 0, 0, 2}},
      {{1, 4, 4}, {1, 4, 4}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}},
      {{2, 3, 2500}, {1, 2, 4}, {1, 1, 3}, {1, 1, 700}, {0, 1, 900, 0, 1, 1000}},
  };
}
Form last_sizes(const Form& form, size_t rank) {
  const auto last = [rank](const std::vector<int64_t>& values) {
    return std::vector<int64_t>(values.end() - static_cast<std::ptrdiff_t>(rank), values.end());
  };
  Form cut{last(form.image), last(form.kernel), last(form.strides), last(form.dilations), {}};
  for (size_t i = 3 - rank; i < 3; ++i) cut.pads.push_back(form.pads[i]);
  for (size_t i = 6 - rank; i < 6; ++i) cut.pads.push_back(form.pads[i]);
  return cut;
}
Attributes attributes_of(const Form& form) {
  return {{"strides", form.strides}, {"dilations", form.dilations}, {"pads", form.pads}};
}
std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
std::vector<int64_t> output_sizes(const Form& form) {
  std::vector<int64_t> sizes;
  const size_t rank = form.image.size();
  for (size_t i = 0; i < rank; ++i) {
    const int64_t padded = form.image[i] + form.pads[i] + form.pads[i + rank];
    sizes.push_back((padded - form.dilations[i] * (form.kernel[i] - 1) - 1) / form.strides[i] + 1);
  }
  return sizes;
}

/// Calls visit(index) for every index within the sizes, in C order.
template <class Visit>
void for_each_index(const std::vector<int64_t>& sizes, const Visit& visit) {
  std::vector<int64_t> index(sizes.size());
  for (const int64_t size : sizes) {
    if (size == 0) return;
  }
  while (true) {
    visit(index);
    size_t d = sizes.size();
    while (d-- > 0) {
      if (++index[d] < sizes[d]) break;
      index[d] = 0;
      if (d == 0) return;
    }
  }
}
int64_t offset_of(const std::vector<int64_t>& sizes, const std::vector<int64_t>& index) {
  int64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) offset = offset * sizes[i] + index[i];
  return offset;
}

/// Calls visit(output index, kernel index, input offset within an image or -1 in the padding).
template <class Visit>
void for_each_tap(const Form& form, const Visit& visit) {
  for_each_index(output_sizes(form), [&](const std::vector<int64_t>& o) {
    for_each_index(form.kernel, [&](const std::vector<int64_t>& k) {
      std::vector<int64_t> at(o.size());
      bool inside = true;
      for (size_t i = 0; i < o.size(); ++i) {
        at[i] = o[i] * form.strides[i] + k[i] * form.dilations[i] - form.pads[i];
        inside = inside && at[i] >= 0 && at[i] < form.image[i];
      }
      visit(o, k, inside ? offset_of(form.image, at) : -1);
    });
  });
}

int64_t product(const std::vector<int64_t>& sizes) {
  int64_t result = 1;
  for (const int64_t size : sizes) result *= size;
  return result;
}

struct Channels {
  int64_t groups, inputs, outputs;  ///< of a group
};
constexpr Channels kChannels[] = {{1, 1, 1}, {1, 3, 5}, {2, 2, 4}, {3, 1, 1}, {2, 1, 6}};

TEST(Conv, AgreesWithSumsOverIndices) {
  for (const Form& whole : forms()) {
    for (size_t rank = 1; rank <= 3; ++rank) {
      const Form form = last_sizes(whole, rank);
      if (product(form.image) > 4000) continue;
      for (const Channels& c : kChannels) {
        const auto x = random_floats(joined({2, c.groups * c.inputs}, form.image), 1);
        const auto w = random_floats(joined({c.groups * c.outputs, c.inputs}, form.kernel), 2);
        const auto bias = random_floats({c.groups * c.outputs}, 3);
        Attributes attributes = attributes_of(form);
        attributes["group"] = c.groups;
        attributes["kernel_shape"] = form.kernel;
        const auto y = result_of({.op = "Conv", .inputs = {x, w, bias}, .attributes = attributes});
        const std::vector<int64_t> sizes = output_sizes(form);
        ASSERT_EQ(y.shape, joined({2, c.groups * c.outputs}, sizes));
        const int64_t pixels = product(form.image), outputs = product(sizes), taps = product(form.kernel);
        std::vector<double> right(static_cast<size_t>(y.size()));
        for (int64_t n = 0; n < 2; ++n) {
          for (int64_t m = 0; m < c.groups * c.outputs; ++m) {
            const int64_t first = (n * c.groups * c.outputs + m) * outputs, group = m / c.outputs;
            for (int64_t i = 0; i < outputs; ++i) right[first + i] = bias.as<float>()[m];
            for_each_tap(form, [&](const auto& o, const auto& k, int64_t at) {
              if (at < 0) return;
              for (int64_t i = 0; i < c.inputs; ++i) {
                const int64_t channel = (n * c.groups + group) * c.inputs + i;
                right[first + offset_of(sizes, o)] +=
                    double{x.as<float>()[channel * pixels + at]} *
                    double{w.as<float>()[(m * c.inputs + i) * taps + offset_of(form.kernel, k)]};
              }
            });
          }
        }
        for (int64_t i = 0; i < y.size(); ++i) {
          ASSERT_NEAR(y.as<float>()[i], right[i], 1e-6 * (1 + std::fabs(right[i])))
              << graph::shape_text(x.shape) << " by " << graph::shape_text(w.shape) << " at " << i;
        }
      }
    }
  }
}

TEST(ConvTranspose, AgreesWithSumsOverIndices) {
  for (const Form& whole : forms()) {
    for (size_t rank = 1; rank <= 3; ++rank) {
      // Its input has the sizes that windows over its output would make.
      const Form form = last_sizes(whole, rank);
      if (product(form.image) > 4000) continue;
      const std::vector<int64_t> sizes = output_sizes(form);
      std::vector<int64_t> extra(rank);
      for (size_t i = 0; i < rank; ++i) {
        const int64_t natural = (sizes[i] - 1) * form.strides[i] + form.dilations[i] * (form.kernel[i] - 1) + 1 -
                                form.pads[i] - form.pads[i + rank];
        extra[i] = form.image[i] - natural;
      }
      for (const Channels& c : kChannels) {
        const auto x = random_floats(joined({2, c.groups * c.inputs}, sizes), 1);
        const auto w = random_floats(joined({c.groups * c.inputs, c.outputs}, form.kernel), 2);
        Attributes attributes = attributes_of(form);
        attributes["group"] = c.groups;
        attributes["output_padding"] = extra;
        const auto y = result_of({.op = "ConvTranspose", .inputs = {x, w}, .attributes = attributes});
        ASSERT_EQ(y.shape, joined({2, c.groups * c.outputs}, form.image));
        const int64_t pixels = product(form.image), inputs = product(sizes), taps = product(form.kernel);
        std::vector<double> right(static_cast<size_t>(y.size()));
        for (int64_t n = 0; n < 2; ++n) {
          for (int64_t m = 0; m < c.groups * c.outputs; ++m) {
            const int64_t group = m / c.outputs;
            for_each_tap(form, [&](const auto& o, const auto& k, int64_t at) {
              if (at < 0) return;
              for (int64_t i = 0; i < c.inputs; ++i) {
                const int64_t channel = group * c.inputs + i;
                right[(n * c.groups * c.outputs + m) * pixels + at] +=
                    double{x.as<float>()[(n * c.groups * c.inputs + channel) * inputs + offset_of(sizes, o)]} *
                    double{w.as<float>()[(channel * c.outputs + m % c.outputs) * taps + offset_of(form.kernel, k)]};
              }
            });
          }
        }
        for (int64_t i = 0; i < y.size(); ++i) {
          ASSERT_NEAR(y.as<float>()[i], right[i], 1e-6 * (1 + std::fabs(right[i])))
              << graph::shape_text(x.shape) << " by " << graph::shape_text(w.shape) << " at " << i;
        }
      }
    }
  }
}

TEST(ConvTranspose, SizesItsOutputAsAsked) {
  const auto x = floats({1, 1, 3}, {1, 2, 3}), w = floats({1, 1, 3}, {1, 10, 100});
  const auto run = [&](Attributes attributes) {
    attributes["strides"] = std::vector<int64_t>{2};
    return elements<float>(
        result_of({.op = "ConvTranspose", .inputs = {x, w, floats({1}, {0})}, .attributes = attributes}));
  };
  EXPECT_THAT(run({}), ElementsAre(1, 10, 102, 20, 203, 30, 300));
  EXPECT_THAT(run({{"auto_pad", std::string("SAME_UPPER")}}), ElementsAre(1, 10, 102, 20, 203, 30));
  EXPECT_THAT(run({{"auto_pad", std::string("SAME_LOWER")}}), ElementsAre(10, 102, 20, 203, 30, 300));
  EXPECT_THAT(run({{"output_shape", std::vector<int64_t>{5}}}), ElementsAre(10, 102, 20, 203, 30));
  EXPECT_THAT(run({{"output_padding", std::vector<int64_t>{1}}}), ElementsAre(1, 10, 102, 20, 203, 30, 300, 0));
  expect_bad({.op = "ConvTranspose", .inputs = {x, w}, .attributes = {{"output_shape", std::vector<int64_t>{6}}}},
             "at most 5 elements");
  expect_bad({.op = "ConvTranspose", .inputs = {x, w}, .attributes = {{"pads", std::vector<int64_t>{9, 9}}}},
             "cuts pads 9 and 9");
  expect_bad({.op = "ConvTranspose", .inputs = {x, floats({2, 1, 1}, {1, 1})}}, "don't fit in 1 groups");
}

TEST(Conv, AutoPadKeepsTheSizeOverTheStride) {
  const auto x = floats({1, 1, 5}, {1, 2, 3, 4, 5}), w = floats({1, 1, 2}, {1, 10});
  const auto run = [&](const char* auto_pad, int64_t stride) {
    return elements<float>(
        result_of({.op = "Conv",
                   .inputs = {x, w},
                   .attributes = {{"auto_pad", std::string(auto_pad)}, {"strides", std::vector<int64_t>{stride}}}}));
  };
  EXPECT_THAT(run("SAME_UPPER", 1), ElementsAre(21, 32, 43, 54, 5));
  EXPECT_THAT(run("SAME_LOWER", 1), ElementsAre(10, 21, 32, 43, 54));
  EXPECT_THAT(run("SAME_UPPER", 2), ElementsAre(21, 43, 5));
  EXPECT_THAT(run("VALID", 2), ElementsAre(21, 43));
  EXPECT_THAT(run("NOTSET", 1), ElementsAre(21, 32, 43, 54));
}

TEST(Conv, SaysWhatDoesNotFit) {
  const auto x = random_floats({1, 4, 5, 5}, 1), w = random_floats({6, 2, 3, 3}, 2);
  const auto bad = [&](Attributes attributes, const std::string& part, const graph::Tensor& weights) {
    expect_bad({.op = "Conv", .inputs = {x, weights}, .attributes = std::move(attributes)}, part);
  };
  bad({}, "don't fit in 1 groups", w);
  bad({{"group", int64_t{0}}}, "don't fit in 0 groups", w);
  bad({{"group", int64_t{4}}}, "don't fit in 4 groups", w);
  bad({{"group", int64_t{2}}, {"kernel_shape", std::vector<int64_t>{3, 2}}}, "kernel_shape [3, 2]", w);
  bad({{"group", int64_t{2}}, {"strides", std::vector<int64_t>{1, 0}}}, "values from 1", w);
  bad({{"group", int64_t{2}}, {"strides", std::vector<int64_t>{1}}}, "has 1 values of strides; 2 are expected", w);
  bad({{"group", int64_t{2}}, {"pads", std::vector<int64_t>{0, 0, -1, 0}}}, "values from 0", w);
  bad({{"group", int64_t{2}}, {"pads", std::vector<int64_t>{0, 0, INT64_MAX, 0}}}, "values from 0", w);
  bad({{"group", int64_t{2}}, {"dilations", std::vector<int64_t>{3, 1}}}, "windows of 7 elements", w);
  bad({{"group", int64_t{2}}, {"dilations", std::vector<int64_t>{1, 2147483647}}}, "they must fit", w);
  bad({{"group", int64_t{2}}, {"auto_pad", std::string("SAME")}}, "SAME_UPPER and SAME_LOWER are known", w);
  bad({}, "the same number of dimensions", random_floats({6, 4, 3}, 2));
  expect_bad({.op = "Conv", .inputs = {x, random_floats({6, 4, 3, 3}, 2), random_floats({5}, 3)}}, "has a bias");
  expect_bad({.op = "Conv", .inputs = {floats({1, 4}, {1, 2, 3, 4}), floats({1, 4}, {1, 2, 3, 4})}}, "3 to 5");
}

TEST(Conv, WithoutInputChannelsIsItsBias) {
  EXPECT_THAT(elements<float>(result_of(
                  {.op = "Conv", .inputs = {floats({1, 0, 2}, {}), floats({2, 0, 1}, {}), floats({2}, {3, 4})}})),
              ElementsAre(3, 3, 4, 4));
}

TEST(Pool, AgreesWithLoopsOverIndices) {
  for (const Form& whole : forms()) {
    for (size_t rank = 1; rank <= 3; ++rank) {
      const Form form = last_sizes(whole, rank);
      const auto x = random_floats(joined({2, 3}, form.image), 1);
      Attributes attributes = attributes_of(form);
      attributes["kernel_shape"] = form.kernel;
      for (const bool with_pads : {false, true}) {
        attributes["count_include_pad"] = int64_t{with_pads};
        const auto most = result_of({.op = "MaxPool", .inputs = {x}, .attributes = attributes});
        const auto mean = result_of({.op = "AveragePool", .inputs = {x}, .attributes = attributes, .opset = 19});
        const std::vector<int64_t> sizes = output_sizes(form);
        ASSERT_EQ(most.shape, joined({2, 3}, sizes));
        ASSERT_EQ(mean.shape, most.shape);
        const int64_t pixels = product(form.image), outputs = product(sizes);
        std::vector<double> right_most(static_cast<size_t>(most.size()), -INFINITY), sum(right_most.size());
        std::vector<int64_t> count(right_most.size());
        for (int64_t image = 0; image < 6; ++image) {
          for_each_tap(form, [&](const auto& o, const auto&, int64_t at) {
            const auto to = static_cast<size_t>(image * outputs + offset_of(sizes, o));
            if (at >= 0) {
              const double value = double{x.as<float>()[image * pixels + at]};
              right_most[to] = std::fmax(right_most[to], value);
              sum[to] += value;
            }
            count[to] += with_pads || at >= 0;
          });
        }
        for (size_t i = 0; i < sum.size(); ++i) {
          ASSERT_EQ(most.as<float>()[i], right_most[i]) << graph::shape_text(x.shape) << " at " << i;
          ASSERT_NEAR(mean.as<float>()[i], count[i] == 0 ? 0 : sum[i] / static_cast<double>(count[i]), 1e-6)
              << graph::shape_text(x.shape) << " at " << i;
        }
      }
    }
  }
}

TEST(Pool, CeilModeKeepsTheLastWindowUnlessItBeginsBehindTheImage) {
  const auto run = [](const char* op, int64_t count, std::vector<int64_t> pads, int64_t with_pads) {
    graph::Tensor x = graph::Tensor::zeros(graph::ElementType::f32, {1, 1, count});
    for (int64_t i = 0; i < count; ++i) x.as<float>()[i] = static_cast<float>(i + 1);
    return elements<float>(result_of({.op = op,
                                      .inputs = {x},
                                      .attributes = {{"kernel_shape", std::vector<int64_t>{3}},
                                                     {"strides", std::vector<int64_t>{2}},
                                                     {"pads", pads},
                                                     {"ceil_mode", int64_t{1}},
                                                     {"count_include_pad", with_pads}}}));
  };
  EXPECT_THAT(run("MaxPool", 6, {0, 0}, 0), ElementsAre(3, 5, 6));
  EXPECT_THAT(run("MaxPool", 5, {0, 0}, 0), ElementsAre(3, 5));
  EXPECT_THAT(run("MaxPool", 5, {1, 2}, 0), ElementsAre(2, 4, 5));
  EXPECT_THAT(run("AveragePool", 6, {0, 0}, 0), ElementsAre(2, 4, 5.5f));
  // What lies behind the padding doesn't count, asked or not.
  EXPECT_THAT(run("AveragePool", 6, {0, 0}, 1), ElementsAre(2, 4, 5.5f));
  EXPECT_THAT(run("AveragePool", 6, {1, 1}, 1), ElementsAre(1, 3, 5, 3));
}

TEST(Pool, NotANumberIsTheLargestAndSpoilsMeans) {
  for (const char* op : {"MaxPool", "AveragePool"}) {
    const auto y = elements<float>(result_of({.op = op,
                                              .inputs = {floats({1, 1, 2, 4}, {1, kNan, 2, 9, 3, 4, 5, 8})},
                                              .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}}}));
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1])) << op;
    EXPECT_EQ(y[2], op[0] == 'M' ? 9 : 6) << op;
  }
  const auto most = result_of({.op = "GlobalMaxPool", .inputs = {floats({1, 2, 2}, {1, kNan, 3, 2})}});
  EXPECT_TRUE(std::isnan(most.as<float>()[0]));
  EXPECT_EQ(most.as<float>()[1], 3);
}

TEST(Pool, WholeImages) {
  for (const int64_t count : {1, 15, 16, 17, 49, 3000}) {
    const auto x = random_floats({2, 3, count, 1}, 7);
    const auto mean = result_of({.op = "GlobalAveragePool", .inputs = {x}});
    const auto most = result_of({.op = "GlobalMaxPool", .inputs = {x}});
    ASSERT_EQ(mean.shape, (std::vector<int64_t>{2, 3, 1, 1}));
    for (int64_t image = 0; image < 6; ++image) {
      double sum = 0, largest = -INFINITY;
      for (int64_t i = 0; i < count; ++i) {
        sum += double{x.as<float>()[image * count + i]};
        largest = std::fmax(largest, double{x.as<float>()[image * count + i]});
      }
      EXPECT_NEAR(mean.as<float>()[image], sum / static_cast<double>(count), 1e-6);
      EXPECT_EQ(most.as<float>()[image], largest);
    }
  }
}

TEST(Pool, SaysWhatIsWrong) {
  const auto x = random_floats({1, 1, 4, 4}, 1);
  const std::vector<int64_t> two{2, 2};
  expect_bad({.op = "MaxPool", .inputs = {x}}, "lacks the attribute kernel_shape");
  expect_bad({.op = "MaxPool", .inputs = {x}, .attributes = {{"kernel_shape", two}}, .outputs = 2}, "Indices");
  expect_bad({.op = "MaxPool", .inputs = {x}, .attributes = {{"kernel_shape", std::vector<int64_t>{2}}}},
             "2 sizes are expected");
  expect_bad({.op = "MaxPool", .inputs = {x}, .attributes = {{"kernel_shape", std::vector<int64_t>{5, 2}}}},
             "windows of 5 elements");
  expect_bad({.op = "MaxPool", .inputs = {x}, .attributes = {{"kernel_shape", std::vector<int64_t>{0, 2}}}},
             "sizes from 1");
  expect_bad({.op = "MaxPool",
              .inputs = {x},
              .attributes = {{"kernel_shape", two}, {"pads", std::vector<int64_t>{2, 0, 0, 0}}}},
             "they must be smaller");
  expect_bad({.op = "AveragePool", .inputs = {x}, .attributes = {{"kernel_shape", two}, {"dilations", two}}},
             "came with opset 19");
  expect_bad({.op = "GlobalAveragePool", .inputs = {floats({1, 1}, {1})}}, "[batch, channels, ...]");
}

TEST(Pool, HugeWindowsAreAsFastAsWhatTheyRead) {
  const int64_t most = (int64_t{1} << 31) - 1;
  const auto y = result_of({.op = "MaxPool",
                            .inputs = {floats({1, 1, 3}, {1, 5, 2})},
                            .attributes = {{"kernel_shape", std::vector<int64_t>{most}},
                                           {"strides", std::vector<int64_t>{most}},
                                           {"pads", std::vector<int64_t>{most - 1, most - 1}}}});
  EXPECT_THAT(elements<float>(y), ElementsAre(1, 5));
}

}  // namespace
}  // namespace sparsmith::test

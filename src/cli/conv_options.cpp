#include "cli/conv_options.h"

#include <algorithm>

#include "cli/options.h"
#include "cli/report.h"

namespace sparsmith::cli {
namespace {

// "S" or "S,T": one number for both directions, or one each. Without the option: `otherwise`.
std::pair<int64_t, int64_t> parse_pair(const std::string& text, const std::string& option, char separator,
                                       int64_t otherwise) {
  if (text.empty()) return {otherwise, otherwise};
  const auto parts = split(text, separator);
  if (parts.size() > 2) throw UsageError{option + " wants one number, or two, got '" + text + "'"};
  return {parse_count(parts.front(), option, 1, kMaxDimension), parse_count(parts.back(), option, 1, kMaxDimension)};
}

void read_pads(const std::string& text, Conv2d& conv) {
  if (text.empty()) return;
  auto pads = parse_counts(text, "--pad", 0, kMaxDimension);
  if (pads.size() != 1 && pads.size() != 4)
    throw UsageError{"--pad wants one number, or top,left,bottom,right, got '" + text + "'"};
  pads.resize(4, pads.front());
  conv.pad_top = pads[0];
  conv.pad_left = pads[1];
  conv.pad_bottom = pads[2];
  conv.pad_right = pads[3];
}

}  // namespace

CLI::Option* ConvOptions::add_to(CLI::App& command) {
  CLI::Option* conv_option = command.add_option("--conv", conv, "a convolution on NCHW: input channels, height, width")
                                 ->type_name("C,H,W[,stride]");
  command.add_option("--kernel", kernel, "kernel height and width (default 1x1)")
      ->type_name("KHxKW")
      ->needs(conv_option);
  command.add_option("--stride", stride, "stride, vertical and horizontal (default 1)")
      ->type_name("S[,S]")
      ->needs(conv_option);
  command.add_option("--pad", pad, "rows and columns of zeros around the image (default 0)")
      ->type_name("P|T,L,B,R")
      ->needs(conv_option);
  command.add_option("--dilation", dilation, "distance of the kernel's taps (default 1)")
      ->type_name("D[,D]")
      ->needs(conv_option);
  command.add_option("--groups", groups, "groups of channels (default 1)")->type_name("G")->needs(conv_option);
  command
      .add_option("--k-order", k_order, "what a weight column is: (channel, y, x) or (y, x, channel), as DLMC's files")
      ->check(CLI::IsMember({"oihw", "hwc"}))
      ->needs(conv_option)
      ->capture_default_str();
  return conv_option;
}

std::optional<Conv2d> ConvOptions::read(const Weights& weights, const std::string& path) const {
  if (conv.empty()) return std::nullopt;
  const auto sizes = parse_counts(conv, "--conv", 1, kMaxDimension);
  if (sizes.size() != 3 && sizes.size() != 4)
    throw UsageError{"--conv wants C,H,W or C,H,W,stride, got '" + conv + "'"};
  if (sizes.size() == 4 && !stride.empty()) throw UsageError{"--conv " + conv + " and --stride both name a stride"};
  Conv2d result;
  result.height = sizes[1];
  result.width = sizes[2];
  std::tie(result.kernel_h, result.kernel_w) = parse_pair(kernel, "--kernel", 'x', 1);
  std::tie(result.stride_h, result.stride_w) = parse_pair(stride, "--stride", ',', sizes.size() == 4 ? sizes[3] : 1);
  std::tie(result.dilation_h, result.dilation_w) = parse_pair(dilation, "--dilation", ',', 1);
  read_pads(pad, result);
  if (!groups.empty()) result.groups = parse_count(groups, "--groups", 1, kMaxDimension);
  result.order = k_order == "hwc" ? WeightOrder::hwc : WeightOrder::oihw;

  const auto wanted = static_cast<double>(sizes[0]) / static_cast<double>(result.groups) *
                      static_cast<double>(result.kernel_h) * static_cast<double>(result.kernel_w);
  if (wanted != static_cast<double>(weights.cols())) {
    const char* each = result.groups > 1   ? "channels / groups * kernel height * kernel width"
                       : result.taps() > 1 ? "channels * kernel height * kernel width"
                                           : "channels";
    fail(format("--conv says %lld input channels, but %s has %lld columns, which should be %s = %.15g",
                static_cast<long long>(sizes[0]), path.c_str(), static_cast<long long>(weights.cols()), each, wanted));
  }
  return result;
}

}  // namespace sparsmith::cli

#include "bench/cases.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sparsmith::bench {

namespace {

/// "1,2,3" as numbers, at most four of them; none when it isn't that.
std::vector<int64_t> numbers(const std::string& text, char separator = ',') {
  std::istringstream parts(text);
  std::vector<int64_t> values;
  for (std::string part; std::getline(parts, part, separator);) {
    char* end = nullptr;
    values.push_back(std::strtoll(part.c_str(), &end, 10));
    if (part.empty() || *end != '\0' || values.size() > 4) return {};
  }
  return values;
}

/// The options of a convolution; none where one is unknown or has another form than case lists use.
std::optional<Conv2d> read_conv(std::istringstream& words) {
  Conv2d conv;
  for (std::string option, value; words >> option;) {
    if (!(words >> value)) return std::nullopt;
    std::vector<int64_t> given = numbers(value, option == "--kernel" ? 'x' : ',');
    if (option == "--k-order" && (value == "hwc" || value == "oihw")) {
      conv.order = value == "hwc" ? WeightOrder::hwc : WeightOrder::oihw;
    } else if (option == "--conv" && given.size() >= 3) {
      conv.height = given[1], conv.width = given[2];
      if (given.size() == 4) conv.stride_h = conv.stride_w = given[3];
    } else if (option == "--kernel" && given.size() == 2) {
      conv.kernel_h = given[0], conv.kernel_w = given[1];
    } else if (option == "--stride" && (given.size() == 1 || given.size() == 2)) {
      conv.stride_h = given.front(), conv.stride_w = given.back();
    } else if (option == "--groups" && given.size() == 1) {
      conv.groups = given[0];
    } else if (option == "--pad" && (given.size() == 1 || given.size() == 4)) {
      given.resize(4, given[0]);
      conv.pad_top = given[0], conv.pad_left = given[1], conv.pad_bottom = given[2], conv.pad_right = given[3];
    } else {
      return std::nullopt;
    }
  }
  const bool has_output =
      conv.height > 0 && conv.stride_h > 0 && conv.stride_w > 0 && conv.out_height() > 0 && conv.out_width() > 0;
  return has_output ? std::optional(conv) : std::nullopt;
}

}  // namespace

std::string data_directory() {
  const char* variable = std::getenv("SPARSMITH_DATA");
  return variable && *variable ? variable : SPARSMITH_DATA;
}

Result<std::vector<Case>> read_cases(const std::string& file) {
  namespace fs = std::filesystem;
  std::ifstream stream(file);
  if (!stream) return bad_input(file + ": can't be opened", "A case list has lines `<weights path> <n>`.");
  std::vector<Case> cases;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string path, rest;
    if (!(words >> path)) continue;
    const fs::path given(path);
    Case one{given.is_absolute() ? path : (fs::path(data_directory()) / "data" / given).string(), given.stem().string(),
             0, std::nullopt};
    const auto after_path = words.tellg();
    if (!(words >> one.n)) {
      words.clear();
      words.seekg(after_path);
      one.conv = read_conv(words);
      if (one.conv) one.n = one.conv->out_height() * one.conv->out_width();
    } else if (words >> rest) {
      one.n = 0;
    }
    if (one.n < 1) {
      return bad_input(file + ":" + std::to_string(number) +
                       ": is not `<weights path> <n>` with n >= 1, or `<weights path> --conv C,H,W ...`: " + line);
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace sparsmith::bench

/// \file
/// The CPU features that targets are made of: their LLVM names, what each implies, and which ones a machine has.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

namespace sparsmith {

/// A set of features, by position in the table of cpu_features.cpp.
using CpuFeatures = std::bitset<64>;

/// The feature's position; empty for a name that isn't known.
std::optional<size_t> find_feature(std::string_view llvm_name);
std::string_view feature_name(size_t position);
size_t feature_count();

/// The named features and everything they imply. Every name must be known.
CpuFeatures features_of(std::initializer_list<std::string_view> llvm_names);

/// `set` with the feature and what it implies; without the feature and what implies it.
CpuFeatures with_feature(CpuFeatures set, size_t position);
CpuFeatures without_feature(CpuFeatures set, size_t position);

/// The levels of the x86-64 psABI, as far as generated code cares.
const CpuFeatures& x86_64_v3();
const CpuFeatures& x86_64_v4();

/// What this CPU has and its operating system keeps over a task switch; asked once.
const CpuFeatures& host_features();

}  // namespace sparsmith

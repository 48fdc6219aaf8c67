/// \file
/// Eigen is compiled for the machine that builds it (its kernels are chosen at compile time); on another one the module
/// must refuse instead of dying of an illegal instruction.
#pragma once

#include <Eigen/Core>
#include <stdexcept>
#include <string>

namespace sparsmith::peers {

inline void check_eigen_cpu() {
#ifdef __AVX512F__
  const char* const needs = __builtin_cpu_supports("avx512f") ? nullptr : "AVX-512";
#elif defined(__AVX2__)
  const char* const needs = __builtin_cpu_supports("avx2") ? nullptr : "AVX2";
#else
  const char* const needs = nullptr;
#endif
  if (needs) throw std::runtime_error(std::string("this module was compiled for ") + needs + ", which this CPU lacks");
}

inline const char* eigen_version() {
  static const std::string text = "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
                                  std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION) +
                                  " (" + Eigen::SimdInstructionSetsInUse() + ")";
  return text.c_str();
}

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
using Vector = Eigen::Matrix<float, Eigen::Dynamic, 1>;

}  // namespace sparsmith::peers

/// \file
/// MKL's set-up, the same for its modules: they share one libmkl_rt, whose threading layer is chosen by the first call.
#pragma once

#include <mkl.h>

#include <string>

namespace sparsmith::peers {

inline void use_mkl_threads(int threads) {
  mkl_set_threading_layer(threads > 1 ? MKL_THREADING_GNU : MKL_THREADING_SEQUENTIAL);
  mkl_set_num_threads(threads);
}

inline const char* mkl_version() {
  static const std::string text = [] {
    MKLVersion v;
    mkl_get_version(&v);
    return "MKL " + std::to_string(v.MajorVersion) + "." + std::to_string(v.MinorVersion) + "." +
           std::to_string(v.UpdateVersion);
  }();
  return text.c_str();
}

}  // namespace sparsmith::peers

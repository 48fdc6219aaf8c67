/// \file
/// oneDNN 3's pip wheel runs its CPU engine on SYCL, which looks for an OpenCL driver and starts threads: both are set
/// up before the first call.
#pragma once

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace sparsmith::peers {

/// Points SYCL to the OpenCL driver that lies beside libdnnl, outside the system's paths, and limits its threads.
/// Values that the user set win. The OpenCL loader is whichever is in the process first, and each has its own variable.
inline void set_up_sycl(int threads) {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&dnnl_version), &info) && info.dli_fname) {
    const auto directory = std::filesystem::path(info.dli_fname).parent_path();
    const auto driver = directory / "libintelocl.so", loader = directory / "libOpenCL.so.1";
    std::error_code error;
    if (std::filesystem::exists(driver, error)) {
      setenv("OCL_ICD_FILENAMES", driver.c_str(), 0);  // Intel's and Khronos's loader
      setenv("OCL_ICD_VENDORS", driver.c_str(), 0);    // ocl-icd, Debian's
    }
    // SYCL opens the loader by its bare name and so finds one that is open already. Never closed, as SYCL keeps it.
    static void* const opened = dlopen(loader.c_str(), RTLD_NOW | RTLD_LOCAL);
    static_cast<void>(opened);
  }
  setenv("DPCPP_CPU_NUM_CUS", std::to_string(threads).c_str(), 0);
  setenv("SYCL_QUEUE_THREAD_POOL_SIZE", "1", 0);
  setenv("ONEDNN_VERBOSE", "0", 0);  // it prints why it fails where a program reports the reason itself
}

}  // namespace sparsmith::peers

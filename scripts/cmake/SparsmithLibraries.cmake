# libsparsmith_runtime loads and runs artifacts (libc++/libstdc++ and threads only); libsparsmith adds the compiler, with LLVM
# linked in statically and hidden, so that it can't clash with another LLVM in the process.
find_package(Threads REQUIRED)
add_library(sparsmith_runtime_lib SHARED)
set_target_properties(sparsmith_runtime_lib PROPERTIES OUTPUT_NAME sparsmith_runtime EXPORT_NAME runtime
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
add_library(Sparsmith::runtime ALIAS sparsmith_runtime_lib)
target_link_libraries(sparsmith_runtime_lib
  PRIVATE $<BUILD_INTERFACE:sparsmith_flags> $<BUILD_INTERFACE:sparsmith_pattern> $<BUILD_INTERFACE:sparsmith_artifact>
          $<BUILD_INTERFACE:sparsmith_runtime> $<BUILD_INTERFACE:sparsmith_graph> $<BUILD_INTERFACE:sparsmith_ops>
          $<BUILD_INTERFACE:sparsmith_model> Threads::Threads)
target_include_directories(sparsmith_runtime_lib INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(sparsmith_runtime_lib INTERFACE cxx_std_20)

if(SPARSMITH_COMPILER)
  add_library(sparsmith_lib SHARED)
  set_target_properties(sparsmith_lib PROPERTIES OUTPUT_NAME sparsmith EXPORT_NAME sparsmith VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR})
  add_library(Sparsmith::sparsmith ALIAS sparsmith_lib)
  target_link_libraries(sparsmith_lib
    PUBLIC sparsmith_runtime_lib
    PRIVATE $<BUILD_INTERFACE:sparsmith_flags> $<BUILD_INTERFACE:sparsmith_cache> $<BUILD_INTERFACE:sparsmith_load>
            $<BUILD_INTERFACE:sparsmith_plan> $<BUILD_INTERFACE:sparsmith_kernels> $<BUILD_INTERFACE:sparsmith_codegen>
            $<BUILD_INTERFACE:sparsmith_compiler> $<BUILD_INTERFACE:sparsmith_onnx> $<BUILD_INTERFACE:sparsmith_passes>
            $<BUILD_INTERFACE:sparsmith_lower> $<BUILD_INTERFACE:sparsmith_llvm> ZLIB::ZLIB Threads::Threads)
  target_link_options(sparsmith_lib PRIVATE -Wl,--exclude-libs,ALL)
  target_compile_features(sparsmith_lib INTERFACE cxx_std_20)
endif()

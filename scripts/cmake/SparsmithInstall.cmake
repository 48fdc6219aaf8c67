# Installation: component `runtime` (libsparsmith_runtime and the headers it needs, which are all of them: they are small)
# and component `compiler` (libsparsmith, the command). Two export sets, so that find_package(Sparsmith COMPONENTS runtime)
# works where only the runtime was installed. LLVM is inside libsparsmith: no installed file refers to it.
if(NOT SPARSMITH_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)

set(SPARSMITH_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Sparsmith)
file(RELATIVE_PATH SPARSMITH_BIN_TO_LIB ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sparsmith DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT runtime
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

install(TARGETS sparsmith_runtime_lib EXPORT SparsmithRuntimeTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT runtime)
install(EXPORT SparsmithRuntimeTargets NAMESPACE Sparsmith:: DESTINATION ${SPARSMITH_PACKAGE_DIR} COMPONENT runtime)

if(SPARSMITH_COMPILER)
  set_target_properties(sparsmith_lib PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(TARGETS sparsmith_lib EXPORT SparsmithCompilerTargets
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiler NAMELINK_COMPONENT compiler)
  install(EXPORT SparsmithCompilerTargets NAMESPACE Sparsmith:: DESTINATION ${SPARSMITH_PACKAGE_DIR} COMPONENT compiler)
endif()
if(SPARSMITH_CLI)
  set_target_properties(sparsmith_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${SPARSMITH_BIN_TO_LIB}")
  install(TARGETS sparsmith_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT compiler)
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/scripts/cmake/SparsmithConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/SparsmithConfig.cmake INSTALL_DESTINATION ${SPARSMITH_PACKAGE_DIR})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SparsmithConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SparsmithConfig.cmake ${PROJECT_BINARY_DIR}/SparsmithConfigVersion.cmake
        DESTINATION ${SPARSMITH_PACKAGE_DIR} COMPONENT runtime)

# sparsmith_layer(NAME SOURCES...): one folder of the library as an object library `sparsmith_NAME`, with the project's
# warnings and sanitizers. Tests link the layers they need; SparsmithLibraries makes the two shared libraries of them.
add_library(sparsmith_flags INTERFACE)
target_include_directories(sparsmith_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
target_include_directories(sparsmith_flags INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
target_compile_options(sparsmith_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # GCC 12 warns of its own std::string (bug 105651)
if(SPARSMITH_WERROR)
  target_compile_options(sparsmith_flags INTERFACE -Werror)
endif()
if(SPARSMITH_SANITIZE)
  target_compile_options(sparsmith_flags INTERFACE -fsanitize=${SPARSMITH_SANITIZE} -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  target_link_options(sparsmith_flags INTERFACE -fsanitize=${SPARSMITH_SANITIZE})
endif()

function(sparsmith_layer name)
  add_library(sparsmith_${name} OBJECT ${ARGN})
  target_link_libraries(sparsmith_${name} PRIVATE sparsmith_flags)
endfunction()

# sparsmith_small(SOURCES...): files of the current layer that check, describe and read rather than loop over numbers. Made
# small: the runtime library is meant to be, and inlined std::string and std::vector are most of such code.
function(sparsmith_small)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release,RelWithDebInfo>:-Os>)
endfunction()

# sparsmith_test(NAME LABEL LAYERS... -- SOURCES...): a GoogleTest program of the named layers, discovered by ctest.
function(sparsmith_test name label)
  set(layers "")
  set(sources "")
  set(into layers)
  foreach(arg IN LISTS ARGN)
    if(arg STREQUAL "--")
      set(into sources)
    elseif(into STREQUAL "layers")
      list(APPEND layers sparsmith_${arg})
    else()
      list(APPEND sources ${arg})
    endif()
  endforeach()
  find_package(GTest REQUIRED)
  find_package(Threads REQUIRED)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE sparsmith_flags ${layers} GTest::gtest_main GTest::gmock Threads::Threads)
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${label} TIMEOUT 600)
endfunction()

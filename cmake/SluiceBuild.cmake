# How Sluice is compiled: one place for flags, one function for a room, one for a program.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(SLUICE_TESTS "Build the tests" ON)
option(SLUICE_WERROR "Treat warnings as errors" OFF)
option(SLUICE_LTO "Optimise across translation units" OFF)
option(SLUICE_FUZZ "Build the fuzz targets (needs clang)" OFF)
set(SLUICE_PROFILE "" CACHE PATH "Profile to optimise by, as cmake/train makes one (GCC)")
option(SLUICE_TRAINEE "Build the program that writes that profile" OFF)
set(SLUICE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# The cache sees no profile, and would answer with what was compiled by another one.
find_program(CCACHE ccache)
if(CCACHE AND NOT SLUICE_PROFILE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(sluice_options INTERFACE)
target_include_directories(sluice_options INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align -Woverloaded-virtual
  -fno-omit-frame-pointer $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
target_compile_definitions(sluice_options INTERFACE SLUICE_VERSION="${PROJECT_VERSION}")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(sluice_options INTERFACE -fcoroutines)
endif()
if(SLUICE_SANITIZE)
  target_compile_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  # What it puts before a function stands before the parts of a coroutine too, where clang 14 cannot compile it.
  target_compile_options(sluice_options INTERFACE $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_PROFILE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "SLUICE_PROFILE needs GCC")
  endif()
  # The prefix: two folders of objects share one profile. Its counts may be torn: there are threads.
  if(SLUICE_TRAINEE)
    set(by_profile -fprofile-generate=${SLUICE_PROFILE} -fprofile-update=prefer-atomic)
  else()
    # What the training did not reach is optimised as ever; a file that was edited since does without a profile.
    set(by_profile -fprofile-use=${SLUICE_PROFILE} -fprofile-correction -fprofile-partial-training
      -Wno-missing-profile -Wno-coverage-mismatch)
  endif()
  list(APPEND by_profile -fprofile-prefix-path=${CMAKE_BINARY_DIR})
  target_compile_options(sluice_options INTERFACE ${by_profile})
  target_link_options(sluice_options INTERFACE ${by_profile})
endif()
# Hardening that costs nothing measurable on the request path.
target_compile_options(sluice_options INTERFACE $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2 -fstack-protector-strong>)
target_link_options(sluice_options INTERFACE -Wl,-z,relro,-z,now)

if(SLUICE_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# sluice_room(NAME [DEPS room...] [LIBS target...]): the library of one room. Its promise is
# include/sluice/NAME, its body src/NAME.
function(sluice_room name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp ${CMAKE_SOURCE_DIR}/src/${name}/*/*.cpp)
  list(TRANSFORM ARG_DEPS PREPEND sluice_)
  if(NOT sources)
    message(FATAL_ERROR "room ${name} has no source")
  endif()
  if(SLUICE_PROFILE AND NOT SLUICE_TRAINEE)
    set_source_files_properties(${sources} PROPERTIES OBJECT_DEPENDS ${SLUICE_PROFILE}/trained)
  endif()
  add_library(sluice_${name} STATIC ${sources})
  target_include_directories(sluice_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(sluice_${name} PUBLIC sluice_options ${ARG_DEPS} ${ARG_LIBS})
endfunction()

# sluice_program(NAME SOURCE room...): a program made of rooms.
function(sluice_program name source)
  list(TRANSFORM ARGN PREPEND sluice_ OUTPUT_VARIABLE rooms)
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE sluice_options ${rooms} Threads::Threads)
endfunction()

# aivault (command line) and aivaultd (daemon), side by side in bin/.
add_executable(aivaultd src/daemon/main.cc)
target_link_libraries(aivaultd PRIVATE aivault_daemon aivault_flags)
# Packed, its relocations take a hundredth of the space.
include(CheckLinkerFlag)
check_linker_flag(CXX LINKER:-z,pack-relative-relocs AIVAULT_LINKER_PACKS_RELOCATIONS)
if(AIVAULT_LINKER_PACKS_RELOCATIONS AND NOT AIVAULT_SANITIZE)
  target_link_options(aivaultd PRIVATE LINKER:-z,pack-relative-relocs)
endif()
install(TARGETS aivaultd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

add_executable(aivault src/cli/main.cc)
target_link_libraries(aivault PRIVATE aivault_cli aivault_flags)
if(AIVAULT_STATIC_CLI AND NOT AIVAULT_SANITIZE)
  # CMake's own -pie silently defeats -static-pie: unset the property and pass the flags.
  set_property(TARGET aivault PROPERTY POSITION_INDEPENDENT_CODE)
  set_property(TARGET aivault PROPERTY AIVAULT_IS_STATIC ON)
  target_compile_options(aivault PRIVATE -fPIE)
  target_link_options(aivault PRIVATE -static-pie)
endif()
install(TARGETS aivault RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

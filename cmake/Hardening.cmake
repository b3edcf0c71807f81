# Compiler and linker flags: warnings are errors, and what an attacker would like is switched off.
add_library(aivault_flags INTERFACE)
add_library(aivault_flags_third_party INTERFACE)   # same ABI flags, no warnings-as-errors
target_compile_options(aivault_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror)
foreach(t aivault_flags aivault_flags_third_party)
  target_compile_options(${t} INTERFACE -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero)
  target_compile_definitions(${t} INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3> _GLIBCXX_ASSERTIONS
    $<$<BOOL:${AIVAULT_DEV_OVERRIDES}>:AIVAULT_DEV_OVERRIDES=1>)
  # Where the sources are is in no byte of what ships: also not in the debug information, of which the build id is made.
  target_compile_options(${t} INTERFACE $<$<CONFIG:RelWithDebInfo>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.>)
  target_link_options(${t} INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  if(AIVAULT_SANITIZE)
    target_compile_options(${t} INTERFACE -fsanitize=${AIVAULT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${t} INTERFACE -fsanitize=${AIVAULT_SANITIZE})
  endif()
endforeach()
set_source_files_properties(src/base/version.cc PROPERTIES COMPILE_DEFINITIONS "AIVAULT_VERSION=\"${PROJECT_VERSION}\"")

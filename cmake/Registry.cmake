# registry/*.json becomes constant tables in aivault_registry: registry_gen checks the files and a
# broken one stops the build with its file, line and column.
get_target_property(definition_sources aivault_registry SOURCES)
# What reads the tables is no part of what makes them.
set(table_readers ${CMAKE_SOURCE_DIR}/src/registry/registry.cc ${CMAKE_SOURCE_DIR}/src/registry/operator_file.cc
  ${CMAKE_SOURCE_DIR}/src/registry/file_texts.cc)
list(REMOVE_ITEM definition_sources ${table_readers})
add_library(aivault_registry_definitions STATIC ${definition_sources})
target_link_libraries(aivault_registry_definitions PUBLIC aivault_base aivault_json aivault_http PRIVATE aivault_flags)
target_include_directories(aivault_registry_definitions PUBLIC src)

# When cross-compiling, point AIVAULT_REGISTRY_GEN at a registry_gen of the build machine.
set(AIVAULT_REGISTRY_GEN "" CACHE FILEPATH "registry_gen that runs on the build machine (cross-compiling only)")
if(AIVAULT_REGISTRY_GEN)
  add_executable(registry_gen IMPORTED GLOBAL)
  set_target_properties(registry_gen PROPERTIES IMPORTED_LOCATION ${AIVAULT_REGISTRY_GEN})
else()
  add_executable(registry_gen tools/registry_gen.cc)
  target_link_libraries(registry_gen PRIVATE aivault_registry_definitions PkgConfig::SODIUM ZLIB::ZLIB aivault_flags)
  set_target_properties(registry_gen PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tools)
endif()

set(registry_tables ${CMAKE_BINARY_DIR}/generated/registry_tables.cc)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
file(GLOB provider_files CONFIGURE_DEPENDS registry/*.json registry/meta/families.json registry/meta/ids.lock)
# A list of the files, rewritten only when it changes: ninja does not see that an input is gone.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/registry_files.txt CONTENT "${provider_files}")
add_custom_command(OUTPUT ${registry_tables}
  COMMAND registry_gen ${CMAKE_SOURCE_DIR}/registry --tables ${registry_tables} "$<$<NOT:$<CONFIG:Debug>>:--strict>"
  DEPENDS registry_gen ${provider_files} ${CMAKE_BINARY_DIR}/generated/registry_files.txt
  COMMENT "Compiling the provider registry" VERBATIM COMMAND_EXPAND_LISTS)
set(registry_texts ${CMAKE_BINARY_DIR}/generated/registry_texts.cc)
add_custom_command(OUTPUT ${registry_texts}
  COMMAND registry_gen ${CMAKE_SOURCE_DIR}/registry --texts ${registry_texts}
  DEPENDS registry_gen ${provider_files} ${registry_tables}
  COMMENT "Packing the provider files" VERBATIM)
set_property(TARGET aivault_registry PROPERTY SOURCES ${table_readers} ${registry_tables} ${registry_texts})
target_link_libraries(aivault_registry PUBLIC aivault_registry_definitions)

if(NOT AIVAULT_REGISTRY_GEN)
  add_test(NAME registry_gen COMMAND ${CMAKE_SOURCE_DIR}/tests/registry_gen.sh $<TARGET_FILE:registry_gen> ${CMAKE_SOURCE_DIR})
endif()

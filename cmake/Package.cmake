# The Debian package: cpack -G DEB in build/release, or scripts/package, which also checks the result.
string(TIMESTAMP AIVAULT_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH decides it.
set(AIVAULT_PACKAGE_VERSION "${PROJECT_VERSION}-1")
set(AIVAULT_MAINTAINER "aivault maintainers <aivault@users.noreply.github.com>" CACHE STRING
    "who builds the package")
set(package_files ${CMAKE_BINARY_DIR}/package)
set(debian ${CMAKE_SOURCE_DIR}/packaging/debian)
configure_file(${debian}/changelog.in ${package_files}/changelog.Debian @ONLY)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME aivault)
set(CPACK_PACKAGE_CONTACT "${AIVAULT_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeps API keys away from the programs and agents that use them")
set(CPACK_PACKAGE_DESCRIPTION
    "aivault keeps every API key in an encrypted vault of one OS user. Programs\nand AI agents of other users invoke capabilities through a unix socket: the\ndaemon checks its policy, puts the credential on the wire, streams the\nanswer back without it and writes an audit record.\nNothing runs after installation; aivault setup gives agents access.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, passwd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm ${debian}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)

set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/aivault)
# -n: no time of packing inside.
function(install_zipped source directory name)
  set(zipped ${package_files}/zipped/${directory}/${name}.gz)
  get_filename_component(into ${zipped} DIRECTORY)
  add_custom_command(OUTPUT ${zipped} COMMAND ${CMAKE_COMMAND} -E make_directory ${into}
                     COMMAND gzip -9nc ${source} > ${zipped} DEPENDS ${source} VERBATIM)
  list(APPEND AIVAULT_PACKAGE_FILES ${zipped})
  set(AIVAULT_PACKAGE_FILES ${AIVAULT_PACKAGE_FILES} PARENT_SCOPE)
  install(FILES ${zipped} DESTINATION ${directory})
endfunction()
install_zipped(${CMAKE_SOURCE_DIR}/CHANGELOG.md ${doc} changelog)
install_zipped(${package_files}/changelog.Debian ${doc} changelog.Debian)
install_zipped(${CMAKE_SOURCE_DIR}/man/aivault.1 ${CMAKE_INSTALL_MANDIR}/man1 aivault.1)
install_zipped(${CMAKE_SOURCE_DIR}/man/aivaultd.8 ${CMAKE_INSTALL_MANDIR}/man8 aivaultd.8)
install(FILES ${debian}/copyright DESTINATION ${doc})
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/SECURITY.md DESTINATION ${doc})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${doc}/docs FILES_MATCHING PATTERN "*.md"
        PATTERN "conformance.md" EXCLUDE)
file(GLOB example_programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*.sh)
file(GLOB example_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*)
list(REMOVE_ITEM example_files ${example_programs})
install(PROGRAMS ${example_programs} DESTINATION ${doc}/examples)
install(FILES ${example_files} DESTINATION ${doc}/examples)
install(FILES ${debian}/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides RENAME aivault)
# Beside the prefix of the package, which is /usr.
install(FILES ${debian}/aivaultd.toml DESTINATION ../etc/aivault)
install(FILES ${debian}/sysusers.conf DESTINATION lib/sysusers.d RENAME aivault.conf)

# Completions come from the program itself.
foreach(entry "bash;share/bash-completion/completions;aivault" "zsh;share/zsh/vendor-completions;_aivault"
              "fish;share/fish/vendor_completions.d;aivault.fish")
  list(GET entry 0 shell)
  list(GET entry 1 directory)
  list(GET entry 2 name)
  set(made ${package_files}/completions/${shell}/${name})
  add_custom_command(OUTPUT ${made} COMMAND ${CMAKE_COMMAND} -E make_directory ${package_files}/completions/${shell}
                     COMMAND aivault completion ${shell} > ${made} DEPENDS aivault VERBATIM)
  list(APPEND AIVAULT_PACKAGE_FILES ${made})
  install(FILES ${made} DESTINATION ${directory})
endforeach()

set(sbom ${package_files}/sbom.spdx.json)
add_custom_command(OUTPUT ${sbom} COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/sbom.py --version ${PROJECT_VERSION}
                   --output ${sbom} $<TARGET_FILE:aivault> $<TARGET_FILE:aivaultd>
                   DEPENDS aivault aivaultd ${CMAKE_SOURCE_DIR}/tools/sbom.py VERBATIM)
list(APPEND AIVAULT_PACKAGE_FILES ${sbom})
install(FILES ${sbom} DESTINATION ${doc})
add_custom_target(package_files DEPENDS ${AIVAULT_PACKAGE_FILES})
include(CPack)

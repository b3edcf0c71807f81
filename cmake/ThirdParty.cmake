# Debian 12 packages only; scripts/packages lists them.
# The command line is linked statically; the daemon takes the same archives, so that there is one
# build of the JSON parser.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json container)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
find_path(AIVAULT_TOML toml++/toml.h REQUIRED)  # Headers only.
find_library(AIVAULT_SODIUM_ARCHIVE libsodium.a REQUIRED)
find_library(AIVAULT_SECCOMP_ARCHIVE libseccomp.a REQUIRED)
# Shared, so that Debian's updates reach the daemon; the archive where the program says so.
define_property(TARGET PROPERTY AIVAULT_IS_STATIC BRIEF_DOCS "links archives only" FULL_DOCS "links archives only")
add_library(aivault_sodium INTERFACE)
target_link_libraries(aivault_sodium INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:AIVAULT_IS_STATIC>>,${AIVAULT_SODIUM_ARCHIVE},PkgConfig::SODIUM>)
add_library(aivault_seccomp INTERFACE)
target_link_libraries(aivault_seccomp INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:AIVAULT_IS_STATIC>>,${AIVAULT_SECCOMP_ARCHIVE},PkgConfig::SECCOMP>)

add_library(aivault_asio INTERFACE)
target_compile_definitions(aivault_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_BEAST_USE_STD_STRING_VIEW)
target_link_libraries(aivault_asio INTERFACE Boost::headers OpenSSL::SSL Threads::Threads)

# What a module needs from outside, by the [third-party] section of src/layers.txt.
set(AIVAULT_LIBS_base aivault_sodium)
set(AIVAULT_LIBS_json Boost::json Boost::container)
set(AIVAULT_LIBS_crypto aivault_sodium OpenSSL::Crypto)
set(AIVAULT_LIBS_sandbox aivault_seccomp)
set(AIVAULT_LIBS_registry ZLIB::ZLIB)
set(AIVAULT_LIBS_store SQLite::SQLite3)
set(AIVAULT_LIBS_upstream aivault_asio ZLIB::ZLIB PkgConfig::BROTLI PkgConfig::ZSTD)
set(AIVAULT_LIBS_tokens aivault_asio)
set(AIVAULT_LIBS_broker aivault_asio)
set(AIVAULT_LIBS_server aivault_asio)
set(AIVAULT_LIBS_daemon aivault_asio)
set(AIVAULT_LIBS_testing aivault_asio)

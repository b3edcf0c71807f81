// registry_gen: checks the provider files and compiles them into constant tables.
#include <sodium.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "registry/check.h"
#include "registry/emit.h"
#include "registry/operator_file.h"
#include "registry/view.h"

// This program holds no tables; what it views is its own.
struct aivault::registry::tables::Image {};
constinit const aivault::registry::tables::Image aivault::registry::tables::kImage{};

namespace {

namespace fs = std::filesystem;
namespace registry = aivault::registry;

constexpr std::string_view kUsage =
    "usage: registry_gen DIR --tables OUT.cc [--strict]   compile DIR/*.json (--strict: warnings "
    "fail)\n"
    "       registry_gen DIR --texts OUT.cc               the files themselves, compressed\n"
    "       registry_gen DIR --docs OUT.md                write the page of all providers\n"
    "       registry_gen DIR --update-lock                bring DIR/meta/ids.lock up to date\n"
    "       registry_gen DIR --verify PAGE.md             are the page and ids.lock up to date?\n"
    "       registry_gen --check FILE...                  check files and say what they allow\n";

struct Source {
  std::string name, text;
};

struct Loaded {
  std::vector<Source> sources;  // Everything that was read, in order.
  std::vector<registry::ProviderFile> files;
  std::vector<registry::FamilyEntry> families;
  registry::Lock lock;
  registry::Problems problems;
};

std::string read_file(const fs::path& path, registry::Problems& problems) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) problems.error(path.string(), {}, "FILE-1", "cannot be read");
  return std::move(text).str();
}

bool write_file(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) std::fprintf(stderr, "registry_gen: cannot write %s\n", path.c_str());
  return static_cast<bool>(out);
}

std::vector<fs::path> provider_paths(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(directory, failure)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

// Reads and checks `paths`, and what `directory`/meta says about them.
Loaded load(const fs::path& directory, const std::vector<fs::path>& paths) {
  Loaded loaded;
  const auto read = [&](const fs::path& path) -> const Source& {
    return loaded.sources.emplace_back(path.string(), read_file(path, loaded.problems));
  };
  for (const auto& path : paths) {
    const Source source = read(path);
    auto file = registry::parse_file(source.name, source.text, loaded.problems);
    if (!file) continue;
    registry::check_file(*file, loaded.problems);
    if (registry::is_operator_id(file->id.text)) {
      loaded.problems.error(source.name,
                            file->id.at,
                            "FILE-4",
                            "ids that begin with x- are for files that operators add to a vault");
    }
    loaded.files.push_back(*std::move(file));
  }
  if (const auto path = directory / "meta" / "families.json"; fs::exists(path)) {
    const Source source = read(path);
    loaded.families = registry::parse_families(source.name, source.text, loaded.problems);
  }
  if (const auto path = directory / "meta" / "ids.lock"; fs::exists(path)) {
    const auto text = read_file(path, loaded.problems);
    loaded.lock = registry::parse_lock(path.string(), text, loaded.problems);
  }
  registry::check_set(loaded.files, loaded.families, loaded.lock, loaded.problems);
  return loaded;
}

// BLAKE2b-256 over the definitions as they were written; names of directories do not count.
std::string digest_of(const std::vector<Source>& sources) {
  crypto_generichash_state state;
  std::array<unsigned char, 32> digest{};
  crypto_generichash_init(&state, nullptr, 0, digest.size());
  const auto update = [&](const std::string& text) {
    const std::string framed = std::to_string(text.size()) + ":" + text;
    crypto_generichash_update(
        &state, reinterpret_cast<const unsigned char*>(framed.data()), framed.size());
  };
  for (const auto& source : sources) {
    update(fs::path(source.name).filename().string());
    update(source.text);
  }
  crypto_generichash_final(&state, digest.data(), digest.size());
  return aivault::hex(std::as_bytes(std::span(digest)));
}

std::string compressed(const std::string& text) {
  std::string out(compressBound(text.size()), '\0');
  uLongf size = out.size();
  const int outcome = compress2(reinterpret_cast<Bytef*>(out.data()),
                                &size,
                                reinterpret_cast<const Bytef*>(text.data()),
                                text.size(),
                                Z_BEST_COMPRESSION);
  if (outcome != Z_OK) std::abort();  // Out of memory.
  out.resize(size);
  return out;
}

// A string literal of these bytes; octal, since three digits never run into what follows.
std::string literal(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 64 == 0) text += "\n    \"";
    const auto byte = static_cast<unsigned char>(bytes[i]);
    for (const auto shift : {6U, 3U, 0U}) {
      if (shift == 6U) text += '\\';
      text += static_cast<char>('0' + ((byte >> shift) & 7U));
    }
    if (i % 64 == 63 || i + 1 == bytes.size()) text += '"';
  }
  return text;
}

// The source file that defines file_texts() of registry/file_texts.h.
std::string print_texts(const Loaded& loaded) {
  std::string items, pool;
  std::size_t at = 0;
  for (const auto& file : loaded.files) {
    const auto source = std::ranges::find(loaded.sources, file.file, &Source::name);
    const auto bytes = compressed(source->text);
    pool += literal(bytes);
    items += "  {" + std::to_string(at) + ", " + std::to_string(bytes.size()) + ", " +
             std::to_string(source->text.size()) + "},\n";
    at += bytes.size();
  }
  return "// Generated by registry_gen from registry/*.json: edit those files instead.\n"
         "#include \"registry/file_texts.h\"\n\n"
         "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n"
         "namespace aivault::registry::tables {\n"
         "namespace {\n\nconstexpr FileText kTexts[] = {\n" +
         items + "};\n\nconstexpr char kPool[] =" + pool +
         ";\n\n}  // namespace\n\nstd::span<const FileText> file_texts() { return kTexts; }\n"
         "std::string_view packed_texts() { return {kPool, sizeof(kPool) - 1}; }\n\n"
         "}  // namespace aivault::registry::tables\n";
}

void print_lines(const std::vector<std::string>& lines) {
  for (const auto& line : lines) std::fprintf(stderr, "%s\n", line.c_str());
}

bool is_same(const fs::path& path, const std::string& wanted) {
  registry::Problems ignored;
  if (read_file(path, ignored) == wanted) return true;
  std::fprintf(stderr, "registry_gen: %s is out of date\n", path.c_str());
  return false;
}

int check(const std::vector<std::string>& names) {
  int status = 0;
  for (const auto& name : names) {
    const fs::path path(name);
    const auto directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
    // In the source tree the others count too, with the names, hosts and ids they have claimed.
    auto paths =
        fs::exists(directory / "meta") ? provider_paths(directory) : std::vector<fs::path>();
    const auto is_this = [&](const fs::path& other) { return other.filename() == path.filename(); };
    std::erase_if(paths, is_this);
    paths.push_back(path);
    const auto loaded = load(directory, paths);
    registry::Problems own;
    for (const auto& problem : loaded.problems.all()) {
      if (problem.file != name) continue;
      const bool fails = problem.severity == registry::Severity::error;
      if (fails) status = 1;
      if (fails) own.error(name, problem.at, problem.code, problem.text);
      if (!fails) own.warn(name, problem.at, problem.code, problem.text);
    }
    print_lines(own.lines());
    if (own.has_errors()) continue;
    for (const auto& file : loaded.files) {
      if (file.file == name) std::fputs(registry::print_report(file).c_str(), stdout);
    }
  }
  return status;
}

int run(const std::vector<std::string>& args) {
  if (args.size() >= 2 && args[0] == "--check") return check({args.begin() + 1, args.end()});
  const bool strict = !args.empty() && args.back() == "--strict";
  const auto count = args.size() - (strict ? 1 : 0);
  if (count < 2 || (count == 2) != (args[1] == "--update-lock") || count > 3) {
    std::fputs(kUsage.data(), stderr);
    return 2;
  }
  const fs::path directory(args[0]);
  const auto& action = args[1];
  auto loaded = load(directory, provider_paths(directory));
  std::ranges::sort(loaded.files, {}, [](const auto& file) { return file.id.text; });
  print_lines(loaded.problems.lines());
  if (loaded.problems.has_errors() || (strict && !loaded.problems.all().empty())) return 1;
  if (loaded.files.empty()) {
    std::fprintf(stderr, "registry_gen: no provider file in %s\n", directory.c_str());
    return 1;
  }
  const auto lock = registry::print_lock(registry::lock_of(loaded.files, loaded.lock));
  const auto lock_path = directory / "meta" / "ids.lock";
  if (action == "--update-lock") return write_file(lock_path, lock) ? 0 : 1;
  if (action == "--docs") return write_file(args[2], registry::print_page(loaded.files)) ? 0 : 1;
  if (action == "--verify") {
    const bool lock_good = is_same(lock_path, lock);
    return is_same(args[2], registry::print_page(loaded.files)) && lock_good ? 0 : 1;
  }
  if (action == "--tables") {
    const auto tables =
        registry::print_tables(loaded.files, loaded.families, digest_of(loaded.sources));
    return write_file(args[2], tables) ? 0 : 1;
  }
  if (action == "--texts") return write_file(args[2], print_texts(loaded)) ? 0 : 1;
  std::fputs(kUsage.data(), stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) { return run({argv + 1, argv + argc}); }

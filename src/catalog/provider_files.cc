#include "catalog/provider_files.h"

#include <algorithm>
#include <utility>

#include "registry/operator_file.h"

namespace aivault::catalog {
namespace {

using File = ProviderFiles::File;

std::string first_problem(const registry::Problems& problems) {
  for (const auto& problem : problems.all()) {
    if (problem.severity != registry::Severity::error) continue;
    return "line " + std::to_string(problem.at.line) + ": " + problem.code + ": " + problem.text;
  }
  return "it is no provider file";
}

std::shared_ptr<const registry::Registry> registry_of(const std::vector<File>& files) {
  std::vector<std::shared_ptr<const registry::OwnProvider>> own;
  std::vector<std::string> refused;
  for (const auto& file : files) {
    if (file.provider) own.push_back(file.provider);
    if (!file.provider) refused.push_back(file.id);
  }
  return std::make_shared<const registry::Registry>(std::move(own), std::move(refused));
}

void judge(File& file, const std::vector<File>& before_it) {
  auto judged = registry::judge_file(file.text, *registry_of(before_it));
  if (judged.provider && judged.file->id.text != file.id) judged.provider = nullptr;
  file.provider = std::move(judged.provider);
  if (file.provider) return;
  file.problem = "the provider file is not in force: " + first_problem(judged.problems) +
                 "; correct it with `aivault provider add FILE --replace`";
}

}  // namespace

const File* ProviderFiles::find(std::string_view id) const {
  const auto found = std::ranges::find(files, id, &File::id);
  return found != files.end() ? &*found : nullptr;
}

Result<ProviderFiles> read_provider_files(vault::Reader& reader, const ProviderFiles* before) {
  ProviderFiles result;
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto rows, reader.providers(damaged));
  for (auto& row : rows) {
    if (row.kind != vault::ProviderRow::Kind::file) continue;
    File file{row.id, std::move(row.body), nullptr, {}};
    const auto* same = before != nullptr ? before->find(file.id) : nullptr;
    if (same != nullptr && same->provider && same->text == file.text) {
      file.provider = same->provider;
    } else {
      judge(file, result.files);
    }
    result.files.push_back(std::move(file));
  }
  for (auto& problem : damaged) {
    result.files.push_back({std::move(problem.id), {}, nullptr, std::move(problem.message)});
  }
  std::ranges::sort(result.files, {}, &File::id);
  result.registry = registry_of(result.files);
  return result;
}

Result<std::shared_ptr<const registry::Registry>> known_providers(vault::Reader& reader) {
  TRY_ASSIGN(auto files, read_provider_files(reader));
  return std::move(files.registry);
}

}  // namespace aivault::catalog

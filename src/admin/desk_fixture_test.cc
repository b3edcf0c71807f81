#include "admin/desk_fixture.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <regex>

#include "base/text.h"
#include "json/parse.h"
#include "json/wiping_memory.h"
#include "json/write.h"

namespace aivault::admin {
namespace {

std::filesystem::path temporary_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "aivault-desk-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  return name;
}

vault::Options options_in(const std::filesystem::path& directory) {
  vault::Options options;
  options.location = {(directory / "vault").string(), (directory / "keys" / "kek.key").string()};
  return options;
}

std::string decoded(std::string_view text) {
  return std::regex_replace(
      std::regex_replace(std::string(text), std::regex("%2F"), "/"), std::regex("%20"), " ");
}

bool fits(std::string_view pattern, std::string_view path, std::vector<std::string>& ids) {
  const auto wanted = split(pattern, '/');
  const auto given = split(path, '/');
  if (wanted.size() != given.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      ids.push_back(decoded(given[i]));
    } else if (wanted[i] != given[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

DeskFixture::DeskFixture()
    : directory_(temporary_directory()),
      slot_(options_in(directory_)),
      desk_{slot_, catalog_, facts_} {
  facts_.version = "9.9.9";
  facts_.socket = "/run/test.sock";
  facts_.pid = 4711;
  facts_.uid = 1000;
  facts_.hardening = [] { return json::Value::object({{"seccomp", "off"}}); };
  actor_.uid = 1000;
  actor_.pid = 42;
  actor_.user = "olga";
  actor_.exe = "/usr/bin/aivault";
  actor_.is_operator = true;
  actor_.request_id = "r1";
}

DeskFixture::~DeskFixture() {
  slot_.close();
  std::filesystem::remove_all(directory_);
}

Result<Answer> DeskFixture::ask(std::string_view method,
                                std::string_view target,
                                std::string_view body) {
  notices_.clear();
  const auto path = target.substr(0, target.find('?'));
  for (const auto& operation : operations()) {
    Request request;
    request.actor = actor_;
    if (operation.method != method || !fits(operation.path, path, request.ids)) continue;
    if (path.size() < target.size()) {
      for (const auto piece : split(target.substr(path.size() + 1), '&')) {
        const auto cut = piece.find('=');
        request.query.emplace_back(decoded(piece.substr(0, cut)), decoded(piece.substr(cut + 1)));
      }
    }
    json::WipingMemory memory;
    json::Value parsed(&memory);
    if (!body.empty()) {
      auto value = json::parse(body, {}, json::Positions::none, &memory);
      EXPECT_TRUE(value) << body;
      parsed = *std::move(value);
      request.body = &parsed;
    }
    auto answer = operation.handle(desk_, request);
    if (answer) {
      for (const auto& notice : answer->notices) {
        const bool warns = notice.level == Answer::Notice::Level::warning;
        notices_.push_back((warns ? "!" : "") + notice.text);
      }
    }
    return answer;
  }
  return invalid_request("unknown_endpoint", "no such operation");
}

std::string DeskFixture::ok(std::string_view method,
                            std::string_view target,
                            std::string_view body) {
  const auto answer = ask(method, target, body);
  if (!answer) {
    ADD_FAILURE() << method << " " << target << ": " << answer.error().message;
    return "";
  }
  return without_ids(json::compact(
      answer->result,
      answer->form == Answer::Form::shape ? json::Order::as_built : json::Order::alphabetical));
}

std::string DeskFixture::refusal(std::string_view method,
                                 std::string_view target,
                                 std::string_view body) {
  const auto answer = ask(method, target, body);
  if (!answer) return answer.error().message;
  ADD_FAILURE() << method << " " << target << " is not refused";
  return "";
}

std::string DeskFixture::make_secret(std::string_view name,
                                     std::string_view value,
                                     std::string_view more) {
  const auto body = R"({"name":")" + std::string(name) + R"(","value":)" + json::quoted(value) +
                    std::string(more) + "}";
  const auto answer = ask("POST", "/aivault/secrets", body);
  if (!answer) {
    ADD_FAILURE() << name << ": " << answer.error().message;
    return "";
  }
  return std::string(answer->result.find("secretId")->text());
}

std::string DeskFixture::make_custom(std::string_view id, std::string_view secret_id) {
  return ok("POST",
            "/aivault/credentials",
            R"({"id":")" + std::string(id) + R"(","provider":"acme","secretRef":"vault:secret:)" +
                std::string(secret_id) + R"(","auth":{"header":{}},"hosts":["api.acme.test"]})");
}

std::vector<std::string> DeskFixture::audit_kinds() {
  std::vector<std::string> kinds;
  const auto answer = ask("GET", "/aivault/audit");
  if (!answer) return {answer.error().message};
  for (const auto& event : answer->result.find("items")->items()) {
    kinds.emplace(kinds.begin(), event.find("kind")->text());
  }
  return kinds;
}

void DeskFixture::tamper(std::string_view from, std::string_view to) {
  ASSERT_EQ(from.size(), to.size());
  slot_.close();
  const auto file = directory_ / "vault" / "vault.db";
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::size_t hits = 0;
  for (auto at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + 1)) {
    bytes.replace(at, to.size(), to);
    ++hits;
  }
  ASSERT_GT(hits, 0U) << from;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

vault::Vault& DeskFixture::vault() {
  auto open = slot_.get_or_create();
  if (!open) throw std::runtime_error(open.error().message);
  return **open;
}

std::shared_ptr<const catalog::Snapshot> DeskFixture::snapshot() {
  auto current = catalog_.current(vault());
  if (!current) throw std::runtime_error(current.error().message);
  return *current;
}

std::string without_ids(std::string text) {
  static const std::regex kUuid("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  static const std::regex kTime("(Ms\":)[0-9]+");
  return std::regex_replace(std::regex_replace(text, kUuid, "ID"), kTime, "$1T");
}

}  // namespace aivault::admin

#include "cli/key_provider_flags.h"

#include <array>
#include <utility>

namespace aivault::cli {

void add_key_provider(Session& session, const Arguments& arguments, json::Value& body) {
  using Key = std::pair<std::string_view, std::string_view>;
  constexpr auto kKeys = std::to_array<Key>({{"env-var", "envVar"},
                                             {"credential-name", "credentialName"},
                                             {"key-description", "keyDescription"},
                                             {"keychain-service", "keychainService"},
                                             {"keychain-account", "keychainAccount"}});
  const auto provider = arguments.text("provider");
  if (provider) body.set("provider", *provider);
  if (const auto path = arguments.text("file-path")) {
    body.set("filePath", session.environment().absolute(*path));
  }
  for (const auto& [flag, key] : kKeys) {
    if (const auto text = arguments.text(flag)) body.set(key, *text);
  }
  if (provider == "env")
    session.key_variables.push_back(arguments.text_or("env-var", "AIVAULT_KEY"));
}

SecretSource new_vault_passphrase(std::string_view text_flag, std::string_view file_flag) {
  return {.text_flag = text_flag,
          .file_flag = file_flag,
          .what = "passphrase",
          .prompt = "New passphrase of the vault",
          .ask = Ask::twice};
}

}  // namespace aivault::cli

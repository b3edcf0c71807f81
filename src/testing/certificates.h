// Certificates for tests: a CA of our own and what it signs, made in memory.
#pragma once

#include <string>
#include <vector>

namespace aivault::testing {

struct ServerIdentity {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::vector<std::string> names;      // DNS names.
  std::vector<std::string> addresses;  // IP addresses.
  long valid_from_s = -3600;           // Relative to now.
  long valid_to_s = 24 * 3600;
};

class CertificateAuthority {
 public:
  CertificateAuthority();
  const std::string& pem() const { return own_.certificate_pem; }
  ServerIdentity issue(const CertificateRequest& request) const;

 private:
  ServerIdentity own_;
};

ServerIdentity self_signed(const CertificateRequest& request);

}  // namespace aivault::testing

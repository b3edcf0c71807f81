// A provider file that passes every check, for tests that break one thing in it.
// Thread: any.
#pragma once

#include <string_view>

namespace aivault::registry {

inline constexpr std::string_view kGood = R"json({
  "schema": 1,
  "provider": "acme",
  "name": "Acme",
  "category": "support",
  "docs": "https://acme.example/docs",
  "reviewed": "2026-11-20",
  "params": { "sub": { "label": "Subdomain", "chars": "host-label", "example": "octo" } },
  "hosts": { "api": ["{sub}.acme.example"], "files": ["files.acme.example"] },
  "together": ["api", "files"],
  "auth": [
    { "name": "key", "base": true, "priority": 60, "secrets": { "ACME_KEY": "secret" },
      "config": { "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } } },
    { "name": "login", "priority": 50, "secrets": { "ACME_USER": "user", "ACME_PASSWORD": "password" }, "public": ["user"],
      "config": { "basic": { "username_template": "{{user}}", "password_template": "{{password}}" } } },
    { "name": "file", "named_only": true, "priority": 40, "secrets": { "ACME_KEY": "secret" }, "path_prefix": "/f",
      "config": { "path": { "prefix_template": "/k{{secret}}" } } }
  ],
  "headers": [ { "name": "acme-version", "value": "2026-01" }, { "name": "acme-site", "value": "{sub}" } ],
  "never": ["/v1/tokens"],
  "request_headers": ["acme-account", "acme-site"],
  "managed_parameters": ["key", "token"],
  "shares_host": ["files.acme.example"],
  "capabilities": [
    { "id": "acme/files", "summary": "Download any file", "class": "read", "host": "files", "wide": true,
      "allow": [ { "methods": ["GET"], "paths": ["/"] } ], "auth": ["file"],
      "example": { "method": "GET", "path": "/a/b.pdf" } },
    { "id": "acme/graphql", "summary": "Call the GraphQL API", "class": "destructive", "host": "api", "body_class": "graphql",
      "allow": [ { "methods": ["POST"], "paths": ["/graphql$"] } ],
      "example": { "method": "POST", "path": "/graphql", "body": "{}" } },
    { "id": "acme/live", "summary": "Talk live", "class": "write", "host": "api", "websocket": true,
      "allow": [ { "methods": ["GET"], "paths": ["/live"] } ],
      "example": { "method": "GET", "path": "/live" } },
    { "id": "acme/notes", "summary": "Read notes", "class": "read", "host": "api",
      "allow": [ { "methods": ["GET"], "paths": ["/v1/tickets/{id}/notes"] } ],
      "example": { "method": "GET", "path": "/v1/tickets/7/notes" } },
    { "id": "acme/tickets", "summary": "Manage tickets", "class": "destructive", "host": "api", "overlaps": ["acme/notes"],
      "allow": [ { "methods": ["GET", "POST", "DELETE"], "paths": ["/v1/tickets"] } ],
      "except": ["/v1/tickets/{id}/hooks"],
      "classes": [ { "class": "read", "methods": ["POST"], "paths": ["/v1/tickets/search$"] } ],
      "example": { "method": "GET", "path": "/v1/tickets/7" } }
  ],
  "aliases": { "acme/issues": "acme/tickets" },
  "retired": { "acme/faxes": { "reason": "no faxes any more", "release": "0.2.0", "replacements": ["acme/files"] } },
  "setup": { "url": "https://acme.example/keys", "steps": ["Create a key."], "looks_like": "ak_" },
  "sdk": [ { "base_url": "ACME_BASE_URL", "suffix": "/v1", "token": "ACME_KEY" } ]
}
)json";

}  // namespace aivault::registry

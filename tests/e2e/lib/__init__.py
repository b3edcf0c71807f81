"""What the end-to-end tests share: certificates, upstreams, vaults, users, the scenario class."""

#include "cli/systemd_units.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kFirstLine =
    "# Written by aivault setup systemd; put changes into drop-ins\n";

// Left out on purpose: PrivateUsers=, which hides every caller behind one uid;
// ProtectProc=invisible, which hides the caller's program from the audit; IPAddressDeny=, because
// some clouds serve DNS at a link-local address (the daemon has address rules of its own).
constexpr std::string_view kSandbox = R"(ProtectSystem=strict
UMask=0077
LimitCORE=0
LimitMEMLOCK=64M
LimitNOFILE=8192
TasksMax=64
MemoryMax=768M
MemorySwapMax=0
OOMScoreAdjust=-200
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProcSubset=pid
KeyringMode=private
DevicePolicy=closed
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateIPC=yes
RemoveIPC=yes
LockPersonality=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service memfd_secret landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
SystemCallFilter=~@privileged @resources @mount @reboot @swap @module @raw-io @clock @debug @cpu-emulation @obsolete @keyring @setuid @chown @aio process_vm_readv process_vm_writev kcmp pidfd_getfd
)";

bool is_below(std::string_view path, std::string_view directory) {
  return path == directory ||
         (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

// The vault stays where a person's commands find it too; of all homes only it is to be seen.
std::string home_lines(const std::string& home) {
  if (home == "/var/lib/aivault") {
    return "ProtectHome=yes\nStateDirectory=aivault\nStateDirectoryMode=0700\n";
  }
  for (const std::string_view hidden : {"/home", "/root", "/run/user"}) {
    // Without the directory the start fails, rather than hiding the vault behind an empty one.
    if (is_below(home, hidden)) return "ProtectHome=tmpfs\nBindPaths=" + home + "/.aivault\n";
  }
  return "ProtectHome=yes\nReadWritePaths=" + home + "/.aivault\n";
}

}  // namespace

std::string socket_unit(const UnitFacts& facts) {
  return std::string(kFirstLine) +
         "[Unit]\nDescription=aivault agent socket\n\n[Socket]\nListenStream=" +
         std::string(kSystemSocket) +
         "\nFileDescriptorName=agent\nSocketUser=" + facts.daemon_user +
         "\nSocketGroup=aivault\nSocketMode=0660\nDirectoryMode=2750\nBacklog=1024\n"
         "RemoveOnStop=yes\n\n[Install]\nWantedBy=sockets.target\n";
}

std::string service_unit(const UnitFacts& facts) {
  auto text =
      std::string(kFirstLine) +
      "[Unit]\nDescription=aivault shared daemon\nDocumentation=man:aivaultd(8)\nRequires=" +
      std::string(kSocketUnit) + "\nAfter=network.target\nAfter=" + std::string(kSocketUnit) +
      "\n\n[Service]\nType=notify\nNotifyAccess=main\nUser=" + facts.daemon_user +
      "\nGroup=aivault\nExecStart=" + facts.program +
      " --shared\nExecReload=/bin/kill -HUP $MAINPID\nWatchdogSec=30\nTimeoutStopSec=20\n"
      "Restart=on-failure\nRestartSec=1\nRestartForceExitStatus=75\nSuccessExitStatus=75\n"
      "RuntimeDirectory=aivault\nRuntimeDirectoryMode=2750\nRuntimeDirectoryPreserve=yes\n";
  text += home_lines(facts.home);
  if (facts.loads_sealed_key) {
    text += "LoadCredentialEncrypted=aivault-kek:" + std::string(kSealedKey) + "\n";
  }
  text += kSandbox;
  return text + "\n[Install]\nWantedBy=multi-user.target\n";
}

}  // namespace aivault::cli

/* Preloaded into aivaultd by the crash and fault proofs: counts, over all threads, the calls that
 * change files, and at the N-th one ends the process as a kill at that instruction would, or lets the
 * call fail. Only calls on regular files and directories count: sockets, pipes and events do not.
 *
 * SHIM_STATE  a file of one page, shared: what was counted, the name of the call that was hit, and how
 *             many of the calls were fsync or fdatasync
 * SHIM_AT     N, from 1; 0: only count
 * SHIM_FAULT  KILL, or the number of an errno
 * SHIM_STAYS  1: every later call fails too (a disk stays full), else only the N-th, or that many
 * SHIM_OPENS  1: count calls that open files too (for EMFILE), else only those that create them */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
  atomic_long count;
  char hit[64];
  atomic_long syncs;
};
static struct state* state;
static long at, stays, opens;
static int fault; /* 0: kill */

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("SHIM_STATE");
  if (path == NULL) return;
  const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (file < 0) abort();
  state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (state == MAP_FAILED) abort();
  at = atol(getenv("SHIM_AT"));
  stays = atol(getenv("SHIM_STAYS"));
  opens = atol(getenv("SHIM_OPENS"));
  fault = strcmp(getenv("SHIM_FAULT"), "KILL") == 0 ? 0 : atoi(getenv("SHIM_FAULT"));
}

/* 1: the call must fail, errno is set. */
static int hits(const char* name) {
  if (state == NULL) return 0;
  const long number = atomic_fetch_add(&state->count, 1) + 1;
  if (strcmp(name, "fsync") == 0 || strcmp(name, "fdatasync") == 0) atomic_fetch_add(&state->syncs, 1);
  if (at == 0 || number < at || (stays != 1 && number > at && number >= at + stays)) return 0;
  if (number == at) strncpy(state->hit, name, sizeof state->hit - 1);
  if (fault == 0) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    /* The sandbox lets no signal out: ending at once does the same, none of our instructions follows. */
    for (;;) syscall(SYS_exit_group, 128 + SIGKILL);
  }
  errno = fault;
  return 1;
}

static int is_file(int descriptor) {
  struct stat facts;
  return fstat(descriptor, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode));
}

#define NEXT(name) \
  static __typeof__(name)* next; \
  if (next == NULL) next = (__typeof__(name)*)dlsym(RTLD_NEXT, #name)

#define ON_DESCRIPTOR(type, name, parameters, arguments) \
  type name parameters { \
    NEXT(name); \
    if (is_file(descriptor) && hits(#name)) return -1; \
    return next arguments; \
  }
#define ON_PATH(name, parameters, arguments) \
  int name parameters { \
    NEXT(name); \
    if (hits(#name)) return -1; \
    return next arguments; \
  }

ON_DESCRIPTOR(ssize_t, write, (int descriptor, const void* data, size_t size), (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, pwrite, (int descriptor, const void* data, size_t size, off_t offset),
              (descriptor, data, size, offset))
ON_DESCRIPTOR(ssize_t, pwrite64, (int descriptor, const void* data, size_t size, off64_t offset),
              (descriptor, data, size, offset))
ON_DESCRIPTOR(ssize_t, writev, (int descriptor, const struct iovec* parts, int count),
              (descriptor, parts, count))
ON_DESCRIPTOR(int, fsync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, fdatasync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, ftruncate, (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, ftruncate64, (int descriptor, off64_t size), (descriptor, size))
ON_DESCRIPTOR(int, fallocate, (int descriptor, int mode, off_t offset, off_t size),
              (descriptor, mode, offset, size))
ON_DESCRIPTOR(int, fchmod, (int descriptor, mode_t mode), (descriptor, mode))

/* These return the error instead of setting errno. */
int posix_fallocate(int descriptor, off_t offset, off_t size) {
  NEXT(posix_fallocate);
  return hits("posix_fallocate") ? errno : next(descriptor, offset, size);
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t size) {
  NEXT(posix_fallocate64);
  return hits("posix_fallocate64") ? errno : next(descriptor, offset, size);
}

ON_PATH(rename, (const char* from, const char* to), (from, to))
ON_PATH(renameat, (int a, const char* from, int b, const char* to), (a, from, b, to))
ON_PATH(renameat2, (int a, const char* from, int b, const char* to, unsigned flags),
        (a, from, b, to, flags))
ON_PATH(link, (const char* from, const char* to), (from, to))
ON_PATH(linkat, (int a, const char* from, int b, const char* to, int flags), (a, from, b, to, flags))
ON_PATH(unlink, (const char* path), (path))
ON_PATH(unlinkat, (int directory, const char* path, int flags), (directory, path, flags))
ON_PATH(mkdir, (const char* path, mode_t mode), (path, mode))
ON_PATH(mkdirat, (int directory, const char* path, mode_t mode), (directory, path, mode))
ON_PATH(rmdir, (const char* path), (path))

#define ON_OPEN(name, parameters, arguments) \
  int name parameters { \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
      va_list more; \
      va_start(more, flags); \
      mode = va_arg(more, mode_t); \
      va_end(more); \
    } \
    NEXT(name); \
    if ((opens || (flags & (O_CREAT | O_TRUNC))) && hits(#name)) return -1; \
    return next arguments; \
  }
ON_OPEN(open, (const char* path, int flags, ...), (path, flags, mode))
ON_OPEN(open64, (const char* path, int flags, ...), (path, flags, mode))
ON_OPEN(openat, (int directory, const char* path, int flags, ...), (directory, path, flags, mode))
ON_OPEN(openat64, (int directory, const char* path, int flags, ...), (directory, path, flags, mode))

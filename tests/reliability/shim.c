/* Calls on files below some folders that fail, or kill their process, at the nth time.

   Loaded before the C library by LD_PRELOAD; what it is told lies in memory that a process and the
   children which it forks share. Processes that are started anew have it unarmed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, WRITE, SYNC, RENAME, MKDIR, UNLINK, TRUNCATE, ALLOCATE, MAP, LINK, KINDS };

struct state {
  int is_armed, kind, nth, error;
  long clock;
  int counts[KINDS];
  char folder[PATH_MAX];
};

static struct state *state;

__attribute__((constructor)) static void begin(void) {
  state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (state == MAP_FAILED) state = NULL;
}

/* Error 0 only counts, -1 kills, above 1000 it fails but once. */
void fault_arm(const char *folder, int kind, int nth, int error) {
  memset(state, 0, sizeof *state);
  snprintf(state->folder, sizeof state->folder, "%s", folder);
  state->kind = kind;
  state->nth = nth;
  state->error = error;
  state->is_armed = 1;
}

void fault_disarm(void) { memset(state, 0, sizeof *state); }

/* Seconds that the clock of the wall is ahead. */
void fault_clock(long seconds) { state->clock = seconds; }

int fault_count(int kind) { return state->counts[kind]; }

static int is_below(const char *path) {
  char whole[2 * PATH_MAX];
  if (path && path[0] != '/') {
    if (!getcwd(whole, PATH_MAX)) return 0;
    strncat(whole, "/", sizeof whole - strlen(whole) - 1);
    strncat(whole, path, sizeof whole - strlen(whole) - 1);
    path = whole;
  }
  return path && strncmp(path, state->folder, strlen(state->folder)) == 0;
}

static int is_file_below(int number) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", number);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  /* Of pipes and sockets it is no path. */
  return path[0] == '/' && is_below(path);
}

/* Whether this call is to fail; errno is set if so. */
static int fails(int kind) {
  int count = __sync_add_and_fetch(&state->counts[kind], 1);
  if (kind != state->kind || count < state->nth || !state->error) return 0;
  if (state->error == -1) {
    if (count == state->nth) kill(getpid(), SIGKILL);
    return 0;
  }
  /* A full disk stays full; what fails but once is told by a number above 1000. */
  if (state->error > 1000 && count > state->nth) return 0;
  errno = state->error % 1000;
  return 1;
}

#define ARMED (state && state->is_armed)
#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define GUARD(kind, where, result) if (ARMED && (where) && fails(kind)) return result

#define OPENS(name)                                                                     \
  int name(const char *path, int flags, ...) {                                          \
    REAL(name);                                                                         \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
    GUARD(OPEN, (flags & (O_CREAT | O_WRONLY | O_RDWR)) && is_below(path), -1);         \
    return real(path, flags, mode);                                                     \
  }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                                  \
  int name(int at, const char *path, int flags, ...) {                                  \
    REAL(name);                                                                         \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
    GUARD(OPEN, (flags & (O_CREAT | O_WRONLY | O_RDWR)) && is_below(path), -1);         \
    return real(at, path, flags, mode);                                                 \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int number, const void *data, size_t size) {
  REAL(write);
  GUARD(WRITE, is_file_below(number), -1);
  return real(number, data, size);
}

ssize_t writev(int number, const struct iovec *parts, int count) {
  REAL(writev);
  GUARD(WRITE, is_file_below(number), -1);
  return real(number, parts, count);
}

ssize_t pwrite(int number, const void *data, size_t size, off_t place) {
  REAL(pwrite);
  GUARD(WRITE, is_file_below(number), -1);
  return real(number, data, size, place);
}

ssize_t pwrite64(int number, const void *data, size_t size, off64_t place) {
  REAL(pwrite64);
  GUARD(WRITE, is_file_below(number), -1);
  return real(number, data, size, place);
}

int fsync(int number) { REAL(fsync); GUARD(SYNC, is_file_below(number), -1); return real(number); }

int fdatasync(int number) {
  REAL(fdatasync);
  GUARD(SYNC, is_file_below(number), -1);
  return real(number);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  GUARD(RENAME, is_below(to), -1);
  return real(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  REAL(renameat);
  GUARD(RENAME, is_below(to), -1);
  return real(from_at, from, to_at, to);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  GUARD(MKDIR, is_below(path), -1);
  return real(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
  REAL(mkdirat);
  GUARD(MKDIR, is_below(path), -1);
  return real(at, path, mode);
}

int unlink(const char *path) {
  REAL(unlink);
  GUARD(UNLINK, is_below(path), -1);
  return real(path);
}

int link(const char *from, const char *to) {
  REAL(link);
  GUARD(LINK, is_below(to), -1);
  return real(from, to);
}

int ftruncate(int number, off_t size) {
  REAL(ftruncate);
  GUARD(TRUNCATE, is_file_below(number), -1);
  return real(number, size);
}

int ftruncate64(int number, off64_t size) {
  REAL(ftruncate64);
  GUARD(TRUNCATE, is_file_below(number), -1);
  return real(number, size);
}

int posix_fallocate(int number, off_t place, off_t size) {
  REAL(posix_fallocate);
  GUARD(ALLOCATE, is_file_below(number), errno);
  return real(number, place, size);
}

int posix_fallocate64(int number, off64_t place, off64_t size) {
  REAL(posix_fallocate64);
  GUARD(ALLOCATE, is_file_below(number), errno);
  return real(number, place, size);
}

void *mmap(void *address, size_t size, int how, int flags, int number, off_t place) {
  REAL(mmap);
  GUARD(MAP, number >= 0 && is_file_below(number), MAP_FAILED);
  return real(address, size, how, flags, number, place);
}

void *mmap64(void *address, size_t size, int how, int flags, int number, off64_t place) {
  REAL(mmap64);
  GUARD(MAP, number >= 0 && is_file_below(number), MAP_FAILED);
  return real(address, size, how, flags, number, place);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int failed = real(clock, now);
  if (!failed && state && clock == CLOCK_REALTIME) now->tv_sec += state->clock;
  return failed;
}

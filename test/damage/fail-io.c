/* Preloaded into a process: reads or writes of files whose path contains $FAIL_PATH fail from byte $FAIL_FROM of the file on
   with $FAIL_ERRNO. $FAIL_CALL is "read" or "write". What a broken disk does, without one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int hits(int fd, const char *call, off_t end) {
  const char *wanted = getenv("FAIL_CALL"), *part = getenv("FAIL_PATH"), *from = getenv("FAIL_FROM");
  char link[64], path[4096];
  if (!wanted || !part || strcmp(wanted, call) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, part) || end <= (from ? atoll(from) : 0)) return 0;
  const char *code = getenv("FAIL_ERRNO");
  errno = code ? atoi(code) : EIO;
  return 1;
}

static size_t total(const struct iovec *parts, int count) {
  size_t sum = 0;
  for (int i = 0; i < count; i++) sum += parts[i].iov_len;
  return sum;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread64(int fd, void *to, size_t count, off64_t at) {
  return hits(fd, "read", at + (off_t)count) ? -1 : REAL(pread64)(fd, to, count, at);
}
ssize_t preadv64(int fd, const struct iovec *to, int count, off64_t at) {
  return hits(fd, "read", at + (off_t)total(to, count)) ? -1 : REAL(preadv64)(fd, to, count, at);
}
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
  return hits(fd, "write", at + (off_t)count) ? -1 : REAL(pwrite64)(fd, from, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *from, int count, off64_t at) {
  return hits(fd, "write", at + (off_t)total(from, count)) ? -1 : REAL(pwritev64)(fd, from, count, at);
}
ssize_t pread(int fd, void *to, size_t count, off_t at) { return pread64(fd, to, count, at); }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { return pwrite64(fd, from, count, at); }
ssize_t preadv(int fd, const struct iovec *to, int count, off_t at) { return preadv64(fd, to, count, at); }
ssize_t pwritev(int fd, const struct iovec *from, int count, off_t at) { return pwritev64(fd, from, count, at); }

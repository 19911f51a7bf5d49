/* Lets the n-th call that changes a file fail, or be the last one of the process. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum mode { COUNT, BEFORE, AFTER, TORN, EIO_ONCE, ENOSPC_ONCE, SHORT, EIO_ALWAYS, ENOSPC_ALWAYS };

static long calls, target;
static int mode = -1;

void iomt_arm(long at, int how) { calls = 0; target = at; mode = how; }
void iomt_disarm(void) { mode = -1; }
long iomt_calls(void) { return calls; }

static void die(void) { syscall(SYS_exit_group, 137); }

/* What is to happen to this call: 0 nothing, or the mode. */
static int fate(void)
{
    if (mode < 0) return COUNT;
    long now = ++calls;
    if (mode == EIO_ALWAYS || mode == ENOSPC_ALWAYS) return now >= target ? mode : COUNT;
    return now == target ? mode : COUNT;
}

/* Fails, dies or goes on; -1 with errno, or 0. */
static int meet(int how)
{
    switch (how) {
    case BEFORE: case TORN: die(); break;
    case EIO_ONCE: case EIO_ALWAYS: errno = EIO; return -1;
    case ENOSPC_ONCE: case ENOSPC_ALWAYS: errno = ENOSPC; return -1;
    }
    return 0;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define SIMPLE(type, name, parameters, arguments)                       \
    type name parameters                                                \
    {                                                                   \
        static type (*next) parameters;                                 \
        if (!next) next = (type (*) parameters)real(#name);             \
        int how = fate();                                               \
        if (meet(how)) return -1;                                       \
        type result = next arguments;                                   \
        if (how == AFTER) die();                                        \
        return result;                                                  \
    }

SIMPLE(int, fsync, (int fd), (fd))
SIMPLE(int, fdatasync, (int fd), (fd))
SIMPLE(int, ftruncate, (int fd, off_t size), (fd, size))
SIMPLE(int, ftruncate64, (int fd, off64_t size), (fd, size))
SIMPLE(int, unlink, (const char *path), (path))
SIMPLE(int, link, (const char *from, const char *to), (from, to))
SIMPLE(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
SIMPLE(int, rename, (const char *from, const char *to), (from, to))

#define WRITING(name, parameters, all, half)                            \
    ssize_t name parameters                                             \
    {                                                                   \
        static ssize_t (*next) parameters;                              \
        if (!next) next = (ssize_t (*) parameters)real(#name);          \
        int how = fate();                                               \
        if (how == TORN || (how == SHORT && size > 1)) {                \
            ssize_t result = next half;                                 \
            if (how == TORN) die();                                     \
            return result;                                              \
        }                                                               \
        if (meet(how)) return -1;                                       \
        ssize_t result = next all;                                      \
        if (how == AFTER) die();                                        \
        return result;                                                  \
    }

WRITING(write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2))
WRITING(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), (fd, data, size / 2, at))
WRITING(pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), (fd, data, size / 2, at))

#define OPENING(name)                                                   \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        static int (*next)(const char *, int, ...);                     \
        if (!next) next = (int (*)(const char *, int, ...))real(#name); \
        mode_t rights = 0;                                              \
        if (flags & O_CREAT) {                                          \
            va_list list;                                               \
            va_start(list, flags);                                      \
            rights = va_arg(list, mode_t);                              \
            va_end(list);                                               \
        }                                                               \
        if (!(flags & O_CREAT)) return next(path, flags, rights);       \
        int how = fate();                                               \
        if (meet(how)) return -1;                                       \
        int result = next(path, flags, rights);                         \
        if (how == AFTER) die();                                        \
        return result;                                                  \
    }

OPENING(open)
OPENING(open64)

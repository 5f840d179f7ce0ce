/*
 * tests/guest/token_calls.c - tokens from inside: opened, asked, adjusted, made and derived, by the rules of the
 * public KACS specification; each rule by a case of its own.
 */
#define _GNU_SOURCE
#include "tests/guest/token_check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BIT(number) (1ull << (number))

/* ---- opening and asking ---- */

/* Does a query say how large its answer is, with no room, too little and enough; and refuse nonsense? */
static void query(void)
{
    int token = token_open_self(0, TOKEN_QUERY);
    uint8_t answer[64];
    uint32_t bytes = 0;

    CHECK(token >= 0 && fcntl(token, F_GETFD) == FD_CLOEXEC);
    CHECK(token_query(token, TOKEN_CLASS_USER, NULL, &bytes) == 0 && bytes == 12);
    bytes = 11;
    memset(answer, 0x55, sizeof answer);
    CHECK_ERROR(token_query(token, TOKEN_CLASS_USER, answer, &bytes), ERANGE);
    CHECK(bytes == 12 && answer[0] == 0x55);
    bytes = sizeof answer;
    CHECK(token_query(token, TOKEN_CLASS_USER, answer, &bytes) == 0 && bytes == 12);
    CHECK(memcmp(answer, sid("S-1-5-18"), 12) == 0 && answer[12] == 0x55);
    CHECK_ERROR(token_query(token, 0, answer, &bytes), EINVAL);
    CHECK_ERROR(token_query(token, 25, answer, &bytes), EINVAL);
    bytes = sizeof answer;
    CHECK_ERROR(token_query(token, TOKEN_CLASS_USER, (void *)8, &bytes), EFAULT);
    CHECK(token_query(token, TOKEN_CLASS_CONFINEMENT, NULL, &bytes) == 0 && bytes == 0);
    CHECK_ERROR(ioctl(token, TOKEN_IOC_QUERY, (void *)8), EFAULT);
    CHECK_ERROR(ioctl(token, 0x4b7f), ENOTTY);
}

/* May the answer not be written over the request, however the addresses are chosen? */
static void query_overlap(void)
{
    int token = token_open_self(0, TOKEN_QUERY);
    uint8_t room[128];
    for (unsigned at = 0; at <= 64; at += 4) {
        struct token_query_arguments *asked = (void *)(room + 32);
        *asked = (struct token_query_arguments){TOKEN_CLASS_PRIVILEGES, 32,
                                                (uint64_t)(uintptr_t)(room + at)};
        int result = ioctl(token, TOKEN_IOC_QUERY, asked);
        int apart = at + 32 <= 32 || at >= 32 + sizeof *asked;
        CHECK(apart ? result == 0 : result == -1 && errno == EINVAL);
    }
    struct token_query_arguments asked = {TOKEN_CLASS_PRIVILEGES, 32, (uint64_t)-8};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_QUERY, &asked), EFAULT);
}

/* Is what a handle may do decided when it is opened, and kept over dup and fork? */
static void rights_are_kept(void)
{
    int token = token_open_self(0, TOKEN_QUERY), status;
    uint64_t previous;

    CHECK_ERROR(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, &previous),
                EACCES);
    CHECK_ERROR(token_duplicate(token, TOKEN_QUERY, TOKEN_PRIMARY, 0), EACCES);
    CHECK_ERROR(token_restrict(token, 1, NULL, 0, NULL, 0, 0, 0), EACCES);
    CHECK_ERROR(token_install(token), EACCES);
    CHECK_ERROR(token_impersonate(token), EACCES);
    CHECK_ERROR(token_adjust_group(token, 0, 0), EACCES);
    int copy = dup(token);
    pid_t child = fork();
    if (child == 0) {
        CHECK_ERROR(token_adjust_privilege(copy, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, NULL), EACCES);
        CHECK(is_user(copy, "S-1-5-18"));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    int adjusting = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    uint32_t bytes = 0;
    CHECK_ERROR(token_query(adjusting, TOKEN_CLASS_USER, NULL, &bytes), EACCES);
    CHECK(token_adjust_privilege(adjusting, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, &previous) == 0);
    CHECK(previous & BIT(SE_DEBUG));
}

/* What may a user do with his own token: ask and adjust, and not copy it or hand it out? */
static void own_token(void)
{
    become((struct somebody){.user = USER_ANNA});
    CHECK(being(USER_ANNA));
    int token = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES | TOKEN_ADJUST_GROUPS |
                                       TOKEN_ADJUST_DEFAULT);
    CHECK(token >= 0);
    CHECK_ERROR(token_open_self(0, TOKEN_DUPLICATE), EACCES);
    CHECK_ERROR(token_open_self(0, TOKEN_IMPERSONATE), EACCES);
    CHECK_ERROR(token_open_self(0, TOKEN_ASSIGN_PRIMARY), EACCES);
    CHECK_ERROR(token_open_self(0, 0x40000), EACCES);     /* WRITE_DAC */
    CHECK_ERROR(token_open_self(0, 0x1000000), EACCES);   /* ACCESS_SYSTEM_SECURITY */
    CHECK_ERROR(token_open_self(0, 0x00200000), EINVAL);  /* no such right */
    CHECK_ERROR(token_open_self(2, TOKEN_QUERY), EINVAL); /* no such flag */
    int most = token_open_self(0, 0x2000000);             /* MAXIMUM_ALLOWED */
    CHECK(most >= 0 && is_user(most, USER_ANNA));
    CHECK_ERROR(token_duplicate(most, TOKEN_QUERY, TOKEN_PRIMARY, 0), EACCES);
}

/* Is somebody else's token opened only by whom its descriptor lets? */
static void others_token(void)
{
    int status, up[2];
    char byte;
    CHECK(pipe(up) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(up[1]);
        (void)!read(up[0], &byte, 1);
        _exit(0);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    int token = token_open_process(pidfd, TOKEN_ALL_ACCESS);
    CHECK(token >= 0 && is_user(token, "S-1-5-18"));
    int own = token_open_self(0, TOKEN_QUERY);
    CHECK(statistics_of(token).token != statistics_of(own).token);
    int thread = token_open_thread(pidfd, child, TOKEN_QUERY);
    CHECK(thread >= 0 && statistics_of(thread).token == statistics_of(token).token);
    CHECK_ERROR(token_open_thread(pidfd, getpid(), TOKEN_QUERY), ESRCH);
    CHECK_ERROR(token_open_thread(pidfd, -1, TOKEN_QUERY), ESRCH);
    CHECK_ERROR(token_open_process(-1, TOKEN_QUERY), EBADF);
    CHECK_ERROR(token_open_process(token, TOKEN_QUERY), EBADF);
    become((struct somebody){.user = USER_ANNA});
    CHECK_ERROR(token_open_process(pidfd, TOKEN_QUERY), EACCES);
    CHECK(is_user(token, "S-1-5-18")); /* opened before */
    close(up[1]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_ERROR(token_open_process(pidfd, TOKEN_QUERY), ESRCH);
}

/* ---- adjusting ---- */

/* Can privileges be disabled and enabled, and removed for good? */
static void privileges(void)
{
    int token = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
    struct token_privileges all = privileges_of(token);
    uint64_t previous, modified = statistics_of(token).modified;

    CHECK(all.present == all.enabled && all.present == all.by_default &&
          all.present & BIT(SE_DEBUG));
    CHECK(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, &previous) == 0);
    CHECK(previous == all.enabled);
    CHECK(privileges_of(token).enabled == (all.enabled & ~BIT(SE_DEBUG)));
    CHECK(privileges_of(token).present == all.present);
    CHECK(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_ENABLE, &previous) == 0);
    CHECK(!(previous & BIT(SE_DEBUG)) && privileges_of(token).enabled == all.enabled);
    CHECK(statistics_of(token).modified == modified + 2);
    CHECK(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
    CHECK_ERROR(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_ENABLE, NULL), EINVAL);
    CHECK(token_reset_privileges(token) == 0);
    struct token_privileges left = privileges_of(token);
    CHECK(left.present == (all.present & ~BIT(SE_DEBUG)) && left.enabled == left.present &&
          left.by_default == left.present);
    CHECK(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
    CHECK_ERROR(token_adjust_privilege(token, 64, TOKEN_PRIVILEGE_DISABLE, NULL), EINVAL);
    CHECK_ERROR(token_adjust_privilege(token, SE_TCB, 6, NULL), EINVAL);
    CHECK_ERROR(token_adjust_privilege(token, SE_TCB, 1, NULL), EINVAL);
}

/* Is a request done all at once or not at all, whatever is wrong with it? */
static void all_or_nothing(void)
{
    int token = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
    uint32_t twice[] = {SE_DEBUG, 0, SE_DEBUG, 2}, bad[] = {SE_DEBUG, 0, 64, 0};
    struct token_privileges before = privileges_of(token);
    struct token_privileges_arguments asked = {.count = 2, .entries = (uintptr_t)twice};

    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked.entries = (uintptr_t)bad;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked.count = 0;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked.count = 65;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked.count = 0x20000001; /* times eight it is small again */
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked = (struct token_privileges_arguments){.count = 1, .zero = 1, .entries = (uintptr_t)twice};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EINVAL);
    asked = (struct token_privileges_arguments){.count = 1, .entries = 8};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, &asked), EFAULT);
    /* Who cannot be told what was before changes nothing. */
    struct token_privileges_arguments *fixed =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *fixed = (struct token_privileges_arguments){.count = 1, .entries = (uintptr_t)twice};
    mprotect(fixed, 4096, PROT_READ);
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_PRIVILEGES, fixed), EFAULT);
    struct token_privileges after = privileges_of(token);
    CHECK(memcmp(&before, &after, sizeof after) == 0 && statistics_of(token).modified == 0);
}

/* Which groups can be disabled and enabled, and what does a reset bring back? */
static void groups(void)
{
    int token = token_of((struct somebody){.user = USER_ANNA});
    struct token_groups_arguments asked = {.count = 1};
    uint32_t entry[] = {1, 0};

    CHECK(token_adjust_group(token, 1, 0) == 0);
    asked.entries = (uintptr_t)entry;
    CHECK(ioctl(token, TOKEN_IOC_ADJUST_GROUPS, &asked) == 0);
    CHECK(asked.previous[0] == 13 && asked.previous[1] == 0 && asked.previous[15] == 0);
    CHECK(token_adjust_group(token, 1, 1) == 0);
    CHECK_ERROR(token_adjust_group(token, 0, 0), EINVAL); /* mandatory */
    CHECK_ERROR(token_adjust_group(token, 3, 0), EINVAL); /* the logon SID */
    CHECK_ERROR(token_adjust_group(token, 4, 0), EINVAL); /* none */
    CHECK(token_adjust_group(token, 1, 0) == 0 && token_reset_groups(token) == 0);
    CHECK(ioctl(token, TOKEN_IOC_ADJUST_GROUPS, &asked) == 0 && asked.previous[0] == 15);
    asked.count = 1025;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_GROUPS, &asked), EINVAL);
    asked.count = 0;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_GROUPS, &asked), EINVAL);
    const uint32_t deny = 1;
    int less = token_restrict(token, 0, &deny, 1, NULL, 0, 0, 0);
    CHECK(less >= 0);
    CHECK_ERROR(token_adjust_group(less, 1, 1), EINVAL); /* for denying only, for good */
}

/* What new objects get: can owner, group and list be chosen among what the token has? */
static void defaults(void)
{
    static const uint8_t list[] = {2, 0, 8, 0, 0, 0, 0, 0}, broken[] = {2, 0, 9, 0, 0, 0, 0, 0};
    int token = token_of((struct somebody){.user = USER_ANNA});
    struct token_default_arguments asked = {.owner_index = 2, .group_index = 1};
    uint8_t answer[68];
    uint32_t bytes = sizeof answer;

    CHECK(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked) == 0);
    CHECK(token_query(token, TOKEN_CLASS_OWNER, answer, &bytes) == 0);
    CHECK(bytes == 16 && memcmp(answer, sid("S-1-5-32-900"), 16) == 0);
    asked = (struct token_default_arguments){.owner_index = 1, .group_index = 0xffff};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked), EINVAL); /* it cannot own */
    asked = (struct token_default_arguments){(uintptr_t)list, sizeof list, 0xffff, 0xffff};
    CHECK(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked) == 0);
    CHECK(token_query(token, TOKEN_CLASS_DEFAULT_DACL, NULL, &bytes) == 0 && bytes == 8);
    asked.dacl = (uintptr_t)broken;
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked), EINVAL);
    asked = (struct token_default_arguments){(uintptr_t)list, 0, 0xffff, 0xffff};
    CHECK(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked) == 0);
    CHECK(token_query(token, TOKEN_CLASS_DEFAULT_DACL, NULL, &bytes) == 0 && bytes == 0);
    asked = (struct token_default_arguments){0, 8, 0xffff, 0xffff};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_DEFAULT, &asked), EINVAL);
    const uint32_t session = 7;
    CHECK(ioctl(token, TOKEN_IOC_ADJUST_SESSION, &session) == 0);
    CHECK(ask_number(token, TOKEN_CLASS_INTERACTIVE_SESSION) == 7);
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_TCB, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK_ERROR(ioctl(token, TOKEN_IOC_ADJUST_SESSION, &session), EPERM);
}

static void *disable_debug(void *unused)
{
    (void)unused;
    int token = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(token, SE_DEBUG, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    return NULL;
}

/* Is what a thread adjusts seen by its siblings at once, and by neither side of a fork? */
static void shared_and_copied(void)
{
    pthread_t thread;
    int token = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES), status;

    CHECK(pthread_create(&thread, NULL, disable_debug, NULL) == 0 &&
          pthread_join(thread, NULL) == 0);
    CHECK(!(privileges_of(token).enabled & BIT(SE_DEBUG)));
    pid_t child = fork();
    if (child == 0) {
        int own = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
        CHECK(!(privileges_of(own).enabled & BIT(SE_DEBUG)));
        CHECK(token_adjust_privilege(own, SE_DEBUG, TOKEN_PRIVILEGE_ENABLE, NULL) == 0);
        CHECK(token_adjust_privilege(own, SE_TCB, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
        /* The handle that came along is of the parent's token. */
        CHECK(!(privileges_of(token).enabled & BIT(SE_DEBUG)));
        CHECK(statistics_of(token).token != statistics_of(own).token);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    struct token_privileges own = privileges_of(token);
    CHECK(!(own.enabled & BIT(SE_DEBUG)) && own.present & BIT(SE_TCB));
}

static volatile int racing;

static void *race(void *argument)
{
    int token = *(int *)argument;
    while (racing)
        for (unsigned what = 0; what <= 2; what += 2)
            CHECK(token_adjust_privilege(token, SE_DEBUG, what, NULL) == 0);
    return NULL;
}

/* Two threads adjust, one asks: is every answer one that was, and no adjustment lost? */
static void races(void)
{
    int token = token_open_self(0, TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
    uint64_t all = privileges_of(token).present, before = 0;
    pthread_t threads[2];

    racing = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, race, &token) == 0);
    for (int i = 0; i < 300; i++) {
        struct token_privileges now = privileges_of(token);
        CHECK(now.present == all && (now.enabled | BIT(SE_DEBUG)) == all);
        uint64_t modified = statistics_of(token).modified;
        CHECK(modified >= before);
        before = modified;
    }
    CHECK(token_adjust_privilege(token, SE_IMPERSONATE, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    for (int i = 0; i < 200; i++)
        CHECK(!(privileges_of(token).enabled & BIT(SE_IMPERSONATE)));
    racing = 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- making ---- */

/* Who may make tokens, and of what? */
static void create(void)
{
    uint8_t bytes[1024];
    const struct token_spec spec = {.type = TOKEN_PRIMARY, .session = 999, .user = sid(USER_ANNA)};
    int length = token_spec_bytes(&spec, bytes, sizeof bytes);
    int token = token_create(bytes, (size_t)length);

    CHECK(token >= 0 && is_user(token, USER_ANNA) && statistics_of(token).modified == 0);
    CHECK(ask_number(token, TOKEN_CLASS_TYPE) == TOKEN_PRIMARY);
    CHECK(ask_number(token, TOKEN_CLASS_LOGON_TYPE) == 5);
    CHECK_ERROR(token_create(bytes, 191), EINVAL);
    CHECK_ERROR(token_create(bytes, 0), EINVAL);
    CHECK_ERROR(token_create(bytes, 65537), EINVAL);
    CHECK_ERROR(token_create(bytes, (size_t)-1), EINVAL);
    CHECK_ERROR(token_create((void *)8, 192), EFAULT);
    bytes[0] = 1;
    CHECK_ERROR(token_create(bytes, (size_t)length), EINVAL);
    bytes[0] = 2;
    bytes[56] = 1; /* a logon session that there is not */
    CHECK_ERROR(token_create(bytes, (size_t)length), EINVAL);
    for (int at = 0; at < length; at++) { /* hostile bytes: any answer, and the kernel lives */
        for (int value = 1; value < 256; value *= 4) {
            bytes[at] ^= (uint8_t)value;
            int made = token_create(bytes, (size_t)length);
            if (made >= 0)
                close(made);
            bytes[at] ^= (uint8_t)value;
        }
    }
    bytes[56] = 999 & 0xff;
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_CREATE_TOKEN, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK_ERROR(token_create(bytes, (size_t)length), EPERM);
}

/* Does a logon session end with its last token, and an empty one when it is told? */
static void sessions(void)
{
    uint64_t id, other;
    uint8_t bytes[1024];
    const uint8_t *user = sid(USER_ANNA);

    CHECK(logon_session_create(2, "Negotiate", user, 28, &id) == 0 && id >= 1000);
    CHECK(logon_session_create(3, "", user, 28, &other) == 0 && other > id);
    CHECK(logon_session_end_empty(other) == 0);
    CHECK_ERROR(logon_session_end_empty(other), ENOENT);
    const struct token_spec spec = {.type = TOKEN_PRIMARY, .session = id, .user = user};
    int length = token_spec_bytes(&spec, bytes, sizeof bytes);
    int token = token_create(bytes, (size_t)length);
    CHECK(token >= 0 && ask_number(token, TOKEN_CLASS_LOGON_TYPE) == 2);
    CHECK_ERROR(logon_session_end_empty(id), EBUSY);
    int copy = token_duplicate(token, TOKEN_QUERY, TOKEN_PRIMARY, 0);
    CHECK(copy >= 0 && statistics_of(copy).session == id);
    close(token);
    CHECK_ERROR(logon_session_end_empty(id), EBUSY);
    close(copy);
    CHECK_ERROR(logon_session_end_empty(id), ENOENT);
    CHECK_ERROR(token_create(bytes, (size_t)length), EINVAL);
    CHECK_ERROR(logon_session_end_empty(999), EBUSY);
    CHECK_ERROR(logon_session_create(6, "x", user, 28, &id), EINVAL);
    CHECK_ERROR(logon_session_create(2, "\xff", user, 28, &id), EINVAL);
    CHECK_ERROR(logon_session_create(2, "x", user, 27, &id), EINVAL);
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_TCB, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
    CHECK_ERROR(logon_session_create(2, "x", user, 28, &id), EPERM);
    CHECK_ERROR(logon_session_end_empty(id), EPERM);
}

/* Can a copy never act at a higher level than what it is of, and is one of nobody nobody's? */
static void duplicates(void)
{
    int acts = token_of((struct somebody){
        .user = USER_ANNA, .type = TOKEN_IMPERSONATION, .level = TOKEN_LEVEL_IMPERSONATION});
    CHECK_ERROR(token_duplicate(acts, TOKEN_QUERY, TOKEN_IMPERSONATION, 3), EPERM);
    CHECK_ERROR(token_duplicate(acts, TOKEN_QUERY, TOKEN_IMPERSONATION, 4), EINVAL);
    CHECK_ERROR(token_duplicate(acts, TOKEN_QUERY, TOKEN_PRIMARY, 1), EINVAL);
    CHECK_ERROR(token_duplicate(acts, TOKEN_QUERY, 3, 0), EINVAL);
    int looks = token_duplicate(acts, TOKEN_ALL_ACCESS, TOKEN_IMPERSONATION, 1);
    CHECK(looks >= 0 && ask_number(looks, TOKEN_CLASS_LEVEL) == 1 && is_user(looks, USER_ANNA));
    CHECK_ERROR(token_duplicate(looks, TOKEN_QUERY, TOKEN_IMPERSONATION, 2), EPERM);
    CHECK_ERROR(token_duplicate(looks, TOKEN_QUERY, TOKEN_PRIMARY, 0), EPERM);
    int primary = token_duplicate(acts, TOKEN_ALL_ACCESS, TOKEN_PRIMARY, 0);
    CHECK(primary >= 0 && ask_number(primary, TOKEN_CLASS_TYPE) == TOKEN_PRIMARY);
    CHECK(token_duplicate(primary, TOKEN_QUERY, TOKEN_IMPERSONATION, 3) >= 0);
    int nobody = token_duplicate(acts, TOKEN_QUERY, TOKEN_IMPERSONATION, 0);
    CHECK(nobody >= 0 && is_user(nobody, "S-1-5-7") && statistics_of(nobody).session == 998);
    CHECK(statistics_of(primary).token != statistics_of(acts).token);
}

/* Does a restricted token only ever have less? */
static void restricted(void)
{
    int token =
        token_of((struct somebody){.user = USER_ANNA, .privileges = BIT(SE_DEBUG) | BIT(SE_TCB)});
    uint8_t sids[64];
    const uint32_t deny[] = {0, 0};

    memcpy(sids, sid(USER_ANNA), 28);
    memcpy(sids + 28, sid("S-1-5-32-545"), 16);
    int less = token_restrict(token, BIT(SE_DEBUG), deny, 1, sids, 2, 44, 0);
    CHECK(less >= 0);
    CHECK(privileges_of(less).present == BIT(SE_TCB) && privileges_of(less).enabled == BIT(SE_TCB));
    uint32_t bytes = 0;
    CHECK(token_query(less, TOKEN_CLASS_RESTRICTING, NULL, &bytes) == 0 && bytes == 4 + 44 + 16);
    int fewer = token_restrict(less, 0, NULL, 0, sid("S-1-5-32-545"), 1, 16, 0);
    CHECK(fewer >= 0 && token_query(fewer, TOKEN_CLASS_RESTRICTING, NULL, &bytes) == 0);
    CHECK(bytes == 4 + 16 + 8);
    CHECK_ERROR(token_restrict(fewer, 0, NULL, 0, sids, 1, 28, 0), EINVAL); /* none left in both */
    CHECK_ERROR(token_restrict(token, 0, deny, 2, NULL, 0, 0, 0), EINVAL);  /* twice */
    const uint32_t none = 4;
    CHECK_ERROR(token_restrict(token, 0, &none, 1, NULL, 0, 0, 0), EINVAL);
    CHECK_ERROR(token_restrict(token, 0, NULL, 0, sids, 1, 29, 0), EINVAL); /* a byte more */
    CHECK_ERROR(token_restrict(token, 0, NULL, 0, sids, 1, 27, 0), EINVAL);
    CHECK_ERROR(token_restrict(token, 0, NULL, 0, sids, 2000, 28, 0), EINVAL);
    CHECK_ERROR(token_restrict(token, 0, NULL, 0, NULL, 0, 0, 2), EINVAL);
    int writes = token_restrict(token, 0, NULL, 0, sids, 1, 28, TOKEN_RESTRICT_WRITE);
    CHECK(writes >= 0 && is_user(writes, USER_ANNA));
    /* As large as integers get. */
    struct token_restrict_arguments asked = {
        .deny_only_count = 0x40000001, .bytes = 4, .data = (uintptr_t)deny};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_RESTRICT, &asked), EINVAL);
    asked = (struct token_restrict_arguments){.bytes = 0xffffffff, .data = (uintptr_t)deny};
    CHECK_ERROR(ioctl(token, TOKEN_IOC_RESTRICT, &asked), EINVAL);
}

/* ---- pairs ---- */

static int of_session(const char *user, uint64_t session, uint64_t privileges)
{
    uint8_t bytes[1024];
    const struct token_spec spec = {.type = TOKEN_PRIMARY,
                                    .session = session,
                                    .user = sid(user),
                                    .privileges_present = privileges,
                                    .privileges_enabled = privileges,
                                    .integrity = INTEGRITY_MEDIUM,
                                    .uid = 1000,
                                    .gid = 1000};
    int length = token_spec_bytes(&spec, bytes, sizeof bytes);
    return token_create(bytes, (size_t)length);
}

static int link_tokens(int elevated, int filtered, uint64_t session)
{
    struct token_link_arguments pair = {elevated, filtered, session};
    return ioctl(elevated, TOKEN_IOC_LINK, &pair);
}

static int linked(int token)
{
    struct token_linked_arguments answer = {-1};
    return ioctl(token, TOKEN_IOC_GET_LINKED, &answer) ? -1 : answer.fd;
}

/* Can the two tokens of one be a pair, by who may, and does each lead to the other as far as one may? */
static void pairs(void)
{
    uint64_t id, other;
    const uint8_t *user = sid(USER_ANNA);
    CHECK(logon_session_create(2, "x", user, 28, &id) == 0);
    CHECK(logon_session_create(2, "x", user, 28, &other) == 0);
    int full = of_session(USER_ANNA, id, BIT(SE_DEBUG));
    int less = token_restrict(full, BIT(SE_DEBUG), NULL, 0, NULL, 0, 0, 0);
    int bodo = of_session(USER_BODO, id, 0), elsewhere = of_session(USER_ANNA, other, 0);
    CHECK(full >= 0 && less >= 0 && bodo >= 0 && elsewhere >= 0);
    CHECK_ERROR(linked(full), ENOENT);
    CHECK_ERROR(link_tokens(full, full, id), EINVAL);
    CHECK_ERROR(link_tokens(full, dup(full), id), EINVAL);
    CHECK_ERROR(link_tokens(full, bodo, id), EINVAL);
    CHECK_ERROR(link_tokens(full, elsewhere, id), EINVAL);
    CHECK_ERROR(link_tokens(full, less, other), EINVAL);
    CHECK_ERROR(link_tokens(full, 0, id), EINVAL);
    CHECK_ERROR(link_tokens(full, token_open_self(0, TOKEN_QUERY), id), EACCES);
    CHECK(ask_number(full, TOKEN_CLASS_ELEVATION) == 1);
    CHECK(link_tokens(full, less, id) == 0);
    CHECK(ask_number(full, TOKEN_CLASS_ELEVATION) == 2);
    CHECK(ask_number(less, TOKEN_CLASS_ELEVATION) == 3);
    CHECK_ERROR(link_tokens(less, full, id), EINVAL); /* roles are for good */
    int partner = linked(less);                       /* SeTcb: the very token */
    CHECK(statistics_of(partner).token == statistics_of(full).token);
    CHECK(token_duplicate(partner, TOKEN_QUERY, TOKEN_PRIMARY, 0) >= 0);
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_TCB, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK_ERROR(link_tokens(full, less, id), EPERM);
    partner = linked(less); /* else a look */
    CHECK(statistics_of(partner).token != statistics_of(full).token && is_user(partner, USER_ANNA));
    CHECK(ask_number(partner, TOKEN_CLASS_LEVEL) == 1);
    CHECK(ask_number(partner, TOKEN_CLASS_ELEVATION) == 2);
    CHECK_ERROR(token_impersonate(partner), EACCES);
    CHECK_ERROR(token_duplicate(partner, TOKEN_QUERY, TOKEN_PRIMARY, 0), EACCES);
}

/* Does a session end with its pair when nobody else has either, and not before? */
static void end_of_pairs(void)
{
    uint64_t id;
    CHECK(logon_session_create(2, "x", sid(USER_ANNA), 28, &id) == 0);
    int full = of_session(USER_ANNA, id, BIT(SE_DEBUG));
    int less = token_restrict(full, BIT(SE_DEBUG), NULL, 0, NULL, 0, 0, 0);
    CHECK(link_tokens(full, less, id) == 0);
    int again = token_restrict(full, BIT(SE_DEBUG), NULL, 0, NULL, 0, 0, 0);
    CHECK(link_tokens(full, again, id) == 0); /* takes the place of the pair before */
    CHECK_ERROR(linked(less), ENOENT);
    CHECK(ask_number(less, TOKEN_CLASS_ELEVATION) == 3);
    close(less);
    close(full);
    CHECK_ERROR(logon_session_end_empty(id), EBUSY);
    full = linked(again);
    CHECK(full >= 0 && is_user(full, USER_ANNA));
    close(again);
    CHECK_ERROR(logon_session_end_empty(id), EBUSY);
    close(full);
    CHECK_ERROR(logon_session_end_empty(id), ENOENT);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"query", query},
        {"query_overlap", query_overlap},
        {"rights_are_kept", rights_are_kept},
        {"own_token", own_token},
        {"others_token", others_token},
        {"privileges", privileges},
        {"all_or_nothing", all_or_nothing},
        {"groups", groups},
        {"defaults", defaults},
        {"shared_and_copied", shared_and_copied},
        {"races", races},
        {"create", create},
        {"sessions", sessions},
        {"duplicates", duplicates},
        {"restricted", restricted},
        {"pairs", pairs},
        {"end_of_pairs", end_of_pairs},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
    return 0;
}

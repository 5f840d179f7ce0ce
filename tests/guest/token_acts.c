/*
 * tests/guest/token_acts.c - becoming and acting as somebody else, from inside, and the attacks on that: by the
 * rules of the public KACS specification; each rule by a case of its own.
 */
#define _GNU_SOURCE
#include "tests/guest/token_check.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define BIT(number) (1ull << (number))

static const char self_path[] = "/proc/self/exe";

static int impersonation_of(const char *user, uint32_t level)
{
    return token_of((struct somebody){.user = user, .type = TOKEN_IMPERSONATION, .level = level});
}

static void *check_system(void *unused)
{
    (void)unused;
    CHECK(acting_as("S-1-5-18") && being("S-1-5-18"));
    return NULL;
}

/* Does impersonation reach this thread and nobody else, until it reverts? */
static void one_thread(void)
{
    pthread_t thread;
    int anna = impersonation_of(USER_ANNA, 2), bodo = impersonation_of(USER_BODO, 3), status;

    CHECK(token_impersonate(anna) == 0);
    CHECK(acting_as(USER_ANNA));
    CHECK_ERROR(token_open_self(TOKEN_OPEN_REAL, TOKEN_QUERY), EACCES); /* Anna asks, of SYSTEM's */
    CHECK(pthread_create(&thread, NULL, check_system, NULL) == 0 &&
          pthread_join(thread, NULL) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(acting_as("S-1-5-18") && being("S-1-5-18"));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(token_impersonate(bodo) == 0 && acting_as(USER_BODO)); /* takes the place of Anna */
    CHECK(token_revert() == 0 && acting_as("S-1-5-18"));
    CHECK(token_revert() == 0);
    int primary = token_of((struct somebody){.user = USER_ANNA});
    CHECK_ERROR(token_impersonate(primary), EINVAL);
    CHECK_ERROR(token_install(anna), EINVAL);
}

/* Does a program that is started act as its process, whomever its starter acted as? */
static void exec_reverts(void)
{
    int anna = impersonation_of(USER_ANNA, 2);
    CHECK(token_impersonate(anna) == 0);
    execl(self_path, self_path, "S-1-5-18", NULL);
    CHECK(!"exec");
}

/* Does who has been installed stay over fork and exec? */
static void install_stays(void)
{
    int status;
    become((struct somebody){.user = USER_ANNA});
    pid_t child = fork();
    if (child == 0) {
        execl(self_path, self_path, USER_ANNA, NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static pthread_barrier_t barrier;

static void *check_anna(void *unused)
{
    (void)unused;
    CHECK(being("S-1-5-18"));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    CHECK(being(USER_ANNA) && acting_as(USER_ANNA));
    return NULL;
}

/* Does an installation reach all threads, and revert lead to who was installed? */
static void install_is_the_process(void)
{
    pthread_t thread;
    int bodo = impersonation_of(USER_BODO, 2);
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(pthread_create(&thread, NULL, check_anna, NULL) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(token_impersonate(bodo) == 0);
    int anna = token_of((struct somebody){.user = USER_ANNA});
    CHECK(anna == -1 && errno == EPERM); /* Bodo may not make tokens */
    CHECK(token_revert() == 0);
    anna = token_of((struct somebody){.user = USER_ANNA});
    CHECK(token_impersonate(bodo) == 0 && token_install(anna) == 0);
    CHECK(acting_as(USER_BODO));
    CHECK(token_revert() == 0 && acting_as(USER_ANNA) && being(USER_ANNA));
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    CHECK_ERROR(token_install(anna), EPERM); /* Anna may not install */
}

/* May a user without the privilege act as somebody else only to look at him? */
static void identity_gate(void)
{
    int bodo = impersonation_of(USER_BODO, 2), anna = impersonation_of(USER_ANNA, 2);
    become((struct somebody){.user = USER_ANNA});
    CHECK(token_impersonate(anna) == 0 && acting_as(USER_ANNA) && token_revert() == 0);
    CHECK(token_impersonate(bodo) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES); /* no access is granted to a look */
    CHECK(being(USER_ANNA) == 0);                         /* not even to one's own */
    CHECK(token_revert() == 0 && being(USER_ANNA));
    /* The gate is kept by the process, not by whom a thread acts as: no chain leads around it. */
    CHECK(token_impersonate(anna) == 0 && token_impersonate(bodo) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
}

/* With the privilege, at what the client allows? */
static void privilege_opens_it(void)
{
    int bodo = impersonation_of(USER_BODO, 2), looks = impersonation_of(USER_BODO, 1);
    become((struct somebody){.user = USER_ANNA, .privileges = BIT(SE_IMPERSONATE)});
    CHECK(token_impersonate(bodo) == 0 && acting_as(USER_BODO));
    CHECK(token_impersonate(looks) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
    CHECK(token_revert() == 0);
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES);
    CHECK(token_adjust_privilege(own, SE_IMPERSONATE, TOKEN_PRIVILEGE_DISABLE, NULL) == 0);
    CHECK(token_impersonate(bodo) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
}

/* Does nothing lift a process above its own integrity level? */
static void integrity_ceiling(void)
{
    int high = token_of((struct somebody){
        .user = USER_BODO, .type = TOKEN_IMPERSONATION, .level = 2, .integrity = INTEGRITY_HIGH});
    become((struct somebody){.user = USER_ANNA, .privileges = BIT(SE_IMPERSONATE)});
    CHECK(token_impersonate(high) == 0);
    CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
}

/* Is a restricted process kept from its user's unrestricted token? */
static void restricted_stays(void)
{
    int whole = impersonation_of(USER_ANNA, 2);
    int anna = token_of((struct somebody){.user = USER_ANNA});
    int less = token_restrict(anna, 0, NULL, 0, sid(USER_ANNA), 1, 28, 0);
    CHECK(less >= 0 && token_install(less) == 0);
    CHECK_ERROR(token_impersonate(whole), EPERM);
    CHECK(being(USER_ANNA));
}

/* May anybody be nobody? */
static void anonymous(void)
{
    int anna = impersonation_of(USER_ANNA, 2);
    int nobody = token_duplicate(anna, TOKEN_IMPERSONATE | TOKEN_QUERY, TOKEN_IMPERSONATION, 0);
    become((struct somebody){.user = USER_BODO});
    CHECK(token_impersonate(nobody) == 0);
    CHECK(acting_as("S-1-5-7"));
    CHECK(token_revert() == 0 && being(USER_BODO));
}

/* Do privileges count only of who may act, and of whom the thread acts as? */
static void whose_privileges(void)
{
    uint64_t id;
    int all = token_of((struct somebody){
        .user = USER_ANNA, .type = TOKEN_IMPERSONATION, .level = 2, .privileges = BIT(SE_TCB)});
    int looks = token_of((struct somebody){
        .user = USER_ANNA, .type = TOKEN_IMPERSONATION, .level = 1, .privileges = BIT(SE_TCB)});
    CHECK(token_impersonate(all) == 0);
    CHECK(logon_session_create(2, "x", sid(USER_ANNA), 28, &id) == 0);
    CHECK(logon_session_end_empty(id) == 0);
    CHECK(token_impersonate(looks) == 0); /* SYSTEM's process may; but a look lends nothing */
    CHECK_ERROR(logon_session_create(2, "x", sid(USER_ANNA), 28, &id), EPERM);
    CHECK(token_revert() == 0);
    CHECK(token_impersonate(impersonation_of(USER_BODO, 2)) == 0);
    CHECK_ERROR(logon_session_create(2, "x", sid(USER_ANNA), 28, &id), EPERM);
}

/* Is a program that may gain nothing kept from becoming anybody? */
static void no_new_privileges(void)
{
    int anna = impersonation_of(USER_ANNA, 2),
        bodo = token_of((struct somebody){.user = USER_BODO});
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK_ERROR(token_impersonate(anna), EPERM);
    CHECK_ERROR(token_install(bodo), EPERM);
    CHECK(acting_as("S-1-5-18"));
}

static void send_descriptor(int socket, int fd)
{
    char byte = 'x', control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK(sendmsg(socket, &message, 0) == 1);
}

static int take_descriptor(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int fd = -1;
    CHECK(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* Does a handle that is sent bring what it may do, and no more, to whoever gets it? */
static void smuggled_handle(void)
{
    int ends[2], status;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        become((struct somebody){.user = USER_BODO});
        int looked = take_descriptor(ends[1]);
        CHECK(is_user(looked, USER_ANNA));
        CHECK_ERROR(token_impersonate(looked), EACCES);
        CHECK_ERROR(token_duplicate(looked, TOKEN_QUERY, TOKEN_PRIMARY, 0), EACCES);
        int whole = take_descriptor(ends[1]);
        /* The handle delegates the right to act; the gates are this process's all the same. */
        CHECK(token_impersonate(whole) == 0);
        CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
        _exit(0);
    }
    int whole = impersonation_of(USER_ANNA, 2);
    int copy = token_duplicate(whole, TOKEN_QUERY, TOKEN_IMPERSONATION, 2);
    send_descriptor(ends[0], copy);
    send_descriptor(ends[0], whole);
    close(copy);
    close(whole);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- clients of sockets ---- */

#define PLACE "\0token_acts"

static const struct sockaddr_un place = {AF_UNIX, PLACE};
#define PLACE_BYTES ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof PLACE))

static int listening(int type)
{
    int server = socket(AF_UNIX, type, 0);
    CHECK(bind(server, (const struct sockaddr *)&place, PLACE_BYTES) == 0);
    CHECK(listen(server, 4) == 0);
    return server;
}

/* Somebody connects, with that level (-1: says none), and goes at once. */
static void connect_as(struct somebody who, int type, int level)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        become(who);
        int client = socket(AF_UNIX, type, 0);
        if (level >= 0)
            CHECK(token_set_client_level(client, (unsigned)level) == 0);
        CHECK(connect(client, (const struct sockaddr *)&place, PLACE_BYTES) == 0);
        CHECK_ERROR(token_set_client_level(client, 1), EISCONN);
        CHECK_ERROR(token_open_client(client), EACCES); /* the server is nobody's client */
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Does a server see and act as who connected, as far as the client said, also when that is gone? */
static void client(void)
{
    int server = listening(SOCK_STREAM);
    for (int level = -1; level <= 3; level++) {
        connect_as((struct somebody){.user = USER_ANNA}, SOCK_STREAM, level);
        int end = accept(server, NULL, NULL);
        int token = token_open_client(end);
        CHECK(token >= 0 && is_user(token, level ? USER_ANNA : "S-1-5-7"));
        CHECK(ask_number(token, TOKEN_CLASS_LEVEL) == (uint32_t)(level < 0 ? 2 : level));
        CHECK(ask_number(token, TOKEN_CLASS_TYPE) == TOKEN_IMPERSONATION);
        CHECK_ERROR(token_duplicate(token, TOKEN_QUERY, TOKEN_PRIMARY, 0), EACCES);
        CHECK(token_impersonate_client(end) == 0);
        if (level == 1)
            CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES); /* a look gives nothing */
        else
            CHECK(acting_as(level ? USER_ANNA : "S-1-5-7"));
        CHECK(token_revert() == 0);
        close(token);
        close(end);
    }
}

/* The confused deputy: does a server without the privilege, or below its client, stay what it is? */
static void deputy(void)
{
    int server = listening(SOCK_SEQPACKET);
    connect_as((struct somebody){.user = USER_ANNA}, SOCK_SEQPACKET, 3);
    connect_as((struct somebody){.user = USER_BODO, .integrity = INTEGRITY_HIGH}, SOCK_SEQPACKET,
               3);
    become((struct somebody){.user = USER_BODO});
    for (int i = 0; i < 2; i++) {
        int end = accept(server, NULL, NULL);
        CHECK(token_impersonate_client(end) == 0);
        CHECK_ERROR(token_open_self(0, TOKEN_QUERY), EACCES);
        CHECK(token_revert() == 0);
        close(end);
    }
}

/* Does whom a client acts as cascade, and no further than he may himself? */
static void cascade(void)
{
    int server = listening(SOCK_STREAM);
    for (uint32_t level = 1; level <= 3; level++) {
        int acts = impersonation_of(USER_ANNA, level), client = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(token_set_client_level(client, 3) == 0);
        CHECK(token_impersonate(acts) == 0);
        CHECK(connect(client, (const struct sockaddr *)&place, PLACE_BYTES) == 0);
        CHECK(token_revert() == 0);
        int token = token_open_client(accept(server, NULL, NULL));
        CHECK(is_user(token, USER_ANNA) && ask_number(token, TOKEN_CLASS_LEVEL) == level);
    }
}

/* Is what a client became after it connected, and what it adjusted, none of the server's business? */
static void snapshot(void)
{
    int server = listening(SOCK_STREAM), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int own = token_open_self(0, TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY);
    CHECK(connect(client, (const struct sockaddr *)&place, PLACE_BYTES) == 0);
    CHECK(token_adjust_privilege(own, SE_DEBUG, TOKEN_PRIVILEGE_REMOVE, NULL) == 0);
    int end = accept(server, NULL, NULL), token = token_open_client(end);
    CHECK(privileges_of(token).present & BIT(SE_DEBUG));
    CHECK(!(privileges_of(own).present & BIT(SE_DEBUG)));
    CHECK(statistics_of(token).token != statistics_of(own).token);
}

/* Do pairs, datagrams and everything else have no client? */
static void no_client(void)
{
    int pair[2], datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK_ERROR(token_open_client(pair[0]), EACCES);
    CHECK_ERROR(token_impersonate_client(pair[1]), EACCES);
    CHECK_ERROR(token_open_client(datagram), EACCES);
    CHECK_ERROR(token_set_client_level(datagram, 1), EINVAL);
    CHECK_ERROR(token_set_client_level(pair[0], 1), EISCONN);
    int server = listening(SOCK_STREAM);
    CHECK_ERROR(token_open_client(server), EACCES);
    CHECK_ERROR(token_set_client_level(server, 1), EINVAL);
    CHECK_ERROR(token_set_client_level(socket(AF_UNIX, SOCK_STREAM, 0), 4), EINVAL);
    CHECK_ERROR(token_open_client(0), ENOTSOCK);
    CHECK_ERROR(token_open_client(-1), EBADF);
}

static volatile int stop;

static void *impersonate_on(void *argument)
{
    int token = *(int *)argument;
    while (!stop)
        CHECK(token_impersonate(token) == 0 && token_revert() == 0);
    return NULL;
}

/* Two threads come and go as somebody while a third asks who they are: does everything hold, and is all let go? */
static void looked_at_meanwhile(void)
{
    pthread_t threads[2];
    int anna = impersonation_of(USER_ANNA, 2);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, impersonate_on, &anna) == 0);
    for (int i = 0; i < 300; i++) {
        int token = token_open_thread(pidfd, getpid() + 1 + i % 2, TOKEN_QUERY);
        if (token < 0)
            continue;
        CHECK(is_user(token, USER_ANNA) || is_user(token, "S-1-5-18"));
        close(token);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        {"one_thread", one_thread},
        {"exec_reverts", exec_reverts},
        {"install_stays", install_stays},
        {"install_is_the_process", install_is_the_process},
        {"identity_gate", identity_gate},
        {"privilege_opens_it", privilege_opens_it},
        {"integrity_ceiling", integrity_ceiling},
        {"restricted_stays", restricted_stays},
        {"anonymous", anonymous},
        {"whose_privileges", whose_privileges},
        {"no_new_privileges", no_new_privileges},
        {"smuggled_handle", smuggled_handle},
        {"client", client},
        {"deputy", deputy},
        {"cascade", cascade},
        {"snapshot", snapshot},
        {"no_client", no_client},
        {"looked_at_meanwhile", looked_at_meanwhile},
    };
    if (argc > 1) /* started by a case: am I that, and act as that? */
        return !(being(argv[1]) && acting_as(argv[1]));
    run_cases(cases, sizeof cases / sizeof *cases);
    return 0;
}

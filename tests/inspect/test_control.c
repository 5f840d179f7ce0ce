/*
 * tests/inspect/test_control.c - can another process find a machine by its name and see it, but not
 * change it?
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/inspect/synthetic.h"
#include "vmm/session/control_protocol.h"
#include "vmm/session/control_socket.h"
#include "vmm/session/session.h"

static struct synthetic s;
static struct vt_machine machine;
static char directory[64];

static void setup(void)
{
    strcpy(directory, "/tmp/vitrine-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    setenv("XDG_RUNTIME_DIR", directory, 1);
    synthetic_init(&s, 1, 64);
    memset(&machine, 0, sizeof(machine));
    machine.memory.fd = memfd_create("guest", 0);
    machine.memory.bytes = SYNTHETIC_BYTES;
    machine.memory.ram[0] = s.memory.ram[0];
    machine.kernel.note.glass_phys = s.guest.glass_phys;
    machine.name = (char *)"one";
    machine.program.path = (char *)"/bin/true";
    synthetic_task(&s, 1, 1, "sh", NULL);
    cr_assert_eq(pwrite(machine.memory.fd, s.memory.base, SYNTHETIC_BYTES, 0), SYNTHETIC_BYTES);
}

static void teardown(void)
{
    char command[128];

    synthetic_deinit(&s);
    close(machine.memory.fd);
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 30);

static void expect_code(struct vt_error *error, enum vt_error_code code)
{
    cr_assert_not_null(error);
    cr_expect_eq(vt_error_code(error), code, "%s", vt_error_message(error));
    vt_error_destroy(error);
}

Test(control, attach_by_name_and_look)
{
    struct control_socket *control;
    struct vt_guest *guest;
    struct vt_task task;
    char **names;
    size_t count;

    expect_code(vt_guest_attach("one", &guest), VT_ERROR_NOT_FOUND);
    cr_assert_null(control_socket_create("one", &control));
    cr_assert_null(control_socket_serve(control, &machine));
    cr_assert_null(vt_guest_names(&names, &count));
    cr_assert_eq(count, 1);
    cr_expect_str_eq(names[0], "one");
    free(names[0]);
    free(names);
    struct vt_error *error = vt_guest_attach("one", &guest);
    cr_assert_null(error, "%s", vt_error_message(error));
    cr_assert_null(vt_guest_ready(guest, 1000));
    cr_assert_null(vt_guest_task(guest, 1, &task));
    cr_expect_str_eq(task.comm, "sh");
    cr_expect_eq(mprotect(guest->memory.base, 4096, PROT_READ | PROT_WRITE), -1,
                 "must stay read-only");
    cr_expect_not(guest_has_ended(guest));
    control_socket_destroy(control);
    cr_expect(guest_has_ended(guest));
    vt_guest_detach(guest);
    expect_code(vt_guest_attach("one", &guest), VT_ERROR_NOT_FOUND);
}

Test(control, taken_names_are_refused_and_stale_sockets_replaced)
{
    struct control_socket *first, *second;
    char path[128];

    cr_assert_null(control_socket_create("one", &first));
    expect_code(control_socket_create("one", &second), VT_ERROR_EXISTS);
    control_socket_destroy(first);
    snprintf(path, sizeof(path), "%s/vitrine/one.sock", directory);
    FILE *stale = fopen(path, "w");
    fclose(stale);
    cr_assert_null(control_socket_create("one", &first));
    control_socket_destroy(first);
}

Test(control, bad_names_and_directories)
{
    static const char *const bad[] = {"", "a/b", "../x", ".x", "-x", "a b", "x\n"};
    struct control_socket *control;
    char path[128];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_code(control_socket_create(bad[i], &control), VT_ERROR_ARGUMENT);
    snprintf(path, sizeof(path), "%s/vitrine", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chmod(path, 0777), 0);
    expect_code(control_socket_create("one", &control), VT_ERROR_DENIED);
}

/* ---- requests ---- */

static void read_line(int fd, char *answer, size_t room)
{
    size_t used = 0;

    do
        cr_assert(used < room - 1 && recv(fd, answer + used, 1, 0) == 1, "no answer");
    while (answer[used++] != '\n');
    answer[used - 1] = '\0';
}

static void send_line(int fd, const char *line)
{
    cr_assert_eq(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
    cr_assert_eq(send(fd, "\n", 1, MSG_NOSIGNAL), 1);
}

/* Is everything that is no request refused with a sentence that says why, under its own id, and
 * does the connection go on afterwards? */
Test(control, bad_requests_are_refused_with_a_sentence)
{
    static const struct {
        const char *line, *why;
        int id;
    } bad[] = {
        {"", "one object of JSON", 0},
        {"{", "one object of JSON", 0},
        {"[]", "one object of JSON", 0},
        {"{} {}", "one object of JSON", 0},
        {"{\"command\":\"ping\",\"command\":\"kill\"}", "one object of JSON", 0},
        {"{\"command\":\"pi\\u0000ng\"}", "one object of JSON", 0},
        {"{\"id\":7}", "says in 'command'", 7},
        {"{\"command\":7,\"id\":8}", "says in 'command'", 8},
        {"{\"command\":\"dance\",\"id\":9}", "no request 'dance'", 9},
        {"{\"command\":\"ping\",\"id\":\"x\"}", "'id' of a request is a number", 0},
        {"{\"command\":\"ping\",\"id\":1.5}", "'id' of a request is a number", 0},
        {"{\"command\":\"ping\",\"id\":3,\"loud\":true}", "no argument 'loud'", 3},
        {"{\"command\":\"trace\"}", "'types' as a number", 0},
        {"{\"command\":\"trace\",\"types\":-1}", "'types' as a number", 0},
        {"{\"command\":\"trace\",\"types\":\"1\"}", "'types' as a number", 0},
        {"{\"command\":\"core\"}", "'file' as a string", 0},
        {"{\"command\":\"core\",\"file\":[]}", "'file' as a string", 0},
        {"{\"command\":\"core\",\"file\":\"here\"}", "not absolute", 0},
        {"{\"command\":\"act\",\"mailbox\":1}", "'arguments' as a list", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[1,2,3,4]}", "'arguments' as a list", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[\"1\",\"2\",\"3\"]}",
         "'arguments' as a list", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[\"1\",\"2\",\"3\",\"-4\"]}",
         "'arguments' as a list", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[\"1\",\"2\",\"3\","
         "\"0x10000000000000000\"]}",
         "'arguments' as a list", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[\"1\",\"2\",\"3\",\"4\"],"
         "\"data\":\"abc\"}",
         "'data' as a string of pairs", 0},
        {"{\"command\":\"act\",\"mailbox\":1,\"arguments\":[\"1\",\"2\",\"3\",\"4\"],"
         "\"data\":\"xy\"}",
         "'data' as a string of pairs", 0},
        {"{\"command\":\"act\",\"mailbox\":8,\"arguments\":[\"1\",\"2\",\"3\",\"4\"]}",
         "takes from others", 0},
        {"{\"command\":\"act\",\"mailbox\":99,\"arguments\":[\"1\",\"2\",\"3\",\"4\"]}",
         "takes from others", 0},
        {"{\"command\":\"resume\"}", "not stopped for you", 0},
    };
    static char answer[CONTROL_LINE_MAX];
    struct control_socket *control;
    int fd;

    machine.guest = s.guest; /* what the requests would be about */
    cr_assert_null(control_socket_create("one", &control));
    cr_assert_null(control_socket_serve(control, &machine));
    cr_assert_null(control_connect("one", &fd));
    read_line(fd, answer, sizeof(answer)); /* the machine's description */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        send_line(fd, bad[i].line);
        read_line(fd, answer, sizeof(answer));
        json_t *object = json_loads(answer, 0, NULL);
        const char *problem = json_string_value(json_object_get(object, "error"));

        cr_expect(problem && strstr(problem, bad[i].why), "%s: %s", bad[i].line, answer);
        cr_expect_eq(json_integer_value(json_object_get(object, "id")), bad[i].id, "%s", answer);
        cr_expect_gt(json_integer_value(json_object_get(object, "code")), 0, "%s", answer);
        json_decref(object);
    }
    send_line(fd, "{\"command\":\"ping\",\"id\":77}");
    read_line(fd, answer, sizeof(answer));
    cr_expect_str_eq(answer, "{\"id\":77,\"ok\":true}");
    close(fd);
    control_socket_destroy(control);
}

/* Does whatever a request says come out as it went in? */
Test(control, requests_survive_the_way)
{
    static uint8_t data[GLASS_MAILBOX_DATA];
    struct control_message message = {.request = CONTROL_ACT,
                                      .id = 123456789012,
                                      .number = MAILBOX_SPAWN,
                                      .words = {0, 1, UINT64_MAX, 1ull << 63},
                                      .bytes = data,
                                      .byte_count = sizeof(data)},
                           back;
    char *line;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    cr_assert_null(control_encode(&message, &line));
    cr_assert_lt(strlen(line), CONTROL_LINE_MAX);
    line[strlen(line) - 1] = '\0';
    cr_assert_null(control_decode(line, &back));
    cr_expect_eq(back.request, CONTROL_ACT);
    cr_expect_eq(back.id, message.id);
    cr_expect_eq(back.number, MAILBOX_SPAWN);
    cr_expect_eq(memcmp(back.words, message.words, sizeof(back.words)), 0);
    cr_expect_eq(back.byte_count, sizeof(data));
    cr_expect_eq(memcmp(back.bytes, data, sizeof(data)), 0);
    control_message_deinit(&back);
    free(line);
    message = (struct control_message){.request = CONTROL_CORE, .text = "/tmp/\xff"};
    expect_code(control_encode(&message, &line), VT_ERROR_ARGUMENT);
}

/* Whatever bytes come, does decoding end with a request or a sentence? Lines of every request are
 * damaged at random; a run under a memory checker sees more. */
Test(control, damaged_requests)
{
    struct control_message message = {.number = 1,
                                      .text = "/tmp/x",
                                      .words = {1, 2, 3, 4},
                                      .bytes = (const uint8_t *)"abc",
                                      .byte_count = 3};
    uint64_t seed = 1;
    unsigned refused = 0, taken = 0;

    for (unsigned i = 0; i < 40000; i++) {
        struct control_message decoded;
        char *line;

        message.request = (enum control_request)(i % CONTROL_REQUESTS);
        cr_assert_null(control_encode(&message, &line));
        size_t length = strlen(line) - 1;
        line[length] = '\0';
        for (unsigned j = 0; j < 1 + i % 4; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            line[(seed >> 33) % length] =
                (char)(i % 2 ? line[(seed >> 20) % length] : (char)(seed >> 50));
        }
        struct vt_error *error = control_decode(line, &decoded);
        if (error) {
            cr_assert_gt(strlen(vt_error_message(error)), 10);
            refused++;
            vt_error_destroy(error);
        } else {
            taken++;
            control_message_deinit(&decoded);
        }
        free(line);
    }
    cr_expect_gt(refused, 10000);
    cr_expect_gt(taken, 100);
}

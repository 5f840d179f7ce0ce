/*
 * tests/inspect/test_control.c - can another process find a machine by its name and see it, but not
 * change it?
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/inspect/synthetic.h"
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

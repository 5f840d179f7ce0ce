/*
 * vmm/machine/probe_qemu.c - finds the QEMU program and its version.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/boot.h"
#include "vmm/base/file.h"
#include "vmm/machine/host.h"

#define QEMU_PROGRAM "qemu-system-x86_64"

/* What TCG has had since 7.2; its CPUID tells the truth, so an older one only answers with less. */
#define QEMU_CPU_FEATURES                                                                          \
    (BOOT_CPU_XSAVE | BOOT_CPU_AVX | BOOT_CPU_SMEP | BOOT_CPU_SMAP | BOOT_CPU_UMIP |               \
     BOOT_CPU_FSGSBASE | BOOT_CPU_RDRAND | BOOT_CPU_XSAVEOPT | BOOT_CPU_GBPAGES)

bool host_find_qemu(char *path, size_t bytes)
{
    const char *chosen = getenv("VITRINE_QEMU");
    const char *directory = getenv("PATH");

    if (chosen && *chosen)
        return snprintf(path, bytes, "%s", chosen) < (int)bytes && access(path, X_OK) == 0;
    if (!directory || !*directory)
        directory = "/usr/local/bin:/usr/bin:/bin";
    while (*directory) {
        size_t length = strcspn(directory, ":");

        if (length > 0 &&
            snprintf(path, bytes, "%.*s/%s", (int)length, directory, QEMU_PROGRAM) < (int)bytes &&
            access(path, X_OK) == 0)
            return true;
        directory += length + (directory[length] == ':');
    }
    return false;
}

/* "QEMU emulator version 7.2.22 (...)"; a program that says something else is not QEMU. */
static void parse_version(const char *text, char *version, size_t bytes)
{
    const char *at = strstr(text, "QEMU emulator version ");
    size_t length = 0;

    if (!at)
        return;
    at += strlen("QEMU emulator version ");
    while (isalnum((unsigned char)at[length]) || at[length] == '.' || at[length] == '-')
        length++;
    snprintf(version, bytes, "%.*s", (int)length, at);
}

void host_probe_qemu(struct vt_host *host)
{
    char *arguments[] = {host->qemu_path, "--version", NULL};
    posix_spawn_file_actions_t actions;
    char text[512];
    ssize_t got;
    int pipes[2], problem;
    pid_t child;

    if (!host_find_qemu(host->qemu_path, sizeof(host->qemu_path))) {
        host->qemu_path[0] = 0;
        return;
    }
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    problem = posix_spawn(&child, host->qemu_path, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (!problem) {
        got = file_read_all(pipes[0], text, sizeof(text) - 1);
        text[got > 0 ? got : 0] = 0;
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
        parse_version(text, host->qemu_version, sizeof(host->qemu_version));
        host->qemu_present = host->qemu_version[0] != 0;
        host->qemu_cpu_features = host->qemu_present ? QEMU_CPU_FEATURES : 0;
    }
    close(pipes[0]);
}

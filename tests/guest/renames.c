/*
 * tests/guest/renames.c - threads and processes with names made to break out of whatever shows
 * them: HTML, scripts, JSON, terminals.
 */
#include "tests/guest/guest.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *const names[] = {
    "</script><b>x",
    "<!--<script>",
    "\"'\\]}{&amp;",
    "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x90\xa7",
    "\n\r\t\x1b[31m",
    "@trace@",
    " ",
};

static void *thread(void *name)
{
    if (prctl(PR_SET_NAME, name, 0, 0, 0) != 0)
        fail("prctl");
    return NULL;
}

int main(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pthread_t other;
        pid_t pid = fork();
        int status;

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            thread((void *)(uintptr_t)names[i]);
            _exit((int)i);
        }
        if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (int)i)
            fail("wait");
        if (pthread_create(&other, NULL, thread, (void *)(uintptr_t)names[i]) != 0 ||
            pthread_join(other, NULL) != 0)
            fail("thread");
    }
    return 0;
}

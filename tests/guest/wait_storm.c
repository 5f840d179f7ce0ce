/*
 * tests/guest/wait_storm.c - `wait_storm N`: N children, each waited for while SIGINT and SIGWINCH
 * arrive from the terminal (one or more for each "."); every wait must give the child with its own
 * status, or EINTR.
 */
#include "tests/guest/guest.h"

#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t hits;

static void on_signal(int signal)
{
    (void)signal;
    hits++;
}

static void catch (int signal, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

/* The child lives until it shares a signal that came after `before`, so that its parent sleeps. */
static _Noreturn void live(unsigned round, sig_atomic_t before)
{
    while (hits == before)
        continue;
    _exit((int)(round % 100));
}

int main(int argument_count, char **arguments)
{
    unsigned rounds = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 100, interrupted = 0;
    int status;

    catch (SIGINT, 0);
    catch (SIGWINCH, 0);
    say("ready");
    for (unsigned round = 0; round < rounds; round++) {
        /* With and without the call being made again after the handler. */
        catch (SIGINT, round & 1 ? SA_RESTART : 0);
        catch (SIGWINCH, round & 2 ? SA_RESTART : 0);
        sig_atomic_t before = hits;
        pid_t child = fork(), got;

        if (child < 0)
            fail("fork");
        if (child == 0)
            live(round, before);
        if (write(1, ".", 1) != 1)
            fail("write");
        while ((got = waitpid(round & 4 ? -1 : child, &status, 0)) < 0 && errno == EINTR)
            interrupted++;
        if (got < 0)
            fail("waitpid");
        if (got != child || !WIFEXITED(status) || WEXITSTATUS(status) != (int)(round % 100)) {
            say("FAILED round %u: child %d, got %d with status %#x", round, child, got, status);
            return 1;
        }
    }
    if (waitpid(-1, &status, 0) != -1 || errno != ECHILD) {
        say("FAILED: a child is left");
        return 1;
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGWINCH, SIG_IGN);
    say("waited. %d signals, %u waits interrupted", (int)hits, interrupted);
    await_host();
    return 0;
}

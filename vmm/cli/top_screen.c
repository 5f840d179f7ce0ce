/*
 * vmm/cli/top_screen.c - `vitrine top` on a terminal: ncurses draws the lines of top_view.c; the
 * keys are those of top and htop.
 */
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/top.h"

struct screen {
    struct vt_guest *guest;
    struct top_view *view;
    const struct sample *sample;
    struct top_row *rows;
    size_t count, first; /* rows; the first one shown */
    int32_t selected;    /* tid: the selection stays with the task when the order changes */
    size_t selected_row;
    char message[256];
    bool chosen; /* the user has moved the selection; before, it is the first row */
    bool help, quit;
};

static const char *const help_lines[] = {
    "Keys",
    "  Up Down PgUp PgDn Home End   choose a task",
    "  P M N T S D                  sort by CPU, memory, number, time, switches, run delay",
    "  R                            reverse the order",
    "  t F5                         tree         H  threads or processes",
    "  / F4                         show only names that contain ...",
    "  k F9                         send a signal to the chosen task's process",
    "  r                            set its nice value; F7 and F8 lower and raise it",
    "  f                            freeze the process, or thaw it",
    "  o                            hold the one thread, or release it",
    "  Space                        look again now",
    "  q F10                        leave",
    "",
    "C is the CPU; DELAY% how much of the time it was ready and had to wait for one.",
    "State H: held from outside. Any key goes back.",
};

static void put_line(int row, const char *text, attr_t attribute)
{
    if (row >= LINES)
        return;
    attrset(attribute);
    mvaddnstr(row, 0, text, COLS);
    if (attribute & A_REVERSE)
        for (int column = (int)strlen(text); column < COLS; column++)
            addch(' ');
    attrset(A_NORMAL);
    clrtoeol();
}

static int header_rows(const struct screen *screen)
{
    int lanes = (int)screen->view->cpus, most = LINES / 3;

    return 1 + (lanes < most ? lanes : most) + 1;
}

static size_t rows_that_fit(const struct screen *screen)
{
    int fit = LINES - header_rows(screen) - 1;

    return fit > 1 ? (size_t)fit : 1;
}

static void follow_selection(struct screen *screen)
{
    size_t fit = rows_that_fit(screen);
    bool found = false;

    if (!screen->chosen)
        screen->selected_row = 0;
    for (size_t i = 0; screen->chosen && i < screen->count; i++)
        if (screen->rows[i].sampled->task.tid == screen->selected) {
            screen->selected_row = i;
            found = true;
        }
    if (screen->count && screen->selected_row >= screen->count)
        screen->selected_row = screen->count - 1;
    if (!found && screen->count) /* it is gone: whoever took its row */
        screen->selected = screen->rows[screen->selected_row].sampled->task.tid;
    if (screen->selected_row < screen->first)
        screen->first = screen->selected_row;
    if (screen->selected_row >= screen->first + fit)
        screen->first = screen->selected_row - fit + 1;
    if (screen->first && screen->first + fit > screen->count)
        screen->first = screen->count > fit ? screen->count - fit : 0;
}

static void draw(struct screen *screen)
{
    char line[TOP_LINE_MAX];
    int row = 0;

    erase();
    if (screen->help) {
        for (size_t i = 0; i < sizeof(help_lines) / sizeof(help_lines[0]); i++)
            put_line((int)i, help_lines[i], i ? A_NORMAL : A_BOLD);
        refresh();
        return;
    }
    follow_selection(screen);
    top_title(screen->view, screen->sample, line);
    put_line(row++, line, A_BOLD);
    for (unsigned cpu = 0; row < header_rows(screen) - 1; cpu++) {
        top_lane(screen->sample, cpu, line);
        put_line(row++, line, A_NORMAL);
    }
    top_header(line);
    put_line(row++, line, A_REVERSE);
    for (size_t i = screen->first; i < screen->count && row < LINES - 1; i++) {
        top_row_text(&screen->rows[i], line);
        put_line(row++, line, i == screen->selected_row ? A_REVERSE | A_BOLD : A_NORMAL);
    }
    put_line(LINES - 1,
             screen->message[0] ? screen->message
                                : "q quit  ? help  k signal  r nice  f freeze  o hold  t tree  H "
                                  "threads  / filter  PMNTSD sort",
             A_DIM);
    refresh();
}

static void rebuild(struct screen *screen)
{
    free(screen->rows);
    screen->rows = top_rows(screen->view, screen->sample, &screen->count);
}

/* A line typed at the bottom; false if it was left with Escape or is empty. */
static bool ask(const char *question, char *answer, size_t room)
{
    size_t length = 0;

    answer[0] = '\0';
    timeout(-1);
    for (;;) {
        char line[TOP_LINE_MAX];

        snprintf(line, sizeof(line), "%s%s_", question, answer);
        put_line(LINES - 1, line, A_BOLD);
        refresh();
        int key = getch();
        if (key == '\n' || key == '\r' || key == KEY_ENTER)
            return length > 0;
        if (key == 27 || key == ERR)
            return false;
        if ((key == KEY_BACKSPACE || key == 127 || key == 8) && length)
            answer[--length] = '\0';
        else if (key >= ' ' && key < 127 && length + 1 < room) {
            answer[length++] = (char)key;
            answer[length] = '\0';
        }
    }
}

static void say(struct screen *screen, struct vt_error *error, const char *done)
{
    snprintf(screen->message, sizeof(screen->message), "%s",
             error ? vt_error_message(error) : done);
    vt_error_destroy(error);
}

static const struct vt_task *selected(const struct screen *screen)
{
    return screen->selected_row < screen->count ? &screen->rows[screen->selected_row].sampled->task
                                                : NULL;
}

static void send_signal(struct screen *screen, const struct vt_task *task)
{
    char question[96], answer[16], done[64];
    int signal = 0;

    snprintf(question, sizeof(question), "Signal for process %d (%s) [TERM]: ", task->pid,
             task->comm);
    if (!ask(question, answer, sizeof(answer)) && answer[0])
        return;
    struct vt_error *error = cli_parse_signal(answer[0] ? answer : "TERM", &signal);
    if (!error)
        error = vt_guest_signal(screen->guest, task->pid, signal);
    snprintf(done, sizeof(done), "signal %d sent to process %d", signal, task->pid);
    say(screen, error, done);
}

static void set_nice(struct screen *screen, const struct vt_task *task, int nice)
{
    char done[64];

    if (nice < -20 || nice > 19)
        return;
    snprintf(done, sizeof(done), "nice value of thread %d is %d", task->tid, nice);
    say(screen, vt_guest_set_nice(screen->guest, task->tid, nice), done);
}

static void ask_nice(struct screen *screen, const struct vt_task *task)
{
    char question[96], answer[8];

    snprintf(question, sizeof(question), "Nice value for thread %d (%s), now %d: ", task->tid,
             task->comm, task->nice);
    if (!ask(question, answer, sizeof(answer)))
        return;
    char *end;
    long nice = strtol(answer, &end, 10);
    if (*end || nice < -20 || nice > 19)
        say(screen, NULL, "a nice value is a number from -20 to 19");
    else
        set_nice(screen, task, (int)nice);
}

static void toggle_freeze(struct screen *screen, const struct vt_task *task)
{
    unsigned threads = 0;
    bool held = task->held != HELD_NO;
    struct vt_error *error = held ? vt_guest_thaw(screen->guest, task->pid, &threads)
                                  : vt_guest_freeze(screen->guest, task->pid, &threads);
    char done[64];

    snprintf(done, sizeof(done), "process %d: %u thread(s) %s", task->pid, threads,
             held ? "released" : "held");
    say(screen, error, done);
}

static void toggle_hold(struct screen *screen, const struct vt_task *task)
{
    bool held = task->held != HELD_NO;
    struct vt_error *error =
        held ? vt_guest_release(screen->guest, task->tid) : vt_guest_hold(screen->guest, task->tid);
    char done[64];

    snprintf(done, sizeof(done), "thread %d is %s", task->tid, held ? "released" : "held");
    say(screen, error, done);
}

static void move_selection(struct screen *screen, long by)
{
    long row = (long)screen->selected_row + by;

    if (!screen->count)
        return;
    if (row < 0)
        row = 0;
    if (row >= (long)screen->count)
        row = (long)screen->count - 1;
    screen->selected_row = (size_t)row;
    screen->chosen = true;
    screen->selected = screen->rows[row].sampled->task.tid;
}

static bool sort_key(struct top_view *view, int key)
{
    static const char keys[] = "PMNTSD"; /* in the order of enum top_key */
    const char *found = key > 0 && key < 128 ? strchr(keys, key) : NULL;

    if (!found)
        return false;
    view->key = (enum top_key)(found - keys);
    view->tree = false;
    return true;
}

/* True: the picture is to be taken anew. */
static bool obey(struct screen *screen, int key)
{
    struct top_view *view = screen->view;
    const struct vt_task *task = selected(screen);
    long page = (long)rows_that_fit(screen);

    screen->message[0] = '\0';
    if (screen->help) {
        screen->help = false;
        return false;
    }
    if (sort_key(view, key)) {
        rebuild(screen);
        return false;
    }
    switch (key) {
    case 'q':
    case KEY_F(10):
        screen->quit = true;
        return false;
    case '?':
    case 'h':
    case KEY_F(1):
        screen->help = true;
        return false;
    case KEY_UP:
    case KEY_DOWN:
        move_selection(screen, key == KEY_UP ? -1 : 1);
        return false;
    case KEY_PPAGE:
    case KEY_NPAGE:
        move_selection(screen, key == KEY_PPAGE ? -page : page);
        return false;
    case KEY_HOME:
    case KEY_END:
        move_selection(screen, key == KEY_HOME ? -(long)screen->count : (long)screen->count);
        return false;
    case 'R':
        view->reverse = !view->reverse;
        break;
    case 't':
    case KEY_F(5):
        view->tree = !view->tree;
        break;
    case 'H':
        view->threads = !view->threads;
        break;
    case '/':
    case KEY_F(4):
        ask("Show names that contain: ", view->filter, sizeof(view->filter));
        break;
    case ' ':
        return true;
    default:
        if (!task)
            return false;
        if (key == 'k' || key == KEY_F(9))
            send_signal(screen, task);
        else if (key == 'r')
            ask_nice(screen, task);
        else if (key == KEY_F(7) || key == KEY_F(8))
            set_nice(screen, task, task->nice + (key == KEY_F(7) ? -1 : 1));
        else if (key == 'f')
            toggle_freeze(screen, task);
        else if (key == 'o')
            toggle_hold(screen, task);
        else
            return false;
        return true;
    }
    rebuild(screen);
    return false;
}

static struct vt_error *run(struct screen *screen, struct sampler *sampler, double delay_seconds)
{
    uint64_t next_ns = 0;

    while (!screen->quit) {
        uint64_t now = clock_monotonic_ns();

        if (now >= next_ns) {
            struct vt_error *error = sampler_take(sampler, &screen->sample);
            if (error)
                return error;
            /* The first picture has no rates yet: the second follows soon. */
            next_ns = now + (uint64_t)((next_ns ? delay_seconds : 0.3) * 1e9);
            rebuild(screen);
        }
        draw(screen);
        timeout((int)((next_ns - now) / 1000000) + 1);
        int key = getch();
        if (key != ERR && key != KEY_RESIZE && obey(screen, key))
            next_ns = 1;
    }
    return NULL;
}

struct vt_error *top_screen(struct vt_guest *guest, struct sampler *sampler, struct top_view *view,
                            double delay_seconds)
{
    struct screen screen = {.guest = guest, .view = view, .selected = -1};
    SCREEN *terminal = newterm(NULL, stdout, stdin);

    if (!terminal)
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "this terminal (TERM=%s) is not known: use --batch, or another TERM",
                               getenv("TERM") ? getenv("TERM") : "");
    set_escdelay(50);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    curs_set(0);
    struct vt_error *error = run(&screen, sampler, delay_seconds);
    endwin();
    delscreen(terminal);
    free(screen.rows);
    return error;
}

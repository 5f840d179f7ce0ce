/*
 * kernel/time/adjust.c - setting the wall clock (settimeofday(2)) and the state that programs which
 * discipline it keep in the kernel (adjtimex(2)). The clock itself is the host's TSC and is never
 * slewed: an offset or a frequency is remembered and reported, a step takes effect.
 */
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/sync/spinlock.h"
#include "kernel/syscall/syscall.h"
#include "kernel/time/clock_set.h"
#include "kernel/time/timespec.h"

#define ADJ_OFFSET            0x0001u
#define ADJ_FREQUENCY         0x0002u
#define ADJ_MAXERROR          0x0004u
#define ADJ_ESTERROR          0x0008u
#define ADJ_STATUS            0x0010u
#define ADJ_TIMECONST         0x0020u
#define ADJ_TAI               0x0080u
#define ADJ_SETOFFSET         0x0100u
#define ADJ_MICRO             0x1000u
#define ADJ_NANO              0x2000u
#define ADJ_TICK              0x4000u
#define ADJ_OFFSET_SINGLESHOT 0x8001u
#define ADJ_OFFSET_SS_READ    0xa001u
#define ADJ_ADJTIME           0x8000u
#define ADJ_READ_ONLY         0x2000u /* with ADJ_ADJTIME */

#define STA_UNSYNC    0x0040
#define STA_NANO      0x2000
#define STA_READ_ONLY 0xff00 /* bits that only the kernel sets */
#define TIME_OK       0
#define TIME_ERROR    5

#define TICK_US       10000 /* USER_HZ of 100 */
#define FREQUENCY_MAX (500ll << 16)
#define ERROR_MAX_US  16000000
#define CONSTANT_MAX  10

struct linux_timex {
    uint32_t modes, pad0;
    int64_t offset, frequency, max_error, estimated_error;
    int32_t status, pad1;
    int64_t constant, precision, tolerance;
    int64_t seconds, fraction; /* fraction: ns with STA_NANO, else us */
    int64_t tick;
    int64_t pps[2];
    int32_t pps_shift, pad2;
    int64_t pps_counts[5];
    int32_t tai;
    int32_t unused[11];
};
_Static_assert(sizeof(struct linux_timex) == 208, "timex is part of the ABI");

static struct spinlock lock = SPINLOCK_INIT(RANK_ADJUSTMENT); /* guards the state */
static struct {
    int64_t offset, frequency, max_error, estimated_error, constant, tick, one_shot;
    int32_t status, tai;
} state = {
    .max_error = ERROR_MAX_US,
    .estimated_error = ERROR_MAX_US,
    .status = STA_UNSYNC,
    .constant = 2,
    .tick = TICK_US,
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int check(const struct linux_timex *timex)
{
    bool may_set = process_has_capability(current->process, CAP_SYS_TIME);
    uint32_t modes = timex->modes;

    if (modes & ADJ_ADJTIME) {
        if (!(modes & ADJ_OFFSET))
            return -EINVAL;
        if (!(modes & ADJ_READ_ONLY) && !may_set)
            return -EPERM;
    } else {
        if (modes && !may_set)
            return -EPERM;
        if (modes & ADJ_TICK && (timex->tick < TICK_US * 9 / 10 || timex->tick > TICK_US * 11 / 10))
            return -EINVAL;
    }
    if (modes & ADJ_SETOFFSET) {
        int64_t limit = modes & ADJ_NANO ? 1000000000 : 1000000;
        if (!may_set)
            return -EPERM;
        if (timex->fraction < 0 || timex->fraction >= limit)
            return -EINVAL;
    }
    return 0;
}

static void step_clock(const struct linux_timex *timex)
{
    int64_t ns = timex->fraction * (timex->modes & ADJ_NANO ? 1 : 1000);

    clock_move_offset((int64_t)((uint64_t)timex->seconds * NS_PER_SECOND) + ns);
}

/* Lock held. */
static void set(const struct linux_timex *timex)
{
    uint32_t modes = timex->modes;

    if (modes & ADJ_STATUS)
        state.status = (state.status & STA_READ_ONLY) | (timex->status & ~STA_READ_ONLY & 0xffff);
    if (modes & ADJ_NANO)
        state.status |= STA_NANO;
    if (modes & ADJ_MICRO)
        state.status &= ~STA_NANO;
    if (modes & ADJ_FREQUENCY)
        state.frequency = clamp(timex->frequency, -FREQUENCY_MAX, FREQUENCY_MAX);
    if (modes & ADJ_MAXERROR)
        state.max_error = clamp(timex->max_error, 0, ERROR_MAX_US);
    if (modes & ADJ_ESTERROR)
        state.estimated_error = clamp(timex->estimated_error, 0, ERROR_MAX_US);
    if (modes & ADJ_TIMECONST)
        state.constant =
            clamp(timex->constant + (state.status & STA_NANO ? 0 : 4), 0, CONSTANT_MAX);
    if (modes & ADJ_TAI && timex->constant >= 0 && timex->constant <= INT32_MAX)
        state.tai = (int32_t)timex->constant;
    if (modes & ADJ_TICK)
        state.tick = timex->tick;
}

/* Lock held. */
static int64_t exchange(struct linux_timex *timex)
{
    if (timex->modes & ADJ_ADJTIME) {
        int64_t before = state.one_shot;
        if (!(timex->modes & ADJ_READ_ONLY))
            state.one_shot = timex->offset;
        timex->offset = before;
    } else {
        set(timex);
        timex->offset = state.offset;
    }
    timex->frequency = state.frequency;
    timex->max_error = state.max_error;
    timex->estimated_error = state.estimated_error;
    timex->status = state.status;
    timex->constant = state.constant;
    timex->precision = 1;
    timex->tolerance = FREQUENCY_MAX;
    timex->tick = state.tick;
    timex->tai = state.tai;
    memset(timex->pps, 0, sizeof(timex->pps));
    memset(timex->pps_counts, 0, sizeof(timex->pps_counts));
    timex->pps_shift = 0;
    return state.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

static int64_t adjust(uint64_t address)
{
    struct linux_timex timex;

    if (get_user(timex, address))
        return -EFAULT;
    int64_t result = check(&timex);
    if (result)
        return result;
    if (timex.modes & ADJ_SETOFFSET)
        step_clock(&timex);
    spin_lock(&lock);
    result = exchange(&timex);
    spin_unlock(&lock);
    uint64_t now = clock_realtime_ns();
    timex.seconds = (int64_t)(now / NS_PER_SECOND);
    timex.fraction = (int64_t)(now % NS_PER_SECOND) / (timex.status & STA_NANO ? 1 : 1000);
    return put_user(timex, address) ? -EFAULT : result;
}

SYSCALL1(adjtimex, uint64_t, address)
{
    return adjust(address);
}

SYSCALL2(clock_adjtime, int, clock, uint64_t, address)
{
    if (clock < 0 || clock > 11 || clock == 10)
        return -EINVAL;
    return clock ? -EOPNOTSUPP : adjust(address);
}

struct linux_settime {
    int64_t seconds, microseconds;
};
struct linux_timezone {
    int32_t minutes_west, daylight;
};

SYSCALL2(settimeofday, uint64_t, time_address, uint64_t, zone_address)
{
    struct linux_settime time = {0};
    struct linux_timezone zone = {0};

    if (time_address) {
        if (get_user(time, time_address))
            return -EFAULT;
        if ((uint64_t)time.microseconds >= 1000000)
            return -EINVAL;
    }
    if (zone_address && get_user(zone, zone_address))
        return -EFAULT;
    if (time_address && time.seconds < 0)
        return -EINVAL;
    if (!process_has_capability(current->process, CAP_SYS_TIME))
        return -EPERM;
    if (zone.minutes_west > 15 * 60 || zone.minutes_west < -15 * 60)
        return -EINVAL;
    if (time_address) {
        struct linux_timespec value = {time.seconds, time.microseconds * 1000};
        clock_set_offset((int64_t)(timespec_ns(&value) - clock_monotonic_ns()));
    }
    return 0; /* the zone is not kept: programs have their own */
}

/*
 * Console: `calls`, many calls at a time, and how they went; `events`, many numbered events for one application, to
 * watch what becomes of them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "ari_events.h"
#include "channel.h"
#include "minipbx.h"
#include "originate.h"

#include <stdio.h>
#include <stdlib.h>

/* If for so long no call ends, they never will. */
#define STUCK_MS 60000

static int compare_times(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static void print_percentiles(const char *what, int64_t *times, size_t count)
{
    static const int percents[] = {50, 90, 99, 100};
    printf("%s ms:", what);
    if (count == 0) {
        printf(" none\n");
        return;
    }
    qsort(times, count, sizeof *times, compare_times);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (count * (size_t)percents[i] + 99) / 100;
        printf(" p%d %.1f", percents[i], (double)times[rank - 1] / 1000.0);
    }
    printf("\n");
}

static bool print_result(const struct call_record *records, size_t count, int64_t began_us)
{
    int64_t *durations = memory_get(count, sizeof *durations);
    int64_t *starts = memory_get(count, sizeof *starts);
    size_t placed = 0;
    size_t ended = 0;
    size_t started = 0;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        placed += records[i].placed ? 1 : 0;
        failed += records[i].success ? 0 : 1;
        if (records[i].ended) {
            durations[ended++] = records[i].ended_us - records[i].began_us;
        }
        if (records[i].stasis_us >= 0) {
            starts[started++] = records[i].stasis_us;
        }
    }
    double seconds = (double)(clock_now_us() - began_us) / 1e6;
    printf("calls: %zu placed, %zu ended, %zu failed, %.3f s, %.1f calls/s\n", placed, ended, failed, seconds,
           seconds > 0 ? (double)ended / seconds : 0);
    print_percentiles("duration", durations, ended);
    print_percentiles("stasis start", starts, started);
    free(durations);
    free(starts);
    return failed == 0 || console_fail("%zu of %zu calls without STASISSTATUS=SUCCESS", failed, count);
}

/* Hangs up what is left of them, and waits until their channels have let go of the records. */
static void abandon(struct pbx *pbx, size_t placed, const size_t *ended)
{
    for (struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
        if (channel->record != NULL) {
            channel_hangup(channel, CAUSE_NORMAL, CAUSE_NORMAL);
        }
    }
    while (*ended < placed) {
        clock_wait(&pbx->changed, &pbx->lock, CLOCK_NEVER);
    }
}

/* What `calls` was asked for. */
struct load {
    size_t count;
    size_t at_once;
    /* Between the beginnings of two calls; 0 for none. */
    int64_t interval_us;
    const char *extension;
    const char *context;
    const char *digits;
};

/* Under the lock. False if they got stuck, or one could not be placed. */
static bool place_calls(struct pbx *pbx, struct call_record *records, const struct load *load)
{
    size_t count = load->count;
    int64_t next_us = clock_now_us();
    size_t placed = 0;
    size_t ended = 0;
    size_t seen = 0;
    int64_t last_end = clock_now();
    while (ended < count) {
        bool room = placed < count && placed - ended < load->at_once;
        while (room && clock_now_us() >= next_us) {
            struct call_record *record = &records[placed];
            record->ended_count = &ended;
            record->began_us = clock_now_us();
            if (call_in(pbx, load->extension, load->context, load->digits, record) == NULL) {
                goto failed;
            }
            record->placed = true;
            placed++;
            next_us = record->began_us + load->interval_us;
            room = placed < count && placed - ended < load->at_once;
        }
        if (ended == seen) {
            int64_t next = next_us / 1000 + 1;
            int64_t stuck = last_end + STUCK_MS;
            clock_wait(&pbx->changed, &pbx->lock, room && next < stuck ? next : stuck);
        }
        if (ended > seen) {
            seen = ended;
            last_end = clock_now();
        } else if (pbx->stopping || clock_now() >= last_end + STUCK_MS) {
            goto failed;
        }
    }
    return true;

failed:
    abandon(pbx, placed, &ended);
    return false;
}

bool console_load(struct pbx *pbx, char **words, size_t count)
{
    long calls;
    long at_once;
    long per_second = 0;
    char *extension;
    char *context;
    const char *digits = count > 3 ? words[3] : NULL;
    if (!parse_number(words[0], 1, 10000000, &calls) || !parse_number(words[1], 1, 100000, &at_once)) {
        return console_fail("calls <count> <at once>: two numbers");
    }
    if (count > 4 && !parse_number(words[4], 1, 1000, &per_second)) {
        return console_fail("%s is no number of calls a second, 1 to 1000", words[4]);
    }
    if (digits != NULL && !phone_digits_valid(digits)) {
        return console_fail("a phone has no \"%s\"", digits);
    }
    if (!console_place(words[2], &extension, &context)) {
        return false;
    }
    struct call_record *records = memory_get((size_t)calls, sizeof *records);
    for (long i = 0; i < calls; i++) {
        records[i].stasis_us = -1;
    }
    int64_t began_us = clock_now_us();
    pthread_mutex_lock(&pbx->lock);
    const struct load load = {
        .count = (size_t)calls,
        .at_once = (size_t)at_once,
        .interval_us = per_second == 0 ? 0 : 1000000 / per_second,
        .extension = extension,
        .context = context,
        .digits = digits,
    };
    bool good = place_calls(pbx, records, &load);
    pthread_mutex_unlock(&pbx->lock);
    if (!good) {
        console_fail("the calls got stuck or could not be placed; what was left of them is hung up");
    }
    good = print_result(records, (size_t)calls, began_us) && good;
    free(records);
    free(extension);
    free(context);
    return good;
}

bool console_events(struct pbx *pbx, char **words, size_t count)
{
    long events;
    long per_second = 0;
    char name[24];
    bool known = true;
    if (!parse_number(words[1], 1, 10000000, &events)) {
        return console_fail("%s is no number of events", words[1]);
    }
    if (count > 2 && !parse_number(words[2], 1, 1000000, &per_second)) {
        return console_fail("%s is no number of events a second", words[2]);
    }
    pthread_mutex_lock(&pbx->lock);
    int64_t began_us = clock_now_us();
    for (long number = 0; number < events && known && !pbx->stopping; number++) {
        int64_t due_us = per_second == 0 ? began_us : began_us + number * 1000000 / per_second;
        while (clock_now_us() < due_us && !pbx->stopping) {
            clock_wait(&pbx->changed, &pbx->lock, due_us / 1000 + 1);
        }
        snprintf(name, sizeof name, "%ld", number);
        known = event_user(pbx, words[0], name, NULL, NULL);
    }
    pthread_mutex_unlock(&pbx->lock);
    return known || console_fail("nobody has registered the application %s", words[0]);
}

/*
 * Time.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    return clock_now_us() / 1000;
}

void clock_timestamp(char timestamp[CLOCK_TIMESTAMP_SIZE])
{
    struct timespec now;
    struct tm local;
    char seconds[24];
    char zone[8];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local);
    snprintf(timestamp, CLOCK_TIMESTAMP_SIZE, "%s.%03d%s", seconds, (int)(now.tv_nsec / 1000000 % 1000), zone);
}

void clock_condition_init(pthread_cond_t *condition)
{
    /* The default clock of a condition is the time of day: a step of it would stretch or cut every wait. */
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline)
{
    if (deadline == CLOCK_NEVER) {
        pthread_cond_wait(condition, lock);
        return;
    }
    struct timespec until;
    memset(&until, 0, sizeof until);
    until.tv_sec = (time_t)(deadline / 1000);
    until.tv_nsec = (long)(deadline % 1000) * 1000000;
    pthread_cond_timedwait(condition, lock, &until);
}

/*
 * Time: what is waited for is monotonic, what is written into events is the time of day.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_CLOCK_H
#define MINIPBX_CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* A deadline that never comes. */
#define CLOCK_NEVER INT64_MAX

/* Room for a timestamp and its NUL. */
#define CLOCK_TIMESTAMP_SIZE 40

/* Monotonic, in milliseconds and microseconds. */
int64_t clock_now(void);
int64_t clock_now_us(void);

/* Now, as ARI writes it: 2026-11-23T00:50:49.119+0000. */
void clock_timestamp(char timestamp[CLOCK_TIMESTAMP_SIZE]);

/* A condition whose deadlines are those of clock_now(). */
void clock_condition_init(pthread_cond_t *condition);
/* Waits for the condition or the deadline, whichever is first; may also return for nothing, as conditions do. */
void clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline);

#endif

/*
 * What minipbx tells: the log on standard error, calls and the answers of commands on standard output.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MINIPBX_LOG_H
#define MINIPBX_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Levels are those of the library, ARIWS_LOG_. */
bool log_start(int highest_level);
/* Writes what waits; nothing may be logged afterwards. */
void log_stop(void);
void log_line(int level, const char *subject, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Lines about calls; not written with --quiet. */
void show_calls(bool yes);
void call_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Each event as it is delivered; written with --events only. */
void show_events(bool yes);
void event_line(const char *application, const char *json, size_t length);

#endif

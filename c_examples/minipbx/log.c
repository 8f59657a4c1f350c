/*
 * The log and the lines about calls. Each line is written whole, so that lines of several threads do not mix.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "log.h"

#include "ariws.h"
#include "clock.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

/* Set once before any thread starts, only read afterwards. */
static int64_t started_us;
static int highest = ARIWS_LOG_INFO;
static bool calls_shown = true;
static bool events_shown;

void log_start(int highest_level)
{
    started_us = clock_now_us();
    highest = highest_level;
}

static const char *level_name(int level)
{
    switch (level) {
    case ARIWS_LOG_ERROR:
        return "ERROR";
    case ARIWS_LOG_WARNING:
        return "WARNING";
    case ARIWS_LOG_NOTICE:
        return "NOTICE";
    case ARIWS_LOG_INFO:
        return "INFO";
    default:
        return "DEBUG";
    }
}

void log_line(int level, const char *subject, const char *format, ...)
{
    if (level > highest) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    double elapsed = (double)(clock_now_us() - started_us) / 1000.0;
    fprintf(stderr, "%10.3f %-7s %s%s%s\n", elapsed, level_name(level), subject, *subject == '\0' ? "" : ": ",
            message);
}

void show_calls(bool yes)
{
    calls_shown = yes;
}

void call_line(const char *format, ...)
{
    if (!calls_shown) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    flockfile(stdout);
    vprintf(format, arguments);
    putchar('\n');
    funlockfile(stdout);
    va_end(arguments);
}

void show_events(bool yes)
{
    events_shown = yes;
}

void event_line(const char *application, const char *json, size_t length)
{
    if (events_shown) {
        printf("event %s %.*s\n", application, (int)length, json);
    }
}
